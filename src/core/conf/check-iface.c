/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interfaces: devices, the index that goes into the shared MAC, which of them are sync interfaces,
 * shared and private addresses.
 */
#include <string.h>
#include "core/conf/checks.h"

static const char *const dev_props[2] = {"MasterDevice", "SlaveDevice"};

/* The smallest free numbers for interfaces that have none, written back into the candidate. */
static void
assign_indexes(struct check *c)
{
	struct conf_object *taken[IFACES_MAX + 1] = {NULL};
	size_t prop = (size_t)(schema_prop_find(&schema_types[TYPE_IFACE], "MACIndex") -
			       schema_types[TYPE_IFACE].props);
	unsigned next = 1;

	candidate_each (c->cand, TYPE_IFACE, o) {
		unsigned i = candidate_uint(o, "MACIndex");

		if (i && taken[i])
			check_fail(
				c, o, "MACIndex", 0, "%u belongs to %s already", i, taken[i]->name);
		else if (i)
			taken[i] = o;
	}
	candidate_each (c->cand, TYPE_IFACE, o) {
		struct candidate_value *v;
		struct candidate_item *item;

		if (candidate_uint(o, "MACIndex"))
			continue;
		while (next <= IFACES_MAX && taken[next])
			next++;
		if (next > IFACES_MAX) {
			check_fail(c, o, NULL, ITEM_NONE, "there are more than %d interfaces",
				IFACES_MAX);
			return;
		}
		taken[next] = o;
		v = arena_new(c->a, struct candidate_value);
		item = arena_new(c->a, struct candidate_item);
		item->text = arena_printf(c->a, "%u", next);
		item->column = o->column;
		*v = (struct candidate_value){item, 1, o->line, o->column};
		o->values[prop] = v;
	}
}

static void
iface_fill(const struct conf_object *o, struct conf_iface *f)
{
	f->name = o->name;
	f->index = (uint16_t)candidate_uint(o, "MACIndex");
	f->heartbeats = candidate_bool(o, "Heartbeats");
	f->weight = (uint16_t)candidate_uint(o, "Weight");
	f->mtu = candidate_uint(o, "MTU");
	for (unsigned n = 0; n < 2; n++) {
		f->dev[n] = candidate_text(o, dev_props[n]);
		if (!f->dev[n])
			f->dev[n] = o->name;
	}
}

/* The table c->ifaces in order of the index (those without, after an error, last). */
static void
build_table(struct check *c)
{
	size_t n = candidate_count(c->cand, TYPE_IFACE), k = 0;
	bool placed[IFACES_MAX + 1] = {false};
	struct conf_object *at[IFACES_MAX + 1] = {NULL};

	c->ifaces = arena_array(c->a, struct conf_iface, n);
	c->iface_objects = arena_array(c->a, struct conf_object *, n);
	c->incomplete = arena_array(c->a, bool, n);
	c->n_ifaces = n;
	candidate_each (c->cand, TYPE_IFACE, o) {
		unsigned i = candidate_uint(o, "MACIndex");

		if (i && !at[i])
			at[i] = o;
	}
	for (unsigned i = 1; i <= IFACES_MAX; i++)
		if (at[i])
			c->iface_objects[k++] = at[i];
	candidate_each (c->cand, TYPE_IFACE, o) {
		unsigned i = candidate_uint(o, "MACIndex");

		if (i && at[i] == o && !placed[i])
			placed[i] = true;
		else
			c->iface_objects[k++] = o;
	}
	for (k = 0; k < n; k++) {
		c->iface_objects[k]->resolved = &c->ifaces[k];
		iface_fill(c->iface_objects[k], &c->ifaces[k]);
	}
}

