/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The quality factor: formula, comparison, damping. Numbers as in docs/design/election.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "base/prng.h"
#include "core/quality/quality.h"

/* S159–S162: interfaces out, in, dmz2 with weights 100, 100, 75 */
static void
test_quality_of_the_seed(void **state)
{
	static const struct {
		bool up[3];
		uint8_t quality;
	} table[] = {
		{{true, false, true}, 63}, /* S162: 63.63 is cut */
		{{true, true, true}, 100},
		{{false, false, false}, 0},
		{{true, true, false}, 72},
		{{true, false, false}, 36},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct quality_iface f[3] = {{100, 0, table[i].up[0]}, {100, 0, table[i].up[1]},
			{75, 0, table[i].up[2]}};

		assert_int_equal(quality_ifaces(f, 3), table[i].quality);
		assert_int_equal(quality_any_up(f, 3), table[i].quality > 0);
	}
	assert_int_equal(quality_ifaces(NULL, 0), 100); /* nothing weighted */
	assert_true(quality_any_up(NULL, 0));
}

static void
test_quality_settles(void **state)
{
	struct quality_settled q = {0};
	struct instant t = {NS_PER_S};

	quality_settle(&q, 100, t, true);
	assert_int_equal(q.value, 100);
	quality_settle(&q, 63, t, false);
	assert_int_equal(q.value, 63); /* worse at once */
	quality_settle(&q, 100, t, false);
	assert_int_equal(q.value, 63); /* better after the dwell */
	t = instant_add(t, QUALITY_DWELL_NS - 1);
	quality_settle(&q, 100, t, false);
	assert_int_equal(q.value, 63);
	quality_settle(&q, 80, t, false); /* not the whole time: starts again with 80 */
	t = instant_add(t, QUALITY_DWELL_NS - 1);
	quality_settle(&q, 100, t, false);
	assert_int_equal(q.value, 63);
	t = instant_add(t, 1);
	quality_settle(&q, 100, t, false);
	assert_int_equal(q.value, 80);
	t = instant_add(
		t, QUALITY_DWELL_NS - 2); /* the rest came a moment later, and waits no longer */
	quality_settle(&q, 100, t, false);
	assert_int_equal(q.value, 80);
	quality_settle(&q, 100, instant_add(t, 1), false);
	assert_int_equal(q.value, 100);
}

/* Two ports return one after the other: each waits for its own time only. */
static void
test_quality_settles_in_steps(void **state)
{
	struct quality_settled q = {.value = 0};
	struct instant t = {NS_PER_S};

	quality_settle(&q, 33, t, false);
	quality_settle(&q, 100, instant_add(t, NS_PER_MS), false);
	assert_int_equal(quality_deadline(&q).ns, t.ns + QUALITY_DWELL_NS);
	t = quality_deadline(&q);
	quality_settle(&q, 100, t, false);
	assert_int_equal(q.value, 33);
	assert_int_equal(quality_deadline(&q).ns, t.ns + NS_PER_MS);
	quality_settle(&q, 100, quality_deadline(&q), false);
	assert_int_equal(q.value, 100);
	assert_int_equal(quality_deadline(&q).ns, INSTANT_NEVER.ns);
}

