/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Commands activate, commit, rollback and history, and ha -resolve. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "daemon/config/control.h"
#include "daemon/config/edit.h"
#include "daemon/config/trial.h"

#define ACTIVATE_WAIT_S 150 /* longer than core/commit waits for the peer */
#define HISTORY_MAX     1000

static unsigned
seconds_left(const struct commit *m)
{
	int64_t left = instant_sub(m->until, loop_now());

	return left > 0 ? (unsigned)((left + NS_PER_S - 1) / NS_PER_S) : 0;
}

json_t *
show_commit(const struct config *c)
{
	const struct trial *t = c->trial;
	const struct commit *m = &t->commit;
	json_t *o = json_pack("{s:s, s:s, s:I}", "phase", commit_phase_name(m->phase), "peer",
		commit_relation_name(m->relation), "kept", (json_int_t)m->current.number);

	if (m->phase == COMMIT_IDLE)
		return o;
	json_object_set_new(o, "trial", json_integer(m->trial.number));
	json_object_set_new(o, "by", json_string(t->author));
	json_object_set_new(o, "on_both", json_boolean(m->joined));
	if (m->phase == COMMIT_TRIAL)
		json_object_set_new(o, "seconds_left", json_integer(seconds_left(m)));
	return o;
}

void
show_commit_alarms(const struct config *c, json_t *list)
{
	const struct commit *m = &c->trial->commit;
	char text[300] = "";

	if (m->phase == COMMIT_TRIAL)
		snprintf(text, sizeof(text),
			"revision %u by %s is tried: it goes back in %u s unless it is committed",
			m->trial.number, c->trial->author, seconds_left(m));
	else if (m->relation == RELATION_DIVERGED)
		snprintf(text, sizeof(text),
			"the nodes' configurations have gone different ways: compare with changes "
			"-peer, then decide with ha -resolve mine|peer");
	if (text[0])
		json_array_append_new(list, json_string(text));
}

/* False with the answer filled in: something else is under way. */
static bool
is_idle(const struct config *c, struct answer *out)
{
	const struct commit *m = &c->trial->commit;

	switch (m->phase) {
	case COMMIT_IDLE:
		if (!c->trial->start.armed)
			return true;
		answer_fail(out, ANSWER_REFUSED, -1, "a revision is just being activated");
		break;
	case COMMIT_TRIAL:
		answer_fail(out, ANSWER_REFUSED, -1,
			"revision %u by %s waits to be kept, for another %u s", m->trial.number,
			c->trial->author, seconds_left(m));
		answer_hint(out, "keep it with commit, or take it back with rollback, first");
		break;
	case COMMIT_ASKING:
	case COMMIT_READY:
	case COMMIT_LEADING:
		answer_fail(out, ANSWER_REFUSED, -1, "revision %u by %s is just being activated",
			m->trial.number, c->trial->author);
		answer_hint(out, "try again in a moment");
		break;
	}
	return false;
}

static const char *
errors_text(struct arena *a, const struct conf_errors *errors, bool warnings)
{
	const char *text = "";

	for (size_t i = 0; i < errors->n && i < 50; i++) {
		const struct conf_error *e = &errors->e[i];

		if (e->warning == warnings)
			text = arena_printf(a, "%s%s%s%s%s%s%s", text, *text ? "\n" : "", e->object,
				*e->property ? ", " : "", e->property,
				*e->object || *e->property ? ": " : "", e->message);
	}
	return text;
}

static bool
is_active(const struct config *c)
{
	struct node_status s;

	return pages_node_status(c, &s) && s.role == ROLE_ACTIVE;
}

/* Checks, stores and tries a text. e: the edits it is made of, or NULL. */
static void
try_text(struct config *c, const struct control_request *rq, const char *text, const char *remark,
	struct edit *e, struct answer *out)
{
	struct trial *t = c->trial;
	struct conf_errors errors = {0};
	char why[COMMIT_REASON_MAX] = "";
	struct commit_head head;
	struct arena a = ARENA_INIT;
	int r;

