/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sums over tables, and the comparison of two of them: what differs is found, what moves is left
 * alone, what a walk sees twice is seen through.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "core/sync/compare.h"
#include "sync-gen.h"

#define TABLE 2000

static const struct instant start = {1000 * NS_PER_S};
static const int64_t pause_ns = 2 * NS_PER_S;

struct side {
	struct compare c;
	bool there[TABLE];
	int twice; /* a flow that the next walk sees twice, -1 = none */
};

static struct flow flows[TABLE];
static struct side a, b;
static struct instant now;

static int
draw_flows(void **state)
{
	struct prng p = {4711};

	for (unsigned i = 0; i < TABLE; i++) {
		flows[i] = gen_flow(&p);
		flows[i].orig.src[3] = (uint8_t)i; /* no two are the same */
		flows[i].orig.src[2] = (uint8_t)(i >> 8);
	}
	return 0;
}

static int
begin(void **state)
{
	now = start;
	for (unsigned k = 0; k < 2; k++) {
		struct side *s = k ? &b : &a;

		compare_init(&s->c, pause_ns);
		memset(s->there, 1, sizeof(s->there));
		s->twice = -1;
	}
	return 0;
}

static void
walk(struct side *s)
{
	if (!s->c.walking)
		return;
	for (unsigned i = 0; i < TABLE; i++) {
		if (s->there[i])
			compare_flow(&s->c, &flows[i]);
		if (s->twice == (int)i)
			compare_flow(&s->c, &flows[i]);
	}
	s->twice = -1;
	compare_walked(&s->c, now, NS_PER_MS);
}

static void
carry(struct side *from, struct side *to)
{
	struct sync_record rec = {0};

	while (compare_next(&from->c, &rec)) {
		compare_put(&from->c, now, &rec);
		compare_control(&to->c, &rec, now, to == &b);
	}
}

/* Until the next verdict of a; `meanwhile` changes something when the walks are over. */
static enum compare_verdict
verdict(void (*meanwhile)(void))
{
	for (unsigned i = 0; i < 100000; i++) {
		now = instant_add(now, 10 * NS_PER_MS);
		if (compare_poll(&a.c, now, true))
			compare_begin(&a.c, now, TABLE, (uint64_t)now.ns * 7919);
		carry(&a, &b);
		walk(&b);
		walk(&a);
		carry(&b, &a);
		if (compare_settled(&a.c, now)) {
			enum compare_verdict v;

			if (meanwhile)
				meanwhile();
			v = compare_judge(&a.c, now);
			carry(&a, &b);
			return v;
		}
	}
	fail();
	return COMPARE_OPEN;
}

/* Buckets that both sides know to be named, and whether that flow is in one. */
static void
assert_named(unsigned flow)
{
	assert_true(compare_named_has(&a.c, &flows[flow]));
	assert_true(compare_named_has(&b.c, &flows[flow]));
	assert_int_equal(bucket_set_count(&a.c.suspects), bucket_set_count(&b.c.suspects));
	assert_true(compare_named(&a.c));
	assert_false(compare_named(&a.c));
}

static void
equal_tables_are_equal(void **state)
{
	struct instant before;

	compare_poll(&a.c, now, false);
	assert_int_equal(verdict(NULL), COMPARE_EQUAL);
	assert_true(instant_sub(now, start) >= pause_ns);
	before = now;
	assert_int_equal(verdict(NULL), COMPARE_EQUAL);
	assert_true(instant_sub(now, before) >= pause_ns);
	assert_int_equal(a.c.count.done, 2);
	assert_int_equal(b.c.count.done, 2);
	assert_true(a.c.count.equal.ns == now.ns && b.c.count.equal.ns == now.ns);
	assert_int_equal(a.c.count.differed, 0);
}

