/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SyncAfter: which flows are old enough, each carried by exactly one walk, whatever the clocks do;
 * when a peer that is gone is called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/prng.h"
#include "core/sync/quiet.h"
#include "core/sync/ripe.h"

#define REAL (UINT64_C(1700000000) * NS_PER_S) /* at awake time 0 */

static struct ripe ripe;

static uint64_t
real_at(struct instant now)
{
	return REAL + (uint64_t)now.ns;
}

static void
off_carries_all(void **state)
{
	struct instant now = {100 * NS_PER_S};
	bool stepped;

	ripe_set(&ripe, 0);
	ripe_bulk(&ripe, now, real_at(now));
	assert_true(ripe_carries(&ripe, real_at(now)));
	ripe_began(&ripe, 77, now);
	assert_false(ripe_young(&ripe, 77, now));
	assert_false(ripe_begin(&ripe, instant_add(now, 1000 * NS_PER_S), 0, &stepped));
	assert_false(stepped);
}

/* Nothing is told of a flow for surely less than SyncAfter, and never of one that was carried. */
static void
young_for_a_while(void **state)
{
	struct prng p = {3};

	ripe_set(&ripe, 5);
	for (unsigned i = 0; i < 20000; i++) {
		struct instant began = {(int64_t)prng_range(&p, 0, 1000000) * NS_PER_MS};
		int64_t age_ms = (int64_t)prng_range(&p, 0, 9000);
		uint64_t hash = prng_u64(&p);
		bool young;

		ripe_began(&ripe, hash, began);
		young = ripe_young(&ripe, hash, instant_add(began, age_ms * NS_PER_MS));
		if (age_ms < 4000)
			assert_true(young);
		if (age_ms >= 5000)
			assert_false(young);
		assert_false(ripe_young(&ripe, ~hash, began));
	}
}

/* Random beginnings, walks that come late: each flow is found by the bulk or by one walk, never
 * before its age, and not much after. */
static void
each_flow_once(void **state)
{
	enum { FLOWS = 2000 };
	static int64_t began_ns[FLOWS];
	static unsigned found[FLOWS];

	for (unsigned seed = 1; seed <= 50; seed++) {
		struct prng p = {seed};
		struct instant now = {0};
		uint32_t after_s = (uint32_t)prng_range(&p, 1, 20);
		bool stepped;

		ripe_set(&ripe, after_s);
		for (unsigned i = 0; i < FLOWS; i++) {
			began_ns[i] = (int64_t)prng_range(&p, 0, 200) * NS_PER_S;
			found[i] = 0;
		}
		now = instant_add(now, 50 * NS_PER_S);
		ripe_bulk(&ripe, now, real_at(now));
		for (unsigned i = 0; i < FLOWS; i++)
			found[i] += ripe_carries(&ripe, REAL + (uint64_t)began_ns[i]);
		while (now.ns < 260 * NS_PER_S) {
			now = instant_add(now, (int64_t)prng_range(&p, 1, 500) * NS_PER_MS);
			if (!ripe_begin(&ripe, now, real_at(now), &stepped))
				continue;
			for (unsigned i = 0; i < FLOWS; i++) {
				int64_t age_ns = now.ns - began_ns[i];

				if (!ripe_now(&ripe, REAL + (uint64_t)began_ns[i]))
					continue;
				found[i]++;
				assert_true(age_ns >= after_s * NS_PER_S + RIPE_SLACK_NS);
				assert_true(age_ns <= (after_s + 10) * NS_PER_S ||
					    now.ns < 65 * NS_PER_S);
			}
			ripe_done(&ripe, now, NS_PER_MS);
		}
		for (unsigned i = 0; i < FLOWS; i++)
			assert_int_equal(found[i], 1);
	}
}

/* What began later than the walk's limit is not carried yet, and its end is nobody's business. */
static void
limits(void **state)
{
	struct instant now = {100 * NS_PER_S};
	uint64_t old = real_at(now) - 8 * NS_PER_S, young = real_at(now) - 6 * NS_PER_S;
	bool stepped;

	ripe_set(&ripe, 5);
	assert_false(ripe_carries(&ripe, old)); /* no bulk yet */
	assert_true(ripe_carries(&ripe, 0));    /* nobody knows: as if it were old */
	ripe_bulk(&ripe, now, real_at(now));
	assert_true(ripe_carries(&ripe, old));
	assert_false(ripe_carries(&ripe, young));
	assert_false(ripe_begin(&ripe, now, real_at(now), &stepped)); /* not time yet */
	now = instant_add(now, RIPE_PAUSE_NS);
	assert_true(ripe_begin(&ripe, now, real_at(now), &stepped));
	assert_true(ripe_carries(&ripe, young)); /* as soon as the walk is on its way */
	assert_true(ripe_now(&ripe, young));
	assert_false(ripe_now(&ripe, old));
	ripe_done(&ripe, now, 1500 * NS_PER_MS);
	assert_false(ripe_now(&ripe, young));
	assert_true(ripe_carries(&ripe, young));
	assert_int_equal(instant_sub(ripe.next, now), 75 * NS_PER_S); /* a big table: rarely */
}

static void
a_clock_that_is_set(void **state)
{
	struct instant now = {100 * NS_PER_S};
	bool stepped;

	ripe_set(&ripe, 5);
	ripe_bulk(&ripe, now, real_at(now));
	for (unsigned i = 0; i < 20; i++) { /* slewed: followed */
		now = instant_add(now, 3 * NS_PER_S);
		assert_true(ripe_begin(
			&ripe, now, real_at(now) + i * 500 * (uint64_t)NS_PER_MS, &stepped));
		ripe_done(&ripe, now, 10);
	}
	now = instant_add(now, 3 * NS_PER_S);
	assert_false(ripe_begin(&ripe, now, real_at(now) - 3600 * (uint64_t)NS_PER_S, &stepped));
	assert_true(stepped);
}

/* A peer that is gone: called all the time for a minute, then between silences. */
static void
a_gone_peer_is_called_now_and_then(void **state)
{
	static const struct {
		double unheard_s, silence_s, left_s;
	} row[] = {
		{0, 5, 0},
		{59.9, 5, 0},
		{60, 5, 5},
		{62.5, 5, 2.5},
		{65, 5, 0},
		{65.9, 5, 0},
		{66, 5, 5},
		{71, 5, 0},
		{72, 5, 5},
		{60, 30, 30},
		{90, 30, 0},
		{91, 30, 30},
		{60 + 31.0 * 1000000, 30, 30}, /* a year later */
		{60, 0, 0},                    /* not told yet: speak */
		{1000, 0, 0},
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		int64_t left = quiet_left((int64_t)(row[i].unheard_s * (double)NS_PER_S),
			(int64_t)(row[i].silence_s * (double)NS_PER_S));

		assert_int_equal(left, (int64_t)(row[i].left_s * (double)NS_PER_S));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_gone_peer_is_called_now_and_then),
		cmocka_unit_test(off_carries_all),
		cmocka_unit_test(young_for_a_while),
		cmocka_unit_test(each_flow_once),
		cmocka_unit_test(limits),
		cmocka_unit_test(a_clock_that_is_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
