/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Routes: one network each, by an interface, over a gateway that the interface reaches. */
#include "core/conf/checks.h"
#include "core/conf/sort.h"

struct route_at {
	const struct conf_route *r;
	const struct conf_object *o;
};

/* The network of a route, host bits cleared. */
static bool
route_net(struct check *c, const struct conf_object *o, struct ip_prefix *net)
{
	struct addr_term t;

	if (!resolve_addr(c, o, "Network", &t))
		return false;
	if (!t.prefix.addr.family) {
		check_fail(c, o, "Network", 0,
			"'%s' is not one network: a route needs an address with prefix",
			candidate_text(o, "Network"));
		return false;
	}
	*net = t.prefix;
	net->addr = ip_prefix_net(&t.prefix);
	if (!ip_is_multicast(&net->addr))
		return true;
	check_fail(c, o, "Network", 0, "multicast networks are not routed");
	return false;
}

/* The gateway must be in a network of the interface, and not the firewall itself. */
static bool
route_gateway(struct check *c, const struct conf_object *o, const struct conf_iface *f,
	const struct ip_prefix *net, struct ip_addr *gateway)
{
	struct ip_prefix own[4] = {f->private4[0], f->private4[1], f->private6[0], f->private6[1]};
	bool on_link = false, is_own = false;
	char buf[IP_TEXT_MAX];

	if (!resolve_one_addr(c, o, "Gateway", gateway))
		return false;
	if (!gateway->family)
		return true;
	ip_fmt(gateway, buf);
	if (gateway->family != net->addr.family) {
		check_fail(c, o, "Gateway", 0, "%s is IPv%u, but the network is IPv%u", buf,
			gateway->family, net->addr.family);
		return false;
	}
	for (size_t i = 0; i < f->n_shared; i++) {
		on_link = on_link || ip_prefix_contains(&f->shared[i], gateway);
		is_own = is_own || ip_equal(&f->shared[i].addr, gateway);
	}
	for (unsigned i = 0; i < 4; i++) {
		if (own[i].addr.family != gateway->family)
			continue;
		on_link = on_link || ip_prefix_contains(&own[i], gateway);
		is_own = is_own || ip_equal(&own[i].addr, gateway);
	}
	/* an IPv6 router may be known by its link-local address only */
	if (gateway->family == 6 && gateway->b[0] == 0xfe && (gateway->b[1] & 0xc0) == 0x80)
		on_link = true;
	if (is_own)
		check_fail(
			c, o, "Gateway", 0, "%s is the firewall's own address on %s", buf, f->name);
	else if (!on_link && !check_is_incomplete(c, f))
		check_fail(c, o, "Gateway", 0, "%s is in no network of %s", buf, f->name);
	return on_link && !is_own;
}

static int
cmp_route(const void *x, const void *y)
{
	const struct conf_route *a = ((const struct route_at *)x)->r;
	const struct conf_route *b = ((const struct route_at *)y)->r;
	int d = ip_cmp(&a->net.addr, &b->net.addr);

	if (!d)
		d = (int)a->net.len - (int)b->net.len;
	return d ? d : (a->metric > b->metric) - (a->metric < b->metric);
}

void
check_routes(struct check *c)
{
	size_t n = candidate_count(c->cand, TYPE_ROUTE);
	struct conf_route *list = arena_array(c->a, struct conf_route, n);
	struct route_at *at = arena_array(c->a, struct route_at, n);
	char buf[IP_TEXT_MAX];

	c->m->routes = list;
	candidate_each (c->cand, TYPE_ROUTE, o) {
		struct conf_route *r = &list[c->m->n_routes];
		struct iface_ref ref;
		bool ok;

		r->name = o->name;
		r->metric = candidate_uint(o, "Metric");
		ok = resolve_iface(c, o, "Interface", &ref);
		ok = route_net(c, o, &r->net) && ok;
		if (!ok || !route_gateway(c, o, ref.iface, &r->net, &r->gateway))
			continue;
		r->iface = ref.iface;
		at[c->m->n_routes++] = (struct route_at){r, o};
	}
	n = c->m->n_routes;
	sort_stable(c->a, at, n, sizeof(*at), cmp_route);
	for (size_t i = 1; i < n; i++)
		if (cmp_route(&at[i - 1], &at[i]) == 0)
			check_fail(c, at[i].o, "Network", 0,
				"%s has the route %s with the same Metric already",
				ip_prefix_fmt(&at[i].r->net, buf), at[i - 1].o->name);
}
