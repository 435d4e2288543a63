/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands add, set, delete, rename, show, cc, changes, reject, cancel and merge. The words of a
 * request become the statement that a file would have, so that there is one parser; an error finds
 * its way back to the word it is about.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/conf/schema.h"
#include "daemon/config/edit.h"
#include "daemon/config/trial.h"

/* A statement, and in which column each word of the request begins. */
struct line {
	FILE *f;
	char *text;
	size_t len;
	long column[CTL_ARGS_MAX + 1]; /* [0]: the command */
};

static void
put_quoted(FILE *f, const char *s, size_t n)
{
	if (n && strcspn(s, " \t\",#\\") >= n) {
		fwrite(s, 1, n, f);
		return;
	}
	fputc('"', f);
	for (; n > 0; n--, s++) {
		if (*s == '"' || *s == '\\')
			fputc('\\', f);
		fputc(*s, f);
	}
	fputc('"', f);
}

/* The quotes of Property="a, b" are gone by now: only a list is divided at its commas. */
static void
put_value(FILE *f, const struct schema_type *type, const char *word, const char *value)
{
	char name[64];
	const struct schema_prop *p;

	snprintf(name, sizeof(name), "%.*s", (int)(value - word - 1), word);
	p = type ? schema_prop_find(type, name) : NULL;
	if (!*value)
		return;
	while (p && p->list && strchr(value, ',')) {
		size_t n = strcspn(value, ",");

		put_quoted(f, value, n);
		fputc(',', f);
		value += n + 1;
		value += strspn(value, " ");
	}
	put_quoted(f, value, strlen(value));
}

static void
put_word(struct line *l, size_t i, const struct schema_type *type, const char *word)
{
	const char *eq = strchr(word, '=');

	fputc(' ', l->f);
	fflush(l->f);
	l->column[i + 1] = (long)l->len + 1;
	if (eq && i > 0) {
		fwrite(word, 1, (size_t)(eq - word) + 1, l->f);
		put_value(l->f, type, word, eq + 1);
	} else {
		put_quoted(l->f, word, strlen(word));
	}
}

static bool
line_make(struct line *l, const struct control_request *rq)
{
	const struct schema_type *type = rq->n_args ? schema_type_find(rq->args[0]) : NULL;

	*l = (struct line){0};
	l->f = open_memstream(&l->text, &l->len);
	if (!l->f)
		return false;
	fputs(rq->cmd, l->f);
	l->column[0] = 1;
	for (size_t i = 0; i < rq->n_args; i++)
		put_word(l, i, type, rq->args[i]);
	return fclose(l->f) == 0;
}

/* The word of the request in which that column lies; -1: the command. */
static int
line_word(const struct line *l, const struct control_request *rq, unsigned column)
{
	int arg = -1;

	for (size_t i = 0; i < rq->n_args && l->column[i + 1] <= (long)column; i++)
		arg = (int)i;
	return arg;
}

static void
refuse(struct answer *out, const struct line *l, const struct control_request *rq,
	const struct conf_errors *errors)
{
	for (size_t i = 0; i < errors->n; i++) {
		const struct conf_error *e = &errors->e[i];

		if (e->warning)
			continue;
		answer_fail(out, ANSWER_REFUSED, line_word(l, rq, e->column), "%s%s%s%s%s",
			e->object, *e->property ? ", " : "", e->property,
			*e->object || *e->property ? ": " : "", e->message);
		return;
	}
	answer_fail(out, ANSWER_REFUSED, -1, "the statement is not understood");
}

/* Which object the statement was about, as edits are named: "IPRule a". */
static const char *
what_of(struct arena *a, const struct control_request *rq)
{
	const struct schema_type *t = schema_type_find(rq->args[0]);

	return t && t->singleton ? t->name : arena_printf(a, "%s %s", rq->args[0], rq->args[1]);
}

static json_t *
edited(struct answer *out)
{
	json_t *notes = json_array();

	out->data = json_pack("{s:s, s:O}", "text", "", "notes", notes);
	json_decref(notes);
	return json_object_get(out->data, "notes");
}

