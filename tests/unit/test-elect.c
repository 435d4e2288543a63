/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rank (the table has the numbers of rank.h), detection, lease, heartbeat codec. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "base/prng.h"
#include "core/elect/elect.h"
#include "core/elect/lease.h"
#include "core/hb/detect.h"
#include "core/hb/heartbeat.h"

/* quality, and what links alone make of it */
#define TERMS(q, links)                                                                            \
	.terms = {.carrier = links, .value = {q, 100, 100, 100, 100, 100, 100, 100, 100}}
#define MASTER(q, links) .type = NODE_MASTER, .able = true, TERMS(q, links)
#define SLAVE(q, links)  .type = NODE_SLAVE, .able = true, TERMS(q, links)

static void
test_rank(void **state)
{
	static const struct {
		struct claim a, b;
		int winner; /* 1 = a, -1 = b */
		enum rank_step step;
	} table[] = {
		{{.forced = true, TERMS(100, 100)}, {SLAVE(1, 1)}, -1, RANK_ABLE},
		{{MASTER(100, 100)}, {SLAVE(10, 100), .forced = true}, -1, RANK_FORCED}, /* S143 */
		{{MASTER(63, 63)}, {SLAVE(100, 100)}, -1, RANK_QUALITY},                 /* S145 */
		{{MASTER(99, 99)}, {SLAVE(100, 100)}, -1, RANK_QUALITY},
		{{MASTER(95, 100)}, {SLAVE(100, 100), .role = ROLE_ACTIVE}, -1,
			RANK_PRESENT_ACTIVE},
		{{MASTER(95, 100)}, {SLAVE(100, 100)}, 1, RANK_MASTER}, /* within the margin */
		{{MASTER(94, 100)}, {SLAVE(100, 100)}, -1, RANK_QUALITY},
		{{MASTER(100, 100), .prefer = PREFER_SLAVE, .role = ROLE_ACTIVE},
			{SLAVE(100, 100), .prefer = PREFER_SLAVE}, -1, RANK_PREFERENCE},
		{{MASTER(100, 100), .prefer = PREFER_MASTER},
			{SLAVE(100, 100), .prefer = PREFER_SLAVE}, 1, RANK_MASTER},
		{{MASTER(100, 100)}, {SLAVE(100, 100), .role = ROLE_ACTIVE, .term = 3}, -1,
			RANK_PRESENT_ACTIVE},
		{{MASTER(100, 100), .term = 4}, {SLAVE(100, 100), .role = ROLE_ACTIVE, .term = 3},
			1, RANK_MASTER},
		{{MASTER(100, 100), .role = ROLE_ACTIVE, .flows_when_active = 5},
			{SLAVE(100, 100), .role = ROLE_ACTIVE, .flows_when_active = 6}, -1,
			RANK_FLOWS},
		{{MASTER(100, 100), .flows_when_active = 5},
			{SLAVE(100, 100), .flows_when_active = 6}, 1, RANK_MASTER},
		{{MASTER(100, 100)}, {SLAVE(100, 100)}, 1, RANK_MASTER},
		/* neither is active: who was it last */
		{{MASTER(100, 100), .term = 4, .held = 3}, {SLAVE(100, 100), .term = 4, .held = 4},
			-1, RANK_PRESENT_ACTIVE},
		{{MASTER(100, 100), .term = 4, .held = 3},
			{SLAVE(100, 100), .role = ROLE_DRAINING, .term = 4, .held = 3}, 1,
			RANK_MASTER},
		{{MASTER(100, 100), .term = 4, .role = ROLE_ACTIVE, .held = 3},
			{SLAVE(100, 100), .term = 4, .held = 4}, 1, RANK_PRESENT_ACTIVE},
		{{MASTER(50, 50), .term = 4, .held = 4}, {SLAVE(100, 100), .term = 4}, -1,
			RANK_QUALITY},
		{{MASTER(100, 100)}, {MASTER(100, 100)}, 0, RANK_EQUAL},
	};
	enum rank_step step;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(rank_cmp(&table[i].a, &table[i].b, &step), table[i].winner);
		assert_int_equal(step, table[i].step);
		assert_int_equal(rank_cmp(&table[i].b, &table[i].a, &step), -table[i].winner);
		assert_int_equal(step, table[i].step);
	}
}

