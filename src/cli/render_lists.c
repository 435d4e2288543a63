/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Views that are lists: stat, arp -show, connections, rules, help. */
#include <inttypes.h>
#include <string.h>
#include "cli/render.h"

static void stat_line(const struct render *r, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void
stat_line(const struct render *r, const char *name, const char *fmt, ...)
{
	va_list ap;

	fprintf(r->out, "%-22s ", name);
	va_start(ap, fmt);
	vfprintf(r->out, fmt, ap);
	va_end(ap);
	fputc('\n', r->out);
}

/* name: value pairs of an object of numbers on one line each; zeros are left out when asked. */
static void
stat_counters(const struct render *r, const char *title, json_t *o, bool skip_zero)
{
	const char *key;
	json_t *v;
	bool any = false;

	json_object_foreach (o, key, v) {
		if (!json_is_integer(v) || (skip_zero && json_integer_value(v) == 0))
			continue;
		if (!any)
			fprintf(r->out, "%s\n", title);
		any = true;
		fprintf(r->out, "  %-20s %" JSON_INTEGER_FORMAT "\n", key, json_integer_value(v));
	}
}

static void
stat_uptime(const struct render *r, long long s)
{
	stat_line(r, "Uptime", "%lld days %02lld:%02lld:%02lld", s / 86400, s / 3600 % 24,
		s / 60 % 60, s % 60);
}

void
render_stat(const struct render *r, const json_t *data)
{
	const json_t *ifaces = json_object_get(data, "interfaces"), *p;
	size_t i;

	stat_line(r, "Version", "%s", field_text(data, "version", "?"));
	stat_line(r, "Configuration", "revision %lld", field_int(data, "revision", 0));
	stat_uptime(r, field_int(data, "uptime_seconds", 0));
	fprintf(r->out, "Connections %lld out of %lld\n", field_int(data, "connections", 0),
		field_int(data, "connections_max", 0));
	if (json_is_integer(json_object_get(data, "peer_connections")))
		fprintf(r->out, "Peer connections %lld\n", field_int(data, "peer_connections", 0));
	if (json_array_size(ifaces) > 0)
		fprintf(r->out, "\nInterface      NIC              carrier two-way  heard      "
				"sent       rtt\n");
	json_array_foreach (ifaces, i, p)
		fprintf(r->out, "%-14s %-16s %-7s %-8s %-10lld %-10lld %lld us\n",
			field_text(p, "name", "?"), field_text(p, "device", "?"),
			field_true(p, "carrier") ? "yes" : "no",
			field_true(p, "two_way") ? "yes" : "no",
			field_int(p, "heartbeats_heard", 0), field_int(p, "heartbeats_sent", 0),
			field_int(p, "rtt_us", 0));
	stat_counters(r, "\nHeartbeats", json_object_get(data, "heartbeats"), false);
	stat_counters(r, "\nFrames refused", json_object_get(data, "refused"), true);
	stat_counters(r, "\nState sync", json_object_get(data, "sync"), false);
}

void
render_arp(const struct render *r, const json_t *data)
{
	const json_t *list = json_object_get(data, "shared"), *e;
	size_t i;

	fprintf(r->out, "Shared addresses\n");
	json_array_foreach (list, i, e)
		fprintf(r->out, "  %-14s %-39s %s\n", field_text(e, "interface", "?"),
			field_text(e, "address", "?"), field_text(e, "mac", "?"));
	list = json_object_get(data, "neighbours");
	fprintf(r->out, "Neighbours\n");
	json_array_foreach (list, i, e)
		fprintf(r->out, "  %-14s %-39s %-17s %s\n", field_text(e, "interface", "?"),
			field_text(e, "address", "?"), field_text(e, "mac", "-"),
			field_text(e, "state", ""));
}

/* "10.1.0.5:40000 -> 8.8.8.8:53", or without ports */
static void
flow_side(const json_t *side, char *buf, size_t size)
{
	const char *src = field_text(side, "src", "?"), *dst = field_text(side, "dst", "?");
	bool six = strchr(src, ':') || strchr(dst, ':');
	const char *o = six ? "[" : "", *c = six ? "]" : "";

	if (json_object_get(side, "sport"))
		snprintf(buf, size, "%s%s%s:%lld -> %s%s%s:%lld", o, src, c,
			field_int(side, "sport", 0), o, dst, c, field_int(side, "dport", 0));
	else if (json_object_get(side, "icmp_type"))
		snprintf(buf, size, "%s -> %s type %lld id %lld", src, dst,
			field_int(side, "icmp_type", 0), field_int(side, "icmp_id", 0));
	else
		snprintf(buf, size, "%s -> %s", src, dst);
}

void
render_connections(const struct render *r, const json_t *data)
{
	const json_t *list = json_object_get(data, "connections"), *e;
	long long total = field_int(data, "total", 0), shown = (long long)json_array_size(list);
	char orig[160], reply[160];
	size_t i;

	json_array_foreach (list, i, e) {
		flow_side(json_object_get(e, "original"), orig, sizeof(orig));
		flow_side(json_object_get(e, "reply"), reply, sizeof(reply));
		fprintf(r->out, "%-7s %-12s %6llds  %s  |  %s%s\n", field_text(e, "protocol", "?"),
			field_text(e, "state", "-"), field_int(e, "timeout_s", 0), orig, reply,
			field_true(e, "nat") ? "  NAT" : "");
	}
	fprintf(r->out, "%lld of %lld connections shown\n", shown, total);
}

void
render_rules(const struct render *r, const json_t *data)
{
	const json_t *list = json_object_get(data, "rules"), *e;
	const char *test = field_text(data, "text", NULL);
	size_t i;

	if (test) {
		fprintf(r->out, "%s\n", test);
		return;
	}
	fprintf(r->out, "   #  %-24s %-7s %14s %16s\n", "Name", "Action", "Packets", "Bytes");
	json_array_foreach (list, i, e)
		fprintf(r->out, "%4lld  %-24s %-7s %14lld %16lld\n", field_int(e, "index", 0),
			field_text(e, "name", "?"), field_text(e, "action", "?"),
			field_int(e, "packets", 0), field_int(e, "bytes", 0));
	e = json_object_get(data, "no_rule");
	if (e)
		fprintf(r->out, "   -  %-24s %-7s %14lld %16lld\n", "(no rule matches)", "Drop",
			field_int(e, "packets", 0), field_int(e, "bytes", 0));
}

/* name and summary of each; available false are only named, in one line behind the others. */
static void
help_commands(const struct render *r, const json_t *list)
{
	bool later = false;
	const json_t *e;
	size_t i;

	fprintf(r->out, "Commands (help COMMAND tells more)\n");
	json_array_foreach (list, i, e) {
		if (field_true(e, "available"))
			fprintf(r->out, "  %-12s %s\n", field_text(e, "name", "?"),
				field_text(e, "summary", ""));
	}
	json_array_foreach (list, i, e) {
		if (field_true(e, "available"))
			continue;
		fprintf(r->out, "%s %s",
			later ? "" : "Not in this version:", field_text(e, "name", "?"));
		later = true;
	}
	if (later)
		fputc('\n', r->out);
}

/* "list of address, required", "interface, also any, core, required", "one of Yes, No" */
static void
help_property(const struct render *r, const json_t *p)
{
	const json_t *words = json_object_get(p, "words"), *w;
	const char *value = field_text(p, "default", NULL), *kind = field_text(p, "kind", "");
	size_t i;

	fprintf(r->out, "  %s: %s%s", field_text(p, "name", "?"),
		field_true(p, "list") ? "list of " : "", kind);
	json_array_foreach (words, i, w)
		fprintf(r->out, "%s%s",
			i                                 ? ", "
			: strncmp(kind, "one of", 6) == 0 ? ": "
							  : ", also ",
			json_string_value(w) ? json_string_value(w) : "?");
	if (value)
		fprintf(r->out, "; default %s", value);
	fprintf(r->out, "%s%s\n      %s\n", field_true(p, "required") ? "; required" : "",
		field_true(p, "local") ? "; of this node only" : "", field_text(p, "summary", ""));
	if (field_true(p, "stored_only"))
		fprintf(r->out, "      It is stored, but has no effect in this version.\n");
}

void
render_help(const struct render *r, const json_t *data)
{
	const json_t *list = json_object_get(data, "commands"), *e;
	const char *type = field_text(data, "type", NULL);
	size_t i;

	render_event(r, json_object_get(data, "event"));
	if (json_array_size(list) > 0)
		help_commands(r, list);
	list = json_object_get(data, "types");
	if (json_array_size(list) > 0)
		fprintf(r->out, "Object types (help TYPE lists its properties)\n");
	json_array_foreach (list, i, e) {
		fprintf(r->out, "  %-18s %s\n", field_text(e, "name", "?"),
			field_text(e, "summary", ""));
	}
	if (type)
		fprintf(r->out, "%s%s Property=Value ...\n%s\n", type,
			field_true(data, "singleton") ? "" : " NAME",
			field_text(data, "summary", ""));
	list = json_object_get(data, "properties");
	json_array_foreach (list, i, e)
		help_property(r, e);
}

void
render_history(const struct render *r, const json_t *data)
{
	const json_t *list = json_object_get(data, "revisions"), *e;
	size_t i;

	json_array_foreach (list, i, e) {
		const char *remark = field_text(e, "remark", "");

		fprintf(r->out, "%6lld  %s  %-10s  %s%s%s\n", field_int(e, "revision", 0),
			field_text(e, "time", "?"), field_text(e, "state", "?"),
			field_text(e, "author", ""), *remark ? ": " : "", remark);
	}
}
