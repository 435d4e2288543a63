/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One event, one line. */
#include <stdio.h>
#include "daemon/eventline.h"
#include "sys/journal.h"

void
eventline_write(enum note_id id, const char *text, const char *fields)
{
	const struct note_entry *e = &note_catalogue[id];
	char line[NOTE_LINE_MAX + 64], own[128];

	snprintf(line, sizeof(line), "TW%u %s: %s", e->number, e->name, text);
	snprintf(own, sizeof(own), "event=TW%u\nname=%s\n", e->number, e->name);
	if (!journal_send((int)e->level, log_name(), line, (const char *const[]){own, fields}, 2))
		log_line(e->level, "%s", line);
}
