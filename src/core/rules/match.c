/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a rule's networks and service to nft conditions. Interfaces are not looked at here: they
 * decide in which chain a condition stands (layout.c).
 */
#include <stdlib.h>
#include <string.h>
#include "core/rules/parts.h"

/* The ranges of one family are neighbours: an addr_set is sorted, IPv4 first. */
static size_t
family_ranges(const struct addr_set *set, uint8_t family, const struct ip_range **first)
{
	size_t n = 0;

	*first = NULL;
	for (size_t i = 0; i < set->n; i++) {
		if (set->r[i].lo.family != family)
			continue;
		if (!n)
			*first = &set->r[i];
		n++;
	}
	return n;
}

static bool
has_every(const struct addr_set *set, uint8_t family)
{
	return family == 4 ? set->any4 : set->any6;
}

bool
match_has_family(const struct addr_set *set, uint8_t family)
{
	const struct ip_range *first;

	return has_every(set, family) || family_ranges(set, family, &first) > 0;
}

void
match_addresses(struct compiler *c, struct text *t, const struct addr_set *set, uint8_t family,
	bool source, const char *name)
{
	const struct ip_range *r;
	size_t n = family_ranges(set, family, &r);
	struct sets_list l;
	char buf[IP_TEXT_MAX];

	if (has_every(set, family))
		return;
	sets_list_init(&l, c->a);
	for (size_t i = 0; i < n; i++)
		sets_list_add(&l, ip_range_fmt(&r[i], buf), !ip_equal(&r[i].lo, &r[i].hi));
	text_add(t, "%s %s %s ", family == 4 ? "ip" : "ip6", source ? "saddr" : "daddr",
		sets_list_text(c, &l, family == 4 ? "ipv4_addr" : "ipv6_addr",
			arena_printf(c->a, "net%u/%s%s", family, name, source ? "" : "/to")));
}

/* The protocols that have ports, by the names nft knows without /etc/protocols; else NULL. */
static const char *
port_protocol(uint8_t proto)
{
	switch (proto) {
	case 6:
		return "tcp";
	case 17:
		return "udp";
	case 33:
		return "dccp";
	case 132:
		return "sctp";
	}
	return NULL;
}

static void
add_ports(struct compiler *c, struct text *t, const char *key, const struct port_range *r, size_t n,
	const char *name)
{
	struct sets_list l;

	if (!n)
		return;
	sets_list_init(&l, c->a);
	for (size_t i = 0; i < n; i++)
		sets_list_add(&l,
			r[i].lo == r[i].hi ? arena_printf(c->a, "%u", r[i].lo)
					   : arena_printf(c->a, "%u-%u", r[i].lo, r[i].hi),
			r[i].lo != r[i].hi);
	text_add(t, "%s %s ", key, sets_list_text(c, &l, "inet_service", name));
}

static bool
same_ports(const struct port_range *a, size_t n_a, const struct port_range *b, size_t n_b)
{
	if (n_a != n_b)
		return false;
	for (size_t i = 0; i < n_a; i++)
		if (a[i].lo != b[i].lo || a[i].hi != b[i].hi)
			return false;
	return true;
}

/* Differ in the protocol at most: can be one condition. */
static bool
can_merge(const struct service_match *a, const struct service_match *b)
{
	if (a->kind == MATCH_ICMP || b->kind == MATCH_ICMP || a->kind == MATCH_ANY ||
		b->kind == MATCH_ANY)
		return false;
	if (a->kind == MATCH_PROTO && b->kind == MATCH_PROTO)
		return true;
	return a->kind == b->kind && same_ports(a->sport, a->n_sport, b->sport, b->n_sport) &&
	       same_ports(a->dport, a->n_dport, b->dport, b->n_dport);
}

