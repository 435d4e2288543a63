/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A world for two state syncs in virtual time: real sessions, streams and duties; a made-up kernel
 * table with events and walks (which hand out what was made a moment ago, as the real one does); a
 * network that loses, doubles, delays and reorders. Used by test-sync-sim.c only.
 */
#pragma once
#include <stdlib.h>
#include "core/hb/session.h"
#include "core/sync/aging.h"
#include "core/sync/compare.h"
#include "core/sync/duty.h"
#include "core/sync/recent.h"
#include "core/sync/stream.h"
#include "sync-gen.h"

#define FLOWS    300
#define EVENTS   256 /* of the kernel's queue */
#define PART     20  /* flows in one part of a walk */
#define WIRE     4096
#define STEP_NS  (100 * NS_PER_US)
#define FRAMES   64               /* of the send buffer */
#define PAUSE_NS (20 * NS_PER_MS) /* between two comparisons */

struct entry {
	bool there;
	uint8_t state;
	uint32_t mark;
	int64_t expires_ns;
};

struct change {
	enum sync_kind kind;
	uint16_t id;
	struct entry e;
};

struct walk {
	bool running, last;
	int64_t of;    /* which bulk */
	unsigned next; /* flow that the next part begins with */
	unsigned n;
	struct change part[PART]; /* made already, not read yet */
};

struct peer {
	unsigned self;
	struct session session;
	struct stream stream;
	void *mem;
	struct duty duty;
	struct entry table[FLOWS];
	unsigned room; /* what the table holds at most */
	unsigned n_events;
	struct change events[EVENTS];
	bool listening, overrun;
	struct walk bulk, sweep, scan;
	struct compare compare;
	struct recent bulk_recent, sweep_recent;
	struct instant hello_at;
};

struct packet {
	struct instant at;
	uint8_t to;
	uint16_t len;
	uint8_t data[FRAME_MAX];
};

struct world {
	struct prng rnd;
	struct instant now;
	struct peer p[2];
	unsigned loss, dup; /* per cent */
	int64_t delay_ns, jitter_ns;
	bool cut;
	unsigned moving; /* flows that have traffic: 0…moving - 1 */
	unsigned n_wire;
	struct packet wire[WIRE];
	uint64_t restarts, overruns, bulks, missed;
	uint64_t replaced; /* flows that were there already when a NEW came */
};

static struct flow
flow_of(unsigned id, const struct entry *e)
{
	struct flow f;

	memset(&f, 0, sizeof(f));
	f.family = 4;
	f.proto = IPPROTO_TCP;
	memcpy(f.orig.src, (uint8_t[]){10, 0, (uint8_t)(id >> 8), (uint8_t)id}, 4);
	memcpy(f.orig.dst, (uint8_t[]){192, 0, 2, 1}, 4);
	f.orig.sport = (uint16_t)(1000 + id);
	f.orig.dport = 443;
	flow_invert(4, IPPROTO_TCP, &f.orig, &f.reply);
	f.has = FLOW_REPLY | FLOW_TCP | FLOW_MARK;
	f.tcp.state = e->state;
	f.mark = e->mark;
	return f;
}

static unsigned
id_of(const struct flow *f)
{
	return f->orig.sport - 1000u;
}

static void
kernel_event(struct world *w, struct peer *p, enum sync_kind kind, unsigned id)
{
	if (!p->listening)
		return;
	if (p->n_events == EVENTS) {
		p->overrun = true;
		w->overruns++;
		return;
	}
	p->events[p->n_events++] = (struct change){kind, (uint16_t)id, p->table[id]};
}

/* Traffic: something happens to a flow of an active node. */
static void
traffic(struct world *w, struct peer *p)
{
	unsigned id = (unsigned)prng_range(&w->rnd, 0, w->moving - 1);
	struct entry *e = &p->table[id];
	int64_t end = w->now.ns + 100 * NS_PER_S;

	if (!e->there) {
		*e = (struct entry){true, 1, (uint32_t)prng_u64(&w->rnd) | 1, end};
		kernel_event(w, p, SYNC_NEW, id);
	} else if (prng_chance(&w->rnd, 40)) {
		e->there = false;
		kernel_event(w, p, SYNC_DESTROY, id);
	} else {
		e->state = (uint8_t)(1 + e->state % 8);
		e->mark++;
		e->expires_ns = end;
		kernel_event(w, p, SYNC_UPDATE, id);
	}
}

/* The kernel makes the part that will be read next. */
static void
walk_make(struct peer *p, struct walk *k)
{
	k->n = 0;
	for (; k->next < FLOWS && k->n < PART; k->next++)
		if (p->table[k->next].there)
			k->part[k->n++] =
				(struct change){SYNC_NEW, (uint16_t)k->next, p->table[k->next]};
	k->last = k->next == FLOWS;
}

