/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From address values to sets of addresses: literals, objects, groups (each resolved once), the
 * names that are always there, and the addresses of interfaces.
 */
#include <string.h>
#include "core/conf/builtin.h"
#include "core/conf/checks.h"
#include "core/conf/sort.h"
#include "core/conf/value.h"

enum visit { VISIT_NOT, VISIT_RUNNING, VISIT_DONE };

struct ranges { /* grows in the arena */
	struct ip_range *r;
	size_t n;
	bool any4, any6;
};

static bool resolve_item(struct check *c, const struct conf_object *o, const char *prop,
	size_t item, unsigned depth, struct addr_term *out);

unsigned
addr_set_families(const struct addr_set *s)
{
	unsigned f = (s->any4 ? FAMILY_4 : 0) | (s->any6 ? FAMILY_6 : 0);

	/* sorted by family: the first and the last tell */
	if (s->n)
		f |= (s->r[0].lo.family == 4 ? FAMILY_4 : FAMILY_6) |
		     (s->r[s->n - 1].lo.family == 4 ? FAMILY_4 : FAMILY_6);
	return f;
}

bool
addr_set_contains(const struct addr_set *s, const struct ip_addr *a)
{
	if (a->family == 4 ? s->any4 : s->any6)
		return true;
	for (size_t i = 0; i < s->n; i++)
		if (ip_range_contains(&s->r[i], a))
			return true;
	return false;
}

static bool
is_whole_family(const struct ip_range *r)
{
	struct ip_prefix all = {.addr = {.family = r->lo.family}};
	struct ip_range whole = ip_prefix_range(&all);

	return ip_equal(&r->lo, &whole.lo) && ip_equal(&r->hi, &whole.hi);
}

/* b begins where a ends, or before. */
static bool
touches(const struct ip_range *a, const struct ip_range *b)
{
	struct ip_addr next = ip_next(&a->hi);

	if (a->lo.family != b->lo.family)
		return false;
	return ip_cmp(&b->lo, &a->hi) <= 0 || ip_equal(&next, &b->lo);
}

static int
range_cmp(const void *x, const void *y)
{
	const struct ip_range *a = x, *b = y;

	return ip_cmp(&a->lo, &b->lo);
}

/* Sorted, disjoint; a family that is complete becomes any4 or any6. */
static struct addr_set
ranges_to_set(struct check *c, struct ranges *v)
{
	struct addr_set s = {.r = v->r, .any4 = v->any4, .any6 = v->any6};
	size_t n = 0;

	sort_stable(c->a, v->r, v->n, sizeof(*v->r), range_cmp);
	for (size_t i = 0; i < v->n; i++) {
		if (n && touches(&v->r[n - 1], &v->r[i])) {
			if (ip_cmp(&v->r[n - 1].hi, &v->r[i].hi) < 0)
				v->r[n - 1].hi = v->r[i].hi;
		} else {
			v->r[n++] = v->r[i];
		}
	}
	for (size_t i = 0; i < n; i++) {
		bool four = v->r[i].lo.family == 4;

		if (is_whole_family(&v->r[i]))
			*(four ? &s.any4 : &s.any6) = true;
	}
	for (size_t i = 0; i < n; i++)
		if (!(v->r[i].lo.family == 4 ? s.any4 : s.any6))
			v->r[s.n++] = v->r[i];
	return s;
}

static void
term_from_prefix(
	struct check *c, const struct ip_prefix *p, bool with_prefix, struct addr_term *out)
{
	struct ranges v = {0};

	v.r = arena_new(c->a, struct ip_range);
	v.r[0] = ip_prefix_range(p);
	v.n = 1;
	*out = (struct addr_term){
		.set = ranges_to_set(c, &v), .prefix = *p, .with_prefix = with_prefix};
	c->ranges++;
}

