/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One step: facts from the event, the election, and what follows from its moves. */
#include <assert.h>
#include <string.h>
#include "core/node/impl.h"

size_t
node_size(void)
{
	return sizeof(struct node);
}

void
node_init(struct node *n, const struct node_seed *seed)
{
	*n = (struct node){.warm = seed->warm,
		.announce_next = INSTANT_NEVER,
		.sync_part = SYNC_STANDBY,
		.gate = {.open_until = {-1}}}; /* unlike any: the first step stores "closed" */
	memset(n->health.value, HEALTH_UNKNOWN, sizeof(n->health.value));
	session_init(&n->session, SESSION_ENGINE, seed->random);
}

struct action *
node_act(struct actions *out, enum action_kind kind)
{
	struct action *a;

	assert(out->n <
		ACTIONS_MAX); /* reckoned for the fullest step: every port sends, then goodbye */
	a = &out->a[out->n++];
	*a = (struct action){.kind = kind};
	return a;
}

/*
 * Of two nodes with the same NodeType the one that is active goes on, whatever happens to it short
 * of death; before, the smaller session if it is fit.
 */
static bool
same_type_loser(const struct node *n)
{
	const struct claim *peer = &n->peer.claim;

	if (n->peer.state != PEER_ALIVE || !peer->valid || peer->type != n->conf.type)
		return false;
	if (n->elect.role == ROLE_ACTIVE || peer->role == ROLE_ACTIVE)
		return n->elect.role != ROLE_ACTIVE;
	return n->session.me > n->session.peer && peer->able;
}

static bool
cut_off(const struct node *n)
{
	for (unsigned i = 0; i < n->conf.n_ports; i++)
		if (n->conf.ports[i].heartbeats && n->ports[i].present && n->ports[i].carrier)
			return false;
	return true;
}

static void
fill_facts(const struct node *n, struct instant now, struct claim *c)
{
	*c = (struct claim){.type = n->conf.type,
		.able = n->able && !same_type_loser(n),
		.settled = instant_sub(now, n->links_changed) >= SETTLE_NS,
		.terms = node_settled_terms(n),
		.prefer = n->conf.prefer,
		.revision = n->conf.revision,
		.interval_ms = n->conf.interval_ms,
		.failover_ms = n->conf.failover_ms,
		.sync_state = (uint8_t)n->sync.state,
		.sync_percent = n->sync.percent,
		.flows = n->sync.flows};
	memcpy(c->hash, n->conf.hash, sizeof(c->hash));
}

struct elect_in
node_facts(const struct node *n, struct instant now)
{
	int64_t detection = node_detection_ns(n);
	struct elect_in in = {
		.now = now,
		.enabled = n->conf.enabled,
		.peer_state = n->peer.state,
		.goodbye = n->peer.goodbye && n->peer.state == PEER_DEAD,
		.may_judge = detect_silence(&n->detect) >= detection,
		.peer = n->peer.claim.valid ? &n->peer.claim : NULL,
		.heard = n->detect.heard,
		.peer_hears_me = instant_sub(now, n->peer.echoed) < detection,
		.cut_off = cut_off(n),
		.lease_lapsed =
			n->elect.role == ROLE_ACTIVE && instant_reached(now, n->gate.open_until),
		.last_unicast = n->gate.last_unicast,
		.flushed_term = n->sync.flushed_term,
		.sync = n->sync.state,
		.sync_in_use = n->sync_reported,
		.tie_break = n->session.me < n->session.peer,
		.initial_silence_ns = node_initial_silence_ns(n),
		.detection_ns = detection,
		.dwell_ns = node_dwell_ns(n),
	};

	fill_facts(n, now, &in.facts);
	return in;
}