	trial_head(c, rq->who ? rq->who : "?", remark, &head);
	r = trial_prepare(c, text, strlen(text), &head, &errors, why);
	if (r < 0) {
		const char *all = errors_text(&a, &errors, false);

		answer_fail(out, ANSWER_REFUSED, -1, "%s", *all ? all : why);
		answer_hint(out, "nothing has changed; the edits are as they were");
		arena_free(&a);
		return;
	}
	if (e)
		e->activated = head.id.number;
	out->code = ANSWER_WAIT;
	out->wait_s = ACTIVATE_WAIT_S;
	out->wait_id = t->answer_id = c->links.next_id++;
	arena_free(&a);
	t->start_number = t->next.number;
	loop_timer(&c->loop, &t->start, loop_now());
}

void
trial_start(struct loop_timer *timer, struct instant now)
{
	struct trial *t = timer->arg;
	struct config *c = t->c;

	channel_check(t->channel);
	if (t->commit.phase != COMMIT_IDLE || !t->next.model) { /* the peer was faster */
		edits_back(c, t->start_number);
		edit_activated(c, t->answer_id, COMMIT_NOT, "the peer activates a revision");
		t->answer_id = 0;
		return;
	}
	commit_activate(&t->commit, &t->next.id, t->next.model->settings.validation_timeout_s,
		is_active(c), now);
	trial_poll(c);
}

static void
refuse_old_base(struct config *c, const struct edit *e, struct answer *out)
{
	struct arena a = ARENA_INIT;
	const char *diff = candidate_diff(&a, &e->from, &c->rev.cand);
	int len = (int)strlen(diff) - (*diff != '\0'); /* without the last newline */

	answer_fail(out, ANSWER_REFUSED, -1,
		"revision %u is in force since the edits were begun on revision %u; it has\n%.*s",
		c->rev.number, e->base.number, len < 380 ? len : 380, diff);
	answer_hint(out, "merge brings the edits onto it when they touch other objects");
	arena_free(&a);
}

void
cmd_activate(struct config *c, const struct control_request *rq, struct answer *out)
{
	struct edit *e = edit_find(c, rq);
	struct arena a = ARENA_INIT;

	if (rq->n_args) {
		answer_fail(out, ANSWER_USAGE, 0, "%.64s: activate takes no word", rq->args[0]);
	} else if (!is_idle(c, out)) {
		;
	} else if (!c->in_force) {
		answer_fail(
			out, ANSWER_REFUSED, -1, "revision %u is not in force yet", c->rev.number);
		answer_hint(out, "see log for what stands in the way");
	} else if (!e || !*candidate_diff(&a, &e->from, &e->cand)) {
		answer_fail(out, ANSWER_REFUSED, -1, "nothing is edited in this session");
	} else if (!commit_id_equal(&e->base, &c->rev.id)) {
		refuse_old_base(c, e, out);
	} else {
		try_text(c, rq, conf_show(&a, &e->cand, NULL, NULL), "", e, out);
	}
	arena_free(&a);
}

/* Why the peer does not take part in it, or that it does. */
static const char *
peer_words(const struct config *c)
{
	const struct commit *m = &c->trial->commit;

	if (!c->rev.model->ha.enabled)
		return "";
	if (m->joined)
		return " on both nodes";
	switch (m->relation) {
	case RELATION_UNKNOWN:
		return " on this node only: the peer is away, and catches up when it is back";
	case RELATION_DIVERGED:
		return " on this node only: the peer has another configuration (ha -resolve)";
	case RELATION_SAME:
	case RELATION_BEHIND:
	case RELATION_AHEAD:
		break;
	}
	return " on this node; the peer catches up";
}

