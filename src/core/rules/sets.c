/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lists in conditions: one element is written into the condition, more become a named set, shared
 * by all rules with the same list. Never an anonymous set: the kernel looks through the whole
 * transaction for each of those (5 000 rules with two anonymous sets each: 9 s; named: 0.1 s).
 */
#include <string.h>
#include "core/rules/parts.h"

#define LINE_ELEMENTS 6 /* more than this: one a line */

struct named_set {
	const char *name;
	const char *content; /* type and elements as text */
	uint32_t name_hash, content_hash;
};

static uint32_t
hash(const char *s)
{
	uint32_t h = 2166136261u;

	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * 16777619u;
	return h;
}

static bool
name_taken(const struct compiler *c, const char *name)
{
	uint32_t h = hash(name);

	for (size_t i = 0; i < c->n_named; i++)
		if (c->named[i].name_hash == h && strcmp(c->named[i].name, name) == 0)
			return true;
	return false;
}

/* The set with this content, made under a name like `name` when there is none yet. */
static const char *
named_set(struct compiler *c, const char *name, const char *content)
{
	uint32_t h = hash(content);
	struct named_set *s;
	const char *free_name = name;

	for (size_t i = 0; i < c->n_named; i++) {
		s = &c->named[i];
		if (s->content_hash == h && strcmp(s->content, content) == 0)
			return s->name;
	}
	for (unsigned i = 2; name_taken(c, free_name); i++)
		free_name = arena_printf(c->a, "%s/%u", name, i);
	c->named = arena_grow(c->a, c->named, c->n_named, sizeof(*c->named));
	s = &c->named[c->n_named++];
	*s = (struct named_set){free_name, content, hash(free_name), h};
	text_add(&c->sets, "\tset %s {\n%s\t}\n\n", s->name, content);
	return s->name;
}

void
sets_list_init(struct sets_list *l, struct arena *a)
{
	*l = (struct sets_list){.one = {.a = a}, .lines = {.a = a}};
}

void
sets_list_add(struct sets_list *l, const char *element, bool is_range)
{
	text_add(&l->one, "%s%s", l->n ? ", " : "", element);
	text_add(&l->lines, "%s%s", l->n ? ",\n\t\t\t" : "", element);
	l->intervals |= is_range;
	l->n++;
}

const char *
sets_list_text(struct compiler *c, const struct sets_list *l, const char *type, const char *name)
{
	if (l->n == 1)
		return l->one.s;
	return arena_printf(c->a, "@%s",
		named_set(c, name,
			arena_printf(c->a, "\t\ttype %s\n%s\t\telements = { %s }\n", type,
				l->intervals ? "\t\tflags interval\n"
					     : arena_printf(c->a, "\t\tsize %zu\n", l->n),
				l->n > LINE_ELEMENTS ? l->lines.s : l->one.s)));
}

const char *
sets_entered(struct compiler *c, const struct iface_part *f)
{
	struct sets_list l;

	sets_list_init(&l, c->a);
	sets_list_add(&l, arena_printf(c->a, "\"%s\"", f->tw), false);
	sets_list_add(&l, arena_printf(c->a, "\"%s\"", f->nic), false);
	return arena_printf(c->a, "iifname %s ",
		sets_list_text(c, &l, "ifname", arena_printf(c->a, "entered/%s", f->id)));
}
