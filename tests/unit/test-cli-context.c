/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `cc` lets the next commands leave out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "cli/context.h"
#include "cli/words.h"

struct context_case {
	const char *type, *name, *line, *sent;
};

static const struct context_case cases[] = {
	{"", "", "set IPRule a Log=No", "set IPRule a Log=No"},
	{"IPRule", "", "set a Log=No", "set IPRule a Log=No"},
	{"IPRule", "", "set IPRule a Log=No", "set IPRule a Log=No"},
	{"IPRule", "", "add b Log=No", "add IPRule b Log=No"},
	{"IPRule", "", "show", "show IPRule"},
	{"IPRule", "", "show b", "show IPRule b"},
	{"IPRule", "", "show -running", "show -running"},
	{"IPRule", "", "rename a b", "rename IPRule a b"},
	{"IPRule", "", "activate", "activate"},
	{"IPRule", "", "ha -activate", "ha -activate"},
	{"IPRule", "a", "set Log=No", "set IPRule a Log=No"},
	{"IPRule", "a", "show", "show IPRule a"},
	{"IPRule", "a", "reject", "reject IPRule a"},
	{"IPRule", "a", "set b Log=No", "set IPRule b Log=No"},
	{"Settings", "*", "set HTTPSPort=1", "set Settings HTTPSPort=1"},
	{"Settings", "*", "show", "show Settings"},
};

static void
test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct context_case *k = &cases[i];
		const char *out[CTL_ARGS_MAX + 1];
		char line[128], sent[256] = "";
		struct context c = {0};
		struct words w;
		size_t n, shift;

		snprintf(c.type, sizeof(c.type), "%s", k->type);
		c.singleton = strcmp(k->name, "*") == 0;
		if (!c.singleton)
			snprintf(c.name, sizeof(c.name), "%s", k->name);
		snprintf(line, sizeof(line), "%s", k->line);
		assert_null(words_split(line, &w));
		n = context_apply(&c, w.w, w.n, out, &shift);
		assert_int_equal(n, w.n + shift);
		for (size_t j = 0; j < n; j++)
			snprintf(sent + strlen(sent), sizeof(sent) - strlen(sent), "%s%s",
				j ? " " : "", out[j]);
		assert_string_equal(sent, k->sent);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_table)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
