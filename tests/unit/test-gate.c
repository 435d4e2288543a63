/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The words of the gate without a kernel: what every packet could see between any two of the stores
 * of gate_store(), and the journal of owned things. The program itself is tested in the lab.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "sys/gate.h"
#include "sys/owned.h"

static struct instant
at(int64_t ms)
{
	return (struct instant){ms * NS_PER_MS};
}

static void
test_positions(void **state)
{
	static const struct {
		int64_t open, drain; /* ms; -1 = never ends */
		int64_t now;
		enum gate_position expected;
	} cases[] = {
		{0, 0, 100, GATE_CLOSED},
		{200, 0, 100, GATE_OPEN},
		{200, 0, 199, GATE_OPEN},
		{200, 0, 200, GATE_CLOSED},
		{-1, 0, 100, GATE_OPEN},
		{-1, 0, INT64_MAX / NS_PER_MS, GATE_OPEN},
		{200, 150, 100, GATE_DRAINING},
		{200, 150, 150,
			GATE_CLOSED}, /* the deadline closes, although the lease lasts longer */
		{200, 150, 199, GATE_CLOSED},
		{120, 150, 100, GATE_DRAINING},
		{120, 150, 120, GATE_CLOSED}, /* the lease closes, although the drain could go on */
		{-1, 150, 149, GATE_DRAINING},
		{-1, 150, 150, GATE_CLOSED},
		{50, 0, 100, GATE_CLOSED}, /* a store that came too late */
		{0, 150, 100, GATE_CLOSED},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		volatile struct gate_words w = {0};

		gate_store(&w, cases[i].open < 0 ? INSTANT_NEVER : at(cases[i].open),
			at(cases[i].drain));
		if (gate_position(&w, at(cases[i].now)) != cases[i].expected)
			fail_msg("case %zu", i);
	}
}

static void
test_a_drain_forgets_the_last_one(void **state)
{
	volatile struct gate_words w = {0};

	gate_store(&w, at(500), at(150));
	w.last_unicast = 7;
	gate_store(&w, at(600), at(150)); /* renewed: the same drain */
	assert_int_equal(gate_last_unicast(&w).ns, 7);
	assert_int_equal(w.open_until, (uint64_t)at(150).ns);
	gate_close(&w);
	gate_store(&w, at(900), INSTANT_ZERO);
	assert_int_equal(gate_position(&w, at(140)), GATE_OPEN); /* nothing of it is left */
	gate_store(&w, at(900), at(800));
	assert_int_equal(gate_last_unicast(&w).ns, 0);
}

/* Reader and writer on two processors: from drain on to the next opening nobody may see "open". */
struct race {
	volatile struct gate_words w;
	atomic_long round; /* odd: draining or closed, even: anything */
	atomic_bool ended;
	atomic_long looks, seen_open, seen_draining;
};

static void *
look(void *arg)
{
	struct race *r = arg;

	while (!atomic_load(&r->ended)) {
		long round = atomic_load(&r->round);
		enum gate_position p = gate_position(&r->w, at(100));

		if (!(round & 1) || atomic_load(&r->round) != round)
			continue; /* not all of the look was within one such time */
		r->looks++;
		r->seen_open += p == GATE_OPEN;
		r->seen_draining += p == GATE_DRAINING;
	}
	return NULL;
}

static void
test_draining_is_never_seen_open(void **state)
{
	static struct race r;
	pthread_t t;

	assert_int_equal(pthread_create(&t, NULL, look, &r), 0);
	/* on one processor the reader gets its turn only now and then: go on until it has looked */
	for (long i = 0; i < 20000000 && (i < 100000 || r.looks < 10000); i++) {
		gate_store(&r.w, at(200), INSTANT_ZERO);
		gate_store(&r.w, at(200), at(180));
		atomic_fetch_add(&r.round, 1);
		for (int k = 0; k < 20; k++)
			gate_store(&r.w, at(200 + k), at(180));
		gate_close(&r.w);
		for (int k = 0; k < 20; k++)
			gate_close(&r.w);
		atomic_fetch_add(&r.round, 1);
	}
	atomic_store(&r.ended, true);
	pthread_join(t, NULL);
	assert_int_equal(r.seen_open, 0);
	print_message("%ld looks, %ld draining\n", (long)r.looks, (long)r.seen_draining);
}

static void
journal_path(char *buf, size_t size)
{
	snprintf(buf, size, "%s/tw-owned-%d", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp",
		getpid());
}

