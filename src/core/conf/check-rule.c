/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules: what each refers to, and what the translating ones (NAT, SAT) need to be definite. */
#include "core/conf/checks.h"
#include "core/conf/value.h"
#include "core/rules/shadow.h"

/* One rule while it is checked. */
struct rule_check {
	struct check *c;
	const struct conf_object *o;
	struct conf_rule *r;
	unsigned families; /* of packets that can match */
};

/* The words of the schema stand in the order of the enum, see candidate_word(). */
const char *
conf_action_name(enum rule_action a)
{
	return schema_prop_find(&schema_types[TYPE_RULE], "Action")->words[a];
}

static const char *
family_text(unsigned family)
{
	return family == 4 ? "IPv4" : "IPv6";
}

static bool
covers(const struct rule_check *k, unsigned family)
{
	return k->families & (family == 4 ? FAMILY_4 : FAMILY_6);
}

/* A translation has one family; a rule that also matches the other one would not know what to do.
 */
static void
check_only_family(const struct rule_check *k, const char *prop, unsigned family)
{
	char buf[IP_TEXT_MAX];
	struct ip_addr a;

	if (!family)
		return;
	resolve_one_addr(k->c, k->o, prop, &a);
	ip_fmt(&a, buf);
	if (!covers(k, family))
		check_fail(k->c, k->o, prop, 0, "%s is %s, but the networks of the rule are %s",
			buf, family_text(family), family_text(family == 4 ? 6 : 4));
	else if (covers(k, family == 4 ? 6 : 4))
		check_fail(k->c, k->o, prop, 0,
			"%s is %s, but the rule matches %s as well: make two rules", buf,
			family_text(family), family_text(family == 4 ? 6 : 4));
}

/* Without NATSenderAddress the outgoing interface must have a shared address of each family. */
static void
check_outgoing(const struct rule_check *k)
{
	const struct conf_iface *f = k->r->dst_iface.iface;

	if (k->r->dst_iface.kind != IFACE_ONE) {
		check_fail(k->c, k->o, "DestinationInterface", 0,
			"NAT needs a definite sender: name the outgoing interface, or give "
			"NATSenderAddress");
		return;
	}
	for (unsigned family = 4; family <= 6; family += 2) {
		bool has = false;

		for (size_t i = 0; i < f->n_shared; i++)
			has = has || f->shared[i].addr.family == family;
		if (covers(k, family) && !has && !check_is_incomplete(k->c, f))
			check_fail(k->c, k->o, "DestinationInterface", 0,
				"the rule matches %s, but %s has no shared %s address to send "
				"from: give it one, or NATSenderAddress",
				family_text(family), f->name, family_text(family));
	}
}

/* A sender that is not the cluster's own is possible (a routed block), but rarely meant. */
static void
check_sender(const struct rule_check *k)
{
	const struct ip_addr *a = &k->r->nat_sender;
	const char *fault = addr_fault(a);
	const struct check_held *held;
	char buf[IP_TEXT_MAX];

	ip_fmt(a, buf);
	if (fault) {
		check_fail(k->c, k->o, "NATSenderAddress", 0, "%s %s", buf, fault);
		return;
	}
	check_only_family(k, "NATSenderAddress", a->family);
	held = check_held_find(k->c, a);
	if (!held)
		check_warn(k->c, k->o, "NATSenderAddress", 0,
			"%s is no shared address of an interface: answers come back only if the "
			"neighbours route it here",
			buf);
	else if (held->private)
		check_fail(k->c, k->o, "NATSenderAddress", 0,
			"%s is a private address of one node on %s: it can't move to the other "
			"node",
			buf, held->o->name);
}

static void
check_nat(const struct rule_check *k)
{
	if (k->r->dst_iface.kind == IFACE_CORE)
		check_fail(k->c, k->o, "DestinationInterface", 0,
			"NAT is not possible to the firewall itself");
	else if (k->r->nat_sender.family)
		check_sender(k);
	else if (!candidate_value(k->o, "NATSenderAddress"))
		check_outgoing(k);
}

/* Ports exist in TCP and UDP only; a range must be as long as that of the service. */
static void
check_sat_port(const struct rule_check *k)
{
	const struct conf_service *s = k->r->service;
	unsigned span = k->r->sat_port.hi - k->r->sat_port.lo;

	for (size_t i = 0; i < s->n_match; i++) {
		const struct service_match *m = &s->match[i];

		if (m->kind != MATCH_PORTS) {
			check_fail(k->c, k->o, "SATTranslateToPort", 0,
				"service %s is more than TCP and UDP, which alone have ports",
				s->name);
			return;
		}
		if (span && (m->n_dport != 1 || m->dport[0].hi - m->dport[0].lo != (int)span)) {
			check_fail(k->c, k->o, "SATTranslateToPort", 0,
				"the range must be as long as the ports of service %s", s->name);
			return;
		}
	}
}

static void
check_sat(const struct rule_check *k)
{
	const char *fault;
	char buf[IP_TEXT_MAX];

	if (!candidate_value(k->o, "SATTranslateToIP") && !k->r->sat_port.lo)
		check_fail(k->c, k->o, "Action", 0,
			"SAT needs SATTranslateToIP or SATTranslateToPort");
	if (k->r->sat_ip.family) {
		fault = addr_fault(&k->r->sat_ip);
		if (fault)
			check_fail(k->c, k->o, "SATTranslateToIP", 0, "%s %s",
				ip_fmt(&k->r->sat_ip, buf), fault);
		else
			check_only_family(k, "SATTranslateToIP", k->r->sat_ip.family);
	}
	if (k->r->sat_port.lo && k->r->service)
		check_sat_port(k);
	if (k->r->nat_sender.family)
		check_sender(k);
}

