/* SPDX-License-Identifier: GPL-2.0-or-later */
/* View of ha quality: two tables and their formulas. */
#include <string.h>
#include "cli/render.h"

#define REMARK_INDENT 2

static void
remark(const struct render *r, const json_t *e)
{
	const char *text = field_text(e, "remark", ""), *detail = field_text(e, "detail", "");

	if (*text || *detail)
		fprintf(r->out, "%*s%s%s%s", REMARK_INDENT, "", text, *text && *detail ? "; " : "",
			detail);
	fputc('\n', r->out);
}

/* Hosts of a LinkMonitor that do not answer, one a line. */
static void
hosts(const struct render *r, const json_t *e)
{
	const json_t *list = json_object_get(e, "hosts"), *h;
	size_t i;

	json_array_foreach (list, i, h) {
		const char *state = field_text(h, "state", "");

		if (strcmp(state, "answers") != 0)
			fprintf(r->out, "  %-40s %s\n", field_text(h, "address", "?"), state);
	}
}

static void
quality_interfaces(const struct render *r, const json_t *data)
{
	const json_t *list = json_object_get(data, "interfaces"), *e;
	size_t i;

	fprintf(r->out, "%-24s %5s %6s %6s %7s\n", "Interface", "state", "weight", "counts",
		"two-way");
	json_array_foreach (list, i, e) {
		char state[32];
		long long members = field_int(e, "members", 0);

		snprintf(state, sizeof(state), "%lld", field_int(e, "state", 0));
		if (members > 0)
			snprintf(state, sizeof(state), "%lld/%lld", field_int(e, "members_up", 0),
				members);
		fprintf(r->out, "%-24s %5s %6lld %6lld %7s", field_text(e, "name", "?"), state,
			field_int(e, "weight", 0), field_int(e, "part", 0),
			field_true(e, "two_way") ? "yes" : "no");
		remark(r, e);
	}
	list = json_object_get(data, "monitors");
	json_array_foreach (list, i, e) {
		char name[64];

		snprintf(name, sizeof(name), "LinkMonitor %s", field_text(e, "name", "?"));
		fprintf(r->out, "%-24s %5d %6lld %6lld %7s", name, !field_true(e, "lost"),
			field_int(e, "weight", 0), field_int(e, "part", 0), "");
		remark(r, e);
		hosts(r, e);
	}
	fprintf(r->out, "%s\n\n", field_text(data, "formula", ""));
}

/* "unknown" for null, "-" for nothing. */
static const char *
value(const json_t *e, const char *key, char *buf, size_t size)
{
	const json_t *v = json_object_get(e, key);

	if (json_is_integer(v))
		snprintf(buf, size, "%lld", (long long)json_integer_value(v));
	else
		snprintf(buf, size, "%s", json_is_null(v) ? "unknown" : "-");
	return buf;
}

static void
quality_terms(const struct render *r, const json_t *data)
{
	const json_t *list = json_object_get(data, "terms"), *e;
	size_t i;

	fprintf(r->out, "%-16s %9s %8s %6s %6s\n", "Term", "this node", "peer", "weight", "takes");
	json_array_foreach (list, i, e) {
		char here[24], there[24], weight[24], takes[24];
		double t = json_number_value(json_object_get(e, "takes"));
		bool factor = field_int(e, "weight", 0) == 0;

		snprintf(weight, sizeof(weight), "%lld", field_int(e, "weight", 0));
		snprintf(takes, sizeof(takes), "%g", t);
		fprintf(r->out, "%-16s %9s %8s %6s %6s", field_text(e, "name", "?"),
			value(e, "value", here, sizeof(here)),
			value(e, "peer", there, sizeof(there)), factor ? "factor" : weight,
			factor ? "" : takes);
		remark(r, e);
	}
	fputc('\n', r->out);
}

static void
quality_compared(const struct render *r, const json_t *data)
{
	const json_t *c = json_object_get(data, "compared");
	const char *better = field_text(c, "better", "neither");

	if (!json_is_object(c))
		return;
	fprintf(r->out, "Over what both know     %lld here, %lld there: ", field_int(c, "here", 0),
		field_int(c, "peer", 0));
	if (strcmp(better, "neither") == 0)
		fprintf(r->out, "equal (a node must be better by more than %lld)\n",
			field_int(c, "margin", 0));
	else
		fprintf(r->out, "%s is better\n",
			strcmp(better, "here") == 0 ? "this node" : "the peer");
}

void
render_ha_quality(const struct render *r, const json_t *data)
{
	quality_interfaces(r, data);
	quality_terms(r, data);
	fprintf(r->out, "Quality                 %s\n", field_text(data, "quality_formula", "?"));
	if (field_int(data, "now", 0) != field_int(data, "quality", 0))
		fprintf(r->out, "Quality, not settled    %lld\n", field_int(data, "now", 0));
	fprintf(r->out, "Quality of the peer     %s\n",
		field_text(data, "peer_formula", "unknown"));
	quality_compared(r, data);
}
