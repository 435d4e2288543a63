/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two state syncs in virtual time: real sessions, streams and duties, a made-up kernel table on
 * each side, and a network that loses, doubles, delays and reorders. Processes restart, machines
 * reboot, roles change, links are cut, events overrun, buffers are too small. However bad it was:
 * once it is over, both tables become the same, and both sides say so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <sodium.h>
#include "sync-world.h"

static const struct instant some_time = {1000 * NS_PER_S};

static bool
equal(const struct world *w)
{
	for (unsigned id = 0; id < FLOWS; id++) {
		const struct entry *a = &w->p[0].table[id], *b = &w->p[1].table[id];

		if (a->there != b->there ||
			(a->there && (a->state != b->state || a->mark != b->mark)))
			return false;
	}
	return true;
}

static bool
synced(const struct world *w)
{
	for (unsigned i = 0; i < 2; i++) {
		struct sync_report r;

		duty_report(&w->p[i].duty, &r);
		if (r.state != SYNC_SYNCED || stream_backlog(&w->p[i].stream))
			return false;
	}
	return true;
}

static void
reboot(struct world *w, struct peer *p)
{
	memset(p->table, 0, sizeof(p->table));
	start_peer(w, p, SYNC_STANDBY, 0);
	w->restarts++;
}

/* Something goes wrong, or changes. */
static void
fault(struct world *w, uint64_t *term)
{
	unsigned i = (unsigned)prng_range(&w->rnd, 0, 1);
	struct peer *p = &w->p[i], *q = &w->p[!i];

	switch (prng_range(&w->rnd, 0, 7)) {
	case 0:
		w->cut = !w->cut;
		break;
	case 1:
		w->loss = (unsigned)prng_range(&w->rnd, 0, 60);
		break;
	case 2:
		w->jitter_ns = prng_range(&w->rnd, 0, 20 * NS_PER_MS);
		break;
	case 3: /* process */
		start_peer(w, p, p->duty.part, p->duty.term);
		w->restarts++;
		break;
	case 4: /* machine */
		reboot(w, p);
		if (q->duty.part != SYNC_ACTIVE)
			duty_part(&q->duty, SYNC_ACTIVE, ++*term, true);
		break;
	case 5: /* planned switch */
		duty_part(&p->duty, SYNC_PREPARE, *term, false);
		duty_part(&q->duty, SYNC_BARRIER, *term, false);
		duty_part(&p->duty, SYNC_ACTIVE, ++*term, false);
		if (prng_chance(&w->rnd, 50))
			step(w, 4);
		duty_part(&q->duty, SYNC_STANDBY, *term, false);
		break;
	case 6: /* both active for a while */
		duty_part(&p->duty, SYNC_ACTIVE, ++*term, true);
		break;
	case 7: /* a storm of events */
		for (unsigned n = 0; n < 2 * EVENTS && p->duty.part == SYNC_ACTIVE; n++)
			traffic(w, p);
		break;
	}
}

static void
settle_links(struct world *w)
{
	w->cut = false;
	w->loss = w->dup = 0;
	w->jitter_ns = 100 * NS_PER_US;
}

/* Runs without faults until both say that they are equal; how many milliseconds. */
static int64_t
settle(struct world *w, uint64_t seed)
{
	struct instant start = w->now;

	settle_links(w);
	while (!synced(w)) {
		step(w, 0);
		if (instant_sub(w->now, start) > 20 * NS_PER_S)
			fail_msg("seed %lu: not synced after 20 s", (unsigned long)seed);
	}
	if (!equal(w))
		fail_msg("seed %lu: both say synced, and differ", (unsigned long)seed);
	return instant_sub(w->now, start) / NS_PER_MS;
}

static uint64_t
seeds_from_environment(uint64_t fallback)
{
	const char *s = getenv("TW_SEEDS");

	return s ? strtoull(s, NULL, 10) : fallback;
}

