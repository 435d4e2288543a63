/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the rules stand. A packet finds its list by two map look-ups: by the interface it entered
 * and by the interface it would leave through (asked of the routing table, "core" for the firewall
 * itself). Each list holds the rules that can match for its pair (chains.c); what a rule does
 * stands once, in its own chain. Interfaces that no rule names share the list "any".
 *
 * When many interfaces meet many rules for any interface, lists by pair would multiply. Then there
 * is one list for all, with interfaces as conditions: never larger than the rules.
 */
#include "core/rules/parts.h"

/* More conditions in all pairs together than PAIR_TIMES times those of the rules, and than
 * PAIR_LINES: one list */
#define PAIR_TIMES  3
#define PAIR_LINES  2000
#define PLACE_CORE  1 /* one list: the destination, as a number in the mark */
#define PLACE_FIRST 2 /* + index of the interface */

#define TO_FIREWALL "fib daddr type { local, broadcast, anycast, multicast }"

static bool
in_list(const struct iface_ref *ref, const struct iface_part *f, bool core)
{
	switch (ref->kind) {
	case IFACE_ANY:
		return true;
	case IFACE_CORE:
		return core;
	case IFACE_ONE:
		return f && ref->iface == f->iface;
	}
	return false;
}

/* The rules that one source interface can match. */
struct row {
	const struct iface_part *src; /* NULL: every interface that no rule names as source */
	const struct rule_part **rules;
	size_t n;
};

static void
row_fill(struct compiler *c, struct row *row, const struct iface_part *src)
{
	row->src = src && src->in_src ? src : NULL;
	row->rules = arena_array(c->a, const struct rule_part *, c->n_rules);
	row->n = 0;
	for (size_t i = 0; i < c->n_rules; i++)
		if (c->rules[i].n_lines && in_list(&c->rules[i].r->src_iface, row->src, false))
			row->rules[row->n++] = &c->rules[i];
}

/* The list for packets of this row to `dst` or to the firewall; NULL when no rule is in it. */
static const char *
list_name(struct compiler *c, const struct row *row, const struct iface_part *dst, bool core)
{
	if (c->one_list)
		return core ? "to/core" : arena_printf(c->a, "to/%s", dst->id);
	if (dst && !dst->in_dst)
		dst = NULL;
	for (size_t i = 0; i < row->n; i++)
		if (in_list(&row->rules[i]->r->dst_iface, dst, core))
			return arena_printf(c->a, "rules/%s/%s", row->src ? row->src->id : "any",
				core  ? "core"
				: dst ? dst->id
				      : "any");
	return NULL;
}

const char *
layout_core_chain(struct compiler *c, const struct iface_part *f)
{
	struct row row;

	row_fill(c, &row, f);
	return list_name(c, &row, NULL, true);
}

static void
write_list(struct compiler *c, const struct row *row, const struct iface_part *dst, bool core)
{
	const char *name = list_name(c, row, dst, core);
	const struct line **lines = arena_array(c->a, const struct line *, c->n_lines);
	size_t n = 0;

	if (!name)
		return;
	for (size_t i = 0; i < row->n; i++) {
		const struct rule_part *p = row->rules[i];

		for (size_t k = 0; k < p->n_lines; k++)
			if (in_list(&p->r->dst_iface, dst, core))
				lines[n++] = &p->lines[k];
	}
	chains_of_list(c, name, lines, n);
}

/* The second look-up: by destination. */
static void
write_from(struct compiler *c, const struct row *row)
{
	const char *core = list_name(c, row, NULL, true);
	size_t n = 0;

	text_add(&c->out, "\tchain from/%s {\n\t\t" TO_FIREWALL " goto %s\n",
		row->src ? row->src->id : "any", core ? core : "no_rule");
	for (size_t i = 0; i < c->n_ifaces; i++) {
		const char *name = list_name(c, row, &c->ifaces[i], false);

		if (name)
			text_add(&c->out, "%s\"%s\" : goto %s",
				n++ ? ",\n\t\t\t" : "\t\tfib daddr . mark oifname vmap { ",
				c->ifaces[i].tw, name);
	}
	text_add(&c->out, "%s\t\tgoto no_rule\n\t}\n\n", n ? " }\n" : "");
}