/* A literal as value_canon() left it. */
static bool
term_from_literal(struct check *c, const char *text, struct addr_term *out)
{
	size_t len = strlen(text);
	struct ranges v = {0};
	struct ip_prefix p;

	if (ip_prefix_parse(text, len, &p)) {
		term_from_prefix(c, &p, true, out);
		return true;
	}
	if (ip_parse(text, len, &p.addr)) {
		p.len = (uint8_t)(ip_bytes(p.addr.family) * 8);
		term_from_prefix(c, &p, false, out);
		return true;
	}
	v.r = arena_new(c->a, struct ip_range);
	v.n = 1;
	c->ranges++;
	if (!ip_range_parse(text, len, &v.r[0]))
		return false;
	*out = (struct addr_term){.set = ranges_to_set(c, &v)};
	return true;
}

/* 10.1.0.1/24 where networks are meant: perhaps the one address was. */
static void
warn_host_bits(struct check *c, const struct conf_object *o, const char *prop, size_t item,
	const struct addr_term *t)
{
	struct ip_prefix net = t->prefix;
	char buf[IP_TEXT_MAX];

	if (!t->with_prefix || !net.addr.family)
		return;
	net.addr = ip_prefix_net(&t->prefix);
	if (!ip_equal(&net.addr, &t->prefix.addr))
		check_warn(c, o, prop, item, "'%s' means the whole network %s here",
			candidate_value(o, prop)->items[item].text, ip_prefix_fmt(&net, buf));
}

/* All values of a property into one set. */
static bool
term_from_list(struct check *c, const struct conf_object *o, const char *prop, unsigned depth,
	struct addr_term *out)
{
	const struct candidate_value *v = candidate_value(o, prop);
	struct ranges all = {0};
	struct addr_term t;
	bool ok = true;

	*out = (struct addr_term){0};
	for (size_t i = 0; i < v->n; i++) {
		if (!resolve_item(c, o, prop, i, depth, &t)) {
			ok = false;
			continue;
		}
		warn_host_bits(c, o, prop, i, &t);
		out->depth = t.depth > out->depth ? t.depth : out->depth;
		if (v->n == 1) {
			*out = t;
			return true;
		}
		all.any4 |= t.set.any4;
		all.any6 |= t.set.any6;
		c->ranges += t.set.n;
		if (c->ranges > RANGES_MAX) {
			check_fail(c, o, prop, i, "the address groups grow to more than %u ranges",
				RANGES_MAX);
			return false;
		}
		for (size_t k = 0; k < t.set.n; k++) {
			all.r = arena_grow(c->a, all.r, all.n, sizeof(*all.r));
			all.r[all.n++] = t.set.r[k];
		}
	}
	if (ok)
		out->set = ranges_to_set(c, &all);
	return ok;
}

static bool
group_term(struct check *c, const struct conf_object *o, unsigned depth, struct addr_term *out)
{
	if (!candidate_value(o, "Members") || !term_from_list(c, o, "Members", depth + 1, out))
		return false;
	out->prefix = (struct ip_prefix){0};
	if (++out->depth <= GROUP_DEPTH_MAX)
		return true;
	check_fail(
		c, o, "Members", ITEM_NONE, "groups are nested more than %u deep", GROUP_DEPTH_MAX);
	return false;
}

/* In a rule such an object means both addresses. */
static bool
ha_term(struct check *c, const struct conf_object *o, struct addr_term *out)
{
	static const char *const props[] = {"Master", "Slave"};
	struct ha_pair *pair = arena_new(c->a, struct ha_pair);
	struct ranges v = {0};
	struct addr_term t;

	v.r = arena_array(c->a, struct ip_range, 2);
	for (unsigned i = 0; i < 2; i++) {
		if (!candidate_value(o, props[i]) || !resolve_item(c, o, props[i], 0, 0, &t))
			return false;
		if (!t.prefix.addr.family) {
			check_fail(c, o, props[i], 0, "is a range: one address must stand here");
			return false;
		}
		pair->addr[i] = t.prefix;
		pair->with_prefix[i] = t.with_prefix;
		v.r[v.n++] = (struct ip_range){t.prefix.addr, t.prefix.addr};
	}
	c->ranges += 2;
	*out = (struct addr_term){.set = ranges_to_set(c, &v), .pair = pair};
	return true;
}

