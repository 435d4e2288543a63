/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See shadow.h. One rule must cover another one alone: what only several together cover is not
 * found. What is reported is certain.
 */
#include <string.h>
#include "core/rules/shadow.h"
#include "core/rules/tree.h"

static bool
iface_covers(const struct iface_ref *a, const struct iface_ref *b)
{
	return a->kind == IFACE_ANY || (a->kind == b->kind && a->iface == b->iface);
}

static bool
every(const struct addr_set *s, uint8_t family)
{
	return family == 4 ? s->any4 : s->any6;
}

/* Every range of `b` lies in one of `a`; both are ascending. */
static bool
set_covers(const struct addr_set *a, const struct addr_set *b, uint8_t family)
{
	size_t k = 0;

	if (every(a, family))
		return true;
	if (every(b, family))
		return false;
	for (size_t i = 0; i < b->n; i++) {
		if (b->r[i].lo.family != family)
			continue;
		while (k < a->n && ip_cmp(&a->r[k].hi, &b->r[i].lo) < 0)
			k++;
		if (k == a->n || ip_cmp(&a->r[k].lo, &b->r[i].lo) > 0 ||
			ip_cmp(&a->r[k].hi, &b->r[i].hi) < 0)
			return false;
	}
	return true;
}

static bool
ports_cover(const struct port_range *a, size_t n_a, const struct port_range *b, size_t n_b)
{
	if (!n_a)
		return true;
	for (size_t i = 0; i < n_b; i++) {
		bool in = false;

		for (size_t k = 0; k < n_a; k++)
			in |= a[k].lo <= b[i].lo && b[i].hi <= a[k].hi;
		if (!in)
			return false;
	}
	return n_b > 0;
}

static bool
match_covers(const struct service_match *a, const struct service_match *b)
{
	if (a->kind == MATCH_ANY)
		return true;
	if (b->kind == MATCH_ANY || a->proto != b->proto)
		return false;
	switch (a->kind) {
	case MATCH_ANY:
	case MATCH_PROTO:
		return true;
	case MATCH_PORTS:
		return b->kind == MATCH_PORTS &&
		       ports_cover(a->sport, a->n_sport, b->sport, b->n_sport) &&
		       ports_cover(a->dport, a->n_dport, b->dport, b->n_dport);
	case MATCH_ICMP:
		for (size_t i = 0; a->n_types && i < b->n_types; i++)
			if (!memchr(a->types, b->types[i], a->n_types))
				return false;
		return b->kind == MATCH_ICMP && (!a->n_types || b->n_types);
	}
	return false;
}

static bool
service_covers(const struct conf_service *a, const struct conf_service *b)
{
	if (a == b)
		return true;
	for (size_t i = 0; i < b->n_match; i++) {
		bool in = false;

		for (size_t k = 0; k < a->n_match && !in; k++)
			in = match_covers(&a->match[k], &b->match[i]);
		if (!in)
			return false;
	}
	return true;
}

/* Of the packets that a rule matches. */
struct reach {
	bool family[2];
};

static struct reach
reach_of(const struct conf_rule *r)
{
	struct reach x;

	for (unsigned i = 0; i < 2; i++) {
		uint8_t family = i ? 6 : 4;

		x.family[i] = match_has_family(&r->src, family) &&
			      match_has_family(&r->dst, family) &&
			      match_action_has_family(r, family);
	}
	return x;
}

/* SAT leaves private addresses alone: only one that names a single other address is sure. */
static bool
covers(const struct conf_model *m, const struct conf_rule *a, const struct conf_rule *b,
	const struct reach *ra, const struct reach *rb)
{
	if (!iface_covers(&a->src_iface, &b->src_iface) ||
		!iface_covers(&a->dst_iface, &b->dst_iface))
		return false;
	for (unsigned i = 0; i < 2; i++) {
		uint8_t family = i ? 6 : 4;

		if (rb->family[i] && (!ra->family[i] || !set_covers(&a->dst, &b->dst, family) ||
					     !set_covers(&a->src, &b->src, family)))
			return false;
		if (rb->family[i] && a->action == RULE_SAT && b->action != RULE_SAT &&
			match_holds_private(m, &b->dst, family))
			return false;
	}
	return service_covers(a->service, b->service);
}

/* All rules as lines without text, for a tree that finds the few that one packet can match. */
struct finder {
	struct arena a;
	struct rule_part *parts;
	struct reach *reach;
	const struct line **lines;
	size_t n;
	struct tree tree;
};

