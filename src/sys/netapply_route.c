/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netapply: routes and policy rules. Ours are those with protocol TW_RTPROT, whatever made them. */
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include "sys/netapply_int.h"

#define IP6_METRIC_DEFAULT 1024 /* what the kernel makes of 0 */

static uint32_t
real_metric(uint8_t family, uint32_t metric)
{
	return family == 6 && metric == 0 ? IP6_METRIC_DEFAULT : metric;
}

static bool
same_key(const struct rtnl_route *a, const struct rtnl_route *b)
{
	return a->table == b->table && a->net.len == b->net.len &&
	       ip_equal(&a->net.addr, &b->net.addr) &&
	       real_metric(a->net.addr.family, a->metric) ==
		       real_metric(b->net.addr.family, b->metric);
}

static bool
same_route(const struct rtnl_route *a, const struct rtnl_route *b)
{
	if (!same_key(a, b) || a->type != b->type || a->several || b->several)
		return false;
	if (a->type == RTN_THROW)
		return true; /* the kernel fills in a device of its own */
	return a->ifindex == b->ifindex && a->onlink == b->onlink &&
	       ip_equal(&a->gateway, &b->gateway) && ip_equal(&a->src, &b->src);
}

/* The plan's route as the kernel wants it; false: its device is not there or not up. */
static bool
wanted_route(const struct netapply_ctx *c, const struct plan_route *p, struct rtnl_route *out)
{
	const struct rtnl_link *l;

	*out = (struct rtnl_route){.net = p->net,
		.gateway = p->gateway,
		.src = p->src,
		.table = p->table,
		.metric = p->metric,
		.protocol = TW_RTPROT,
		.type = RTN_UNICAST,
		.scope = RT_SCOPE_UNIVERSE,
		.onlink = p->onlink};
	if (p->pass_on) {
		out->type = RTN_THROW;
		return true;
	}
	l = netapply_usable(c, p->dev);
	if (!l || !(l->flags & IFF_UP))
		return false;
	out->ifindex = l->ifindex;
	if (p->net.addr.family == 4 && p->gateway.family == 0)
		out->scope = RT_SCOPE_LINK;
	return true;
}

static const char *
route_text(const struct rtnl_route *t, char *buf)
{
	return t->net.len                ? ip_prefix_fmt(&t->net, buf)
	       : t->net.addr.family == 4 ? "default"
					 : "default (IPv6)";
}

static void
add_route(struct netapply_ctx *c, const struct plan_route *p, const struct rtnl_route *want,
	const struct rtnl_routes *have, const bool *keep)
{
	char text[IP_TEXT_MAX];
	bool replace = false;
	int r;

	for (size_t i = 0; i < have->n; i++)
		replace |= !keep[i] && same_key(&have->v[i], want);
	r = rtnl_add_route(&c->na->rtnl, want, replace);
	if (r == -EEXIST) {
		netapply_problem(c, p->dev,
			"route %s (table %u) is not set: another one with the same metric, not "
			"made by "
			"Twinwall, is in its place",
			route_text(want, text), want->table);
		return;
	}
	netapply_done(c, r, p->dev, "route %s (table %u)", route_text(want, text), want->table);
}

/* Deletes what is ours and not in the plan. A fresh dump: adding may have replaced some. */
static int
remove_routes(struct netapply_ctx *c, const struct rtnl_route *want)
{
	struct rtnl_routes have;
	int r = rtnl_dump_routes(&c->na->rtnl, &c->tmp, TW_RTPROT, &have);

	for (size_t i = 0; r == 0 && i < have.n; i++) {
		bool planned = have.v[i].protocol != TW_RTPROT;

		for (size_t k = 0; k < c->plan->n_routes; k++)
			planned |= same_route(&have.v[i], &want[k]);
		if (planned)
			continue;
		if (rtnl_del_route(&c->na->rtnl, &have.v[i]) == 0)
			c->rep->changes++; /* else it went with its device or address */
	}
	return r;
}

int
netapply_routes(struct netapply_ctx *c)
{
	struct rtnl_routes have;
	struct rtnl_route *want = arena_array(&c->tmp, struct rtnl_route, c->plan->n_routes + 1);
	bool *keep, *todo = arena_array(&c->tmp, bool, c->plan->n_routes + 1);
	bool all_kept = true;
	int r = rtnl_dump_routes(&c->na->rtnl, &c->tmp, TW_RTPROT, &have);

	if (r < 0)
		return r;
	keep = arena_array(&c->tmp, bool, have.n + 1);
	for (size_t k = 0; k < c->plan->n_routes; k++) {
		todo[k] = wanted_route(c, &c->plan->routes[k], &want[k]);
		for (size_t i = 0; todo[k] && i < have.n; i++)
			if (have.v[i].protocol == TW_RTPROT && !keep[i] &&
				same_route(&have.v[i], &want[k])) {
				keep[i] = true;
				todo[k] = false;
			}
	}
	/* networks first: gateways are checked against them */
	for (int with_gateway = 0; with_gateway < 2; with_gateway++)
		for (size_t k = 0; k < c->plan->n_routes; k++)
			if (todo[k] && (want[k].gateway.family != 0) == with_gateway)
				add_route(c, &c->plan->routes[k], &want[k], &have, keep);
	for (size_t i = 0; i < have.n; i++)
		all_kept &= keep[i];
	return all_kept ? 0 : remove_routes(c, want);
}