static void
tables_become_equal(void **state)
{
	uint64_t restarts = 0, overruns = 0, bulks = 0, overflow = 0;
	int64_t worst_ms = 0;

	for (uint64_t seed = 1; seed <= seeds_from_environment(150); seed++) {
		struct world *w = new_world(seed);
		uint64_t term = 1;

		w->loss = (unsigned)prng_range(&w->rnd, 0, 20);
		w->dup = (unsigned)prng_range(&w->rnd, 0, 20);
		for (unsigned round = 0; round < 20; round++) {
			unsigned steps = (unsigned)prng_range(&w->rnd, 1, 400);

			for (unsigned i = 0; i < steps; i++)
				step(w, 4);
			fault(w, &term);
		}
		/* in the end one is active and the other is not */
		duty_part(&w->p[seed % 2].duty, SYNC_ACTIVE, ++term, false);
		duty_part(&w->p[!(seed % 2)].duty, SYNC_STANDBY, term, false);
		for (unsigned i = 0; i < 100; i++)
			step(w, 4);
		int64_t ms = settle(w, seed);

		worst_ms = ms > worst_ms ? ms : worst_ms;
		restarts += w->restarts;
		overruns += w->overruns;
		bulks += w->bulks;
		overflow += w->p[0].stream.count.overflow + w->p[1].stream.count.overflow;
		free_world(w);
	}
	print_message(
		"%lu restarts, %lu lost events, %lu bulks, %lu refused records, worst healing "
		"%ld ms\n",
		(unsigned long)restarts, (unsigned long)overruns, (unsigned long)bulks,
		(unsigned long)overflow, (long)worst_ms);
	assert_true(restarts > 100 && overruns > 100 && bulks > 300 && overflow > 0);
}

/* New flows that can be told from all others. */
static void
traffic_of(struct world *w, struct peer *p, uint32_t stamp)
{
	for (unsigned id = 0; id < FLOWS; id++) {
		struct entry *e = &p->table[id];

		if (e->there || !prng_chance(&w->rnd, 40))
			continue;
		*e = (struct entry){true, 1, stamp | id, w->now.ns + 100 * NS_PER_S};
		kernel_event(w, p, SYNC_NEW, id);
	}
}

static unsigned
count_of(const struct peer *p, uint32_t stamp)
{
	unsigned n = 0;

	for (unsigned id = 0; id < FLOWS; id++)
		n += p->table[id].there && p->table[id].mark == (stamp | id);
	return n;
}

/*
 * Cut apart, both are active; each makes flows. When they meet, the one without the right to it
 * brings nothing of that time to the other, and has the other's table in the end.
 */
static void
a_loser_brings_nothing(void **state)
{
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct world *w = new_world(seed);
		struct peer *a = &w->p[0], *b = &w->p[1];
		struct peer *winner = seed % 2 ? b : a, *loser = seed % 2 ? a : b;

		settle(w, seed);
		for (unsigned i = 0; i < 50; i++)
			step(w, 4);
		w->cut = true;
		step(w, 0);
		duty_part(&a->duty, SYNC_ACTIVE, 2, true); /* the term grows, it stays active */
		duty_part(&b->duty, SYNC_ACTIVE, 2, true);
		step(w, 0);
		traffic_of(w, winner, 0x51000000);
		traffic_of(w, loser, 0x10000000);
		assert_true(count_of(loser, 0x10000000) > 20);
		for (unsigned i = 0; i < 20; i++)
			step(w, 0);
		w->cut = false;
		/* it takes a moment until one of them gives way */
		for (int64_t i = prng_range(&w->rnd, 0, 600); i > 0; i--)
			step(w, 0);
		duty_part(&loser->duty, SYNC_STANDBY, 2, false);
		settle(w, seed);
		assert_int_equal(count_of(winner, 0x10000000), 0);
		assert_true(count_of(winner, 0x51000000) > 20);
		free_world(w);
	}
}

