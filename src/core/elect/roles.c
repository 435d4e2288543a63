/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One function per role. Each looks at the facts and moves at most once. */
#include "core/elect/elect.h"

static bool
peer_alive(const struct elect_in *in)
{
	return in->peer_state == PEER_ALIVE && in->peer;
}

/* No living peer, and this node is fit to judge that. */
static bool
peer_gone(const struct elect_in *in)
{
	return in->peer_state != PEER_ALIVE && (in->goodbye || in->may_judge);
}

static bool
become(struct elect *e, const struct elect_in *in, enum role to, enum why why, enum rank_step step)
{
	elect_move(e, in, to, why, step);
	return true;
}

/* Alone: the next term, so that after healing rank decides and no older claim is believed. */
static bool
go_alone(struct elect *e, const struct elect_in *in, enum why why)
{
	uint64_t seen = in->peer && in->peer->want > e->term ? in->peer->want : e->term;

	e->term = (seen > e->term_floor ? seen : e->term_floor) + 1;
	e->alone = true;
	return become(e, in, ROLE_ACTIVE, why, RANK_EQUAL);
}

static bool
promise(struct elect *e, const struct elect_in *in)
{
	if (e->grant == in->peer->want)
		return false;
	e->grant = in->peer->want;
	e->grant_flushed = true;
	if (e->term < e->grant)
		e->term = e->grant;
	return false;
}

bool
elect_silent(struct elect *e, const struct elect_in *in)
{
	bool over = instant_sub(in->now, e->silent_since) >= in->initial_silence_ns;
	/* what was heard before a carrier went is no news of the time since it came back */
	bool news = peer_alive(in) && !instant_before(in->heard, e->silent_since);

	if (e->stopping)
		return become(e, in, ROLE_STOPPED, WHY_STOPPING, RANK_EQUAL);
	if (!in->enabled)
		return go_alone(e, in, WHY_NOT_ENABLED);
	if (in->cut_off) {
		e->silent_since = in->now;
		return false;
	}
	if (news) {
		if (in->peer->role == ROLE_WANTING && in->peer->want > e->term)
			promise(e, in);
		if (in->peer->role == ROLE_ACTIVE || in->peer->role == ROLE_DRAINING)
			return become(e, in, ROLE_INACTIVE, WHY_PEER_ACTIVE, RANK_EQUAL);
		if (over || (in->facts.settled && in->peer->settled))
			return become(e, in, ROLE_INACTIVE, WHY_SETTLED, RANK_EQUAL);
		return false;
	}
	if (!over || !in->may_judge)
		return false;
	return in->facts.able ? go_alone(e, in, WHY_ALONE)
			      : become(e, in, ROLE_INACTIVE, WHY_ALONE, RANK_EQUAL);
}

/* Rank prefers this node for something that needs no probe to be seen: it may move at once. */
static bool
plainly_better(const struct elect_in *in, enum rank_step step)
{
	return step <= RANK_FORCED ||
	       (step == RANK_QUALITY && quality_links_decide(&in->facts.terms, &in->peer->terms));
}

static bool
lasts(struct instant *since, bool now_true, struct instant now, int64_t ns)
{
	if (!now_true)
		*since = INSTANT_ZERO;
	else if (!since->ns)
		*since = now;
	return now_true && instant_sub(now, *since) >= ns;
}

/*
 * Does rank prefer this node to the active peer, and for good? A switch that fails takes a port
 * from both nodes, from one of them a few milliseconds earlier; what probes find they find a probe
 * later here than there; and what a preference alone moves can wait until the flows are here, too.
 */
static bool
better_for_good(struct elect *e, const struct elect_in *in, int r, enum rank_step step)
{
	bool better = r > 0 && step <= RANK_PREFERENCE, plainly, long_ago;

	if (step == RANK_PREFERENCE &&
		(!in->facts.settled || (in->sync_in_use && in->sync != SYNC_SYNCED)))
		better = false;
	if (step >= RANK_QUALITY && elect_on_hold(e, in))
		better = false;
	plainly = better && plainly_better(in, step);
	plainly = lasts(&e->plainly_since, plainly, in->now, step == RANK_FORCED ? 0 : BETTER_NS);
	long_ago = lasts(&e->better_since, better, in->now, in->dwell_ns);
	return plainly || long_ago;
}

