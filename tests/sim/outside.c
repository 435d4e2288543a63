/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Third parties on the wires: another cluster that has our ClusterID and a key of its own, garbage,
 * and old frames that somebody recorded. None of them knows the key, so none may move anything.
 */
#include <string.h>
#include "sim.h"
#include "core/hb/frame.h"

#define OUTSIDE_NS NS_PER_MS /* between two frames of noise on a port, about */

static void
fill_random(struct prng *r, uint8_t *buf, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = (uint8_t)prng_u64(r);
}

/* A heartbeat or hello as a third node would send it, which shares only the number with us. */
static void
foreign_frame(struct world *w, unsigned port, struct packet *p)
{
	struct prng *r = &w->net.outside;
	bool hello = prng_chance(r, 20);
	struct frame_header h = {.version = FRAME_VERSION,
		.kind = hello ? FRAME_HELLO : FRAME_HEARTBEAT,
		.cluster = w->m[A].conf.cluster_id,
		.index = w->m[A].conf.ports[port].index,
		.key_id = 0x12345670,
		.session = UINT64_C(0xf0e1d2c3b4a59687),
		.counter = prng_u64(r) % 100000,
		.sealed_len = (uint16_t)(hello ? FRAME_NONCE + 33 + FRAME_TAG : 140)};

	*p = (struct packet){.kind = h.kind, .forged = true};
	p->len = (uint16_t)(FRAME_HEADER + h.sealed_len);
	frame_header_encode(&h, p->bytes);
	fill_random(r, p->bytes + FRAME_HEADER, h.sealed_len);
}

/* Invented from end to end, or a real frame that was damaged or cut. */
static void
garbage_frame(struct world *w, struct packet *p)
{
	struct net *n = &w->net;
	unsigned how = (unsigned)(prng_u64(&n->outside) % 4);

	*p = (struct packet){.len = (uint16_t)prng_range(&n->outside, 1, PACKET_BYTES)};
	if (how == 0 || n->n_records == 0) {
		fill_random(&n->outside, p->bytes, p->len);
	} else {
		*p = n->record[prng_u64(&n->outside) % n->n_records];
		if (how == 1)
			p->len = (uint16_t)prng_range(&n->outside, 1, p->len - 1);
		else
			p->bytes[prng_u64(&n->outside) % p->len] ^=
				(uint8_t)prng_range(&n->outside, 1, 255);
	}
	p->forged = true;
}

static bool
old_frame(struct world *w, struct packet *p)
{
	struct net *n = &w->net;

	if (n->n_records == 0)
		return false;
	*p = n->record[prng_u64(&n->outside) % n->n_records];
	p->copy = true;
	return true;
}

void
outside_speak(struct world *w, size_t step)
{
	const struct step *s = &w->plan->step[step];
	int64_t pause = s->verb == DO_FOREIGN ? machine_interval_ns(w) : OUTSIDE_NS;
	struct packet p;

	if (s->span > 0 && w->now >= s->at + s->span)
		return;
	for (unsigned i = 0; i < w->plan->setup.n_ports; i++) {
		if (!(s->ports >> i & 1))
			continue;
		if (s->verb == DO_FOREIGN)
			foreign_frame(w, i, &p);
		else if (s->verb == DO_GARBAGE)
			garbage_frame(w, &p);
		else if (!old_frame(w, &p))
			continue;
		net_inject(w, A, i, &p);
		net_inject(w, B, i, &p);
	}
	heap_push(&w->heap, w->now + pause / 2 + prng_range(&w->net.outside, 0, pause), -1,
		HAP_OUTSIDE, (uint32_t)step);
}
