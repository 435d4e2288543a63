/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * twinwalld --check FILE: is this file a configuration? Errors and warnings go to standard error,
 * one a line, in the form compilers use; nothing is changed and no daemon is needed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/conf/candidate.h"
#include "daemon/setup.h"

/* The whole file into buf[max]; <0 = -errno, -EFBIG when there is more. */
static long
read_all(const char *file, char *buf, size_t max)
{
	FILE *f = strcmp(file, "-") == 0 ? stdin : fopen(file, "re");
	size_t n = 0;
	int err = 0;

	if (!f)
		return -errno;
	while (n < max) {
		size_t got = fread(buf + n, 1, max - n, f);

		if (!got)
			break;
		n += got;
	}
	if (ferror(f))
		err = errno ? errno : EIO;
	else if (n == max && fgetc(f) != EOF)
		err = EFBIG;
	if (f != stdin)
		fclose(f);
	return err ? -err : (long)n;
}

static int
check_text(const char *file, const char *text, size_t len)
{
	struct arena a = ARENA_INIT;
	struct conf_candidate cand = {0};
	struct conf_errors errors = {0};
	const struct conf_model *m;

	conf_parse(&a, text, len, &cand, &errors);
	m = conf_check(&a, &cand, &errors);
	conf_errors_sort(&a, &errors);
	for (size_t i = 0; i < errors.n; i++)
		fprintf(stderr, "%s\n", conf_error_fmt(&a, file, &errors.e[i]));
	if (m)
		printf("%s: ok: %zu interfaces, %zu routes, %zu rules, %zu warnings\n", file,
			m->n_ifaces, m->n_routes, m->n_rules, errors.n_warnings);
	else
		fprintf(stderr, "%s: %zu errors, %zu warnings\n", file,
			errors.n - errors.n_warnings, errors.n_warnings);
	arena_free(&a);
	return m ? 0 : 1;
}

int
check_main(const char *file)
{
	char *text = malloc(CANDIDATE_TEXT_MAX);
	int status = 1;
	long n;

	if (!text) {
		fprintf(stderr, "%s: error: out of memory\n", file);
		return 1;
	}
	n = read_all(file, text, CANDIDATE_TEXT_MAX);
	if (n < 0)
		fprintf(stderr, "%s: error: can't be read: %s\n", file, strerror((int)-n));
	else
		status = check_text(file, text, (size_t)n);
	free(text);
	return status;
}
