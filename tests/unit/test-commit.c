/* SPDX-License-Identifier: GPL-2.0-or-later */
/* core/commit: heads, messages, and two nodes with every fault at every moment. */
#include "commit-world.h"

/* ---- what a revision says of itself ---- */

static void
test_head(void **state)
{
	struct commit_head h = {.id = world_id(7, 0xabcdef), .time_s = 1763803800, .n_replaces = 2},
			   g;
	char text[COMMIT_HEAD_TEXT_MAX];

	(void)state;
	h.replaces[0] = world_id(6, 1);
	h.replaces[1] = world_id(5, 2);
	strcpy(h.author, "root (alice, pid 7) on fw1");
	strcpy(h.remark, "two\nlines # and \x1b[1m");
	commit_head_fmt(&h, text);
	assert_null(strchr(text, '\x1b'));
	assert_true(commit_head_parse(text, strlen(text), &g));
	assert_true(commit_id_equal(&g.id, &h.id));
	assert_int_equal(g.time_s, h.time_s);
	assert_int_equal(g.n_replaces, 2);
	assert_true(commit_id_equal(&g.replaces[1], &h.replaces[1]));
	assert_string_equal(g.author, h.author);
	assert_string_equal(g.remark, "twolines # and [1m");
	for (size_t n = 0; n < strlen(text); n++) /* cut anywhere */
		commit_head_parse(text, n, &g);
	memset(h.author, 'x', sizeof(h.author) - 1);
	memset(h.remark, 'y', sizeof(h.remark) - 1);
	commit_head_fmt(&h, text);
	assert_true(strlen(text) < sizeof(text));
	assert_true(commit_head_parse(text, strlen(text), &g));
	assert_string_equal(g.remark, h.remark);
}

static void
test_no_head(void **state)
{
	static const char *const texts[] = {"", "set Device Name=x\n",
		"# a remark\nset Device Name=x\n", "# revision: 0 0000000000000000\n",
		"# revision: 1 00000000\n", "# revision: 1 00000000000000000\n", "# revision: x\n",
		"# revision: 1 000000000000000G\n"};
	struct commit_head g;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(commit_head_parse(texts[i], strlen(texts[i]), &g));
}

/* ---- messages ---- */

static void
test_wire(void **state)
{
	static uint8_t buf[8192];
	struct commit_line line = {.n = COMMIT_LINE_MAX}, got;
	struct commit_msg m = {.kind = COMMIT_STATE, .line = &line, .highest = 9}, g;
	size_t len;

	(void)state;
	m.id = world_id(3, 4);
	m.other = world_id(5, 6);
	line.id[127] = world_id(77, 8);
	len = commit_encode(&m, buf, sizeof(buf));
	assert_true(len > 0);
	assert_true(commit_decode(buf, len, &g, &got));
	assert_true(commit_id_equal(&g.other, &m.other));
	assert_int_equal(got.n, COMMIT_LINE_MAX);
	assert_int_equal(got.id[127].number, 77);
	for (size_t n = 0; n < len; n++)
		assert_false(commit_decode(buf, n, &g, &got));
	assert_int_equal(commit_encode(&m, buf, len - 1), 0);
	m = (struct commit_msg){.kind = COMMIT_APPLY, .id = world_id(1, 1)};
	len = commit_encode(&m, buf, sizeof(buf));
	assert_false(commit_decode(buf, len, &g, &got)); /* without a time */
	m.timeout_s = 3601;
	len = commit_encode(&m, buf, sizeof(buf));
	assert_false(commit_decode(buf, len, &g, &got));
	m.timeout_s = 30;
	len = commit_encode(&m, buf, sizeof(buf));
	assert_true(commit_decode(buf, len, &g, &got));
	buf[0] = _COMMIT_KIND_MAX;
	assert_false(commit_decode(buf, len, &g, &got));
}

/* ---- two nodes ---- */

enum end {
	END_COMMIT_HERE,
	END_COMMIT_THERE,
	END_NOTHING,
	END_BACK_HERE,
	END_BACK_THERE,
	_END_MAX
};

struct outcome {
	bool kept;  /* somebody was told that it is kept */
	bool begun; /* … that it is in force */
};

static void
activate(struct wnode *n, unsigned content, bool active)
{
	struct commit_id id = world_id(n->highest + 1, content);

	if (n->c.peer_known && n->c.peer_highest >= id.number)
		id.number = n->c.peer_highest + 1;
	n->prepared = id;
	n->highest = id.number;
	n->answer = -1;
	if (setjmp(n->w->died) == 0)
		commit_activate(&n->c, &id, TIMEOUT_S, active, n->w->now);
}

