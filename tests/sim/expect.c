/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The expectations of scenario files. */
#include "sim.h"

void
expect_init(struct world *w)
{
	struct expecting *x = &w->expecting;

	*x = (struct expecting){.dark_since = 0, .changed = -1, .replied = -1};
	for (int n = 0; n < 2; n++)
		for (size_t i = 0; i < _NOTE_MAX; i++)
			x->noted[n][i] = -1;
}

void
expect_noted(struct world *w, int node, const struct note *n)
{
	if (n->id < _NOTE_MAX)
		w->expecting.noted[node][n->id] = w->now;
}

void
expect_replied(struct world *w, enum refusal refusal)
{
	w->expecting.replied = w->now;
	w->expecting.reply = refusal;
}

static bool
holds(const struct world *w, const struct expect *e, int64_t to, const enum gate_position pos[2])
{
	const struct expecting *x = &w->expecting;
	const struct machine *m = &w->m[e->node];

	switch (e->cond) {
	case EXPECT_ROLE:
		return m->up && m->role == (enum role)e->value;
	case EXPECT_DOWN:
		return !m->up;
	case EXPECT_GATE:
		return pos[e->node] == (enum gate_position)e->value;
	case EXPECT_SEES:
		return m->up && m->status.peer == (enum peer_state)e->value;
	case EXPECT_NOTE:
		return x->noted[e->node][e->value] >= e->at;
	case EXPECT_REPLY:
		return x->replied >= e->at && x->reply == (enum refusal)e->value;
	case EXPECT_ANY_REFUSAL:
		return x->replied >= e->at && x->reply != REFUSE_NONE;
	case EXPECT_BOTH_OPEN:
		return pos[A] == GATE_OPEN && pos[B] == GATE_OPEN;
	case EXPECT_NEVER_BOTH:
		return pos[A] != GATE_OPEN || pos[B] != GATE_OPEN;
	case EXPECT_ONE_OPEN:
		return (pos[A] == GATE_OPEN) != (pos[B] == GATE_OPEN);
	case EXPECT_STEADY:
		return x->changed < e->at;
	case EXPECT_OUTAGE:
		return x->dark_since == NEVER ||
		       to - (x->dark_since > e->at ? x->dark_since : e->at) < e->value;
	}
	return false;
}

static void
fail(struct world *w, size_t i)
{
	const struct expect *e = &w->plan->expect[i];
	char text[200];

	expect_fmt(e, text, sizeof(text));
	w->expecting.failed[i] = true;
	world_fail(w, "expect", "line %u: at %.3fs expect %s", e->line, (double)e->at / 1e9, text);
}

static void
look(struct world *w, size_t i, int64_t from, int64_t to, const enum gate_position pos[2])
{
	const struct expect *e = &w->plan->expect[i];
	struct expecting *x = &w->expecting;
	int64_t last = e->at + (e->within ? e->within : e->during);

	if (e->cond == EXPECT_NEVER_BOTH) {
		if (!holds(w, e, to, pos))
			fail(w, i);
		return;
	}
	if (x->met[i] || to <= e->at)
		return;
	if (from > last) {
		/* lasting ones were true all the time, the others at no time */
		if (e->during)
			x->met[i] = true;
		else
			fail(w, i);
		return;
	}
	if (holds(w, e, to < last ? to : last, pos))
		x->met[i] = x->met[i] || !e->during;
	else if (e->during)
		fail(w, i);
}

void
expect_segment(struct world *w, int64_t from, int64_t to, const enum gate_position pos[2])
{
	bool dark = pos[A] == GATE_CLOSED && pos[B] == GATE_CLOSED;

	if (!dark)
		w->expecting.dark_since = NEVER;
	else if (w->expecting.dark_since == NEVER)
		w->expecting.dark_since = from;
	for (size_t i = 0; i < w->plan->n_expects && !w->verdict.failed; i++)
		look(w, i, from, to, pos);
}

void
expect_finish(struct world *w)
{
	for (size_t i = 0; i < w->plan->n_expects && !w->verdict.failed; i++) {
		const struct expect *e = &w->plan->expect[i];

		if (e->cond == EXPECT_NEVER_BOTH || w->expecting.met[i])
			continue;
		if (!e->during || e->at + e->during > w->now)
			fail(w, i);
	}
}