static struct quality_terms
random_terms(struct prng *p)
{
	struct quality_terms t = {.carrier = (uint8_t)prng_range(p, 98, 100)};

	for (unsigned i = 0; i < _QUALITY_TERMS; i++)
		t.value[i] =
			i && prng_chance(p, 30) ? QUALITY_UNKNOWN : (uint8_t)prng_range(p, 85, 100);
	return t;
}

static struct claim
random_claim(struct prng *p)
{
	uint64_t term = (uint64_t)prng_range(p, 0, 3);

	return (struct claim){.valid = true,
		.type = (enum node_type)prng_range(p, 0, 1),
		.role = (enum role)prng_range(p, 0, _ROLE_MAX - 1),
		.term = term,
		.held = (uint64_t)prng_range(p, 0, (int64_t)term),
		.able = prng_chance(p, 80),
		.forced = prng_chance(p, 20),
		.settled = prng_chance(p, 50),
		.yield = prng_chance(p, 20),
		.terms = random_terms(p),
		.prefer = (enum active_if_equal)prng_range(p, 0, 2),
		.flows_when_active = (uint32_t)prng_range(p, 0, 2),
		.want = (uint64_t)prng_range(p, 0, 5),
		.want_why = (enum why)prng_range(p, 0, _WHY_MAX - 1),
		.grant = (uint64_t)prng_range(p, 0, 5),
		.grant_flushed = prng_chance(p, 50),
		.refused = (uint64_t)prng_range(p, 0, 5),
		.refusal = (uint8_t)prng_range(p, 0, _REFUSE_MAX - 1),
		.revision = (uint32_t)prng_u64(p),
		.hash = {1, 2, 3},
		.interval_ms = 10,
		.failover_ms = 50,
		.sync_state = (uint8_t)prng_range(p, 0, 2),
		.sync_percent = (uint8_t)prng_range(p, 0, 100),
		.flows = (uint32_t)prng_u64(p)};
}

static void
test_rank_is_symmetric(void **state)
{
	struct prng p = {.state = 1};

	for (int i = 0; i < 100000; i++) {
		struct claim a = random_claim(&p), b = random_claim(&p);
		enum rank_step s1, s2;

		assert_int_equal(rank_cmp(&a, &b, &s1), -rank_cmp(&b, &a, &s2));
		assert_int_equal(s1, s2);
	}
}

static void
test_heartbeat_round_trip(void **state)
{
	struct prng p = {.state = 2};
	uint8_t buf[HEARTBEAT_MAX], again[HEARTBEAT_MAX];

	for (int i = 0; i < 10000; i++) {
		struct heartbeat in = {.sent = {prng_range(&p, 1, INT64_MAX - 1)},
					 .echo = {prng_range(&p, 0, 1000)},
					 .echo_age_us = (uint32_t)prng_u64(&p),
					 .claim = random_claim(&p)},
				 out;
		size_t len;

		heartbeat_set_bit(in.heard, (uint16_t)prng_range(&p, 0, 300));
		heartbeat_set_bit(in.up, (uint16_t)prng_range(&p, 0, 300));
		len = heartbeat_encode(&in, buf, sizeof(buf));
		assert_true(len > 0);
		assert_true(heartbeat_decode(buf, len, &out));
		assert_int_equal(heartbeat_encode(&out, again, sizeof(again)), len);
		assert_memory_equal(buf, again, len);
		assert_true(out.claim.valid && out.claim.role == in.claim.role &&
			    out.claim.grant == in.claim.grant);
		for (size_t cut = 0; cut < len; cut++)
			assert_false(heartbeat_decode(buf, cut, &out));
		assert_int_equal(heartbeat_encode(&in, buf, len - 1), 0);
	}
}