/* A table that is too small: never "synced", few bulks, and all is well when there is room. */
static void
a_full_table_is_told(void **state)
{
	struct world *w = new_world(11);
	struct peer *a = &w->p[0], *b = &w->p[1];
	struct sync_report r;

	settle(w, 11);
	for (unsigned i = 0; i < 2000; i++)
		step(w, 8);
	b->room = flows_in(a) / 2;
	for (unsigned i = 0; i < 200; i++)
		step(w, 8);
	assert_true(w->missed > 0);
	for (unsigned i = 0; i < 300000; i++) { /* thirty seconds */
		step(w, 0);
		for (unsigned k = 0; k < 2; k++) {
			duty_report(&w->p[k].duty, &r);
			assert_true(i < 200 || r.state == SYNC_SYNCING);
		}
	}
	assert_in_range(w->bulks, 4, 6); /* the first, and after 1, 2, 4, 8 seconds */
	b->room = FLOWS;
	settle(w, 11);
	free_world(w);
}

/* Loss alone needs no second bulk: the stream repeats what was lost. */
static void
loss_needs_no_bulk(void **state)
{
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct world *w = new_world(seed);

		settle(w, seed);
		assert_int_equal(w->bulks, 1);
		w->loss = 20;
		w->dup = 5;
		w->jitter_ns = 3 * NS_PER_MS;
		for (unsigned i = 0; i < 5000; i++)
			step(w, 1);
		settle(w, seed);
		assert_true(equal(w));
		assert_int_equal(w->bulks, 1);
		assert_true(w->p[0].stream.count.retransmits > 0);
		free_world(w);
	}
}

/* On a good link nothing is repeated, and a burst never exceeds its limit. */
static void
clean_link_repeats_nothing(void **state)
{
	struct world *w = new_world(3);

	settle(w, 3);
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t before = w->p[0].stream.count.frames_sent;

		step(w, 8);
		assert_true(w->p[0].stream.count.frames_sent - before <= 16);
	}
	settle(w, 3);
	/* before the session stood on both sides the first frames may have been refused */
	assert_true(w->p[0].stream.count.retransmits <= 2);
	assert_int_equal(w->bulks, 1);
	free_world(w);
}

/* SyncBufferSize is what the peer may leave unapplied: no more is kept, and nothing of it is lost.
 */
static void
the_buffer_holds_what_it_says(void **state)
{
	static const unsigned kb[] = {64, 100, 1024, 4096, 1048576};
	struct prng rnd = {1};

	for (size_t i = 0; i < sizeof(kb) / sizeof(kb[0]); i++) {
		uint64_t frames = stream_frames(kb[i]), full = (uint64_t)kb[i] * 1024;

		assert_true(frames * STREAM_PAYLOAD_MAX <= full || frames == STREAM_FRAMES_MIN);
		assert_true((frames + 1) * STREAM_PAYLOAD_MAX > full);
	}
	struct stream_conf c = {
		.frames = stream_frames(128), .burst = 100, .payload_max = STREAM_PAYLOAD_MAX};
	struct sync_record rec = {.kind = SYNC_CONTROL, .control = {.type = SYNC_TERM}};
	void *mem = aligned_alloc(16, (stream_memory(&c) + 15) & ~(size_t)15);
	static struct stream s;

	stream_init(&s, &c, mem);
	for (struct flow f = gen_flow(&rnd); stream_put_flow(&s, SYNC_NEW, &f, some_time);)
		f = gen_flow(&rnd);
	assert_int_equal(stream_backlog(&s), c.frames - STREAM_RESERVE);
	assert_int_equal(stream_room(&s), 0);
	assert_int_equal(s.count.overflow, 1);
	assert_true(stream_put_control(&s, &rec, some_time)); /* what steers still gets through */
	free(mem);
}

/* SyncPacketMaxBurst: so many data frames within a millisecond, the others in the next ones. */
static void
a_burst_has_its_limit(void **state)
{
	static const uint32_t bursts[] = {1, 7, 40};
	struct prng rnd = {1};
	static struct stream s;

	for (size_t i = 0; i < sizeof(bursts) / sizeof(bursts[0]); i++) {
		struct stream_conf c = {
			.frames = 90, .burst = bursts[i], .payload_max = STREAM_PAYLOAD_MAX};
		void *mem = aligned_alloc(16, (stream_memory(&c) + 15) & ~(size_t)15);
		uint8_t buf[STREAM_PAYLOAD_MAX];
		enum frame_kind kind;

		stream_init(&s, &c, mem);
		for (struct flow f = gen_flow(&rnd); stream_put_flow(&s, SYNC_NEW, &f, some_time);)
			f = gen_flow(&rnd);
		for (unsigned ms = 0; ms < 40 / bursts[i]; ms++) {
			struct instant at = instant_add(some_time, ms * NS_PER_MS);
			unsigned data = 0;

			while (stream_output(&s, at, buf, &kind) > 0)
				data += kind == FRAME_SYNC_DATA;
			assert_int_equal(data, bursts[i]);
			assert_true(instant_before(at, stream_deadline(&s)));
		}
		free(mem);
	}
}