void
edit_activated(struct config *c, uint32_t wait_id, enum commit_result r, const char *why)
{
	const struct commit *m = &c->trial->commit;
	struct answer answer = {.arg = -1};

	if (r == COMMIT_DONE) {
		answer_text(&answer, "Revision %u is in force%s. Keep it with commit within %u s",
			m->trial.number, peer_words(c), seconds_left(m));
		json_object_set_new(answer.data, "revision", json_integer(m->trial.number));
		json_object_set_new(answer.data, "on_both", json_boolean(m->joined));
		json_object_set_new(answer.data, "seconds_left", json_integer(seconds_left(m)));
	} else {
		answer_fail(&answer, ANSWER_REFUSED, -1, "%s", why);
		answer_hint(
			&answer, "nothing has changed on either node; the edits are as they were");
	}
	control_answer(c->control, wait_id, &answer);
}

void
cmd_commit(struct config *c, const struct control_request *rq, struct answer *out)
{
	struct trial *t = c->trial;
	bool joined = t->commit.joined;
	char why[COMMIT_REASON_MAX] = "";
	int r;

	if (rq->n_args) {
		answer_fail(out, ANSWER_USAGE, 0, "%.64s: commit takes no word", rq->args[0]);
		return;
	}
	channel_check(t->channel);
	r = commit_keep(&t->commit, why);
	if (r == -ENOENT && t->commit.phase == COMMIT_IDLE) {
		answer_fail(out, ANSWER_REFUSED, -1, "nothing waits to be kept");
		answer_hint(out, "commit keeps what activate has put into force");
		return;
	}
	if (r == -ENOENT) {
		is_idle(c, out);
		return;
	}
	if (r < 0) {
		answer_fail(out, ANSWER_FAILED, -1, "%s", why);
		answer_hint(out, "it goes back in %u s unless commit works until then",
			seconds_left(&t->commit));
		return;
	}
	if (joined && t->commit.peer_up) {
		t->commit.relation = RELATION_AHEAD; /* until the peer has said that it kept it */
		out->code = ANSWER_WAIT;
		out->wait_s = ACTIVATE_WAIT_S;
		out->wait_id = t->keep_id = c->links.next_id++;
	} else {
		answer_text(out, "Revision %u is kept%s", c->rev.number, peer_words(c));
	}
	trial_poll(c);
}

void
edit_committed(struct config *c, uint32_t wait_id)
{
	struct answer answer = {.arg = -1};
	bool both = c->trial->commit.relation == RELATION_SAME;

	answer_text(&answer, "Revision %u is kept%s", c->rev.number,
		both ? " on both nodes" : peer_words(c));
	control_answer(c->control, wait_id, &answer);
}

static void
rollback_to(struct config *c, const struct control_request *rq, uint32_t number, struct answer *out)
{
	struct arena a = ARENA_INIT;
	struct conf_candidate cand = {0};
	struct conf_errors errors = {0};
	const char *text, *remark;
	size_t len;
	int r = store_read(&c->store, number, &a, &text, &len);

	if (r < 0) {
		answer_fail(out, ANSWER_REFUSED, 0, "revision %u: %s", number,
			r == -ENOENT ? "there is none of that number" : strerror(-r));
		answer_hint(out, "history lists them");
	} else if (number == c->rev.number) {
		answer_fail(out, ANSWER_REFUSED, 0, "revision %u is in force", number);
	} else {
		/* What is this node's own stays: a revision may have come from the peer. */
		conf_parse(&a, text, len, &cand, &errors);
		text = arena_printf(&a, "%s%s", candidate_show_shared(&a, &cand),
			candidate_show_local(&a, &c->rev.cand));
		remark = arena_printf(&a, "as revision %u", number);
		try_text(c, rq, text, remark, NULL, out);
	}
	arena_free(&a);
}

