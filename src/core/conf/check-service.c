/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Services: each object once, groups flattened into one list of matches. */
#include <netinet/in.h>
#include <string.h>
#include "core/conf/builtin.h"
#include "core/conf/checks.h"
#include "core/conf/helper.h"
#include "core/conf/value.h"

enum visit { VISIT_NOT, VISIT_RUNNING, VISIT_DONE };

static const struct conf_service *resolve_member(struct check *c, const struct conf_object *o,
	const char *prop, size_t item, unsigned depth, unsigned *nested);

static const struct port_range *
ports(struct check *c, const struct conf_object *o, const char *prop, size_t *n)
{
	const struct candidate_value *v = candidate_value(o, prop);
	struct port_range *r;

	*n = v ? v->n : 0;
	r = arena_array(c->a, struct port_range, *n);
	for (size_t i = 0; i < *n; i++)
		value_ports(v->items[i].text, &r[i]);
	return r;
}

/* A helper reads one protocol, and on known ports only: it opens doors. */
static enum conf_helper
service_helper(struct check *c, const struct conf_object *o, uint8_t proto, bool ports)
{
	enum conf_helper h = (enum conf_helper)candidate_word(o, "Helper");

	if (h == HELPER_NONE)
		return HELPER_NONE;
	if (proto != helper_protocol(h))
		check_fail(c, o, "Helper", 0, "Helper=%s needs Type=%s", helper_word(h),
			helper_protocol(h) == IPPROTO_TCP ? "TCP" : "UDP");
	if (!ports)
		check_fail(c, o, "Helper", 0, "Helper=%s needs DestinationPorts", helper_word(h));
	return h;
}

static void
tcpudp_matches(struct check *c, const struct conf_object *o, struct conf_service *s)
{
	static const uint8_t protos[3][2] = {{6, 0}, {17, 0}, {6, 17}};
	const uint8_t *proto = protos[candidate_word(o, "Type")];
	struct service_match m = {.kind = MATCH_PORTS};
	struct service_match *list = arena_array(c->a, struct service_match, 2);

	m.sport = ports(c, o, "SourcePorts", &m.n_sport);
	m.dport = ports(c, o, "DestinationPorts", &m.n_dport);
	m.helper = service_helper(c, o, proto[1] ? 0 : proto[0], m.n_dport > 0);
	s->match = list;
	for (unsigned i = 0; i < 2 && proto[i]; i++) {
		list[i] = m;
		list[i].proto = proto[i];
		s->n_match++;
	}
}

static void
icmp_matches(struct check *c, const struct conf_object *o, struct conf_service *s)
{
	static const char *const props[] = {"Types", "Types6"};
	bool all = !candidate_value(o, "Types") && !candidate_value(o, "Types6");
	struct service_match *list = arena_array(c->a, struct service_match, 2);

	s->match = list;
	for (unsigned k = 0; k < 2; k++) {
		const struct candidate_value *v = candidate_value(o, props[k]);
		struct service_match m = {.kind = MATCH_ICMP, .proto = k ? 58 : 1};
		uint8_t *types = arena_array(c->a, uint8_t, v ? v->n : 0);

		if (!v && !all)
			continue;
		for (size_t i = 0; v && i < v->n; i++)
			value_icmp_type(v->items[i].text, k ? 6 : 4, &types[i]);
		m.types = types;
		m.n_types = v ? v->n : 0;
		list[s->n_match++] = m;
	}
}

static bool
ipproto_matches(struct check *c, const struct conf_object *o, struct conf_service *s)
{
	const struct candidate_value *v = candidate_value(o, "Protocol");
	struct service_match *list;

	if (!v)
		return false;
	list = arena_array(c->a, struct service_match, v->n);
	s->match = list;
	for (size_t i = 0; i < v->n; i++) {
		list[i].kind = MATCH_PROTO;
		value_protocol(v->items[i].text, &list[i].proto);
		s->n_match++;
	}
	return true;
}

static bool
group_matches(struct check *c, const struct conf_object *o, unsigned depth, struct conf_service *s,
	unsigned *nested)
{
	const struct candidate_value *v = candidate_value(o, "Members");
	struct service_match *list = NULL;
	bool ok = v;

	for (size_t i = 0; v && i < v->n; i++) {
		unsigned below = 0;
		const struct conf_service *m =
			resolve_member(c, o, "Members", i, depth + 1, &below);

		*nested = below + 1 > *nested ? below + 1 : *nested;
		ok = ok && m;
		if (!m)
			continue;
		c->ranges += m->n_match;
		if (c->ranges > RANGES_MAX) {
			check_fail(c, o, "Members", i,
				"the service groups grow to more than %u matches", RANGES_MAX);
			return false;
		}
		for (size_t k = 0; k < m->n_match; k++) {
			list = arena_grow(c->a, list, s->n_match, sizeof(*list));
			list[s->n_match++] = m->match[k];
		}
	}
	s->match = list;
	return ok;
}

/* Each object once; NULL when it has an error, which was reported then. */
static const struct conf_service *
resolve_object(struct check *c, struct conf_object *o, unsigned depth, unsigned *nested)
{
	struct conf_service *s;
	bool ok = true;

	if (o->visit == VISIT_DONE) {
		*nested = o->depth;
		return o->resolved;
	}
	o->visit = VISIT_RUNNING;
	s = arena_new(c->a, struct conf_service);
	s->name = o->name;
	*nested = 0;
	switch ((unsigned)schema_type_id(o->type)) {
	case TYPE_TCPUDP:
		tcpudp_matches(c, o, s);
		break;
	case TYPE_ICMP:
		icmp_matches(c, o, s);
		break;
	case TYPE_IPPROTO:
		ok = ipproto_matches(c, o, s);
		break;
	case TYPE_SERVICE_GROUP:
		ok = group_matches(c, o, depth, s, nested);
		if (ok && *nested > GROUP_DEPTH_MAX) {
			check_fail(c, o, "Members", ITEM_NONE,
				"groups are nested more than %u deep", GROUP_DEPTH_MAX);
			ok = false;
		}
		break;
	}
	o->visit = VISIT_DONE;
	o->depth = *nested;
	o->resolved = ok ? s : NULL;
	return o->resolved;
}

static const struct conf_service *
resolve_member(struct check *c, const struct conf_object *o, const char *prop, size_t item,
	unsigned depth, unsigned *nested)
{
	const char *text = candidate_value(o, prop)->items[item].text;
	const struct builtin_service *b = builtin_service_find(text);
	struct conf_object *target;

	if (b)
		return &b->service;
	target = check_ref(c, o, prop, item);
	if (!target)
		return NULL;
	if (target->visit == VISIT_RUNNING) {
		check_fail(c, o, prop, item, "the group contains itself by way of '%s'", text);
		return NULL;
	}
	if (target->visit == VISIT_NOT && depth > GROUP_DEPTH_MAX) {
		check_fail(
			c, o, prop, item, "groups are nested more than %u deep", GROUP_DEPTH_MAX);
		return NULL;
	}
	return resolve_object(c, target, depth, nested);
}

const struct conf_service *
resolve_service(struct check *c, const struct conf_object *o, const char *prop, size_t item)
{
	unsigned nested = 0;

	if (!candidate_value(o, prop))
		return NULL;
	return resolve_member(c, o, prop, item, 0, &nested);
}

void
check_services(struct check *c)
{
	static const enum schema_id types[] = {
		TYPE_TCPUDP, TYPE_ICMP, TYPE_IPPROTO, TYPE_SERVICE_GROUP};
	unsigned nested;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		candidate_each (c->cand, types[i], o)
			resolve_object(c, o, 0, &nested);
}