/* What was put before a mark is in the peer's table when the mark is reached. */
static void
marks_mean_applied(void **state)
{
	struct world *w = new_world(5);

	settle(w, 5);
	for (unsigned round = 0; round < 200; round++) {
		struct entry before[FLOWS];
		uint32_t mark;
		unsigned steps = 0;

		w->loss = round % 30;
		for (unsigned i = 0; i < 20; i++)
			step(w, 4);
		feed(w, &w->p[0]);
		memcpy(before, w->p[0].table, sizeof(before));
		mark = stream_mark(&w->p[0].stream);
		while (!stream_reached(&w->p[0].stream, mark)) {
			step(w, 0);
			assert_true(++steps < 50000);
		}
		for (unsigned id = 0; id < FLOWS; id++) {
			assert_int_equal(before[id].there, w->p[1].table[id].there);
			if (before[id].there)
				assert_int_equal(before[id].mark, w->p[1].table[id].mark);
		}
	}
	free_world(w);
}

/* Sequence numbers pass 2^32 without anybody noticing. */
static void
sequence_numbers_wrap(void **state)
{
	struct world *w = new_world(8);
	struct stream_tx *t = &w->p[0].stream.tx;
	struct stream_rx *r = &w->p[1].stream.rx;

	settle(w, 8);
	t->una = t->next = t->tail = t->flush_to = UINT32_MAX - 20;
	r->expected = t->una;
	r->applied = r->highest = t->una - 1;
	w->loss = 10;
	for (unsigned i = 0; i < 3000; i++)
		step(w, 4);
	settle(w, 8);
	assert_true(t->una < 1u << 20);
	free_world(w);
}

/* Somebody takes flows away on the standby, or puts some there. How many. */
static unsigned
tamper(struct world *w, const struct peer *a, struct peer *b, unsigned percent)
{
	unsigned n = 0;

	for (unsigned id = w->moving; id < FLOWS; id++) {
		struct entry *e = &b->table[id];

		if (!prng_chance(&w->rnd, percent) || (a->table[id].there && !e->there))
			continue; /* taken away already: put back it would have no true state */
		n++;
		if (e->there) {
			e->there = false;
			continue;
		}
		*e = (struct entry){true, 3, 7, w->now.ns + 3000 * NS_PER_S};
		if (prng_chance(&w->rnd, 30)) { /* or it was known once, and its end was not told */
			e->expires_ns =
				w->now.ns + aging_lifetime(w->now, b->duty.in_expiry_s) * NS_PER_S;
			e->expires_ns -= 60 * NS_PER_S;
		}
	}
	return n;
}

/* Until the tables are alike, without anything else having to happen. */
static void
heal(struct world *w, uint64_t seed, unsigned busy, unsigned from)
{
	struct instant start = w->now;

	for (;;) {
		unsigned id = from;

		while (id < FLOWS && w->p[0].table[id].there == w->p[1].table[id].there)
			id++;
		if (id == FLOWS)
			return;
		step(w, busy);
		if (instant_sub(w->now, start) > 120 * NS_PER_S)
			fail_msg("seed %lu: flow %u is not mended", (unsigned long)seed, id);
	}
}