/* protos[n]: the protocols of all matches that were merged into `m`. name: of the service. */
static void
add_protocols(struct compiler *c, struct text *t, const struct service_match *m,
	const uint8_t *protos, size_t n, const char *name)
{
	bool ports = m->kind == MATCH_PORTS && m->n_sport + m->n_dport > 0;
	const char *word = ports && n == 1 ? port_protocol(protos[0]) : NULL;
	struct sets_list l;

	sets_list_init(&l, c->a);
	for (size_t i = 0; i < n; i++)
		sets_list_add(&l,
			port_protocol(protos[i]) ? port_protocol(protos[i])
						 : arena_printf(c->a, "%u", protos[i]),
			false);
	if (!word) {
		text_add(t, "meta l4proto %s ",
			sets_list_text(c, &l, "inet_proto",
				arena_printf(c->a, "protocols/%s",
					n == 2 && strcmp(l.one.s, "tcp, udp") == 0 ? "tcp_udp"
										   : name)));
		word = "th";
	}
	if (!ports)
		return;
	add_ports(c, t, arena_printf(c->a, "%s sport", word), m->sport, m->n_sport,
		arena_printf(c->a, "ports/%s/from", name));
	add_ports(c, t, arena_printf(c->a, "%s dport", word), m->dport, m->n_dport,
		arena_printf(c->a, "ports/%s", name));
}

static void
add_icmp(struct compiler *c, struct text *t, const struct service_match *m, const char *name)
{
	bool v4 = m->proto == 1;
	struct sets_list l;

	if (!m->n_types) {
		text_add(t, "meta l4proto %u ", m->proto);
		return;
	}
	sets_list_init(&l, c->a);
	for (size_t i = 0; i < m->n_types; i++)
		sets_list_add(&l, arena_printf(c->a, "%u", m->types[i]), false);
	text_add(t, "%s type %s ", v4 ? "icmp" : "icmpv6",
		sets_list_text(c, &l, v4 ? "icmp_type" : "icmpv6_type",
			arena_printf(c->a, "types%u/%s", v4 ? 4 : 6, name)));
}

static void
add_line(struct compiler *c, struct rule_part *p, struct line l, struct text *cond,
	const struct text *late)
{
	text_add(cond, "%s", text_str(late));
	l.cond = cond->s;
	p->lines = arena_grow(c->a, p->lines, p->n_lines, sizeof(*p->lines));
	l.rule = p;
	p->lines[p->n_lines++] = l;
}

static int
port_sort(const void *a, const void *b)
{
	return ((const struct port_range *)a)->lo - ((const struct port_range *)b)->lo;
}

const struct port_range *
match_ports_apart(struct arena *a, const struct port_range *r, size_t n, size_t *n_out)
{
	struct port_range *s = arena_array(a, struct port_range, n + 1);

	*n_out = 0;
	for (size_t i = 0; i < n; i++)
		s[i] = r[i];
	if (n)
		qsort(s, n, sizeof(*s), port_sort);
	for (size_t i = 0; i < n; i++) {
		if (*n_out && s[i].lo <= s[*n_out - 1].hi) {
			if (s[i].hi > s[*n_out - 1].hi)
				s[*n_out - 1].hi = s[i].hi;
			continue;
		}
		s[(*n_out)++] = s[i];
	}
	return s;
}

bool
match_holds_private(const struct conf_model *m, const struct addr_set *set, uint8_t family)
{
	if (has_every(set, family))
		return true;
	for (size_t i = 0; i < set->n * m->n_ifaces; i++) {
		const struct ip_range *r = &set->r[i % set->n];
		const struct conf_iface *f = &m->ifaces[i / set->n];

		for (unsigned node = 0; node < 2 && !f->sync; node++)
			if ((f->has_private4 && ip_range_contains(r, &f->private4[node].addr)) ||
				(f->has_private6 && ip_range_contains(r, &f->private6[node].addr)))
				return true;
	}
	return false;
}

/*
 * What the condition asks of addresses: single ones and networks in front of the service, sets (a
 * look-up each) behind it in `late`. SAT leaves the nodes' own addresses alone.
 */
static const char *
address_text(struct compiler *c, const struct rule_part *p, uint8_t family, struct text *late)
{
	struct text t = {.a = c->a};

	for (unsigned i = 0; family && i < 2; i++) {
		struct text one = {.a = c->a};

		match_addresses(c, &one, i ? &p->r->dst : &p->r->src, family, !i, p->id);
		text_add(strchr(text_str(&one), '@') ? late : &t, "%s", text_str(&one));
	}
	if (family && p->r->action == RULE_SAT && match_holds_private(c->m, &p->r->dst, family))
		text_add(late, "%s daddr != @nodes%u ", family == 4 ? "ip" : "ip6", family);
	if (family && !t.len)
		text_add(&t, "%s",
			late->len     ? ""
			: family == 4 ? "meta nfproto ipv4 "
				      : "meta nfproto ipv6 ");
	return text_str(&t);
}

