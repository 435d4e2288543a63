/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who asks whom for a bulk and when a table counts as complete; lifetimes; what was heard of
 * lately. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>
#include <cmocka.h>
#include "core/sync/aging.h"
#include "core/sync/duty.h"
#include "core/sync/recent.h"

static const struct instant start = {1000 * NS_PER_S};

/* Carries all control records from one to the other; how many. */
static unsigned
carry(struct duty *from, struct duty *to, struct instant now)
{
	struct sync_record rec = {0};
	unsigned n = 0;

	while (duty_next(from, &rec)) {
		duty_put(from, &rec);
		duty_control(to, &rec, now);
		n++;
	}
	return n;
}

static enum sync_state
state_of(const struct duty *d)
{
	struct sync_report r;

	duty_report(d, &r);
	return r.state;
}

/* Until nothing is left to do. */
static void
run(struct duty *a, struct duty *b, struct instant now)
{
	for (unsigned i = 0; i < 20; i++) {
		struct duty *d[] = {a, b};

		for (unsigned k = 0; k < 2; k++) {
			duty_poll(d[k], now, true, 10);
			carry(d[k], d[!k], now);
			if (d[k]->out == OUT_SENDING)
				duty_walked(d[k]);
			if (d[k]->in == IN_SWEEPING)
				duty_swept(d[k]);
		}
	}
}

static void
a_pair_becomes_complete(void **state)
{
	struct duty a, b;

	duty_init(&a, start, 0);
	duty_init(&b, start, 0);
	assert_int_equal(state_of(&a), SYNC_LOST);
	duty_session_up(&a);
	duty_session_up(&b);
	run(&a, &b, start);
	assert_int_equal(state_of(&a), SYNC_SYNCING); /* nobody is active: nobody serves */
	assert_false(duty_listen(&a));
	duty_part(&a, SYNC_PREPARE, 1);
	assert_true(duty_listen(&a));
	assert_false(duty_send(&a));
	duty_part(&a, SYNC_ACTIVE, 1);
	assert_false(duty_send(&a)); /* first the term */
	run(&a, &b, start);
	assert_true(duty_send(&a));
	assert_int_equal(state_of(&a), SYNC_SYNCED);
	assert_int_equal(state_of(&b), SYNC_SYNCED);
	assert_int_equal(a.bulks_sent, 1);
	assert_int_equal(b.bulks_received, 1);
	assert_int_equal(b.peer_term, 1);
}

static void
losses_are_repaired(void **state)
{
	struct duty a, b;
	int64_t expiry;

	duty_init(&a, start, 0);
	duty_init(&b, start, 0);
	duty_part(&a, SYNC_ACTIVE, 1);
	duty_session_up(&a);
	duty_session_up(&b);
	run(&a, &b, start);
	expiry = b.in_expiry_s;
	duty_lost(&a);
	assert_int_equal(state_of(&a), SYNC_SYNCING);
	duty_poll(&a, start, false, 10); /* the backlog is still large */
	assert_int_equal(a.out, OUT_IDLE);
	duty_poll(&a, start, true, 10);
	carry(&a, &b, start);
	assert_int_equal(state_of(&b), SYNC_SYNCING);
	duty_lost(&a); /* again, in the middle of it */
	run(&a, &b, start);
	assert_int_equal(state_of(&a), SYNC_SYNCED);
	assert_int_equal(state_of(&b), SYNC_SYNCED);
	assert_true(b.in_expiry_s >= expiry + 2 * AGING_STEP_S);
}

static void
roles_change_and_back(void **state)
{
	struct duty a, b;

	duty_init(&a, start, 0);
	duty_init(&b, start, 0);
	duty_part(&a, SYNC_ACTIVE, 1);
	duty_session_up(&a);
	duty_session_up(&b);
	run(&a, &b, start);
	for (uint64_t term = 2; term < 10; term++) {
		struct duty *old = term % 2 ? &b : &a, *new = term % 2 ? &a : &b;

		duty_part(new, SYNC_PREPARE, term);
		duty_part(old, SYNC_BARRIER, term);
		assert_int_equal(old->part, SYNC_ACTIVE);
		duty_set_barrier(old, term, 77);
		assert_true(old->flushed_term != term);
		duty_barrier_reached(old);
		assert_true(old->flushed_term == term);
		duty_part(new, SYNC_ACTIVE, term);
		carry(new, old, start);
		assert_true(duty_senior(new));
		duty_part(old, SYNC_STANDBY, term);
		assert_false(duty_senior(old));
		assert_int_equal(state_of(old), SYNC_SYNCING); /* its windows are stale */
		run(&a, &b, start);
		assert_int_equal(state_of(&a), SYNC_SYNCED);
		assert_int_equal(state_of(&b), SYNC_SYNCED);
		assert_int_equal(new->bulks_sent, (term + 1) / 2);
	}
}