static bool
keep(struct wnode *n)
{
	char why[COMMIT_REASON_MAX] = "";

	if (n->runs && setjmp(n->w->died) == 0)
		return commit_keep(&n->c, why) == 0;
	return false;
}

static void
back(struct wnode *n)
{
	if (n->runs && setjmp(n->w->died) == 0)
		commit_back(&n->c);
}

static struct outcome
play(struct world *w, unsigned leader, unsigned active, enum end end)
{
	struct wnode *here = &w->node[leader], *there = peer_of(here);
	struct outcome o = {0};

	world_run(w, 2 * NS_PER_S);
	if (here->runs)
		activate(here, 2, leader == active);
	world_run(w, 5 * NS_PER_S);
	o.begun = here->answer == COMMIT_DONE;
	if (end == END_COMMIT_HERE)
		o.kept = keep(here);
	else if (end == END_COMMIT_THERE)
		o.kept = keep(there);
	else if (end == END_BACK_HERE)
		back(here);
	else if (end == END_BACK_THERE)
		back(there);
	world_run(w, 150 * NS_PER_S);
	return o;
}

static void
expect_whole(const struct world *w, const struct outcome *o, const char *what)
{
	const struct wnode *a = &w->node[0], *b = &w->node[1];
	uint32_t kept = o->kept ? 2 : 1;

	if (!commit_id_equal(&a->current, &b->current) || a->c.phase || b->c.phase ||
		!commit_id_equal(&a->kernel, &a->current) ||
		!commit_id_equal(&b->kernel, &b->current) || a->pending || b->pending ||
		a->c.relation != RELATION_SAME || b->c.relation != RELATION_SAME)
		fail_msg("%s: a %u/%u %s, b %u/%u %s", what, a->current.number, a->kernel.number,
			commit_phase_name(a->c.phase), b->current.number, b->kernel.number,
			commit_phase_name(b->c.phase));
	/* a process that ends while it keeps has answered nothing, and may have kept it */
	if (a->current.number != kept && (o->kept || w->fault == FAULT_NONE))
		fail_msg("%s: revision %u, not %u", what, a->current.number, kept);
}

static void
test_no_fault(void **state)
{
	static struct world w;

	(void)state;
	for (unsigned i = 0; i < 4 * _END_MAX; i++) {
		enum end end = (enum end)(i / 4);
		char what[64];
		struct outcome o;

		world_init(&w);
		o = play(&w, i & 1, i >> 1 & 1, end);
		snprintf(what, sizeof(what), "leader %u active %u end %d", i & 1, i >> 1 & 1, end);
		assert_true(o.begun);
		assert_int_equal(o.kept, end == END_COMMIT_HERE || end == END_COMMIT_THERE);
		expect_whole(&w, &o, what);
	}
}

/* The inactive node has it first: the active one follows only when it works there. */
static void
test_order(void **state)
{
	static struct world w;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		unsigned leader = i & 1, active = i >> 1;

		world_init(&w);
		world_run(&w, 2 * NS_PER_S);
		activate(&w.node[leader], 2, leader == active);
		for (unsigned n = 0; n < 100; n++) {
			assert_false(w.node[active].kernel.number == 2 &&
				     w.node[!active].kernel.number == 1);
			world_step(&w);
		}
		assert_int_equal(w.node[active].kernel.number, 2);
	}
}

/* Every fault at every operation, whoever leads, whoever forwards, however it ends. */
static void
test_every_fault(void **state)
{
	static struct world w;
	unsigned runs = 0, kept = 0;

	(void)state;
	for (unsigned i = 0; i < 4 * _END_MAX * _FAULT_MAX; i++) {
		enum end end = (enum end)(i / 4 % _END_MAX);
		enum fault fault = (enum fault)(i / 4 / _END_MAX);

		for (unsigned at = 1; fault && at < 200; at++) {
			char what[128];
			struct outcome o;

			world_init(&w);
			w.fault = fault;
			w.fault_at = at;
			o = play(&w, i & 1, i >> 1 & 1, end);
			if (w.ops < at)
				break;
			snprintf(what, sizeof(what), "leader %u active %u end %d fault %d at %u",
				i & 1, i >> 1 & 1, end, fault, at);
			expect_whole(&w, &o, what);
			runs++;
			kept += w.node[0].current.number == 2;
		}
	}
	assert_true(runs > 2000 && kept > runs / 10 && kept < runs);
}

