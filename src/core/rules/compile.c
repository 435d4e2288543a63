/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ruleset as a whole: the base chains in the order a packet meets them, and what every rule
 * does once it has matched. docs/design/ruleset.md explains the shape and why.
 */
#include <string.h>
#include "core/rules/compile.h"
#include "core/rules/parts.h"

static void
collect_ifaces(struct compiler *c)
{
	const struct conf_model *m = c->m;

	c->ifaces = arena_array(c->a, struct iface_part, m->n_ifaces);
	for (size_t i = 0; i < m->n_ifaces; i++) {
		const struct conf_iface *f = &m->ifaces[i];
		struct iface_part *p = &c->ifaces[c->n_ifaces];

		if (f->sync)
			continue;
		*p = (struct iface_part){
			.iface = f,
			.id = text_ident(c->a, f->name, f->index),
			.tw = arena_printf(c->a, "tw-%s", text_quote(c->a, f->name)),
			.nic = text_quote(c->a, f->dev[c->self]),
		};
		if (strcmp(p->id, "any") == 0 || strcmp(p->id, "core") == 0)
			p->id = arena_printf(c->a, "%s.%u", p->id, f->index);
		c->n_ifaces++;
	}
}

static void
collect_rules(struct compiler *c)
{
	c->n_rules = c->m->n_rules;
	c->rules = arena_array(c->a, struct rule_part, c->n_rules);
	for (size_t i = 0; i < c->n_rules; i++) {
		const struct conf_rule *r = &c->m->rules[i];

		c->rules[i].r = r;
		c->rules[i].id = text_ident(c->a, r->name, r->index);
		match_conditions(c, &c->rules[i]);
	}
}

static void
write_counters(struct compiler *c)
{
	static const char *const drops[] = {"spoofed", "own-address", "unspecified", "invalid",
		"no-rule", "broadcast", "not-ours", "no-translation", "management", "related"};

	for (size_t i = 0; i < sizeof(drops) / sizeof(drops[0]); i++)
		text_add(&c->out, "\tcounter drop/%s {\n\t}\n", drops[i]);
	for (size_t i = 0; i < c->m->n_mgmt; i++)
		text_add(&c->out, "\tcounter management/%s {\n\t\tcomment \"%s\"\n\t}\n",
			text_ident(c->a, c->m->mgmt[i].name, (unsigned)i + 1),
			text_quote(c->a, c->m->mgmt[i].name));
	for (size_t i = 0; i < c->n_rules; i++)
		text_add(&c->out, "\tcounter rule/%s {\n\t\tcomment \"%s\"\n\t}\n", c->rules[i].id,
			text_quote(c->a, c->rules[i].r->name));
	text_add(&c->out, "\n");
}

enum own_kind { OWN_ALL = 3, OWN_SHARED = 1, OWN_PRIVATE = 2 };

/* A set of the cluster's own addresses; node: whose private ones, 2 = both nodes'. */
static void
write_own_set(
	struct compiler *c, const char *name, uint8_t family, enum own_kind kind, unsigned node)
{
	char buf[IP_TEXT_MAX];
	size_t n = 0;

	text_add(&c->out, "\tset %s%u {\n\t\ttype ipv%u_addr\n", name, family, family);
	for (size_t i = 0; i < c->n_ifaces; i++) {
		const struct conf_iface *f = c->ifaces[i].iface;

		for (size_t k = 0; kind & OWN_SHARED && k < f->n_shared; k++)
			if (f->shared[k].addr.family == family)
				text_add(&c->out, "%s%s", n++ ? ", " : "\t\telements = { ",
					ip_fmt(&f->shared[k].addr, buf));
		for (unsigned who = 0; kind & OWN_PRIVATE && who < 2; who++)
			if ((node == who || node == 2) &&
				(family == 4 ? f->has_private4 : f->has_private6))
				text_add(&c->out, "%s%s", n++ ? ", " : "\t\telements = { ",
					ip_fmt(family == 4 ? &f->private4[who].addr
							   : &f->private6[who].addr,
						buf));
	}
	text_add(&c->out, "%s\t}\n\n", n ? " }\n" : "");
}