/* Without a refresh everything on the standby would expire after twenty days. */
static void
long_lives_are_confirmed(void **state)
{
	struct instant later = instant_add(start, AGING_LONG_S / 2 * NS_PER_S + 10 * NS_PER_S);
	struct duty a, b;

	duty_init(&a, start, 0);
	duty_init(&b, start, 0);
	duty_part(&a, SYNC_ACTIVE, 1);
	duty_session_up(&a);
	duty_session_up(&b);
	run(&a, &b, start);
	duty_poll(&b, instant_add(start, 9 * 86400 * NS_PER_S), true, 10);
	assert_int_equal(carry(&b, &a, later), 0);
	duty_poll(&b, later, true, 10);
	assert_int_equal(carry(&b, &a, later), 1);
	duty_poll(&a, later, true, 10);
	carry(&a, &b, later);
	assert_int_equal(state_of(&a), SYNC_SYNCED); /* all the while */
	assert_int_equal(state_of(&b), SYNC_SYNCED);
	run(&a, &b, later);
	assert_int_equal(a.bulks_sent, 2);
	assert_int_equal(b.in_expiry_s, later.ns / NS_PER_S + AGING_LONG_S);
}

static void
lifetimes_tell_bulks_apart(void **state)
{
	int64_t first = aging_expiry(start, 0), second = aging_expiry(start, first);
	struct instant now = start;

	assert_true(second >= first + AGING_STEP_S);
	for (unsigned s = 0; s < 3000; s++) {
		/* the kernel rounds down, and its answer may be two seconds old */
		uint32_t old = aging_lifetime(start, first) - s - 1;
		uint32_t new = aging_lifetime(start, second) - s - 1;

		assert_true(aging_unconfirmed(now, old, second));
		assert_false(aging_unconfirmed(now, new, second));
		assert_false(aging_unconfirmed(instant_add(now, 2 * NS_PER_S), new, second));
		now = instant_add(now, NS_PER_S);
	}
	assert_true(aging_unconfirmed(start, 432000, first)); /* from an earlier active life */
}

static void
timeouts_follow_state(void **state)
{
	struct flow f = {.family = 4, .proto = IPPROTO_TCP, .has = FLOW_TCP, .tcp = {.state = 3}};
	struct aging a;

	aging_defaults(&a);
	assert_int_equal(aging_timeout(&a, &f), 432000);
	f.tcp.state = 7;
	assert_int_equal(aging_timeout(&a, &f), 120);
	f.proto = IPPROTO_UDP;
	assert_int_equal(aging_timeout(&a, &f), 30);
	f.status = FLOW_ASSURED;
	assert_int_equal(aging_timeout(&a, &f), 120);
	f.proto = IPPROTO_SCTP;
	f.has = FLOW_SCTP;
	f.sctp.state = 4;
	assert_int_equal(aging_timeout(&a, &f), 210);
	f.proto = IPPROTO_ESP;
	assert_int_equal(aging_timeout(&a, &f), 600);
	for (unsigned i = 0; i < _AGING_MAX; i++)
		assert_true(a.timeout_s[i] > 0 && a.timeout_s[i] < AGING_LONG_S);
}

static void
recent_remembers_until_cleared(void **state)
{
	static struct recent r;

	assert_false(recent_has(&r, 0));
	for (uint64_t i = 0; i < RECENT_SLOTS / 2; i++)
		recent_add(&r, i * 0x9e3779b97f4a7c15u);
	for (uint64_t i = 0; i < RECENT_SLOTS / 2; i++)
		assert_true(recent_has(&r, i * 0x9e3779b97f4a7c15u));
	assert_false(recent_has(&r, 12345));
	recent_add(&r, 12345);
	assert_true(recent_has(&r, 54321)); /* too many: everything counts */
	recent_clear(&r);
	assert_false(recent_has(&r, 12345));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pair_becomes_complete),
		cmocka_unit_test(losses_are_repaired),
		cmocka_unit_test(roles_change_and_back),
		cmocka_unit_test(long_lives_are_confirmed),
		cmocka_unit_test(lifetimes_tell_bulks_apart),
		cmocka_unit_test(timeouts_follow_state),
		cmocka_unit_test(recent_remembers_until_cleared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
