/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs the commands of a file one after the other and stops at the first error. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli/run.h"

static int
script_line(struct session *s, char *text)
{
	struct words words;
	const char *error = words_split(text, &words);

	if (error) {
		fprintf(stderr, "%s:%u:%u: %s\n", s->file, s->line, words.error_column, error);
		return EXIT_REFUSED;
	}
	if (words.n == 0)
		return EXIT_DONE;
	s->words = &words;
	int status = run_command(s, words.w, words.n);
	s->words = NULL;
	return status;
}

int
run_script(struct session *s, const char *file)
{
	bool standard = strcmp(file, "-") == 0;
	FILE *f = standard ? stdin : fopen(file, "re");
	int status = EXIT_DONE;
	char *text = NULL;
	size_t size = 0;
	ssize_t len;

	if (!f) {
		fprintf(stderr, "twinwall: %s: %s\n", file, strerror(errno));
		return EXIT_REFUSED;
	}
	s->file = standard ? "<stdin>" : file;
	s->line = 0;
	while (status == EXIT_DONE && (errno = 0, len = getline(&text, &size, f)) >= 0) {
		s->line++;
		if (memchr(text, '\0', (size_t)len)) {
			fprintf(stderr, "%s:%u:1: the line holds a NUL byte: no text file\n",
				s->file, s->line);
			status = EXIT_REFUSED;
			break;
		}
		text[strcspn(text, "\n")] = '\0';
		status = script_line(s, text);
	}
	if (status == EXIT_DONE && ferror(f)) {
		fprintf(stderr, "twinwall: %s: %s\n", s->file, strerror(errno));
		status = EXIT_REFUSED;
	}
	free(text);
	if (!standard)
		fclose(f);
	s->file = NULL;
	return status;
}