static void
write_sets(struct compiler *c)
{
	text_add(&c->out,
		"\tset icmp6_always { # neighbour discovery, MLD, packet-too-big\n"
		"\t\ttype icmpv6_type\n"
		"\t\telements = { packet-too-big, mld-listener-query, mld-listener-report,\n"
		"\t\t\tmld-listener-done, mld2-listener-report, nd-router-solicit, "
		"nd-router-advert,\n"
		"\t\t\tnd-neighbor-solicit, nd-neighbor-advert }\n"
		"\t}\n\n"
		"\tset management_ports {\n\t\ttype inet_service\n\t\telements = { 22");
	if (c->m->settings.https_port != 22)
		text_add(&c->out, ", %u", c->m->settings.https_port);
	text_add(&c->out, " }\n\t}\n\n"
			  "\t# own: all addresses of the cluster; private: this node's; peer: the "
			  "other one's;\n\t# nodes: both nodes' private ones\n");
	for (uint8_t family = 4; family <= 6; family += 2) {
		write_own_set(c, "own", family, OWN_ALL, 2);
		write_own_set(c, "private", family, OWN_PRIVATE, c->self);
		write_own_set(c, "peer", family, OWN_PRIVATE, !c->self);
		write_own_set(c, "nodes", family, OWN_PRIVATE, 2);
	}
	if (c->n_ifaces)
		text_add(&c->out, "\t# source/X: who may enter by X, that is, where the longest "
				  "prefix leads to X\n");
	source_sets(c);
	text_add(&c->out, "%s", text_str(&c->sets));
}

/* "{ "eth0", "eth1" } " of all interfaces */
static void
write_nics(struct compiler *c)
{
	for (size_t i = 0; i < c->n_ifaces; i++)
		text_add(&c->out, "%s\"%s\"", i ? ", " : "{ ", c->ifaces[i].nic);
	text_add(&c->out, " }");
}

static void
write_entry(struct compiler *c)
{
	text_add(&c->out,
		"\tchain entry { # before connection tracking\n"
		"\t\ttype filter hook prerouting priority raw; policy accept;\n"
		"\t\tiifname \"lo\" accept\n"
		"\t\tiifname != \"tw-*\" goto entry_other\n"
		"\t\tmeta mark set 0x%08x\n"
		"\t\t# The answer of the other node goes out by its own NIC: only half of such a\n"
		"\t\t# connection passes here, too little to track it.\n"
		"\t\tip daddr @peer4 notrack\n"
		"\t\tip6 daddr @peer6 notrack\n",
		TW_MARK);
	for (size_t i = 0; i < c->n_ifaces; i++)
		text_add(&c->out, "%s\"%s\" : goto source/%s",
			i ? ",\n\t\t\t" : "\t\tiifname vmap { ", c->ifaces[i].tw, c->ifaces[i].id);
	text_add(&c->out,
		"%s\t\tgoto not_ours\n"
		"\t}\n\n"
		"\tchain not_ours {\n"
		"\t\tcounter name \"drop/not-ours\"\n"
		"\t\t" LOG_LIMIT "log prefix \"tw:not-ours \"\n"
		"\t\tdrop\n"
		"\t}\n\n"
		"\tchain entry_other { # NICs: private addresses, any source that can be real\n"
		"\t\tip saddr { 127.0.0.0/8, 224.0.0.0/3 } goto source_other\n"
		"\t\tip6 saddr { ::1, ::ffff:0.0.0.0/96, ff00::/8 } goto source_other\n"
		"\t\tip saddr @private4 goto source_own\n"
		"\t\tip6 saddr @private6 goto source_own\n"
		"\t}\n\n",
		c->n_ifaces ? " }\n" : "");
	source_chains(c);
}

/* tw and nic of every interface → the list of its rules for the firewall itself */
static void
write_echo(struct compiler *c, const char *condition)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_ifaces; i++) {
		const struct iface_part *f = &c->ifaces[i];
		const char *chain = layout_core_chain(c, f);

		if (!chain)
			continue;
		if (!n++)
			text_add(&c->out, "\t\t%s iifname vmap { ", condition);
		text_add(&c->out, "%s\"%s\" : goto %s, \"%s\" : goto %s", n > 1 ? ",\n\t\t\t" : "",
			f->tw, chain, f->nic, chain);
	}
	text_add(&c->out, n ? " }\n" : "");
	text_add(&c->out, "\t\t%s goto no_rule\n", condition);
}

