/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The timers in force between two nodes whose settings may differ for a while: in the midst of a
 * change of configuration, or for longer. Both go by the slower setting of each. A lease may be
 * long only as far as the other node is sure to wait, so it counts what that node says, and of the
 * own setting what the frame said that anchors the lease (docs/design/election.md).
 */
#include "core/node/impl.h"

static uint32_t
larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

int64_t
node_interval_ns(const struct node *n)
{
	uint32_t peers = n->peer.claim.valid ? n->peer.claim.interval_ms : 0;

	return larger(n->conf.interval_ms, peers) * NS_PER_MS;
}

/* A shorter HAFailoverTime counts only when every lease that relied on the longer one is over. */
static uint32_t
failover_ms(const struct node *n)
{
	bool longer = instant_before(n->detect.last, n->timers.longer_until);

	return larger(n->conf.failover_ms, longer ? n->timers.longer_ms : 0);
}

int64_t
node_detection_ns(const struct node *n)
{
	uint32_t peers = n->peer.claim.valid ? n->peer.claim.failover_ms : 0;

	return larger(failover_ms(n), peers) * NS_PER_MS;
}

int64_t
node_lease_ns(const struct node *n)
{
	/* alone: nobody waits */
	if (!n->peer.claim.valid || n->peer.state != PEER_ALIVE)
		return n->conf.failover_ms * NS_PER_MS * 8 / 10;
	return larger(n->timers.known_ms, n->peer.claim.failover_ms) * NS_PER_MS * 8 / 10;
}

int64_t
node_initial_silence_ns(const struct node *n)
{
	return n->warm ? 2 * node_detection_ns(n) : n->conf.initial_silence_ms * NS_PER_MS;
}

void
node_timers_set(struct node *n, const struct ha_conf *c, struct instant now)
{
	uint32_t before = failover_ms(n);

	if (!n->configured)
		return;
	if (c->failover_ms < before) {
		n->timers.longer_ms = before;
		n->timers.longer_until = instant_add(now, before * NS_PER_MS);
	}
	if (c->failover_ms != n->conf.failover_ms) {
		if (n->timers.known_ms > n->conf.failover_ms)
			n->timers.known_ms = n->conf.failover_ms;
		n->timers.since = now;
	}
	/* told at once: the other node's lease, or this one's, waits for it */
	if (c->failover_ms != n->conf.failover_ms || c->interval_ms != n->conf.interval_ms)
		n->next_heartbeat = now;
}

void
node_timers_echoed(struct node *n)
{
	if (n->peer.echoed.ns && !instant_before(n->peer.echoed, n->timers.since))
		n->timers.known_ms = n->conf.failover_ms;
}