void
cmd_rollback(struct config *c, const struct control_request *rq, struct answer *out)
{
	struct commit *m = &c->trial->commit;
	uint32_t number, tried = m->trial.number;

	if (rq->n_args > 1) {
		answer_fail(out, ANSWER_USAGE, 1, "%.64s: one word too many", rq->args[1]);
	} else if (rq->n_args == 0 ||
		   (arg_number(rq->args[0], 1, UINT32_MAX, &number) && m->phase == COMMIT_TRIAL &&
			   number == m->current.number)) {
		if (commit_back(m) < 0) {
			answer_fail(out, ANSWER_REFUSED, -1, "nothing waits to be kept");
			answer_hint(out, "rollback N brings revision N back");
			return;
		}
		answer_text(out, "Revision %u is in force again, %u is taken back", c->rev.number,
			tried);
		trial_poll(c);
	} else if (!arg_number(rq->args[0], 1, UINT32_MAX, &number)) {
		answer_fail(
			out, ANSWER_USAGE, 0, "%.64s: not the number of a revision", rq->args[0]);
	} else if (is_idle(c, out)) {
		rollback_to(c, rq, number, out);
	}
}

static const char *
kind_word(const struct config *c, const struct store_entry *e)
{
	static const char *const words[_STORE_KIND_MAX] = {
		[STORE_KEPT] = "kept", [STORE_TRIAL] = "tried", [STORE_UNDONE] = "taken back"};

	return e->number == c->trial->commit.current.number ? "in force" : words[e->kind];
}

void
cmd_history(struct config *c, const struct control_request *rq, struct answer *out)
{
	struct arena a = ARENA_INIT;
	json_t *list = json_array();
	struct store_entry *e;
	uint32_t max = 20;
	size_t n;
	int r;

	if (rq->n_args > 1 || (rq->n_args == 1 && !arg_number(rq->args[0], 1, HISTORY_MAX, &max))) {
		answer_fail(out, ANSWER_USAGE, 0, "N is a number from 1 to %u", HISTORY_MAX);
		json_decref(list);
		return;
	}
	r = store_list(&c->store, &a, &e, &n);
	for (size_t i = 0; r == 0 && i < n && i < max; i++) {
		char text[COMMIT_HEAD_TEXT_MAX + 1], when[32];
		ssize_t len =
			store_read_start(&c->store, e[i].number, e[i].kind, text, sizeof(text));
		struct commit_head h = {.time_s = e[i].written_s};

		if (len > 0 && !commit_head_parse(text, (size_t)len, &h))
			h.time_s = e[i].written_s;
		json_array_append_new(
			list, json_pack("{s:I, s:s, s:s, s:s, s:s}", "revision",
				      (json_int_t)e[i].number, "state", kind_word(c, &e[i]), "time",
				      time_fmt(h.time_s * NS_PER_S, when), "author", h.author,
				      "remark", h.remark));
	}
	arena_free(&a);
	out->data = json_pack("{s:o}", "revisions", list);
	if (r < 0)
		answer_fail(out, ANSWER_FAILED, -1, "the store cannot be read: %s", strerror(-r));
}

void
cmd_ha_resolve(struct config *c, const struct control_request *rq, struct answer *out)
{
	struct trial *t = c->trial;
	bool mine = rq->n_args == 2 && strcmp(rq->args[1], "mine") == 0;
	bool peer = rq->n_args == 2 && strcmp(rq->args[1], "peer") == 0;
	char why[COMMIT_REASON_MAX] = "";

	if (!mine && !peer) {
		answer_fail(out, ANSWER_USAGE, 1, "-resolve needs one of: mine, peer");
	} else if (!is_idle(c, out)) {
		;
	} else if (t->commit.relation != RELATION_DIVERGED) {
		answer_fail(out, ANSWER_REFUSED, -1, "there is no difference to be resolved: %s",
			t->commit.relation == RELATION_UNKNOWN ? "the peer is away"
							       : "one node follows the other");
	} else if (peer &&
		   (!t->peer_text || !commit_id_equal(&t->peer_id, &t->commit.peer_current))) {
		answer_fail(out, ANSWER_REFUSED, -1, "the peer's text is on its way");
		answer_hint(out, "look at it with changes -peer, in a moment");
	} else if (trial_resolve(c, mine, rq->who ? rq->who : "?", why) < 0) {
		answer_fail(out, ANSWER_FAILED, -1, "%s", why);
	} else {
		answer_text(out, "Revision %u, %s configuration, is kept for both nodes",
			c->rev.number, mine ? "this node's" : "the peer's");
	}
}
