/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a node tells people: changes of role, conditions that begin and end. */
#include <string.h>
#include "core/node/impl.h"

const char *
refusal_text(enum refusal r)
{
	switch (r) {
	case REFUSE_NONE:
		return "done";
	case REFUSE_PEER_NOT_ALIVE:
		return "the other node is not alive";
	case REFUSE_PEER_NOT_ABLE:
		return "the other node is not able to be active";
	case REFUSE_PEER_WORSE:
		return "the other node's quality is lower or it is preferred less, so the election "
		       "would bring the role straight back";
	case REFUSE_NOT_ABLE:
		return "this node is not able to be active";
	case REFUSE_ALREADY_FORCED:
		return "the other node is forced active";
	case REFUSE_NOT_SYNCED:
		return "this node does not have all connections yet";
	case REFUSE_TIMEOUT:
		return "the other node did not agree in time";
	case REFUSE_BUSY:
		return "another change of role is under way";
	case REFUSE_NOT_ENABLED:
		return "high availability is not enabled";
	case REFUSE_NOT_ACTIVE:
		return "this node is not active";
	case REFUSE_WORSE:
		return "this node's quality is lower or it is preferred less, so the election "
		       "would bring the role straight back";
	case REFUSE_PEER_NOT_SYNCED:
		return "the other node does not have all connections yet";
	case REFUSE_SYNC_LOST:
		return "state sync is lost: connections are not copied, and a switch would break "
		       "them";
	case _REFUSE_MAX:
		break;
	}
	return "unknown reason";
}

void
node_note_args(struct actions *out, enum note_id id, struct instant at, const int64_t *args,
	unsigned n_args)
{
	struct note *n;

	if (out->n >= ACTIONS_MAX - 32) /* a log line is never worth an order to the gate */
		return;
	n = &node_act(out, ACT_NOTE)->note;
	*n = (struct note){.id = id, .at = at};
	memcpy(n->arg, args, n_args * sizeof(args[0]));
}

void
node_note(struct actions *out, enum note_id id, struct instant at, int64_t a, int64_t b, int64_t c,
	int64_t d)
{
	node_note_args(out, id, at, (const int64_t[]){a, b, c, d}, 4);
}

/* The event of a move: one for each reason. */
static enum note_id
role_note(enum role to, enum why why)
{
	if (to == ROLE_WANTING)
		return NOTE_WANTING;
	switch (why) {
	case WHY_NOT_ENABLED:
		return NOTE_ACTIVE_SINGLE;
	case WHY_PEER_ACTIVE:
		return NOTE_INACTIVE_PEER_ACTIVE;
	case WHY_SETTLED:
		return to == ROLE_ACTIVE ? NOTE_ACTIVE_ELECTED : NOTE_INACTIVE_SETTLED;
	case WHY_ALONE:
		return to == ROLE_ACTIVE ? NOTE_ACTIVE_ALONE : NOTE_INACTIVE_UNFIT;
	case WHY_PEER_DEAD:
		return NOTE_ACTIVE_PEER_DEAD;
	case WHY_PEER_GOODBYE:
		return NOTE_ACTIVE_PEER_GOODBYE;
	case WHY_RANK:
		return NOTE_ACTIVE_BETTER;
	case WHY_OPERATOR:
		return NOTE_ACTIVE_OPERATOR;
	case WHY_YIELD:
		return NOTE_ACTIVE_RELIEVES;
	case WHY_GRANTED:
		return NOTE_DRAINING;
	case WHY_DRAINED:
		return NOTE_DRAINED;
	case WHY_CONFLICT:
		return NOTE_CONFLICT_LOST;
	case WHY_NOT_HEARD:
		return NOTE_CONFLICT_UNHEARD;
	case WHY_LEASE:
		return NOTE_LEASE_ROLE;
	case WHY_CUT_OFF:
		return NOTE_CUT_OFF_ROLE;
	case WHY_GAVE_UP:
		return NOTE_GAVE_UP;
	case WHY_STOPPING:
		return NOTE_STOPPED;
	case WHY_START:
	case _WHY_MAX:
		break;
	}
	return NOTE_ROLE;
}

