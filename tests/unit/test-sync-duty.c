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
	duty_part(&a, SYNC_PREPARE, 1, false);
	assert_true(duty_listen(&a));
	assert_false(duty_send(&a));
	duty_part(&a, SYNC_ACTIVE, 1, false);
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
	duty_part(&a, SYNC_ACTIVE, 1, false);
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

/* A complete pair. */
static void
make_pair(struct duty *a, struct duty *b)
{
	duty_init(a, start, 0);
	duty_init(b, start, 0);
	duty_part(a, SYNC_ACTIVE, 1, false);
	duty_session_up(a);
	duty_session_up(b);
	run(a, b, start);
	assert_true(duty_comparable(a) && !duty_comparable(b));
}

static void
a_repair_leaves_complete_what_is(void **state)
{
	struct instant now = instant_add(start, 12 * 86400 * NS_PER_S);
	struct duty a, b;
	int64_t whole;

	make_pair(&a, &b);
	whole = b.in_whole_s;
	duty_repair(&a, 3);
	assert_false(duty_comparable(&a));
	carry(&a, &b, now);
	assert_true(a.out_partial && b.in_partial && b.in == IN_RECEIVING);
	assert_int_equal(state_of(&a), SYNC_SYNCED);
	assert_int_equal(state_of(&b), SYNC_SYNCED);
	assert_true(b.in_expiry_s > whole); /* what is confirmed stands out … */
	assert_int_equal(b.in_whole_s, whole);
	duty_walked(&a);
	carry(&a, &b, now);
	assert_int_equal(b.in, IN_SWEEPING);
	duty_swept(&b);
	carry(&b, &a, now);
	assert_true(duty_comparable(&a));
	assert_int_equal(a.repairs_sent, 1);
	assert_int_equal(b.repairs_received, 1);
	assert_int_equal(b.bulks_received, 1);
	duty_poll(&b, now, true, 10); /* … but the others get no younger by it */
	assert_true(b.put_request);
}

/* What is lost while a repair goes on is not found by it: a whole bulk follows. */
static void
a_repair_that_fails_becomes_a_bulk(void **state)
{
	struct duty a, b;

	make_pair(&a, &b);
	duty_repair(&a, 3);
	carry(&a, &b, start);
	duty_lost(&a);
	run(&a, &b, start);
	assert_false(a.out_partial || b.in_partial);
	assert_int_equal(b.bulks_received, 2);
	assert_int_equal(state_of(&b), SYNC_SYNCED);

	/* some of it could not be held */
	duty_repair(&a, 3);
	carry(&a, &b, start);
	duty_missed(&b, false);
	duty_walked(&a);
	carry(&a, &b, start);
	duty_swept(&b);
	carry(&b, &a, start);
	assert_int_equal(state_of(&a), SYNC_SYNCING);
	assert_int_equal(state_of(&b), SYNC_SYNCING);
	assert_false(duty_comparable(&a));
	duty_poll(&b, start, true, 10);
	duty_poll(&b, instant_add(start, 2 * NS_PER_S), true, 10);
	run(&a, &b, instant_add(start, 2 * NS_PER_S));
	assert_int_equal(b.bulks_received, 3);
	assert_int_equal(state_of(&a), SYNC_SYNCED);
}

/* Who has asked for everything is not content with a part. */
static void
a_repair_is_no_answer_to_a_request(void **state)
{
	struct sync_record request = {0};
	struct duty a, b;

	make_pair(&a, &b);
	duty_missed(&b, true);
	carry(&b, &a, start);
	a.out_complete = true; /* the word has not come yet */
	duty_repair(&a, 3);
	duty_poll(&b, start, true, 10);
	duty_poll(&b, instant_add(start, 2 * NS_PER_S), true, 10);
	assert_true(duty_next(&b, &request));
	duty_put(&b, &request);
	carry(&a, &b, start);
	assert_int_equal(b.in, IN_ASKED);
	duty_walked(&a);
	carry(&a, &b, start);
	assert_int_equal(b.in, IN_ASKED);
	assert_int_equal(state_of(&b), SYNC_SYNCING);
	duty_control(&a, &request, start);
	run(&a, &b, start);
	assert_int_equal(b.bulks_received, 2);
	assert_int_equal(state_of(&b), SYNC_SYNCED);
}

