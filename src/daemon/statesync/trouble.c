/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of the peer's table this kernel does not take. Duty makes the table count as incomplete and
 * asks for it again, with pauses; here people are told, once, until all of it is held.
 */
#include <string.h>
#include "base/log.h"
#include "daemon/statesync/statesync.h"

static void
tell(struct statesync *s, const struct sink_trouble *t)
{
	struct trouble *told = &s->trouble;

	if (t->full && !told->full) {
		told->full = true;
		log_warn("the connection table of this node is full: connections of the active "
			 "node cannot be held here and would break in a takeover. Raise sysctl "
			 "net.netfilter.nf_conntrack_max, on both nodes alike; until then it is "
			 "tried again once a minute");
	}
	if (t->failed > t->full && !told->other) {
		told->other = true;
		log_warn("%u connections of the active node cannot be held here (%s) and would "
			 "break in a takeover: asking for all of them again, with growing pauses",
			t->failed - t->full, strerror(-t->error));
	}
}

void
trouble_flush(struct statesync *s)
{
	struct sink_trouble *t = &s->sink.trouble;

	sink_flush(&s->sink);
	if (s->duty.in_complete && (s->trouble.full || s->trouble.other)) {
		log_notice("all connections of the active node are held here again");
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
