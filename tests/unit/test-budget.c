/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Floods on many wires: what is read of whom, and how much in all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "core/hb/budget.h"

struct bench {
	struct budget b;
	unsigned waiting[IFACES_MAX]; /* frames in the sockets */
	unsigned read[IFACES_MAX];    /* of each in this window */
	bool asleep[IFACES_MAX];
	uint16_t order[2 * IFACES_MAX]; /* who had a turn in the last round */
	unsigned n_order;
};

static void
begin(struct bench *t, uint16_t n_ports, uint16_t n_sync)
{
	bool sync[IFACES_MAX] = {false};

	memset(t, 0, sizeof(*t));
	for (uint16_t i = 0; i < n_sync; i++)
		sync[i] = true;
	budget_ports(&t->b, n_ports, sync);
}

/* As the engine does: every port that has frames and is awake. Frames read in all. */
static unsigned
one_round(struct bench *t)
{
	unsigned total = 0;
	uint16_t i;

	t->n_order = 0;
	budget_round(&t->b);
	while (budget_next(&t->b, &i)) {
		unsigned slice = budget_slice(&t->b, i), n;

		t->order[t->n_order++] = i;
		if (!t->waiting[i] || t->asleep[i])
			continue;
		n = slice < t->waiting[i] ? slice : t->waiting[i];
		t->asleep[i] = slice == 0;
		budget_spend(&t->b, i, n);
		t->waiting[i] -= n;
		t->read[i] += n;
		total += n;
	}
	return total;
}

static void
new_window(struct bench *t)
{
	budget_window(&t->b);
	memset(t->read, 0, sizeof(t->read));
	memset(t->asleep, 0, sizeof(t->asleep));
}

/* One wire that is flooded is read as far as a port may be, and no further. */
static void
one_flood(void **state)
{
	struct bench t;
	unsigned rounds = 0;

	begin(&t, 4, 1);
	t.waiting[2] = 100000;
	while (one_round(&t))
		rounds++;
	assert_int_equal(t.read[2], BUDGET_PORT);
	assert_true(rounds >= BUDGET_PORT / BUDGET_SLICE); /* the clock is looked at in between */
	new_window(&t);
	assert_true(one_round(&t) > 0);
}

/* All wires are: a round and a window have their limits, sync ports come first, all are served. */
static void
floods_everywhere(void **state)
{
	struct bench t;

	begin(&t, IFACES_MAX, 2);
	for (unsigned window = 0; window < 20; window++) {
		unsigned total = 0, n;

		new_window(&t);
		for (unsigned i = 0; i < IFACES_MAX; i++)
			t.waiting[i] = 100000;
		do {
			n = one_round(&t);
			assert_true(n < BUDGET_ROUND + BUDGET_SLICE + 2 * BUDGET_SLICE_SYNC);
			assert_int_equal(t.order[0], 0);
			assert_int_equal(t.order[1], 1);
			total += n;
		} while (n);
		assert_int_equal(t.read[0], BUDGET_PORT);
		assert_int_equal(t.read[1], BUDGET_PORT);
		for (unsigned i = 2; i < IFACES_MAX; i++)
			assert_in_range(t.read[i], BUDGET_SURE, BUDGET_PORT);
		assert_int_equal(
			total, 2 * BUDGET_PORT + (IFACES_MAX - 2) * BUDGET_SURE + BUDGET_SHARED);
	}
}

/* A heartbeat on a quiet wire is read within few rounds, though all others are flooded, and though
 * it comes when all that they share is used up. */
static void
a_quiet_wire_is_heard(void **state)
{
	struct bench t;

	begin(&t, 200, 1);
	for (unsigned window = 0; window < 50; window++) {
		unsigned quiet = 1 + window * 7 % 199, rounds = 0;
		bool late = window & 1;

		new_window(&t);
		for (unsigned i = 1; i < 200; i++)
			t.waiting[i] = i == quiet ? 0 : 100000;
		while (late && one_round(&t))
			;
		assert_int_equal(t.b.shared, late ? 0 : BUDGET_SHARED);
		t.waiting[quiet] = 3;
		while (t.waiting[quiet]) {
			one_round(&t);
			rounds++;
		}
		assert_true(rounds <= 200 * BUDGET_SLICE / BUDGET_ROUND + 1);
		assert_false(t.asleep[quiet]);
	}
}

/* What is shared goes to all alike, over some windows. */
static void
the_rest_is_shared_alike(void **state)
{
	unsigned sum[40] = {0}, least = UINT32_MAX, most = 0;
	struct bench t;

	begin(&t, 40, 0);
	for (unsigned window = 0; window < 40; window++) {
		new_window(&t);
		for (unsigned i = 0; i < 40; i++)
			t.waiting[i] = 100000;
		while (one_round(&t))
			;
		for (unsigned i = 0; i < 40; i++)
			sum[i] += t.read[i];
	}
	for (unsigned i = 0; i < 40; i++) {
		least = sum[i] < least ? sum[i] : least;
		most = sum[i] > most ? sum[i] : most;
	}
	assert_true(most - least <= 40 * BUDGET_SLICE);
}

/* Nothing waits anywhere, or there is no port at all. */
static void
calm(void **state)
{
	struct bench t;

	begin(&t, 0, 0);
	assert_int_equal(one_round(&t), 0);
	begin(&t, 9, 2);
	assert_int_equal(one_round(&t), 0);
	assert_int_equal(t.n_order, 9); /* everybody was asked, once */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_flood),
		cmocka_unit_test(floods_everywhere),
		cmocka_unit_test(a_quiet_wire_is_heard),
		cmocka_unit_test(the_rest_is_shared_alike),
		cmocka_unit_test(calm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
