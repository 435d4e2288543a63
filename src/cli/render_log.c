/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The view of log: one line an event, or what one event means. */
#include <string.h>
#include "cli/render.h"

/* "error  ", padded and in its colour */
static void
put_level(const struct render *r, const char *level)
{
	char word[16];

	snprintf(word, sizeof(word), "%-7s", level);
	if (strcmp(level, "error") == 0)
		render_word(r, MOOD_BAD, word);
	else if (strcmp(level, "warning") == 0)
		render_word(r, MOOD_WARN, word);
	else
		fputs(word, r->out);
}

void
render_event(const struct render *r, const json_t *e)
{
	if (!json_is_object(e))
		return;
	fprintf(r->out, "%s %s (%s)\n", field_text(e, "id", "?"), field_text(e, "name", "?"),
		field_text(e, "level", "?"));
	fprintf(r->out, "Text:        %s\n", field_text(e, "text", ""));
	fprintf(r->out, "Meaning:     %s\n", field_text(e, "meaning", ""));
	fprintf(r->out, "What to do:  %s\n", field_text(e, "action", ""));
}

void
render_log(const struct render *r, const json_t *data)
{
	const json_t *list = json_object_get(data, "log"), *e;
	size_t i;

	render_event(r, json_object_get(data, "event"));
	json_array_foreach (list, i, e) {
		fprintf(r->out, "%s ", field_text(e, "time", "?"));
		put_level(r, field_text(e, "level", "info"));
		fprintf(r->out, " %s %s: %s\n", field_text(e, "id", "-"),
			field_text(e, "name", "-"), field_text(e, "text", ""));
	}
}