static void
configure(struct node *n, const struct event *ev)
{
	struct node_port old[IFACES_MAX];
	const struct ha_conf *c = ev->conf;
	unsigned full = 0;

	if (!n->configured) {
		detect_init(&n->detect, ev->now, c->interval_ms * NS_PER_MS);
		elect_init(&n->elect, ev->now);
		n->links_changed = ev->now;
		n->next_heartbeat = n->next_hello = ev->now;
	}
	if (n->configured && !n->conf.enabled && c->enabled) {
		n->detect.last = ev->now; /* without a peer nobody ticked: that was no sleep */
		n->next_heartbeat = n->next_hello = ev->now;
	}
	/* a port keeps its state when only its place changed */
	memcpy(old, n->ports, sizeof(old));
	memset(n->ports, 0, sizeof(n->ports));
	for (unsigned i = 0; i < c->n_ports; i++) {
		for (unsigned j = 0; n->configured && j < n->conf.n_ports; j++)
			if (strcmp(n->conf.ports[j].dev, c->ports[i].dev) == 0 &&
				n->conf.ports[j].index == c->ports[i].index)
				n->ports[i] = old[j];
		n->ports[i].full_rate = c->ports[i].heartbeats && full < FULL_RATE_PATHS;
		full += n->ports[i].full_rate;
	}
	/* up to now the old interval counts: this step came no later than it asked for */
	if (n->configured && n->conf.enabled)
		detect_step(&n->detect, ev->now, node_detection_ns(n));
	node_timers_set(n, c, ev->now);
	n->conf = *c;
	n->detect.interval_ns = c->interval_ms * NS_PER_MS;
	session_set_key(&n->session, c->cluster_id, c->key);
	if (!n->session.established) {
		n->peer.claim.valid = false;
		n->has_published = false;
	}
	if (n->configured && n->elect.role == ROLE_ACTIVE)
		node_announce_restart(n, ev->now);
	n->configured = true;
}

static void
set_link(struct node *n, const struct event *ev, struct actions *out)
{
	struct node_port *p;

	if (ev->link.port >= n->conf.n_ports)
		return;
	p = &n->ports[ev->link.port];
	p->members = ev->link.members;
	p->members_up = ev->link.members_up < p->members ? ev->link.members_up : p->members;
	if (p->ready != ev->link.ready) {
		p->ready = ev->link.ready;
		n->links_changed = ev->now;
	}
	if (p->present == ev->link.present && p->carrier == ev->link.carrier)
		return;
	node_note(out,
		!ev->link.present  ? NOTE_LINK_MISSING
		: ev->link.carrier ? NOTE_LINK_UP
				   : NOTE_LINK_DOWN,
		ev->now, ev->link.port, ev->link.port, 0, 0);
	p->present = ev->link.present;
	p->carrier = ev->link.carrier;
	p->carrier_since = ev->now;
	p->proven = false;
	n->links_changed = ev->now;
	if (p->carrier && !n->session.established)
		p->hello_due = true; /* the first hello was said before any link was known */
	if (p->carrier && n->elect.role == ROLE_ACTIVE)
		node_announce_restart(n, ev->now);
}

/* Death is judged on ticks only: every frame that had arrived was told before. */
static void
judge_peer(struct node *n, struct instant now, bool tick, struct actions *out)
{
	if (n->peer.state != PEER_ALIVE)
		return;
	if (tick && lease_peer_quiet(detect_silence(&n->detect), node_interval_ns(n)))
		n->peer.quiet = true;
	if (n->peer.goodbye || (tick && detect_silence(&n->detect) >= node_detection_ns(n))) {
		n->peer.state = PEER_DEAD;
		n->peer.presumed = !n->peer.goodbye;
		node_tell_peer_lost(n, now, out);
	}
}

static void
record_change(struct node *n, const struct elect_in *in, const struct elect_move *m)
{
	struct role_change *c = &n->changes[0];
	uint16_t paths = 0, heard = 0;

	for (unsigned i = 0; i < n->conf.n_ports; i++) {
		paths += n->conf.ports[i].heartbeats;
		/* a straggler of the last heartbeat is no sign of life */
		heard += in->peer_state == PEER_ALIVE && n->ports[i].heard.ns &&
			 instant_sub(in->now, n->ports[i].heard) < in->detection_ns;
	}
	memmove(&n->changes[1], &n->changes[0], sizeof(n->changes) - sizeof(n->changes[0]));
	*c = (struct role_change){.at = in->now,
		.from = m->from,
		.to = m->to,
		.term = n->elect.term,
		.why = m->why,
		.step = (uint8_t)m->step,
		.had_peer = n->peer.claim.valid,
		.silence_ms = (uint32_t)(detect_silence(&n->detect) / NS_PER_MS),
		.paths = paths,
		.paths_heard = heard,
		.me = elect_claim(&n->elect, in),
		.peer = n->peer.claim};
	c->me.role = m->to; /* a step may have gone on from there */
	if (n->n_changes < sizeof(n->changes) / sizeof(n->changes[0]))
		n->n_changes++;
}

static void
tell_sync(struct node *n, enum sync_part part, uint64_t term, struct actions *out)
{
	struct action *a;

	/* an active node tags what it sends with its term */
	if (part == n->sync_part && (part != SYNC_ACTIVE || term == n->sync_term))
		return;
	a = node_act(out, ACT_SYNC);
	a->sync.part = part;
	a->sync.term = term;
	a->sync.alone = n->elect.alone;
	n->sync_part = part;
	n->sync_term = term;
}

