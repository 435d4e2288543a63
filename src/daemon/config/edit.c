/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions and their candidates, in memory: what is not activated does not survive this process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "daemon/config/edit.h"
#include "daemon/config/who.h"

#define SHOWN_MAX    5          /* objects of another session that are named */
#define COMPACT_SIZE (4u << 20) /* bytes of edits after which the candidate is copied */

void
edits_open(struct config *c)
{
	c->edits = calloc(1, sizeof(*c->edits));
}

void
edits_close(struct config *c)
{
	for (size_t i = 0; c->edits && i < EDITS_MAX; i++)
		edit_end(&c->edits->edit[i]);
	free(c->edits);
	c->edits = NULL;
}

void
edit_end(struct edit *e)
{
	arena_free(&e->arena);
	*e = (struct edit){0};
}

void
edits_kept(struct config *c, uint32_t number)
{
	for (size_t i = 0; c->edits && i < EDITS_MAX; i++)
		if (c->edits->edit[i].used && c->edits->edit[i].activated == number)
			edit_end(&c->edits->edit[i]);
}

void
edits_back(struct config *c, uint32_t number)
{
	for (size_t i = 0; c->edits && i < EDITS_MAX; i++)
		if (c->edits->edit[i].activated == number)
			c->edits->edit[i].activated = 0;
}

const char *
edit_session(const struct control_request *rq, char buf[CTL_SESSION_MAX])
{
	if (rq->session)
		snprintf(buf, CTL_SESSION_MAX, "%s", rq->session);
	else
		who_user(rq->who ? rq->who : "?", buf, CTL_SESSION_MAX);
	return buf;
}

struct edit *
edit_find(struct config *c, const struct control_request *rq)
{
	char session[CTL_SESSION_MAX];

	edit_session(rq, session);
	for (size_t i = 0; c->edits && i < EDITS_MAX; i++)
		if (c->edits->edit[i].used && strcmp(c->edits->edit[i].session, session) == 0)
			return &c->edits->edit[i];
	return NULL;
}

static void
parse(struct edit *e, const char *text, struct conf_candidate *cand)
{
	struct conf_errors errors = {0};

	*cand = (struct conf_candidate){0};
	conf_parse(&e->arena, text, strlen(text), cand, &errors);
}

/* A place; one whose edits were all undone by hand counts as free. */
static struct edit *
place(struct config *c)
{
	for (size_t i = 0; i < EDITS_MAX; i++) {
		struct edit *e = &c->edits->edit[i];

		if (e->used && !e->activated && !*candidate_diff(&e->arena, &e->from, &e->cand))
			edit_end(e);
		if (!e->used)
			return e;
	}
	return NULL;
}

struct edit *
edit_begin(struct config *c, const struct control_request *rq, struct answer *out)
{
	struct edit *e = c->edits ? place(c) : NULL;
	const char *text;

	if (!e) {
		answer_fail(out, ANSWER_REFUSED, -1,
			"%u sessions have edits that are not activated", EDITS_MAX);
		answer_hint(out, "changes lists them; end one: twinwall --session NAME cancel");
		return NULL;
	}
	e->used = true;
	e->base = c->rev.id;
	edit_session(rq, e->session);
	text = conf_show(&e->arena, &c->rev.cand, NULL, NULL);
	parse(e, text, &e->from);
	parse(e, text, &e->cand);
	e->fresh = e->arena.used;
	return e;
}

void
edit_replace(struct edit *e, const char *text)
{
	struct arena old = e->arena;
	const char *from = conf_show(&old, &e->from, NULL, NULL);
	const char **touched = e->touched;

	e->arena = ARENA_INIT;
	parse(e, from, &e->from);
	parse(e, text, &e->cand);
	e->touched = NULL;
	for (size_t i = 0; i < e->n_touched; i++) {
		e->touched = arena_grow(&e->arena, e->touched, i, sizeof(e->touched[0]));
		e->touched[i] = arena_strdup(&e->arena, touched[i]);
	}
	e->fresh = e->arena.used;
	arena_free(&old);
}

static bool
has_touched(const struct edit *e, const char *what)
{
	for (size_t i = 0; i < e->n_touched; i++)
		if (strcmp(e->touched[i], what) == 0)
			return true;
	return false;
}

static void
note_other(const struct edit *o, const char *what, json_t *notes)
{
	char since[32], text[400];

	snprintf(text, sizeof(text), "%s (session %s) edits %s, too, since %s: not activated yet",
		o->who, o->session, what, time_fmt(o->changed_ns, since));
	json_array_append_new(notes, json_string(text));
}

void
edit_touch(struct config *c, struct edit *e, const struct control_request *rq, const char *what,
	json_t *notes)
{
	struct timespec ts;

	if (e->n_touched == 0)
		edit_others(c, e, notes);
	for (size_t i = 0; i < EDITS_MAX; i++) {
		const struct edit *o = &c->edits->edit[i];

		if (o != e && o->used && e->n_touched > 0 && has_touched(o, what))
			note_other(o, what, notes);
	}
	clock_gettime(CLOCK_REALTIME, &ts);
	e->changed_ns = (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
	snprintf(e->who, sizeof(e->who), "%s", rq->who ? rq->who : "?");
	if (!has_touched(e, what)) {
		e->touched = arena_grow(&e->arena, e->touched, e->n_touched, sizeof(e->touched[0]));
		e->touched[e->n_touched++] = arena_strdup(&e->arena, what);
	}
	if (e->arena.used > e->fresh * 4 + COMPACT_SIZE) {
		struct arena a = ARENA_INIT;

		edit_replace(e, conf_show(&a, &e->cand, NULL, NULL));
		arena_free(&a);
	}
}

void
edit_others(struct config *c, const struct edit *e, json_t *notes)
{
	struct arena a = ARENA_INIT;

	for (size_t i = 0; c->edits && i < EDITS_MAX; i++) {
		const struct edit *o = &c->edits->edit[i];
		const char *text;
		char since[32];

		if (o == e || !o->used || o->n_touched == 0)
			continue;
		text = arena_printf(&a, "%s (session %s) has edited ", o->who, o->session);
		for (size_t k = 0; k < o->n_touched && k < SHOWN_MAX; k++)
			text = arena_printf(&a, "%s%s%s", text, k ? ", " : "", o->touched[k]);
		if (o->n_touched > SHOWN_MAX)
			text = arena_printf(&a, "%s and %zu more", text, o->n_touched - SHOWN_MAX);
		text = arena_printf(&a, "%s, last at %s: %s", text, time_fmt(o->changed_ns, since),
			o->activated ? "activated, not committed" : "not activated");
		json_array_append_new(notes, json_string(text));
	}
	arena_free(&a);
}
