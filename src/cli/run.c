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
print_refusal(const struct session *s, const json_t *answer, size_t shift)
{
	const char *hint = field_text(answer, "hint", NULL);
	long long arg = field_int(answer, "arg", -1); /* of the request; the command is word 0 */

	arg = arg < (long long)shift ? -1 : arg - (long long)shift; /* the context is no word */
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

/* What the administrator must know beside the answer: not part of it, as scripts read that. */
static void
print_notes(const json_t *data)
{
	const json_t *note;
	size_t i;

	json_array_foreach (json_object_get(data, "notes"), i, note)
		fprintf(stderr, "note: %s\n", json_string_value(note));
}

static void
take_context(struct session *s, const json_t *data)
{
	snprintf(s->context.type, sizeof(s->context.type), "%s", field_text(data, "type", ""));
	snprintf(s->context.name, sizeof(s->context.name), "%s", field_text(data, "name", ""));
	s->context.singleton = field_true(data, "singleton");
}

int
run_command(struct session *s, const char *const *words, size_t n)
{
	const char *sent[CTL_ARGS_MAX + 1];
	size_t shift = 0, n_sent = context_apply(&s->context, words, n, sent, &shift);
	json_t *answer = client_call(&s->client, sent[0], sent + 1, n_sent - 1);
	const json_t *data = json_object_get(answer, "data");
	int status = EXIT_DONE;

	if (!answer) {
		error_prefix(s, 0);
		fprintf(stderr, "%s\n", s->client.error);
		return EXIT_UNREACHABLE;
	}
	if (!field_true(answer, "ok")) {
		status = print_refusal(s, answer, shift);
	} else if (s->json) {
		json_dumpf(data, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		struct render r = {.out = stdout, .colour = s->colour};

		render_answer(&r, words[0], n > 1 ? words[1] : NULL, data);
		print_notes(data);
	}
	if (status == EXIT_DONE && strcmp(words[0], "cc") == 0)
		take_context(s, data);
	json_decref(answer);
	fflush(stdout);
	return status;
}
