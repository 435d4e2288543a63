/* SPDX-License-Identifier: GPL-2.0-or-later */
/* View of ha why: each change of role with its evidence, its rule, and both claims side by side. */
#include <string.h>
#include "cli/render.h"

static void
why_value(const json_t *v, char *buf, size_t size)
{
	if (json_is_string(v))
		snprintf(buf, size, "%s", json_string_value(v));
	else if (json_is_integer(v))
		snprintf(buf, size, "%lld", (long long)json_integer_value(v));
	else if (json_is_boolean(v))
		snprintf(buf, size, "%s", json_is_true(v) ? "yes" : "no");
	else
		snprintf(buf, size, "-");
}

/* The rows come from this node's claim, in the daemon's order. */
static void
why_claims(const struct render *r, json_t *me, const json_t *peer)
{
	char a[64], b[64];
	const char *key;
	json_t *v;

	fprintf(r->out, "    %-20s %-16s %s\n", "", "this node", "peer");
	json_object_foreach (me, key, v) {
		why_value(v, a, sizeof(a));
		why_value(json_object_get(peer, key), b, sizeof(b));
		fprintf(r->out, "    %-20s %-16s %s\n", key, a, b);
	}
}

static void
why_change(const struct render *r, size_t n, const json_t *c)
{
	long long step = field_int(c, "step", 0);

	fprintf(r->out, "%zu. %s -> %s, %s (%lld s ago), term %lld\n", n,
		field_text(c, "from", "?"), field_text(c, "to", "?"), field_text(c, "time", "?"),
		field_int(c, "ago_s", 0), field_int(c, "term", 0));
	fprintf(r->out, "  Why:      %s\n", field_text(c, "why", "?"));
	fprintf(r->out, "  Evidence: %s\n", field_text(c, "evidence", "?"));
	if (step > 0)
		fprintf(r->out, "  Rule:     step %lld of the ranking: %s\n", step,
			field_text(c, "step_text", "?"));
	else
		fprintf(r->out, "  Rule:     the ranking was not asked\n");
	fprintf(r->out, "  Claims:\n");
	why_claims(r, json_object_get(c, "me"), json_object_get(c, "peer"));
}

void
render_ha_why(const struct render *r, const json_t *data)
{
	const json_t *changes = json_object_get(data, "changes"), *c;
	size_t i;

	if (json_array_size(changes) == 0)
		fprintf(r->out, "The role has not changed since the start.\n");
	json_array_foreach (changes, i, c) {
		if (i > 0)
			fputc('\n', r->out);
		why_change(r, i + 1, c);
	}
}