static void
walk_start(struct peer *p, struct walk *k, struct recent *r, int64_t of)
{
	*k = (struct walk){.running = true, .of = of};
	recent_clear(r);
	walk_make(p, k);
}

static void
send_wire(struct world *w, unsigned to, const uint8_t *data, size_t len)
{
	unsigned copies = prng_chance(&w->rnd, w->dup) ? 2 : 1;

	for (unsigned i = 0; i < copies; i++) {
		struct packet *k = &w->wire[w->n_wire];

		if (w->cut || prng_chance(&w->rnd, w->loss) || w->n_wire == WIRE)
			continue;
		k->at = instant_add(w->now, w->delay_ns + prng_range(&w->rnd, 0, w->jitter_ns));
		k->to = (uint8_t)to;
		k->len = (uint16_t)len;
		memcpy(k->data, data, len);
		w->n_wire++;
	}
}

static void
send_hello(struct world *w, struct peer *p)
{
	uint8_t frame[SESSION_HELLO_LEN];

	send_wire(w, !p->self, frame, session_hello(&p->session, FRAME_SYNC_HELLO, 1, frame));
}

static unsigned
flows_in(const struct peer *p)
{
	unsigned n = 0;

	for (unsigned id = 0; id < FLOWS; id++)
		n += p->table[id].there;
	return n;
}

static void
apply_record(struct world *w, struct peer *p, const struct sync_record *rec)
{
	unsigned id = id_of(&rec->flow);
	struct entry *e = &p->table[id];
	bool senior = duty_trust(&p->duty) != TRUST_ALL;
	int64_t end = w->now.ns + aging_lifetime(w->now, p->duty.in_expiry_s) * NS_PER_S;

	assert_true(id < FLOWS);
	if (duty_trust(&p->duty) == TRUST_NONE)
		return;
	if (rec->kind == SYNC_NEW)
		duty_seen(&p->duty);
	recent_add(&p->sweep_recent, flow_hash(&rec->flow, 1));
	switch (rec->kind) {
	case SYNC_NEW:
		if (senior && e->there)
			return;
		if (!e->there && flows_in(p) >= p->room) {
			duty_missed(&p->duty, false);
			w->missed++;
			return;
		}
		w->replaced += e->there;
		*e = (struct entry){true, rec->flow.tcp.state, rec->flow.mark, end};
		break;
	case SYNC_UPDATE:
		if (senior)
			return;
		if (!e->there) {
			duty_missed(&p->duty, true);
			w->missed++;
			return;
		}
		e->state = rec->flow.tcp.state;
		e->mark = rec->flow.mark;
		e->expires_ns = end;
		break;
	case SYNC_DESTROY:
		if (senior)
			return;
		e->there = false;
		break;
	case SYNC_CONTROL:
	case SYNC_EXPECT:
	case SYNC_UNEXPECT:
	case _SYNC_KIND_MAX:
		fail();
	}
}

static void
take_batch(struct world *w, struct peer *p, const uint8_t *records, size_t len)
{
	struct sync_decoder d;
	struct sync_record rec;
	enum sync_reject r;

	sync_decode_begin(&d, records, len);
	while ((r = sync_decode_next(&d, &rec)) == SYNC_OK) {
		if (rec.kind != SYNC_CONTROL) {
			apply_record(w, p, &rec);
			continue;
		}
		duty_control(&p->duty, &rec, w->now);
		compare_control(&p->compare, &rec, w->now, p->duty.part == SYNC_STANDBY);
	}
	assert_int_equal(r, SYNC_END);
}

static void
take_frame(struct world *w, struct peer *p, const struct packet *k)
{
	enum session_news news = SESSION_NOTHING;
	enum stream_news restarted;
	struct frame_header h;
	uint8_t payload[FRAME_MAX];
	const uint8_t *records;
	size_t len;

	assert_int_equal(session_filter(&p->session, k->data, k->len, &h), FRAME_OK);
	if (h.kind == FRAME_SYNC_HELLO) {
		session_open_hello(&p->session, &h, k->data, &news);
		if (news != SESSION_NOTHING)
			send_hello(w, p);
		if (news == SESSION_NEW_PEER) {
			stream_reset(&p->stream);
			duty_session_up(&p->duty);
			compare_reset(&p->compare, w->now);
		}
		return;
	}
	switch (session_open(&p->session, &h, k->data, payload, sizeof(payload), &len)) {
	case FRAME_OK:
		break;
	case REJECT_SESSION:
		send_hello(w, p);
		return;
	default:
		return;
	}
	assert_true(stream_input(
		&p->stream, w->now, (enum frame_kind)h.kind, payload, len, &restarted));
	assert_int_equal(restarted, STREAM_NOTHING);
	while (stream_deliver(&p->stream, &records, &len))
		take_batch(w, p, records, len);
}

