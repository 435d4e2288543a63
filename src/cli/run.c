/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs one command: words → request → answer → text or JSON. */
#include <stdio.h>
#include <string.h>
#include "cli/render.h"
#include "cli/run.h"

/* "file:line:column: " in a script, "twinwall: " elsewhere; arg: 0 = the command word. */
static void
error_prefix(const struct session *s, size_t arg)
{
	unsigned column = s->words && arg < s->words->n ? s->words->column[arg] : 1;

	if (s->file)
		fprintf(stderr, "%s:%u:%u: ", s->file, s->line, column);
	else
		fputs("twinwall: ", stderr);
}

static int
print_refusal(const struct session *s, const json_t *answer)
{
	const char *hint = field_text(answer, "hint", NULL);
	long long arg = field_int(answer, "arg", -1); /* of the request; the command is word 0 */

	error_prefix(s, arg < 0 ? 0 : (size_t)arg + 1);
	fprintf(stderr, "%s\n", field_text(answer, "error", "refused without a reason"));
	if (hint)
		fprintf(stderr, "  %s\n", hint);
	if (s->json) {
		json_dumpf(answer, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	return strcmp(field_text(answer, "code", ""), "usage") == 0 ? EXIT_USAGE : EXIT_REFUSED;
}

int
run_command(struct session *s, const char *const *words, size_t n)
{
	json_t *answer = client_call(&s->client, words[0], words + 1, n - 1);
	int status = EXIT_DONE;

	if (!answer) {
		error_prefix(s, 0);
		fprintf(stderr, "%s\n", s->client.error);
		return EXIT_UNREACHABLE;
	}
	if (!field_true(answer, "ok")) {
		status = print_refusal(s, answer);
	} else if (s->json) {
		json_dumpf(json_object_get(answer, "data"), stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		struct render r = {.out = stdout, .colour = s->colour};

		render_answer(
			&r, words[0], n > 1 ? words[1] : NULL, json_object_get(answer, "data"));
	}
	json_decref(answer);
	fflush(stdout);
	return status;
}
