/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every role against every event: what one step makes of it. The table is printed in
 * docs/design/election.md, and a test compares the two. Not here: the numbers (test-elect.c) and
 * two nodes together (test-node.c, tests/sim, model/).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/elect/elect.h"

#define TERM    5
#define WISH    6
#define NOW_MS  100000
#define COLUMNS ROLE_STOPPED /* nothing happens to a node that has stopped */

/* A node in one of its roles, and what it knows. */
struct stage {
	struct elect e;
	struct elect_in in;
	struct claim peer;
};

static struct instant
ms(int64_t t)
{
	return (struct instant){t * NS_PER_MS};
}

static void
well(struct claim *c, enum node_type type)
{
	*c = (struct claim){.valid = true, .type = type, .able = true, .term = TERM};
	for (int i = 0; i < _QUALITY_TERMS; i++)
		c->terms.value[i] = 100;
	c->terms.carrier = 100;
}

static void
worse(struct claim *c)
{
	c->terms.value[QUALITY_IFACES] = c->terms.carrier = 50;
}

/* A master in the given role and a slave beside it that makes nothing happen. */
static void
stage_set(struct stage *s, enum role role)
{
	static const enum role beside[_ROLE_MAX] = {[ROLE_SILENT] = ROLE_SILENT,
		[ROLE_INACTIVE] = ROLE_ACTIVE,
		[ROLE_WANTING] = ROLE_ACTIVE,
		[ROLE_ACTIVE] = ROLE_INACTIVE,
		[ROLE_DRAINING] = ROLE_WANTING,
		[ROLE_STOPPED] = ROLE_INACTIVE};

	*s = (struct stage){0};
	elect_init(&s->e, ms(NOW_MS - 10));
	s->e.role = role;
	s->e.term = TERM;
	well(&s->in.facts, NODE_MASTER);
	well(&s->peer, NODE_SLAVE);
	s->peer.role = beside[role];
	s->in.now = s->in.heard = ms(NOW_MS);
	s->in.enabled = s->in.peer_hears_me = true;
	s->in.peer_state = PEER_ALIVE;
	s->in.peer = &s->peer;
	s->in.initial_silence_ns = 5000 * NS_PER_MS;
	s->in.detection_ns = 50 * NS_PER_MS;
	s->in.dwell_ns = 1000 * NS_PER_MS;
	if (role == ROLE_WANTING) {
		s->e.want = WISH;
		s->e.want_why = WHY_OPERATOR;
	}
	if (role == ROLE_DRAINING) {
		s->e.term = s->e.grant = s->peer.want = WISH;
		s->e.drain_since = s->in.last_unicast = s->in.now;
		s->peer.want_why = WHY_OPERATOR;
	}
}

static void
nothing(struct stage *s)
{
	(void)s;
}

static void
peer_active(struct stage *s)
{
	s->peer.role = ROLE_ACTIVE;
}

static void
peer_active_newer(struct stage *s)
{
	peer_active(s);
	s->peer.term = WISH + 1;
}

static void
peer_active_older(struct stage *s)
{
	peer_active(s);
	s->peer.term = TERM - 1;
}

static void
peer_active_better(struct stage *s)
{
	peer_active(s);
	worse(&s->in.facts);
}

static void
peer_active_deaf(struct stage *s)
{
	peer_active(s);
	s->in.peer_hears_me = false;
	s->e.conflict_since = ms(NOW_MS - 50);
}

static void
peer_active_worse(struct stage *s)
{
	peer_active(s);
	worse(&s->peer);
	s->e.plainly_since = ms(NOW_MS - 2);
}

static void
peer_active_worse_hold(struct stage *s)
{
	peer_active_worse(s);
	s->e.hold_until = ms(NOW_MS + 1000);
}

static void
peer_active_pause(struct stage *s)
{
	peer_active_worse(s);
	s->e.want_not_before = ms(NOW_MS + 500);
}

static void
peer_yields(struct stage *s)
{
	peer_active(s);
	s->peer.yield = true;
}

static void
peer_inactive(struct stage *s)
{
	s->peer.role = ROLE_INACTIVE;
	s->in.facts.settled = s->peer.settled = true;
}

static void
peer_inactive_better(struct stage *s)
{
	peer_inactive(s);
	worse(&s->in.facts);
}

static void
peer_wants(struct stage *s, enum why why, uint64_t term)
{
	s->peer.role = ROLE_WANTING;
	s->peer.want = term;
	s->peer.want_why = why;
}

