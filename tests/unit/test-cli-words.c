/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line's word splitter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "cli/words.h"

struct word_case {
	const char *line;
	const char *words; /* joined by '|' */
	const char *columns;
	const char *error; /* NULL = none */
	unsigned error_column;
};

static const struct word_case cases[] = {
	{"", "", "", NULL, 0},
	{"   \t ", "", "", NULL, 0},
	{"# remark", "", "", NULL, 0},
	{"ha", "ha", "1", NULL, 0},
	{"  ha  -activate ", "ha|-activate", "3 7", NULL, 0},
	{"ha # remark", "ha", "1", NULL, 0},
	{"log 5\r", "log|5", "1 5", NULL, 0},
	{"set Device Name=\"a b\" x", "set|Device|Name=a b|x", "1 5 12 23", NULL, 0},
	{"a \"\" b", "a||b", "1 3 6", NULL, 0},
	{"\"a\\\"b\\\\c\"", "a\"b\\c", "1", NULL, 0},
	{"\"a\\n\"", "a\\n", "1", NULL, 0},
	{"\"a\"\"b\"", "ab", "1", NULL, 0},
	{"a#b", "a#b", "1", NULL, 0},
	{"x \"# no remark\"", "x|# no remark", "1 3", NULL, 0},
	{"x \"open", "", "", "the closing quote is missing", 3},
	{"Name=\"open", "", "", "the closing quote is missing", 6},
	{"\"open\\\"", "", "", "the closing quote is missing", 1},
};

static void
test_table(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct word_case *c = &cases[i];
		char line[256], got[256] = "", columns[256] = "";
		struct words w;
		const char *error;

		strcpy(line, c->line);
		error = words_split(line, &w);
		if (c->error) {
			assert_non_null(error);
			assert_string_equal(error, c->error);
			assert_int_equal(w.error_column, c->error_column);
			continue;
		}
		assert_null(error);
		for (size_t k = 0; k < w.n; k++) {
			char number[16];

			snprintf(number, sizeof(number), "%s%u", k ? " " : "", w.column[k]);
			strcat(columns, number);
			strcat(strcat(got, k ? "|" : ""), w.w[k]);
		}
		assert_string_equal(got, c->words);
		assert_string_equal(columns, c->columns);
	}
}

static void
test_too_many(void **state)
{
	char *line = malloc(2 * WORDS_MAX + 3);
	struct words w;

	for (size_t i = 0; i < WORDS_MAX; i++)
		memcpy(line + 2 * i, "x ", 3);
	assert_null(words_split(line, &w));
	assert_int_equal(w.n, WORDS_MAX);
	for (size_t i = 0; i <= WORDS_MAX; i++)
		memcpy(line + 2 * i, "x ", 3);
	assert_string_equal(words_split(line, &w), "too many words in one line");
	assert_int_equal(w.error_column, 2 * WORDS_MAX + 1);
	free(line);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