static void
put(struct peer *p, struct instant now, const struct change *c, bool bulk)
{
	struct flow f = flow_of(c->id, &c->e);

	if (!stream_put_flow(&p->stream, c->kind, &f, now))
		duty_lost(&p->duty);
	else if (bulk)
		p->duty.out_sent++;
}

static void
feed(struct world *w, struct peer *p)
{
	bool listen = duty_listen(&p->duty) && p->duty.session;

	if (listen != p->listening) {
		p->listening = listen;
		p->n_events = 0;
		p->overrun = false;
	}
	if (!duty_send(&p->duty))
		return;
	if (p->overrun) {
		p->overrun = false;
		duty_lost(&p->duty);
	}
	for (unsigned i = 0; i < p->n_events; i++) {
		struct flow f = flow_of(p->events[i].id, &p->events[i].e);

		recent_add(&p->bulk_recent, flow_hash(&f, 1));
		if (p->events[i].kind != SYNC_UPDATE)
			compare_mark(&p->compare, &f);
		put(p, w->now, &p->events[i], false);
	}
	p->n_events = 0;
}

/* Reads the part that was made before, then the kernel makes the next. True at the end. */
static bool
walk_read(struct peer *p, struct walk *k, struct change *part, unsigned *n, bool *last)
{
	memcpy(part, k->part, sizeof(k->part));
	*n = k->n;
	*last = k->last;
	if (!k->last)
		walk_make(p, k);
	return k->last && *last;
}

static void
walk_bulk(struct world *w, struct peer *p)
{
	struct change part[PART];
	unsigned n;
	bool last;

	if (p->duty.out != OUT_SENDING) {
		p->bulk.running = false;
		return;
	}
	if (!p->bulk.running || p->bulk.of != p->duty.out_id)
		walk_start(p, &p->bulk, &p->bulk_recent, p->duty.out_id);
	if (stream_backlog(&p->stream) > FRAMES / 4)
		return;
	walk_read(p, &p->bulk, part, &n, &last);
	for (unsigned i = 0; i < n; i++) {
		struct flow f = flow_of(part[i].id, &part[i].e);

		if (p->duty.out_partial && !compare_named_has(&p->compare, &f))
			continue;
		if (recent_has(&p->bulk_recent, flow_hash(&f, 1))) {
			part[i].e = p->table[part[i].id]; /* ask the kernel again */
			if (!part[i].e.there)
				continue;
		}
		put(p, w->now, &part[i], true);
	}
	recent_clear(&p->bulk_recent);
	if (last && p->duty.out == OUT_SENDING) {
		p->bulk.running = false;
		duty_walked(&p->duty);
		w->bulks++;
	}
}

static void
walk_sweep(struct world *w, struct peer *p)
{
	struct change part[PART];
	unsigned n;
	bool last;

	if (p->duty.in != IN_SWEEPING) {
		p->sweep.running = false;
		return;
	}
	if (!p->sweep.running || p->sweep.of != p->duty.in_expiry_s)
		walk_start(p, &p->sweep, &p->sweep_recent, p->duty.in_expiry_s);
	walk_read(p, &p->sweep, part, &n, &last);
	for (unsigned i = 0; i < n; i++) {
		struct flow f = flow_of(part[i].id, &part[i].e);
		int64_t left = (part[i].e.expires_ns - w->now.ns) / NS_PER_S; /* in whole seconds */

		if (p->duty.in_partial && !compare_named_has(&p->compare, &f))
			continue;
		if (!recent_has(&p->sweep_recent, flow_hash(&f, 1)) &&
			aging_unconfirmed(
				w->now, (uint32_t)(left > 0 ? left : 0), p->duty.in_expiry_s))
			p->table[part[i].id].there = false;
	}
	recent_clear(&p->sweep_recent);
	if (last) {
		p->sweep.running = false;
		duty_swept(&p->duty);
	}
}

static void
walk_scan(struct world *w, struct peer *p)
{
	struct change part[PART];
	unsigned n;
	bool last;

	if (!p->compare.walking) {
		p->scan.running = false;
		return;
	}
	if (!p->scan.running || p->scan.of != p->compare.walk_id) {
		p->scan = (struct walk){.running = true, .of = p->compare.walk_id};
		walk_make(p, &p->scan);
	}
	walk_read(p, &p->scan, part, &n, &last);
	for (unsigned i = 0; i < n; i++) {
		struct flow f = flow_of(part[i].id, &part[i].e);

		compare_flow(&p->compare, &f);
	}
	if (last) {
		p->scan.running = false;
		compare_walked(&p->compare, w->now, 0);
	}
}

