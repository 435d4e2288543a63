/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The search tree against the plain search: for random rules and random packets, walking the tree
 * as the kernel walks its chains ends at the rule that rules_match() finds first. Also that a long
 * list stays cheap. Whether the text says what the tree says: tests/lab/test_verdicts.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/prng.h"
#include "core/rules/judge.h"
#include "core/rules/shadow.h"
#include "core/rules/tree.h"

/* How crowded the world is: few addresses and ports make many overlaps. */
struct world {
	unsigned hosts, ports;
	unsigned span; /* of a range of addresses, at most */
	unsigned wide; /* percent of networks that are everything */
};

static struct ip_addr
address(uint8_t family, unsigned host)
{
	struct ip_addr a = {.family = family, .b = {family == 4 ? 10 : 0xfd}};
	unsigned n = ip_bytes(family);

	a.b[n - 1] = (uint8_t)host;
	a.b[n - 2] = (uint8_t)(host >> 8);
	return a;
}

/* Ascending ranges, apart; now and then up to the very last address. */
static size_t
random_ranges(struct prng *p, const struct world *w, uint8_t family, struct ip_range *r)
{
	size_t n = 0, max = prng_chance(p, 70) ? 1 : 5;
	unsigned host = (unsigned)prng_range(p, 0, w->hosts - 1);

	for (size_t i = 0; i < max && host < w->hosts; i++) {
		unsigned end =
			host + (prng_chance(p, 60) ? 0 : (unsigned)prng_range(p, 1, w->span));

		r[n++] = (struct ip_range){address(family, host), address(family, end)};
		host = end + 2 + (unsigned)prng_range(p, 0, w->span);
	}
	if (prng_chance(p, 3))
		memset(r[n - 1].hi.b, 0xff, ip_bytes(family));
	return n;
}

static struct addr_set
random_set(struct arena *a, struct prng *p, const struct world *w)
{
	struct ip_range *r = arena_array(a, struct ip_range, 10);
	struct addr_set s = {.r = r};
	bool v6 = prng_chance(p, 25);

	if (prng_chance(p, w->wide)) {
		s.any4 = prng_chance(p, 80);
		s.any6 = !s.any4 || prng_chance(p, 50);
		return s;
	}
	if (!v6 || prng_chance(p, 20))
		s.n = random_ranges(p, w, 4, r);
	if (v6)
		s.n += random_ranges(p, w, 6, r + s.n);
	return s;
}

static const struct port_range *
random_ports(struct arena *a, struct prng *p, const struct world *w, size_t *n)
{
	struct port_range *r = arena_array(a, struct port_range, 4);

	*n = (size_t)prng_range(p, 0, 3);
	for (size_t i = 0; i < *n; i++) { /* in any order, also overlapping */
		r[i].lo = (uint16_t)prng_range(p, 1, w->ports);
		r[i].hi = prng_chance(p, 5) ? 65535
			  : prng_chance(p, 60)
				  ? r[i].lo
				  : (uint16_t)(r[i].lo + prng_range(p, 0, w->ports / 4));
	}
	return r;
}

static const struct conf_service *
random_service(struct arena *a, struct prng *p, const struct world *w)
{
	static const uint8_t protos[] = {6, 17, 6, 17, 47, 1, 58};
	struct conf_service *s = arena_new(a, struct conf_service);
	struct service_match *m = arena_array(a, struct service_match, 3);
	uint8_t *types = arena_array(a, uint8_t, 2);

	s->name = "s";
	s->match = m;
	s->n_match = prng_chance(p, 70) ? 1 : 3;
	for (size_t i = 0; i < s->n_match; i++) {
		unsigned kind = (unsigned)prng_range(p, 0, 19);

		m[i].proto = protos[prng_range(p, 0, 6)];
		m[i].kind = MATCH_PROTO;
		if (kind == 0) {
			m[i].kind = MATCH_ANY;
		} else if (kind < 3) {
			m[i].kind = MATCH_ICMP;
			m[i].proto = prng_chance(p, 50) ? 1 : 58;
			m[i].types = types;
			m[i].n_types = (size_t)prng_range(p, 0, 2);
			types[0] = 8;
			types[1] = 128;
		} else if (kind < 17) {
			m[i].kind = MATCH_PORTS;
			m[i].proto = protos[prng_range(p, 0, 1)];
			m[i].dport = random_ports(a, p, w, &m[i].n_dport);
			if (prng_chance(p, 20))
				m[i].sport = random_ports(a, p, w, &m[i].n_sport);
		}
	}
	return s;
}

static const struct conf_model *
random_rules(struct arena *a, struct prng *p, const struct world *w, size_t n)
{
	struct conf_model *m = arena_new(a, struct conf_model);
	struct conf_rule *r = arena_array(a, struct conf_rule, n);

	for (size_t i = 0; i < n; i++) {
		r[i] = (struct conf_rule){.name = "r",
			.index = (uint32_t)i + 1,
			.action = prng_chance(p, 50)   ? RULE_ALLOW
				  : prng_chance(p, 80) ? RULE_DROP
						       : RULE_SAT,
			.src = random_set(a, p, w),
			.dst = random_set(a, p, w),
			.service = random_service(a, p, w)};
		if (r[i].action == RULE_SAT)
			r[i].sat_ip = address(prng_chance(p, 50) ? 4 : 6, 1);
	}
	m->rules = r;
	m->n_rules = n;
	return m;
}