static void
note_users(struct edit *e, struct arena *a, const struct control_request *rq, json_t *notes)
{
	const struct schema_type *t = schema_type_find(rq->args[0]);
	const char *users = candidate_users(a, &e->cand, t->space, rq->args[1], 10);

	if (users)
		json_array_append_new(notes,
			json_string(arena_printf(a,
				"%s %s is still used by %s: it cannot be activated until that has "
				"changed, too",
				t->name, rq->args[1], users)));
}

/* The session's edits, begun when there are none; NULL with the answer filled in. */
static struct edit *
open_edit(struct config *c, const struct control_request *rq, struct answer *out)
{
	struct edit *e = edit_find(c, rq);

	if (e && e->activated) {
		answer_fail(out, ANSWER_REFUSED, -1,
			"the edits of this session are activated as revision %u", e->activated);
		answer_hint(out, "first keep them with commit, or take them back with rollback");
		return NULL;
	}
	return e ? e : edit_begin(c, rq, out);
}

void
cmd_statement(struct config *c, const struct control_request *rq, struct answer *out)
{
	struct edit *e = open_edit(c, rq, out);
	struct conf_errors errors = {0};
	struct arena a = ARENA_INIT;
	struct line l;
	json_t *notes;

	if (!e)
		return;
	if (!line_make(&l, rq)) {
		answer_fail(out, ANSWER_FAILED, -1, "out of memory");
	} else if (conf_parse(&e->arena, l.text, l.len, &e->cand, &errors)) {
		notes = edited(out);
		if (strcmp(rq->cmd, "delete") == 0)
			note_users(e, &a, rq, notes);
		edit_touch(c, e, rq, what_of(&a, rq), notes);
	} else {
		refuse(out, &l, rq, &errors);
	}
	free(l.text);
	arena_free(&a);
	if (e->n_touched == 0)
		edit_end(e); /* begun for a statement that was wrong */
}

/* TYPE [NAME] at the start of the words. NULL with the answer filled in. */
static const struct schema_type *
object_words(const struct control_request *rq, size_t at_least, size_t at_most, struct answer *out)
{
	const struct schema_type *t = rq->n_args ? schema_type_find(rq->args[0]) : NULL;

	if (rq->n_args < at_least) {
		answer_fail(out, ANSWER_USAGE, -1, "a word is missing");
	} else if (!t) {
		answer_fail(out, ANSWER_USAGE, 0, "%.64s: no such type", rq->args[0]);
		answer_hint(out, "help lists the types; names are case-sensitive");
	} else if (rq->n_args > at_most) {
		answer_fail(out, ANSWER_USAGE, (int)at_most, "%.64s: one word too many",
			rq->args[at_most]);
	} else {
		return t;
	}
	return NULL;
}

static bool
name_is_there(const struct conf_candidate *cand, const struct schema_type *t, const char *name,
	struct answer *out)
{
	if (candidate_get(cand, t, name))
		return true;
	answer_fail(out, ANSWER_REFUSED, 1, "%s %.64s: no such object", t->name, name);
	return false;
}

void
cmd_rename(struct config *c, const struct control_request *rq, struct answer *out)
{
	const struct schema_type *t = object_words(rq, 3, 3, out);
	struct conf_errors errors = {0};
	struct conf_candidate cand = {0};
	struct arena a = ARENA_INIT;
	const char *text;
	struct edit *e;
	json_t *notes;

	if (!t)
		return;
	e = open_edit(c, rq, out);
	if (!e || !name_is_there(&e->cand, t, t->singleton ? "" : rq->args[1], out))
		goto end;
	if (t->singleton || candidate_find(&e->cand, t->space, rq->args[2])) {
		answer_fail(out, ANSWER_REFUSED, t->singleton ? 0 : 2,
			t->singleton ? "%s has no name" : "%.64s: the name is taken",
			t->singleton ? t->name : rq->args[2]);
		goto end;
	}
	text = candidate_show_renamed(&a, &e->cand, t, rq->args[1], rq->args[2]);
	if (!conf_parse(&a, text, strlen(text), &cand, &errors)) {
		answer_fail(out, ANSWER_REFUSED, 2, "%.64s: %s", rq->args[2],
			errors.n ? errors.e[0].message : "no name");
		goto end;
	}
	edit_replace(e, text);
	notes = edited(out);
	edit_touch(c, e, rq, arena_printf(&a, "%s %s", t->name, rq->args[1]), notes);
	edit_touch(c, e, rq, arena_printf(&a, "%s %s", t->name, rq->args[2]), notes);
end:
	if (e && e->n_touched == 0)
		edit_end(e);
	arena_free(&a);
}