static void
what_is_missing_or_left_over_is_found(void **state)
{
	for (unsigned i = 0; i < 50; i++) {
		struct side *lacks = i % 2 ? &a : &b;

		begin(NULL);
		lacks->there[i * 31] = false;
		assert_int_equal(verdict(NULL), COMPARE_AGAIN);
		assert_int_equal(verdict(NULL), COMPARE_REPAIR);
		assert_int_equal(a.c.found, 1);
		assert_int_equal(b.c.count.differed, 1);
		assert_named(i * 31);
		assert_in_range(compare_named_flows(&a.c), 1, 20);
	}
}

/* The same connection with another translation is another one. */
static void
another_translation_is_found(void **state)
{
	struct digest *d = malloc(2 * sizeof(*d));
	struct flow f = flows[0];
	bool differs = false;

	assert_non_null(d);
	f.reply.dport ^= 1;
	for (unsigned i = 0; i < 2; i++)
		digest_begin(&d[i], 99, DIGEST_LOG2_MIN);
	digest_add(&d[0], &flows[0]);
	digest_add(&d[1], &f);
	assert_int_equal(digest_bucket(&d[0], &flows[0]), digest_bucket(&d[1], &f));
	for (unsigned i = 0; i < digest_buckets(&d[0]); i++)
		differs |= d[0].sum[i] != d[1].sum[i];
	assert_true(differs);
	free(d);
}

static void
flow_77_ends(void)
{
	compare_mark(&a.c, &flows[77]);
}

/* A flow that came or went meanwhile is no difference, and is looked at the next time. */
static void
what_moves_is_not_judged(void **state)
{
	b.there[77] = false;
	assert_int_equal(verdict(flow_77_ends), COMPARE_EQUAL);
	assert_int_equal(a.c.count.unsettled, 1);
	assert_int_equal(b.c.count.unsettled, 1);
	assert_int_equal(verdict(NULL), COMPARE_AGAIN);
	assert_int_equal(verdict(NULL), COMPARE_REPAIR);
	assert_named(77);
}

/* Something that differs, and then moves each time one looks: not mended by guesswork. */
static void
what_never_rests_stays_open(void **state)
{
	b.there[77] = false;
	assert_int_equal(verdict(NULL), COMPARE_AGAIN);
	for (unsigned pass = 1; pass + 1 < COMPARE_PASSES; pass++)
		assert_int_equal(verdict(flow_77_ends), COMPARE_AGAIN);
	assert_int_equal(verdict(flow_77_ends), COMPARE_OPEN);
	assert_int_equal(a.c.count.equal.ns, 0);
	assert_int_equal(verdict(NULL), COMPARE_AGAIN);
	assert_int_equal(verdict(NULL), COMPARE_REPAIR);
}

static void
everything_moves(void)
{
	for (unsigned i = 0; i < TABLE; i++)
		compare_mark(&a.c, &flows[i]);
}

static void
too_much_movement_is_no_verdict(void **state)
{
	assert_int_equal(verdict(everything_moves), COMPARE_OPEN);
	assert_int_equal(a.c.count.equal.ns, 0);
	assert_int_equal(b.c.count.equal.ns, 0);
	/* the next one has more buckets */
	assert_int_equal(a.c.digest.log2, 9);
	assert_int_equal(verdict(NULL), COMPARE_EQUAL);
	assert_int_equal(a.c.digest.log2, 12);
}

/* A walk through a table that moves can hand out a flow twice. */
static void
a_walk_may_err_once(void **state)
{
	for (unsigned i = 0; i < 20; i++) {
		begin(NULL);
		(i % 2 ? &a : &b)->twice = (int)i;
		assert_int_equal(verdict(NULL), COMPARE_AGAIN);
		assert_int_equal(verdict(NULL), COMPARE_EQUAL);
		assert_int_equal(a.c.count.differed, 0);
	}
}

