/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A whole node under arbitrary events: bytes become a sequence of frames (garbage, and well-formed
 * ones of a peer that knows the key), links, commands, reports, configurations and leaps of time.
 * Nothing may abort; what must hold between two steps is checked after each; an open gate needs the
 * role.
 */
#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include "core/hb/heartbeat.h"
#include "core/hb/session.h"
#include "core/node/node.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PORTS 3

struct input {
	const uint8_t *p, *end;
};

struct bench {
	struct node *node;
	struct session peer;
	struct ha_conf conf;
	struct instant now, last;
	struct input in;
	struct actions out;
	uint8_t frame[FRAME_MAX];
	size_t frame_len;
	bool asleep; /* the peer does not answer hellos */
};

static uint8_t
byte(struct bench *b)
{
	return b->in.p < b->in.end ? *b->in.p++ : 0;
}

static uint64_t
number(struct bench *b, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | byte(b);
	return v;
}

/* Small numbers mostly, and sometimes any at all. */
static uint64_t
term(struct bench *b)
{
	uint8_t k = byte(b);

	return k < 240 ? k % 16 : k < 250 ? number(b, 8) : TERM_MAX - k % 4;
}

static void
configure(struct bench *b)
{
	static const char name[PORTS][IFACE_NAME_MAX] = {"sync", "lan", "wan"};
	uint8_t k = byte(b);

	b->conf = (struct ha_conf){.enabled = (k & 7) != 7,
		.type = k >> 3 & 1 ? NODE_SLAVE : NODE_MASTER,
		.cluster_id = 7,
		.ethertype = HA_ETHERTYPE_DEFAULT,
		.interval_ms = 10,
		.failover_ms = 50u + (k >> 4 & 3) * 50u,
		.initial_silence_ms = 2000,
		.garp_period_s = 60,
		.prefer = (enum active_if_equal)((k >> 6) % 3),
		.unique_shared_mac = true,
		.revision = k,
		.n_ports = PORTS,
		.n_monitors = k % 3,
		.monitors = {{.index = 2, .ping_ms = 250}, {.weight = 50, .ping_ms = 1000}}};
	memset(b->conf.key, 1, sizeof(b->conf.key));
	for (unsigned i = 0; i < PORTS; i++) {
		memcpy(b->conf.ports[i].name, name[i], sizeof(name[i]));
		memcpy(b->conf.ports[i].dev, name[i], sizeof(name[i]));
		b->conf.ports[i].index = (uint16_t)(i + 1);
		b->conf.ports[i].weight = i ? 100 : 0;
		b->conf.ports[i].sync = i == 0;
		b->conf.ports[i].heartbeats = true;
	}
}

/* Whatever hello the node sends is told to the peer, so that there is a session soon. */
static void
peer_hears(struct bench *b)
{
	for (size_t i = 0; i < b->out.n && !b->asleep; i++) {
		const struct action *a = &b->out.a[i];
		const uint8_t *f;
		struct frame_header h;
		enum session_news news;

		if (a->kind != ACT_SEND)
			continue;
		f = b->out.bytes + a->send.offset;
		if (f[3] == FRAME_HELLO && session_filter(&b->peer, f, a->send.len, &h) == FRAME_OK)
			(void)session_open_hello(&b->peer, &h, f, &news);
	}
}

static void
step(struct bench *b, struct event *ev)
{
	struct node_status s;
	struct instant open = {-1};

	ev->now = b->now;
	node_step(b->node, ev, &b->out);
	assert(b->out.n <= ACTIONS_MAX && b->out.n_bytes <= sizeof(b->out.bytes));
	node_check_invariants(b->node);
	(void)node_deadline(b->node);
	node_status(b->node, b->now, &s);
	for (size_t i = 0; i < b->out.n; i++) {
		const struct action *a = &b->out.a[i];

		if (a->kind == ACT_GATE)
			open = a->gate.open_until;
		if (a->kind == ACT_SEND)
			assert(a->send.offset + a->send.len <= b->out.n_bytes);
		if (a->kind == ACT_NOTE) {
			char text[256];

			note_fmt(&a->note, &(struct note_with){.conf = &b->conf}, text,
				sizeof(text));
		}
	}
	assert(open.ns <= b->now.ns || s.role == ROLE_ACTIVE || s.role == ROLE_DRAINING);
	peer_hears(b);
	b->last = b->now;
}

