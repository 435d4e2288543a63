/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Texts from and to the peer. Only what both nodes share travels; each node puts its own name and
 * type behind it. What comes in is a text like any other: parsed, checked, and its hash compared.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "core/conf/candidate.h"
#include "daemon/config/edit.h"
#include "daemon/config/trial.h"

const char *
trial_shared_text(struct config *c, struct arena *a, const struct commit_id *id)
{
	struct conf_errors errors = {0};
	struct conf_candidate cand = {0};
	struct commit_head head;
	const char *text;
	size_t len;

	if (store_read(&c->store, id->number, a, &text, &len) < 0 ||
		!conf_parse(a, text, len, &cand, &errors))
		return NULL;
	if (!commit_head_parse(text, len, &head))
		head = (struct commit_head){0}; /* of a version without heads */
	head.id = *id;
	return revision_text(a, &head, candidate_show_shared(a, &cand));
}

bool
trial_send(void *ctx, const struct commit_msg *m)
{
	struct trial *t = ctx;
	struct arena a = ARENA_INIT;
	struct commit_msg copy = *m;
	bool sent;

	if (m->kind == COMMIT_PROPOSE || m->kind == COMMIT_TEXT) {
		copy.text = trial_shared_text(t->c, &a, &m->id);
		copy.len = copy.text ? strlen(copy.text) : 0;
	}
	sent = copy.len <= COMMIT_TEXT_MAX && (copy.text || m->kind != COMMIT_PROPOSE) &&
	       channel_send(t->channel, &copy);
	arena_free(&a);
	return sent;
}

/* The peer's revision with what is this node's own, prepared under its number. 0 or -errno. */
static int
prepare(struct trial *t, const struct commit_msg *m, char *why)
{
	struct config *c = t->c;
	struct conf_errors errors = {0};
	struct arena a = ARENA_INIT;
	struct commit_head head;
	const char *text;
	int r = -EBADMSG;

	if (!commit_head_parse(m->text, m->len, &head) || !commit_id_equal(&head.id, &m->id)) {
		snprintf(why, COMMIT_REASON_MAX, "the revision came damaged");
		return r;
	}
	text = arena_printf(
		&a, "%.*s\n%s", (int)m->len, m->text, candidate_show_local(&a, &c->rev.cand));
	r = trial_prepare(c, text, strlen(text), &head, &errors, why);
	if (r == 0 && !commit_id_equal(&t->next.id, &m->id)) {
		snprintf(why, COMMIT_REASON_MAX,
			"the same text means something else here: are both nodes of one version?");
		store_undo(&c->store, m->id.number);
		t->next.model = NULL;
		r = -EBADMSG;
	}
	arena_free(&a);
	return r;
}

int
trial_take_prepare(void *ctx, const struct commit_msg *m, char *why)
{
	struct trial *t = ctx;
	int r = prepare(t, m, why);

	if (r < 0 && !why[0])
		snprintf(why, COMMIT_REASON_MAX, "%s", strerror(-r));
	return r;
}

int
trial_take_kept(void *ctx, const struct commit_msg *m, char *why)
{
	struct trial *t = ctx;
	struct config *c = t->c;
	int r = prepare(t, m, why);

	if (r < 0)
		return r;
	r = store_keep(&c->store, m->id.number);
	if (r < 0) {
		snprintf(why, COMMIT_REASON_MAX, "it cannot be kept: %s", strerror(-r));
		return r;
	}
	t->commit.current = m->id;
	apply_force(c, &t->next);
	revision_fini(&t->next);
	trial_line(t);
	trial_rewire(c);
	return 0;
}

void
trial_differs(void *ctx, const struct commit_msg *m)
{
	struct trial *t = ctx;

	arena_free(&t->peer_arena);
	t->peer_arena = ARENA_INIT;
	t->peer_text = arena_strndup(&t->peer_arena, m->text, m->len);
	t->peer_id = m->id;
}