/* One condition for each kind of thing the service holds; family 0: for both at once. */
static void
service_conditions(struct compiler *c, struct rule_part *p, uint8_t family)
{
	const struct conf_service *s = p->r->service;
	struct text late = {.a = c->a};
	const char *addresses = address_text(c, p, family, &late);
	const char *name = text_ident(c->a, s->name, p->r->index);
	bool *merged = arena_array(c->a, bool, s->n_match);

	for (size_t i = 0; i < s->n_match; i++) {
		const struct service_match *m = &s->match[i];
		struct line l = {.family = family};
		struct text t = {.a = c->a};
		uint8_t *protos, icmp_family;

		if (merged[i])
			continue;
		text_add(&t, "%s", addresses);
		if (m->kind == MATCH_ANY) {
			add_line(c, p, l, &t, &late);
			continue;
		}
		protos = arena_array(c->a, uint8_t, s->n_match - i);
		l.protos = protos;
		if (m->kind == MATCH_ICMP) {
			icmp_family = m->proto == 1 ? 4 : 6;
			if (family && family != icmp_family)
				continue;
			if (!family)
				text_add(&t, "meta nfproto ipv%u ", icmp_family);
			add_icmp(c, &t, m, name);
			l.family = icmp_family;
			protos[l.n_protos++] = m->proto;
			l.types = m->types;
			l.n_types = m->n_types;
			add_line(c, p, l, &t, &late);
			continue;
		}
		for (size_t j = i; j < s->n_match; j++) {
			if (merged[j] || !can_merge(m, &s->match[j]))
				continue;
			merged[j] = true;
			if (!memchr(protos, s->match[j].proto, l.n_protos))
				protos[l.n_protos++] = s->match[j].proto;
		}
		add_protocols(c, &t, m, protos, l.n_protos, name);
		if (m->kind == MATCH_PORTS) {
			l.sport = match_ports_apart(c->a, m->sport, m->n_sport, &l.n_sport);
			l.dport = match_ports_apart(c->a, m->dport, m->n_dport, &l.n_dport);
		}
		add_line(c, p, l, &t, &late);
	}
}

const char *
match_service_text(struct compiler *c, const struct rule_part *p, const struct service_match *m)
{
	struct text t = {.a = c->a};

	add_protocols(c, &t, m, &m->proto, 1, text_ident(c->a, p->r->service->name, p->r->index));
	return text_str(&t);
}

/* A translation to an address of one family cannot be made for packets of the other one. */
bool
match_action_has_family(const struct conf_rule *r, uint8_t family)
{
	if (r->action == RULE_SAT && r->sat_ip.family && r->sat_ip.family != family)
		return false;
	if ((r->action == RULE_SAT || r->action == RULE_NAT) && r->nat_sender.family &&
		r->nat_sender.family != family)
		return false;
	return true;
}

/* Why the rule's interfaces exclude every packet, or NULL. */
static const char *
interfaces_never(const struct conf_rule *r)
{
	if (r->src_iface.kind == IFACE_CORE)
		return "what the firewall itself sends needs no rule";
	if ((r->src_iface.kind == IFACE_ONE && r->src_iface.iface->sync) ||
		(r->dst_iface.kind == IFACE_ONE && r->dst_iface.iface->sync))
		return "sync interfaces carry no traffic";
	return NULL;
}

void
match_conditions(struct compiler *c, struct rule_part *p)
{
	const struct conf_rule *r = p->r;
	bool has[2], all = r->src.any4 && r->src.any6 && r->dst.any4 && r->dst.any6;

	p->never = interfaces_never(r);
	if (p->never)
		return;
	for (unsigned i = 0; i < 2; i++) {
		uint8_t family = i ? 6 : 4;

		has[i] = match_has_family(&r->src, family) && match_has_family(&r->dst, family) &&
			 match_action_has_family(r, family);
	}
	if (has[0] && has[1] && all && r->action != RULE_SAT) {
		service_conditions(c, p, 0);
	} else {
		if (has[0])
			service_conditions(c, p, 4);
		if (has[1])
			service_conditions(c, p, 6);
	}
	if (!p->n_lines)
		p->never = has[0] || has[1] ? "its service matches nothing in these networks"
					    : "its networks and addresses share no address family";
}
