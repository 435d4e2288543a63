/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guard: nft accepts whatever the compiler makes of any model. Compiles many random models and has
 * nft check them, many in one transaction (each under a table name of its own), in a fresh network
 * namespace. Usage: rules-random [SEED [COUNT]]; with COUNT 1 the text goes to standard output.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/rules/compile.h"
#include "random-model.h"
#include "sys/nft.h"

#define BATCH 20

/* Appends text to *buf with the table renamed, so that several fit into one transaction. */
static void
append(char **buf, size_t *len, const char *text, unsigned long seed)
{
	static const char word[] = "table inet twinwall";
	size_t room = *len + strlen(text) + 200;

	*buf = realloc(*buf, room);
	if (!*buf)
		abort();
	for (const char *next; (next = strstr(text, word)); text = next + strlen(word)) {
		memcpy(*buf + *len, text, (size_t)(next - text));
		*len += (size_t)(next - text);
		*len += (size_t)snprintf(*buf + *len, 64, "table inet t%lu", seed);
	}
	strcpy(*buf + *len, text);
	*len += strlen(text);
}

static int
check(const char *text, unsigned long first, unsigned long last)
{
	char err[2000];

	if (nft_check(text, err, sizeof(err)) == 0)
		return 0;
	fprintf(stderr, "nft refuses seeds %lu to %lu: %s\n", first, last, err);
	return -1;
}

int
main(int argc, char **argv)
{
	unsigned long seed = argc > 1 ? strtoul(argv[1], NULL, 0) : 1;
	unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 0) : 2000, bad = 0;
	char *buf = NULL;
	size_t len = 0;

	if (count > 1 && unshare(CLONE_NEWNET) < 0) {
		fprintf(stderr, "needs root for a network namespace of its own: skipped\n");
		return 77;
	}
	for (unsigned long i = 0; i < count; i++) {
		struct prng p = {.state = seed + i};
		struct arena a = ARENA_INIT;
		const struct conf_model *m = random_model(&a, &p);
		const char *text =
			rules_compile(&a, m, prng_chance(&p, 50) ? NODE_MASTER : NODE_SLAVE,
				prng_chance(&p, 80) ? HELPERS_ALL : 0);

		if (count == 1)
			fputs(text, stdout);
		else
			append(&buf, &len, text, seed + i);
		arena_free(&a);
		if (count > 1 && (i % BATCH == BATCH - 1 || i == count - 1)) {
			bad += check(buf, seed + i - i % BATCH, seed + i) < 0;
			len = 0;
		}
	}
	free(buf);
	if (count > 1)
		printf("%lu rulesets, %lu batches refused\n", count, bad);
	return bad ? 1 : 0;
}
