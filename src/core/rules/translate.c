/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Address translation. Which packet is translated, and how, has been decided by the rules before
 * (mark, see parts.h); the NAT chains only carry it out: destinations in prerouting, sources in
 * postrouting. So an earlier rule of any kind wins over a later NAT or SAT rule by itself.
 */
#include <string.h>
#include "core/rules/parts.h"

#define PORT_MAP_MAX 4096 /* ports of one rule that are translated one by one */

/* Everything that decides how a packet is translated, as text. */
static const char *
meaning(struct compiler *c, const struct conf_rule *r)
{
	struct text t = {.a = c->a};
	char buf[IP_TEXT_MAX];

	text_add(&t, "%s", ip_fmt(&r->nat_sender, buf));
	if (r->action != RULE_SAT)
		return t.s;
	text_add(&t, " %s %u-%u", ip_fmt(&r->sat_ip, buf), r->sat_port.lo, r->sat_port.hi);
	for (size_t i = 0; r->sat_port.hi > r->sat_port.lo && i < r->service->n_match; i++)
		for (size_t k = 0; k < r->service->match[i].n_dport; k++)
			text_add(&t, " %u-%u", r->service->match[i].dport[k].lo,
				r->service->match[i].dport[k].hi);
	return t.s;
}

/* FNV-1a, folded to what fits into the mark beside the fixed numbers. */
static uint32_t
number_of(const char *text)
{
	uint32_t h = 2166136261u;

	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * 16777619u;
	return TRANSLATE_FIRST + (h ^ h >> 24) % (MARK_NUMBER - TRANSLATE_FIRST);
}

/* Translations by number: open addressing, at most half full. */
struct numbers {
	size_t size;
	struct rule_part **p;
	const char **meaning;
};

/* Where `number` is, or the free place for it. */
static size_t
numbers_find(const struct numbers *n, uint32_t number)
{
	size_t i = number % n->size;

	while (n->p[i] && n->p[i]->translate != number)
		i = (i + 1) % n->size;
	return i;
}

/*
 * The number follows from what it means, not from the rule's position: while a ruleset is replaced,
 * a packet can be judged by the old one and translated by the new one, and must not be translated
 * by the wrong rule. Rules that translate alike share a number.
 */
void
translate_number(struct compiler *c)
{
	struct numbers n = {.size = 16};

	while (n.size < 2 * c->n_rules)
		n.size *= 2;
	n.p = arena_array(c->a, struct rule_part *, n.size);
	n.meaning = arena_array(c->a, const char *, n.size);
	for (size_t i = 0; i < c->n_rules; i++) {
		struct rule_part *p = &c->rules[i];
		const struct conf_rule *r = p->r;
		const char *text;
		uint32_t number;
		size_t k;

		if (!p->n_lines || (r->action != RULE_NAT && r->action != RULE_SAT))
			continue;
		p->translate = TRANSLATE_INTERFACE;
		if (r->action == RULE_NAT && !r->nat_sender.family)
			continue;
		text = meaning(c, r);
		number = number_of(text);
		for (;;) {
			k = numbers_find(&n, number);
			if (!n.p[k] || strcmp(n.meaning[k], text) == 0)
				break;
			number = number == MARK_NUMBER ? TRANSLATE_FIRST : number + 1;
		}
		p->translate = number;
		p->shares = n.p[k] != NULL;
		if (!p->shares) {
			n.p[k] = p;
			n.meaning[k] = text;
		}
	}
}

static bool
writes_source(const struct rule_part *p)
{
	return p->r->nat_sender.family;
}

static bool
writes_destination(const struct rule_part *p)
{
	return p->r->action == RULE_SAT && (p->r->sat_ip.family || p->r->sat_port.lo);
}

/* "dnat ip to 10.1.0.10", "dnat ip6 to [fd01::10]" with brackets before a port, "dnat to" */
static const char *
target(struct compiler *c, const struct conf_rule *r, bool before_port)
{
	char buf[IP_TEXT_MAX];

	if (!r->sat_ip.family)
		return "dnat to ";
	ip_fmt(&r->sat_ip, buf);
	if (r->sat_ip.family == 4)
		return arena_printf(c->a, "dnat ip to %s", buf);
	return arena_printf(c->a, before_port ? "dnat ip6 to [%s]" : "dnat ip6 to %s", buf);
}