static struct rules_packet
random_packet(struct prng *p, const struct world *w)
{
	static const uint8_t protos[] = {6, 6, 17, 47, 1, 58, 200};
	uint8_t family = prng_chance(p, 70) ? 4 : 6;
	struct rules_packet k = {.src = address(family, (unsigned)prng_range(p, 0, w->hosts + 3)),
		.dst = address(family, (unsigned)prng_range(p, 0, w->hosts + 3)),
		.proto = protos[prng_range(p, 0, 6)],
		.sport = (uint16_t)prng_range(p, 0, w->ports + 2),
		.dport = (uint16_t)prng_range(p, 0, w->ports + 2),
		.type = prng_chance(p, 50) ? 8 : 128};

	if (prng_chance(p, 3))
		memset(k.dst.b, 0xff, ip_bytes(family));
	if (prng_chance(p, 3))
		k.dport = 65535;
	return k;
}

/* The tree as the compiler makes it. */
struct grown {
	struct compiler c;
	struct tree t;
	const struct line **lines;
	size_t n;
};

static void
grow(struct arena *a, struct grown *g, const struct conf_model *m)
{
	*g = (struct grown){.c = {.a = a, .m = m, .sets = {.a = a}}};
	g->c.rules = arena_array(a, struct rule_part, m->n_rules);
	for (size_t i = 0; i < m->n_rules; i++) {
		g->c.rules[i].r = &m->rules[i];
		g->c.rules[i].id = "id";
		match_conditions(&g->c, &g->c.rules[i]);
		g->n += g->c.rules[i].n_lines;
	}
	g->lines = arena_array(a, const struct line *, g->n);
	g->n = 0;
	for (size_t i = 0; i < m->n_rules; i++)
		for (size_t k = 0; k < g->c.rules[i].n_lines; k++)
			g->lines[g->n++] = &g->c.rules[i].lines[k];
	tree_build(a, &g->t, g->lines, g->n);
}

/* A walk through the chains. */
struct walk {
	const struct rules_packet *p;
	uint32_t found, decided; /* rules, 0 = none */
	unsigned lines, maps;    /* looked at */
};

static struct dim_value
value(const struct rules_packet *p, enum dim d)
{
	const struct ip_addr *a = d == DIM_SADDR4 || d == DIM_SADDR6 ? &p->src : &p->dst;
	struct dim_value v = {0};

	switch (d) {
	case DIM_FAMILY:
		v.lo = p->src.family;
		return v;
	case DIM_PROTO:
		v.lo = p->proto;
		return v;
	case DIM_SPORT:
	case DIM_DPORT:
		v.lo = d == DIM_SPORT ? p->sport : p->dport;
		return v;
	case DIM_SADDR4:
	case DIM_DADDR4:
	case DIM_SADDR6:
	case DIM_DADDR6:
	case _DIM_MAX:
		break;
	}
	for (unsigned i = 0; i < 16; i++) {
		unsigned skip = 16 - ip_bytes(a->family);
		uint64_t byte = i < skip ? 0 : a->b[i - skip];

		if (i < 8)
			v.hi = v.hi << 8 | byte;
		else
			v.lo = v.lo << 8 | byte;
	}
	return v;
}

/* Does the packet have such a value at all? Ports are read from whatever stands in their place. */
static bool
has_value(const struct rules_packet *p, enum dim d)
{
	if (d == DIM_SADDR4 || d == DIM_DADDR4)
		return p->src.family == 4;
	if (d == DIM_SADDR6 || d == DIM_DADDR6)
		return p->src.family == 6;
	if (d == DIM_SPORT || d == DIM_DPORT)
		return p->proto != 200; /* stands for a packet that is too short */
	return true;
}

static bool
in_set(const struct addr_set *s, const struct ip_addr *a)
{
	if (a->family == 4 ? s->any4 : s->any6)
		return true;
	for (size_t i = 0; i < s->n; i++)
		if (ip_range_contains(&s->r[i], a))
			return true;
	return false;
}

static bool
in_ports(const struct port_range *r, size_t n, uint16_t port)
{
	for (size_t i = 0; i < n; i++)
		if (r[i].lo <= port && port <= r[i].hi)
			return true;
	return n == 0;
}

static bool
line_matches(const struct line *l, const struct rules_packet *p)
{
	if (l->family && l->family != p->src.family)
		return false;
	if (l->n_protos && !memchr(l->protos, p->proto, l->n_protos))
		return false;
	if (l->n_types && !memchr(l->types, p->type, l->n_types))
		return false;
	return in_set(&l->rule->r->src, &p->src) && in_set(&l->rule->r->dst, &p->dst) &&
	       in_ports(l->sport, l->n_sport, p->sport) && in_ports(l->dport, l->n_dport, p->dport);
}

