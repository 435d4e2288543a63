/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decisions. Whatever is not certain ends on the old revision: an attempt whose answer is
 * missing is given up, and a node in a trial that its peer does not share goes back.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "core/commit/commit.h"

static bool
send(struct commit *c, enum commit_kind kind, const struct commit_id *id, const char *text)
{
	struct commit_msg m = {.kind = kind,
		.id = *id,
		.other = c->current,
		.timeout_s = c->timeout_s,
		.text = text,
		.len = text ? strlen(text) : 0};

	return c->peer_up && c->ops->send(c->ctx, &m);
}

static void
send_state(struct commit *c)
{
	struct commit_line line = {0};
	struct commit_msg m = {.kind = COMMIT_STATE, .id = c->current, .line = &line};

	if (!c->peer_up)
		return;
	if (c->phase != COMMIT_IDLE)
		m.other = c->trial;
	c->ops->line(c->ctx, &line, &m.highest);
	c->ops->send(c->ctx, &m);
}

static void
idle(struct commit *c)
{
	c->phase = COMMIT_IDLE;
	c->applied = c->joined = false;
	c->until = INSTANT_NEVER;
	memset(&c->trial, 0, sizeof(c->trial));
}

/* The trial, or what was prepared for one, is over. */
static void
drop(struct commit *c)
{
	struct commit_id id = c->trial;

	idle(c);
	c->ops->back(c->ctx, &id);
	send_state(c);
}

static void
fail(struct commit *c, const char *why)
{
	drop(c);
	c->ops->answer(c->ctx, COMMIT_NOT, why);
}

/* 0 or -errno. */
static int
apply(struct commit *c, struct instant now, char *why)
{
	int r = c->ops->apply(c->ctx, &c->trial, c->timeout_s, c->joined, why);

	if (r < 0)
		return r;
	c->applied = true;
	c->until = instant_add(now, c->timeout_s * NS_PER_S);
	return 0;
}

static void
in_trial(struct commit *c)
{
	c->phase = COMMIT_TRIAL;
	send_state(c);
}

void
commit_init(
	struct commit *c, const struct commit_ops *ops, void *ctx, const struct commit_id *current)
{
	*c = (struct commit){.ops = ops, .ctx = ctx, .current = *current, .until = INSTANT_NEVER};
}

void
commit_resume(struct commit *c, const struct commit_id *trial, bool joined, int64_t left_ns,
	struct instant now)
{
	c->phase = COMMIT_TRIAL;
	c->trial = *trial;
	c->joined = joined;
	c->applied = true;
	c->until = instant_add(now, left_ns);
}

static void
activate_alone(struct commit *c, struct instant now)
{
	char why[COMMIT_REASON_MAX] = "";

	if (apply(c, now, why) < 0) {
		fail(c, why);
		return;
	}
	in_trial(c);
	c->ops->answer(c->ctx, COMMIT_DONE, "");
}

void
commit_activate(struct commit *c, const struct commit_id *id, uint32_t timeout_s, bool active,
	struct instant now)
{
	c->trial = *id;
	c->timeout_s = timeout_s;
	c->applied = false;
	c->first = !active;
	c->phase = COMMIT_ASKING;
	c->joined = c->peer_up && c->peer_known && c->relation == RELATION_SAME;
	if (!c->joined) {
		activate_alone(c, now);
		return;
	}
	c->until = instant_add(now, COMMIT_ASK_NS);
	if (!send(c, COMMIT_PROPOSE, &c->trial, NULL))
		fail(c, "the peer cannot be told");
}

int
commit_keep(struct commit *c, char *why)
{
	struct commit_id id = c->trial;
	int r;

	if (c->phase != COMMIT_TRIAL)
		return -ENOENT;
	r = c->ops->keep(c->ctx, &id, why);
	if (r < 0)
		return r;
	c->current = id;
	idle(c);
	/* What is known of the peer is judged again when it answers: it was of the old revision. */
	send_state(c);
	return 0;
}

int
commit_back(struct commit *c)
{
	if (c->phase != COMMIT_TRIAL)
		return -ENOENT;
	drop(c);
	return 0;
}

static enum commit_relation
relate(struct commit *c, const struct commit_line *peer)
{
	struct commit_line mine = {0};
	uint32_t highest;

	if (commit_id_equal(&c->current, &c->peer_current))
		return RELATION_SAME;
	if (commit_same_content(&c->current, &c->peer_current)) /* the higher number counts */
		return c->current.number < c->peer_current.number ? RELATION_BEHIND
								  : RELATION_AHEAD;
	for (unsigned i = 0; i < peer->n; i++)
		if (commit_id_equal(&peer->id[i], &c->current))
			return RELATION_BEHIND;
	c->ops->line(c->ctx, &mine, &highest);
	for (unsigned i = 0; i < mine.n; i++)
		if (commit_id_equal(&mine.id[i], &c->peer_current))
			return RELATION_AHEAD;
	return RELATION_DIVERGED;
}

