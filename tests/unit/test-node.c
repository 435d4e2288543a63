/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What reaches the other processes and the peer when facts change. */
#include "node-pair.h"

/* The quality of node i as the other one knows it. */
static uint8_t
claimed(struct pair *p, int i)
{
	struct node_status s = status(p, !i);

	return quality_of(&s.peer_claim.terms);
}

/* S155–S158: what probes find lowers the quality in the same step, and the peer knows it at once.
 */
static void
test_probes_count_at_once(void **state)
{
	struct pair *p = pair_running();

	health_is(p, A, 0, 0);
	assert_int_equal(quality(p, A), 75);
	assert_int_equal(claimed(p, A), 75);
	assert_int_equal(p->notes[A][NOTE_QUALITY], 1);
	health_is(p, A, 100, 1); /* wan with its LinkMonitor; 100 of 250 */
	assert_int_equal(quality(p, A), 45);
	assert_int_equal(claimed(p, A), 45);
	health_is(p, A, 100, 3); /* and the one that counts by itself */
	assert_int_equal(quality(p, A), 30);
	assert_true(status(p, A).me.able);
	health_is(p, A, 100, 0);
	run(p, 2990);
	assert_int_equal(quality(p, A), 30); /* better has to last */
	run(p, 20);
	assert_int_equal(quality(p, A), 100);
	pair_free(p);
}

/* Whatever probes find: a node whose links are up is able, and goes on when the other one dies. */
static void
test_probes_make_no_node_unable(void **state)
{
	struct pair *p = pair_running();

	p->cut[A][1] = p->cut[B][1] = true; /* lan: heartbeats pass in neither direction */
	health_is(p, A, 0, 3);
	health_is(p, B, 0, 3);
	run(p, 5000);
	for (int i = A; i <= B; i++) {
		assert_int_equal(quality(p, i), 0);
		assert_true(status(p, i).me.able);
	}
	p->on[A] = false;
	run(p, 100);
	assert_int_equal(status(p, B).role, ROLE_ACTIVE);
	pair_free(p);
}

/* The role follows a fault after the dwell and not before. */
static void
test_role_follows_after_the_dwell(void **state)
{
	struct pair *p = pair_running();

	health_is(p, A, 100, 0);
	health_is(p, B, 100, 0);
	health_is(p, A, 0, 0);
	run(p, 990);
	assert_int_equal(status(p, A).role, ROLE_ACTIVE);
	run(p, 100);
	assert_int_equal(status(p, A).role, ROLE_INACTIVE);
	assert_int_equal(status(p, B).role, ROLE_ACTIVE);
	pair_free(p);
}

/* … which is longer where LinkMonitors ping more slowly. */
static void
test_dwell_covers_slow_monitors(void **state)
{
	struct pair *p = pair_new();

	p->conf[A].monitors[1].ping_ms = p->conf[B].monitors[1].ping_ms = 2000;
	start(p, A);
	start(p, B);
	run(p, 6000);
	health_is(p, A, QUALITY_UNKNOWN, 1);
	run(p, 3990);
	assert_int_equal(status(p, A).role, ROLE_ACTIVE);
	run(p, 100);
	assert_int_equal(status(p, B).role, ROLE_ACTIVE);
	pair_free(p);
}

/* The same fault on both nodes moves nothing, whoever notices first and whoever is well first. */
static void
test_same_fault_moves_nothing(void **state)
{
	for (int first = A; first <= B; first++) {
		struct pair *p = pair_running();

		health_is(p, A, 100, 0);
		health_is(p, B, 100, 0);
		health_is(p, first, 0, 3);
		run(p, 900);
		health_is(p, !first, 0, 3);
		run(p, 5000);
		health_is(p, first, 100, 0);
		run(p, 900);
		health_is(p, !first, 100, 0);
		run(p, 6000);
		assert_int_equal(status(p, A).role, ROLE_ACTIVE);
		assert_int_equal(status(p, A).takeovers, 1);
		assert_int_equal(status(p, B).takeovers, 0);
		pair_free(p);
	}
}

