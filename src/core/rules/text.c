/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text building for the ruleset compiler. Names are restricted by the configuration's check
 * already; text_ident() and text_quote() make sure once more that no name can become nft syntax.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "core/rules/text.h"

#define NAME_PART_MAX 60 /* of an identifier, log prefix (127 bytes) or comment (128 bytes) */

static void
reserve(struct text *t, size_t more)
{
	size_t cap = t->cap ? t->cap : 256;
	char *s;

	if (t->cap - t->len > more)
		return;
	while (cap - t->len <= more)
		cap *= 2;
	s = arena_alloc(t->a, cap);
	if (t->len)
		memcpy(s, t->s, t->len + 1);
	t->s = s;
	t->cap = cap;
}

void
text_add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	reserve(t, 200);
	va_start(ap, fmt);
	n = vsnprintf(t->s + t->len, t->cap - t->len, fmt, ap);
	va_end(ap);
	if ((size_t)n >= t->cap - t->len) {
		reserve(t, (size_t)n + 1);
		va_start(ap, fmt);
		vsnprintf(t->s + t->len, t->cap - t->len, fmt, ap);
		va_end(ap);
	}
	t->len += (size_t)n;
}

const char *
text_str(const struct text *t)
{
	return t->s ? t->s : "";
}

static bool
is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-';
}

/* Up to NAME_PART_MAX bytes, every other character than word characters and `more` as '_'. */
static char *
restricted(struct arena *a, const char *name, const char *more, bool *changed)
{
	size_t len = strlen(name);
	char *s;

	*changed = len == 0 || len > NAME_PART_MAX;
	s = arena_strndup(a, name, len > NAME_PART_MAX ? NAME_PART_MAX : len);
	for (char *p = s; *p; p++) {
		if (is_word_char(*p) || strchr(more, *p))
			continue;
		*p = '_';
		*changed = true;
	}
	return s;
}

const char *
text_ident(struct arena *a, const char *name, unsigned index)
{
	bool changed;
	char *s = restricted(a, name, "", &changed);

	return changed ? arena_printf(a, "%s.%u", s, index) : s;
}

const char *
text_quote(struct arena *a, const char *name)
{
	bool changed;

	return restricted(a, name, ".:,/+=@() ", &changed);
}