/* Asks for the peer's text: to catch up, or to be able to show the difference. */
static void
fetch(struct commit *c, struct instant now)
{
	bool wanted =
		c->relation == RELATION_BEHIND || (c->relation == RELATION_DIVERGED && !c->fetched);

	if (c->phase != COMMIT_IDLE || !wanted || !instant_reached(now, c->fetch_at))
		return;
	c->fetch_at = instant_add(now, COMMIT_AGAIN_NS);
	send(c, COMMIT_FETCH, &c->peer_current, NULL);
}

/* A trial that both nodes share ends on both in the same way. True: it has ended. */
static void
follow(struct commit *c)
{
	char why[COMMIT_REASON_MAX] = "";
	struct commit_id id = c->trial;

	if (c->phase != COMMIT_TRIAL || !c->joined || commit_id_equal(&c->peer_trial, &id))
		return;
	if (!commit_id_equal(&c->peer_current, &id)) {
		drop(c);
		c->ops->tell(c->ctx, TALE_PEER_BACK, &id, "");
	} else if (commit_keep(c, why) < 0) { /* goes back by its timer, then catches up */
		c->ops->tell(c->ctx, TALE_NOT_KEPT, &id, why);
	} else {
		c->ops->tell(c->ctx, TALE_PEER_KEPT, &id, "");
	}
}

static void
take_state(struct commit *c, const struct commit_msg *m, struct instant now)
{
	enum commit_relation before = c->relation;
	bool news = !c->peer_known || !commit_id_equal(&c->peer_current, &m->id);

	c->peer_known = true;
	c->peer_current = m->id;
	c->peer_trial = m->other;
	c->peer_highest = m->highest;
	if (news) {
		c->fetched = false;
		c->fetch_at = INSTANT_ZERO;
	}
	follow(c);
	c->relation = relate(c, m->line);
	if (c->relation == RELATION_DIVERGED && before != RELATION_DIVERGED)
		c->ops->tell(c->ctx, TALE_DIVERGED, &c->peer_current, "");
	fetch(c, now);
}

static void
take_proposal(struct commit *c, const struct commit_msg *m, struct instant now)
{
	char why[COMMIT_REASON_MAX] = "";

	if (c->phase != COMMIT_IDLE)
		snprintf(why, sizeof(why), "the peer is busy with revision %u", c->trial.number);
	else if (!commit_id_equal(&m->other, &c->current))
		snprintf(why, sizeof(why), "the peer has another revision now (%u)",
			c->current.number);
	else
		c->ops->prepare(c->ctx, m, why);
	if (why[0]) {
		send(c, COMMIT_REFUSED, &m->id, why);
		return;
	}
	c->phase = COMMIT_READY;
	c->trial = m->id;
	c->joined = true;
	c->applied = false;
	c->until = instant_add(now, COMMIT_READY_NS);
	send(c, COMMIT_PREPARED, &m->id, NULL);
}

static void
take_prepared(struct commit *c, struct instant now)
{
	char why[COMMIT_REASON_MAX] = "";

	if (c->first && apply(c, now, why) < 0) {
		send(c, COMMIT_ABORT, &c->trial, NULL);
		fail(c, why);
		return;
	}
	c->phase = COMMIT_LEADING;
	if (!c->applied)
		c->until = instant_add(now, COMMIT_APPLY_NS);
	if (!send(c, COMMIT_APPLY, &c->trial, NULL))
		fail(c, "the peer cannot be told");
}

static void
take_order(struct commit *c, const struct commit_msg *m, struct instant now)
{
	char why[COMMIT_REASON_MAX] = "";

	c->timeout_s = m->timeout_s;
	if (apply(c, now, why) < 0) {
		struct commit_id id = c->trial;

		drop(c);
		send(c, COMMIT_FAILED, &id, why);
		return;
	}
	send(c, COMMIT_APPLIED, &c->trial, NULL);
	in_trial(c);
}

static void
take_applied(struct commit *c, struct instant now)
{
	char why[COMMIT_REASON_MAX] = "";

	if (!c->applied && apply(c, now, why) < 0) {
		send(c, COMMIT_ABORT, &c->trial, NULL);
		fail(c, why);
		return;
	}
	in_trial(c);
	c->ops->answer(c->ctx, COMMIT_DONE, "");
}

static void
take_refusal(struct commit *c, const struct commit_msg *m)
{
	char why[COMMIT_REASON_MAX];

	snprintf(why, sizeof(why), "the peer: %.*s", (int)(m->len < 300 ? m->len : 300), m->text);
	fail(c, why);
}