/* A node that does not know how its disks are is not preferred for it. */
static void
test_unknown_decides_nothing(void **state)
{
	struct pair *p = pair_running();

	health_is(p, A, 0, 0);
	health_is(p, B, QUALITY_UNKNOWN, 0);
	assert_int_equal(quality(p, A), 75);
	run(p, 10000);
	assert_int_equal(status(p, A).role, ROLE_ACTIVE);
	assert_int_equal(status(p, A).takeovers, 1);
	pair_free(p);
}

/* S149–S154: members that weigh are links: the loss of one counts at once, without dwell. */
static void
test_members_are_links(void **state)
{
	struct pair *p = pair_running();

	link_is(p, A, 1, true, 2, 2);
	assert_int_equal(quality(p, A), 100);
	link_is(p, A, 1, true, 2, 1);
	assert_int_equal(quality(p, A), 80);
	run(p, 60);
	assert_int_equal(status(p, B).role, ROLE_ACTIVE);
	link_is(p, A, 1, true, 2, 9); /* nonsense is bounded */
	link_is(p, A, 1, true, 0, 0); /* members weigh no longer */
	run(p, 4000);
	assert_int_equal(quality(p, A), 100);
	pair_free(p);
}

/* A port that passes one direction only is lost on both nodes, so it moves nothing. */
static void
test_one_way_port(void **state)
{
	for (int sender = A; sender <= B; sender++) {
		struct pair *p = pair_running();

		p->cut[sender][2] = true;
		run(p, 190);
		assert_int_equal(quality(p, A), 100); /* a few lost frames are no fault */
		run(p, 200);
		assert_int_equal(quality(p, A), 60);
		assert_int_equal(quality(p, B), 60);
		assert_int_equal(p->notes[A][NOTE_ONE_WAY], 1);
		assert_int_equal(p->notes[B][NOTE_ONE_WAY], 1);
		assert_true(status(p, A).ports[2].one_way && status(p, A).me.able);
		run(p, 5000);
		p->cut[sender][2] = false;
		run(p, 5000);
		assert_int_equal(quality(p, A), 100);
		assert_int_equal(quality(p, B), 100);
		assert_int_equal(status(p, A).role, ROLE_ACTIVE);
		assert_int_equal(status(p, A).takeovers, 1);
		pair_free(p);
	}
}

/*
 * A carrier that came back does not mean that the switch forwards. Until something has passed the
 * port counts as lost on the node whose carrier is new, and not on the other.
 */
static void
test_new_carrier_has_to_prove_itself(void **state)
{
	struct pair *p = pair_running();

	p->cut[A][2] = p->cut[B][2] = true; /* as spanning tree does */
	link_is(p, B, 2, false, 0, 0);
	run(p, 100);
	link_is(p, B, 2, true, 0, 0);
	run(p, 20000);
	assert_int_equal(quality(p, A), 100);
	assert_int_equal(quality(p, B), 60);
	p->cut[A][2] = p->cut[B][2] = false;
	run(p, 5000);
	assert_int_equal(quality(p, B), 100);
	assert_int_equal(status(p, A).takeovers, 1);

	p->cut[A][2] = p->cut[B][2] = true; /* it never forwards: a fault of the wire, on both */
	link_is(p, B, 2, false, 0, 0);
	link_is(p, B, 2, true, 0, 0);
	run(p, 40000);
	assert_int_equal(quality(p, A), 100);
	run(p, 10000);
	assert_int_equal(quality(p, A), 60);
	assert_int_equal(quality(p, B), 60);
	assert_int_equal(status(p, A).takeovers, 1);
	pair_free(p);
}

