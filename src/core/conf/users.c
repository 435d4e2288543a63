/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who refers to an object: for the question before a deletion, for "used by" in the web page, and
 * for giving it another name everywhere.
 */
#include <string.h>
#include "core/conf/builtin.h"
#include "core/conf/candidate.h"

struct users {
	struct arena *a;
	const struct conf_candidate *c;
	enum schema_space space;
	const char *name;
	const char *text;
	size_t n, max;
};

/* Whether a value of property p means the object asked for. */
static bool
item_means(const struct users *u, const struct schema_prop *p, const char *text)
{
	size_t len = 0;

	if (schema_prop_space(p) == u->space)
		return strcmp(text, u->name) == 0;
	if (u->space != SPACE_IFACE || !p->derived || builtin_derived(text, &len) == DERIVED_NONE ||
		candidate_find(u->c, SPACE_ADDRESS, text))
		return false;
	return len == strlen(u->name) && strncmp(text, u->name, len) == 0;
}

static void
user_found(struct users *u, const struct conf_object *o, const struct schema_prop *p)
{
	if (++u->n <= u->max)
		u->text = arena_printf(u->a, "%s%s%s (%s)", u->text, u->text[0] ? ", " : "",
			candidate_title(u->a, o), p->name);
}

static void
users_of_type(struct users *u, const struct schema_type *t)
{
	candidate_each (u->c, schema_type_id(t), o) {
		for (size_t k = 0; k < t->n_props; k++) {
			const struct candidate_value *v = o->values[k];

			if (!v || schema_prop_space(&t->props[k]) == SPACE_NONE)
				continue;
			for (size_t i = 0; i < v->n; i++) {
				if (!item_means(u, &t->props[k], v->items[i].text))
					continue;
				user_found(u, o, &t->props[k]);
				break;
			}
		}
	}
}

const char *
candidate_users(struct arena *a, const struct conf_candidate *c, enum schema_space space,
	const char *name, size_t max)
{
	struct users u = {a, c, space, name, "", 0, max};

	schema_each_type (t)
		users_of_type(&u, t);
	if (u.n > max)
		u.text = arena_printf(a, "%s%sand %zu more", u.text, max ? " " : "", u.n - max);
	return u.n ? u.text : NULL;
}

static void
rename_values(struct users *u, struct conf_object *o, const char *new_name)
{
	for (size_t k = 0; k < o->type->n_props; k++) {
		const struct candidate_value *v = o->values[k];
		struct candidate_value *copy;
		struct candidate_item *items;
		bool found = false;

		if (!v || schema_prop_space(&o->type->props[k]) == SPACE_NONE)
			continue;
		items = arena_array(u->a, struct candidate_item, v->n);
		for (size_t i = 0; i < v->n; i++) {
			items[i] = v->items[i];
			if (!item_means(u, &o->type->props[k], items[i].text))
				continue;
			found = true; /* what follows the name is the end of X_ip and the like */
			items[i].text = arena_printf(
				u->a, "%s%s", new_name, items[i].text + strlen(u->name));
		}
		if (!found)
			continue;
		copy = arena_new(u->a, struct candidate_value);
		*copy = (struct candidate_value){items, v->n, v->line, v->column};
		o->values[k] = copy;
	}
}

const char *
candidate_show_renamed(struct arena *a, const struct conf_candidate *c,
	const struct schema_type *type, const char *name, const char *new_name)
{
	const char *text = conf_show(a, c, NULL, NULL);
	struct conf_candidate copy = {0};
	struct conf_errors errors = {0};
	struct users u = {a, &copy, type->space, name, "", 0, 0};
	struct conf_object *o;

	conf_parse(a, text, strlen(text), &copy, &errors);
	schema_each_type (t)
		candidate_each (&copy, schema_type_id(t), user)
			rename_values(&u, user, new_name);
	o = candidate_get(&copy, type, name);
	if (o)
		o->name = arena_strdup(a, new_name);
	return conf_show(a, &copy, NULL, NULL);
}
