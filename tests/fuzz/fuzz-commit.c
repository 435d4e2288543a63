/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the peer's config process may say: any bytes as a message, and any text as the head of a
 * revision. What is understood means the same when it is written again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "core/commit/commit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
fuzz_message(const uint8_t *data, size_t size)
{
	struct commit_line line;
	struct commit_msg m;
	uint8_t *again;

	if (!commit_decode(data, size, &m, &line))
		return;
	again = malloc(size);
	if (!again)
		return;
	if (commit_encode(&m, again, size) != size || memcmp(again, data, size) != 0)
		abort();
	free(again);
}

static void
fuzz_head(const char *text, size_t size)
{
	char again[COMMIT_HEAD_TEXT_MAX];
	struct commit_head h, g;

	if (!commit_head_parse(text, size, &h))
		return;
	commit_head_fmt(&h, again);
	if (!commit_head_parse(again, strlen(again), &g) || !commit_id_equal(&g.id, &h.id) ||
		g.n_replaces != h.n_replaces)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_message(data, size);
	fuzz_head((const char *)data, size);
	return 0;
}