/* The word that something is missing meets the bulk that brings it. */
static void
a_late_word_of_a_gap(void **state)
{
	struct sync_record late = {0};
	struct duty a, b;

	make_pair(&a, &b);
	duty_missed(&b, true);
	assert_true(duty_next(&b, &late));
	duty_put(&b, &late);
	duty_lost(&a);
	duty_poll(&a, start, true, 10);
	carry(&a, &b, start);
	duty_walked(&a);
	carry(&a, &b, start);
	duty_control(&a, &late, start);
	assert_int_equal(state_of(&a), SYNC_SYNCING);
	duty_swept(&b);
	carry(&b, &a, start);
	assert_int_equal(state_of(&a), SYNC_SYNCED);
	assert_int_equal(state_of(&b), SYNC_SYNCED);
}

static void
roles_change_and_back(void **state)
{
	struct duty a, b;

	duty_init(&a, start, 0);
	duty_init(&b, start, 0);
	duty_part(&a, SYNC_ACTIVE, 1, false);
	duty_session_up(&a);
	duty_session_up(&b);
	run(&a, &b, start);
	for (uint64_t term = 2; term < 10; term++) {
		struct duty *old = term % 2 ? &b : &a, *new = term % 2 ? &a : &b;

		duty_part(new, SYNC_PREPARE, term, false);
		duty_part(old, SYNC_BARRIER, term, false);
		assert_int_equal(old->part, SYNC_ACTIVE);
		duty_set_barrier(old, term, 77);
		assert_true(old->flushed_term != term);
		duty_barrier_reached(old);
		assert_true(old->flushed_term == term);
		duty_part(new, SYNC_ACTIVE, term, false);
		carry(new, old, start);
		assert_int_equal(duty_trust(new), TRUST_NEW);
		duty_part(old, SYNC_STANDBY, term, false);
		assert_int_equal(duty_trust(old), TRUST_ALL);
		assert_false(old->renew);
		assert_int_equal(state_of(old), SYNC_SYNCING); /* its windows are stale */
		run(&a, &b, start);
		assert_int_equal(state_of(&a), SYNC_SYNCED);
		assert_int_equal(state_of(&b), SYNC_SYNCED);
		assert_int_equal(new->bulks_sent, (term + 1) / 2);
	}
}

/* a active in term 1, b in step with it. */
static void
pair_up(struct duty *a, struct duty *b)
{
	duty_init(a, start, 0);
	duty_init(b, start, 0);
	duty_part(a, SYNC_ACTIVE, 1, true);
	duty_session_up(a);
	duty_session_up(b);
	run(a, b, start);
	assert_int_equal(state_of(b), SYNC_SYNCED);
}