/* One that stands where ours ought to be is told with ours. */
static bool
is_told(const struct netapply_ctx *c, const struct rtnl_route *t)
{
	for (size_t k = 0; k < c->plan->n_routes; k++) {
		const struct plan_route *p = &c->plan->routes[k];
		struct rtnl_route want = {.net = p->net, .table = p->table, .metric = p->metric};

		if (same_key(&want, t))
			return true;
	}
	return false;
}

/* One problem for each device: the first route, and how many there are beside. */
static void
note_foreign(struct netapply_ctx *c, const struct rtnl_routes *have, const struct rtnl_link *l)
{
	const struct rtnl_route *first = NULL;
	char text[IP_TEXT_MAX], more[32] = "";
	unsigned n = 0;

	for (size_t i = 0; i < have->n; i++) {
		const struct rtnl_route *t = &have->v[i];

		if (t->ifindex != l->ifindex || t->type != RTN_UNICAST || is_told(c, t))
			continue;
		if (n++ == 0)
			first = t;
	}
	if (n == 0)
		return;
	if (n > 1)
		snprintf(more, sizeof(more), " and %u more", n - 1);
	netapply_problem(c, l->name,
		"route %s on %s (table %u)%s is not of this configuration: it leads past the gate; "
		"take it out of the system's network configuration",
		route_text(first, text), l->name, first->table, more);
}

/*
 * By who makes them: `ip route` and ifupdown, networkd and NetworkManager, DHCP clients, router
 * advertisements. Routing daemons know what they do, and the kernel's own come with an address.
 */
int
netapply_foreign_routes(struct netapply_ctx *c)
{
	static const uint8_t protocols[] = {RTPROT_BOOT, RTPROT_STATIC, RTPROT_DHCP, RTPROT_RA};
	struct rtnl_routes all = {0};

	for (size_t i = 0; i < sizeof(protocols); i++) {
		struct rtnl_routes some;
		int r = rtnl_dump_routes(&c->na->rtnl, &c->tmp, protocols[i], &some);

		if (r < 0)
			return r;
		for (size_t k = 0; k < some.n; k++) {
			if (some.v[k].protocol != protocols[i])
				continue;
			all.v = arena_grow(&c->tmp, all.v, all.n, sizeof(all.v[0]));
			all.v[all.n++] = some.v[k];
		}
	}
	for (size_t i = 0; all.n > 0 && i < c->links.n; i++)
		if (netapply_nic(c, c->links.v[i].name) || netapply_link(c, c->links.v[i].name))
			note_foreign(c, &all, &c->links.v[i]);
	return 0;
}

static struct rtnl_rule
wanted_rule(const struct plan_rule *p)
{
	struct rtnl_rule u = {.family = p->family,
		.pref = p->pref,
		.table = p->table,
		.mark = p->mark,
		.mask = p->mask,
		.from = p->from,
		.protocol = TW_RTPROT,
		.action = FR_ACT_TO_TBL};

	if (p->from.family)
		u.from_len = (uint8_t)(8 * ip_bytes(p->from.family));
	if (p->iif_lo)
		strcpy(u.iif, "lo");
	return u;
}

/* Of our own rules we know that they have nothing more, even if a later kernel shows more of them.
 */
static bool
same_rule(const struct rtnl_rule *a, const struct rtnl_rule *b)
{
	bool plain = !a->more || a->protocol == TW_RTPROT;

	return plain && a->family == b->family && a->pref == b->pref && a->table == b->table &&
	       a->mark == b->mark && a->mask == b->mask && a->from_len == b->from_len &&
	       ip_equal(&a->from, &b->from) && strcmp(a->iif, b->iif) == 0 &&
	       a->action == b->action;
}

int
netapply_add_rules(struct netapply_ctx *c)
{
	struct rtnl_rules have;
	int r = rtnl_dump_rules(&c->na->rtnl, &c->tmp, &have);

	for (size_t k = 0; r == 0 && k < c->plan->n_rules; k++) {
		struct rtnl_rule want = wanted_rule(&c->plan->rules[k]);
		bool there = false;
		char text[IP_TEXT_MAX] = "all";
		int err;

		for (size_t i = 0; i < have.n; i++)
			there |= same_rule(&have.v[i], &want);
		if (there)
			continue;
		if (want.from.family)
			ip_fmt(&want.from, text);
		err = rtnl_add_rule(&c->na->rtnl, &want);
		netapply_done(
			c, err, "", "policy rule %u from %s (IPv%u)", want.pref, text, want.family);
	}
	return r;
}

int
netapply_remove_rules(struct netapply_ctx *c)
{
	struct rtnl_rules have;
	int r = rtnl_dump_rules(&c->na->rtnl, &c->tmp, &have);

	for (size_t i = 0; r == 0 && i < have.n; i++) {
		bool planned = have.v[i].protocol != TW_RTPROT;

		for (size_t k = 0; k < c->plan->n_rules && !planned; k++) {
			struct rtnl_rule want = wanted_rule(&c->plan->rules[k]);

			planned = same_rule(&have.v[i], &want);
		}
		if (!planned && rtnl_del_rule(&c->na->rtnl, &have.v[i]) == 0)
			c->rep->changes++;
	}
	return r;
}