/* What state sync must know: before a gate opens, after one began to drain. */
static void
steer_sync(struct node *n, struct actions *out)
{
	bool quiet = n->peer.state == PEER_ALIVE && n->peer.quiet;

	switch (n->elect.role) {
	case ROLE_ACTIVE:
		tell_sync(n, SYNC_ACTIVE, n->elect.term, out);
		break;
	case ROLE_DRAINING:
		tell_sync(n, SYNC_BARRIER, n->elect.grant, out);
		break;
	case ROLE_WANTING:
		tell_sync(n, SYNC_PREPARE, n->elect.term, out);
		break;
	case ROLE_INACTIVE:
	case ROLE_SILENT:
		tell_sync(n, quiet ? SYNC_PREPARE : SYNC_STANDBY, n->elect.term, out);
		break;
	case ROLE_STOPPED:
	case _ROLE_MAX:
		break;
	}
}

static void
steer_gate(struct node *n, struct instant now, bool tick, struct actions *out)
{
	struct instant open = INSTANT_ZERO, drain = INSTANT_ZERO;
	struct action *a;
	struct lease_in in = {.now = now,
		.peer_state = n->peer.state,
		.quiet = n->peer.quiet,
		.echoed = n->peer.echoed,
		.comeback = n->peer.comeback,
		.lease_ns = node_lease_ns(n)};
	/* a frame that waits may end the silence: what rests on silence is renewed on ticks only */
	bool keep = !tick && (in.peer_state != PEER_ALIVE || in.quiet) &&
		    instant_before(now, n->gate.open_until);

	if (n->elect.role == ROLE_ACTIVE && n->conf.enabled)
		open = keep ? n->gate.open_until : lease_until(&in);
	else if (n->elect.role == ROLE_ACTIVE)
		open = INSTANT_NEVER;
	else if (n->elect.role == ROLE_DRAINING)
		open = drain = instant_add(n->elect.drain_since, GATE_DRAIN_MAX_MS * NS_PER_MS);
	if (open.ns == n->gate.open_until.ns && drain.ns == n->gate.drain_until.ns)
		return;
	n->gate.open_until = open;
	n->gate.drain_until = drain;
	a = node_act(out, ACT_GATE);
	a->gate.open_until = open;
	a->gate.drain_until = drain;
}

static void
note_moves(struct node *n, const struct elect_in *in, struct actions *out)
{
	struct elect *e = &n->elect;

	for (unsigned i = 0; i < e->n_moves; i++) {
		const struct elect_move *m = &e->moves[i];

		record_change(n, in, m);
		node_tell_role(&n->changes[0], out);
		if (m->why == WHY_LEASE)
			node_note(out, NOTE_LEASE_LAPSED, in->now,
				instant_sub(in->now, n->peer.echoed) / NS_PER_MS, 0, 0, 0);
		if (m->to == ROLE_ACTIVE) {
			n->takeovers++;
			node_announce_restart(n, in->now);
		}
		if (m->from == ROLE_SILENT)
			n->warm = false; /* a later silence (cut off) is a full one */
	}
	if (e->refused_now != REFUSE_NONE)
		node_note(out, NOTE_SWITCH_REFUSED, in->now, e->refused_now, 0, 0, 0);
	for (unsigned i = 0; i < e->n_replies; i++) {
		struct action *a = node_act(out, ACT_REPLY);

		a->reply.id = e->replies[i].id;
		a->reply.refusal = e->replies[i].refusal;
	}
	e->n_replies = 0;
}

/* The other side fell silent: teach the wires again. */
static void
follow_peer(struct node *n, bool peer_was_active, struct instant now)
{
	const struct claim *peer = &n->peer.claim;

	if (peer_was_active && n->elect.role == ROLE_ACTIVE && peer->valid &&
		peer->role != ROLE_ACTIVE && peer->role != ROLE_DRAINING)
		node_announce_restart(n, now);
}

static void
take_command(struct node *n, const struct event *ev, struct actions *out)
{
	struct elect_in in = node_facts(n, ev->now);
	bool was = n->elect.forced;

	elect_command(&n->elect, &in, ev->command.cmd, ev->command.id, ev->command.force);
	if (ev->command.cmd == CMD_ANNOUNCE && n->elect.role == ROLE_ACTIVE)
		node_announce_restart(n, ev->now);
	if (n->elect.forced != was)
		node_note(out, was ? NOTE_UNFORCED : NOTE_FORCED, ev->now, 0, 0, 0, 0);
}