static void
a_table_that_is_lost_is_sent_whole(void **state)
{
	memset(b.there, 0, sizeof(b.there));
	assert_int_equal(verdict(NULL), COMPARE_AGAIN);
	assert_int_equal(verdict(NULL), COMPARE_BULK);
	assert_false(compare_named(&a.c));
	assert_int_equal(a.c.phase, COMPARE_RESTS);
}

/* A difference that repair does not remove costs less and less. */
static void
hopeless_repairs_become_rare(void **state)
{
	int64_t last_ns = 0;

	b.there[5] = false;
	for (unsigned i = 0; i < 10; i++) {
		struct instant before = now;

		assert_int_equal(verdict(NULL), COMPARE_AGAIN);
		assert_true(instant_sub(now, before) >= last_ns);
		assert_true(instant_sub(now, before) < COMPARE_MEND_MAX_NS + NS_PER_S);
		last_ns = instant_sub(now, before);
		assert_int_equal(verdict(NULL), COMPARE_REPAIR);
		assert_named(5);
		assert_false(compare_poll(&a.c, now, false)); /* the repair goes on */
	}
	assert_true(last_ns >= COMPARE_MEND_MAX_NS);
	b.there[5] = true;
	assert_int_equal(verdict(NULL), COMPARE_EQUAL);
	assert_int_equal(a.c.mend_ns, 0);
}

/* Work takes its share of the time and no more. */
static void
costly_walks_are_rare(void **state)
{
	struct instant before;

	assert_int_equal(verdict(NULL), COMPARE_EQUAL);
	before = now;
	a.c.cost_ns = 0;
	while (!compare_poll(&a.c, now, true))
		now = instant_add(now, NS_PER_MS);
	assert_true(instant_sub(now, before) <= pause_ns);
	compare_begin(&a.c, now, TABLE, 1);
	now = instant_add(now, COMPARE_MARGIN_NS);
	compare_poll(&a.c, now, true);
	carry(&a, &b);
	walk(&b);
	compare_walked(&a.c, now, NS_PER_S); /* an empty table, but slowly */
	carry(&b, &a);
	compare_reset(&a.c, now);
	assert_true(instant_sub(compare_deadline(&a.c), now) == COMPARE_SHARE * NS_PER_S);
}

/* What belongs to another pass, comes out of turn or never comes. */
static void
strange_records_do_no_harm(void **state)
{
	struct sync_record rec = {.control = {.type = SYNC_SUMS, .page = 3}};

	compare_control(&a.c, &rec, now, false);
	assert_int_equal(a.c.phase, COMPARE_RESTS);
	while (!compare_poll(&a.c, now, true))
		now = instant_add(now, NS_PER_MS);
	compare_begin(&a.c, now, TABLE, 1);
	now = instant_add(now, COMPARE_MARGIN_NS);
	compare_poll(&a.c, now, true);
	carry(&a, &b);
	rec.control.id = a.c.id;
	for (rec.control.page = 8191; rec.control.page > 0; rec.control.page--)
		compare_control(&a.c, &rec, now, false);
	assert_int_equal(a.c.page, 0);
	rec.control.id++;
	compare_control(&a.c, &rec, now, false);
	assert_int_equal(a.c.page, 0);
	rec.control.type = SYNC_SCAN; /* nobody asks an active node */
	compare_control(&a.c, &rec, now, false);
	assert_int_equal(a.c.phase, COMPARE_SCANS);
	now = compare_deadline(&a.c);
	assert_false(compare_poll(&a.c, now, true));
	assert_int_equal(a.c.phase, COMPARE_RESTS);
	assert_int_equal(a.c.count.abandoned, 1);
	assert_int_equal(verdict(NULL), COMPARE_EQUAL);
}

