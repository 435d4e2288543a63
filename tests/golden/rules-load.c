/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A ruleset from standard input into the kernel by nft_apply(), COUNT times (once without COUNT),
 * as the config process does it; for the packet tests. "delete" takes the table away.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sys/nft.h"

#define TEXT_MAX (64 << 20)

int
main(int argc, char **argv)
{
	bool delete = argc > 1 && strcmp(argv[1], "delete") == 0;
	char err[2000] = "", *text = malloc(TEXT_MAX);
	int r = 0, count = argc > 1 && !delete ? atoi(argv[1]) : 1;
	size_t len;

	if (!text)
		return 2;
	len = delete ? 0 : fread(text, 1, TEXT_MAX - 1, stdin);
	text[len] = '\0';
	if (delete)
		r = nft_delete_table(err, sizeof(err));
	for (int i = 0; !delete &&i < count && r == 0; i++)
		r = nft_apply(text, err, sizeof(err));
	if (r)
		fprintf(stderr, "%s\n", err);
	free(text);
	return r ? 1 : 0;
}
