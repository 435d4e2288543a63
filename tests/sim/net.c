/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Wires between the two machines: each is its own broadcast domain with one directed wire each way,
 * and normally joins the ports of the same name. A frame needs carrier at both ends and switch
 * ports that forward; cutting a wire leaves the carrier alone.
 */
#include <assert.h>
#include <string.h>
#include "sim.h"
#include "core/hb/frame.h"

void
net_init(struct world *w)
{
	struct net *n = &w->net;

	memset(n, 0, offsetof(struct net, record));
	n->outside.state = w->plan->setup.random * 31 + 5;
	for (uint32_t i = 0; i < PACKETS_MAX; i++)
		n->packet[i].next = i + 1;
	n->free = 0;
	for (unsigned p = 0; p < PORTS; p++) {
		for (unsigned d = 0; d < 2; d++) {
			n->wire[p][d].random.state = w->plan->setup.random * 1000 + p * 10 + d;
			n->jack[d][p] = (uint8_t)p;
		}
	}
}

/* The node's port that a wire is plugged into. */
static unsigned
port_on(const struct net *n, int node, unsigned wire)
{
	unsigned p = 0;

	while (n->jack[node][p] != wire)
		p++;
	return p;
}

bool
net_carrier(const struct world *w, int node, unsigned port)
{
	const struct net *n = &w->net;
	unsigned wire = n->jack[node][port], twin = port_on(n, !node, wire);

	if (n->unplugged[node][port] > 0 || n->removed[node][port] > 0 || n->switched_off[wire] > 0)
		return false;
	/* the sync ports are joined by one cable: no power or NIC at the other end, no carrier here
	 */
	if (w->plan->setup.port[wire].sync)
		return w->m[!node].powered && n->unplugged[!node][twin] <= 0 &&
		       n->removed[!node][twin] <= 0;
	return true;
}

bool
net_ready(const struct world *w, int node, unsigned port)
{
	/* a sync interface has no tw-* */
	return w->net.removed[node][port] <= 0 &&
	       (w->plan->setup.port[port].sync || w->net.unready[node][port] <= 0);
}

static bool
forwards(const struct world *w, int node, unsigned port)
{
	return w->m[node].powered && net_carrier(w, node, port) &&
	       w->now >= w->net.forward_at[node][port];
}

/* Does a frame from this port arrive, and at which port of the other node? */
static bool
arrives(const struct world *w, unsigned port, int from, unsigned *at)
{
	unsigned wire = w->net.jack[from][port];

	*at = port_on(&w->net, !from, wire);
	return w->net.wire[wire][from].cut <= 0 && forwards(w, from, port) &&
	       forwards(w, !from, *at);
}

bool
net_passes(const struct world *w, unsigned port, int from)
{
	unsigned at;

	return arrives(w, port, from, &at) && at == port;
}

void
net_swap(struct world *w, int node, uint32_t ports)
{
	uint8_t *jack = w->net.jack[node], first;
	unsigned a = 0, b;

	while (a < PORTS && !(ports >> a & 1))
		a++;
	b = a + 1;
	while (b < PORTS && !(ports >> b & 1))
		b++;
	if (b >= PORTS)
		return;
	first = jack[a];
	jack[a] = jack[b];
	jack[b] = first;
}

void
net_carriers(struct world *w)
{
	struct net *n = &w->net;

	for (int i = 0; i < 2; i++) {
		for (unsigned p = 0; p < w->plan->setup.n_ports; p++) {
			bool has = w->m[i].powered && net_carrier(w, i, p);
			bool cable = w->plan->setup.port[n->jack[i][p]].sync;

			if (has && !n->had_carrier[i][p] && n->slow_ns[i][p] > 0 && !cable) {
				n->forward_at[i][p] = w->now + n->slow_ns[i][p];
				heap_push(&w->heap, n->forward_at[i][p], i, HAP_FORWARD, p);
			}
			n->had_carrier[i][p] = has;
		}
	}
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

/* Somebody on the wire records a few of the frames. */
static void
record(struct net *n, const struct packet *p)
{
	uint64_t r = prng_u64(&n->outside);

	if (n->n_records < RECORDS_MAX)
		n->record[n->n_records++] = *p;
	else if (r % 256 == 0)
		n->record[(r >> 32) % RECORDS_MAX] = *p;
}

void
net_send(struct world *w, int from, unsigned port, const uint8_t *data, size_t len)
{
	struct wire *l = &w->net.wire[w->net.jack[from][port]][from];
	struct packet p = {.out = (uint8_t)port,
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
	unsigned at;

	if (!arrives(w, port, from, &at) || lost)
		return;
	p.port = (uint8_t)at;
	contact_sent(w, from, &p);
	memcpy(p.bytes, data, len);
	record(&w->net, &p);
	deliver_later(w, &p, delay + (late ? extra : 0), false);
	if (again)
		deliver_later(w, &p, delay + extra, true);
	if (replayed)
		deliver_later(w, &p, NS_PER_S / 5 + extra * 50, true);
}

void
net_inject(struct world *w, int node, unsigned port, const struct packet *p)
{
	uint32_t i;

	if (!forwards(w, node, port))
		return;
	i = packet_new(&w->net);
	w->net.packet[i] = *p;
	w->net.packet[i].port = (uint8_t)port;
	heap_push(&w->heap, w->now + w->plan->setup.delay_ns, node, HAP_ARRIVE, i);
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
	if (!forwards(w, node, p->port)) {
		net_release(w, packet);
		return;
	}
	if (!p->forged)
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