/* What only a standby lacks counts against a standby only, and moves nothing by itself. */
static void
test_standby_terms(void **state)
{
	struct event lost = {.kind = EV_SYNC, .sync = {.state = SYNC_LOST}};
	struct event half = {.kind = EV_SYNC, .sync = {.state = SYNC_SYNCING, .percent = 50}};
	struct pair *p = pair_running();
	struct event command = {.kind = EV_COMMAND};

	tell(p, A, lost);
	assert_int_equal(quality(p, A), 100);
	tell(p, B, lost);
	assert_int_equal(quality(p, B), 91);
	tell(p, B, half);
	run(p, 4000);
	assert_int_equal(quality(p, B), 95);
	p->conf[B].hash[0] = 1; /* another configuration than the active node's */
	tell(p, B, (struct event){.kind = EV_CONF, .conf = &p->conf[B]});
	assert_int_equal(quality(p, A), 100);
	assert_int_equal(quality(p, B), 86);
	/* rank would not bring the role back for them, so that is no reason to refuse */
	command.command.cmd = CMD_ACTIVATE;
	command.command.id = 1;
	tell(p, B, command);
	assert_int_equal(p->reply[B], REFUSE_NOT_SYNCED);
	command.command.id = 2;
	command.command.force = true;
	tell(p, B, command);
	run(p, 500);
	assert_int_equal(p->reply[B], REFUSE_NONE);
	assert_int_equal(quality(p, B), 100); /* at once, or the role would go back */
	assert_int_equal(quality(p, A), 82);
	run(p, 20000);
	assert_int_equal(status(p, B).role, ROLE_ACTIVE);
	assert_int_equal(status(p, A).takeovers, 1);
	assert_int_equal(status(p, B).takeovers, 1);
	pair_free(p);
}

/* State sync tags what it sends with the term, so an active node tells it each new one. */
static void
test_active_tells_its_new_term(void **state)
{
	struct pair *p = pair_running();
	uint64_t term = p->told_term[A];

	assert_int_equal(p->told[A][SYNC_ACTIVE], 1);
	assert_int_equal(term, status(p, A).term);
	p->on[B] = false; /* power loss: the active goes on alone, with the next term */
	run(p, 1000);
	assert_int_equal(status(p, A).role, ROLE_ACTIVE);
	assert_int_equal(status(p, A).term, term + 1);
	assert_int_equal(p->told[A][SYNC_ACTIVE], 2);
	assert_int_equal(p->told_term[A], term + 1);
	run(p, 1000);
	assert_int_equal(p->told[A][SYNC_ACTIVE], 2);
	pair_free(p);
}

/* Of two masters the newcomer is not able: no operator, no fault of the active one changes that. */
static void
test_newcomer_of_the_same_type(void **state)
{
	struct event command = {.kind = EV_COMMAND};
	struct pair *p = pair_new();

	p->conf[B].type = NODE_MASTER;
	start(p, A);
	run(p, 3000);
	start(p, B);
	run(p, 5000);
	assert_int_equal(status(p, A).role, ROLE_ACTIVE);
	assert_true(status(p, A).me.able && !status(p, B).me.able);
	assert_int_equal(p->notes[A][NOTE_SAME_TYPE], 1);
	assert_int_equal(p->notes[B][NOTE_SAME_TYPE], 1);
	command.command.id = 1;
	command.command.cmd = CMD_ACTIVATE;
	command.command.force = true;
	tell(p, B, command);
	assert_int_equal(p->reply[B], REFUSE_NOT_ABLE);
	command.command.cmd = CMD_DEACTIVATE;
	tell(p, A, command);
	assert_int_equal(p->reply[A], REFUSE_PEER_NOT_ABLE);
	command.command.cmd = CMD_FORCE;
	tell(p, B, command);
	health_is(p, A, 0, 3);
	link_is(p, A, 1, false, 0, 0);
	link_is(p, A, 2, false, 0, 0); /* not able either: who is active keeps its gate */
	run(p, 10000);
	assert_int_equal(status(p, A).role, ROLE_ACTIVE);
	assert_int_equal(status(p, B).takeovers, 0);
	p->on[A] = false; /* dead: now it is needed */
	run(p, 100);
	assert_int_equal(status(p, B).role, ROLE_ACTIVE);
	pair_free(p);
}