/* A peer that is away stops nobody, and catches up. */
static void
test_peer_away(void **state)
{
	static struct world w;

	(void)state;
	world_init(&w);
	world_run(&w, 2 * NS_PER_S);
	cut(&w, 100 * NS_PER_S);
	world_run(&w, 2 * NS_PER_S);
	for (unsigned i = 0; i < 5; i++) {
		activate(&w.node[1], 2 + i, false);
		assert_int_equal(w.node[1].answer, COMMIT_DONE);
		assert_true(keep(&w.node[1]));
		assert_int_equal(w.node[1].current.number, 2 + i);
	}
	assert_int_equal(w.node[0].current.number, 1);
	world_run(&w, 110 * NS_PER_S);
	assert_int_equal(w.node[0].current.number, 6);
	assert_int_equal(w.node[0].kernel.number, 6);
	assert_int_equal(w.node[0].tales[TALE_TAKEN], 1);
	assert_int_equal(w.node[0].c.relation, RELATION_SAME);
	assert_int_equal(w.node[1].c.relation, RELATION_SAME);
}

/* A peer that comes back during a trial which it knows nothing of does not end it. */
static void
test_peer_comes_back_during_trial(void **state)
{
	static struct world w;

	(void)state;
	world_init(&w);
	world_run(&w, 2 * NS_PER_S);
	cut(&w, 5 * NS_PER_S);
	world_run(&w, NS_PER_S);
	activate(&w.node[0], 2, true);
	world_run(&w, 10 * NS_PER_S);
	assert_true(w.session);
	assert_int_equal(w.node[0].kernel.number, 2);
	assert_int_equal(w.node[1].kernel.number, 1);
	assert_true(keep(&w.node[0]));
	world_run(&w, 5 * NS_PER_S);
	assert_int_equal(w.node[1].kernel.number, 2);
}

/* Changed apart: nobody is overwritten until a person says who. */
static void
test_diverged(void **state)
{
	static struct world w;

	(void)state;
	for (unsigned winner = 0; winner < 2; winner++) {
		struct wnode *n = &w.node[winner];
		struct commit_id was, id;

		world_init(&w);
		world_run(&w, 2 * NS_PER_S);
		cut(&w, 10 * NS_PER_S);
		world_run(&w, NS_PER_S);
		for (unsigned i = 0; i < 2; i++) {
			activate(&w.node[i], 2 + i, true);
			assert_true(keep(&w.node[i]));
		}
		world_run(&w, 60 * NS_PER_S);
		for (unsigned i = 0; i < 2; i++) {
			assert_int_equal(w.node[i].c.relation, RELATION_DIVERGED);
			assert_int_equal(w.node[i].tales[TALE_DIVERGED], 1);
			assert_int_equal(w.node[i].current.hash[0], 2 + i);
		}
		activate(n, 2 + winner, true); /* a change is made here alone meanwhile */
		assert_int_equal(n->answer, COMMIT_DONE);
		assert_int_equal(peer_of(n)->c.phase, COMMIT_IDLE);
		back(n);
		world_run(&w, NS_PER_S);
		was = n->current;
		id = world_id(n->highest + 1, was.hash[0]);
		remember(n, &id, &was, &n->c.peer_current);
		n->current = n->kernel = id;
		commit_changed(&n->c, &id, w.now);
		world_run(&w, 5 * NS_PER_S);
		for (unsigned i = 0; i < 2; i++) {
			assert_int_equal(w.node[i].c.relation, RELATION_SAME);
			assert_int_equal(w.node[i].kernel.hash[0], 2 + winner);
		}
	}
}

