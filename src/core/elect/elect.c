/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The frame of the role machine: moves, their table, the claim, deadlines. */
#include <assert.h>
#include "core/elect/elect.h"

/* Rows: from; bits: to. docs/design/election.md prints the same table, model/ is held to it. */
static const unsigned char allowed[_ROLE_MAX] = {
	[ROLE_SILENT] = 1 << ROLE_INACTIVE | 1 << ROLE_ACTIVE | 1 << ROLE_STOPPED,
	[ROLE_INACTIVE] =
		1 << ROLE_SILENT | 1 << ROLE_WANTING | 1 << ROLE_ACTIVE | 1 << ROLE_STOPPED,
	[ROLE_WANTING] = 1 << ROLE_SILENT | 1 << ROLE_INACTIVE | 1 << ROLE_ACTIVE,
	[ROLE_ACTIVE] =
		1 << ROLE_SILENT | 1 << ROLE_INACTIVE | 1 << ROLE_DRAINING | 1 << ROLE_STOPPED,
	[ROLE_DRAINING] = 1 << ROLE_INACTIVE,
	[ROLE_STOPPED] = 0,
};

bool
elect_move_allowed(enum role from, enum role to)
{
	return from < _ROLE_MAX && to < _ROLE_MAX && (allowed[from] >> to & 1);
}

void
elect_init(struct elect *e, struct instant now)
{
	*e = (struct elect){
		.role = ROLE_SILENT, .why = WHY_START, .since = now, .silent_since = now};
}

bool
elect_on_hold(const struct elect *e, const struct elect_in *in)
{
	return instant_before(in->now, e->hold_until) || (in->peer && in->peer->hold);
}

/* A change of role that was a choice. The third within the window begins a hold. */
static void
count_voluntary(struct elect *e, struct instant now)
{
	for (unsigned i = HOLD_MOVES - 1; i > 0; i--)
		e->voluntary[i] = e->voluntary[i - 1];
	e->voluntary[0] = now;
	if (e->voluntary[HOLD_MOVES - 1].ns &&
		instant_sub(now, e->voluntary[HOLD_MOVES - 1]) < HOLD_WINDOW_NS)
		e->hold_until = instant_add(e->voluntary[HOLD_MOVES - 1], HOLD_WINDOW_NS);
}

/* Only what rank moved by itself: an operator's switches are no sign of a flapping link. */
static bool
is_voluntary(const struct elect *e, enum why why)
{
	return why == WHY_RANK || (why == WHY_GRANTED && e->grant_why == WHY_RANK);
}

void
elect_move(
	struct elect *e, const struct elect_in *in, enum role to, enum why why, enum rank_step step)
{
	assert(elect_move_allowed(e->role, to));
	assert(e->n_moves < ELECT_MOVES_MAX);
	e->moves[e->n_moves++] =
		(struct elect_move){.from = e->role, .to = to, .why = why, .step = step};
	if (e->role == ROLE_WANTING) {
		if (e->want > e->term_floor)
			e->term_floor = e->want;
		e->want = 0;
	}
	if ((to == ROLE_ACTIVE || to == ROLE_DRAINING) && is_voluntary(e, why))
		count_voluntary(e, in->now);
	e->role = to;
	e->why = why;
	e->since = in->now;
	e->conflict_since = INSTANT_ZERO;
	e->better_since = e->plainly_since = INSTANT_ZERO;
	e->refused = 0;
	switch (to) {
	case ROLE_SILENT:
		e->silent_since = in->now;
		e->grant = 0;
		e->yield = false;
		break;
	case ROLE_ACTIVE:
		e->grant = 0;
		e->flows_when_active = in->facts.flows;
		e->held = e->term;
		break;
	case ROLE_DRAINING:
		e->drain_since = in->now;
		break;
	case ROLE_INACTIVE:
	case ROLE_STOPPED:
		e->yield = false;
		break;
	case ROLE_WANTING:
	case _ROLE_MAX:
		break;
	}
	elect_check_invariants(e);
}