static void
test_journal(void **state)
{
	struct owned o;
	char path[200];

	journal_path(path, sizeof(path));
	unlink(path);
	assert_int_equal(owned_open(&o, path), 0);
	assert_int_equal(owned_add(&o, OWNED_SYSCTL, "net/ipv4/conf/all/rp_filter", "2"), 0);
	assert_int_equal(owned_add(&o, OWNED_LINK, "tw-lan", ""), 0);
	assert_int_equal(owned_add(&o, OWNED_ADDR, "lan 10.1.0.2/24", ""), 0);
	/* the first value stays: it is the one from before us */
	assert_int_equal(owned_add(&o, OWNED_SYSCTL, "net/ipv4/conf/all/rp_filter", "0"), 0);
	assert_int_equal(owned_add(&o, OWNED_LINK, "gone", ""), 0);
	assert_int_equal(owned_remove(&o, OWNED_LINK, "gone"), 0);
	assert_int_equal(owned_remove(&o, OWNED_LINK, "never"), 0);
	assert_true(owned_add(&o, OWNED_LINK, "a\tb", "") < 0);
	assert_true(owned_add(&o, OWNED_LINK, "ab", "c\nd") < 0);
	owned_close(&o);

	assert_int_equal(owned_open(&o, path), 0);
	assert_int_equal(o.n, 3);
	assert_string_equal(
		owned_find(&o, OWNED_SYSCTL, "net/ipv4/conf/all/rp_filter")->value, "2");
	assert_non_null(owned_find(&o, OWNED_ADDR, "lan 10.1.0.2/24"));
	assert_null(owned_find(&o, OWNED_LINK, "gone"));
	assert_true(owned_find(&o, OWNED_SYSCTL, "net/ipv4/conf/all/rp_filter")->seq <
		    owned_find(&o, OWNED_LINK, "tw-lan")->seq);
	owned_close(&o);
	unlink(path);
}

/* Torn, foreign and senseless lines are skipped; another boot's journal is empty. */
static void
test_journal_damage(void **state)
{
	struct owned o;
	char path[200];
	FILE *f;

	journal_path(path, sizeof(path));
	unlink(path);
	assert_int_equal(owned_open(&o, path), 0);
	assert_int_equal(owned_add(&o, OWNED_LINK, "tw-lan", ""), 0);
	owned_close(&o);
	f = fopen(path, "a");
	assert_non_null(f);
	fputs("\n+\n+ link\n+ nonsense x\ty\n* link tw-x\t\n- link\n+ sysctl k\tv\n", f);
	for (int i = 0; i < 600; i++)
		fputc('x', f);
	fputs("\n+ link tw-to", f); /* the machine stopped here */
	fclose(f);
	assert_int_equal(owned_open(&o, path), 0);
	assert_int_equal(o.n, 2);
	assert_non_null(owned_find(&o, OWNED_LINK, "tw-lan"));
	assert_string_equal(owned_find(&o, OWNED_SYSCTL, "k")->value, "v");
	owned_close(&o);

	f = fopen(path, "w");
	assert_non_null(f);
	fputs("twinwall owned another-boot 1\n+ link tw-lan\t\n", f);
	fclose(f);
	assert_int_equal(owned_open(&o, path), 0);
	assert_int_equal(o.n, 0);
	owned_close(&o);
	unlink(path);
}

static void
test_journal_stays_small(void **state)
{
	struct owned o;
	char path[200];
	FILE *f;

	journal_path(path, sizeof(path));
	unlink(path);
	assert_int_equal(owned_open(&o, path), 0);
	assert_int_equal(owned_add(&o, OWNED_LINK, "tw-lan", ""), 0);
	for (int i = 0; i < 5000; i++) {
		assert_int_equal(owned_add(&o, OWNED_ADDR, "lan 10.1.0.2/24", ""), 0);
		assert_int_equal(owned_remove(&o, OWNED_ADDR, "lan 10.1.0.2/24"), 0);
	}
	f = fopen(path, "r");
	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	assert_in_range(ftell(f), 1, 60000);
	fclose(f);
	owned_close(&o);
	assert_int_equal(owned_open(&o, path), 0);
	assert_int_equal(o.n, 1);
	owned_close(&o);
	unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_positions),
		cmocka_unit_test(test_a_drain_forgets_the_last_one),
		cmocka_unit_test(test_draining_is_never_seen_open),
		cmocka_unit_test(test_journal),
		cmocka_unit_test(test_journal_damage),
		cmocka_unit_test(test_journal_stays_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
