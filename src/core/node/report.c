/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The status that a node publishes of itself. */
#include <string.h>
#include "core/node/impl.h"

#define FRAME_SHOWN_NS (5 * NS_PER_S) /* without another such frame the alarm ends */

static enum gate_position
position(const struct node *n, struct instant now)
{
	if (instant_reached(now, n->gate.open_until))
		return GATE_CLOSED;
	return instant_before(now, n->gate.drain_until) ? GATE_DRAINING : GATE_OPEN;
}

static void
report_port(const struct node *n, unsigned i, struct instant now, struct port_status *s)
{
	const struct ha_port *c = &n->conf.ports[i];
	const struct node_port *p = &n->ports[i];

	memcpy(s->name, c->name, sizeof(s->name));
	s->index = c->index;
	s->weight = c->weight;
	s->sync = c->sync;
	s->present = p->present;
	s->carrier = p->carrier;
	s->ready = p->ready;
	s->heard = node_port_heard(n, i, now);
	s->two_way = s->heard && node_port_hears(n, i);
	s->one_way = p->one_way;
	s->proven = p->proven;
	s->peer_up = n->peer.claim.valid && heartbeat_bit(n->peer.up, c->index);
	s->monitor_lost = p->monitor_lost;
	s->counts = node_port_counts(n, i);
	s->heartbeats_heard = p->n_heard;
	s->heartbeats_sent = p->n_sent;
	s->rtt_us = p->rtt_us;
}

/* A peer that is alive again has the right key and ClusterID, whatever was heard before. */
static void
report_alarms(const struct node *n, struct instant now, struct node_status *out)
{
	for (unsigned k = 0; k < NOTE_FRAMES; k++) {
		enum note_id id = (enum note_id)(NOTE_VERSION_DIFFERS + k);

		if (n->peer.state == PEER_ALIVE &&
			(id == NOTE_KEY_DIFFERS || id == NOTE_CLUSTER_DIFFERS))
			continue;
		for (unsigned i = 0; i < n->conf.n_ports; i++) {
			const struct frame_alarm *a = &n->ports[i].alarms[k];

			if (!a->seen.ns || instant_sub(now, a->seen) >= FRAME_SHOWN_NS ||
				out->n_alarms == FRAME_ALARMS_MAX)
				continue;
			out->alarms[out->n_alarms++] = (struct note){.id = id,
				.at = a->seen,
				.arg = {i, (int64_t)a->mac, a->number, n->conf.cluster_id}};
		}
	}
}

void
node_status(const struct node *n, struct instant now, struct node_status *out)
{
	struct elect_in in;

	memset(out, 0, sizeof(*out));
	out->now = now;
	out->configured = n->configured;
	if (!n->configured)
		return;
	in = node_facts(n, now);
	out->enabled = n->conf.enabled;
	out->type = n->conf.type;
	out->role = n->elect.role;
	out->why = n->elect.why;
	out->term = n->elect.term;
	out->position = position(n, now);
	out->role_since = n->elect.since;
	out->lease_until = n->gate.open_until;
	out->forced = n->elect.forced;
	out->hold = instant_before(now, n->elect.hold_until);
	out->hold_until = n->elect.hold_until;
	out->scared = node_scared(n, now);
	out->peer = n->peer.state;
	out->peer_heard = n->detect.heard;
	out->me = elect_claim(&n->elect, &in);
	out->present = n->present;
	out->monitors_lost = n->health.monitors_lost;
	out->peer_claim = n->peer.claim;
	out->sync = n->sync;
	out->interval_ms = n->conf.interval_ms;
	out->failover_ms = n->conf.failover_ms;
	out->detection_ms = (uint32_t)(node_detection_ns(n) / NS_PER_MS);
	out->lease_ms = (uint32_t)(node_lease_ns(n) / NS_PER_MS);
	out->sent = n->sent;
	out->heard = n->heard;
	out->overslept = n->detect.overslept;
	out->worst_oversleep_ns = n->detect.worst_ns;
	out->takeovers = n->takeovers;
	out->refused = n->refused;
	report_alarms(n, now, out);
	memcpy(out->changes, n->changes, sizeof(out->changes));
	out->n_changes = n->n_changes;
	out->n_ports = n->conf.n_ports;
	for (unsigned i = 0; i < n->conf.n_ports; i++)
		report_port(n, i, now, &out->ports[i]);
}
