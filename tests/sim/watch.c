/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The positions of both gates at every moment. Between two happenings they change only because a
 * stored word runs out, which is computed here, so no moment is missed however short it is.
 */
#include "sim.h"

static int64_t
next_change(const struct gate *g, int64_t t, int64_t end)
{
	if (g->open_end > t && g->open_end < end)
		end = g->open_end;
	if (g->drain_end > t && g->drain_end < end)
		end = g->drain_end;
	return end;
}

void
watch_until(struct world *w, int64_t t)
{
	while (w->watched < t && !w->verdict.failed) {
		int64_t from = w->watched;
		int64_t to = next_change(&w->m[B].gate, from, next_change(&w->m[A].gate, from, t));
		enum gate_position pos[2] = {gate_position(w, A, from), gate_position(w, B, from)};

		/* checkers see the past as the present */
		safety_segment(w, from, to, pos);
		liveness_segment(w, from, to, pos);
		if (w->plan->n_expects)
			expect_segment(w, from, to, pos);
		w->watched = to;
	}
}