/* True: the walk is over, or goes back to where it came from. */
static bool
walk_lines(struct walk *w, const struct tree_line *t, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t rule = t[i].line->rule->r->index;

		w->lines++;
		if (!line_matches(t[i].line, w->p))
			continue;
		if (t[i].compare && w->found && w->found <= rule)
			continue;
		if (t[i].direct)
			w->decided = rule;
		else
			w->found = rule;
		return true;
	}
	return false;
}

static void
walk_node(struct walk *w, const struct tree_node *node)
{
	if (walk_lines(w, node->first, node->n_first))
		return;
	for (size_t i = 0; i < node->n_layers; i++) {
		const struct tree_layer *l = &node->layers[i];
		struct dim_value v = value(w->p, l->dim);

		if (!has_value(w->p, l->dim))
			continue;
		w->maps++;
		for (size_t k = 0; k < l->n; k++) {
			if (dim_cmp(&l->e[k].range.lo, &v) > 0 ||
				dim_cmp(&v, &l->e[k].range.hi) > 0)
				continue;
			walk_node(w, l->e[k].node);
			break;
		}
		if (w->decided)
			return;
	}
	walk_lines(w, node->last, node->n_last);
}

static uint32_t
walk(const struct tree *t, struct walk *w)
{
	walk_node(w, t->root);
	if (!t->remembers)
		assert_int_equal(w->found, 0);
	return w->decided ? w->decided : w->found;
}

static uint32_t
plain(const struct conf_model *m, const struct rules_packet *p)
{
	for (size_t i = 0; i < m->n_rules; i++)
		if (rules_match(m, &m->rules[i], p))
			return m->rules[i].index;
	return 0;
}

static void
test_first_match(void **state)
{
	static const struct world worlds[] = {{8, 6, 2, 20}, {40, 12, 5, 40}, {300, 40, 40, 15},
		{2000, 400, 200, 5}, {6, 4, 1, 70}};
	unsigned deep = 0, remembering = 0;

	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct prng p = {seed};
		struct arena a = ARENA_INIT;
		const struct world *w = &worlds[seed % 5];
		const struct conf_model *m =
			random_rules(&a, &p, w, (size_t)prng_range(&p, 1, seed % 7 ? 120 : 700));
		struct grown g;

		grow(&a, &g, m);
		deep += g.t.root->n_layers > 0;
		remembering += g.t.remembers;
		for (unsigned i = 0; i < 400; i++) {
			struct rules_packet k = random_packet(&p, w);
			struct walk v = {.p = &k};
			uint32_t want = plain(m, &k), got = walk(&g.t, &v);

			if (got != want)
				fail_msg("seed %u, packet %u: rule %u, wanted %u", (unsigned)seed,
					i, got, want);
		}
		arena_free(&a);
	}
	assert_in_range(deep, 100, 200);
	assert_in_range(remembering, 50, 200);
}

/* Looks at few lines and few maps on the average, however long the list. */
static void
test_cost(void **state)
{
	static const struct world w = {60000, 2000, 255, 12};
	struct prng p = {7};
	struct arena a = ARENA_INIT;
	const struct conf_model *m = random_rules(&a, &p, &w, 5000);
	unsigned lines = 0, maps = 0;
	struct grown g;

	grow(&a, &g, m);
	for (unsigned i = 0; i < 2000; i++) {
		struct rules_packet k = random_packet(&p, &w);
		struct walk v = {.p = &k};

		walk(&g.t, &v);
		lines += v.lines;
		maps += v.maps;
	}
	print_message("%zu lines: %u.%u looked at, %u.%u maps\n", g.n, lines / 2000,
		lines / 200 % 10, maps / 2000, maps / 200 % 10);
	assert_in_range(lines, 1, 2000 * 60);
	assert_in_range(maps, 1, 2000 * 12);
	arena_free(&a);
}

/* A rule that is said to be hidden never decides; the one that hides it matches all it matches. */
static void
test_shadowed(void **state)
{
	static const struct world w = {8, 4, 2, 40};
	unsigned hidden = 0;

	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct prng p = {seed};
		struct arena a = ARENA_INIT;
		const struct conf_model *m = random_rules(&a, &p, &w, 60);
		const struct conf_rule **by = arena_array(&a, const struct conf_rule *, 60);

		rules_shadowed(m, by);
		for (unsigned i = 0; i < 60; i++)
			hidden += by[i] != NULL;
		for (unsigned i = 0; i < 600; i++) {
			struct rules_packet k = random_packet(&p, &w);
			uint32_t first = plain(m, &k);

			if (first)
				assert_null(by[first - 1]);
			for (unsigned j = 0; j < 60; j++)
				if (by[j] && rules_match(m, &m->rules[j], &k))
					assert_true(rules_match(m, by[j], &k));
		}
		arena_free(&a);
	}
	assert_in_range(hidden, 60, 3600);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_match),
		cmocka_unit_test(test_cost),
		cmocka_unit_test(test_shadowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