static void
compare_tables(struct world *w, struct peer *p)
{
	struct compare *c = &p->compare;
	struct sync_record rec = {0};

	if (compare_poll(c, w->now, duty_comparable(&p->duty) && p->listening))
		compare_begin(c, w->now, flows_in(p), prng_u64(&w->rnd));
	while (p->duty.session && stream_backlog(&p->stream) < FRAMES / 2 &&
		compare_next(c, &rec) && stream_put_control(&p->stream, &rec, w->now))
		compare_put(c, w->now, &rec);
	walk_scan(w, p);
	if (compare_settled(c, w->now) && compare_judge(c, w->now) == COMPARE_BULK)
		duty_lost(&p->duty);
	if (compare_named(c))
		duty_repair(&p->duty, compare_named_flows(c));
}

static void
controls(struct world *w, struct peer *p)
{
	struct sync_record rec = {0};

	while (p->duty.session && duty_next(&p->duty, &rec) &&
		stream_put_control(&p->stream, &rec, w->now)) {
		duty_put(&p->duty, &rec);
		stream_flush(&p->stream, true);
	}
}

static void
new_session(struct world *w, struct peer *p)
{
	static const uint8_t key[CLUSTER_KEY_LEN] = {1};
	uint8_t seed[32];

	for (unsigned i = 0; i < sizeof(seed); i++)
		seed[i] = (uint8_t)prng_u64(&w->rnd);
	session_init(&p->session, SESSION_SYNC, seed);
	session_set_key(&p->session, 7, key);
	p->hello_at = w->now;
}

static void
run_peer(struct world *w, struct peer *p)
{
	uint8_t payload[STREAM_PAYLOAD_MAX], frame[FRAME_MAX];
	enum frame_kind kind;
	size_t len;

	if (p->duty.renew) {
		new_session(w, p);
		stream_reset(&p->stream);
		duty_session_down(&p->duty);
		compare_reset(&p->compare, w->now);
	}
	stream_applied(&p->stream, w->now);
	controls(w, p);
	feed(w, p);
	duty_poll(&p->duty, w->now, p->listening && stream_backlog(&p->stream) < FRAMES / 4, FLOWS);
	controls(w, p);
	walk_bulk(w, p);
	walk_sweep(w, p);
	compare_tables(w, p);
	controls(w, p);
	if (!p->session.established && instant_reached(w->now, p->hello_at)) {
		send_hello(w, p);
		p->hello_at = instant_add(w->now, 20 * NS_PER_MS);
	}
	while (p->session.established &&
		(len = stream_output(&p->stream, w->now, payload, &kind)) > 0) {
		len = session_seal(
			&p->session, (uint8_t)kind, 1, payload, len, frame, sizeof(frame));
		send_wire(w, !p->self, frame, len);
	}
}

static void
start_peer(struct world *w, struct peer *p, enum sync_part part, uint64_t term)
{
	const struct stream_conf c = {.frames = FRAMES,
		.burst = 16,
		.payload_max = (uint16_t)prng_range(&w->rnd, 300, 1454)};

	new_session(w, p);
	free(p->mem);
	p->mem = aligned_alloc(16, (stream_memory(&c) + 15) & ~(size_t)15);
	stream_init(&p->stream, &c, p->mem);
	duty_init(&p->duty, w->now, p->duty.in_expiry_s); /* the page outlives the process */
	duty_part(&p->duty, part, term, false);
	compare_init(&p->compare, PAUSE_NS);
	p->room = FLOWS;
	p->listening = p->overrun = false;
	p->n_events = 0;
	p->bulk.running = p->sweep.running = false;
	recent_clear(&p->bulk_recent);
	recent_clear(&p->sweep_recent);
}

static void
step(struct world *w, unsigned busy)
{
	w->now = instant_add(w->now, STEP_NS);
	for (unsigned i = 0; i < w->n_wire;) {
		if (!instant_reached(w->now, w->wire[i].at)) {
			i++;
			continue;
		}
		static struct packet k;

		k = w->wire[i];
		w->wire[i] = w->wire[--w->n_wire];
		take_frame(w, &w->p[k.to], &k);
	}
	for (unsigned i = 0; i < 2; i++) {
		struct peer *p = &w->p[i];

		for (unsigned n = 0; p->duty.part == SYNC_ACTIVE && n < busy; n++)
			if (prng_chance(&w->rnd, 30))
				traffic(w, p);
		run_peer(w, p);
	}
}

static struct world *
new_world(uint64_t seed)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->rnd.state = seed;
	w->now.ns = 1000 * NS_PER_S;
	w->moving = FLOWS;
	w->delay_ns = 50 * NS_PER_US;
	w->jitter_ns = 100 * NS_PER_US;
	w->p[1].self = 1;
	start_peer(w, &w->p[0], SYNC_ACTIVE, 1);
	start_peer(w, &w->p[1], SYNC_STANDBY, 1);
	return w;
}

static void
free_world(struct world *w)
{
	free(w->p[0].mem);
	free(w->p[1].mem);
	free(w);
}
