/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes one list of rules: its tree (tree.h) as chains and verdict maps. A chain of a short list
 * is simply its lines, "condition goto rule/NAME". In a long one, maps jump to chains with the few
 * lines that can match; what they do not settle comes back and goes on to the next map. A line that
 * may be beaten by an earlier rule further on writes its rule into the mark instead (MARK_FOUND),
 * and the list ends with `goto found`.
 */
#include <string.h>
#include "core/rules/tree.h"

struct writer {
	struct compiler *c;
	const char *list;   /* name of the root's chain */
	struct text *chain; /* the one being written */
	unsigned chains;    /* so far */
	bool remembers;
};

/* What a map is asked with, and what it holds. */
static const struct {
	const char *key, *type;
} dims[_DIM_MAX] = {
	[DIM_FAMILY] = {"meta nfproto", "nf_proto"},
	[DIM_PROTO] = {"meta l4proto", "inet_proto"},
	[DIM_SADDR4] = {"ip saddr", "ipv4_addr"},
	[DIM_DADDR4] = {"ip daddr", "ipv4_addr"},
	[DIM_SADDR6] = {"ip6 saddr", "ipv6_addr"},
	[DIM_DADDR6] = {"ip6 daddr", "ipv6_addr"},
	[DIM_SPORT] = {"th sport", "inet_service"},
	[DIM_DPORT] = {"th dport", "inet_service"},
};

static struct ip_addr
address_of(const struct dim_value *v, uint8_t family)
{
	struct ip_addr a = {.family = family};
	unsigned n = ip_bytes(family);

	for (unsigned i = 0; i < n; i++)
		a.b[n - 1 - i] = (uint8_t)((i < 8 ? v->lo : v->hi) >> (i % 8 * 8));
	return a;
}

static const char *
range_text(struct arena *a, enum dim d, const struct dim_range *r)
{
	uint8_t family = d == DIM_SADDR6 || d == DIM_DADDR6 ? 6 : 4;
	struct ip_range ips;
	char buf[IP_TEXT_MAX];

	switch (d) {
	case DIM_SADDR4:
	case DIM_DADDR4:
	case DIM_SADDR6:
	case DIM_DADDR6:
		ips = (struct ip_range){address_of(&r->lo, family), address_of(&r->hi, family)};
		return arena_strdup(a, ip_range_fmt(&ips, buf));
	case DIM_FAMILY:
		return r->lo.lo == 4 ? "ipv4" : "ipv6";
	case DIM_PROTO:
	case DIM_SPORT:
	case DIM_DPORT:
		if (r->lo.lo == r->hi.lo)
			return arena_printf(a, "%u", (unsigned)r->lo.lo);
		return arena_printf(a, "%u-%u", (unsigned)r->lo.lo, (unsigned)r->hi.lo);
	case _DIM_MAX:
		break;
	}
	return "";
}

/* The earlier a rule, the larger its number; 0 is none. */
static unsigned
found_number(const struct compiler *c, const struct rule_part *p)
{
	return (unsigned)(c->n_rules - (size_t)(p - c->rules)) << MARK_FOUND_SHIFT;
}

static void
write_line(struct writer *w, const struct tree_line *t)
{
	struct compiler *c = w->c;
	const struct rule_part *p = t->line->rule;
	unsigned number = found_number(c, p);

	text_add(w->chain, "\t\t%s%s", p->interfaces ? p->interfaces : "", t->line->cond);
	if (t->compare)
		text_add(w->chain, "meta mark & 0x%08x < 0x%08x ", MARK_FOUND, number);
	if (t->direct) {
		text_add(w->chain, "goto rule/%s\n", p->id);
		return;
	}
	text_add(w->chain, "meta mark set meta mark & 0x%08x | 0x%08x return # %s\n",
		TW_MARK | MARK_PLACE, number, p->id);
	c->rules[p - c->rules].found = true;
}

static void write_node(struct writer *w, struct tree_node *node);

