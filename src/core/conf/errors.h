/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Collecting errors and finding "did you mean …" (used by parser and checks; users see check.h). */
#pragma once
#include <stdarg.h>
#include "core/conf/check.h"

/* More than this many errors, and more than this many warnings, are not listed: the last one says
 * so. */
#define ERRORS_MAX 1000

struct error_place {
	unsigned line, column;
	const char *object, *property; /* "" when none; kept, not copied */
};

void errors_add(struct arena *a, struct conf_errors *errors, bool warning,
	const struct error_place *at, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void errors_add_va(struct arena *a, struct conf_errors *errors, bool warning,
	const struct error_place *at, const char *fmt, va_list ap)
	__attribute__((format(printf, 5, 0)));

static inline size_t
errors_count(const struct conf_errors *errors)
{
	return errors->n - errors->n_warnings;
}

/* No further error is listed: no need to find good words for one. */
static inline bool
errors_full(const struct conf_errors *errors)
{
	return errors_count(errors) > ERRORS_MAX;
}

/* Bytes of a user's text that are pleasant in a message; a character of UTF-8 is not cut in two. */
size_t errors_cut(const char *text);

/* A user's text in quotes, cut. */
const char *errors_quote(struct arena *a, const char *text);

/*
 * The nearest of the names offered: suggest_offer() for each, then suggest_text() gives
 * ", did you mean 'X'?" or "". `budget` bounds the comparisons of one whole run.
 */
#define SUGGEST_BUDGET 200000

struct suggest {
	const char *wanted, *best;
	unsigned distance;
	unsigned *budget;
};

/* Nothing more to be gained by offering names: loops over many of them end here. */
static inline bool
suggest_done(const struct suggest *s)
{
	return s->distance <= 1 || *s->budget == 0;
}

struct suggest suggest_init(const char *wanted, unsigned *budget);
void suggest_offer(struct suggest *s, const char *name);
const char *suggest_text(struct arena *a, const struct suggest *s);