static void
write_judge(struct compiler *c)
{
	text_add(&c->out,
		"\tchain judge { # the one place where rules are looked at: first match wins\n"
		"\t\ttype filter hook prerouting priority mangle; policy accept;\n"
		"\t\tiifname \"lo\" accept\n"
		"\t\tct state established accept\n"
		"\t\tct state related goto related\n"
		"\t\ticmpv6 type @icmp6_always accept\n"
		"\t\tct state invalid counter name \"drop/invalid\" drop\n"
		"\t\tip daddr @private4 goto to_private\n"
		"\t\tip6 daddr @private6 goto to_private\n");
	for (size_t i = 0; i < c->n_ifaces; i++)
		text_add(&c->out, "%s\"%s\" : goto %s", i ? ",\n\t\t\t" : "\t\tiifname vmap { ",
			c->ifaces[i].tw, layout_from_chain(c, &c->ifaces[i]));
	text_add(&c->out,
		"%s\t}\n\n"
		"\tchain to_private { # ping as the rules say; all else is for chain input\n",
		c->n_ifaces ? " }\n" : "");
	if (c->n_ifaces) {
		text_add(&c->out, "\t\ticmp type echo-request ip saddr @peer4 iifname ");
		write_nics(c);
		text_add(&c->out, " goto allow\n\t\ticmpv6 type echo-request ip6 saddr @peer6 "
				  "iifname ");
		write_nics(c);
		text_add(&c->out, " goto allow\n");
	}
	write_echo(c, "icmp type echo-request");
	write_echo(c, "icmpv6 type echo-request");
	text_add(&c->out,
		"\t}\n\n"
		"\tchain allow {\n"
		"\t\tmeta mark set meta mark | 0x%08x accept\n"
		"\t}\n\n"
		"\tchain no_rule {\n"
		"\t\tmeta pkttype { broadcast, multicast } counter name \"drop/broadcast\" drop\n"
		"\t\tcounter name \"drop/no-rule\"\n"
		"\t\t" LOG_LIMIT "log prefix \"tw:no-rule \"\n"
		"\t\tdrop\n"
		"\t}\n\n",
		MARK_ALLOW);
}

static void
write_management(struct compiler *c, struct text *out)
{
	text_add(out, "\tchain management {\n");
	for (size_t i = 0; i < c->m->n_mgmt; i++) {
		const struct conf_mgmt *g = &c->m->mgmt[i];
		const char *id = text_ident(c->a, g->name, (unsigned)i + 1);
		bool https = g->access & (MGMT_HTTPS | MGMT_METRICS), ssh = g->access & MGMT_SSH;

		for (uint8_t family = 4; family <= 6; family += 2) {
			struct text t = {.a = c->a}, from = {.a = c->a};

			if (!match_has_family(&g->from, family) || !(https || ssh))
				continue;
			for (size_t k = 0; k < c->n_ifaces; k++)
				if (g->iface.kind == IFACE_ONE &&
					g->iface.iface == c->ifaces[k].iface)
					text_add(&t, "%s", sets_entered(c, &c->ifaces[k]));
			if (g->iface.kind == IFACE_ONE && !t.len)
				continue; /* a sync interface: no management there */
			match_addresses(c, &from, &g->from, family, true,
				arena_printf(c->a, "management/%s", id));
			if (!from.len)
				text_add(&from, "meta nfproto ipv%u ", family);
			text_add(out, "\t\t%s%stcp dport ", text_str(&t), text_str(&from));
			if (https && ssh)
				text_add(out, "@management_ports");
			else
				text_add(out, "%u", ssh ? 22 : c->m->settings.https_port);
			text_add(out, " counter name \"management/%s\" accept\n", id);
		}
	}
	text_add(out, "\t}\n\n");
}

