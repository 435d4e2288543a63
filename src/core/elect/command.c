/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What operators ask: each command ends in exactly one reply. */
#include <assert.h>
#include "core/elect/elect.h"

static void
reply(struct elect *e, uint32_t id, enum refusal refusal)
{
	assert(e->n_replies < sizeof(e->replies) / sizeof(e->replies[0]));
	e->replies[e->n_replies++] = (struct elect_reply){.id = id, .refusal = refusal};
}

void
elect_end_command(struct elect *e, enum refusal refusal)
{
	assert(e->commanded);
	e->commanded = false;
	if (e->command_id)
		reply(e, e->command_id, refusal);
}

/*
 * Would rank bring the role straight back after it went to the peer (to_peer) or to this node? Only
 * the steps before "present active" can: they do not depend on who is active. Nor do the terms,
 * but for those that only a standby has: they would change sides.
 */
static bool
would_return(const struct elect *e, const struct elect_in *in, bool to_peer)
{
	struct claim me = elect_claim(e, in), peer = *in->peer;
	enum rank_step step;
	int r;

	peer.terms.value[QUALITY_SYNC] = QUALITY_UNKNOWN;
	peer.terms.value[QUALITY_CONF] = QUALITY_UNKNOWN;
	r = rank_cmp(&me, &peer, &step);

	return step <= RANK_PREFERENCE && (to_peer ? r > 0 : r < 0);
}

/* REFUSE_NONE: a planned switch may begin. */
static enum refusal
check_switch(const struct elect *e, const struct elect_in *in, bool to_peer, bool force)
{
	enum sync_state sync;

	if (in->peer_state != PEER_ALIVE || !in->peer)
		return REFUSE_PEER_NOT_ALIVE;
	if (to_peer ? !in->peer->able : !in->facts.able)
		return to_peer ? REFUSE_PEER_NOT_ABLE : REFUSE_NOT_ABLE;
	if (force)
		return REFUSE_NONE;
	if (would_return(e, in, to_peer))
		return to_peer ? REFUSE_PEER_WORSE : REFUSE_WORSE;
	sync = to_peer ? in->peer->sync_state : in->sync;
	if (!in->sync_in_use || sync == SYNC_SYNCED)
		return REFUSE_NONE;
	if (sync == SYNC_LOST)
		return REFUSE_SYNC_LOST;
	return to_peer ? REFUSE_PEER_NOT_SYNCED : REFUSE_NOT_SYNCED;
}

static void
begin_switch(struct elect *e, const struct elect_in *in, bool to_peer, bool force)
{
	enum refusal r = check_switch(e, in, to_peer, force);

	if (r != REFUSE_NONE) {
		elect_end_command(e, r);
		return;
	}
	if (to_peer)
		e->yield = true;
	else
		e->want_not_before = INSTANT_ZERO;
}

static void
begin_force(struct elect *e, const struct elect_in *in)
{
	if (in->peer_state == PEER_ALIVE && in->peer && in->peer->forced) {
		elect_end_command(e, REFUSE_ALREADY_FORCED);
		return;
	}
	e->forced = true;
	elect_end_command(e, REFUSE_NONE);
}

void
elect_command(struct elect *e, const struct elect_in *in, enum command cmd, uint32_t id, bool force)
{
	if (e->commanded || e->stopping) {
		reply(e, id, REFUSE_BUSY);
		return;
	}
	e->commanded = true;
	e->command = cmd;
	e->command_id = id;
	e->command_until = instant_add(in->now, COMMAND_TIMEOUT_NS);
	if (!in->enabled && cmd != CMD_ANNOUNCE) {
		elect_end_command(e, REFUSE_NOT_ENABLED);
		return;
	}
	switch (cmd) {
	case CMD_ACTIVATE:
		if (e->role == ROLE_ACTIVE)
			elect_end_command(e, REFUSE_NONE);
		else
			begin_switch(e, in, false, force);
		break;
	case CMD_DEACTIVATE:
		if (e->role != ROLE_ACTIVE)
			elect_end_command(e, REFUSE_NONE);
		else
			begin_switch(e, in, true, force);
		break;
	case CMD_FORCE:
		begin_force(e, in);
		break;
	case CMD_UNFORCE:
		e->forced = false;
		elect_end_command(e, REFUSE_NONE);
		break;
	case CMD_ANNOUNCE:
		elect_end_command(e, e->role == ROLE_ACTIVE ? REFUSE_NONE : REFUSE_NOT_ACTIVE);
		break;
	}
}

void
elect_stop(struct elect *e, const struct elect_in *in)
{
	if (e->stopping)
		return;
	if (e->commanded)
		elect_end_command(e, REFUSE_BUSY);
	e->stopping = true;
	if (e->role == ROLE_ACTIVE && in->enabled &&
		check_switch(e, in, true, true) == REFUSE_NONE) {
		/* an ordinary switch that nobody waits for: its end lets ROLE_STOPPED come */
		e->commanded = true;
		e->command = CMD_DEACTIVATE;
		e->command_id = 0;
		e->command_until = instant_add(in->now, NS_PER_S);
		e->yield = true;
	}
}

/*
 * Nothing will come of the command any more, so whoever gave it need not wait for the time-out:
 * REFUSE_NONE = something may. An able node that asked for the role of a dead one still gets it,
 * alone: that is its answer.
 */
static enum refusal
hopeless(const struct elect *e, const struct elect_in *in)
{
	if (e->command == CMD_DEACTIVATE && e->role == ROLE_ACTIVE &&
		in->peer_state == PEER_ALIVE) {
		if (in->peer && !in->peer->able)
			return REFUSE_PEER_NOT_ABLE;
		/* the role was given up, not taken, and is here again */
		return e->yield ? REFUSE_NONE : REFUSE_TIMEOUT;
	}
	if (in->peer_state != PEER_DEAD)
		return REFUSE_NONE;
	if (e->command == CMD_ACTIVATE && !in->facts.able)
		return REFUSE_NOT_ABLE;
	/* one that still listens goes on listening, whoever asks */
	if (e->command == CMD_ACTIVATE && e->role != ROLE_SILENT)
		return REFUSE_NONE;
	return e->role == ROLE_DRAINING ? REFUSE_NONE : REFUSE_PEER_NOT_ALIVE;
}

void
elect_command_step(struct elect *e, const struct elect_in *in)
{
	enum refusal refusal;
	bool done = false;

	if (!e->commanded)
		return;
	switch (e->command) {
	case CMD_ACTIVATE:
		done = e->role == ROLE_ACTIVE;
		break;
	case CMD_DEACTIVATE:
		done = e->role != ROLE_ACTIVE && e->role != ROLE_DRAINING &&
		       ((in->peer && in->peer->role == ROLE_ACTIVE) || e->stopping);
		break;
	case CMD_FORCE:
	case CMD_UNFORCE:
	case CMD_ANNOUNCE:
		break;
	}
	refusal = done ? REFUSE_NONE : hopeless(e, in);
	if (!done && refusal == REFUSE_NONE) {
		if (instant_before(in->now, e->command_until))
			return;
		refusal = REFUSE_TIMEOUT;
	}
	e->yield = false;
	elect_end_command(e, refusal);
}
