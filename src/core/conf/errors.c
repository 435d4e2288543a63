/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of errors: bounded, allocated from the arena of the configuration; suggestions. */
#include <stdio.h>
#include <string.h>
#include "core/conf/errors.h"
#include "core/conf/sort.h"

#define QUOTE_MAX   64 /* bytes of a user's text repeated in a message */
#define SUGGEST_MAX 40 /* longer names are not compared */

static void
append(struct arena *a, struct conf_errors *errors, const struct conf_error *e)
{
	errors->e = arena_grow(a, errors->e, errors->n, sizeof(*errors->e));
	errors->e[errors->n++] = *e;
	errors->n_warnings += e->warning;
}

void
errors_add_va(struct arena *a, struct conf_errors *errors, bool warning,
	const struct error_place *at, const char *fmt, va_list ap)
{
	size_t have = warning ? errors->n_warnings : errors_count(errors);
	struct conf_error e = {.warning = warning, .object = "", .property = ""};
	char buf[1024];

	if (have > ERRORS_MAX)
		return;
	if (have == ERRORS_MAX) {
		e.message = warning ? "more warnings are not listed" : "more errors are not listed";
		append(a, errors, &e);
		return;
	}
	vsnprintf(buf, sizeof(buf), fmt, ap);
	e.line = at->line;
	e.column = at->column;
	e.object = at->object ? at->object : "";
	e.property = at->property ? at->property : "";
	e.message = arena_strdup(a, buf);
	append(a, errors, &e);
}

void
errors_add(struct arena *a, struct conf_errors *errors, bool warning, const struct error_place *at,
	const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	errors_add_va(a, errors, warning, at, fmt, ap);
	va_end(ap);
}

size_t
errors_cut(const char *text)
{
	size_t len = strnlen(text, QUOTE_MAX + 1);

	if (len <= QUOTE_MAX)
		return len;
	len = QUOTE_MAX;
	while (len && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	return len;
}

const char *
errors_quote(struct arena *a, const char *text)
{
	size_t len = errors_cut(text);

	return arena_printf(a, "'%.*s%s'", (int)len, text, text[len] ? "…" : "");
}

static char
fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static unsigned
min2(unsigned x, unsigned y)
{
	return x < y ? x : y;
}

/* Edits (insert, delete, replace, swap neighbours) between two names, letters of either case alike.
 */
static unsigned
distance(const char *s, size_t ns, const char *t, size_t nt)
{
	unsigned rows[3][SUGGEST_MAX + 1];
	unsigned *before = rows[0], *above = rows[1], *row = rows[2], *spare;

	for (size_t j = 0; j <= nt; j++)
		above[j] = (unsigned)j;
	for (size_t i = 1; i <= ns; i++) {
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= nt; j++) {
			char x = fold(s[i - 1]), y = fold(t[j - 1]);

			row[j] = min2(min2(above[j], row[j - 1]) + 1, above[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == fold(t[j - 2]) && y == fold(s[i - 2]))
				row[j] = min2(row[j], before[j - 2] + 1);
		}
		spare = before;
		before = above;
		above = row;
		row = spare;
	}
	return above[nt];
}

struct suggest
suggest_init(const char *wanted, unsigned *budget)
{
	size_t len = strnlen(wanted, SUGGEST_MAX + 1);
	unsigned far = (unsigned)len / 3 + 1; /* farther names are no help */

	if (len < 2 || len > SUGGEST_MAX)
		far = 0;
	return (struct suggest){.wanted = wanted, .distance = far + 1, .budget = budget};
}

void
suggest_offer(struct suggest *s, const char *name)
{
	size_t ns, nt;
	unsigned d;

	if (suggest_done(s))
		return;
	--*s->budget;
	ns = strlen(s->wanted);
	nt = strnlen(name, SUGGEST_MAX + 1);
	if (nt > SUGGEST_MAX || (ns > nt ? ns - nt : nt - ns) >= s->distance)
		return;
	d = distance(s->wanted, ns, name, nt);
	if (d < s->distance) {
		s->distance = d;
		s->best = name;
	}
}

const char *
suggest_text(struct arena *a, const struct suggest *s)
{
	return s->best ? arena_printf(a, ", did you mean '%s'?", s->best) : "";
}

static int
cmp_place(const void *x, const void *y)
{
	const struct conf_error *a = x, *b = y;

	if (a->line != b->line)
		return a->line - 1 < b->line - 1 ? -1 : 1; /* 0 becomes the largest */
	return (a->column > b->column) - (a->column < b->column);
}

void
conf_errors_sort(struct arena *a, struct conf_errors *errors)
{
	sort_stable(a, errors->e, errors->n, sizeof(*errors->e), cmp_place);
}

const char *
conf_error_fmt(struct arena *a, const char *file, const struct conf_error *e)
{
	const char *kind = e->warning ? "warning" : "error";
	const char *where = e->line ? arena_printf(a, "%s:%u:%u", file, e->line, e->column) : file;

	if (!e->object[0])
		return arena_printf(a, "%s: %s: %s", where, kind, e->message);
	if (!e->property[0])
		return arena_printf(a, "%s: %s: %s: %s", where, kind, e->object, e->message);
	return arena_printf(
		a, "%s: %s: %s, %s: %s", where, kind, e->object, e->property, e->message);
}
