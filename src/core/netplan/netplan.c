/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From a configuration to the list of kernel objects it needs on one node. Pure; the reasons for
 * each object stand in docs/design/gate.md ("addresses and routing").
 */
#include "core/netplan/netplan.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Metric of fe80::/64 in the node table is this plus the index: the same prefix stands there once
 * for every NIC, and two routes of one prefix need different metrics. */
#define LINK_LOCAL_METRIC 256

struct build {
	struct arena *arena;
	const struct conf_model *m;
	enum node_type self;
	struct netplan *plan;
};

#define ADD(b, array)                                                                              \
	((b)->plan->array = arena_grow(                                                            \
		 (b)->arena, (b)->plan->array, (b)->plan->n_##array, sizeof((b)->plan->array[0])), \
		&(b)->plan->array[(b)->plan->n_##array++])

static const char *
tw_name(const struct conf_iface *i, char buf[DEV_NAME_MAX])
{
	snprintf(buf, DEV_NAME_MAX, "tw-%s", i->name);
	return buf;
}

static void
set_dev(char dst[DEV_NAME_MAX], const char *dev)
{
	snprintf(dst, DEV_NAME_MAX, "%s", dev);
}

/* The node's own address on an interface, or NULL. */
static const struct ip_prefix *
private_addr(const struct build *b, const struct conf_iface *i, uint8_t family)
{
	if (family == 4)
		return i->has_private4 ? &i->private4[b->self] : NULL;
	return i->has_private6 ? &i->private6[b->self] : NULL;
}

static bool
iface_uses6(const struct conf_model *m, const struct conf_iface *i)
{
	for (size_t k = 0; k < i->n_shared; k++)
		if (i->shared[k].addr.family == 6)
			return true;
	for (size_t k = 0; k < m->n_routes; k++)
		if (m->routes[k].iface == i && m->routes[k].net.addr.family == 6)
			return true;
	return i->has_private6;
}

static bool
model_uses6(const struct conf_model *m)
{
	for (size_t k = 0; k < m->n_ifaces; k++)
		if (!m->ifaces[k].sync && iface_uses6(m, &m->ifaces[k]))
			return true;
	return false;
}

/* fe80::1:<index>, the same on both nodes. */
static struct ip_addr
shared_link_local(const struct conf_iface *i)
{
	struct ip_addr a = {.family = 6, .b = {0xfe, 0x80}};

	a.b[13] = 1;
	a.b[14] = (uint8_t)(i->index >> 8);
	a.b[15] = (uint8_t)i->index;
	return a;
}

static void __attribute__((format(printf, 4, 5)))
add_sysctl(struct build *b, const char *dev, const char *value, const char *fmt, ...)
{
	struct plan_sysctl *s = ADD(b, sysctls);
	char path[128];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	s->path = arena_strdup(b->arena, path);
	s->value = value;
	set_dev(s->dev, dev);
}

struct setting {
	const char *name, *value;
};

static void
add_settings(
	struct build *b, const char *family, const char *dev, const struct setting *s, size_t n)
{
	for (size_t k = 0; k < n; k++)
		add_sysctl(b, dev, s[k].value, "net/%s/conf/%s/%s", family, dev, s[k].name);
}

#define ADD_SETTINGS(b, family, dev, table)                                                        \
	add_settings(b, family, dev, table, sizeof(table) / sizeof((table)[0]))

static void
global_sysctls(struct build *b)
{
	add_sysctl(b, "", "0", "net/ipv4/conf/all/rp_filter");
	add_sysctl(b, "", "0", "net/ipv4/conf/all/arp_filter");
	add_sysctl(b, "", "1", "net/ipv4/conf/all/arp_ignore");
	add_sysctl(b, "", "0", "net/ipv4/conf/all/send_redirects");
	add_sysctl(b, "", "1", "net/ipv4/icmp_errors_use_inbound_ifaddr");
	add_sysctl(b, "", "1", "net/ipv4/fwmark_reflect");
	if (model_uses6(b->m)) {
		add_sysctl(b, "", "1", "net/ipv6/fwmark_reflect");
		add_sysctl(b, "", "1", "net/ipv6/conf/all/forwarding");
	}
	add_sysctl(b, "", "1", "net/netfilter/nf_conntrack_events");
	/* helpers only where a rule assigns one (kernels before 6.0 could do it by the port) */
	add_sysctl(b, "", "0", "net/netfilter/nf_conntrack_helper");
	add_sysctl(b, "", NULL, "net/netfilter/nf_conntrack_tcp_be_liberal"); /* state sync's */
	if (b->m->ha.enabled && b->m->ha.sync && b->m->ha.sync_after_s)
		add_sysctl(
			b, "", "1", "net/netfilter/nf_conntrack_timestamp"); /* how old they are */
}

static void
nic_sysctls(struct build *b, const struct conf_iface *i)
{
	static const struct setting v4[] = {{"forwarding", "0"}, {"rp_filter", "0"},
		{"arp_filter", "0"}, {"accept_local", "1"}, {"promote_secondaries", "1"}};
	static const struct setting sync4[] = {{"forwarding", "0"}};
	static const struct setting v6[] = {
		{"disable_ipv6", "0"}, {"forwarding", "0"}, {"accept_ra", "0"}};
	const char *dev = i->dev[b->self];

	if (i->sync)
		ADD_SETTINGS(b, "ipv4", dev, sync4);
	else
		ADD_SETTINGS(b, "ipv4", dev, v4);
	if (!i->sync && iface_uses6(b->m, i))
		ADD_SETTINGS(b, "ipv6", dev, v6);
	else if (model_uses6(b->m))
		add_sysctl(b, dev, "0", "net/ipv6/conf/%s/forwarding", dev);
}

static void
link_sysctls(struct build *b, const struct conf_iface *i)
{
	static const struct setting v4[] = {{"forwarding", "1"}, {"rp_filter", "0"},
		{"arp_filter", "0"}, {"send_redirects", "0"}, {"accept_redirects", "0"},
		{"promote_secondaries", "1"}};
	static const struct setting v6[] = {{"disable_ipv6", "0"}, {"addr_gen_mode", "1"},
		{"accept_dad", "0"}, {"accept_ra", "0"}, {"router_solicitations", "0"},
		{"keep_addr_on_down", "1"}, {"accept_redirects", "0"}, {"forwarding", "1"}};
	static const struct setting no6[] = {{"disable_ipv6", "1"}};
	char tw[DEV_NAME_MAX];

	tw_name(i, tw);
	ADD_SETTINGS(b, "ipv4", tw, v4);
	if (iface_uses6(b->m, i))
		ADD_SETTINGS(b, "ipv6", tw, v6);
	else
		ADD_SETTINGS(b, "ipv6", tw, no6);
}

static void
add_addr(struct build *b, const char *dev, struct ip_prefix prefix, bool noprefixroute)
{
	struct plan_addr *a = ADD(b, addrs);

	set_dev(a->dev, dev);
	a->prefix = prefix;
	a->noprefixroute = noprefixroute;
}

static struct plan_route *
add_route(struct build *b, const char *dev, uint32_t table, struct ip_prefix net)
{
	struct plan_route *r = ADD(b, routes);

	set_dev(r->dev, dev);
	r->table = table;
	r->net = net;
	r->net.addr = ip_prefix_net(&net);
	return r;
}

/* A route of the node table: through the NIC as the node, or on to table main where the node has no
 * address of its own. */
static struct plan_route *
add_node_route(struct build *b, const struct conf_iface *i, struct ip_prefix net)
{
	const struct ip_prefix *own = private_addr(b, i, net.addr.family);
	struct plan_route *r = add_route(b, own ? i->dev[b->self] : "", TW_NODE_TABLE, net);

	if (own)
		r->src = own->addr;
	else
		r->pass_on = true;
	return r;
}

static bool
have_node_route(const struct build *b, struct ip_prefix net)
{
	struct ip_addr base = ip_prefix_net(&net);

	for (size_t k = 0; k < b->plan->n_routes; k++) {
		const struct plan_route *r = &b->plan->routes[k];

		if (r->table == TW_NODE_TABLE && r->net.len == net.len && r->metric == 0 &&
			ip_equal(&r->net.addr, &base))
			return true;
	}
	return false;
}

/* Networks that the interface is connected to, as the node itself sees them. */
static void
connected_routes(struct build *b, const struct conf_iface *i)
{
	static const uint8_t families[] = {4, 6};

	for (size_t k = 0; k < 2; k++) {
		const struct ip_prefix *own = private_addr(b, i, families[k]);

		if (own && own->len < 8 * ip_bytes(families[k]))
			add_node_route(b, i, *own);
	}
	for (size_t k = 0; k < i->n_shared; k++) {
		const struct ip_prefix *p = &i->shared[k];

		if (p->len < 8 * ip_bytes(p->addr.family) && !have_node_route(b, *p))
			add_node_route(b, i, *p);
	}
	if (private_addr(b, i, 6)) {
		/* else a default route of this table would take link-local destinations of its NIC
		 */
		struct ip_prefix ll = {.addr = {.family = 6, .b = {0xfe, 0x80}}, .len = 64};

		add_route(b, i->dev[b->self], TW_NODE_TABLE, ll)->metric =
			LINK_LOCAL_METRIC + i->index;
	}
}

static bool
is_link_local6(const struct ip_addr *a)
{
	return a->family == 6 && a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

static bool
in_shared(const struct conf_iface *i, const struct ip_addr *gw)
{
	for (size_t k = 0; k < i->n_shared; k++)
		if (ip_prefix_contains(&i->shared[k], gw))
			return true;
	return is_link_local6(gw);
}

/* Said once more in the configuration, but there anyway. */
static bool
is_connected(const struct conf_route *cr)
{
	for (size_t k = 0; k < cr->iface->n_shared; k++) {
		struct ip_addr base = ip_prefix_net(&cr->iface->shared[k]);

		if (cr->gateway.family == 0 && cr->metric == 0 &&
			cr->iface->shared[k].len == cr->net.len && ip_equal(&base, &cr->net.addr))
			return true;
	}
	return false;
}

static void
configured_route(struct build *b, const struct conf_route *cr)
{
	const struct conf_iface *i = cr->iface;
	char tw[DEV_NAME_MAX];
	bool onlink = cr->gateway.family != 0 && !in_shared(i, &cr->gateway);
	struct plan_route *r = add_route(b, tw_name(i, tw), TW_MAIN_TABLE, cr->net);

	r->gateway = cr->gateway;
	r->metric = cr->metric;
	r->onlink = onlink;
	r = add_node_route(b, i, cr->net);
	r->metric = cr->metric;
	if (!r->pass_on) {
		r->gateway = cr->gateway;
		r->onlink = onlink;
	}
}

static struct plan_rule *
add_rule(struct build *b, uint8_t family, uint32_t pref, uint32_t table)
{
	struct plan_rule *r = ADD(b, rules);

	r->family = family;
	r->pref = pref;
	r->table = table;
	return r;
}

/* Which table decides: what came in through tw-* and what starts at a shared address is the
 * cluster's, everything else that starts here is the node's. */
static void
policy_rules(struct build *b, uint8_t family)
{
	struct plan_rule *r = add_rule(b, family, TW_RULE_MARK, TW_MAIN_TABLE);

	r->mark = TW_MARK;
	r->mask = TW_MARK;
	for (size_t k = 0; k < b->m->n_ifaces; k++) {
		const struct conf_iface *i = &b->m->ifaces[k];

		for (size_t n = 0; !i->sync && n < i->n_shared; n++)
			if (i->shared[n].addr.family == family)
				add_rule(b, family, TW_RULE_FROM, TW_MAIN_TABLE)->from =
					i->shared[n].addr;
	}
	add_rule(b, family, TW_RULE_LOCAL, TW_NODE_TABLE)->iif_lo = true;
}

static void
add_group(struct build *b, const char *dev, const struct ip_addr *a)
{
	struct ip_addr g = {.family = 6, .b = {0xff, 0x02}};
	struct plan_group *p;

	g.b[11] = 1;
	g.b[12] = 0xff;
	memcpy(g.b + 13, a->b + 13, 3);
	for (size_t k = 0; k < b->plan->n_groups; k++)
		if (strcmp(b->plan->groups[k].dev, dev) == 0 &&
			ip_equal(&b->plan->groups[k].group, &g))
			return;
	p = ADD(b, groups);
	set_dev(p->dev, dev);
	p->group = g;
}

static void
cluster_iface(struct build *b, const struct conf_iface *i)
{
	const char *nic = i->dev[b->self];
	struct plan_link *l = ADD(b, links);

	tw_name(i, l->name);
	set_dev(l->lower, nic);
	conf_shared_mac(&b->m->ha, i->index, false, l->mac);
	l->mtu = i->mtu;
	link_sysctls(b, i);

	for (size_t k = 0; k < i->n_shared; k++) {
		add_addr(b, l->name, i->shared[k], false);
		if (i->shared[k].addr.family == 6)
			add_group(b, nic, &i->shared[k].addr);
	}
	if (iface_uses6(b->m, i)) {
		struct ip_prefix ll = {.addr = shared_link_local(i), .len = 64};

		add_addr(b, l->name, ll, false);
		add_group(b, nic, &ll.addr);
	}
	if (i->has_private4)
		add_addr(b, nic, i->private4[b->self], true);
	if (i->has_private6)
		add_addr(b, nic, i->private6[b->self], true);
	connected_routes(b, i);
}

const struct netplan *
netplan_make(struct arena *a, const struct conf_model *m, enum node_type self)
{
	struct build b = {.arena = a, .m = m, .self = self, .plan = arena_new(a, struct netplan)};

	global_sysctls(&b);
	for (size_t k = 0; k < m->n_ifaces; k++) {
		const struct conf_iface *i = &m->ifaces[k];
		struct plan_nic *n = ADD(&b, nics);

		snprintf(n->iface, sizeof(n->iface), "%s", i->name);
		set_dev(n->dev, i->dev[self]);
		n->sync = i->sync;
		n->mtu = i->mtu;
		nic_sysctls(&b, i);
	}
	for (size_t k = 0; k < m->n_ifaces; k++)
		if (!m->ifaces[k].sync)
			cluster_iface(&b, &m->ifaces[k]);
	for (size_t k = 0; k < m->n_routes; k++)
		if (!is_connected(&m->routes[k]))
			configured_route(&b, &m->routes[k]);
	policy_rules(&b, 4);
	if (model_uses6(m))
		policy_rules(&b, 6);
	return b.plan;
}