static void
check_devices(struct check *c)
{
	/* more interfaces than IFACES_MAX are an error already */
	size_t n = c->n_ifaces < IFACES_MAX ? c->n_ifaces : IFACES_MAX;

	for (size_t i = 0; i < n; i++) {
		const struct conf_object *o = c->iface_objects[i];

		for (unsigned node = 0; node < 2; node++) {
			const char *dev = c->ifaces[i].dev[node];
			const char *who = node ? "slave" : "master";

			if (strcmp(dev, "lo") == 0)
				check_fail(c, o, dev_props[node], 0,
					"lo is the loopback, not an Ethernet interface");
			if (strncmp(dev, "tw-", 3) == 0)
				check_fail(c, o, dev_props[node], 0,
					"names tw-… are made by twinwall itself");
			for (size_t k = 0; k < i; k++)
				if (strcmp(c->ifaces[k].dev[node], dev) == 0)
					check_fail(c, o, dev_props[node], 0,
						"%s is the device of %s on the %s already", dev,
						c->ifaces[k].name, who);
		}
	}
}

static void
mark_sync(struct check *c)
{
	const struct conf_object *ha = candidate_first(c->cand, TYPE_HA);
	const struct candidate_value *v = ha ? candidate_value(ha, "SyncInterface") : NULL;

	for (size_t i = 0; v && i < v->n; i++) {
		struct conf_object *o = check_ref(c, ha, "SyncInterface", i);
		struct conf_iface *f = o ? o->resolved : NULL;

		if (!f)
			continue;
		if (f->sync)
			check_fail(c, ha, "SyncInterface", i, "%s is named twice", f->name);
		f->sync = true;
		f->weight = 0;
	}
}

/* A sync interface has no addresses and always carries heartbeats (S12). */
static void
check_sync(struct check *c)
{
	static const char *const props[] = {"IPAddress", "PrivateIP", "IP6Address", "PrivateIP6"};

	for (size_t i = 0; i < c->n_ifaces; i++) {
		const struct conf_object *o = c->iface_objects[i];

		if (!c->ifaces[i].sync)
			continue;
		for (size_t k = 0; k < sizeof(props) / sizeof(props[0]); k++) {
			const struct candidate_value *v = candidate_value(o, props[k]);

			if (v && strcmp(v->items[0].text, "localhost") != 0)
				check_fail(c, o, props[k], ITEM_NONE,
					"a sync interface has no addresses: it is used for nothing "
					"but the traffic between the nodes");
		}
		if (!c->ifaces[i].heartbeats)
			check_fail(c, o, "Heartbeats", 0,
				"a sync interface always carries heartbeats");
	}
}

void
check_iface_init(struct check *c)
{
	assign_indexes(c);
	build_table(c);
	check_devices(c);
	mark_sync(c);
	check_sync(c);
}

/* One shared address of property prop into *out. */
static bool
shared_addr(struct check *c, const struct conf_object *o, const char *prop, size_t item,
	struct ip_prefix *out)
{
	const char *text = candidate_value(o, prop)->items[item].text, *fault;
	struct addr_term t;
	char buf[IP_TEXT_MAX];

	if (!resolve_addr_item(c, o, prop, item, &t))
		return false;
	if (!t.prefix.addr.family || !t.with_prefix) {
		check_fail(c, o, prop, item,
			"'%s' is %s: an address with its prefix must stand here, as in %s", text,
			t.prefix.addr.family ? "an address without prefix" : "a range",
			t.prefix.addr.family == 6 ? "fd00::1/64" : "10.1.0.1/24");
		return false;
	}
	fault = addr_prefix_fault(&t.prefix);
	if (fault) {
		check_fail(c, o, prop, item, "%s %s", ip_prefix_fmt(&t.prefix, buf), fault);
		return false;
	}
	*out = t.prefix;
	return true;
}