/* A newer version says more, at the end: that is left alone, whatever it is. */
static void
test_heartbeat_of_a_newer_version(void **state)
{
	struct prng p = {.state = 4};
	uint8_t buf[FRAME_MAX], again[HEARTBEAT_MAX];

	for (int i = 0; i < 1000; i++) {
		struct heartbeat in = {.sent = {1}, .claim = random_claim(&p)}, out;
		size_t len = heartbeat_encode(&in, buf, HEARTBEAT_MAX);
		size_t more = (size_t)prng_range(&p, 1, (int64_t)(sizeof(buf) - len));

		for (size_t k = 0; k < more; k++)
			buf[len + k] = (uint8_t)prng_u64(&p);
		assert_true(heartbeat_decode(buf, len + more, &out));
		assert_int_equal(heartbeat_encode(&out, again, sizeof(again)), len);
		assert_memory_equal(buf, again, len);
	}
}

static void
test_heartbeat_refuses_wrong_terms(void **state)
{
	static const uint8_t values[] = {101, 200, 254, 255};
	uint8_t buf[HEARTBEAT_MAX];

	for (unsigned i = 0; i <= _QUALITY_TERMS; i++)
		for (size_t k = 0; k < sizeof(values); k++) {
			struct prng p = {.state = 5};
			struct heartbeat in = {.sent = {1}, .claim = random_claim(&p)}, out;
			bool good = values[k] == QUALITY_UNKNOWN && i != QUALITY_IFACES &&
				    i < _QUALITY_TERMS;

			if (i < _QUALITY_TERMS)
				in.claim.terms.value[i] = values[k];
			else
				in.claim.terms.carrier = values[k];
			assert_int_equal(heartbeat_decode(buf,
						 heartbeat_encode(&in, buf, sizeof(buf)), &out),
				good);
		}
}

static struct instant
ms(int64_t t)
{
	return (struct instant){t * NS_PER_MS};
}

static void
test_detection_counts_awake_time(void **state)
{
	const int64_t detection = 50 * NS_PER_MS;
	struct detect d;

	detect_init(&d, ms(1000), 10 * NS_PER_MS);
	detect_heard(&d, ms(1000), 0);
	for (int t = 1010; t <= 1040; t += 10)
		assert_false(detect_step(&d, ms(t), detection));
	assert_int_equal(detect_silence(&d), 40 * NS_PER_MS);
	/* slept long: what was not heard then is no evidence */
	assert_true(detect_step(&d, ms(3000), detection));
	assert_int_equal(detect_silence(&d), 0);
	assert_int_equal(d.overslept_ns, 1950 * NS_PER_MS);
	detect_heard(&d, ms(3000), 500 * NS_PER_MS); /* waited in the socket: nothing new */
	assert_int_equal(detect_silence(&d), 0);
	assert_false(detect_step(&d, ms(3020), detection));
	assert_int_equal(detect_silence(&d), 20 * NS_PER_MS);
	detect_heard(&d, ms(3020), 5 * NS_PER_MS);
	assert_int_equal(detect_silence(&d), 5 * NS_PER_MS);
	assert_int_equal(d.heard.ns, ms(3015).ns);
}

static void
test_detection_after_a_short_sleep(void **state)
{
	const int64_t detection = 50 * NS_PER_MS;
	struct detect d;

	detect_init(&d, ms(1000), 10 * NS_PER_MS);
	detect_heard(&d, ms(1000), 0);
	assert_true(detect_step(&d, ms(1025), detection)); /* counts as a whole */
	assert_int_equal(detect_silence(&d), 25 * NS_PER_MS);
	assert_true(detect_step(&d, ms(1070), detection)); /* but leaves two intervals */
	assert_int_equal(detect_silence(&d), 30 * NS_PER_MS);
	detect_heard(&d, ms(1070), 22 * NS_PER_MS); /* came during the sleep */
	assert_int_equal(detect_silence(&d), 22 * NS_PER_MS);
	assert_true(detect_step(&d, ms(1119), detection));
	assert_int_equal(detect_silence(&d), 30 * NS_PER_MS);
	assert_true(detect_step(&d, ms(1169), detection)); /* as long as detection: anew */
	assert_int_equal(detect_silence(&d), 0);
	/* a detection time of less than two intervals leaves no room for this */
	assert_true(detect_step(&d, ms(1190), 15 * NS_PER_MS));
	assert_int_equal(detect_silence(&d), 0);
	assert_int_equal(d.overslept, 5);
}