static void
write_pairs(struct compiler *c)
{
	bool other_src = false, other_dst = false;

	for (size_t i = 0; i < c->n_ifaces; i++) {
		other_src |= !c->ifaces[i].in_src;
		other_dst |= !c->ifaces[i].in_dst;
	}
	for (size_t i = 0; i <= c->n_ifaces; i++) {
		const struct iface_part *src = i < c->n_ifaces ? &c->ifaces[i] : NULL;
		struct row row;

		if (src ? !src->in_src : !other_src)
			continue;
		row_fill(c, &row, src);
		write_from(c, &row);
		for (size_t k = 0; k < c->n_ifaces; k++)
			if (c->ifaces[k].in_dst)
				write_list(c, &row, &c->ifaces[k], false);
		if (other_dst)
			write_list(c, &row, NULL, false);
		write_list(c, &row, NULL, true);
	}
}

/* How many conditions all lists by pair would hold. */
static size_t
count_pair_lines(const struct compiler *c)
{
	size_t n_src = 1, n_dst = 2, n = 0;

	for (size_t i = 0; i < c->n_ifaces; i++) {
		n_src += c->ifaces[i].in_src;
		n_dst += c->ifaces[i].in_dst;
	}
	for (size_t i = 0; i < c->n_rules; i++) {
		const struct rule_part *p = &c->rules[i];

		n += p->n_lines * (p->r->src_iface.kind == IFACE_ANY ? n_src : 1) *
		     (p->r->dst_iface.kind == IFACE_ANY ? n_dst : 1);
	}
	return n;
}

static void
write_place(struct compiler *c, const char *id, size_t number)
{
	text_add(&c->out,
		"\tchain to/%s {\n\t\tmeta mark set meta mark & 0x%08x | 0x%08zx goto rules/all\n"
		"\t}\n\n",
		id, TW_MARK, number);
}

/* Number of the destination in the mark; 0 for a rule that does not ask for it. */
static size_t
place_of(const struct compiler *c, const struct iface_ref *ref)
{
	if (ref->kind == IFACE_CORE)
		return PLACE_CORE;
	for (size_t i = 0; i < c->n_ifaces; i++)
		if (ref->kind == IFACE_ONE && c->ifaces[i].iface == ref->iface)
			return PLACE_FIRST + i;
	return 0;
}

/* What a rule in the one list asks of the interfaces. */
static const char *
interfaces_text(struct compiler *c, const struct rule_part *p)
{
	size_t place = place_of(c, &p->r->dst_iface);
	const char *entered = "";

	for (size_t f = 0; f < c->n_ifaces; f++)
		if (p->r->src_iface.kind == IFACE_ONE &&
			c->ifaces[f].iface == p->r->src_iface.iface)
			entered = sets_entered(c, &c->ifaces[f]);
	if (!place)
		return entered;
	return arena_printf(c->a, "%smeta mark & 0x%08x == 0x%08zx ", entered, MARK_PLACE, place);
}

static void
write_one_list(struct compiler *c)
{
	const struct line **lines = arena_array(c->a, const struct line *, c->n_lines);
	size_t n = 0;

	write_from(c, &(struct row){.src = NULL});
	write_place(c, "core", PLACE_CORE);
	for (size_t i = 0; i < c->n_ifaces; i++)
		write_place(c, c->ifaces[i].id, PLACE_FIRST + i);
	for (size_t i = 0; i < c->n_rules; i++) {
		struct rule_part *p = &c->rules[i];

		p->interfaces = interfaces_text(c, p);
		for (size_t k = 0; k < p->n_lines; k++)
			lines[n++] = &p->lines[k];
	}
	chains_of_list(c, "rules/all", lines, n);
}

void
layout_decide(struct compiler *c)
{
	size_t pairs;

	for (size_t i = 0; i < c->n_rules; i++) {
		const struct conf_rule *r = c->rules[i].r;

		c->n_lines += c->rules[i].n_lines;
		for (size_t k = 0; k < c->n_ifaces; k++) {
			struct iface_part *f = &c->ifaces[k];

			if (!c->rules[i].n_lines)
				continue;
			f->in_src |=
				r->src_iface.kind == IFACE_ONE && r->src_iface.iface == f->iface;
			f->in_dst |=
				r->dst_iface.kind == IFACE_ONE && r->dst_iface.iface == f->iface;
		}
	}
	pairs = count_pair_lines(c);
	c->one_list = pairs > PAIR_LINES && pairs > PAIR_TIMES * c->n_lines;
	for (size_t i = 0; c->one_list && i < c->n_ifaces; i++)
		sets_entered(c, &c->ifaces[i]); /* sets are written before the list */
}

const char *
layout_from_chain(struct compiler *c, const struct iface_part *f)
{
	return arena_printf(c->a, "from/%s", f->in_src && !c->one_list ? f->id : "any");
}

void
layout_chains(struct compiler *c)
{
	if (c->one_list)
		write_one_list(c);
	else if (c->n_ifaces)
		write_pairs(c);
	chains_found(c);
}