/* Lowest destination port of the service and how many there are from there to the highest one. */
static unsigned
service_ports(const struct conf_service *s, unsigned *first)
{
	unsigned lo = 65536, hi = 0;

	for (size_t i = 0; i < s->n_match; i++) {
		const struct service_match *m = &s->match[i];

		if (m->kind != MATCH_PORTS || !m->n_dport)
			continue;
		for (size_t k = 0; k < m->n_dport; k++) {
			lo = m->dport[k].lo < lo ? m->dport[k].lo : lo;
			hi = m->dport[k].hi > hi ? m->dport[k].hi : hi;
		}
	}
	*first = lo;
	return lo <= hi ? hi - lo + 1 : 0;
}

static bool
service_has_port(const struct conf_service *s, unsigned port)
{
	for (size_t i = 0; i < s->n_match; i++)
		for (size_t k = 0; k < s->match[i].n_dport; k++)
			if (s->match[i].kind == MATCH_PORTS && s->match[i].dport[k].lo <= port &&
				port <= s->match[i].dport[k].hi)
				return true;
	return false;
}

/* One line for each protocol with ports that the service holds. nft wants the protocol in front of
 * a translation of ports, and not by a named set. */
static void
write_for_ports(struct compiler *c, const struct conf_rule *r, const char *statement)
{
	static const struct {
		uint8_t number;
		const char *name;
	} protocols[] = {{6, "tcp"}, {17, "udp"}, {33, "dccp"}, {132, "sctp"}};

	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		bool held = false;

		for (size_t k = 0; k < r->service->n_match; k++)
			held |= r->service->match[k].kind == MATCH_ANY ||
				r->service->match[k].proto == protocols[i].number;
		if (held)
			text_add(&c->out, "\t\tmeta l4proto %s %s\n", protocols[i].name, statement);
	}
}

/* A range of ports keeps the distance from the service's lowest port. nft has no expression for
 * that (only for "any port of the range"), so the ports are listed. */
static void
write_port_map(struct compiler *c, const struct conf_rule *r)
{
	unsigned first, n = service_ports(r->service, &first);
	unsigned room = (unsigned)(r->sat_port.hi - r->sat_port.lo) + 1, written = 0;
	struct text map = {.a = c->a};

	if (n == 0 || n > PORT_MAP_MAX) {
		text_add(&c->out, "\t\t# the service %s: the kernel picks a port of the range\n",
			n ? "has too many ports to list" : "names no ports to count from");
	} else {
		text_add(&map, "%s:th dport map {", target(c, r, true));
		for (unsigned i = 0; i < n && i < room; i++)
			if (service_has_port(r->service, first + i))
				text_add(&map, "%s %u : %u", written++ ? "," : "", first + i,
					r->sat_port.lo + i);
		text_add(&map, " }");
		write_for_ports(c, r, map.s);
	}
	if (n == 0 || n > PORT_MAP_MAX || n > room) {
		if (n && n <= PORT_MAP_MAX)
			text_add(&c->out, "\t\t# the range is shorter than the service: for ports "
					  "beyond it the kernel picks one\n");
		write_for_ports(c, r,
			arena_printf(c->a, "%s:%u-%u", target(c, r, true), r->sat_port.lo,
				r->sat_port.hi));
	}
}

static bool
has_only_ports(const struct conf_service *s)
{
	for (size_t i = 0; i < s->n_match; i++)
		if (s->match[i].kind != MATCH_PORTS ||
			(s->match[i].proto != 6 && s->match[i].proto != 17))
			return false;
	return true;
}

static void
write_sat(struct compiler *c, const struct rule_part *p)
{
	const struct conf_rule *r = p->r;

	text_add(&c->out, "\tchain sat/%s {\n", p->id);
	if (r->sat_port.lo && r->sat_port.lo == r->sat_port.hi)
		write_for_ports(
			c, r, arena_printf(c->a, "%s:%u", target(c, r, true), r->sat_port.lo));
	else if (r->sat_port.lo)
		write_port_map(c, r);
	if (r->sat_ip.family && !(r->sat_port.lo && has_only_ports(r->service)))
		text_add(&c->out, "\t\t%s\n", target(c, r, false));
	text_add(&c->out, "\t}\n\n");
}