static void
test_lease(void **state)
{
	static const struct {
		const char *what;
		enum peer_state peer;
		bool quiet;
		int64_t echoed, comeback, until; /* ms; now = 1000 */
	} table[] = {
		{"no peer", PEER_UNKNOWN, false, 0, 0, 1040},
		{"dead peer", PEER_DEAD, true, 930, 0, 1040},
		{"peer echoes", PEER_ALIVE, false, 985, 0, 1025},
		{"peer heard, but it does not hear us", PEER_ALIVE, false, 950, 0, 990},
		{"peer quiet for 2.5 intervals: about to be dead", PEER_ALIVE, true, 965, 0, 1040},
		{"peer just came back", PEER_ALIVE, false, 0, 999, 1039},
		{"came back a while ago and never echoed", PEER_ALIVE, false, 0, 950, 990},
	};

	assert_false(lease_peer_quiet(25 * NS_PER_MS, 10 * NS_PER_MS));
	assert_true(lease_peer_quiet(25 * NS_PER_MS + 1, 10 * NS_PER_MS));

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct lease_in in = {.now = ms(1000),
			.peer_state = table[i].peer,
			.quiet = table[i].quiet,
			.echoed = ms(table[i].echoed),
			.comeback = ms(table[i].comeback),
			.lease_ns = 40 * NS_PER_MS};

		if (lease_until(&in).ns != ms(table[i].until).ns)
			fail_msg("%s: %lld", table[i].what, (long long)lease_until(&in).ns);
	}
}

static void
test_moves(void **state)
{
	/* as printed in docs/design/election.md */
	static const char *const table[_ROLE_MAX] = {
		[ROLE_SILENT] = "-x-x-x",
		[ROLE_INACTIVE] = "x-xx-x",
		[ROLE_WANTING] = "xx-x--",
		[ROLE_ACTIVE] = "xx--xx",
		[ROLE_DRAINING] = "-x----",
		[ROLE_STOPPED] = "------",
	};

	for (enum role from = 0; from < _ROLE_MAX; from++)
		for (enum role to = 0; to < _ROLE_MAX; to++)
			assert_int_equal(elect_move_allowed(from, to), table[from][to] == 'x');
}

/* S81: whoever is not active says so, instead of saying "done" and sending nothing. */
static void
test_announce_needs_active(void **state)
{
	struct elect_in in = {.now = ms(1000), .enabled = true};

	for (enum role role = 0; role < _ROLE_MAX; role++) {
		struct elect e;

		elect_init(&e, in.now);
		e.role = role;
		elect_command(&e, &in, CMD_ANNOUNCE, 7, false);
		assert_int_equal(e.n_replies, 1);
		assert_int_equal(e.replies[0].id, 7);
		assert_int_equal(e.replies[0].refusal,
			role == ROLE_ACTIVE ? REFUSE_NONE : REFUSE_NOT_ACTIVE);
		assert_false(e.commanded);
	}
}

