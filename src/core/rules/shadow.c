/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * See shadow.h. One rule must cover another one alone: what only several together cover is not
 * found. What is reported is certain.
 */
#include <string.h>
#include "core/rules/parts.h"
#include "core/rules/shadow.h"

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

void
rules_shadowed(const struct conf_model *m, const struct conf_rule **by)
{
	struct arena scratch = ARENA_INIT;
	struct reach *reach = arena_array(&scratch, struct reach, m->n_rules);

	for (size_t i = 0; i < m->n_rules; i++) {
		reach[i] = reach_of(&m->rules[i]);
		by[i] = NULL;
		if (!reach[i].family[0] && !reach[i].family[1])
			continue; /* matches nothing at all: another fault */
		for (size_t k = 0; k < i && !by[i]; k++)
			if (m->rules[k].src_iface.kind != IFACE_CORE &&
				covers(m, &m->rules[k], &m->rules[i], &reach[k], &reach[i]))
				by[i] = &m->rules[k];
	}
	arena_free(&scratch);
}
