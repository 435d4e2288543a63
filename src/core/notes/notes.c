/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a note to words: the catalogue's text with its arguments filled in. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "core/elect/claim.h"
#include "core/elect/rank.h"
#include "core/ipc/ipc.h"
#include "core/node/conf.h"
#include "core/node/event.h"
#include "core/notes/notes.h"

#define FNV_BASIS UINT64_C(0xcbf29ce484222325)
#define FNV_PRIME UINT64_C(0x100000001b3)

/* One argument of an entry: its words in the catalogue, and which of note.arg or texts it is. */
struct note_arg {
	const char *name, *kind;
	size_t name_len, kind_len;
	unsigned index, text;
};

enum log_level
note_level(const struct note *n)
{
	return n->id < _NOTE_MAX ? note_catalogue[n->id].level : LOG_ERROR;
}

const char *
note_name(enum note_id id)
{
	return id < _NOTE_MAX ? note_catalogue[id].name : "unknown";
}

static bool
is_kind(const struct note_arg *a, const char *kind)
{
	return strlen(kind) == a->kind_len && memcmp(a->kind, kind, a->kind_len) == 0;
}

/* Begin with {0} and *p = the entry's args; false at the end. */
static bool
arg_next(struct note_arg *a, const char **p)
{
	const char *s = *p + strspn(*p, " ");
	bool first = !a->name;

	if (!*s)
		return false;
	if (!first) {
		a->text += is_kind(a, "text");
		a->index++;
	}
	a->name = s;
	a->name_len = strcspn(s, ":");
	a->kind = s + a->name_len + 1;
	a->kind_len = strcspn(a->kind, " ");
	*p = a->kind + a->kind_len;
	return true;
}

static const char *
proc_name(int64_t p)
{
	static const char *const names[_PROC_MAX] = {[PROC_SUPERVISOR] = "twinwalld",
		[PROC_ENGINE] = "tw-engine",
		[PROC_STATESYNC] = "tw-statesync",
		[PROC_CONFIG] = "tw-config",
		[PROC_PROBE] = "tw-probe"};

	return p >= 0 && p < _PROC_MAX && names[p] ? names[p] : "?";
}

static const char *
port_name(const struct note_with *with, int64_t port)
{
	const struct ha_conf *conf = with ? with->conf : NULL;

	return conf && port >= 0 && port < conf->n_ports ? conf->ports[port].name : "?";
}

/* By the number that it has in frames; NULL: no interface of ours has it. */
static const char *
index_name(const struct note_with *with, int64_t index)
{
	const struct ha_conf *conf = with ? with->conf : NULL;

	for (uint16_t i = 0; conf && i < conf->n_ports; i++)
		if (conf->ports[i].index == index)
			return conf->ports[i].name;
	return NULL;
}

static const char *
device_name(const struct note_with *with, int64_t port)
{
	const struct ha_conf *conf = with ? with->conf : NULL;

	return conf && port >= 0 && port < conf->n_ports ? conf->ports[port].dev : "?";
}

static const char *
monitor_name(const struct note_with *with, int64_t i)
{
	const struct ha_conf *conf = with ? with->conf : NULL;

	return conf && i >= 0 && i < conf->n_monitors ? conf->monitors[i].name : "?";
}

/* The word for an argument whose kind has words; NULL: it is a number. */
static const char *
arg_word(const struct note_arg *a, int64_t v, const struct note_with *with)
{
	const char *text;

	if (is_kind(a, "text")) {
		text = with && with->texts && a->text < NOTE_TEXTS ? with->texts[a->text] : NULL;
		return text ? text : "?";
	}
	if (is_kind(a, "role"))
		return role_name((enum role)v);
	if (is_kind(a, "why"))
		return why_text((enum why)v);
	if (is_kind(a, "step"))
		return v == RANK_EQUAL ? "none" : rank_step_name((enum rank_step)v);
	if (is_kind(a, "refusal"))
		return refusal_text((enum refusal)v);
	if (is_kind(a, "port"))
		return port_name(with, v);
	if (is_kind(a, "index"))
		return index_name(with, v);
	if (is_kind(a, "device"))
		return device_name(with, v);
	if (is_kind(a, "monitor"))
		return monitor_name(with, v);
	if (is_kind(a, "process"))
		return proc_name(v);
	if (is_kind(a, "nodetype"))
		return v == NODE_MASTER ? "Master" : "Slave";
	if (is_kind(a, "yesno"))
		return v ? "yes" : "no";
	if (is_kind(a, "version"))
		return TW_VERSION;
	if (is_kind(a, "part"))
		return v >= 0 && v < _HEALTH_MAX ? health_part_name((enum health_part)v) : "?";
	if (is_kind(a, "qterm"))
		return v >= 0 && v < _QUALITY_TERMS ? quality_term_name((enum quality_term)v) : "?";
	if (is_kind(a, "errno")) {
		text = strerrordesc_np((int)v);
		return text ? text : "unknown error";
	}
	if ((is_kind(a, "quality") || is_kind(a, "health")) && (v < 0 || v > 100))
		return "unknown";
	return NULL;
}

