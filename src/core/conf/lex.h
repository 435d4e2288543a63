/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text to statements: one a line, words separated by blanks, Property=Value with a list of values
 * by comma, double quotes around values with blanks (\" and \\ inside), '#' begins a comment. Knows
 * nothing of types and properties.
 */
#pragma once
#include <stdbool.h>
#include "base/arena.h"

struct lex_item {
	const char *text;
	unsigned column; /* 1-based, in bytes */
};

struct lex_word {
	const char *text; /* the word, or what stands before '=' */
	unsigned column;
	bool assign; /* Property=… */
	struct lex_item *items;
	size_t n_items; /* 0: "Property=" or Property="" */
};

struct lex_line {
	unsigned line;
	struct lex_word *words;
	size_t n_words;
	const char *error; /* NULL, or why the line can't be read; words up to there are given */
	unsigned error_column;
};

struct lexer {
	const char *p, *end;
	unsigned line;
};

struct lexer lex_init(const char *text, size_t len);

/* The next line that is not empty; false at the end. Everything in *out is allocated from `a`. */
bool lex_next(struct lexer *lx, struct arena *a, struct lex_line *out);

/* Length of the valid UTF-8 without control characters (tab excepted) at the start of text[len]. */
size_t lex_printable(const char *text, size_t len);
