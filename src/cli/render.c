/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Choice of the view, and what all views share. */
#include <string.h>
#include "cli/render.h"

struct view {
	const char *cmd, *arg;
	void (*fn)(const struct render *r, const json_t *data);
};

static const struct view views[] = {
	{"ha", "quality", render_ha_quality},
	{"ha", "why", render_ha_why},
	{"ha", NULL, render_ha},
	{"stat", NULL, render_stat},
	{"arp", "-show", render_arp},
	{"connections", NULL, render_connections},
	{"rules", NULL, render_rules},
	{"log", NULL, render_log},
	{"history", NULL, render_history},
	{"help", NULL, render_help},
};

const char *
field_text(const json_t *o, const char *key, const char *missing)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : missing;
}

long long
field_int(const json_t *o, const char *key, long long missing)
{
	const json_t *v = json_object_get(o, key);

	return json_is_integer(v) ? json_integer_value(v) : missing;
}

bool
field_true(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

void
render_word(const struct render *r, enum render_mood mood, const char *word)
{
	static const char *const start[] = {
		[MOOD_GOOD] = "\033[32m", [MOOD_BAD] = "\033[31m", [MOOD_WARN] = "\033[33m"};

	if (r->colour)
		fprintf(r->out, "%s%s\033[0m", start[mood], word);
	else
		fputs(word, r->out);
}

/* Answers that are done with one text: statements, results of an action. */
static void
render_text(const struct render *r, const json_t *data)
{
	const char *text = field_text(data, "text", "");
	size_t len = strlen(text);

	fputs(text, r->out);
	if (len > 0 && text[len - 1] != '\n')
		fputc('\n', r->out);
}

void
render_answer(const struct render *r, const char *cmd, const char *arg, const json_t *data)
{
	if (json_object_get(data, "text")) {
		render_text(r, data);
		return;
	}
	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
		const struct view *v = &views[i];

		if (strcmp(v->cmd, cmd) == 0 && (!v->arg || (arg && strcmp(v->arg, arg) == 0))) {
			v->fn(r, data);
			return;
		}
	}
	/* A command that this program does not know and the daemon does. */
	json_dumpf(data, r->out, JSON_INDENT(2));
	fputc('\n', r->out);
}
