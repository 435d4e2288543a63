/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Wires between the two machines: each port pair is its own broadcast domain with one directed wire
 * each way. A frame needs carrier at both ends; cutting a wire leaves the carrier alone.
 */
#include <assert.h>
#include <string.h>
#include "sim.h"
#include "core/hb/frame.h"

void
net_init(struct world *w)
{
	struct net *n = &w->net;

	memset(n, 0, offsetof(struct net, packet));
	for (uint32_t i = 0; i < PACKETS_MAX; i++)
		n->packet[i].next = i + 1;
	n->free = 0;
	for (unsigned p = 0; p < PORTS; p++)
		for (unsigned d = 0; d < 2; d++)
			n->wire[p][d].random.state = w->plan->setup.random * 1000 + p * 10 + d;
}

bool
net_carrier(const struct world *w, int node, unsigned port)
{
	const struct net *n = &w->net;

	if (n->unplugged[node][port] > 0 || n->removed[node][port] > 0 || n->switched_off[port] > 0)
		return false;
	/* the sync ports are joined by one cable: no power or NIC at the other end, no carrier here
	 */
	if (w->plan->setup.port[port].sync)
		return w->m[!node].powered && n->unplugged[!node][port] <= 0 &&
		       n->removed[!node][port] <= 0;
	return true;
}

bool
net_ready(const struct world *w, int node, unsigned port)
{
	/* a sync interface has no tw-* */
	return w->net.removed[node][port] <= 0 &&
	       (w->plan->setup.port[port].sync || w->net.unready[node][port] <= 0);
}

bool
net_passes(const struct world *w, unsigned port, int from)
{
	return w->net.wire[port][from].cut <= 0 && net_carrier(w, A, port) &&
	       net_carrier(w, B, port) && w->m[A].powered && w->m[B].powered;
}

static uint32_t
packet_new(struct net *n)
{
	uint32_t i = n->free;

	assert(i < PACKETS_MAX);
	n->free = n->packet[i].next;
	return i;
}

void
net_release(struct world *w, uint32_t packet)
{
	w->net.packet[packet].next = w->net.free;
	w->net.free = packet;
}

static bool
chance(struct wire *l, int percent)
{
	/* always draws, so that a fault that is left out does not shift everything behind it */
	unsigned r = (unsigned)(prng_u64(&l->random) % 100);

	return percent > 0 && r < (unsigned)percent;
}

static void
deliver_later(struct world *w, const struct packet *p, int64_t delay, bool copy)
{
	uint32_t i = packet_new(&w->net);
	struct packet *new = &w->net.packet[i];

	*new = *p;
	new->copy = copy;
	heap_push(&w->heap, w->now + delay, !p->from, HAP_ARRIVE, i);
}

void
net_send(struct world *w, int from, unsigned port, const uint8_t *data, size_t len)
{
	struct wire *l = &w->net.wire[port][from];
	struct packet p = {.port = (uint8_t)port,
		.from = (uint8_t)from,
		.kind = data[3], /* frame.h */
		.len = (uint16_t)len,
		.life = w->m[from].life,
		.sent = w->now,
		.said = w->m[from].stepped};
	int64_t delay = w->plan->setup.delay_ns + l->delay_ns +
			prng_range(&l->random, 0, w->plan->setup.jitter_ns);
	bool lost = chance(l, l->loss), again = chance(l, l->duplicate);
	bool late = chance(l, l->reorder), replayed = chance(l, l->replay);
	int64_t extra = prng_range(&l->random, 0, 3 * machine_interval_ns(w));

	if (!net_passes(w, port, from) || lost)
		return;
	contact_sent(w, from, &p);
	memcpy(p.bytes, data, len);
	deliver_later(w, &p, delay + (late ? extra : 0), false);
	if (again)
		deliver_later(w, &p, delay + extra, true);
	if (replayed)
		deliver_later(w, &p, NS_PER_S / 5 + extra * 50, true);
}

static bool
queue_put(struct frame_queue *q, unsigned max, uint32_t packet)
{
	if (q->n >= max)
		return false;
	q->packet[(q->head + q->n++) % QUEUE_MAX] = packet;
	return true;
}

void
net_arrive(struct world *w, int node, uint32_t packet)
{
	struct packet *p = &w->net.packet[packet];
	struct machine *m = &w->m[node];
	bool kept = false;

	/* what was under way when the carrier went is lost */
	if (!m->powered || !net_carrier(w, node, p->port)) {
		net_release(w, packet);
		return;
	}
	contact_arrived(w, node, p);
	if (m->paused > 0) {
		kept = !m->deaf && queue_put(&m->ring, RING_MAX, packet);
	} else if (m->up) {
		p->arrived = simclock_at(&m->clock, w->now);
		kept = queue_put(&m->queue, QUEUE_MAX, packet);
		engine_arrived(w, node);
	}
	if (!kept)
		net_release(w, packet);
}
