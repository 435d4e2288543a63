/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Word splitter of the command line; the writing position never passes the reading position. */
#include <stdbool.h>
#include "cli/words.h"

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Takes the quotes off one word in place; *p is moved behind it. */
static const char *
word_take(char **p, const char *line, char **end, unsigned *error_column)
{
	char *r = *p, *w = *p;

	while (*r && !is_blank(*r)) {
		char *quote = r;

		if (*r != '"') {
			*w++ = *r++;
			continue;
		}
		for (r++; *r && *r != '"'; *w++ = *r++)
			if (*r == '\\' && (r[1] == '"' || r[1] == '\\'))
				r++;
		if (!*r) {
			*error_column = (unsigned)(quote - line) + 1;
			return "the closing quote is missing";
		}
		r++;
	}
	*p = r;
	*end = w;
	return NULL;
}

const char *
words_split(char *line, struct words *out)
{
	char *p = line, *end;
	const char *error;

	out->n = 0;
	out->error_column = 0;
	for (;;) {
		bool last;

		while (is_blank(*p))
			p++;
		if (!*p || *p == '#')
			return NULL;
		out->error_column = (unsigned)(p - line) + 1;
		if (out->n == WORDS_MAX)
			return "too many words in one line";
		out->w[out->n] = p;
		out->column[out->n] = out->error_column;
		error = word_take(&p, line, &end, &out->error_column);
		if (error)
			return error;
		out->n++;
		last = !*p; /* looked at before the terminator is put, which may fall on it */
		if (!last)
			p++;
		*end = '\0';
		if (last)
			return NULL;
	}
}