/* Its own block, so that reading behind the end is seen. */
static void
tell(struct bench *b, const uint8_t *frame, size_t len)
{
	struct event ev = {.kind = EV_FRAME};
	uint8_t *copy = malloc(len ? len : 1), k = byte(b);

	if (!copy)
		abort();
	memcpy(copy, frame, len);
	ev.frame.port = k % 8 == 7 ? UINT16_MAX : k % PORTS;
	ev.frame.data = copy;
	ev.frame.len = len;
	ev.frame.age_ns = k & 64 ? instant_sub(b->now, b->last) : 0;
	step(b, &ev);
	free(copy);
}

static void
tell_hello(struct bench *b)
{
	b->frame_len = session_hello(&b->peer, FRAME_HELLO, 1 + byte(b) % PORTS, b->frame);
	tell(b, b->frame, b->frame_len);
}

/* A sealed frame whose inside is arbitrary, or a heartbeat with arbitrary fields. */
static void
tell_sealed(struct bench *b, bool sane)
{
	struct heartbeat hb = {.sent = {(int64_t)number(b, 2) + b->now.ns},
		.echo = {b->now.ns - (int64_t)number(b, 4)},
		.echo_age_us = (uint32_t)number(b, 2)};
	uint8_t plain[HEARTBEAT_MAX], flags = byte(b), kind = byte(b);
	struct claim *c = &hb.claim;
	size_t len;

	if (hb.echo.ns < 0)
		hb.echo.ns = 0;
	memset(hb.heard, kind, sizeof(hb.heard));
	memset(hb.up, flags, sizeof(hb.up));
	*c = (struct claim){.type = flags & 1 ? NODE_MASTER : NODE_SLAVE,
		.role = (enum role)(byte(b) % _ROLE_MAX),
		.term = term(b),
		.able = flags & 2,
		.forced = (flags & 12) == 12,
		.settled = flags & 16,
		.hold = (flags & 48) == 32,
		.yield = flags & 64,
		.grant_flushed = flags & 128,
		.terms = {.carrier = byte(b) % 101,
			.value = {[QUALITY_IFACES] = byte(b) % 101,
				[QUALITY_FANS] = kind % 101,
				[QUALITY_DISKS] = flags & 1 ? QUALITY_UNKNOWN : flags % 101}},
		.want = term(b),
		.want_why = (enum why)(byte(b) % _WHY_MAX),
		.grant = term(b),
		.refused = term(b),
		.refusal = byte(b) % _REFUSE_MAX,
		.interval_ms = 10,
		.failover_ms = 50 + byte(b),
		.sync_state = byte(b) % 3};
	len = heartbeat_encode(&hb, plain, sizeof(plain));
	if (!sane)
		for (len = 0; len < sizeof(plain) && b->in.p < b->in.end && byte(b) != 0xff; len++)
			plain[len] = byte(b);
	b->frame_len = session_seal(&b->peer, kind % 8 == 7 ? FRAME_GOODBYE : FRAME_HEARTBEAT,
		1 + kind % PORTS, plain, len, b->frame, sizeof(b->frame));
	tell(b, b->frame, b->frame_len);
}

static void
tell_garbage(struct bench *b)
{
	size_t len = byte(b);

	if (byte(b) & 1 && b->frame_len) { /* the last frame again, damaged or not */
		b->frame[byte(b) % b->frame_len] ^= byte(b);
		tell(b, b->frame, b->frame_len);
		return;
	}
	if (len > (size_t)(b->in.end - b->in.p))
		len = (size_t)(b->in.end - b->in.p);
	b->in.p += len;
	tell(b, b->in.p - len, len);
}