/* Comparisons alone find and mend what no event tells, while traffic goes on. */
static void
drift_is_mended(void **state)
{
	uint64_t tampered = 0, replaced = 0, repairs = 0;

	for (uint64_t seed = 1; seed <= seeds_from_environment(40); seed++) {
		struct world *w = new_world(seed);
		struct peer *a = &w->p[0], *b = &w->p[1];
		uint64_t bulks;

		for (unsigned i = 0; i < 500; i++)
			step(w, 4);
		settle(w, seed);
		bulks = w->bulks;
		w->moving = FLOWS / 3;
		w->loss = seed % 3 ? 0 : 10;
		tampered += tamper(w, a, b, 5);
		w->replaced = 0;
		heal(w, seed, 1, w->moving);
		settle(w, seed);
		while (a->duty.out != OUT_DONE) /* its end is told */
			step(w, 0);
		replaced += w->replaced;
		repairs += a->duty.repairs_sent;
		assert_int_equal(w->bulks, bulks + a->duty.repairs_sent);
		free_world(w);
	}
	print_message("%lu flows tampered with, %lu repairs, %lu others touched\n",
		(unsigned long)tampered, (unsigned long)repairs, (unsigned long)replaced);
	assert_true(tampered > 100 && repairs >= 20);
	assert_true(replaced < 2 * tampered); /* who shares a bucket: 300 flows in 256 and more */
}

/* Whatever happens while tables are compared and mended. */
static void
drift_is_mended_in_bad_times(void **state)
{
	uint64_t repairs = 0;

	for (uint64_t seed = 1; seed <= seeds_from_environment(30); seed++) {
		struct world *w = new_world(seed);
		struct peer *a = &w->p[0], *b = &w->p[1];

		for (unsigned i = 0; i < 500; i++)
			step(w, 4);
		settle(w, seed);
		w->moving = FLOWS / 3;
		for (unsigned round = 0; round < 6; round++) {
			int64_t steps = prng_range(&w->rnd, 1, 4000);

			tamper(w, a, b, (unsigned)prng_range(&w->rnd, 1, 60));
			for (int64_t i = 0; i < steps; i++)
				step(w, 1);
			switch (prng_range(&w->rnd, 0, 3)) {
			case 0:
				w->cut = !w->cut;
				break;
			case 1:
				w->loss = (unsigned)prng_range(&w->rnd, 0, 40);
				break;
			case 2:
				start_peer(w, b, b->duty.part, b->duty.term);
				break;
			case 3:
				start_peer(w, a, a->duty.part, a->duty.term);
				break;
			}
		}
		settle_links(w);
		heal(w, seed, 1, w->moving);
		settle(w, seed);
		repairs += a->duty.repairs_sent;
		free_world(w);
	}
	assert_true(repairs > 0);
}

/* Where nothing is wrong nothing is found, however much happens. */
static void
comparing_finds_nothing_where_nothing_is(void **state)
{
	for (uint64_t seed = 1; seed <= 10; seed++) {
		struct world *w = new_world(seed);
		struct compare_counts *n = &w->p[0].compare.count;

		settle(w, seed);
		w->loss = 5;
		w->jitter_ns = 2 * NS_PER_MS;
		for (unsigned i = 0; i < 50000; i++) /* five seconds */
			step(w, seed % 5);
		assert_int_equal(w->bulks, 1);
		assert_int_equal(n->differed, 0);
		assert_true(n->done > 15);
		assert_true(n->equal.ns > w->now.ns - NS_PER_S);
		assert_true(w->p[1].compare.count.done + 1 >= n->done);
		assert_true(w->p[1].compare.count.equal.ns > w->now.ns - NS_PER_S);
		assert_int_equal(w->replaced, 0);
		free_world(w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clean_link_repeats_nothing),
		cmocka_unit_test(loss_needs_no_bulk),
		cmocka_unit_test(the_buffer_holds_what_it_says),
		cmocka_unit_test(a_burst_has_its_limit),
		cmocka_unit_test(marks_mean_applied),
		cmocka_unit_test(sequence_numbers_wrap),
		cmocka_unit_test(a_loser_brings_nothing),
		cmocka_unit_test(a_full_table_is_told),
		cmocka_unit_test(comparing_finds_nothing_where_nothing_is),
		cmocka_unit_test(drift_is_mended),
		cmocka_unit_test(drift_is_mended_in_bad_times),
		cmocka_unit_test(tables_become_equal),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
