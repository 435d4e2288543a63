/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Splits a command line into words as the configuration language does: blanks separate, double
 * quotes hold blanks together (also inside a word: Name="a b"), \" and \\ inside them, # starts a
 * comment. Pure. Column numbers are kept, so that an error can point at its word.
 */
#pragma once
#include <stddef.h>
#include "core/ctl/command.h"

#define WORDS_MAX (CTL_ARGS_MAX + 1)

struct words {
	const char *w[WORDS_MAX];   /* point into the line, which is changed */
	unsigned column[WORDS_MAX]; /* 1-based, in bytes */
	size_t n;
	unsigned error_column;
};

/*
 * line: terminated, without newline; is overwritten. Returns NULL, or the text of what is wrong
 * with out->error_column set. A blank or comment line gives no words.
 */
const char *words_split(char *line, struct words *out);