/* False when an address had an error. */
static bool
iface_shared(struct check *c, const struct conf_object *o, struct conf_iface *f)
{
	static const char *const props[] = {"IPAddress", "IP6Address"};
	struct ip_prefix *list;
	size_t n = 0;

	for (unsigned k = 0; k < 2; k++) {
		const struct candidate_value *v = candidate_value(o, props[k]);

		n += v ? v->n : 0;
	}
	list = arena_array(c->a, struct ip_prefix, n);
	f->shared = list;
	for (unsigned k = 0; k < 2; k++) {
		const struct candidate_value *v = candidate_value(o, props[k]);

		for (size_t i = 0; v && i < v->n; i++)
			f->n_shared += shared_addr(c, o, props[k], i, &list[f->n_shared]);
	}
	if (f->mtu && f->mtu < 1280 && candidate_value(o, "IP6Address"))
		check_fail(c, o, "MTU", 0, "IPv6 needs at least 1280 bytes");
	return f->n_shared == n;
}

/* The network of a shared address that holds a; NULL when there is none. */
static const struct ip_prefix *
shared_net(const struct conf_iface *f, const struct ip_addr *a)
{
	const struct ip_prefix *best = NULL;

	for (size_t i = 0; i < f->n_shared; i++)
		if (ip_prefix_contains(&f->shared[i], a) && (!best || f->shared[i].len > best->len))
			best = &f->shared[i];
	return best;
}

/* Completes one private address with the prefix of the shared network it lies in. */
static bool
private_prefix(struct check *c, const struct conf_object *o, const struct conf_iface *f,
	const char *prop, bool with_prefix, struct ip_prefix *p)
{
	const char *ha = candidate_text(o, prop), *fault;
	const struct ip_prefix *net = shared_net(f, &p->addr);
	char addr[IP_TEXT_MAX];

	if (addr_fault(&p->addr))
		return false; /* reported at the object */
	ip_fmt(&p->addr, addr);
	if (!net && !with_prefix) {
		if (check_is_incomplete(c, f))
			return false;
		check_fail(c, o, prop, 0,
			"%s of %s lies in no shared network of %s: correct it, or write it with "
			"its prefix",
			addr, ha, f->name);
		return false;
	}
	if (net && with_prefix && net->len != p->len) {
		check_fail(c, o, prop, 0,
			"%s/%u of %s lies in a shared network of %s with prefix /%u: write it "
			"without prefix",
			addr, p->len, ha, f->name, net->len);
		return false;
	}
	if (net)
		p->len = net->len;
	fault = addr_prefix_fault(p);
	if (fault && !with_prefix) /* otherwise reported at the object */
		check_fail(c, o, prop, 0, "%s/%u of %s %s", addr, p->len, ha, fault);
	return !fault;
}

static bool
iface_private(struct check *c, const struct conf_object *o, const struct conf_iface *f,
	const char *prop, struct ip_prefix out[2])
{
	const struct candidate_value *v = candidate_value(o, prop);
	const struct ha_pair *pair;
	struct conf_object *ha;
	bool ok = true;

	if (!v || strcmp(v->items[0].text, "localhost") == 0)
		return false;
	ha = check_ref(c, o, prop, 0);
	pair = ha ? resolve_ha_pair(c, ha) : NULL;
	if (!pair)
		return false;
	for (unsigned n = 0; n < 2; n++) {
		out[n] = pair->addr[n];
		ok = private_prefix(c, o, f, prop, pair->with_prefix[n], &out[n]) && ok;
	}
	if (ok && !ip_prefix_contains(&out[0], &out[1].addr))
		check_warn(c, o, prop, 0,
			"Master and Slave of %s are in different networks: the nodes can't reach "
			"each other there",
			ha->name);
	return ok;
}

void
check_iface_addrs(struct check *c)
{
	for (size_t i = 0; i < c->n_ifaces; i++) {
		const struct conf_object *o = c->iface_objects[i];
		struct conf_iface *f = &c->ifaces[i];

		if (f->sync)
			continue;
		c->incomplete[i] = !iface_shared(c, o, f);
		f->has_private4 = iface_private(c, o, f, "PrivateIP", f->private4);
		f->has_private6 = iface_private(c, o, f, "PrivateIP6", f->private6);
	}
}
