/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of the peer's table this kernel does not take. Duty makes the table count as incomplete and
 * asks for it again, with pauses; here people are told, once, until all of it is held.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "daemon/statesync/statesync.h"

uint32_t
trouble_table_limit(void)
{
	int fd = open("/proc/sys/net/netfilter/nf_conntrack_max", O_RDONLY | O_CLOEXEC);
	char text[32] = {0};
	uint32_t limit = 0;

	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) > 0)
		limit = (uint32_t)strtoul(text, NULL, 10);
	close(fd);
	return limit;
}

static void
tell(struct statesync *s, const struct sink_trouble *t)
{
	struct trouble *told = &s->trouble;

	if (t->full && !told->full) {
		told->full = true;
		if (!s->people.full)
			tell_note(s, NOTE_TABLE_FULL, s->stream.flows, trouble_table_limit());
	}
	if (t->failed > t->full && !told->other) {
		told->other = true;
		tell_note(s, NOTE_INSERT_FAILED, t->failed - t->full, -t->error);
	}
}

void
trouble_flush(struct statesync *s)
{
	struct sink_trouble *t = &s->sink.trouble;

	sink_flush(&s->sink);
	if (s->duty.in_complete && (s->trouble.full || s->trouble.other)) {
		tell_note(s, NOTE_FLOWS_HELD, 0, 0);
		s->trouble = (struct trouble){0};
	}
	if (!t->failed && !t->unknown)
		return;
	if (duty_trust(&s->duty) == TRUST_ALL)
		tell(s, t);
	if (t->failed)
		duty_missed(&s->duty, false);
	if (t->unknown)
		duty_missed(&s->duty, true);
	*t = (struct sink_trouble){0};
}
