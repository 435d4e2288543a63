/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How fit this node is: present facts (links, what probes told, heartbeats port by port, state
 * sync, configurations) become the terms of the quality factor. What they weigh is core/quality's
 * matter; who moves for it, core/elect's.
 */
#include <string.h>
#include "core/node/impl.h"

#define ONE_WAY_PATIENCES 4               /* a lossy wire is no one-way wire */
#define PROVE_NS          (45 * NS_PER_S) /* a switch port forwards after so long (spanning tree) */
#define DWELL_PINGS       2               /* of the slowest LinkMonitor, see elect_in.dwell_ns */

int64_t
node_patience_ns(const struct node *n, unsigned port)
{
	return node_detection_ns(n) * (n->ports[port].full_rate ? 1 : SLOW_DIVISOR);
}

bool
node_port_heard(const struct node *n, unsigned port, struct instant now)
{
	return n->ports[port].heard.ns &&
	       instant_sub(now, n->ports[port].heard) < node_patience_ns(n, port);
}

bool
node_port_hears(const struct node *n, unsigned port)
{
	return n->peer.claim.valid && heartbeat_bit(n->peer.hears, n->conf.ports[port].index);
}

int64_t
node_dwell_ns(const struct node *n)
{
	int64_t dwell = DWELL_NS;

	for (unsigned i = 0; i < n->conf.n_monitors; i++)
		if (DWELL_PINGS * n->conf.monitors[i].ping_ms * NS_PER_MS > dwell)
			dwell = DWELL_PINGS * n->conf.monitors[i].ping_ms * NS_PER_MS;
	return dwell;
}

static bool
usable(const struct node *n, unsigned port)
{
	return n->conf.ports[port].heartbeats && n->ports[port].present && n->ports[port].carrier;
}

/* Frames have passed since the carrier came, so the switch port forwards; or it must by now. */
static void
prove(struct node *n, unsigned port, struct instant now)
{
	struct node_port *p = &n->ports[port];
	int64_t up_ns = instant_sub(now, p->carrier_since);

	/* what the peer said of this port before the carrier went is forgotten by then */
	p->proven |= instant_before(p->carrier_since, p->heard) || up_ns >= PROVE_NS ||
		     (node_port_hears(n, port) && up_ns >= 2 * node_patience_ns(n, port));
}

static void
judge_two_way(struct node *n, unsigned port, struct instant now, struct actions *out)
{
	struct node_port *p = &n->ports[port];
	bool heard = node_port_heard(n, port, now), hears = node_port_hears(n, port);
	bool both_up = usable(n, port) && n->peer.state == PEER_ALIVE && n->peer.claim.valid &&
		       heartbeat_bit(n->peer.up, n->conf.ports[port].index);

	if (!usable(n, port))
		p->proven = false;
	else if (!p->proven)
		prove(n, port, now);
	if (!both_up || (heard && hears)) {
		if (p->one_way && both_up)
			node_note(out, NOTE_TWO_WAY, now, port, 0, 0, 0);
		p->one_way = false;
		p->bad_since = INSTANT_ZERO;
		return;
	}
	if (!p->bad_since.ns)
		p->bad_since = now;
	if (p->one_way ||
		instant_sub(now, p->bad_since) < ONE_WAY_PATIENCES * node_patience_ns(n, port))
		return;
	p->one_way = true;
	node_note(out, NOTE_ONE_WAY, now, port, heard, hears, 0);
}

void
node_forget_one_way(struct node *n)
{
	for (unsigned i = 0; i < n->conf.n_ports; i++)
		n->ports[i].bad_since = INSTANT_ZERO;
}

/* LinkMonitors that count as their interface. */
static void
judge_monitors(struct node *n)
{
	for (unsigned i = 0; i < n->conf.n_ports; i++)
		n->ports[i].monitor_lost = false;
	for (unsigned m = 0; m < n->conf.n_monitors && n->health.monitors_lost >> m; m++) {
		const struct ha_monitor *c = &n->conf.monitors[m];

		if (!(n->health.monitors_lost >> m & 1) || c->weight || !c->index)
			continue;
		for (unsigned i = 0; i < n->conf.n_ports; i++)
			n->ports[i].monitor_lost |= n->conf.ports[i].index == c->index;
	}
}

/* As links alone make it. */
static struct quality_iface
by_link(const struct node *n, unsigned port)
{
	const struct node_port *p = &n->ports[port];
	bool up = p->present && p->carrier && p->ready;

	return (struct quality_iface){
		.weight = n->conf.ports[port].sync ? 0 : n->conf.ports[port].weight,
		.members = p->members,
		.up = !up          ? 0
		      : p->members ? p->members_up
				   : 1};
}

struct quality_iface
node_port_counts(const struct node *n, unsigned port)
{
	struct quality_iface f = by_link(n, port);

	if (n->ports[port].one_way || n->ports[port].monitor_lost)
		f.up = 0;
	return f;
}

static void
judge_ifaces(struct node *n, struct quality_terms *t)
{
	struct quality_iface links[IFACES_MAX + MONITORS_MAX], all[IFACES_MAX + MONITORS_MAX];
	unsigned k = n->conf.n_ports;

	for (unsigned i = 0; i < k; i++) {
		links[i] = by_link(n, i);
		all[i] = node_port_counts(n, i);
	}
	n->able = quality_any_up(links, k);
	for (unsigned m = 0; m < n->conf.n_monitors; m++, k++) {
		links[k] = (struct quality_iface){.weight = n->conf.monitors[m].weight, .up = 1};
		all[k] = links[k];
		all[k].up = !(n->health.monitors_lost >> m & 1);
	}
	t->carrier = quality_ifaces(links, k);
	t->value[QUALITY_IFACES] = quality_ifaces(all, k);
}