void
cmd_show(struct config *c, const struct control_request *rq, struct answer *out)
{
	bool running = rq->n_args && strcmp(rq->args[0], "-running") == 0;
	struct control_request rest = *rq;
	struct edit *e = running ? NULL : edit_find(c, rq);
	const struct conf_candidate *cand = e ? &e->cand : &c->rev.cand;
	const struct schema_type *type = NULL;
	struct arena a = ARENA_INIT;
	const char *text;

	if (running) {
		rest.n_args--;
		memmove(rest.args, rest.args + 1, rest.n_args * sizeof(rest.args[0]));
	}
	if (rest.n_args > 0 && !(type = object_words(&rest, 1, 2, out)))
		return;
	text = conf_show(
		&a, cand, type ? type->name : NULL, rest.n_args == 2 ? rest.args[1] : NULL);
	if (rest.n_args == 2 && !text[0])
		answer_fail(out, ANSWER_REFUSED, (int)rq->n_args - 1, "%s %.64s: no such object",
			type->name, rest.args[1]);
	else
		out->data = json_pack("{s:s, s:I, s:b}", "text", text, "revision",
			(json_int_t)c->rev.number, "edited", e != NULL);
	arena_free(&a);
}

/* Where the next words belong is the client's to remember; here is only looked whether it is there.
 */
void
cmd_cc(struct config *c, const struct control_request *rq, struct answer *out)
{
	const struct edit *e = edit_find(c, rq);
	const struct schema_type *t;

	if (rq->n_args == 0) {
		out->data = json_pack("{s:s}", "text", "");
		return;
	}
	t = object_words(rq, 1, 2, out);
	if (t && (rq->n_args == 1 ||
			 name_is_there(e ? &e->cand : &c->rev.cand, t, rq->args[1], out)))
		out->data = json_pack("{s:s, s:s, s:s, s:b}", "text", "", "type", t->name, "name",
			rq->n_args > 1 ? rq->args[1] : "", "singleton", t->singleton);
}

static void
changes_peer(struct config *c, struct answer *out)
{
	const struct trial *t = c->trial;
	const struct commit *m = &t->commit;
	struct conf_errors errors = {0};
	struct conf_candidate here = {0}, there = {0};
	struct arena a = ARENA_INIT;
	const char *text = "", *own;

	if (m->relation == RELATION_UNKNOWN) {
		answer_fail(out, ANSWER_REFUSED, -1, "the peer is away: what it has is not known");
		return;
	}
	if (m->relation == RELATION_DIVERGED) {
		if (!t->peer_text || !commit_id_equal(&t->peer_id, &m->peer_current)) {
			answer_fail(out, ANSWER_REFUSED, -1, "the peer's text is on its way");
			answer_hint(out, "try again in a moment");
			return;
		}
		own = candidate_show_shared(&a, &c->rev.cand);
		conf_parse(&a, own, strlen(own), &here, &errors);
		conf_parse(&a, t->peer_text, strlen(t->peer_text), &there, &errors);
		text = candidate_diff(&a, &here, &there);
	}
	out->data = json_pack("{s:s, s:s, s:I, s:I}", "text", text, "relation",
		commit_relation_name(m->relation), "revision", (json_int_t)m->current.number,
		"peer_revision", (json_int_t)m->peer_current.number);
	arena_free(&a);
}