static void
write_hooks(struct compiler *c)
{
	text_add(&c->out,
		"\tchain input {\n"
		"\t\ttype filter hook input priority filter; policy %s;\n"
		"\t\tiifname \"lo\" accept\n"
		"\t\tct state established,related accept\n"
		"\t\ticmpv6 type @icmp6_always accept\n"
		"\t\tip daddr @private4 tcp dport @management_ports jump management\n"
		"\t\tip6 daddr @private6 tcp dport @management_ports jump management\n"
		"\t\tmeta mark & 0x%08x == 0x%08x goto reject_it\n"
		"\t\tmeta mark & 0x%08x == 0x%08x goto allowed_in\n"
		"%s"
		"\t}\n\n"
		"\tchain allowed_in { # a rule may open everything but management\n"
		"\t\ttcp dport @management_ports counter name \"drop/management\" "
		"goto management_closed\n"
		"\t\taccept\n"
		"\t}\n\n"
		"\tchain management_closed {\n"
		"\t\t" LOG_LIMIT "log prefix \"tw:management \"\n"
		"\t\tdrop\n"
		"\t}\n\n",
		c->n_ifaces ? "drop" : "accept", MARK_REJECT, MARK_REJECT, MARK_ALLOW, MARK_ALLOW,
		c->n_ifaces
			? "\t\tgoto no_rule\n"
			: "\t\t# no interface is configured yet: the machine stays reachable\n");
	text_add(&c->out,
		"\tchain forward {\n"
		"\t\ttype filter hook forward priority filter; policy drop;\n"
		"\t\tiifname != \"tw-*\" goto not_ours\n"
		"\t\toifname != \"tw-*\" goto not_ours\n"
		"\t\tct state established accept\n"
		"\t\tct state related goto related\n"
		"\t\tmeta mark & 0x%08x == 0x%08x goto reject_it\n"
		"\t\tmeta mark & 0x%08x == 0x%08x accept\n"
		"\t\ticmpv6 type packet-too-big accept\n"
		"\t\tgoto no_rule\n"
		"\t}\n\n"
		"\tchain reject_it {\n"
		"\t\tmeta l4proto tcp reject with tcp reset\n"
		"\t\treject with icmpx admin-prohibited\n"
		"\t}\n\n",
		MARK_REJECT, MARK_REJECT, MARK_ALLOW, MARK_ALLOW);
}

static void
write_rule(struct compiler *c, const struct rule_part *p)
{
	const char *name = text_quote(c->a, p->r->name);

	text_add(&c->out, "\tchain rule/%s { # %u %s%s%s\n", p->id, p->r->index,
		conf_action_name(p->r->action), p->never ? "; never matches: " : "",
		p->never ? p->never : "");
	helper_assign(c, p);
	text_add(&c->out, "\t\tcounter name \"rule/%s\" ", p->id);
	if (p->r->log)
		text_add(&c->out, LOG_LIMIT "log prefix \"tw:%s \"\n\t\t", name);
	if (p->r->action == RULE_DROP)
		text_add(&c->out, "drop\n");
	else
		text_add(&c->out, "meta mark set meta mark & 0x%08x | 0x%08x accept\n", TW_MARK,
			(p->r->action == RULE_REJECT ? MARK_REJECT : MARK_ALLOW) | p->translate);
	text_add(&c->out, "\t}\n\n");
}

const char *
rules_compile(struct arena *a, const struct conf_model *m, enum node_type self, unsigned helpers)
{
	struct arena scratch = ARENA_INIT; /* several times the text, so not in the caller's */
	struct compiler c = {.a = &scratch,
		.m = m,
		.self = self,
		.helpers = helpers & helper_used(m),
		.sets = {.a = &scratch},
		.out = {.a = &scratch}};
	struct text management = {.a = &scratch};
	const char *out;

	collect_ifaces(&c);
	collect_rules(&c);
	layout_decide(&c);
	translate_number(&c);
	write_management(&c, &management);
	text_add(&c.out,
		"# Twinwall: ruleset of %s (%s). Made from the configuration; edits are lost.\n"
		"add table inet " TW_NFT_TABLE "\n"
		"delete table inet " TW_NFT_TABLE "\n\n"
		"table inet " TW_NFT_TABLE " {\n",
		text_quote(&scratch, m->device_name ? m->device_name : ""),
		self == NODE_MASTER ? "master" : "slave");
	write_counters(&c);
	helper_objects(&c);
	write_sets(&c);
	write_entry(&c);
	write_judge(&c);
	helper_related(&c);
	layout_chains(&c);
	for (size_t i = 0; i < c.n_rules; i++)
		write_rule(&c, &c.rules[i]);
	text_add(&c.out, "%s", management.s);
	write_hooks(&c);
	translate_chains(&c);
	text_add(&c.out, "}\n");
	out = arena_strndup(a, c.out.s, c.out.len);
	arena_free(&scratch);
	return out;
}