static void
peer_wants_settled(struct stage *s)
{
	peer_wants(s, WHY_SETTLED, WISH + 1);
	worse(&s->in.facts);
}

static void
peer_wants_worse(struct stage *s)
{
	peer_wants(s, WHY_RANK, WISH + 1);
}

static void
peer_wants_better(struct stage *s)
{
	peer_wants_worse(s);
	worse(&s->in.facts);
}

static void
peer_wants_operator(struct stage *s)
{
	peer_wants(s, WHY_OPERATOR, WISH + 1);
	worse(&s->in.facts);
}

static void
peer_wants_unable(struct stage *s)
{
	peer_wants_operator(s);
	s->peer.able = false;
}

static void
peer_wants_old(struct stage *s)
{
	peer_wants(s, WHY_OPERATOR, TERM);
	worse(&s->in.facts);
}

static void
peer_grants(struct stage *s)
{
	s->peer.role = ROLE_DRAINING;
	s->peer.term = s->peer.grant = WISH;
	s->peer.grant_flushed = true;
}

static void
peer_grants_soon(struct stage *s)
{
	peer_grants(s);
	s->peer.grant_flushed = false;
}

static void
peer_granted_before(struct stage *s)
{
	s->peer.role = ROLE_INACTIVE;
	s->peer.grant = TERM;
}

static void
peer_refuses(struct stage *s)
{
	s->peer.refused = WISH;
	s->peer.refusal = REFUSE_PEER_WORSE;
}

static void
time_out(struct stage *s)
{
	s->e.since = ms(NOW_MS - 500);
}

static void
peer_dead(struct stage *s)
{
	s->in.peer_state = PEER_DEAD;
	s->in.may_judge = true;
	s->in.heard = ms(NOW_MS - 50);
}

static void
peer_dead_overslept(struct stage *s)
{
	peer_dead(s);
	s->in.may_judge = false;
}

static void
peer_dead_unable(struct stage *s)
{
	peer_dead(s);
	s->in.facts.able = false;
}

static void
peer_goodbye(struct stage *s)
{
	s->in.peer_state = PEER_DEAD;
	s->in.goodbye = true;
	s->peer.role = ROLE_STOPPED;
}

static void
silence_over(struct stage *s)
{
	s->e.silent_since = ms(NOW_MS - 5000);
}

static void
silence_over_alone(struct stage *s)
{
	silence_over(s);
	peer_dead(s);
}

static void
silence_over_unable(struct stage *s)
{
	silence_over(s);
	peer_dead_unable(s);
}

static void
lease_lapsed(struct stage *s)
{
	s->in.lease_lapsed = s->e.role == ROLE_ACTIVE;
	worse(&s->in.facts);
}

static void
lease_lapsed_alone(struct stage *s)
{
	s->in.lease_lapsed = s->e.role == ROLE_ACTIVE;
	peer_dead(s);
}

static void
cut_off(struct stage *s)
{
	s->in.cut_off = true;
}

static void
carrier_back(struct stage *s)
{
	s->e.silent_since = ms(NOW_MS - 10);
	s->in.heard = ms(NOW_MS - 30);
	peer_active(s);
}

static void
drain_quiet(struct stage *s)
{
	if (s->e.role != ROLE_DRAINING)
		return;
	s->peer.role = ROLE_ACTIVE;
	s->peer.term = WISH;
	s->e.drain_since = s->in.last_unicast = ms(NOW_MS - GATE_QUIET_MS);
}

static void
drain_over(struct stage *s)
{
	s->e.drain_since = ms(NOW_MS - GATE_DRAIN_MAX_MS);
}

static void
activate(struct stage *s)
{
	elect_command(&s->e, &s->in, CMD_ACTIVATE, 1, false);
}

static void
deactivate(struct stage *s)
{
	s->in.facts.terms.carrier = s->in.facts.terms.value[QUALITY_IFACES] = 100;
	elect_command(&s->e, &s->in, CMD_DEACTIVATE, 1, false);
}

static void
force(struct stage *s)
{
	elect_command(&s->e, &s->in, CMD_FORCE, 1, false);
}

static void
stop(struct stage *s)
{
	elect_stop(&s->e, &s->in);
}

static void
stop_alone(struct stage *s)
{
	peer_dead(s);
	s->in.facts.able = false;
	stop(s);
}

static void
not_enabled(struct stage *s)
{
	s->in.enabled = false;
}

