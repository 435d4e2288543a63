/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the configuration tests: one text through parse and check, messages as text. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "core/conf/candidate.h"
#include "core/conf/check.h"

struct conf_run {
	struct arena a;
	struct conf_candidate cand;
	struct conf_errors errors;
	bool parsed;
	const struct conf_model *model;
};

static inline void
conf_run(struct conf_run *r, const char *text, bool check)
{
	*r = (struct conf_run){.a = ARENA_INIT};
	r->parsed = conf_parse(&r->a, text, strlen(text), &r->cand, &r->errors);
	if (check)
		r->model = conf_check(&r->a, &r->cand, &r->errors);
	conf_errors_sort(&r->a, &r->errors);
}

static inline void
conf_end(struct conf_run *r)
{
	arena_free(&r->a);
}

/*
 * The messages must be exactly those expected, in order: one a line, each "fragment" or, to look at
 * the place as well, "line:column: …"; compared with the text after "f:".
 */
static inline void
conf_expect(struct conf_run *r, const char *text, const char *expected)
{
	const char *p = expected;
	size_t i = 0;
	bool same = true;

	while (*p) {
		size_t len = strcspn(p, "\n");
		char want[512];

		snprintf(want, sizeof(want), "%.*s", (int)len, p);
		same = same && i < r->errors.n &&
		       strstr(conf_error_fmt(&r->a, "f", &r->errors.e[i]), want);
		i++;
		p += len + (p[len] == '\n');
	}
	if (same && i == r->errors.n)
		return;
	print_error("for\n%s\nexpected\n%s\ngot\n", text, expected);
	for (i = 0; i < r->errors.n; i++)
		print_error("%s\n", conf_error_fmt(&r->a, "f", &r->errors.e[i]));
	fail();
}
