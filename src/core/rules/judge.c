/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See judge.h. Knows nothing of nftables, and shares nothing with the compiler but the model. */
#include <string.h>
#include "core/rules/judge.h"

#define PROTO_ICMP   1
#define PROTO_ICMPV6 58

static bool
set_has(const struct addr_set *s, const struct ip_addr *a)
{
	if (a->family == 4 ? s->any4 : s->any6)
		return true;
	for (size_t i = 0; i < s->n; i++)
		if (s->r[i].lo.family == a->family && ip_range_contains(&s->r[i], a))
			return true;
	return false;
}

static bool
ports_have(const struct port_range *r, size_t n, uint16_t port)
{
	for (size_t i = 0; i < n; i++)
		if (r[i].lo <= port && port <= r[i].hi)
			return true;
	return n == 0;
}

static bool
service_has(const struct service_match *m, const struct rules_packet *p)
{
	if (m->kind != MATCH_ANY && m->proto != p->proto)
		return false;
	switch (m->kind) {
	case MATCH_ANY:
	case MATCH_PROTO:
		return true;
	case MATCH_PORTS:
		return ports_have(m->sport, m->n_sport, p->sport) &&
		       ports_have(m->dport, m->n_dport, p->dport);
	case MATCH_ICMP:
		return p->src.family == (m->proto == PROTO_ICMP ? 4 : 6) &&
		       (m->n_types == 0 || memchr(m->types, p->type, m->n_types));
	}
	return false;
}

/* Of the node, of the other node, or of either (2). */
static bool
is_private(const struct conf_model *m, unsigned node, const struct ip_addr *a)
{
	for (size_t i = 0; i < m->n_ifaces; i++) {
		const struct conf_iface *f = &m->ifaces[i];

		for (unsigned k = 0; k < 2; k++)
			if ((node == k || node == 2) && !f->sync &&
				((f->has_private4 && ip_equal(&f->private4[k].addr, a)) ||
					(f->has_private6 && ip_equal(&f->private6[k].addr, a))))
				return true;
	}
	return false;
}

bool
rules_match(const struct conf_model *m, const struct conf_rule *r, const struct rules_packet *p)
{
	uint8_t family = p->src.family;
	bool translates = r->action == RULE_SAT || r->action == RULE_NAT;

	if (!set_has(&r->src, &p->src) || !set_has(&r->dst, &p->dst))
		return false;
	if (translates && r->nat_sender.family && r->nat_sender.family != family)
		return false;
	if (r->action == RULE_SAT &&
		((r->sat_ip.family && r->sat_ip.family != family) || is_private(m, 2, &p->dst)))
		return false;
	for (size_t i = 0; i < r->service->n_match; i++)
		if (service_has(&r->service->match[i], p))
			return true;
	return false;
}

const struct conf_rule *
rules_first(const struct conf_model *m, const struct rules_packet *p, const struct conf_iface *in,
	const struct conf_iface *out, bool core)
{
	for (size_t i = 0; i < m->n_rules; i++) {
		const struct conf_rule *r = &m->rules[i];
		const struct iface_ref *d = &r->dst_iface;

		if (r->src_iface.kind == IFACE_CORE ||
			(r->src_iface.kind == IFACE_ONE && r->src_iface.iface != in))
			continue;
		if ((d->kind == IFACE_CORE && !core) ||
			(d->kind == IFACE_ONE && (core || d->iface != out)))
			continue;
		if (rules_match(m, r, p))
			return r;
	}
	return NULL;
}

/* The longest prefix so far, and whose it is. */
struct best {
	int len;
	uint32_t metric;
	const struct conf_iface *iface;
};

static void
best_offer(struct best *b, const struct ip_prefix *p, const struct ip_addr *a, uint32_t metric,
	const struct conf_iface *f)
{
	if (!ip_prefix_contains(p, a) || p->len < b->len ||
		(p->len == b->len && metric >= b->metric))
		return;
	*b = (struct best){p->len, metric, f};
}

/* Where the routing table sends it; NULL: nowhere. */
static const struct conf_iface *
route(const struct conf_model *m, const struct ip_addr *a)
{
	struct best b = {.len = -1};

	for (size_t i = 0; i < m->n_ifaces; i++)
		for (size_t k = 0; !m->ifaces[i].sync && k < m->ifaces[i].n_shared; k++)
			best_offer(&b, &m->ifaces[i].shared[k], a, 0, &m->ifaces[i]);
	for (size_t i = 0; i < m->n_routes; i++)
		best_offer(&b, &m->routes[i].net, a, m->routes[i].metric, m->routes[i].iface);
	return b.iface;
}