static void
take_event(struct node *n, const struct event *ev, struct actions *out)
{
	struct elect_in in;

	switch (ev->kind) {
	case EV_TICK:
	case EV_CONF:
		break;
	case EV_FRAME:
		node_receive(n, ev, out);
		break;
	case EV_LINK:
		set_link(n, ev, out);
		break;
	case EV_COMMAND:
		node_judge_fitness(n, ev->now, out);
		take_command(n, ev, out);
		break;
	case EV_SYNC:
		n->sync = ev->sync;
		n->sync_reported = true;
		break;
	case EV_HEALTH:
		node_take_health(n, &ev->health, ev->now, out);
		break;
	case EV_GATE:
		n->gate.last_unicast = ev->last_unicast;
		break;
	case EV_STOP:
		in = node_facts(n, ev->now);
		n->stopping = true;
		elect_stop(&n->elect, &in);
		break;
	}
}

void
node_step(struct node *n, const struct event *ev, struct actions *out)
{
	struct elect_in in;
	bool peer_was_active, slept;

	out->n = out->n_bytes = 0;
	if (ev->kind == EV_CONF)
		configure(n, ev);
	if (!n->configured || n->exited) {
		if (ev->kind == EV_STOP)
			node_act(out, ACT_EXIT);
		return;
	}
	slept = detect_step(&n->detect, ev->now, node_detection_ns(n)) && n->conf.enabled;
	if (slept)
		node_forget_one_way(n);
	if (slept && n->detect.overslept_ns >= node_detection_ns(n) / 2)
		node_note(
			out, NOTE_OVERSLEPT, ev->now, n->detect.overslept_ns / NS_PER_MS, 0, 0, 0);
	peer_was_active = n->peer.claim.valid && (n->peer.claim.role == ROLE_ACTIVE ||
							 n->peer.claim.role == ROLE_DRAINING);
	take_event(n, ev, out);
	node_judge_fitness(n, ev->now, out);
	judge_peer(n, ev->now, ev->kind == EV_TICK, out);
	in = node_facts(n, ev->now);
	node_tell_conflict(n, ev->now, out);
	elect_step(&n->elect, &in);
	note_moves(n, &in, out);
	node_tell_conditions(n, ev->now, out);
	follow_peer(n, peer_was_active, ev->now);
	if (n->elect.role == ROLE_ACTIVE)
		steer_sync(n, out); /* subscribed before the gate opens */
	steer_gate(n, ev->now, ev->kind == EV_TICK, out);
	if (n->elect.role != ROLE_ACTIVE)
		steer_sync(n, out); /* barrier after the gate drains */
	node_announce(n, ev->now, out);
	if (n->conf.enabled)
		node_publish(n, ev->now, ev->kind == EV_TICK, out);
	if (n->elect.role == ROLE_STOPPED && n->stopping) {
		node_say_goodbye(n, ev->now, out);
		node_act(out, ACT_EXIT);
		n->exited = true;
	}
}

struct instant
node_deadline(const struct node *n)
{
	struct instant now = n->detect.last, at;
	struct elect_in in;
	int64_t left;

	if (!n->configured || n->exited)
		return INSTANT_NEVER;
	if (!n->conf.enabled)
		return n->announce_next;
	in = node_facts(n, now);
	at = instant_min(elect_deadline(&n->elect, &in), node_publish_deadline(n));
	at = instant_min(at, n->announce_next);
	at = instant_min(at, node_fitness_deadline(n));
	/* when silence begins to count for the lease: long before an old echo's lease is over */
	left = node_interval_ns(n) * 5 / 2 + 1 - detect_silence(&n->detect);
	if (n->peer.state == PEER_ALIVE && !n->peer.quiet)
		at = instant_min(at, instant_add(now, left > 0 ? left : 0));
	left = node_detection_ns(n) - detect_silence(&n->detect);
	if (n->peer.state == PEER_ALIVE || left > 0)
		at = instant_min(at, instant_add(now, left > 0 ? left : 0));
	return at;
}

void
node_check_invariants(const struct node *n)
{
	if (!n->configured)
		return;
	elect_check_invariants(&n->elect);
	assert(n->elect.role == ROLE_ACTIVE || n->elect.role == ROLE_DRAINING ||
		n->gate.open_until.ns <= 0);
	assert(!n->peer.claim.valid || n->session.established);
	assert(n->present.carrier <= 100 && n->present.value[QUALITY_IFACES] <= 100);
	assert(n->settled[QUALITY_IFACES].value <= 100);
}
