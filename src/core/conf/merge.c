/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bringing the edits of one administrator onto what another has put into force meanwhile. Decided
 * by the statements of both differences: what they name is what they touch.
 */
#include <stdlib.h>
#include <string.h>
#include "core/conf/show.h"

struct touched {
	const char *what; /* "IPRule a", "Settings"; for the order of a type its name and " *" */
};

struct touches {
	struct touched *t;
	size_t n;
};

static int
touched_cmp(const void *x, const void *y)
{
	const struct touched *a = x, *b = y;

	return strcmp(a->what, b->what);
}

static void
touch(struct arena *a, struct touches *l, const char *what)
{
	l->t = arena_grow(a, l->t, l->n, sizeof(l->t[0]));
	l->t[l->n++].what = what;
}

/* Words are separated by one blank in a text that candidate_diff() wrote. */
static size_t
words_len(const char *s, const char *end, unsigned n)
{
	const char *p = s;

	while (n-- && p < end) {
		const char *blank = memchr(p, ' ', (size_t)(end - p));

		p = blank ? blank + 1 : end;
	}
	return (size_t)(p - s) - (p > s && p[-1] == ' ');
}

/* `moves`: also the order of a type, when this line changes more of it than adding at the end. */
static void
touch_line(struct arena *a, struct touches *l, const char *line, const char *end, bool moves)
{
	const char *type = strchr(line, ' ') + 1;
	size_t type_len = words_len(type, end, 1);
	const struct schema_type *st = schema_type_find(arena_strndup(a, type, type_len));
	bool ordered = false, placed;

	touch(a, l, arena_strndup(a, type, words_len(type, end, st && st->singleton ? 1 : 2)));
	if (!st)
		return;
	schema_each_prop (st, p)
		ordered = ordered || p->position;
	placed = memmem(line, (size_t)(end - line), " Index=", 7) != NULL;
	if (ordered && (placed || (moves && *line != 's')))
		touch(a, l, arena_printf(a, "%s *", st->name));
}

/* of: everything that may disturb another's places, not only what sets some. */
static struct touches
touches_of(struct arena *a, const char *statements, bool of)
{
	struct touches l = {0};

	for (const char *p = statements; *p;) {
		const char *end = strchrnul(p, '\n');

		touch_line(a, &l, p, end, of);
		p = *end ? end + 1 : end;
	}
	if (l.n)
		qsort(l.t, l.n, sizeof(l.t[0]), touched_cmp);
	return l;
}

const char *
candidate_merge(struct arena *a, const struct conf_candidate *base,
	const struct conf_candidate *mine, const struct conf_candidate *theirs,
	const char **conflicts)
{
	const char *edits = candidate_diff(a, base, mine), *last = "";
	struct touches m = touches_of(a, edits, false);
	struct touches t = touches_of(a, candidate_diff(a, base, theirs), true);
	struct text found = {.a = a};

	for (size_t i = 0; i < m.n && t.n; i++) {
		if (strcmp(m.t[i].what, last) == 0 ||
			!bsearch(&m.t[i], t.t, t.n, sizeof(t.t[0]), touched_cmp))
			continue;
		last = m.t[i].what;
		text_put(&found, found.len ? ", " : "");
		text_put(&found, last);
	}
	*conflicts = text_end(&found);
	return **conflicts ? NULL : edits;
}