/* Each object once; NULL when it has an error, which was reported then. */
static const struct addr_term *
resolve_object(struct check *c, struct conf_object *o, unsigned depth)
{
	struct addr_term *t;
	bool ok = false;

	if (o->visit == VISIT_DONE)
		return o->resolved;
	o->visit = VISIT_RUNNING;
	t = arena_new(c->a, struct addr_term);
	switch ((unsigned)schema_type_id(o->type)) {
	case TYPE_IP4:
	case TYPE_IP6:
		ok = candidate_text(o, "Address") &&
		     term_from_literal(c, candidate_text(o, "Address"), t);
		break;
	case TYPE_HA4:
	case TYPE_HA6:
		ok = ha_term(c, o, t);
		break;
	case TYPE_GROUP:
		ok = group_term(c, o, depth, t);
		break;
	}
	o->visit = VISIT_DONE;
	o->resolved = ok ? t : NULL;
	return o->resolved;
}

const struct ha_pair *
resolve_ha_pair(struct check *c, struct conf_object *o)
{
	const struct addr_term *t = resolve_object(c, o, 0);

	return t ? t->pair : NULL;
}

/* lan_ip and the like. False when the name is none of those of an interface that exists or existed.
 */
static bool
resolve_derived(struct check *c, const struct conf_object *o, const char *prop, size_t item,
	struct addr_term *out, bool *ok)
{
	const char *name = candidate_value(o, prop)->items[item].text, *iface_name;
	size_t len = 0;
	enum derived_kind kind = builtin_derived(name, &len);
	const struct conf_iface *iface;
	const struct conf_object *target;
	uint8_t family = kind == DERIVED_IP || kind == DERIVED_NET ? 4 : 6;

	*ok = false;
	if (kind == DERIVED_NONE)
		return false;
	iface_name = arena_strndup(c->a, name, len);
	target = candidate_find(c->cand, SPACE_IFACE, iface_name);
	if (!target) {
		if (!candidate_find_gone(c->cand, SPACE_IFACE, iface_name))
			return false;
		check_missing(c, o, prop, item, SPACE_IFACE, iface_name);
		return true;
	}
	iface = target->resolved;
	for (size_t i = 0; i < iface->n_shared; i++) {
		struct ip_prefix p = iface->shared[i];

		if (p.addr.family != family)
			continue;
		if (kind == DERIVED_NET || kind == DERIVED_NET6)
			p.addr = ip_prefix_net(&p);
		else
			p.len = (uint8_t)(ip_bytes(family) * 8);
		term_from_prefix(c, &p, kind == DERIVED_NET || kind == DERIVED_NET6, out);
		*ok = true;
		return true;
	}
	if (!candidate_value(target, family == 4 ? "IPAddress" : "IP6Address"))
		check_fail(c, o, prop, item, "%s has no shared IPv%u address, so there is no %s",
			iface_name, family, name);
	return true; /* an address with an error was reported at the interface */
}

static bool
resolve_item(struct check *c, const struct conf_object *o, const char *prop, size_t item,
	unsigned depth, struct addr_term *out)
{
	const char *text = candidate_value(o, prop)->items[item].text;
	const struct schema_prop *p = schema_prop_find(o->type, prop);
	const struct builtin_address *b = p->derived ? builtin_address_find(text) : NULL;
	const struct addr_term *t;
	struct conf_object *target;
	bool ok;

	*out = (struct addr_term){0};
	if (value_is_literal(text))
		return term_from_literal(c, text, out);
	if (b) {
		*out = (struct addr_term){.set = b->set, .prefix = b->prefix, .with_prefix = true};
		return true;
	}
	if (p->derived && !candidate_find(c->cand, SPACE_ADDRESS, text) &&
		resolve_derived(c, o, prop, item, out, &ok))
		return ok;
	target = check_ref(c, o, prop, item);
	if (!target)
		return false;
	if (target->visit == VISIT_RUNNING) {
		check_fail(c, o, prop, item, "the group contains itself by way of '%s'", text);
		return false;
	}
	if (target->visit == VISIT_NOT && depth > GROUP_DEPTH_MAX) {
		check_fail(
			c, o, prop, item, "groups are nested more than %u deep", GROUP_DEPTH_MAX);
		return false;
	}
	t = resolve_object(c, target, depth);
	if (t)
		*out = *t;
	return t;
}