/* S149–S154: members share the weight of their aggregate when they weigh. */
static void
test_members_share_a_weight(void **state)
{
	static const struct {
		struct quality_iface f[3];
		uint8_t quality;
	} table[] = {
		{{{100, 0, 1}, {100, 0, 1}}, 100},
		{{{100, 2, 1}, {100, 0, 1}}, 75},
		{{{100, 2, 0}, {100, 0, 1}}, 50},
		{{{100, 3, 1}, {100, 3, 2}}, 50}, /* thirds add up exactly */
		{{{100, 3, 3}, {100, 7, 7}, {100, 11, 11}}, 100},
		{{{75, 4, 3}, {100, 0, 0}}, 32}, /* 56.25 of 175 */
		{{{9999, 16, 15}}, 93},
		{{{0, 2, 1}, {0, 0, 1}}, 100},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(quality_ifaces(table[i].f, 3), table[i].quality);
}

#define ALL_WELL                                                                                   \
	{                                                                                          \
		100, 100, 100, 100, 100, 100, 100, 100, 100                                        \
	}
#define NO_PROBE                                                                                   \
	{                                                                                          \
		100, 255, 255, 255, 255, 255, 255, 100, 100                                        \
	}

/* The weights as docs/design/election.md prints them; together they never make a node useless. */
static void
test_quality_of_terms(void **state)
{
	static const uint8_t weight[_QUALITY_TERMS] = {0, 25, 10, 20, 10, 10, 6, 9, 9};
	static const struct {
		struct quality_terms t;
		uint8_t quality;
	} table[] = {
		{{100, ALL_WELL}, 100}, {{100, NO_PROBE}, 100}, /* what is unknown takes nothing */
		{{63, {63, 255, 255, 255, 255, 255, 255, 100, 100}}, 63},
		{{100, {100, 0, 100, 100, 100, 100, 100, 100, 100}}, 75},
		{{100, {100, 0, 255, 50, 255, 255, 255, 100, 100}}, 65},
		{{63, {63, 0, 100, 100, 100, 100, 100, 100, 100}}, 47}, /* 47.25 is cut */
		{{100, {100, 99, 100, 100, 100, 100, 100, 100, 100}}, 99},
		{{100, {100, 0, 0, 0, 0, 0, 0, 0, 0}}, 1},
		{{0, {0, 100, 100, 100, 100, 100, 100, 100, 100}}, 0},
		{{100, {0, 100, 100, 100, 100, 100, 100, 100, 100}},
			0}, /* links say nothing here */
	};
	unsigned sum = 0;

	for (unsigned i = 0; i < _QUALITY_TERMS; i++) {
		assert_int_equal(quality_weight(i), weight[i]);
		sum += weight[i];
	}
	assert_true(sum < 100);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(quality_of(&table[i].t), table[i].quality);
}

static void
test_comparison(void **state)
{
	static const struct {
		const char *what;
		struct quality_terms a, b;
		int winner; /* 1 = a, -1 = b */
		bool links; /* they alone make the winner better */
	} table[] = {
		{"equal", {100, ALL_WELL}, {100, ALL_WELL}, 0, false},
		{"within the margin", {100, ALL_WELL},
			{100, {100, 80, 100, 100, 100, 100, 100, 100, 100}}, 0, false},
		{"beyond it", {100, ALL_WELL}, {100, {100, 76, 100, 100, 100, 100, 100, 100, 100}},
			1, false},
		{"links need no margin", {100, ALL_WELL},
			{99, {99, 100, 100, 100, 100, 100, 100, 100, 100}}, 1, true},
		{"… when they point the same way", {99, ALL_WELL},
			{100, {99, 100, 100, 100, 100, 100, 100, 100, 100}}, 0, false},
		{"a knows its disks, b does not",
			{100, {100, 0, 100, 100, 100, 100, 100, 100, 100}}, {100, NO_PROBE}, 0,
			false},
		{"the same the other way round", {100, NO_PROBE},
			{100, {100, 0, 0, 0, 0, 0, 0, 100, 100}}, 0, false},
		{"what both know decides", {100, {100, 0, 100, 50, 100, 100, 100, 100, 100}},
			{100, {100, 255, 100, 100, 100, 100, 100, 100, 100}}, -1, false},
		{"links are worse, a fault on top",
			{50, {50, 0, 100, 100, 100, 100, 100, 100, 100}}, {100, ALL_WELL}, -1,
			true},
		{"links are worse, but the fault tips it",
			{90, {90, 0, 100, 100, 100, 100, 100, 100, 100}},
			{100, {100, 40, 100, 100, 100, 100, 100, 100, 100}}, -1, false},
		{"a LinkMonitor", {100, {50, 255, 255, 255, 255, 255, 255, 100, 100}},
			{100, NO_PROBE}, -1, false},
		{"carrier is back, not settled yet",
			{100, {50, 255, 255, 255, 255, 255, 255, 100, 100}},
			{50, {50, 255, 255, 255, 255, 255, 255, 100, 100}}, 0, false},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct quality_terms *a = &table[i].a, *b = &table[i].b;

		if (quality_compare(a, b) != table[i].winner ||
			quality_compare(b, a) != -table[i].winner)
			fail_msg("%s: %d", table[i].what, quality_compare(a, b));
		if (quality_links_decide(a, b) != (table[i].winner > 0 && table[i].links) ||
			quality_links_decide(b, a) != (table[i].winner < 0 && table[i].links))
			fail_msg("%s: links", table[i].what);
	}
}

static struct quality_terms
random_terms(struct prng *p)
{
	struct quality_terms t = {.carrier = (uint8_t)prng_range(p, 95, 100)};

	for (unsigned i = 0; i < _QUALITY_TERMS; i++)
		t.value[i] =
			i && prng_chance(p, 30) ? QUALITY_UNKNOWN : (uint8_t)prng_range(p, 80, 100);
	return t;
}

/*
 * Both nodes reach the same answer, links decide for one at most; and the terms of the standby
 * never make a move that they would undo: whoever is preferred as standby is not left as active.
 */
static void
test_comparison_has_one_answer(void **state)
{
	struct prng p = {.state = 3};

	for (int i = 0; i < 200000; i++) {
		struct quality_terms a = random_terms(&p), b = random_terms(&p);
		int r = quality_compare(&a, &b);

		assert_int_equal(r, -quality_compare(&b, &a));
		assert_true(!quality_links_decide(&a, &b) || r > 0);
		/* a is active, so nothing of a standby counts against it */
		a.value[QUALITY_SYNC] = a.value[QUALITY_CONF] = 100;
		if (quality_compare(&b, &a) <= 0)
			continue;
		b.value[QUALITY_SYNC] = b.value[QUALITY_CONF] = 100;
		a.value[QUALITY_SYNC] = (uint8_t)prng_range(&p, 0, 100);
		a.value[QUALITY_CONF] = prng_chance(&p, 50) ? 0 : 100;
		assert_true(quality_compare(&a, &b) <= 0);
	}
}

/* Unknown is as good as well: to become unknown is an improvement that has to last. */
static void
test_unknown_settles(void **state)
{
	struct quality_settled q = {0};
	struct instant t = {NS_PER_S};

	quality_settle(&q, QUALITY_UNKNOWN, t, true);
	quality_settle(&q, 100, t, false);
	assert_int_equal(q.value, 100);
	quality_settle(&q, QUALITY_UNKNOWN, t, false);
	assert_int_equal(q.value, QUALITY_UNKNOWN);
	quality_settle(&q, 40, t, false);
	assert_int_equal(q.value, 40);
	quality_settle(&q, QUALITY_UNKNOWN, t, false);
	assert_int_equal(q.value, 40);
	quality_settle(&q, QUALITY_UNKNOWN, quality_deadline(&q), false);
	assert_int_equal(q.value, QUALITY_UNKNOWN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quality_of_the_seed),
		cmocka_unit_test(test_members_share_a_weight),
		cmocka_unit_test(test_quality_of_terms),
		cmocka_unit_test(test_comparison),
		cmocka_unit_test(test_comparison_has_one_answer),
		cmocka_unit_test(test_quality_settles),
		cmocka_unit_test(test_quality_settles_in_steps),
		cmocka_unit_test(test_unknown_settles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
