/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two whole nodes on ideal wires, and what they ask of their surroundings. Faults of wires, clocks
 * and processes are the simulator's matter (tests/sim).
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "core/node/node.h"

#define PORTS      3
#define FRAMES_MAX 64

#define MAC_A 0x02000000000a
#define MAC_B 0x02000000000b

enum { A, B };

struct frame {
	int to;
	uint16_t port, len;
	uint8_t bytes[320];
};

struct pair {
	struct node *node[2];
	bool on[2];
	unsigned starts; /* each is another process */
	struct ha_conf conf[2];
	struct instant now;
	struct actions out;
	bool cut[2][PORTS]; /* by sender */
	struct frame late;  /* the last one that was cut */
	struct frame frames[FRAMES_MAX];
	unsigned n_frames;
	/* what was asked of the surroundings */
	unsigned told[2][4];   /* how often, by enum sync_part */
	uint64_t told_term[2]; /* with SYNC_ACTIVE */
	enum refusal reply[2];
	unsigned notes[2][_NOTE_MAX];
};

static inline void step(struct pair *p, int i, struct event *ev);

static inline void
carry_out(struct pair *p, int i)
{
	static struct actions out;

	out = p->out;
	for (size_t k = 0; k < out.n; k++) {
		const struct action *a = &out.a[k];
		struct frame *f = &p->frames[p->n_frames];

		if (a->kind == ACT_SYNC) {
			p->told[i][a->sync.part]++;
			if (a->sync.part == SYNC_ACTIVE)
				p->told_term[i] = a->sync.term;
		} else if (a->kind == ACT_REPLY) {
			p->reply[i] = a->reply.refusal;
		} else if (a->kind == ACT_NOTE) {
			p->notes[i][a->note.id]++;
		} else if (a->kind == ACT_SEND) {
			assert_true(p->n_frames < FRAMES_MAX && a->send.len <= sizeof(f->bytes));
			*f = (struct frame){.to = !i, .port = a->send.port, .len = a->send.len};
			memcpy(f->bytes, out.bytes + a->send.offset, a->send.len);
			if (p->cut[i][a->send.port])
				p->late = *f;
			else
				p->n_frames++;
		}
	}
}

static inline void
step(struct pair *p, int i, struct event *ev)
{
	ev->now = p->now;
	node_step(p->node[i], ev, &p->out);
	node_check_invariants(p->node[i]);
	carry_out(p, i);
}

static inline void
deliver(struct pair *p)
{
	while (p->n_frames > 0) {
		struct frame f = p->frames[0];
		struct event ev = {.kind = EV_FRAME};

		p->n_frames--;
		memmove(&p->frames[0], &p->frames[1], p->n_frames * sizeof(f));
		if (!p->on[f.to])
			continue;
		ev.frame.port = f.port;
		ev.frame.data = f.bytes;
		ev.frame.len = f.len;
		ev.frame.source = (uint64_t)(f.to ? MAC_A : MAC_B);
		step(p, f.to, &ev);
	}
}

static inline void
tell(struct pair *p, int i, struct event ev)
{
	step(p, i, &ev);
	deliver(p);
}

static inline void
run(struct pair *p, int64_t ms)
{
	struct instant end = instant_add(p->now, ms * NS_PER_MS);

	for (;;) {
		struct instant at = end;

		for (int i = 0; i < 2; i++)
			if (p->on[i])
				at = instant_min(at, node_deadline(p->node[i]));
		if (instant_reached(at, end))
			break;
		p->now = instant_max(at, instant_add(p->now, 1000));
		for (int i = 0; i < 2; i++)
			if (p->on[i] && instant_reached(p->now, node_deadline(p->node[i])))
				tell(p, i, (struct event){.kind = EV_TICK});
	}
	p->now = end;
}

static inline void
link_is(struct pair *p, int i, uint16_t port, bool carrier, uint8_t members, uint8_t up)
{
	struct event ev = {.kind = EV_LINK};

	ev.link.port = port;
	ev.link.present = ev.link.ready = true;
	ev.link.carrier = carrier;
	ev.link.members = members;
	ev.link.members_up = up;
	tell(p, i, ev);
}

static inline void
health_is(struct pair *p, int i, int disks, uint64_t monitors_lost)
{
	struct event ev = {.kind = EV_HEALTH, .health = {.monitors_lost = monitors_lost}};

	memset(ev.health.value, 100, sizeof(ev.health.value));
	ev.health.value[HEALTH_DISKS] = (uint8_t)disks;
	tell(p, i, ev);
}

static inline void
start(struct pair *p, int i)
{
	struct event ev = {.kind = EV_SYNC, .sync = {.state = SYNC_SYNCED, .percent = 100}};
	struct node_seed seed = {.random = {(uint8_t)(1 + i + 2 * p->starts++)}};

	node_init(p->node[i], &seed);
	p->on[i] = true;
	tell(p, i, (struct event){.kind = EV_CONF, .conf = &p->conf[i]});
	for (uint16_t port = 0; port < PORTS; port++)
		link_is(p, i, port, true, 0, 0);
	tell(p, i, ev);
}

/* Ports sync, lan (100), wan (100); a LinkMonitor on wan, one of its own weight. */
static inline struct pair *
pair_new(void)
{
	struct pair *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->now = (struct instant){NS_PER_S};
	for (int i = 0; i < 2; i++) {
		struct ha_conf *c = &p->conf[i];

		p->node[i] = aligned_alloc(16, (node_size() + 15) / 16 * 16);
		*c = (struct ha_conf){.enabled = true,
			.type = i == A ? NODE_MASTER : NODE_SLAVE,
			.cluster_id = 7,
			.ethertype = HA_ETHERTYPE_DEFAULT,
			.interval_ms = 10,
			.failover_ms = 50,
			.initial_silence_ms = 2000,
			.key = {1},
			.n_ports = PORTS,
			.n_monitors = 2,
			.monitors = {{.index = 3, .ping_ms = 250}, {.weight = 50, .ping_ms = 250}}};
		for (unsigned k = 0; k < PORTS; k++)
			c->ports[k] = (struct ha_port){.dev = {(char)('a' + k)},
				.index = (uint16_t)(k + 1),
				.weight = k ? 100 : 0,
				.sync = k == 0,
				.heartbeats = true};
	}
	return p;
}

static inline void
pair_free(struct pair *p)
{
	free(p->node[A]);
	free(p->node[B]);
	free(p);
}

static inline struct node_status
status(struct pair *p, int i)
{
	static struct node_status s;

	node_status(p->node[i], p->now, &s);
	return s;
}

static inline uint8_t
quality(struct pair *p, int i)
{
	struct node_status s = status(p, i);

	return quality_of(&s.me.terms);
}

static inline struct pair *
pair_running(void)
{
	struct pair *p = pair_new();

	start(p, A);
	start(p, B);
	run(p, 6000);
	assert_int_equal(status(p, A).role, ROLE_ACTIVE);
	assert_int_equal(status(p, B).role, ROLE_INACTIVE);
	assert_int_equal(quality(p, A), 100);
	assert_int_equal(quality(p, B), 100);
	return p;
}