static const struct {
	const char *event;
	void (*happens)(struct stage *);
	const char *outcome[COLUMNS];
} table[] = {
	{"nothing new", nothing, {"–", "–", "–", "–", "–"}},
	{"the peer is active, same term", peer_active, {"inactive", "–", "–", "–", "–"}},
	{"… and its term is newer", peer_active_newer,
		{"inactive", "–", "inactive", "inactive", "–"}},
	{"… and its term is older", peer_active_older, {"inactive", "–", "–", "–", "–"}},
	{"… and rank prefers the peer", peer_active_better,
		{"inactive", "–", "–", "inactive", "–"}},
	{"… and has not heard this node for the detection time", peer_active_deaf,
		{"inactive", "–", "–", "inactive", "–"}},
	{"the peer is active and worse by links for 2 ms", peer_active_worse,
		{"inactive", "wanting", "–", "–", "–"}},
	{"… during a hold", peer_active_worse_hold, {"inactive", "–", "–", "–", "–"}},
	{"… in the pause after a vain wish", peer_active_pause, {"inactive", "–", "–", "–", "–"}},
	{"the active peer asks to be relieved", peer_yields,
		{"inactive → wanting", "wanting", "–", "–", "–"}},
	{"neither is active, both settled, rank prefers this node", peer_inactive,
		{"inactive → wanting", "wanting", "–", "–", "–"}},
	{"… rank prefers the peer", peer_inactive_better, {"inactive", "–", "–", "–", "–"}},
	{"the peer wants the role, as neither was active, and is better", peer_wants_settled,
		{"promises", "promises", "inactive, promises", "–", "–"}},
	{"the peer wants the role by rank, and is better", peer_wants_better,
		{"promises", "promises", "inactive, promises", "draining, grants", "–"}},
	{"… and is not", peer_wants_worse, {"promises", "wanting", "–", "refuses", "–"}},
	{"the peer wants the role, an operator asked", peer_wants_operator,
		{"promises", "promises", "inactive, promises", "draining, grants", "–"}},
	{"… but it is not able", peer_wants_unable, {"promises", "wanting", "–", "refuses", "–"}},
	{"the peer wants a term that is over", peer_wants_old, {"–", "–", "inactive", "–", "–"}},
	{"the peer grants what this node asked for", peer_grants,
		{"inactive", "–", "active", "–", "–"}},
	{"… state sync still delivers", peer_grants_soon, {"inactive", "–", "–", "–", "–"}},
	{"a grant of an older term", peer_granted_before, {"–", "wanting", "–", "–", "–"}},
	{"the peer refuses", peer_refuses, {"–", "–", "inactive", "–", "–"}},
	{"500 ms without an answer", time_out, {"–", "–", "inactive", "–", "–"}},
	{"the peer is dead", peer_dead, {"–", "active", "inactive → active", "term + 1", "–"}},
	{"… but this node has just overslept", peer_dead_overslept,
		{"–", "–", "–", "term + 1", "–"}},
	{"… and this node is not able", peer_dead_unable, {"–", "–", "inactive", "term + 1", "–"}},
	{"the peer said goodbye", peer_goodbye,
		{"–", "active", "inactive → active", "term + 1", "–"}},
	{"InitialSilence is over, the peer lives", silence_over,
		{"inactive → wanting", "–", "–", "–", "–"}},
	{"InitialSilence is over, nobody speaks", silence_over_alone,
		{"active", "active", "inactive → active", "term + 1", "–"}},
	{"… and this node is not able", silence_over_unable,
		{"inactive", "–", "inactive", "term + 1", "–"}},
	{"the lease has lapsed", lease_lapsed, {"–", "–", "–", "inactive", "–"}},
	{"… and the peer is dead", lease_lapsed_alone,
		{"–", "active", "inactive → active", "inactive → active", "–"}},
	{"no carrier on any wire", cut_off, {"–", "silent", "silent", "silent", "–"}},
	{"carrier is back; before, the peer was active", carrier_back, {"–", "–", "–", "–", "–"}},
	{"the drain: 2 ms without a frame, the peer is active", drain_quiet,
		{"–", "–", "–", "–", "inactive"}},
	{"the drain: 50 ms", drain_over, {"–", "–", "–", "–", "inactive"}},
	{"ha -activate", activate, {"–", "wanting", "–", "–", "–"}},
	{"ha -deactivate", deactivate, {"–", "–", "–", "asks to be relieved", "–"}},
	{"ha -force active", force, {"–", "wanting", "–", "–", "–"}},
	{"stop, the peer is able", stop,
		{"stopped", "stopped", "inactive → stopped", "asks to be relieved", "–"}},
	{"stop, the peer is dead", stop_alone,
		{"stopped", "stopped", "inactive → stopped", "stopped", "–"}},
	{"Enabled=No", not_enabled, {"active", "active", "active", "–", "–"}},
};