static void
take_text(struct commit *c, const struct commit_msg *m, struct instant now)
{
	char why[COMMIT_REASON_MAX] = "";

	if (c->phase != COMMIT_IDLE || !commit_id_equal(&m->id, &c->peer_current))
		return;
	if (c->relation == RELATION_DIVERGED) {
		c->fetched = true;
		c->ops->differs(c->ctx, m);
	} else if (c->relation != RELATION_BEHIND) {
		return;
	} else if (c->ops->take(c->ctx, m, why) < 0) {
		c->ops->tell(c->ctx, TALE_NOT_TAKEN, &m->id, why);
		c->fetch_at = instant_add(now, COMMIT_AGAIN_NS);
	} else {
		c->current = m->id;
		c->relation = RELATION_SAME;
		c->ops->tell(c->ctx, TALE_TAKEN, &m->id, "");
		send_state(c);
	}
}

/* Messages about one attempt, in the phase where they mean something; others came too late. */
static void
take_step(struct commit *c, const struct commit_msg *m, struct instant now)
{
	if (c->phase == COMMIT_IDLE || !c->joined || !commit_id_equal(&m->id, &c->trial))
		return;
	if (m->kind == COMMIT_PREPARED && c->phase == COMMIT_ASKING)
		take_prepared(c, now);
	else if (m->kind == COMMIT_REFUSED && c->phase == COMMIT_ASKING)
		take_refusal(c, m);
	else if (m->kind == COMMIT_APPLY && c->phase == COMMIT_READY)
		take_order(c, m, now);
	else if (m->kind == COMMIT_APPLIED && c->phase == COMMIT_LEADING)
		take_applied(c, now);
	else if (m->kind == COMMIT_FAILED && c->phase == COMMIT_LEADING)
		take_refusal(c, m);
	else if (m->kind == COMMIT_ABORT &&
		 (c->phase == COMMIT_READY || c->phase == COMMIT_TRIAL)) {
		drop(c);
		c->ops->tell(c->ctx, TALE_PEER_BACK, &m->id, "");
	}
}

void
commit_message(struct commit *c, const struct commit_msg *m, struct instant now)
{
	switch (m->kind) {
	case COMMIT_STATE:
		take_state(c, m, now);
		break;
	case COMMIT_PROPOSE:
		take_proposal(c, m, now);
		break;
	case COMMIT_FETCH:
		if (commit_id_equal(&m->id, &c->current))
			send(c, COMMIT_TEXT, &c->current, NULL);
		else
			send_state(c);
		break;
	case COMMIT_TEXT:
		take_text(c, m, now);
		break;
	case COMMIT_PREPARED:
	case COMMIT_REFUSED:
	case COMMIT_APPLY:
	case COMMIT_APPLIED:
	case COMMIT_FAILED:
	case COMMIT_ABORT:
		take_step(c, m, now);
		break;
	case _COMMIT_KIND_MAX:
		break;
	}
}

void
commit_peer_up(struct commit *c, struct instant now)
{
	commit_peer_down(c);
	c->peer_up = true;
	c->fetch_at = now;
	send_state(c);
}

/* What was under way with the peer is given up; a trial goes on until its end. */
void
commit_peer_down(struct commit *c)
{
	c->peer_up = c->peer_known = false;
	c->relation = RELATION_UNKNOWN;
	switch (c->phase) {
	case COMMIT_ASKING:
	case COMMIT_LEADING:
		fail(c, "the peer went away meanwhile: try again");
		break;
	case COMMIT_READY:
		drop(c);
		break;
	case COMMIT_IDLE:
	case COMMIT_TRIAL:
		break;
	}
}

void
commit_tick(struct commit *c, struct instant now)
{
	struct commit_id id = c->trial;

	if (!instant_reached(now, c->until)) {
		if (c->peer_known)
			fetch(c, now);
		return;
	}
	switch (c->phase) {
	case COMMIT_IDLE:
		c->until = INSTANT_NEVER;
		break;
	case COMMIT_ASKING:
	case COMMIT_LEADING:
		send(c, COMMIT_ABORT, &id, NULL);
		fail(c, "the peer has not answered in time");
		break;
	case COMMIT_READY:
		drop(c);
		break;
	case COMMIT_TRIAL:
		drop(c);
		c->ops->tell(c->ctx, TALE_TIMEOUT, &id, "");
		break;
	}
}

struct instant
commit_deadline(const struct commit *c)
{
	bool asks = c->phase == COMMIT_IDLE && c->peer_known &&
		    (c->relation == RELATION_BEHIND ||
			    (c->relation == RELATION_DIVERGED && !c->fetched));

	return asks ? instant_min(c->until, c->fetch_at) : c->until;
}

void
commit_changed(struct commit *c, const struct commit_id *current, struct instant now)
{
	(void)now;
	c->current = *current;
	if (c->peer_known) /* until it has answered: its line may hold ours */
		c->relation =
			commit_id_equal(current, &c->peer_current) ? RELATION_SAME : RELATION_AHEAD;
	send_state(c);
}

const char *
commit_phase_name(enum commit_phase p)
{
	static const char *const names[] = {"idle", "asking", "ready", "leading", "trial"};

	return names[p];
}

const char *
commit_relation_name(enum commit_relation r)
{
	static const char *const names[] = {"unknown", "same", "behind", "ahead", "diverged"};

	return names[r];
}