/* snprintf() of one argument. For programs units stand in the name, not behind the number. */
static int
note_arg_put(const struct note_arg *a, int64_t v, const struct note_with *with, bool program,
	char *buf, size_t size)
{
	const char *word = arg_word(a, v, with);

	if (word)
		return snprintf(buf, size, "%s", word);
	if (is_kind(a, "mac") && v == 0)
		return snprintf(buf, size, "unknown");
	if (is_kind(a, "mac"))
		return snprintf(buf, size, "%02x:%02x:%02x:%02x:%02x:%02x",
			(unsigned)(v >> 40 & 255), (unsigned)(v >> 32 & 255),
			(unsigned)(v >> 24 & 255), (unsigned)(v >> 16 & 255),
			(unsigned)(v >> 8 & 255), (unsigned)(v & 255));
	if (is_kind(a, "hex"))
		return snprintf(buf, size, "0x%04x", (unsigned)v);
	if (is_kind(a, "signal")) {
		const char *name = sigabbrev_np((int)v);

		return name ? snprintf(buf, size, "SIG%s", name)
			    : snprintf(buf, size, "signal %d", (int)v);
	}
	return snprintf(buf, size, "%" PRId64 "%s", v, is_kind(a, "ms") && !program ? " ms" : "");
}

/* Puts the argument called by the len bytes at name. */
static int
put_named(const struct note *n, const struct note_with *with, const char *name, size_t len,
	char *buf, size_t size)
{
	const char *p = note_catalogue[n->id].args;
	struct note_arg a = {0};

	while (arg_next(&a, &p))
		if (a.name_len == len && memcmp(a.name, name, len) == 0)
			return note_arg_put(&a, n->arg[a.index], with, false, buf, size);
	return snprintf(buf, size, "{%.*s}", (int)len, name);
}

void
note_fmt(const struct note *n, const struct note_with *with, char *buf, size_t size)
{
	const char *t = n->id < _NOTE_MAX ? note_catalogue[n->id].text : "unknown event";
	size_t at = 0;

	buf[0] = '\0';
	while (*t && at + 1 < size) {
		size_t plain = strcspn(t, "{"), name;
		int m = snprintf(buf + at, size - at, "%.*s", (int)plain, t);

		at += (size_t)m;
		t += plain;
		if (*t != '{' || at + 1 >= size)
			continue;
		name = strcspn(t + 1, "}");
		at += (size_t)put_named(n, with, t + 1, name, buf + at, size - at);
		t += name + 2;
	}
}

void
note_fields(const struct note *n, const struct note_with *with, char *buf, size_t size)
{
	const char *p = n->id < _NOTE_MAX ? note_catalogue[n->id].args : "";
	struct note_arg a = {0};
	size_t at = 0;

	buf[0] = '\0';
	while (arg_next(&a, &p)) {
		char value[NOTE_FIELDS_MAX];

		note_arg_put(&a, n->arg[a.index], with, true, value, sizeof(value));
		for (char *c = value; *c; c++)
			if (*c == '\n')
				*c = ' ';
		if (at + a.name_len + strlen(value) + 6 > size)
			return; /* whole fields only */
		at += (size_t)snprintf(buf + at, size - at, "%.*s%s=%s\n", (int)a.name_len, a.name,
			is_kind(&a, "ms") ? "_ms" : "", value);
	}
}

static uint64_t
fnv(uint64_t h, const void *data, size_t len)
{
	const unsigned char *b = data;

	for (size_t i = 0; i < len; i++)
		h = (h ^ b[i]) * FNV_PRIME;
	return h;
}

uint64_t
note_key(const struct note *n, const struct note_with *with)
{
	static const char *const measured[] = {"ms", "count", "term", "quality", "health", "pid"};
	const char *p = n->id < _NOTE_MAX ? note_catalogue[n->id].args : "";
	uint64_t h = fnv(FNV_BASIS, &n->id, sizeof(n->id));
	struct note_arg a = {0};

	while (arg_next(&a, &p)) {
		bool skip = false;

		for (size_t i = 0; i < sizeof(measured) / sizeof(measured[0]); i++)
			skip |= is_kind(&a, measured[i]);
		if (skip)
			continue;
		if (is_kind(&a, "text")) {
			const char *text = arg_word(&a, 0, with);

			h = fnv(h, text, strlen(text) + 1);
		} else {
			h = fnv(h, &n->arg[a.index], sizeof(n->arg[0]));
		}
	}
	return h;
}