static void
finder_lines(struct finder *f, const struct conf_rule *r, const struct rule_part *part)
{
	for (unsigned i = 0; i < 2; i++) {
		for (size_t k = 0; f->reach[r->index - 1].family[i] && k < r->service->n_match;
			k++) {
			const struct service_match *m = &r->service->match[k];
			struct line *l = arena_new(&f->a, struct line);

			l->rule = part;
			l->family = i ? 6 : 4;
			l->protos = &m->proto;
			l->n_protos = m->kind != MATCH_ANY;
			if (m->kind == MATCH_PORTS) {
				l->sport =
					match_ports_apart(&f->a, m->sport, m->n_sport, &l->n_sport);
				l->dport =
					match_ports_apart(&f->a, m->dport, m->n_dport, &l->n_dport);
			}
			f->lines = arena_grow(&f->a, f->lines, f->n, sizeof(const struct line *));
			f->lines[f->n++] = l;
		}
	}
}

static void
finder_make(struct finder *f, const struct conf_model *m)
{
	*f = (struct finder){.a = ARENA_INIT};
	f->parts = arena_array(&f->a, struct rule_part, m->n_rules);
	f->reach = arena_array(&f->a, struct reach, m->n_rules);
	for (size_t i = 0; i < m->n_rules; i++) {
		f->parts[i].r = &m->rules[i];
		f->reach[i] = reach_of(&m->rules[i]);
		if (m->rules[i].src_iface.kind != IFACE_CORE)
			finder_lines(f, &m->rules[i], &f->parts[i]);
	}
	tree_build(&f->a, &f->tree, f->lines, f->n);
}

/* The search for the first rule that covers one rule, by a packet that the latter matches. */
struct search {
	const struct conf_model *m;
	const struct finder *f;
	const struct conf_rule *r;
	struct dim_value packet[_DIM_MAX];
	bool has[_DIM_MAX];
	const struct conf_rule *first; /* found so far */
};

static void
search_lines(struct search *s, const struct tree_line *t, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct conf_rule *x = t[i].line->rule->r;

		if (x->index >= s->r->index || (s->first && x->index >= s->first->index))
			return; /* ascending */
		if (covers(s->m, x, s->r, &s->f->reach[x->index - 1],
			    &s->f->reach[s->r->index - 1])) {
			s->first = x;
			return;
		}
	}
}

static void
search_node(struct search *s, const struct tree_node *node)
{
	search_lines(s, node->first, node->n_first);
	for (size_t i = 0; i < node->n_layers; i++) {
		const struct tree_layer *l = &node->layers[i];
		const struct dim_value *v = &s->packet[l->dim];
		size_t lo = 0, hi = l->n;

		while (s->has[l->dim] && lo < hi) {
			size_t mid = lo + (hi - lo) / 2;

			if (dim_cmp(&l->e[mid].range.hi, v) < 0)
				lo = mid + 1;
			else
				hi = mid;
		}
		if (s->has[l->dim] && lo < l->n && dim_cmp(&l->e[lo].range.lo, v) <= 0)
			search_node(s, l->e[lo].node);
	}
	search_lines(s, node->last, node->n_last);
}

/*
 * The packet: of each dimension a value that the rule asks for, and where it does not ask, one that
 * hardly any other rule asks for: who covers it takes any.
 */
static void
search_packet(struct search *s, const struct line *l)
{
	static const uint64_t odd[_DIM_MAX] = {[DIM_PROTO] = 253,
		[DIM_SPORT] = 1,
		[DIM_DPORT] = 1,
		[DIM_SADDR4] = 1,
		[DIM_DADDR4] = 1};
	struct arena a = ARENA_INIT;

	for (unsigned d = 0; d < _DIM_MAX; d++) {
		size_t n = dim_ranges(l, (enum dim)d, NULL);
		struct dim_range *r = arena_array(&a, struct dim_range, n + 1);

		dim_ranges(l, (enum dim)d, r);
		s->packet[d] = n ? r[0].lo : (struct dim_value){0, odd[d]};
		s->has[d] = true;
	}
	s->has[l->family == 4 ? DIM_SADDR6 : DIM_SADDR4] = false;
	s->has[l->family == 4 ? DIM_DADDR6 : DIM_DADDR4] = false;
	arena_free(&a);
}

void
rules_shadowed(const struct conf_model *m, const struct conf_rule **by)
{
	struct finder f;

	finder_make(&f, m);
	for (size_t i = 0; i < m->n_rules; i++)
		by[i] = NULL;
	for (size_t i = 0; i < f.n; i++) { /* any line of a rule will do: the first */
		const struct conf_rule *r = f.lines[i]->rule->r;
		struct search s = {.m = m, .f = &f, .r = r};

		if (i && f.lines[i - 1]->rule->r == r)
			continue;
		search_packet(&s, f.lines[i]);
		search_node(&s, f.tree.root);
		by[r->index - 1] = s.first;
	}
	arena_free(&f.a);
}