/* A table that stays full for an hour: incomplete all the time, on both sides, and few bulks. */
static void
what_cannot_be_held_is_asked_for_again(void **state)
{
	struct instant now = start, end = instant_add(start, 3600 * NS_PER_S);
	struct duty a, b;
	int64_t asked_s[16] = {0};
	unsigned bulks = 0;

	pair_up(&a, &b);
	duty_missed(&b, false);
	for (; instant_before(now, end); now = instant_add(now, NS_PER_S / 4)) {
		duty_poll(&b, now, true, 10);
		carry(&b, &a, now);
		assert_int_equal(state_of(&a), SYNC_SYNCING);
		assert_int_equal(state_of(&b), SYNC_SYNCING);
		duty_poll(&a, now, true, 10);
		if (carry(&a, &b, now) == 0)
			continue;
		if (bulks < 16)
			asked_s[bulks] = instant_sub(now, start) / NS_PER_S;
		bulks++;
		duty_missed(&b, false); /* again there is no room for one of them */
		duty_walked(&a);
		carry(&a, &b, now);
		duty_swept(&b);
	}
	assert_int_equal(asked_s[0], 1);
	assert_int_equal(asked_s[1], 3);
	assert_int_equal(asked_s[2], 7);
	assert_in_range(bulks, 55, 66);
	now = instant_add(now, 61 * NS_PER_S);
	run(&a, &b, now);
	assert_int_equal(state_of(&a), SYNC_SYNCED);
	assert_int_equal(state_of(&b), SYNC_SYNCED);
	/* another one after a long calm is asked for soon, the next one later */
	now = instant_add(now, 300 * NS_PER_S);
	for (unsigned i = 0; i < 2; i++) {
		duty_missed(&b, true);
		duty_poll(&b, now, true, 10);
		assert_int_equal(carry(&b, &a, now), 1); /* that it is incomplete */
		now = instant_add(now, (int64_t)(i + 1) * NS_PER_S);
		run(&a, &b, instant_add(now, -NS_PER_MS));
		assert_int_equal(state_of(&a), SYNC_SYNCING);
		run(&a, &b, now);
		assert_int_equal(state_of(&a), SYNC_SYNCED);
	}
}

/* A bulk is whole, and before that is said something cannot be held: it is not said any more. */
static void
done_is_taken_back(void **state)
{
	struct duty a, b;

	pair_up(&a, &b);
	duty_lost(&a);
	duty_poll(&a, start, true, 10);
	carry(&a, &b, start);
	duty_walked(&a);
	carry(&a, &b, start);
	duty_swept(&b);
	duty_missed(&b, false);
	carry(&b, &a, start);
	assert_int_equal(state_of(&a), SYNC_SYNCING);
	assert_int_equal(state_of(&b), SYNC_SYNCING);
}

/* What changed of a flow may come before the flow, while a bulk is on its way. */
static void
an_update_before_its_flow_is_no_loss(void **state)
{
	struct duty a, b;

	duty_init(&a, start, 0);
	duty_init(&b, start, 0);
	duty_part(&a, SYNC_ACTIVE, 1, true);
	duty_session_up(&a);
	duty_session_up(&b);
	carry(&b, &a, start);
	carry(&a, &b, start);
	duty_poll(&a, start, true, 10);
	carry(&a, &b, start);
	assert_int_equal(b.in, IN_RECEIVING);
	duty_missed(&b, true);
	run(&a, &b, start);
	assert_int_equal(state_of(&b), SYNC_SYNCED);
	duty_missed(&a, false); /* whoever is active has the truth */
	assert_int_equal(state_of(&a), SYNC_SYNCED);
}

/* The term of the active node grows while it stays active: said once, and that is all. */
static void
a_term_may_grow(void **state)
{
	struct duty a, b;

	pair_up(&a, &b);
	duty_part(&a, SYNC_ACTIVE, 4, true);
	assert_false(duty_send(&a)); /* first the term */
	assert_int_equal(carry(&a, &b, start), 1);
	assert_int_equal(b.peer_term, 4);
	assert_true(duty_send(&a));
	run(&a, &b, start);
	assert_int_equal(a.bulks_sent, 1);
	assert_int_equal(state_of(&a), SYNC_SYNCED);
	assert_int_equal(state_of(&b), SYNC_SYNCED);
	duty_part(&a, SYNC_ACTIVE, 4, true); /* told again: nothing */
	assert_int_equal(carry(&a, &b, start), 0);
	duty_part(&a, SYNC_BARRIER, 5, false);
	duty_set_barrier(&a, 5, 7);
	duty_part(&a, SYNC_ACTIVE, 6, true);
	assert_false(a.barrier); /* of a switch that never came */
}

