/* SPDX-License-Identifier: GPL-2.0-or-later */
/* View of ha. The first lines of ha have the form of the seed document. */
#include <ctype.h>
#include <string.h>
#include "cli/render.h"

/* Upper case into buf, for the words that stand out. */
static const char *
upper(const char *s, char *buf, size_t size)
{
	size_t i = 0;

	for (; s[i] && i + 1 < size; i++)
		buf[i] = (char)toupper((unsigned char)s[i]);
	buf[i] = '\0';
	return buf;
}

static void
ha_sync_line(const struct render *r, const json_t *sync)
{
	const char *state = field_text(sync, "state", "lost");
	char percent[32];

	fputs("HA state sync: ", r->out);
	if (!field_true(sync, "enabled")) {
		fputs("OFF\n", r->out);
		return;
	}
	if (strcmp(state, "lost") == 0) {
		render_word(r, MOOD_BAD, "LOST");
	} else {
		snprintf(percent, sizeof(percent), "%lld%%", field_int(sync, "percent", 0));
		render_word(r, strcmp(state, "synced") == 0 ? MOOD_GOOD : MOOD_WARN, percent);
	}
	fputc('\n', r->out);
	if (json_is_integer(json_object_get(sync, "equal_seconds_ago")))
		fprintf(r->out, "Connection tables were alike: %lld sec ago\n",
			field_int(sync, "equal_seconds_ago", 0));
}

/* What an administrator must not overlook; nothing is printed in ordinary operation. */
static void
ha_alarms(const struct render *r, const json_t *data)
{
	const json_t *alarms = json_object_get(data, "alarms"), *a;
	size_t i;

	json_array_foreach (alarms, i, a) {
		render_word(r, MOOD_WARN, "Note: ");
		fprintf(r->out, "%s\n", json_string_value(a) ? json_string_value(a) : "");
	}
}

void
render_ha(const struct render *r, const json_t *data)
{
	const json_t *peer = json_object_get(data, "peer");
	const char *state = field_text(peer, "state", "unknown");
	bool active = strcmp(field_text(data, "role", ""), "active") == 0;
	bool silent = strcmp(field_text(data, "engine", ""), "silent") == 0;
	char word[32];

	if (json_is_false(json_object_get(data, "enabled")))
		fputs("This device is a single firewall (HighAvailability Enabled=No)\n", r->out);
	else
		fprintf(r->out, "This device is a HA %s\n",
			upper(field_text(data, "node", "unknown"), word, sizeof(word)));
	fputs("This device is currently ", r->out);
	if (active)
		render_word(r, MOOD_GOOD, "ACTIVE");
	else
		fputs("INACTIVE", r->out);
	fprintf(r->out, " (will %sforward traffic%s)\n", active ? "" : "not ",
		silent ? "; the engine does not answer" : "");
	if (field_true(data, "enabled")) {
		fputs("HA cluster peer is ", r->out);
		render_word(r,
			strcmp(state, "alive") == 0  ? MOOD_GOOD
			: strcmp(state, "dead") == 0 ? MOOD_BAD
						     : MOOD_WARN,
			upper(state, word, sizeof(word)));
		fputc('\n', r->out);
	}
	if (active)
		fprintf(r->out, "This device has been active: %lld sec\n",
			field_int(data, "active_seconds", 0));
	else
		fprintf(r->out, "This device has been inactive: %lld sec\n",
			field_int(data, "role_seconds", 0));
	if (field_true(data, "enabled"))
		ha_sync_line(r, json_object_get(data, "sync"));
	ha_alarms(r, data);
}