/* When neither is active yet, the one that yields does so for a peer that is fit only. */
static void
test_same_type_with_one_unfit(void **state)
{
	for (int unfit = A; unfit <= B; unfit++) {
		struct pair *p = pair_new();

		p->conf[B].type = NODE_MASTER;
		start(p, A);
		start(p, B);
		link_is(p, unfit, 1, false, 0, 0);
		link_is(p, unfit, 2, false, 0, 0);
		run(p, 5000);
		assert_int_equal(status(p, !unfit).role, ROLE_ACTIVE);
		assert_int_equal(status(p, unfit).role, ROLE_INACTIVE);
		pair_free(p);
	}
}

/* What arrives late of the last heartbeat is no evidence that a path was heard. */
static void
test_a_straggler_is_no_evidence(void **state)
{
	struct pair *p = pair_running();
	struct node_status s;

	p->cut[A][2] = true;
	p->late.len = 0;
	while (p->late.len == 0)
		run(p, 1);
	p->on[A] = false;
	run(p, 5);
	p->frames[p->n_frames++] = p->late;
	deliver(p);
	run(p, 100);
	s = status(p, B);
	assert_int_equal(s.role, ROLE_ACTIVE);
	assert_int_equal(s.changes[0].why, WHY_PEER_DEAD);
	assert_int_equal(s.changes[0].paths, PORTS);
	assert_int_equal(s.changes[0].paths_heard, 0);
	pair_free(p);
}

static void
silence(struct pair *p, int64_t ms)
{
	memset(p->cut, true, sizeof(p->cut));
	run(p, ms);
	memset(p->cut, false, sizeof(p->cut));
	run(p, 20 * NS_PER_S / NS_PER_MS);
}

/* Times that are too short for the machines are told once, for as long as it goes on. */
static void
test_a_peer_that_lives_is_no_routine(void **state)
{
	struct pair *p = pair_running();

	for (int i = 0; i < 2; i++)
		silence(p, 200);
	assert_false(status(p, A).scared || status(p, B).scared);
	p->on[B] = false; /* really dead: another process speaks afterwards */
	run(p, 1000);
	start(p, B);
	run(p, 6000);
	assert_false(status(p, A).scared);
	silence(p, 200);
	assert_true(status(p, A).scared);
	silence(p, 200);
	assert_int_equal(p->notes[A][NOTE_SCARES], 1);
	run(p, 600 * NS_PER_S / NS_PER_MS);
	assert_false(status(p, A).scared);
	for (int i = 0; i < 3; i++)
		silence(p, 200);
	assert_int_equal(p->notes[A][NOTE_SCARES], 2);
	assert_int_equal(p->notes[B][NOTE_SCARES], 1);
	pair_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_probes_count_at_once),
		cmocka_unit_test(test_probes_make_no_node_unable),
		cmocka_unit_test(test_role_follows_after_the_dwell),
		cmocka_unit_test(test_dwell_covers_slow_monitors),
		cmocka_unit_test(test_same_fault_moves_nothing),
		cmocka_unit_test(test_unknown_decides_nothing),
		cmocka_unit_test(test_members_are_links),
		cmocka_unit_test(test_one_way_port),
		cmocka_unit_test(test_new_carrier_has_to_prove_itself),
		cmocka_unit_test(test_standby_terms),
		cmocka_unit_test(test_active_tells_its_new_term),
		cmocka_unit_test(test_newcomer_of_the_same_type),
		cmocka_unit_test(test_same_type_with_one_unfit),
		cmocka_unit_test(test_a_straggler_is_no_evidence),
		cmocka_unit_test(test_a_peer_that_lives_is_no_routine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