/* In the middle of a bulk, too. */
static void
a_term_may_grow_during_a_bulk(void **state)
{
	struct duty a, b;

	pair_up(&a, &b);
	duty_lost(&a);
	duty_poll(&a, start, true, 10);
	carry(&a, &b, start);
	assert_int_equal(a.out, OUT_SENDING);
	duty_part(&a, SYNC_ACTIVE, 2, true);
	run(&a, &b, start);
	assert_int_equal(a.bulks_sent, 2);
	assert_int_equal(state_of(&a), SYNC_SYNCED);
	assert_int_equal(state_of(&b), SYNC_SYNCED);
}

/* Who is believed while active: only the one that gave the role away, and only until it is active
 * again. */
static void
an_active_node_believes_its_predecessor_only(void **state)
{
	struct sync_record term = {.control = {.type = SYNC_TERM, .term = 1}};
	struct duty b;

	duty_init(&b, start, 0);
	duty_session_up(&b);
	assert_int_equal(duty_trust(&b), TRUST_ALL);
	duty_part(&b, SYNC_PREPARE, 1, false);
	assert_int_equal(duty_trust(&b), TRUST_ALL);
	duty_part(&b, SYNC_ACTIVE, 2, false);
	assert_int_equal(duty_trust(&b), TRUST_NEW);
	duty_control(&b, &term, start); /* overtaken: it drains */
	assert_int_equal(duty_trust(&b), TRUST_NEW);
	term.control.term = 2;
	duty_control(&b, &term, start);
	assert_int_equal(duty_trust(&b), TRUST_NONE);
	duty_part(&b, SYNC_ACTIVE, 3, false);
	assert_int_equal(duty_trust(&b), TRUST_NONE);
	duty_part(&b, SYNC_BARRIER, 4, false);
	duty_part(&b, SYNC_STANDBY, 4, false);
	assert_int_equal(duty_trust(&b), TRUST_ALL);
	duty_part(&b, SYNC_ACTIVE, 5, true);
	assert_int_equal(duty_trust(&b), TRUST_NONE);
}

/* The gate lapsed, a conflict was lost: what waits to be sent is of a time without right. */
static void
who_lost_the_role_begins_anew(void **state)
{
	struct duty a, b;

	pair_up(&a, &b);
	duty_part(&a, SYNC_STANDBY, 2, false);
	assert_true(a.renew);
	duty_session_down(&a);
	assert_false(a.renew);
	duty_part(&b, SYNC_ACTIVE, 2, true);
	duty_session_up(&a);
	duty_session_up(&b);
	run(&a, &b, start);
	assert_int_equal(state_of(&a), SYNC_SYNCED);
	assert_int_equal(a.bulks_received, 1);
}

/* Without a refresh everything on the standby would expire after twenty days. */
static void
long_lives_are_confirmed(void **state)
{
	struct instant later = instant_add(start, AGING_LONG_S / 2 * NS_PER_S + 10 * NS_PER_S);
	struct duty a, b;

	duty_init(&a, start, 0);
	duty_init(&b, start, 0);
	duty_part(&a, SYNC_ACTIVE, 1, false);
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
		cmocka_unit_test(a_repair_leaves_complete_what_is),
		cmocka_unit_test(a_repair_that_fails_becomes_a_bulk),
		cmocka_unit_test(a_repair_is_no_answer_to_a_request),
		cmocka_unit_test(a_late_word_of_a_gap),
		cmocka_unit_test(roles_change_and_back),
		cmocka_unit_test(what_cannot_be_held_is_asked_for_again),
		cmocka_unit_test(done_is_taken_back),
		cmocka_unit_test(an_update_before_its_flow_is_no_loss),
		cmocka_unit_test(a_term_may_grow),
		cmocka_unit_test(a_term_may_grow_during_a_bulk),
		cmocka_unit_test(an_active_node_believes_its_predecessor_only),
		cmocka_unit_test(who_lost_the_role_begins_anew),
		cmocka_unit_test(long_lives_are_confirmed),
		cmocka_unit_test(lifetimes_tell_bulks_apart),
		cmocka_unit_test(timeouts_follow_state),
		cmocka_unit_test(recent_remembers_until_cleared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
