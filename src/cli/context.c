/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which commands take a context, and how much of it. */
#include <string.h>
#include "cli/context.h"

static bool
one_of(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(word, *list) == 0)
			return true;
	return false;
}

size_t
context_apply(const struct context *c, const char *const *words, size_t n, const char **out,
	size_t *shift)
{
	static const char *const by_type[] = {
		"add", "set", "delete", "rename", "reject", "show", NULL};
	static const char *const by_object[] = {"set", "show", "reject", NULL};
	bool object = c->name[0] || c->singleton;
	/* a property, or nothing at all, follows: the object itself is meant */
	bool itself = object && one_of(words[0], by_object) && (n == 1 || strchr(words[1], '='));
	size_t k = 0;

	*shift = 0;
	out[k++] = words[0];
	if (c->type[0] && one_of(words[0], by_type) && n + 2 <= CTL_ARGS_MAX &&
		(n == 1 || (strcmp(words[1], c->type) != 0 && words[1][0] != '-'))) {
		if (itself || (n > 1 && !strchr(words[1], '=')) || (n == 1 && !object))
			out[k++] = c->type;
		if (itself && c->name[0])
			out[k++] = c->name;
		*shift = k - 1;
	}
	for (size_t i = 1; i < n; i++)
		out[k++] = words[i];
	return k;
}
