/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who refers to an object: for the question before a deletion, and for "used by" in the web page.
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