/* The first address of the family that is good beyond the link. */
static const struct ip_addr *
interface_address(const struct conf_iface *f, uint8_t family)
{
	for (size_t i = 0; i < f->n_shared; i++) {
		const struct ip_addr *a = &f->shared[i].addr;

		if (a->family == family &&
			!(family == 6 && a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80))
			return a;
	}
	return NULL;
}

static void
write_by_interface(struct compiler *c)
{
	char buf[IP_TEXT_MAX];

	text_add(&c->out,
		"\tchain nat_interface { # the outgoing interface's first shared address\n");
	for (unsigned v = 0; v < 2; v++) {
		size_t n = 0;

		for (size_t i = 0; i < c->n_ifaces; i++) {
			const struct ip_addr *a = interface_address(c->ifaces[i].iface, v ? 6 : 4);

			if (!a)
				continue;
			if (!n++)
				text_add(
					&c->out, "\t\tsnat %s to oifname map { ", v ? "ip6" : "ip");
			text_add(&c->out, "%s\"%s\" : %s", n > 1 ? ",\n\t\t\t" : "",
				c->ifaces[i].tw, ip_fmt(a, buf));
		}
		text_add(&c->out, n ? " }\n" : "");
	}
	text_add(&c->out, "\t\tgoto no_translation\n\t}\n\n");
}

/* Number → chain that carries it out; a number of another ruleset's is dropped. */
static void
write_dispatch(struct compiler *c, bool source)
{
	text_add(&c->out,
		"\t\tiifname != \"tw-*\" accept\n"
		"\t\tmeta mark & 0x%08x vmap { 0x%08x : accept, 0x%08x : %s",
		MARK_NUMBER, TRANSLATE_NONE, TRANSLATE_INTERFACE,
		source ? "goto nat_interface" : "accept");
	for (size_t i = 0; i < c->n_rules; i++) {
		const struct rule_part *p = &c->rules[i];

		if (p->translate < TRANSLATE_FIRST || p->shares)
			continue;
		text_add(&c->out, ",\n\t\t\t0x%08x : ", p->translate);
		if (source ? writes_source(p) : writes_destination(p))
			text_add(&c->out, "goto %s/%s", source ? "nat" : "sat", p->id);
		else
			text_add(&c->out, "accept");
	}
	text_add(&c->out, " }\n\t\tgoto no_translation\n\t}\n\n");
}

static void
write_translation(struct compiler *c, const struct rule_part *p)
{
	char buf[IP_TEXT_MAX];

	if (writes_destination(p))
		write_sat(c, p);
	if (writes_source(p))
		text_add(&c->out, "\tchain nat/%s {\n\t\tsnat %s to %s\n\t}\n\n", p->id,
			p->r->nat_sender.family == 4 ? "ip" : "ip6",
			ip_fmt(&p->r->nat_sender, buf));
}

void
translate_chains(struct compiler *c)
{
	text_add(&c->out, "\tchain destination { # the first packet of a connection only\n"
			  "\t\ttype nat hook prerouting priority dstnat; policy accept;\n");
	write_dispatch(c, false);
	text_add(&c->out, "\tchain source { # what the node itself sends is not translated\n"
			  "\t\ttype nat hook postrouting priority srcnat; policy accept;\n");
	write_dispatch(c, true);
	write_by_interface(c);
	for (size_t i = 0; i < c->n_rules; i++)
		if (c->rules[i].translate >= TRANSLATE_FIRST && !c->rules[i].shares)
			write_translation(c, &c->rules[i]);
	text_add(&c->out,
		"\tchain no_translation { # no address of this family, or judged by another "
		"ruleset\n"
		"\t\tcounter name \"drop/no-translation\"\n"
		"\t\tlimit rate 5/second burst 10 packets log prefix \"tw:no-translation \"\n"
		"\t\tdrop\n"
		"\t}\n");
}