/* Nobody waits for a timer when the other node's word is there already. */
static void
test_at_once(void **state)
{
	static struct world w;

	(void)state;
	for (unsigned restarted = 0; restarted < 3; restarted++) {
		for (unsigned i = 0; i < 2; i++) { /* taken back there, or the wire cut meanwhile */
			world_init(&w);
			world_run(&w, 2 * NS_PER_S);
			activate(&w.node[0], 2, true);
			world_run(&w, NS_PER_S);
			assert_int_equal(w.node[0].answer, COMMIT_DONE);
			if (restarted) {
				w.node[restarted - 1].runs = false;
				w.node[restarted - 1].starts_at = w.now;
				w.broken = true;
				world_run(&w, NS_PER_S);
				assert_int_equal(w.node[restarted - 1].c.phase, COMMIT_TRIAL);
			}
			back(&w.node[i]);
			world_run(&w, NS_PER_S);
			assert_int_equal(w.node[!i].c.phase, COMMIT_IDLE);
			assert_int_equal(w.node[!i].kernel.number, 1);
		}
	}
	world_init(&w);
	world_run(&w, 2 * NS_PER_S);
	w.fault = FAULT_CUT;
	w.fault_at = w.ops + 1; /* as the proposal goes out */
	activate(&w.node[0], 2, true);
	world_run(&w, NS_PER_S);
	assert_int_equal(w.node[0].answer, COMMIT_NOT);
	assert_int_equal(w.node[0].c.phase, COMMIT_IDLE);
}

/* A proposal that is based on another revision than ours is none of our business. */
static void
test_other_base(void **state)
{
	static struct world w;
	struct commit_msg m = {.kind = COMMIT_PROPOSE};

	(void)state;
	world_init(&w);
	world_run(&w, 2 * NS_PER_S);
	m.id = world_id(9, 9);
	m.other = world_id(1, 7);
	commit_message(&w.node[0].c, &m, w.now);
	assert_int_equal(w.node[0].c.phase, COMMIT_IDLE);
	m.other = w.node[0].current;
	commit_message(&w.node[0].c, &m, w.now);
	assert_int_equal(w.node[0].c.phase, COMMIT_READY);
}

/* Both administrators at the same moment: at most one of them gets through. */
static void
test_both_at_once(void **state)
{
	static struct world w;
	struct outcome o = {0};

	(void)state;
	world_init(&w);
	world_run(&w, 2 * NS_PER_S);
	activate(&w.node[0], 2, true);
	activate(&w.node[1], 3, false);
	world_run(&w, 5 * NS_PER_S);
	assert_int_equal(w.node[0].answer, COMMIT_NOT);
	assert_int_equal(w.node[1].answer, COMMIT_NOT);
	expect_whole(&w, &o, "both at once");
	activate(&w.node[1], 3, false);
	world_run(&w, NS_PER_S);
	assert_int_equal(w.node[1].answer, COMMIT_DONE);
}

/* Anything at any time; in the end both have the same, or both say that they have not. */
static void
random_run(unsigned seed)
{
	static struct world w;
	unsigned content = 2;

	srand(seed);
	world_init(&w);
	for (unsigned i = 0; i < 25; i++) {
		struct wnode *n = &w.node[rand() & 1];

		switch (rand() % 7) {
		case 0:
			if (n->runs && n->c.phase == COMMIT_IDLE)
				activate(n, content++, rand() & 1);
			break;
		case 1:
			keep(n);
			break;
		case 2:
			back(n);
			break;
		case 3:
			cut(&w, (int64_t)(rand() % 50) * NS_PER_S);
			break;
		case 4:
			w.fault = (enum fault)(1 + rand() % (_FAULT_MAX - 1));
			w.fault_at = w.ops + 1 + (unsigned)rand() % 12;
			break;
		default:
			world_run(&w, (int64_t)(rand() % 20) * NS_PER_S);
		}
	}
	w.fault_at = 0;
	world_run(&w, 250 * NS_PER_S);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(w.node[i].c.phase, COMMIT_IDLE);
		assert_true(commit_id_equal(&w.node[i].kernel, &w.node[i].current));
	}
	if (commit_id_equal(&w.node[0].current, &w.node[1].current))
		return;
	if (w.node[0].c.relation != RELATION_DIVERGED || w.node[1].c.relation != RELATION_DIVERGED)
		fail_msg("seed %u: %u (%s), %u (%s)", seed, w.node[0].current.number,
			commit_relation_name(w.node[0].c.relation), w.node[1].current.number,
			commit_relation_name(w.node[1].c.relation));
}

static void
test_random(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 3000; seed++)
		random_run(seed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_no_head),
		cmocka_unit_test(test_wire),
		cmocka_unit_test(test_no_fault),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_every_fault),
		cmocka_unit_test(test_peer_away),
		cmocka_unit_test(test_peer_comes_back_during_trial),
		cmocka_unit_test(test_diverged),
		cmocka_unit_test(test_at_once),
		cmocka_unit_test(test_other_base),
		cmocka_unit_test(test_both_at_once),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