/* Local, broadcast, multicast, and for IPv6 the anycast address of every network. */
static bool
is_core(const struct conf_model *m, const struct ip_addr *a)
{
	static const struct ip_addr everybody = {4, {255, 255, 255, 255}};

	if (ip_is_multicast(a) || ip_equal(a, &everybody))
		return true;
	for (size_t i = 0; i < m->n_ifaces; i++) {
		for (size_t k = 0; k < m->ifaces[i].n_shared; k++) {
			const struct ip_prefix *p = &m->ifaces[i].shared[k];
			struct ip_addr end =
				a->family == 4 ? ip_prefix_broadcast(p) : ip_prefix_net(p);

			if (ip_equal(&p->addr, a))
				return true;
			if (p->len < ip_bytes(a->family) * 8 - 1 && ip_equal(&end, a))
				return true;
		}
	}
	return false;
}

/* May `a` be the source of what enters by `in`: does the longest prefix lead there? */
static bool
source_enters(const struct conf_model *m, const struct ip_addr *a, const struct conf_iface *in)
{
	static const struct ip_prefix nobody[] = {{{4, {0}}, 8}, {{4, {127}}, 8},
		{{4, {169, 254}}, 16}, {{4, {224}}, 3}, {{6, {0}}, 96},
		{{6, {[10] = 0xff, 0xff}}, 96}, {{6, {0xff}}, 8}};
	int mine = -1, other = -1, none = -1, *len;

	if (a->family == 6 && a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80)
		return true;
	if (is_private(m, 2, a))
		return false;
	for (size_t i = 0; i < sizeof(nobody) / sizeof(nobody[0]); i++)
		if (ip_prefix_contains(&nobody[i], a))
			none = nobody[i].len;
	for (size_t i = 0; i < m->n_ifaces; i++) {
		const struct conf_iface *f = &m->ifaces[i];

		len = f == in ? &mine : &other;
		for (size_t k = 0; !f->sync && k < f->n_shared; k++) {
			if (ip_equal(&f->shared[k].addr, a))
				return false;
			if (ip_prefix_contains(&f->shared[k], a) && f->shared[k].len > *len)
				*len = f->shared[k].len;
		}
		for (unsigned k = 0; !f->sync && k < 2; k++) {
			const struct ip_prefix *p =
				a->family == 4 ? &f->private4[k] : &f->private6[k];

			if ((a->family == 4 ? f->has_private4 : f->has_private6) &&
				ip_prefix_contains(p, a) && p->len > *len)
				*len = p->len;
		}
	}
	for (size_t i = 0; i < m->n_routes; i++) {
		len = m->routes[i].iface == in ? &mine : &other;
		if (ip_prefix_contains(&m->routes[i].net, a) && m->routes[i].net.len > *len)
			*len = m->routes[i].net.len;
	}
	return mine > none && mine >= other;
}

/* What passes without a rule: RFC 4890's list of what must not be dropped, as far as it starts
 * a connection. */
static bool
is_always(const struct rules_packet *p)
{
	static const uint8_t types[] = {2, 130, 131, 132, 133, 134, 135, 136, 143};

	return p->proto == PROTO_ICMPV6 && p->src.family == 6 &&
	       memchr(types, p->type, sizeof(types));
}

void
rules_judge(const struct conf_model *m, enum node_type self, const struct rules_packet *p,
	const struct conf_iface *in, struct rules_verdict *v)
{
	bool echo = p->src.family == 4 ? p->proto == PROTO_ICMP && p->type == 8
				       : p->proto == PROTO_ICMPV6 && p->type == 128;
	bool private = is_private(m, self, &p->dst);

	*v = (struct rules_verdict){.way = WAY_SPOOFED};
	if (!source_enters(m, &p->src, in))
		return;
	v->core = private || is_core(m, &p->dst);
	v->out = v->core ? NULL : route(m, &p->dst);
	v->way = is_always(p) ? WAY_ALWAYS : private && !echo ? WAY_PRIVATE : WAY_NO_RULE;
	if (v->way != WAY_NO_RULE || (!v->core && !v->out))
		return;
	v->rule = rules_first(m, p, in, v->out, v->core);
	if (v->rule)
		v->way = WAY_RULE;
}