/* A command of which nothing can come any more is answered then, not at its time-out. */
static void
test_hopeless_command_ends(void **state)
{
	static const struct {
		enum command cmd;
		enum role role;
		bool able, alive, peer_able, yield;
		bool answered;
		enum refusal refusal;
	} table[] = {
		/* the other node has died */
		{CMD_DEACTIVATE, ROLE_ACTIVE, true, false, true, true, true, REFUSE_PEER_NOT_ALIVE},
		{CMD_DEACTIVATE, ROLE_DRAINING, true, false, true, true, false, REFUSE_NONE},
		{CMD_DEACTIVATE, ROLE_INACTIVE, false, false, true, false, true,
			REFUSE_PEER_NOT_ALIVE},
		{CMD_ACTIVATE, ROLE_INACTIVE, true, false, true, false, false, REFUSE_NONE},
		{CMD_ACTIVATE, ROLE_INACTIVE, false, false, true, false, true, REFUSE_NOT_ABLE},
		{CMD_ACTIVATE, ROLE_SILENT, true, false, true, false, true, REFUSE_PEER_NOT_ALIVE},
		{CMD_ACTIVATE, ROLE_ACTIVE, true, false, true, false, true, REFUSE_NONE},
		/* it lives */
		{CMD_DEACTIVATE, ROLE_ACTIVE, true, true, true, true, false, REFUSE_NONE},
		{CMD_DEACTIVATE, ROLE_ACTIVE, true, true, false, true, true, REFUSE_PEER_NOT_ABLE},
		{CMD_DEACTIVATE, ROLE_ACTIVE, true, true, true, false, true, REFUSE_TIMEOUT},
		{CMD_DEACTIVATE, ROLE_DRAINING, true, true, false, true, false, REFUSE_NONE},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct claim peer = {.valid = true, .able = table[i].peer_able, .term = 4};
		struct elect_in in = {.now = ms(1000),
			.enabled = true,
			.peer_state = table[i].alive ? PEER_ALIVE : PEER_DEAD,
			.peer = &peer,
			.facts = {.able = table[i].able}};
		struct elect e;

		elect_init(&e, in.now);
		e.role = table[i].role;
		e.yield = table[i].yield;
		e.commanded = true;
		e.command = table[i].cmd;
		e.command_id = 7;
		e.command_until = ms(4000);
		elect_command_step(&e, &in);
		assert_int_equal(e.n_replies, table[i].answered);
		assert_int_equal(e.commanded, !table[i].answered);
		if (table[i].answered)
			assert_int_equal(e.replies[0].refusal, table[i].refusal);
		in.now = ms(4000);
		elect_command_step(&e, &in);
		assert_int_equal(e.n_replies, 1); /* whatever happens */
	}
}

