/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One command from words to output, and the two ways to have many: a file and the prompt. */
#pragma once
#include "cli/client.h"
#include "cli/context.h"
#include "cli/words.h"

struct session {
	struct client client;
	bool json;        /* print data as it came */
	bool colour;      /* standard output is a terminal */
	const char *file; /* of a script; NULL otherwise */
	unsigned line;
	const struct words *words; /* of the line that runs, for error columns; or NULL */
	struct context context;    /* cc */
};

/* Runs words[n] (the first is the command); prints; returns the exit status. */
int run_command(struct session *s, const char *const *words, size_t n);
/* script.c: runs a file, "-" = standard input, up to the first error. */
int run_script(struct session *s, const char *file);
/* shell.c: prompt until end of input or "exit". */
int run_shell(struct session *s);