void
node_tell_role(const struct role_change *c, struct actions *out)
{
	const int64_t args[] = {c->from, c->to, (int64_t)c->term, c->silence_ms, c->paths_heard,
		c->paths, quality_of(&c->me.terms), c->had_peer ? quality_of(&c->peer.terms) : -1,
		c->step, c->why};

	node_note_args(out, role_note(c->to, c->why), c->at, args, sizeof(args) / sizeof(args[0]));
}

void
node_tell_conflict(struct node *n, struct instant now, struct actions *out)
{
	const struct claim *peer = &n->peer.claim;
	bool alive = n->peer.state == PEER_ALIVE && peer->valid;
	bool conflict = alive && n->elect.role == ROLE_ACTIVE && peer->role == ROLE_ACTIVE;
	struct quality_terms mine = node_settled_terms(n);
	uint8_t theirs = quality_of(&peer->terms);
	const int64_t args[] = {(int64_t)n->elect.term, (int64_t)peer->term, quality_of(&mine),
		theirs, n->elect.flows_when_active, peer->flows_when_active};

	if (conflict && !n->conflict_noted)
		node_note_args(out, NOTE_CONFLICT, now, args, sizeof(args) / sizeof(args[0]));
	else if (!conflict && n->conflict_noted && alive && n->elect.role == ROLE_ACTIVE)
		node_note(out, NOTE_CONFLICT_WON, now, (int64_t)n->elect.term, theirs, 0, 0);
	n->conflict_noted = conflict;
}

void
node_tell_peer_lost(const struct node *n, struct instant now, struct actions *out)
{
	int64_t silence = detect_silence(&n->detect) / NS_PER_MS, paths = 0;

	for (unsigned i = 0; i < n->conf.n_ports; i++)
		paths += n->conf.ports[i].heartbeats;
	if (n->peer.goodbye)
		node_note(out, NOTE_PEER_GOODBYE, now, n->elect.role, 0, 0, 0);
	else
		node_note(out, NOTE_PEER_DEAD, now, silence, n->elect.role, paths, 0);
}

bool
node_scared(const struct node *n, struct instant now)
{
	struct instant first = n->peer.scares[NODE_SCARES - 1];

	return first.ns && instant_sub(now, first) < NODE_SCARES_NS;
}

void
node_tell_conditions(struct node *n, struct instant now, struct actions *out)
{
	const struct claim *peer = &n->peer.claim;
	bool alive = n->peer.state == PEER_ALIVE && peer->valid;
	bool hold = instant_before(now, n->elect.hold_until);
	bool scared = node_scared(n, now);
	bool same = alive && peer->type == n->conf.type;
	bool differs = alive && memcmp(peer->hash, n->conf.hash, sizeof(peer->hash)) != 0;

	if (hold && !n->hold_noted)
		node_note(out, NOTE_HOLD, now, instant_sub(n->elect.hold_until, now) / NS_PER_S + 1,
			0, 0, 0);
	if (!hold && n->hold_noted)
		node_note(out, NOTE_HOLD_ENDED, now, 0, 0, 0, 0);
	n->hold_noted = hold;
	if (scared && !n->scares_noted)
		node_note(
			out, NOTE_SCARES, now, NODE_SCARES, node_detection_ns(n) / NS_PER_MS, 0, 0);
	n->scares_noted = scared;
	if (same && !n->peer.type_noted)
		node_note(out, NOTE_SAME_TYPE, now, n->conf.type, 0, 0, 0);
	n->peer.type_noted = same;
	if (!differs)
		n->conf_differs_since = now;
	else if (!n->conf_diff_noted &&
		 instant_sub(now, n->conf_differs_since) > NODE_CONF_DIFFERS_NS) {
		node_note(out, NOTE_CONF_DIFFERS, now, n->conf.revision, peer->revision, 0, 0);
		n->conf_diff_noted = true;
	}
	if (alive && !differs && n->conf_diff_noted)
		node_note(out, NOTE_CONF_ALIKE, now, n->conf.revision, 0, 0, 0);
	n->conf_diff_noted = differs && n->conf_diff_noted;
}