bool
resolve_addr_item(struct check *c, const struct conf_object *o, const char *prop, size_t item,
	struct addr_term *out)
{
	return resolve_item(c, o, prop, item, 0, out);
}

bool
resolve_addr(struct check *c, const struct conf_object *o, const char *prop, struct addr_term *out)
{
	*out = (struct addr_term){0};
	return candidate_value(o, prop) && term_from_list(c, o, prop, 0, out);
}

bool
resolve_one_addr(
	struct check *c, const struct conf_object *o, const char *prop, struct ip_addr *out)
{
	struct addr_term t;

	*out = (struct ip_addr){0};
	if (!candidate_value(o, prop))
		return true;
	if (!resolve_item(c, o, prop, 0, 0, &t))
		return false;
	if (!t.prefix.addr.family || t.prefix.len != ip_bytes(t.prefix.addr.family) * 8) {
		check_fail(c, o, prop, 0, "'%s' is more than one address", candidate_text(o, prop));
		return false;
	}
	*out = t.prefix.addr;
	return true;
}

const char *
addr_fault(const struct ip_addr *a)
{
	static const uint8_t ones[4] = {255, 255, 255, 255};

	if (ip_is_unspecified(a))
		return "is the unspecified address";
	if (ip_is_multicast(a))
		return "is a multicast address";
	if (ip_is_loopback(a))
		return "is a loopback address";
	if (a->family == 4 && a->b[0] == 0)
		return "lies in 0.0.0.0/8, which no host may use";
	if (a->family == 4 && memcmp(a->b, ones, 4) == 0)
		return "is the broadcast address";
	return NULL;
}

const char *
addr_prefix_fault(const struct ip_prefix *p)
{
	struct ip_addr net = ip_prefix_net(p), broadcast = ip_prefix_broadcast(p);
	const char *fault = addr_fault(&p->addr);

	if (fault)
		return fault;
	if (p->len == 0)
		return "needs a prefix longer than /0";
	if (p->len + 2u > ip_bytes(p->addr.family) * 8) /* point-to-point: /31, /32, /127, /128 */
		return NULL;
	if (ip_equal(&p->addr, &net))
		return "is the address of the network itself";
	if (p->addr.family == 4 && ip_equal(&p->addr, &broadcast))
		return "is the broadcast address of its network";
	return NULL;
}

/* An IP4HAAddress must be two different addresses that nodes can have (S55, S95). */
static void
check_ha_object(struct check *c, struct conf_object *o)
{
	static const char *const props[] = {"Master", "Slave"};
	const struct ha_pair *pair = resolve_ha_pair(c, o);
	char buf[IP_TEXT_MAX];

	if (!pair)
		return;
	for (unsigned i = 0; i < 2; i++) {
		const struct ip_prefix *p = &pair->addr[i];
		const char *fault =
			pair->with_prefix[i] ? addr_prefix_fault(p) : addr_fault(&p->addr);

		if (fault)
			check_fail(c, o, props[i], 0, "%s %s", ip_fmt(&p->addr, buf), fault);
	}
	if (ip_equal(&pair->addr[0].addr, &pair->addr[1].addr))
		check_fail(c, o, "Slave", 0,
			"%s is the master's address, too: the two nodes must differ",
			ip_fmt(&pair->addr[1].addr, buf));
}

void
check_addrs(struct check *c)
{
	static const enum schema_id types[] = {TYPE_IP4, TYPE_IP6, TYPE_HA4, TYPE_HA6, TYPE_GROUP};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		candidate_each (c->cand, types[i], o) {
			size_t len = 0;
			const char *iface;

			resolve_object(c, o, 0);
			if (types[i] == TYPE_HA4 || types[i] == TYPE_HA6)
				check_ha_object(c, o);
			if (builtin_derived(o->name, &len) == DERIVED_NONE)
				continue;
			iface = arena_strndup(c->a, o->name, len);
			if (candidate_find(c->cand, SPACE_IFACE, iface))
				check_fail(c, o, NULL, ITEM_NONE,
					"the name belongs to EthernetInterface %s, whose address "
					"or network it is: choose another",
					iface);
		}
	}
}