#define N_ROWS (sizeof(table) / sizeof(table[0]))

static void
add(char *out, size_t size, const char *sep, const char *text)
{
	size_t len = strlen(out);

	snprintf(out + len, size - len, "%s%s", len ? sep : "", text);
}

/* What a person would say happened. */
static void
step(enum role role, void (*happens)(struct stage *), char *out, size_t size)
{
	struct stage s;
	uint64_t grant, term;
	bool yield;

	stage_set(&s, role);
	grant = s.e.grant;
	term = s.e.term;
	yield = s.e.yield;
	happens(&s);
	elect_step(&s.e, &s.in);
	out[0] = 0;
	for (unsigned i = 0; i < s.e.n_moves; i++)
		add(out, size, " → ", role_name(s.e.moves[i].to));
	if (s.e.grant && s.e.grant != grant && s.e.role != ROLE_DRAINING)
		add(out, size, ", ", "promises");
	if (s.e.grant && s.e.grant != grant && s.e.role == ROLE_DRAINING)
		add(out, size, ", ", "grants");
	if (s.e.refused_now != REFUSE_NONE)
		add(out, size, ", ", "refuses");
	if (s.e.yield && !yield)
		add(out, size, ", ", "asks to be relieved");
	if (s.e.n_moves == 0 && s.e.term > term && s.e.role == ROLE_ACTIVE)
		add(out, size, ", ", "term + 1");
	if (!out[0])
		add(out, size, "", "–");
}

static void
test_roles_and_events(void **state)
{
	unsigned wrong = 0;

	for (size_t i = 0; i < N_ROWS; i++)
		for (enum role role = 0; role < COLUMNS; role++) {
			char out[128];

			step(role, table[i].happens, out, sizeof(out));
			if (strcmp(out, table[i].outcome[role]) == 0)
				continue;
			print_error("%s, %s: %s, not %s\n", table[i].event, role_name(role), out,
				table[i].outcome[role]);
			wrong++;
		}
	assert_int_equal(wrong, 0);
}

static void
test_stopped_is_the_end(void **state)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		char out[128];

		step(ROLE_STOPPED, table[i].happens, out, sizeof(out));
		if (strcmp(out, "–") != 0)
			fail_msg("%s: %s", table[i].event, out);
	}
}

/* The rows as they stand in the page; TW_PRINT=1 prints them. */
static char *
as_markdown(void)
{
	size_t size = N_ROWS * 512, len = 0;
	char *text = malloc(size);

	assert_non_null(text);
	for (size_t i = 0; i < N_ROWS; i++) {
		len += (size_t)snprintf(text + len, size - len, "| %s |", table[i].event);
		for (enum role role = 0; role < COLUMNS; role++)
			len += (size_t)snprintf(
				text + len, size - len, " %s |", table[i].outcome[role]);
		len += (size_t)snprintf(text + len, size - len, "\n");
	}
	return text;
}

static void
test_page_prints_this_table(void **state)
{
	const char *source = getenv("TW_SOURCE");
	char path[512], *rows = as_markdown(), *page = calloc(1, 1 << 18);
	FILE *f;

	assert_non_null(source);
	assert_non_null(page);
	snprintf(path, sizeof(path), "%s/docs/design/election.md", source);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_true(fread(page, 1, (1 << 18) - 1, f) > 0);
	fclose(f);
	if (getenv("TW_PRINT"))
		fputs(rows, stdout);
	if (!strstr(page, rows))
		fail_msg("election.md has another table; TW_PRINT=1 prints this one");
	free(page);
	free(rows);
}

/* A carrier that is back proves nothing, and what was heard before it went is old. */
static void
test_carrier_back_listens(void **state)
{
	struct stage s;

	stage_set(&s, ROLE_SILENT);
	carrier_back(&s);
	s.in.facts.settled = s.peer.settled = true;
	elect_step(&s.e, &s.in);
	assert_int_equal(s.e.role, ROLE_SILENT);
	s.in.heard = s.in.now;
	elect_step(&s.e, &s.in);
	assert_int_equal(s.e.role, ROLE_INACTIVE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_roles_and_events),
		cmocka_unit_test(test_stopped_is_the_end),
		cmocka_unit_test(test_page_prints_this_table),
		cmocka_unit_test(test_carrier_back_listens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