/*
 * What only a standby lacks: the active node's flows, its configuration. An active node has the
 * original of both, so these terms never count against it, and never for a move that they would
 * undo (docs/design/election.md).
 */
static bool
is_standby(const struct node *n)
{
	const struct claim *peer = &n->peer.claim;

	return (n->elect.role == ROLE_INACTIVE || n->elect.role == ROLE_WANTING) &&
	       n->peer.state == PEER_ALIVE && peer->valid &&
	       (peer->role == ROLE_ACTIVE || peer->role == ROLE_DRAINING);
}

static void
judge_standby(const struct node *n, struct quality_terms *t)
{
	t->value[QUALITY_SYNC] = t->value[QUALITY_CONF] = 100;
	if (!is_standby(n))
		return;
	if (!n->sync_reported)
		t->value[QUALITY_SYNC] = QUALITY_UNKNOWN;
	else if (n->sync.state == SYNC_LOST)
		t->value[QUALITY_SYNC] = 0;
	else if (n->sync.state == SYNC_SYNCING && n->sync.percent < 100)
		t->value[QUALITY_SYNC] = n->sync.percent;
	if (memcmp(n->peer.claim.hash, n->conf.hash, sizeof(n->conf.hash)) != 0)
		t->value[QUALITY_CONF] = 0;
}

/* An unknown part is as good as a sound one. */
static unsigned
soundness(uint8_t value)
{
	return value > 100 ? 100 : value;
}

static void
note_part(enum health_part part, uint8_t old, uint8_t new, struct instant now, struct actions *out)
{
	static const enum note_id worse[_HEALTH_MAX] = {
		[HEALTH_DISKS] = NOTE_HEALTH_DISKS,
		[HEALTH_TPM] = NOTE_HEALTH_TPM,
		[HEALTH_POWER] = NOTE_HEALTH_POWER,
		[HEALTH_FANS] = NOTE_HEALTH_FANS,
		[HEALTH_TEMPERATURE] = NOTE_HEALTH_TEMPERATURE,
		[HEALTH_WATCHDOG] = NOTE_HEALTH_WATCHDOG,
	};

	if (soundness(new) < soundness(old))
		node_note(out, worse[part], now, old, new, 0, 0);
	else if (soundness(new) > soundness(old))
		node_note(out, NOTE_HEALTH_BETTER, now, part, old, new, 0);
}

void
node_take_health(struct node *n, const struct health *h, struct instant now, struct actions *out)
{
	uint64_t changed = n->health.monitors_lost ^ h->monitors_lost;

	for (unsigned m = 0; m < n->conf.n_monitors; m++)
		if (changed >> m & 1)
			node_note(out,
				h->monitors_lost >> m & 1 ? NOTE_MONITOR_LOST : NOTE_MONITOR_BACK,
				now, m, 0, 0, 0);
	for (unsigned i = 0; i < _HEALTH_MAX; i++)
		note_part((enum health_part)i, n->health.value[i], h->value[i], now, out);
	n->health = *h;
}

/* One line for each term that changed the quality. */
static void
note_quality(struct node *n, struct instant now, struct actions *out)
{
	struct quality_terms t = n->noted;

	for (unsigned i = 0; i < _QUALITY_TERMS; i++) {
		uint8_t before = quality_of(&t), old = t.value[i], after;

		t.value[i] = n->settled[i].value;
		after = quality_of(&t);
		if (before != after && n->elect.role != ROLE_SILENT)
			node_note_args(out, NOTE_QUALITY, now,
				(const int64_t[]){before, after, i, old, t.value[i]}, 5);
	}
	n->noted = t;
}

struct quality_terms
node_settled_terms(const struct node *n)
{
	struct quality_terms t = {.carrier = n->present.carrier};

	for (unsigned i = 0; i < _QUALITY_TERMS; i++)
		t.value[i] = n->settled[i].value;
	return t;
}

void
node_judge_fitness(struct node *n, struct instant now, struct actions *out)
{
	struct quality_terms *t = &n->present;
	bool standby = is_standby(n);

	for (unsigned i = 0; i < n->conf.n_ports; i++)
		judge_two_way(n, i, now, out);
	judge_monitors(n);
	judge_ifaces(n, t);
	for (unsigned i = 0; i < _HEALTH_MAX; i++)
		t->value[QUALITY_DISKS + i] =
			n->health.value[i] <= 100 ? n->health.value[i] : QUALITY_UNKNOWN;
	judge_standby(n, t);
	for (unsigned i = 0; i < _QUALITY_TERMS; i++)
		quality_settle(&n->settled[i], t->value[i], now,
			n->elect.role == ROLE_SILENT || (i >= QUALITY_SYNC && !standby));
	note_quality(n, now, out);
}

struct instant
node_fitness_deadline(const struct node *n)
{
	struct instant at = INSTANT_NEVER;

	for (unsigned i = 0; i < _QUALITY_TERMS; i++)
		at = instant_min(at, quality_deadline(&n->settled[i]));
	return at;
}