static void
name_nodes(struct writer *w, struct tree_layer *layer)
{
	for (size_t i = 0; i < layer->n; i++)
		if (!layer->e[i].node->name)
			layer->e[i].node->name =
				arena_printf(w->c->a, "%s/%u", w->list, ++w->chains);
}

/* The two families are told apart by lines, everything else by a map. */
static void
write_layer(struct writer *w, const struct tree_layer *layer, const char *map)
{
	struct compiler *c = w->c;
	bool ranges = false;

	for (size_t i = 0; i < layer->n; i++) {
		const struct tree_entry *e = &layer->e[i];

		ranges |= dim_cmp(&e->range.lo, &e->range.hi) != 0;
		if (layer->dim == DIM_FAMILY)
			text_add(w->chain, "\t\t%s %s jump %s\n", dims[layer->dim].key,
				range_text(c->a, layer->dim, &e->range), e->node->name);
	}
	if (layer->dim == DIM_FAMILY)
		return;
	text_add(w->chain, "\t\t%s vmap @%s\n", dims[layer->dim].key, map);
	text_add(&c->out, "\tmap %s {\n\t\ttype %s : verdict\n%s", map, dims[layer->dim].type,
		ranges ? "\t\tflags interval\n" : arena_printf(c->a, "\t\tsize %zu\n", layer->n));
	for (size_t i = 0; i < layer->n; i++)
		text_add(&c->out, "%s%s : jump %s", i ? ",\n\t\t\t" : "\t\telements = { ",
			range_text(c->a, layer->dim, &layer->e[i].range), layer->e[i].node->name);
	text_add(&c->out, " }\n\t}\n\n");
}

/* The maps of a node go in front of its chain, the chains they lead to behind it. */
static void
write_node(struct writer *w, struct tree_node *node)
{
	struct text chain = {.a = w->c->a};
	const char *name = node->name;

	w->chain = &chain;
	text_add(&chain, "\tchain %s {\n", name);
	for (size_t i = 0; i < node->n_first; i++)
		write_line(w, &node->first[i]);
	for (size_t i = 0; i < node->n_layers; i++) {
		name_nodes(w, &node->layers[i]);
		write_layer(w, &node->layers[i], arena_printf(w->c->a, "%s.%zu", name, i + 1));
	}
	for (size_t i = 0; i < node->n_last; i++)
		write_line(w, &node->last[i]);
	if (name == w->list)
		text_add(&chain, "\t\tgoto %s\n", w->remembers ? "found" : "no_rule");
	text_add(&w->c->out, "%s\t}\n\n", chain.s);
	node->written = true;
	for (size_t i = 0; i < node->n_layers; i++)
		for (size_t k = 0; k < node->layers[i].n; k++)
			if (!node->layers[i].e[k].node->written)
				write_node(w, node->layers[i].e[k].node);
}

void
chains_of_list(struct compiler *c, const char *name, const struct line *const *lines, size_t n)
{
	struct writer w = {.c = c, .list = name};
	struct tree t;

	tree_build(c->a, &t, lines, n);
	w.remembers = t.remembers;
	t.root->name = name;
	write_node(&w, t.root);
}

void
chains_found(struct compiler *c)
{
	size_t n = 0, size = 0;

	for (size_t i = 0; i < c->n_rules; i++)
		size += c->rules[i].found;
	for (size_t i = 0; i < c->n_rules; i++) {
		const struct rule_part *p = &c->rules[i];

		if (!p->found)
			continue;
		if (!n++)
			text_add(&c->out, "\tmap found {\n\t\ttype mark : verdict\n\t\tsize %zu\n",
				size);
		text_add(&c->out, "%s0x%08x : goto rule/%s",
			n > 1 ? ",\n\t\t\t" : "\t\telements = { ", found_number(c, p), p->id);
	}
	if (!n)
		return;
	text_add(&c->out,
		" }\n\t}\n\n"
		"\tchain found { # the earliest of the rules that maps led to\n"
		"\t\tmeta mark & 0x%08x vmap @found\n"
		"\t\tgoto no_rule\n"
		"\t}\n\n",
		MARK_FOUND);
}
