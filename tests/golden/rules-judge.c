/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the plain reading of a configuration says to packets (core/rules/judge.h); for the tests
 * that hold the compiled ruleset against it. Usage: rules-judge FILE master|slave, with a packet on
 * each line of standard input: INTERFACE SOURCE DESTINATION PROTOCOL SOURCEPORT
 * DESTINATIONPORT-OR-TYPE. Answers with a line each: "rule NAME" or another way by its name.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/conf/check.h"
#include "core/rules/judge.h"

#define TEXT_MAX (1 << 24)

static const char *const ways[_WAY_MAX] = {
	[WAY_RULE] = "rule",
	[WAY_NO_RULE] = "no-rule",
	[WAY_ALWAYS] = "always",
	[WAY_SPOOFED] = "spoofed",
	[WAY_PRIVATE] = "private",
};

static const struct conf_model *
load(struct arena *a, const char *path)
{
	struct conf_candidate cand = {0};
	struct conf_errors errors = {0};
	const struct conf_model *m = NULL;
	FILE *f = fopen(path, "r");
	char *text = arena_alloc(a, TEXT_MAX);
	size_t len;

	if (!f) {
		perror(path);
		return NULL;
	}
	len = fread(text, 1, TEXT_MAX, f);
	fclose(f);
	if (conf_parse(a, text, len, &cand, &errors))
		m = conf_check(a, &cand, &errors);
	for (size_t i = 0; i < errors.n && !m; i++)
		fprintf(stderr, "%s\n", conf_error_fmt(a, path, &errors.e[i]));
	return m;
}

int
main(int argc, char **argv)
{
	struct arena a = ARENA_INIT;
	const struct conf_model *m = argc == 3 ? load(&a, argv[1]) : NULL;
	char in[64], src[64], dst[64];
	unsigned proto, sport, dport;
	struct rules_verdict v;

	while (m && scanf("%63s %63s %63s %u %u %u", in, src, dst, &proto, &sport, &dport) == 6) {
		const struct conf_iface *f = conf_iface_by_name(m, in);
		struct rules_packet p = {.proto = (uint8_t)proto,
			.sport = (uint16_t)sport,
			.dport = (uint16_t)dport,
			.type = (uint8_t)dport};

		if (!f || !ip_parse(src, strlen(src), &p.src) ||
			!ip_parse(dst, strlen(dst), &p.dst)) {
			fprintf(stderr, "what is %s %s %s?\n", in, src, dst);
			m = NULL;
			break;
		}
		rules_judge(m, strcmp(argv[2], "slave") == 0 ? NODE_SLAVE : NODE_MASTER, &p, f, &v);
		printf("%s%s%s\n", ways[v.way], v.rule ? " " : "", v.rule ? v.rule->name : "");
	}
	arena_free(&a);
	return m ? 0 : 1;
}
