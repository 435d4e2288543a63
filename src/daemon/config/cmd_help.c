/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Command help. */
#include <stdio.h>
#include <string.h>
#include "core/conf/schema.h"
#include "daemon/config/commands.h"

static void
help_all(struct answer *out)
{
	json_t *commands = json_array(), *types = json_array();

	for (size_t i = 0; i < _CTL_MAX; i++)
		json_array_append_new(commands,
			json_pack("{s:s, s:s, s:s, s:b}", "name", ctl_commands[i].name, "usage",
				ctl_commands[i].usage, "summary", ctl_commands[i].summary,
				"available", ctl_commands[i].later == CTL_NOW));
	schema_each_type (t)
		json_array_append_new(
			types, json_pack("{s:s, s:s}", "name", t->name, "summary", t->help));
	out->data = json_pack("{s:o, s:o}", "commands", commands, "types", types);
}

static void
help_command(const struct ctl_command *cmd, struct answer *out)
{
	char text[2048];

	snprintf(text, sizeof(text), "%s %s\n%s%s%s%s", cmd->name, cmd->usage, cmd->summary,
		cmd->later == CTL_NOW ? "" : " (not in this version)", cmd->text[0] ? "\n" : "",
		cmd->text);
	out->data =
		json_pack("{s:s, s:s, s:s}", "name", cmd->name, "usage", cmd->usage, "text", text);
}

/* What a value may be beside, or instead of, its kind. */
static json_t *
help_words(const struct schema_prop *p)
{
	json_t *list = json_array();

	for (const char *const *w = p->words; *w; w++)
		json_array_append_new(list, json_string(*w));
	return list;
}

static void
help_type(const struct schema_type *t, struct answer *out)
{
	json_t *list = json_array();

	schema_each_prop (t, p) {
		json_t *o = json_pack("{s:s, s:s, s:s, s:b, s:b, s:b, s:b}", "name", p->name,
			"kind", schema_kind_text(p), "summary", p->help, "list", p->list, "local",
			p->local, "required", p->required, "stored_only", p->stored_only);

		if (p->dflt)
			json_object_set_new(o, "default", json_string(p->dflt));
		if (p->words)
			json_object_set_new(o, "words", help_words(p));
		json_array_append_new(list, o);
	}
	out->data = json_pack("{s:s, s:s, s:b, s:o}", "type", t->name, "summary", t->help,
		"singleton", t->singleton, "properties", list);
}

void
cmd_help(struct config *c, const struct control_request *rq, struct answer *out)
{
	const struct ctl_command *cmd;
	const struct schema_type *t;
	enum note_id id;

	(void)c;
	if (rq->n_args == 0)
		help_all(out);
	else if (rq->n_args > 1)
		answer_fail(out, ANSWER_USAGE, 1, "%.64s: one word too many", rq->args[1]);
	else if ((cmd = ctl_command_find(rq->args[0])))
		help_command(cmd, out);
	else if ((t = schema_type_find(rq->args[0])))
		help_type(t, out);
	else if ((id = note_find(rq->args[0])) != _NOTE_MAX)
		answer_event(out, id);
	else
		answer_fail(
			out, ANSWER_USAGE, 0, "%.64s: no such command, type or event", rq->args[0]);
}