static void
a_bulk_ends_a_comparison(void **state)
{
	for (unsigned when = 0; when < 60; when++) {
		begin(NULL);
		b.there[3] = false;
		for (unsigned i = 0; i < when; i++) {
			now = instant_add(now, 40 * NS_PER_MS);
			if (compare_poll(&a.c, now, true))
				compare_begin(&a.c, now, TABLE, 5);
			carry(&a, &b);
			walk(&b);
			walk(&a);
			carry(&b, &a);
		}
		assert_false(compare_poll(&a.c, now, false));
		assert_int_equal(a.c.phase, COMPARE_RESTS);
		assert_int_equal(verdict(NULL), COMPARE_AGAIN);
	}
}

/* Sums and sets survive the way over the link, page by page. */
static void
pages_carry_everything(void **state)
{
	struct digest *d = calloc(2, sizeof(*d));
	struct bucket_set *s = calloc(2, sizeof(*s));
	struct prng p = {12};
	uint8_t page[DIGEST_PAGE];

	assert_true(d && s);
	for (uint8_t log2 = DIGEST_LOG2_MIN; log2 <= DIGEST_LOG2_MAX; log2++) {
		digest_begin(&d[0], 1, log2);
		digest_begin(&d[1], 1, log2);
		bucket_set_clear(&s[0]);
		bucket_set_clear(&s[1]);
		for (unsigned i = 0; i < 100; i++) {
			uint32_t at = (uint32_t)prng_u64(&p) >> (32 - log2);

			d[0].sum[at] = d[1].sum[at] = (uint32_t)prng_u64(&p);
			bucket_set_add(&s[0], at);
		}
		for (unsigned i = 0; i < digest_sum_pages(&d[0]); i++) {
			digest_put_page(&d[0], i, page);
			digest_subtract_page(&d[1], i, page);
		}
		for (unsigned i = 0; i < digest_buckets(&d[0]); i++)
			assert_int_equal(d[1].sum[i], 0);
		for (unsigned i = 0; i < digest_set_pages(&d[0]); i++)
			if (bucket_set_put_page(&s[0], i, page))
				bucket_set_add_page(&s[1], i, page);
		assert_memory_equal(&s[0], &s[1], sizeof(s[0]));
		assert_true(bucket_set_count(&s[0]) > 50);
	}
	free(d);
	free(s);
}

/* Who knows the hash but not the key cannot fill one bucket. */
static void
flows_are_spread(void **state)
{
	struct digest *d = calloc(1, sizeof(*d));
	unsigned most = 0, n[256] = {0};

	assert_non_null(d);
	digest_begin(d, UINT64_C(0x123456789abcdef1), DIGEST_LOG2_MIN);
	for (unsigned i = 0; i < 65536; i++) {
		struct flow f = flows[0];

		f.orig.sport = (uint16_t)i; /* one client, one server, all ports */
		n[digest_bucket(d, &f)]++;
	}
	for (unsigned i = 0; i < 256; i++)
		most = n[i] > most ? n[i] : most;
	assert_in_range(most, 256, 350);
	free(d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(equal_tables_are_equal, begin),
		cmocka_unit_test_setup(what_is_missing_or_left_over_is_found, begin),
		cmocka_unit_test(another_translation_is_found),
		cmocka_unit_test_setup(what_moves_is_not_judged, begin),
		cmocka_unit_test_setup(what_never_rests_stays_open, begin),
		cmocka_unit_test_setup(too_much_movement_is_no_verdict, begin),
		cmocka_unit_test_setup(a_walk_may_err_once, begin),
		cmocka_unit_test_setup(a_table_that_is_lost_is_sent_whole, begin),
		cmocka_unit_test_setup(hopeless_repairs_become_rare, begin),
		cmocka_unit_test_setup(costly_walks_are_rare, begin),
		cmocka_unit_test_setup(strange_records_do_no_harm, begin),
		cmocka_unit_test_setup(a_bulk_ends_a_comparison, begin),
		cmocka_unit_test(pages_carry_everything),
		cmocka_unit_test(flows_are_spread),
	};

	return cmocka_run_group_tests(tests, draw_flows, NULL);
}