/* Ought this inactive node to ask for the role? */
static bool
should_want(struct elect *e, const struct elect_in *in, enum why *why, enum rank_step *step)
{
	bool commanded = e->commanded && e->command == CMD_ACTIVATE;
	const struct claim *peer = in->peer;
	int r = elect_rank(e, in, step);

	if (e->stopping || !in->facts.able) {
		/* what was better then is over */
		e->better_since = e->plainly_since = INSTANT_ZERO;
		return false;
	}
	if (peer->role == ROLE_ACTIVE) {
		if (commanded)
			return *why = WHY_OPERATOR, *step = RANK_EQUAL, true;
		if (peer->yield)
			return *why = WHY_YIELD, *step = RANK_EQUAL, true;
		if (!better_for_good(e, in, r, *step))
			return false;
		return *why = WHY_RANK, true;
	}
	e->better_since = e->plainly_since = INSTANT_ZERO;
	if (peer->role == ROLE_DRAINING || peer->role == ROLE_STOPPED)
		return false;
	/* neither is active; a peer that is still starting has no wish of its own */
	*why = WHY_SETTLED;
	return r > 0 || (peer->role == ROLE_SILENT && !peer->settled);
}

bool
elect_inactive(struct elect *e, const struct elect_in *in)
{
	enum rank_step step;
	enum why why;
	bool pause;

	if (!in->enabled)
		return go_alone(e, in, WHY_NOT_ENABLED);
	if (e->stopping)
		return become(e, in, ROLE_STOPPED, WHY_STOPPING, RANK_EQUAL);
	if (in->cut_off)
		return become(e, in, ROLE_SILENT, WHY_CUT_OFF, RANK_EQUAL);
	if (peer_gone(in)) {
		if (!in->facts.able)
			return false;
		return go_alone(e, in, in->goodbye ? WHY_PEER_GOODBYE : WHY_PEER_DEAD);
	}
	if (!peer_alive(in) || e->grant)
		return false;
	/* the pause spares an active peer; when nobody is active there is nothing to wait for */
	pause = in->peer->role == ROLE_ACTIVE && instant_before(in->now, e->want_not_before);
	if (should_want(e, in, &why, &step) && !pause) {
		uint64_t top = e->term > e->term_floor ? e->term : e->term_floor;

		e->want = (in->peer->want > top ? in->peer->want : top) + 1;
		e->want_why = why;
		e->want_step = step;
		elect_move(e, in, ROLE_WANTING, why, step);
		return true;
	}
	if (in->peer->role == ROLE_WANTING && in->peer->want > e->term)
		promise(e, in);
	return false;
}

/* The peer said no: what is its peer to it is this node. */
static enum refusal
seen_from_here(enum refusal r)
{
	if (r == REFUSE_PEER_NOT_ABLE)
		return REFUSE_NOT_ABLE;
	if (r == REFUSE_PEER_WORSE)
		return REFUSE_WORSE;
	return r == REFUSE_NONE ? REFUSE_TIMEOUT : r;
}

static bool
give_up(struct elect *e, const struct elect_in *in, enum refusal refusal)
{
	if (e->commanded && e->command == CMD_ACTIVATE && refusal != REFUSE_NONE)
		elect_end_command(e, refusal);
	if (refusal != REFUSE_NONE)
		e->want_not_before = instant_add(in->now, WANT_PAUSE_NS);
	return become(e, in, ROLE_INACTIVE, WHY_GAVE_UP, RANK_EQUAL);
}

bool
elect_wanting(struct elect *e, const struct elect_in *in)
{
	const struct claim *peer = in->peer;
	enum rank_step step;

	if (!in->enabled)
		return go_alone(e, in, WHY_NOT_ENABLED);
	if (in->cut_off)
		return become(e, in, ROLE_SILENT, WHY_CUT_OFF, RANK_EQUAL);
	if (peer_gone(in))
		return give_up(e, in, REFUSE_NONE); /* ROLE_INACTIVE goes on alone */
	if (!peer_alive(in))
		return instant_sub(in->now, e->since) >= WANT_TIMEOUT_NS &&
		       give_up(e, in, REFUSE_TIMEOUT);
	if (peer->grant == e->want && peer->role != ROLE_ACTIVE &&
		(peer->grant_flushed || peer->role != ROLE_DRAINING)) {
		e->term = e->want;
		return become(e, in, ROLE_ACTIVE, e->want_why, e->want_step);
	}
	if (peer->refused == e->want)
		return give_up(e, in, seen_from_here(peer->refusal));
	if (!in->facts.able || e->stopping)
		return give_up(e, in, REFUSE_NOT_ABLE);
	if (peer->grant != e->want && (peer->term >= e->want || (e->want_why == WHY_SETTLED &&
									peer->role == ROLE_ACTIVE)))
		return give_up(e, in, REFUSE_NONE); /* the world moved on: ask anew, if at all */
	if (peer->role == ROLE_WANTING && elect_rank(e, in, &step) <= 0)
		return give_up(e, in, REFUSE_NONE);
	if (instant_sub(in->now, e->since) >= WANT_TIMEOUT_NS)
		return give_up(e, in, REFUSE_TIMEOUT);
	return false;
}

