/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Statements in, nft text out: what the golden files and the packet tests are made with.
 * Usage: rules-compile FILE [master|slave]; the default is the file's own NodeType. Exit status 1
 * and every error on standard error when the configuration is refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/conf/check.h"
#include "core/rules/compile.h"

static char *
read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "r");
	char *text = malloc(1 << 24);

	if (!f || !text) {
		perror(path);
		exit(2);
	}
	*len = fread(text, 1, 1 << 24, f);
	fclose(f);
	return text;
}

int
main(int argc, char **argv)
{
	struct arena a = ARENA_INIT;
	struct conf_candidate cand = {0};
	struct conf_errors errors = {0};
	const struct conf_model *m = NULL;
	enum node_type self;
	char *text;
	size_t len;

	if (argc < 2) {
		fprintf(stderr, "usage: rules-compile FILE [master|slave]\n");
		return 2;
	}
	text = read_file(argv[1], &len);
	if (conf_parse(&a, text, len, &cand, &errors))
		m = conf_check(&a, &cand, &errors);
	for (size_t i = 0; i < errors.n; i++)
		if (!m || !errors.e[i].warning)
			fprintf(stderr, "%s\n", conf_error_fmt(&a, argv[1], &errors.e[i]));
	if (m) {
		self = argc < 3                        ? m->ha.node_type
		       : strcmp(argv[2], "slave") == 0 ? NODE_SLAVE
						       : NODE_MASTER;
		fputs(rules_compile(&a, m, self, HELPERS_ALL), stdout);
	}
	free(text);
	arena_free(&a);
	return m ? 0 : 1;
}