static void
tell_other(struct bench *b, enum event_kind kind)
{
	struct event ev = {.kind = kind};
	uint8_t k = byte(b);

	switch (kind) {
	case EV_LINK:
		ev.link.port = k % 16 == 15 ? UINT16_MAX : k % PORTS;
		ev.link.present = k & 64;
		ev.link.carrier = k & 128;
		ev.link.ready = k & 32;
		ev.link.members = k & 16 ? 4 : 0;
		ev.link.members_up = k & 16 ? k % 5 : 0;
		break;
	case EV_CONF:
		configure(b);
		ev.conf = &b->conf;
		break;
	case EV_COMMAND:
		ev.command.cmd = (enum command)(k % 5);
		ev.command.id = 1 + k;
		ev.command.force = k & 128;
		break;
	case EV_SYNC:
		ev.sync.state = (enum sync_state)(k % 3);
		ev.sync.percent = k % 101;
		ev.sync.flows = k;
		ev.sync.flushed_term = term(b);
		break;
	case EV_HEALTH:
		memset(ev.health.value, k % 102 <= 100 ? k % 102 : HEALTH_UNKNOWN,
			sizeof(ev.health.value));
		ev.health.monitors_lost = number(b, 5);
		break;
	case EV_GATE:
		ev.last_unicast.ns = b->now.ns - (int64_t)k * NS_PER_MS;
		break;
	case EV_TICK:
	case EV_FRAME:
	case EV_STOP:
		break;
	}
	step(b, &ev);
}

/* To the deadline, a little further, or far away; then a tick. */
static void
pass_time(struct bench *b)
{
	uint8_t k = byte(b);
	struct instant at = node_deadline(b->node);

	if (k < 160 && at.ns < INT64_MAX / 2)
		b->now = instant_max(b->now, at);
	else if (k < 240)
		b->now = instant_add(b->now, (k - 159) * NS_PER_MS);
	else if (b->now.ns < INT64_MAX / 4)
		b->now = instant_add(b->now, (int64_t)number(b, 5));
	tell_other(b, EV_TICK);
}

static void
one(struct bench *b)
{
	static const enum event_kind other[] = {EV_LINK, EV_COMMAND, EV_SYNC, EV_GATE, EV_CONF};
	uint8_t op = byte(b), seed[32];

	if (op < 110) {
		pass_time(b);
	} else if (op < 180) {
		tell_sealed(b, true);
	} else if (op < 190) {
		tell_sealed(b, false);
	} else if (op < 200) {
		tell_garbage(b);
	} else if (op < 215) {
		tell_hello(b);
	} else if (op < 220) {
		memset(seed, op + byte(b), sizeof(seed));
		session_init(&b->peer, SESSION_ENGINE, seed);
		session_set_key(&b->peer, 7, b->conf.key);
	} else if (op < 222) {
		b->asleep = !b->asleep;
	} else if (op < 254) {
		tell_other(b, other[op % 5]);
	} else {
		tell_other(b, EV_STOP);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bench b;
	struct node_seed seed = {.random = {42}};
	uint8_t peer_seed[32] = {7};

	if (sodium_init() < 0)
		abort();
	memset(&b, 0, offsetof(struct bench, out));
	b.frame_len = 0;
	b.asleep = false;
	b.in = (struct input){data, data + size};
	b.now = b.last = (struct instant){1000 * NS_PER_S};
	seed.warm = byte(&b) & 1;
	b.node = aligned_alloc(16, (node_size() + 15) / 16 * 16);
	if (!b.node)
		abort();
	node_init(b.node, &seed);
	if (byte(&b) & 7) /* the contract's order, or not even that */
		tell_other(&b, EV_CONF);
	session_init(&b.peer, SESSION_ENGINE, peer_seed);
	session_set_key(&b.peer, 7, b.conf.key);
	for (unsigned i = 0; i < 2000 && b.in.p < b.in.end; i++)
		one(&b);
	free(b.node);
	return 0;
}
