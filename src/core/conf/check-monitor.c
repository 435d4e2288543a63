/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * LinkMonitor: single hosts, each asked through one interface: the one that the monitor names, else
 * the one that leads there.
 */
#include "core/conf/checks.h"
#include "core/quality/monitor.h"

/* An interface that a host can be reached through. */
struct way {
	const struct conf_iface *iface; /* NULL = none */
	bool on_link;
	unsigned len; /* of the network, longest wins */
	uint32_t metric;
	const struct ip_prefix *net; /* on_link: the interface's own */
};

static bool
is_link_local6(const struct ip_addr *a)
{
	return a->family == 6 && a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

static void
offer(struct way *best, const struct way *w)
{
	if (best->iface &&
		(w->len < best->len || (w->len == best->len && w->on_link <= best->on_link &&
					       w->metric >= best->metric)))
		return;
	*best = *w;
}

static void
offer_net(struct way *best, const struct conf_iface *f, const struct ip_prefix *p,
	const struct ip_addr *a)
{
	if (p->addr.family == a->family && ip_prefix_contains(p, a))
		offer(best, &(struct way){f, true, p->len, 0, p});
}

static void
offer_iface(struct way *best, const struct conf_iface *f, const struct ip_addr *a)
{
	if (is_link_local6(a))
		*best = (struct way){f, true, 64, 0, NULL};
	for (size_t i = 0; i < f->n_shared; i++)
		offer_net(best, f, &f->shared[i], a);
	for (unsigned node = 0; node < 2; node++) {
		if (f->has_private4)
			offer_net(best, f, &f->private4[node], a);
		if (f->has_private6)
			offer_net(best, f, &f->private6[node], a);
	}
}

static struct way
find_way(const struct check *c, const struct conf_iface *only, const struct ip_addr *a)
{
	struct way best = {0};

	for (size_t i = 0; i < c->n_ifaces; i++)
		if (!c->ifaces[i].sync && (!only || only == &c->ifaces[i]))
			if (only || !is_link_local6(a))
				offer_iface(&best, &c->ifaces[i], a);
	for (size_t i = 0; i < c->m->n_routes; i++) {
		const struct conf_route *r = &c->m->routes[i];

		if ((!only || r->iface == only) && r->net.addr.family == a->family &&
			ip_prefix_contains(&r->net, a))
			offer(&best, &(struct way){r->iface, r->gateway.family == 0, r->net.len,
					     r->metric, NULL});
	}
	return best;
}

/* The single host that value `item` is. False after an error. */
static bool
host_addr(struct check *c, const struct conf_object *o, size_t item, struct ip_addr *out)
{
	const char *text = candidate_value(o, "Addresses")->items[item].text, *fault;
	const struct check_held *held;
	struct addr_term t;
	char buf[IP_TEXT_MAX];

	if (!resolve_addr_item(c, o, "Addresses", item, &t))
		return false;
	if (!t.prefix.addr.family || t.prefix.len != ip_bytes(t.prefix.addr.family) * 8) {
		check_fail(c, o, "Addresses", item,
			"'%s' is a %s: a LinkMonitor asks single hosts, name each of them", text,
			t.prefix.addr.family ? "network" : "range");
		return false;
	}
	*out = t.prefix.addr;
	fault = addr_fault(out);
	held = check_held_find(c, out);
	if (fault)
		check_fail(c, o, "Addresses", item, "%s %s", ip_fmt(out, buf), fault);
	else if (held)
		check_fail(c, o, "Addresses", item,
			"%s is the cluster's own, on %s: a LinkMonitor asks somebody else",
			ip_fmt(out, buf), held->o->name);
	return !fault && !held;
}

/* The inactive node has nothing to ask a distant host from. */
static void
warn_blind(struct check *c, const struct conf_object *o, size_t item, const struct way *w,
	const struct ip_addr *a)
{
	char buf[IP_TEXT_MAX];

	if (w->on_link || (a->family == 4 ? w->iface->has_private4 : w->iface->has_private6))
		return;
	check_warn(c, o, "Addresses", item,
		"%s has no private IPv%u address, so only the active node can ask %s",
		w->iface->name, a->family, ip_fmt(a, buf));
}

/* The interface of one host, with what is wrong or doubtful about it. False after an error. */
static bool
host_way(struct check *c, const struct conf_object *o, size_t item, const struct conf_iface *only,
	struct conf_monitor_host *h)
{
	struct way w = find_way(c, only, &h->addr);
	const char *fault = NULL;
	char buf[IP_TEXT_MAX];

	ip_fmt(&h->addr, buf);
	if (!w.iface && !only) {
		check_fail(c, o, "Addresses", item,
			is_link_local6(&h->addr)
				? "%s is a link-local address: say by which Interface"
				: "no interface leads to %s: add a Route, or correct the address",
			buf);
		return false;
	}
	if (!w.iface && !check_is_incomplete(c, only))
		check_warn(c, o, "Addresses", item,
			"%s is in no network of %s and no Route leads there by it: it will not "
			"answer, and so not count",
			buf, only->name);
	if (!w.iface)
		w.iface = only;
	else
		warn_blind(c, o, item, &w, &h->addr);
	if (w.net)
		fault = addr_prefix_fault(&(struct ip_prefix){h->addr, w.net->len});
	if (fault)
		check_fail(c, o, "Addresses", item, "%s/%u %s", buf, w.net->len, fault);
	h->iface = w.iface;
	h->on_link = w.on_link;
	return !fault;
}

static void
monitor_hosts(struct check *c, const struct conf_object *o, const struct conf_iface *only,
	struct conf_monitor *m)
{
	const struct candidate_value *v = candidate_value(o, "Addresses");
	struct conf_monitor_host *list = arena_array(c->a, struct conf_monitor_host, v ? v->n : 0);
	char buf[IP_TEXT_MAX];

	m->hosts = list;
	for (size_t i = 0; v && i < v->n; i++) {
		struct conf_monitor_host *h = &list[m->n_hosts];
		bool twice = false;

		if (!host_addr(c, o, i, &h->addr))
			continue;
		for (size_t k = 0; k < m->n_hosts; k++)
			twice = twice || ip_equal(&list[k].addr, &h->addr);
		if (twice)
			check_fail(
				c, o, "Addresses", i, "%s is named twice", ip_fmt(&h->addr, buf));
		else if (host_way(c, o, i, only, h))
			m->n_hosts++;
	}
}

/* Weight of its own, or as its interface. */
static void
monitor_weight(struct check *c, const struct conf_object *o, const struct conf_iface *only,
	struct conf_monitor *m)
{
	if (candidate_value(o, "Weight")) {
		m->weight = (uint16_t)candidate_uint(o, "Weight");
	} else if (!only) {
		m->weight = MONITOR_WEIGHT;
	} else {
		m->iface = only;
		if (!only->weight)
			check_warn(c, o, "Interface", 0,
				"the Weight of %s is 0: that it is lost changes nothing; give the "
				"monitor a Weight of its own",
				only->name);
	}
}

/* Limits on all monitors together. */
static void
check_total(struct check *c)
{
	const struct conf_object *last = NULL;
	const struct conf_iface *seen[MONITOR_PORTS_MAX];
	unsigned n_seen = 0;
	uint64_t rate = 0; /* a thousandth a second */
	bool too_many = false;

	candidate_each (c->cand, TYPE_MONITOR, o)
		last = o;
	for (size_t i = 0; i < c->m->n_monitors; i++) {
		const struct conf_monitor *m = &c->m->monitors[i];

		rate += m->n_hosts * UINT64_C(1000000) / m->ping_ms;
		for (size_t h = 0; h < m->n_hosts; h++) {
			unsigned k = 0;

			while (k < n_seen && seen[k] != m->hosts[h].iface)
				k++;
			if (k == MONITOR_PORTS_MAX)
				too_many = true;
			else if (k == n_seen)
				seen[n_seen++] = m->hosts[h].iface;
		}
	}
	if (rate > MONITOR_RATE_MAX * UINT64_C(1000))
		check_fail(c, last, NULL, ITEM_NONE,
			"all LinkMonitors together would send %llu probes a second: at most %u; "
			"make PingInterval longer, or ask fewer hosts",
			(unsigned long long)(rate / 1000), MONITOR_RATE_MAX);
	if (too_many)
		check_fail(c, last, NULL, ITEM_NONE,
			"all LinkMonitors together ask through more than %u interfaces",
			MONITOR_PORTS_MAX);
}

void
check_monitors(struct check *c)
{
	size_t n = candidate_count(c->cand, TYPE_MONITOR);
	struct conf_monitor *list = arena_array(c->a, struct conf_monitor, n);

	c->m->monitors = list;
	candidate_each (c->cand, TYPE_MONITOR, o) {
		struct conf_monitor *m = &list[c->m->n_monitors];
		struct iface_ref ref = {0};

		if (c->m->n_monitors == MONITORS_MAX) {
			check_fail(c, o, NULL, ITEM_NONE, "there are more than %d LinkMonitors",
				MONITORS_MAX);
			break;
		}
		m->name = o->name;
		m->max_loss = (uint16_t)candidate_uint(o, "MaxLoss");
		m->ping_ms = candidate_uint(o, "PingInterval");
		m->grace_s = candidate_uint(o, "InitGracePeriod");
		if (candidate_value(o, "Interface") && !resolve_iface(c, o, "Interface", &ref))
			continue;
		monitor_weight(c, o, ref.iface, m);
		monitor_hosts(c, o, ref.iface, m);
		c->m->n_monitors++;
	}
	if (c->m->n_monitors)
		check_total(c);
}
