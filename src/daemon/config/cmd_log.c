/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Command log: the events of this node, and what they mean. */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include "daemon/config/commands.h"

#define LOG_DEFAULT 50

struct log_filter {
	uint32_t n;
	enum log_level level; /* this and worse */
	const char *id;       /* number, name, or pattern of names; NULL = all */
};

static bool
id_matches(const char *pattern, enum note_id id)
{
	return note_find(pattern) == id ||
	       fnmatch(pattern, note_catalogue[id].name, FNM_NOESCAPE) == 0;
}

static bool
id_known(const char *pattern)
{
	for (unsigned i = 0; i < _NOTE_MAX; i++)
		if (id_matches(pattern, (enum note_id)i))
			return true;
	return false;
}

void
answer_no_event(struct answer *out, int arg, const char *word)
{
	answer_fail(out, ANSWER_USAGE, arg, "%.64s: no such event", word);
	answer_hint(out,
		"events are called TW1103 or peer_dead; twinwall-events(7) lists them, log shows "
		"those that happened");
}

/* One option and its value. False: out says what is wrong with it. */
static bool
take_option(const struct control_request *rq, size_t i, struct log_filter *f, struct answer *out)
{
	const char *value = i + 1 < rq->n_args ? rq->args[i + 1] : NULL;

	if (strcmp(rq->args[i], "-n") != 0 && strcmp(rq->args[i], "-level") != 0 &&
		strcmp(rq->args[i], "-id") != 0)
		answer_fail(out, ANSWER_USAGE, (int)i, "%.64s: no such option", rq->args[i]);
	else if (!value)
		answer_fail(out, ANSWER_USAGE, (int)i, "%s needs a value", rq->args[i]);
	else if (strcmp(rq->args[i], "-id") == 0 && !id_known(value))
		answer_no_event(out, (int)i + 1, value);
	else if (strcmp(rq->args[i], "-id") == 0)
		return f->id = value, true;
	else if (strcmp(rq->args[i], "-level") == 0 && !eventlog_level_find(value, &f->level))
		answer_fail(out, ANSWER_USAGE, (int)i + 1,
			"%.64s: no severity; one of: error, warning, notice, info", value);
	else if (strcmp(rq->args[i], "-n") == 0 && !arg_number(value, 1, EVENTLOG_MAX, &f->n))
		answer_fail(
			out, ANSWER_USAGE, (int)i + 1, "N is a number from 1 to %d", EVENTLOG_MAX);
	else
		return true;
	return false;
}

static bool
take_args(const struct control_request *rq, struct log_filter *f, struct answer *out)
{
	size_t i = 0;

	*f = (struct log_filter){.n = LOG_DEFAULT, .level = LOG_DEBUG};
	if (rq->n_args > 0 && rq->args[0][0] != '-') {
		if (!arg_number(rq->args[0], 1, EVENTLOG_MAX, &f->n)) {
			answer_fail(
				out, ANSWER_USAGE, 0, "N is a number from 1 to %d", EVENTLOG_MAX);
			return false;
		}
		i++;
	}
	for (; i < rq->n_args; i += 2)
		if (!take_option(rq, i, f, out))
			return false;
	return true;
}

/* "port=lan\nterm=5\n" as an object; numbers as numbers. */
static json_t *
fields_json(const char *fields)
{
	json_t *o = json_object();

	for (const char *p = fields; *p;) {
		size_t len = strcspn(p, "\n"), name = strcspn(p, "=");
		char key[64], value[NOTE_FIELDS_MAX];
		const char *digits;

		if (name < len && len < sizeof(value)) {
			snprintf(key, sizeof(key), "%.*s", (int)name, p);
			snprintf(value, sizeof(value), "%.*s", (int)(len - name - 1), p + name + 1);
			digits = value[0] == '-' ? value + 1 : value;
			if (*digits && strspn(digits, "0123456789") == strlen(digits) &&
				strlen(digits) < 19)
				json_object_set_new(o, key, json_integer(strtoll(value, NULL, 10)));
			else
				json_object_set_new(o, key, json_string(value));
		}
		p += len + (p[len] == '\n');
	}
	return o;
}

static json_t *
entry_json(const struct eventlog_entry *e)
{
	const struct note_entry *c = &note_catalogue[e->id];
	char time[32], id[16];
	json_t *o;

	snprintf(id, sizeof(id), "TW%u", c->number);
	o = json_pack("{s:s, s:f, s:s, s:s, s:s, s:s, s:o}", "time", time_fmt(e->wall_ns, time),
		"unix", (double)e->wall_ns / (double)NS_PER_S, "id", id, "name", c->name, "level",
		eventlog_level_name(c->level), "text", e->text, "args", fields_json(e->fields));
	if (e->repeated)
		json_object_set_new(o, "repeated", json_integer(e->repeated));
	return o;
}

/* Newest last, so counted from the newest backwards and then turned round. */
static void
log_list(struct config *c, const struct log_filter *f, struct answer *out)
{
	json_t *list = json_array();
	uint32_t left = f->n;

	notes_poll(c, loop_now()); /* what has just happened, too */
	for (size_t back = 0; left > 0; back++) {
		const struct eventlog_entry *e = eventlog_get(&c->log, back);

		if (!e)
			break;
		if (e->id >= _NOTE_MAX || note_catalogue[e->id].level > f->level ||
			(f->id && !id_matches(f->id, (enum note_id)e->id)))
			continue;
		json_array_insert_new(list, 0, entry_json(e));
		left--;
	}
	out->data = json_pack("{s:o}", "log", list);
}

void
answer_event(struct answer *out, enum note_id id)
{
	const struct note_entry *e = &note_catalogue[id];
	char number[16];

	snprintf(number, sizeof(number), "TW%u", e->number);
	out->data = json_pack("{s:{s:s, s:s, s:s, s:s, s:s, s:s}}", "event", "id", number, "name",
		e->name, "level", eventlog_level_name(e->level), "text", e->text, "meaning",
		e->meaning, "action", e->action);
}

void
cmd_log(struct config *c, const struct control_request *rq, struct answer *out)
{
	struct log_filter f;
	enum note_id id;

	if (rq->n_args > 0 && strcmp(rq->args[0], "-explain") == 0) {
		if (rq->n_args != 2) {
			answer_fail(out, ANSWER_USAGE, 0, "-explain needs one event");
			return;
		}
		id = note_find(rq->args[1]);
		if (id == _NOTE_MAX)
			answer_no_event(out, 1, rq->args[1]);
		else
			answer_event(out, id);
	} else if (take_args(rq, &f, out)) {
		log_list(c, &f, out);
	}
}