/* Which of the two nodes a refusal is about, as seen from where the operator sits. */
static void
test_refusals_name_the_right_side(void **state)
{
	enum { HERE, THERE, BOTH };
	static const struct {
		enum command cmd; /* ACTIVATE on an inactive, DEACTIVATE on an active node */
		int unable, worse;
		enum sync_state here, there;
		enum refusal refusal;
	} table[] = {
		{CMD_ACTIVATE, BOTH, BOTH, SYNC_SYNCED, SYNC_SYNCED, REFUSE_NONE},
		{CMD_ACTIVATE, HERE, BOTH, SYNC_SYNCED, SYNC_SYNCED, REFUSE_NOT_ABLE},
		{CMD_ACTIVATE, THERE, BOTH, SYNC_SYNCED, SYNC_SYNCED, REFUSE_NONE},
		{CMD_ACTIVATE, BOTH, HERE, SYNC_SYNCED, SYNC_SYNCED, REFUSE_WORSE},
		{CMD_ACTIVATE, BOTH, THERE, SYNC_SYNCED, SYNC_SYNCED, REFUSE_NONE},
		{CMD_ACTIVATE, BOTH, BOTH, SYNC_SYNCING, SYNC_SYNCED, REFUSE_NOT_SYNCED},
		{CMD_ACTIVATE, BOTH, BOTH, SYNC_LOST, SYNC_SYNCED, REFUSE_SYNC_LOST},
		{CMD_ACTIVATE, BOTH, BOTH, SYNC_SYNCED, SYNC_LOST, REFUSE_NONE},
		{CMD_DEACTIVATE, BOTH, BOTH, SYNC_SYNCED, SYNC_SYNCED, REFUSE_NONE},
		{CMD_DEACTIVATE, THERE, BOTH, SYNC_SYNCED, SYNC_SYNCED, REFUSE_PEER_NOT_ABLE},
		{CMD_DEACTIVATE, HERE, BOTH, SYNC_SYNCED, SYNC_SYNCED, REFUSE_NONE},
		{CMD_DEACTIVATE, BOTH, THERE, SYNC_SYNCED, SYNC_SYNCED, REFUSE_PEER_WORSE},
		{CMD_DEACTIVATE, BOTH, HERE, SYNC_SYNCED, SYNC_SYNCED, REFUSE_NONE},
		{CMD_DEACTIVATE, BOTH, BOTH, SYNC_SYNCED, SYNC_SYNCING, REFUSE_PEER_NOT_SYNCED},
		{CMD_DEACTIVATE, BOTH, BOTH, SYNC_SYNCED, SYNC_LOST, REFUSE_SYNC_LOST},
		{CMD_DEACTIVATE, BOTH, BOTH, SYNC_LOST, SYNC_SYNCED, REFUSE_NONE},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct claim peer = {.valid = true,
			.able = table[i].unable != THERE,
			.sync_state = (uint8_t)table[i].there};
		struct elect_in in = {.now = ms(1000),
			.enabled = true,
			.peer_state = PEER_ALIVE,
			.peer = &peer,
			.sync = table[i].here,
			.sync_in_use = true,
			.facts = {.able = table[i].unable != HERE}};
		struct elect e;

		memset(&in.facts.terms, 100, sizeof(in.facts.terms));
		memset(&peer.terms, 100, sizeof(peer.terms));
		if (table[i].worse == HERE)
			in.facts.terms.value[QUALITY_IFACES] = in.facts.terms.carrier = 50;
		if (table[i].worse == THERE)
			peer.terms.value[QUALITY_IFACES] = peer.terms.carrier = 50;
		elect_init(&e, in.now);
		e.role = table[i].cmd == CMD_ACTIVATE ? ROLE_INACTIVE : ROLE_ACTIVE;
		elect_command(&e, &in, table[i].cmd, 7, false);
		if (e.n_replies != (table[i].refusal != REFUSE_NONE) ||
			(e.n_replies && e.replies[0].refusal != table[i].refusal))
			fail_msg("row %zu: %s", i,
				e.n_replies ? refusal_text(e.replies[0].refusal) : "goes on");
	}
}

/* An active node that says no speaks of its peer: that is this node. */
static void
test_refusals_of_the_peer(void **state)
{
	static const enum refusal table[][2] = {{REFUSE_PEER_NOT_ABLE, REFUSE_NOT_ABLE},
		{REFUSE_PEER_WORSE, REFUSE_WORSE}, {REFUSE_NONE, REFUSE_TIMEOUT}};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct claim peer = {.valid = true,
			.able = true,
			.role = ROLE_ACTIVE,
			.term = 4,
			.refused = 6,
			.refusal = (uint8_t)table[i][0]};
		struct elect_in in = {.now = ms(1000),
			.enabled = true,
			.peer_state = PEER_ALIVE,
			.peer = &peer,
			.facts = {.able = true}};
		struct elect e;

		elect_init(&e, in.now);
		e.role = ROLE_WANTING;
		e.want = 6;
		e.commanded = true;
		e.command = CMD_ACTIVATE;
		e.command_id = 7;
		e.command_until = ms(4000);
		assert_true(elect_wanting(&e, &in));
		assert_int_equal(e.n_replies, 1);
		assert_int_equal(e.replies[0].refusal, table[i][1]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rank),
		cmocka_unit_test(test_rank_is_symmetric),
		cmocka_unit_test(test_heartbeat_round_trip),
		cmocka_unit_test(test_heartbeat_of_a_newer_version),
		cmocka_unit_test(test_heartbeat_refuses_wrong_terms),
		cmocka_unit_test(test_detection_counts_awake_time),
		cmocka_unit_test(test_detection_after_a_short_sleep),
		cmocka_unit_test(test_lease),
		cmocka_unit_test(test_moves),
		cmocka_unit_test(test_announce_needs_active),
		cmocka_unit_test(test_refusals_name_the_right_side),
		cmocka_unit_test(test_refusals_of_the_peer),
		cmocka_unit_test(test_hopeless_command_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