void
elect_check_invariants(const struct elect *e)
{
	assert((e->role == ROLE_WANTING) == (e->want != 0));
	assert(!e->want || e->want > e->term_floor);
	assert(e->role != ROLE_ACTIVE || e->grant == 0);
	assert(e->role != ROLE_DRAINING || e->grant != 0);
	assert(e->grant <= e->term && e->held <= e->term);
	assert(!e->yield || e->role == ROLE_ACTIVE || e->role == ROLE_DRAINING);
}

struct claim
elect_claim(const struct elect *e, const struct elect_in *in)
{
	struct claim c = in->facts;

	c.valid = true;
	c.role = e->role;
	c.term = e->term;
	c.held = e->held;
	c.forced = e->forced;
	c.hold = instant_before(in->now, e->hold_until);
	c.yield = e->yield;
	c.flows_when_active = e->flows_when_active;
	c.want = e->want;
	c.want_why = e->want_why;
	c.grant = e->grant;
	c.grant_flushed = e->grant_flushed;
	c.refused = e->refused;
	c.refusal = (uint8_t)e->refusal;
	return c;
}

int
elect_rank(const struct elect *e, const struct elect_in *in, enum rank_step *step)
{
	struct claim me = elect_claim(e, in);

	return rank_cmp(&me, in->peer, step);
}

/* What a node that has stopped competing knows of the term; a promise that was settled is dropped.
 */
static void
follow_peer(struct elect *e, const struct elect_in *in)
{
	if (e->role != ROLE_ACTIVE && in->peer && in->peer->term > e->term)
		e->term = in->peer->term;
	if (e->grant && e->role != ROLE_DRAINING &&
		(!in->peer || in->peer_state != PEER_ALIVE || in->peer->role != ROLE_WANTING ||
			in->peer->want != e->grant))
		e->grant = 0;
	if (e->refused && (!in->peer || in->peer->want != e->refused))
		e->refused = 0;
}

void
elect_step(struct elect *e, const struct elect_in *in)
{
	bool moved = true;

	e->n_moves = 0;
	e->refused_now = REFUSE_NONE;
	for (unsigned i = 0; moved && i < ELECT_MOVES_MAX - 1; i++) {
		follow_peer(e, in);
		switch (e->role) {
		case ROLE_SILENT:
			moved = elect_silent(e, in);
			break;
		case ROLE_INACTIVE:
			moved = elect_inactive(e, in);
			break;
		case ROLE_WANTING:
			moved = elect_wanting(e, in);
			break;
		case ROLE_ACTIVE:
			moved = elect_active(e, in);
			break;
		case ROLE_DRAINING:
			moved = elect_draining(e, in);
			break;
		case ROLE_STOPPED:
		case _ROLE_MAX:
			moved = false;
			break;
		}
	}
	elect_command_step(e, in);
	elect_check_invariants(e);
}

struct instant
elect_deadline(const struct elect *e, const struct elect_in *in)
{
	struct instant at = INSTANT_NEVER;

	switch (e->role) {
	case ROLE_SILENT:
		at = instant_add(e->silent_since, in->initial_silence_ns);
		if (instant_reached(in->now, at))
			at = INSTANT_NEVER; /* waits for something else than time */
		break;
	case ROLE_INACTIVE:
		if (e->better_since.ns)
			at = instant_add(e->better_since, in->dwell_ns);
		if (e->plainly_since.ns)
			at = instant_min(at, instant_add(e->plainly_since, BETTER_NS));
		if (instant_before(in->now, e->want_not_before))
			at = e->want_not_before;
		if (instant_reached(in->now, at))
			at = INSTANT_NEVER;
		break;
	case ROLE_WANTING:
		at = instant_add(e->since, WANT_TIMEOUT_NS);
		break;
	case ROLE_DRAINING:
		/* the gate is looked at often: it closes when it has been quiet */
		at = instant_min(instant_add(in->now, NS_PER_MS / 2),
			instant_add(e->drain_since, GATE_DRAIN_MAX_MS * NS_PER_MS));
		break;
	case ROLE_ACTIVE:
	case ROLE_STOPPED:
	case _ROLE_MAX:
		break;
	}
	if (e->commanded)
		at = instant_min(at, e->command_until);
	if (instant_before(in->now, e->hold_until))
		at = instant_min(at, e->hold_until);
	return instant_before(at, in->now) ? in->now : at;
}
