/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Control requests, and the word splitter of the command line that makes them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "cli/words.h"
#include "daemon/config/control_decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
fuzz_words(const uint8_t *data, size_t size)
{
	char *line = malloc(size + 1);
	struct words w;

	if (!line)
		return;
	memcpy(line, data, size);
	line[size] = '\0';
	if (!words_split(line, &w))
		for (size_t i = 0; i < w.n; i++)
			if (w.w[i] < line || w.w[i] + strlen(w.w[i]) > line + size ||
				w.column[i] > size || w.column[i] == 0)
				abort();
	free(line);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_request rq;

	if (control_decode((const char *)data, size, &rq) == CONTROL_OK) {
		size_t total = strlen(rq.cmd);

		for (size_t i = 0; i < rq.n_args; i++)
			total += strlen(rq.args[i]);
		if (rq.n_args > CTL_ARGS_MAX || total > size || !rq.cmd[0])
			abort();
		control_request_fini(&rq);
	}
	fuzz_words(data, size);
	return 0;
}
