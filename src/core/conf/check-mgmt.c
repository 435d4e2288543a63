/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RemoteManagement: possible on private addresses only (S38 to S40). */
#include "core/conf/checks.h"
#include "core/conf/value.h"

static void
warn_unreachable(struct check *c, const struct conf_object *o, const struct iface_ref *ref)
{
	bool any = false;

	if (ref->kind == IFACE_ONE) {
		if (!ref->iface->has_private4 && !ref->iface->has_private6)
			check_warn(c, o, "Interface", 0,
				"%s has no private addresses (PrivateIP=localhost), so the nodes "
				"can't be reached there",
				ref->iface->name);
		return;
	}
	for (size_t i = 0; i < c->n_ifaces; i++)
		any = any || c->ifaces[i].has_private4 || c->ifaces[i].has_private6;
	if (!any)
		check_warn(c, o, "Interface", 0,
			"no interface has private addresses (PrivateIP), so the nodes can't be "
			"reached");
}

void
check_mgmt(struct check *c)
{
	static const unsigned access[] = {MGMT_HTTPS, MGMT_SSH, MGMT_METRICS};
	const struct schema_prop *p = schema_prop_find(&schema_types[TYPE_MGMT], "Access");
	struct conf_mgmt *list =
		arena_array(c->a, struct conf_mgmt, candidate_count(c->cand, TYPE_MGMT));

	c->m->mgmt = list;
	candidate_each (c->cand, TYPE_MGMT, o) {
		struct conf_mgmt *m = &list[c->m->n_mgmt];
		const struct candidate_value *v = candidate_value(o, "Access");
		struct addr_term t;
		bool ok = resolve_iface(c, o, "Interface", &m->iface);

		if (ok)
			warn_unreachable(c, o, &m->iface);
		if (!resolve_addr(c, o, "Network", &t) || !ok)
			continue;
		m->name = o->name;
		m->from = t.set;
		for (size_t i = 0; v && i < v->n; i++)
			m->access |= access[value_word(p->words, v->items[i].text)];
		c->m->n_mgmt++;
	}
}