static void
refuse(struct elect *e, const struct elect_in *in, enum refusal refusal)
{
	if (e->refused == in->peer->want)
		return;
	e->refused = in->peer->want;
	e->refusal = refusal;
	e->refused_now = refusal;
}

/* The inactive peer asks for the role: drain, or say why not. */
static bool
answer_wish(struct elect *e, const struct elect_in *in)
{
	const struct claim *peer = in->peer;
	enum rank_step step = RANK_EQUAL;
	int r = elect_rank(e, in, &step);

	if (!peer->able)
		return refuse(e, in, REFUSE_PEER_NOT_ABLE), false;
	if (peer->want_why == WHY_YIELD && !e->yield)
		return refuse(e, in, REFUSE_PEER_WORSE), false;
	if (peer->want_why == WHY_RANK && (r >= 0 || step > RANK_PREFERENCE))
		return refuse(e, in, REFUSE_PEER_WORSE), false;
	if (peer->want_why != WHY_RANK && peer->want_why != WHY_YIELD &&
		peer->want_why != WHY_OPERATOR)
		return false; /* it has not heard yet that this node is active */
	e->grant = peer->want;
	e->term = peer->want;
	e->grant_flushed = !in->sync_in_use;
	e->grant_why = peer->want_why;
	return become(
		e, in, ROLE_DRAINING, WHY_GRANTED, peer->want_why == WHY_RANK ? step : RANK_EQUAL);
}

/* Both are active: the older term gives way, then the worse one, then the one that is not heard. */
static bool
resolve_conflict(struct elect *e, const struct elect_in *in)
{
	enum rank_step step = RANK_EQUAL;

	if (in->peer->term > e->term)
		return become(e, in, ROLE_INACTIVE, WHY_CONFLICT, RANK_EQUAL);
	if (in->peer->term == e->term) {
		int r = elect_rank(e, in, &step);

		if (r < 0 || (r == 0 && !in->tie_break))
			return become(e, in, ROLE_INACTIVE, WHY_CONFLICT, step);
	}
	if (!e->conflict_since.ns)
		e->conflict_since = in->now;
	if (in->peer_hears_me)
		e->conflict_since = in->now;
	else if (instant_sub(in->now, e->conflict_since) >= in->detection_ns)
		return become(e, in, ROLE_INACTIVE, WHY_NOT_HEARD, RANK_EQUAL);
	return false;
}

bool
elect_active(struct elect *e, const struct elect_in *in)
{
	if (!in->enabled) {
		if (e->stopping)
			return become(e, in, ROLE_STOPPED, WHY_STOPPING, RANK_EQUAL);
		return false;
	}
	if (in->lease_lapsed && e->n_moves == 0) /* of this role, not of one just gained */
		return become(e, in, ROLE_INACTIVE, WHY_LEASE, RANK_EQUAL);
	if (in->cut_off)
		return become(e, in, ROLE_SILENT, WHY_CUT_OFF, RANK_EQUAL);
	if (e->stopping && !e->commanded)
		return become(e, in, ROLE_STOPPED, WHY_STOPPING, RANK_EQUAL);
	if (!peer_alive(in)) {
		if (in->peer_state == PEER_DEAD && !e->alone) {
			e->held = ++e->term;
			e->flows_when_active =
				in->facts.flows; /* as the other one counts if it goes on */
		}
		e->alone |= in->peer_state == PEER_DEAD;
		e->conflict_since = INSTANT_ZERO;
		return false;
	}
	e->alone = false;
	if (in->peer->role == ROLE_ACTIVE)
		return resolve_conflict(e, in);
	e->conflict_since = INSTANT_ZERO;
	if (in->peer->role == ROLE_WANTING && in->peer->want > e->term)
		return answer_wish(e, in);
	return false;
}

bool
elect_draining(struct elect *e, const struct elect_in *in)
{
	int64_t drained_ns = instant_sub(in->now, e->drain_since);
	struct instant last = instant_max(in->last_unicast, e->drain_since);
	bool taken = peer_alive(in) && in->peer->role == ROLE_ACTIVE && in->peer->term >= e->grant;

	if (in->flushed_term == e->grant || drained_ns >= FLUSH_TIMEOUT_NS)
		e->grant_flushed = true;
	if (taken && instant_sub(in->now, last) >= GATE_QUIET_MS * NS_PER_MS)
		return become(e, in, ROLE_INACTIVE, WHY_DRAINED, RANK_EQUAL);
	if (drained_ns >= GATE_DRAIN_MAX_MS * NS_PER_MS)
		return become(e, in, ROLE_INACTIVE, WHY_DRAINED, RANK_EQUAL);
	return false;
}