void
cmd_changes(struct config *c, const struct control_request *rq, struct answer *out)
{
	struct edit *e = edit_find(c, rq);
	struct arena a = ARENA_INIT;
	json_t *notes;

	if (rq->n_args == 1 && strcmp(rq->args[0], "-peer") == 0) {
		changes_peer(c, out);
		return;
	}
	if (rq->n_args > 0) {
		answer_fail(out, ANSWER_USAGE, 0, "%.64s: changes does not know this word",
			rq->args[0]);
		return;
	}
	notes = edited(out);
	if (e) {
		json_object_set_new(
			out->data, "text", json_string(candidate_diff(&a, &e->from, &e->cand)));
		json_object_set_new(out->data, "base", json_integer(e->base.number));
		if (e->activated)
			json_array_append_new(
				notes, json_string(arena_printf(&a,
					       "activated as revision %u, waits for commit",
					       e->activated)));
		else if (!commit_id_equal(&e->base, &c->rev.id))
			json_array_append_new(notes,
				json_string(arena_printf(&a,
					"made for revision %u; revision %u is in force: merge",
					e->base.number, c->rev.number)));
	}
	edit_others(c, e, notes);
	arena_free(&a);
}

/* The session's edits that can still be taken back; NULL with the answer filled in. */
static struct edit *
present_edit(struct config *c, const struct control_request *rq, struct answer *out)
{
	struct edit *e = edit_find(c, rq);

	if (!e)
		answer_fail(out, ANSWER_REFUSED, -1, "nothing is edited in this session");
	else
		e = open_edit(c, rq, out);
	return e;
}

void
cmd_cancel(struct config *c, const struct control_request *rq, struct answer *out)
{
	struct edit *e = rq->n_args ? NULL : present_edit(c, rq, out);

	if (rq->n_args)
		answer_fail(out, ANSWER_USAGE, 0, "%.64s: cancel takes no word", rq->args[0]);
	if (!e)
		return;
	answer_text(out, "The edits of %zu object%s are dropped", e->n_touched,
		e->n_touched == 1 ? "" : "s");
	edit_end(e);
}

void
cmd_reject(struct config *c, const struct control_request *rq, struct answer *out)
{
	const struct schema_type *t = object_words(rq, 1, 2, out);
	const char *name = rq->n_args > 1 ? rq->args[1] : "", *text;
	struct conf_errors errors = {0};
	struct arena a = ARENA_INIT;
	struct edit *e;

	if (!t || !(e = present_edit(c, rq, out)))
		return;
	text = candidate_diff_object(&a, &e->cand, &e->from, t, name);
	if (!*text)
		answer_fail(out, ANSWER_REFUSED, 1, "%s %.64s is not edited", t->name, name);
	else if (!conf_parse(&e->arena, text, strlen(text), &e->cand, &errors))
		answer_fail(out, ANSWER_FAILED, -1, "%s", errors.e[0].message);
	else
		answer_text(out, "%s %.64s is as it was", t->name, name);
	if (!*candidate_diff(&a, &e->from, &e->cand))
		edit_end(e);
	arena_free(&a);
}

void
cmd_merge(struct config *c, const struct control_request *rq, struct answer *out)
{
	struct edit *e = present_edit(c, rq, out);
	struct conf_errors errors = {0};
	struct conf_candidate cand = {0};
	struct arena a = ARENA_INIT;
	const char *edits, *conflicts, *text;

	if (!e)
		return;
	edits = candidate_merge(&a, &e->from, &e->cand, &c->rev.cand, &conflicts);
	text = conf_show(&a, &c->rev.cand, NULL, NULL);
	conf_parse(&a, text, strlen(text), &cand, &errors);
	if (!edits) {
		answer_fail(out, ANSWER_REFUSED, -1, "revision %u and the edits both change: %s",
			c->rev.number, arena_printf(&a, "%.300s", conflicts));
		answer_hint(out, "look at both (changes, show -running), then reject what is not "
				 "wanted of the edits, or cancel");
	} else if (!conf_parse(&a, edits, strlen(edits), &cand, &errors)) {
		answer_fail(out, ANSWER_REFUSED, -1, "%s%s%s", errors.e[0].object,
			*errors.e[0].object ? ": " : "", errors.e[0].message);
		answer_hint(out, "the edits stay as they are: reject what does not fit any more");
	} else {
		const char *merged = conf_show(&a, &cand, NULL, NULL);

		/* the base first: edit_replace() takes it over */
		e->from = (struct conf_candidate){0};
		conf_parse(&e->arena, text, strlen(text), &e->from, &errors);
		e->base = c->rev.id;
		edit_replace(e, merged);
		answer_text(out, "The edits are based on revision %u now", c->rev.number);
	}
	arena_free(&a);
}
