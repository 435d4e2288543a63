/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A candidate as statements: types in the order of the schema, objects in their order, properties
 * in the order of the schema, only those that are set. conf_parse() reads it back to the same
 * candidate.
 */
#include <string.h>
#include "core/conf/show.h"

static void
put(struct text *t, const char *s, size_t n)
{
	if (t->size - t->len < n + 1) {
		size_t size = t->size ? t->size : 256;
		char *bigger;

		while (size - t->len < n + 1)
			size *= 2;
		bigger = arena_alloc(t->a, size);
		if (t->len)
			memcpy(bigger, t->s, t->len);
		t->s = bigger;
		t->size = size;
	}
	memcpy(t->s + t->len, s, n);
	t->len += n;
}

void
text_put(struct text *t, const char *s)
{
	put(t, s, strlen(s));
}

const char *
text_end(const struct text *t)
{
	return t->s ? t->s : ""; /* the arena's memory is zeroed */
}

static void
put_value(struct text *t, const char *s)
{
	if (*s && !strpbrk(s, " \t\",#\\")) {
		text_put(t, s);
		return;
	}
	put(t, "\"", 1);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			put(t, "\\", 1);
		put(t, s, 1);
	}
	put(t, "\"", 1);
}

void
show_prop(struct text *t, const struct schema_prop *p, const struct candidate_value *v)
{
	put(t, " ", 1);
	text_put(t, p->name);
	put(t, "=", 1);
	for (size_t i = 0; v && i < v->n; i++) {
		if (i)
			put(t, ",", 1);
		put_value(t, v->items[i].text);
	}
}

void
show_head(struct text *t, const char *verb, const struct conf_object *o)
{
	text_put(t, verb);
	put(t, " ", 1);
	text_put(t, o->type->name);
	if (!o->type->singleton) {
		put(t, " ", 1);
		text_put(t, o->name);
	}
}

static bool
in_part(const struct schema_prop *p, enum show_part part)
{
	return part == SHOW_ALL || p->local == (part == SHOW_LOCAL);
}

void
show_object(struct text *t, const struct conf_object *o, enum show_part part, size_t place)
{
	bool singleton = o->type->singleton, begun = !singleton;

	if (!singleton)
		show_head(t, "add", o);
	for (size_t i = 0; i < o->type->n_props; i++) {
		const struct schema_prop *p = &o->type->props[i];
		struct candidate_item item;
		struct candidate_value at = {&item, 1, 0, 0};

		if (p->position && place) {
			item.text = arena_printf(t->a, "%zu", place);
			show_prop(t, p, &at);
		}
		if (!o->values[i] || !in_part(p, part))
			continue;
		if (!begun)
			show_head(t, "set", o);
		begun = true;
		show_prop(t, p, o->values[i]);
	}
	if (begun)
		text_put(t, "\n");
}

static const char *
show(struct arena *a, const struct conf_candidate *c, const char *type, const char *name,
	enum show_part part)
{
	struct text t = {.a = a};

	schema_each_type (st) {
		if ((type && strcmp(type, st->name) != 0) || (part == SHOW_LOCAL && !st->singleton))
			continue;
		if (name && !st->singleton) {
			const struct conf_object *o = candidate_get(c, st, name);

			if (o)
				show_object(&t, o, part, 0);
			continue;
		}
		candidate_each (c, schema_type_id(st), o)
			show_object(&t, o, part, 0);
	}
	return text_end(&t);
}

const char *
conf_show(struct arena *a, const struct conf_candidate *cand, const char *type, const char *name)
{
	return show(a, cand, type, name, SHOW_ALL);
}

const char *
candidate_show_shared(struct arena *a, const struct conf_candidate *c)
{
	return show(a, c, NULL, NULL, SHOW_SHARED);
}

const char *
candidate_show_local(struct arena *a, const struct conf_candidate *c)
{
	return show(a, c, NULL, NULL, SHOW_LOCAL);
}