/* Every address of the set is a shared one of ours. */
static bool
all_shared(const struct check *c, const struct addr_set *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct ip_addr a = s->r[i].lo;

		for (;; a = ip_next(&a)) { /* ends with the first that we do not hold */
			const struct check_held *held = check_held_find(c, &a);

			if (!held || held->private)
				return false;
			if (ip_equal(&a, &s->r[i].hi))
				break;
		}
	}
	return s->n > 0 && !s->any4 && !s->any6;
}

/*
 * Interfaces that keep the rule from ever matching. What is addressed to the firewall does not
 * leave by an interface, whatever the rule wants to make of it then.
 */
static void
check_never(const struct rule_check *k)
{
	const struct conf_iface *f = k->r->dst_iface.iface;

	if (k->r->src_iface.kind == IFACE_CORE)
		check_warn(k->c, k->o, "SourceInterface", 0,
			"the rule never matches: what the firewall itself sends needs no rule");
	if (k->r->dst_iface.kind == IFACE_ONE && all_shared(k->c, &k->r->dst))
		check_warn(k->c, k->o, "DestinationInterface", 0,
			"the rule never matches: DestinationNetwork is the firewall's own, and "
			"what is sent to that does not leave by %s: set DestinationInterface=core",
			f->name);
}

/* Properties that say nothing under this action are a misunderstanding. */
static void
check_unused(const struct rule_check *k)
{
	static const char *const props[] = {
		"NATSenderAddress", "SATTranslateToIP", "SATTranslateToPort"};
	bool nat = k->r->action == RULE_NAT, sat = k->r->action == RULE_SAT;

	for (unsigned i = nat || sat ? 1 : 0; i < 3 && !sat; i++)
		if (candidate_value(k->o, props[i]))
			check_fail(k->c, k->o, props[i], ITEM_NONE, "is for Action=%s only",
				i ? "SAT" : "NAT or SAT");
}

/* Fills the rule; false when something it needs has an error. */
static bool
rule_resolve(struct rule_check *k)
{
	struct check *c = k->c;
	const struct conf_object *o = k->o;
	struct conf_rule *r = k->r;
	struct addr_term src, dst;
	bool ok;

	ok = resolve_iface(c, o, "SourceInterface", &r->src_iface);
	ok = resolve_addr(c, o, "SourceNetwork", &src) && ok;
	ok = resolve_iface(c, o, "DestinationInterface", &r->dst_iface) && ok;
	ok = resolve_addr(c, o, "DestinationNetwork", &dst) && ok;
	r->service = resolve_service(c, o, "Service", 0);
	ok = r->service && ok;
	ok = resolve_one_addr(c, o, "NATSenderAddress", &r->nat_sender) && ok;
	ok = resolve_one_addr(c, o, "SATTranslateToIP", &r->sat_ip) && ok;
	if (!ok || !candidate_value(o, "Action"))
		return false;
	r->src = src.set;
	r->dst = dst.set;
	k->families = addr_set_families(&r->src) & addr_set_families(&r->dst);
	if (k->families)
		return true;
	check_fail(c, o, "DestinationNetwork", 0,
		"the source is %s only and the destination %s only: no packet can match",
		family_text(addr_set_families(&r->src) == FAMILY_4 ? 4 : 6),
		family_text(addr_set_families(&r->dst) == FAMILY_4 ? 4 : 6));
	return false;
}

void
check_rules(struct check *c)
{
	struct conf_rule *list =
		arena_array(c->a, struct conf_rule, candidate_count(c->cand, TYPE_RULE));
	uint32_t index = 0;

	c->m->rules = list;
	candidate_each (c->cand, TYPE_RULE, o) {
		struct conf_rule *r = &list[c->m->n_rules];
		struct rule_check k = {.c = c, .o = o, .r = r};

		r->name = o->name;
		r->index = ++index;
		r->line = o->line;
		r->log = candidate_bool(o, "Log");
		if (candidate_value(o, "SATTranslateToPort"))
			value_ports(candidate_text(o, "SATTranslateToPort"), &r->sat_port);
		if (candidate_value(o, "Action")) {
			r->action = (enum rule_action)candidate_word(o, "Action");
			check_unused(&k);
		}
		if (!rule_resolve(&k))
			continue;
		if (r->action == RULE_NAT)
			check_nat(&k);
		if (r->action == RULE_SAT)
			check_sat(&k);
		check_never(&k);
		c->m->n_rules++;
	}
}

void
check_shadowed(struct check *c)
{
	const struct conf_rule **by = arena_array(c->a, const struct conf_rule *, c->m->n_rules);
	size_t i = 0;

	rules_shadowed(c->m, by);
	candidate_each (c->cand, TYPE_RULE, o) {
		const struct conf_rule *first = by[i++];

		if (first)
			check_warn(c, o, NULL, ITEM_NONE,
				"the rule never decides: rule %u, %s (line %u), matches all that "
				"it "
				"matches, and comes first",
				first->index, first->name, first->line);
	}
}
