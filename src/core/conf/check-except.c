/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HighAvailability: what state synchronisation leaves out. */
#include <string.h>
#include "core/conf/checks.h"

#define ALL_PORTS 65535

static void
add_net(struct check *c, const struct conf_object *o, struct sync_except *x, struct ip_range r)
{
	if (x->n_nets == SYNC_EXCEPT_MAX)
		check_fail(c, o, "SyncExceptNetwork", ITEM_NONE,
			"is more than %u networks and ranges", SYNC_EXCEPT_MAX);
	else
		x->nets[x->n_nets++] = r;
}

static struct ip_range
every_address(uint8_t family)
{
	struct ip_range r = {{.family = family}, {.family = family}};

	memset(r.hi.b, 0xff, ip_bytes(family));
	return r;
}

static void
add_service(struct check *c, const struct conf_object *o, struct sync_except *x, uint8_t proto,
	unsigned lo, unsigned hi)
{
	if (x->n_services == SYNC_EXCEPT_MAX)
		check_fail(c, o, "SyncExceptService", ITEM_NONE,
			"is more than %u protocols and ranges of ports", SYNC_EXCEPT_MAX);
	else
		x->services[x->n_services++] =
			(struct except_service){proto, (uint16_t)lo, (uint16_t)hi};
}

static void
add_match(struct check *c, const struct conf_object *o, struct sync_except *x, size_t item,
	const struct service_match *m)
{
	if (m->kind == MATCH_ANY)
		check_fail(c, o, "SyncExceptService", item,
			"is everything: set Sync=No if nothing is to be kept");
	else if (m->n_sport)
		check_fail(c, o, "SyncExceptService", item,
			"has SourcePorts, which are not looked at here");
	else if (m->kind == MATCH_ICMP && m->n_types)
		for (size_t i = 0; i < m->n_types; i++)
			add_service(c, o, x, m->proto, m->types[i] << 8u, m->types[i] << 8u | 255u);
	else if (m->kind == MATCH_PORTS && m->n_dport)
		for (size_t i = 0; i < m->n_dport; i++)
			add_service(c, o, x, m->proto, m->dport[i].lo, m->dport[i].hi);
	else
		add_service(c, o, x, m->proto, 0, ALL_PORTS);
}

void
check_except(struct check *c)
{
	candidate_each (c->cand, TYPE_HA, o) {
		struct sync_except *x = &c->m->ha.sync_except;
		const struct candidate_value *v = candidate_value(o, "SyncExceptService");
		struct addr_term t;

		if (resolve_addr(c, o, "SyncExceptNetwork", &t)) {
			for (size_t i = 0; i < t.set.n; i++)
				add_net(c, o, x, t.set.r[i]);
			if (t.set.any4)
				add_net(c, o, x, every_address(4));
			if (t.set.any6)
				add_net(c, o, x, every_address(6));
		}
		for (size_t i = 0; v && i < v->n; i++) {
			const struct conf_service *s =
				resolve_service(c, o, "SyncExceptService", i);

			for (size_t k = 0; s && k < s->n_match; k++)
				add_match(c, o, x, i, &s->match[k]);
		}
	}
}
