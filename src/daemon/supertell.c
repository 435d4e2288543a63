/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events of the supervisor. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include "daemon/eventline.h"
#include "daemon/supertell.h"
#include "sys/loop.h"

void
super_tell(struct log_page *page, enum note_id id, const int64_t *args, size_t n, const char *text)
{
	struct note note = {.id = id, .at = loop_now()};
	const char *const texts[NOTE_TEXTS] = {text};
	struct note_with with = {.texts = texts};
	char line[NOTE_LINE_MAX], fields[NOTE_FIELDS_MAX];

	assert(n <= NOTE_ARGS);
	if (n > 0)
		memcpy(note.arg, args, n * sizeof(args[0]));
	note_fmt(&note, &with, line, sizeof(line));
	note_fields(&note, &with, fields, sizeof(fields));
	eventline_write(id, line, fields);
	if (page && !text)
		notering_put(&page->supervisor, &note);
}

void
super_cannot_start(const char *fmt, ...)
{
	char text[NOTE_LINE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	super_tell(NULL, NOTE_CANNOT_START, NULL, 0, text);
}

struct log_page *
super_log_map(int fd)
{
	void *p = fd < 0 ? MAP_FAILED
			 : mmap(NULL, sizeof(struct log_page), PROT_READ | PROT_WRITE, MAP_SHARED,
				   fd, 0);

	return p == MAP_FAILED ? NULL : p;
}
