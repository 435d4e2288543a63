/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What core/commit orders, done on this node. The order on the disk is what makes a crash harmless:
 * N.trial, then STATE/pending, then the kernel; keeping it is one rename of STATE/current, and
 * going back begins with the removal of STATE/pending.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "daemon/config/control.h"
#include "daemon/config/edit.h"
#include "daemon/config/trial.h"
#include "sys/nft.h"

#define HOLD_NS      (2 * NS_PER_S) /* the other processes wait so long for the peer's */
#define KEEP_WAIT_NS (3 * NS_PER_S) /* commit waits so long for the peer's word */

static int
disk(char *why, const char *what, int r)
{
	snprintf(why, COMMIT_REASON_MAX, "%s: %s%s", what, strerror(-r),
		r == -ENOSPC || r == -EDQUOT ? ": make room on the disk" : "");
	return r;
}

static void
line_add(struct commit_line *l, const struct commit_id *id)
{
	if (l->n < COMMIT_LINE_MAX && id->number)
		l->id[l->n++] = *id;
}

void
trial_line(struct trial *t)
{
	struct arena a = ARENA_INIT;
	struct store_entry *e;
	size_t n;

	t->line.n = 0;
	line_add(&t->line, &t->commit.current);
	if (store_list(&t->c->store, &a, &e, &n) < 0)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		char text[COMMIT_HEAD_TEXT_MAX + 1];
		struct commit_head h;
		ssize_t len;

		if (e[i].kind != STORE_KEPT || e[i].number > t->commit.current.number)
			continue;
		len = store_read_start(&t->c->store, e[i].number, STORE_KEPT, text, sizeof(text));
		if (len <= 0 || !commit_head_parse(text, (size_t)len, &h))
			continue;
		line_add(&t->line, &h.id);
		for (unsigned k = 0; k < h.n_replaces; k++)
			line_add(&t->line, &h.replaces[k]);
	}
	arena_free(&a);
}

uint32_t
trial_number(const struct config *c)
{
	uint32_t highest = 0;

	store_highest(&c->store, &highest);
	if (c->trial->commit.peer_known && c->trial->commit.peer_highest > highest)
		highest = c->trial->commit.peer_highest;
	if (c->rev.number > highest)
		highest = c->rev.number;
	return highest + 1;
}

void
trial_head(const struct config *c, const char *who, const char *remark, struct commit_head *out)
{
	*out = (struct commit_head){.id.number = trial_number(c),
		.time_s = time(NULL),
		.n_replaces = 1,
		.replaces = {c->trial->commit.current}};
	snprintf(out->author, sizeof(out->author), "%s on %s", who, c->rev.model->device_name);
	snprintf(out->remark, sizeof(out->remark), "%s", remark);
}

static const char *
first_error(struct arena *a, const struct conf_errors *errors)
{
	for (size_t i = 0; i < errors->n; i++)
		if (!errors->e[i].warning)
			return arena_printf(a, "%s%s%s%s%s", errors->e[i].object,
				*errors->e[i].property ? ", " : "", errors->e[i].property,
				*errors->e[i].object ? ": " : "", errors->e[i].message);
	return "it cannot be used";
}

int
trial_prepare(struct config *c, const char *text, size_t len, const struct commit_head *head,
	struct conf_errors *errors, char *why)
{
	struct trial *t = c->trial;
	struct commit_head h = *head;
	char nft[256];
	int r;

	revision_fini(&t->next);
	r = revision_make(&t->next, h.id.number, text, len, &c->store, c->opts, &c->log, errors);
	if (r < 0) {
		snprintf(why, COMMIT_REASON_MAX, "%s", first_error(&t->next.arena, errors));
		t->next.model = NULL;
		return r;
	}
	r = nft_check(t->next.ruleset, nft, sizeof(nft));
	if (r < 0) {
		snprintf(why, COMMIT_REASON_MAX, "the rules cannot be loaded: %s", nft);
	} else {
		h.id = t->next.id;
		text = revision_text(
			&t->next.arena, &h, conf_show(&t->next.arena, &t->next.cand, NULL, NULL));
		r = store_prepare(&c->store, h.id.number, text, strlen(text));
		if (r < 0)
			disk(why, "the revision cannot be stored", r);
	}
	if (r < 0)
		t->next.model = NULL;
	snprintf(t->author, sizeof(t->author), "%s", h.author);
	return r;
}

/* By what engine and state sync hear their like: both nodes change over at the same moment. */
static bool
hear_otherwise(const struct ha_conf *a, const struct ha_conf *b)
{
	return a->enabled && b->enabled &&
	       (a->cluster_id != b->cluster_id || a->ethertype != b->ethertype);
}

static void
hold(struct trial *t)
{
	t->c->links.held = true;
	loop_timer(&t->c->loop, &t->hold_timer, instant_add(loop_now(), HOLD_NS));
}

static void
release(struct loop_timer *timer, struct instant now)
{
	struct trial *t = timer->arg;

	(void)now;
	loop_timer_stop(&t->c->loop, &t->hold_timer);
	t->c->links.held = false;
	links_tell_conf(t->c);
}

/* The peer has come as far as this node has, or is not there. */
static bool
peer_is_level(const struct commit *m)
{
	if (!m->peer_up)
		return true;
	return m->phase == COMMIT_TRIAL ? commit_id_equal(&m->peer_trial, &m->trial)
					: m->phase == COMMIT_IDLE && !m->peer_trial.number;
}

static int
op_apply(void *ctx, const struct commit_id *id, uint32_t timeout_s, bool joined, char *why)
{
	struct trial *t = ctx;
	struct config *c = t->c;
	struct store_pending p = {.revision = id->number,
		.back = t->commit.current.number,
		.joined = joined,
		.timeout_s = timeout_s};
	int r = t->next.model ? store_pend(&c->store, &p) : -ENOENT;

	if (r < 0)
		return disk(why, "the way back cannot be stored", r);
	if (joined && hear_otherwise(&c->rev.ha, &t->next.ha))
		hold(t);
	r = apply_change(c, &t->next, why, COMMIT_REASON_MAX);
	revision_fini(&t->next); /* the old one, or the one that did not work */
	if (r < 0) {
		if (c->links.held)
			release(&t->hold_timer, loop_now());
		store_unpend(&c->store);
		return r;
	}
	eventlog_add(&c->log, NOTE_COMMIT_TRIED, ARG(id->number), ARG(t->author), ARG(timeout_s));
	trial_rewire(c);
	return 0;
}

static int
op_keep(void *ctx, const struct commit_id *id, char *why)
{
	struct trial *t = ctx;
	struct config *c = t->c;
	int r = store_keep(&c->store, id->number);

	if (r < 0)
		return disk(why, "the revision cannot be kept", r);
	store_unpend(&c->store); /* when it stays: it names the kept revision, and is void */
	store_prune(&c->store, time(NULL));
	eventlog_add(&c->log, NOTE_COMMIT_KEPT, ARG(id->number));
	edits_kept(c, id->number);
	t->commit.current = *id;
	trial_line(t);
	return 0;
}

static void
op_back(void *ctx, const struct commit_id *id)
{
	struct trial *t = ctx;
	struct config *c = t->c;
	bool in_force = c->rev.number == id->number;
	struct revision kept;
	int r = store_unpend(&c->store);

	if (r < 0)
		eventlog_add(&c->log, NOTE_STORE_FAILED, ARG("pending"), ARG(strerror(-r)));
	store_undo(&c->store, id->number);
	revision_fini(&t->next);
	edits_back(c, id->number);
	if (!in_force)
		return;
	r = revision_load(&kept, 0, &c->store, c->opts, &c->log);
	if (r < 0)
		return; /* logged; what is tried stays until the disk can be read */
	if (t->commit.peer_up && hear_otherwise(&c->rev.ha, &kept.ha))
		hold(t);
	apply_force(c, &kept);
	revision_fini(&kept);
	eventlog_add(&c->log, NOTE_COMMIT_BACK, ARG(id->number), ARG(c->rev.number));
	trial_rewire(c);
}

static void
op_line(void *ctx, struct commit_line *out, uint32_t *highest)
{
	struct trial *t = ctx;

	*out = t->line;
	*highest = 0;
	store_highest(&t->c->store, highest);
}

static void
op_answer(void *ctx, enum commit_result r, const char *why)
{
	struct trial *t = ctx;
	uint32_t id = t->answer_id;

	t->answer_id = 0;
	if (id)
		edit_activated(t->c, id, r, why);
}

static void
op_tell(void *ctx, enum commit_tale tale, const struct commit_id *id, const char *why)
{
	struct trial *t = ctx;
	struct eventlog *log = &t->c->log;

	switch (tale) {
	case TALE_PEER_KEPT:
		eventlog_add(log, NOTE_COMMIT_PEER_KEPT, ARG(id->number));
		break;
	case TALE_PEER_BACK:
		eventlog_add(log, NOTE_COMMIT_PEER_BACK, ARG(id->number));
		break;
	case TALE_TIMEOUT:
		eventlog_add(log, NOTE_COMMIT_TIMEOUT, ARG(id->number));
		break;
	case TALE_TAKEN:
		eventlog_add(log, NOTE_COMMIT_TAKEN, ARG(id->number));
		break;
	case TALE_NOT_TAKEN:
		eventlog_add(log, NOTE_COMMIT_NOT_TAKEN, ARG(id->number), ARG(why));
		break;
	case TALE_NOT_KEPT:
		eventlog_add(log, NOTE_COMMIT_NOT_KEPT, ARG(id->number), ARG(why));
		break;
	case TALE_DIVERGED:
		eventlog_add(
			log, NOTE_COMMIT_DIVERGED, ARG(t->commit.current.number), ARG(id->number));
		break;
	}
}

static const struct commit_ops ops = {
	.prepare = trial_take_prepare,
	.apply = op_apply,
	.keep = op_keep,
	.back = op_back,
	.take = trial_take_kept,
	.differs = trial_differs,
	.send = trial_send,
	.line = op_line,
	.answer = op_answer,
	.tell = op_tell,
};

/* A trial that was under way: its revision into c->rev, the kept one's identity into *kept. */
static bool
resume(struct config *c, const struct store_pending *p, struct commit_id *kept)
{
	struct revision tried;

	*kept = c->rev.id;
	if (p->back != kept->number || p->revision == kept->number ||
		store_pending_left_ms(p) <= 0 ||
		revision_load(&tried, p->revision, &c->store, c->opts, &c->log) < 0)
		return false;
	revision_fini(&c->rev);
	c->rev = tried;
	return true;
}

/* Left by a process that ended while it prepared, or before it could say “undone”. */
static void
tidy(struct config *c, uint32_t tried)
{
	struct arena a = ARENA_INIT;
	struct store_entry *e;
	size_t n;

	if (store_list(&c->store, &a, &e, &n) == 0)
		for (size_t i = 0; i < n; i++)
			if (e[i].kind == STORE_TRIAL && e[i].number != tried)
				store_undo(&c->store, e[i].number);
	arena_free(&a);
}

int
trial_load(struct config *c)
{
	struct trial *t = c->trial = calloc(1, sizeof(*t));
	struct store_pending p;
	struct commit_id kept;
	bool resumed = false;
	int r;

	if (!t)
		return -ENOMEM;
	t->c = c;
	r = revision_load(&c->rev, 0, &c->store, c->opts, &c->log);
	if (r < 0)
		return r;
	kept = c->rev.id;
	if (store_pending(&c->store, &p) == 0) {
		resumed = resume(c, &p, &kept);
		if (!resumed && p.revision != kept.number) {
			store_unpend(&c->store);
			store_undo(&c->store, p.revision);
			eventlog_add(&c->log, NOTE_COMMIT_TIMEOUT, ARG(p.revision));
			eventlog_add(&c->log, NOTE_COMMIT_BACK, ARG(p.revision), ARG(kept.number));
		} else if (!resumed) {
			store_unpend(&c->store);
		}
	}
	tidy(c, resumed ? p.revision : 0);
	commit_init(&t->commit, &ops, t, &kept);
	if (resumed) {
		commit_resume(&t->commit, &c->rev.id, p.joined,
			store_pending_left_ms(&p) * NS_PER_MS, loop_now());
		eventlog_add(&c->log, NOTE_COMMIT_RESUMED, ARG(p.revision),
			ARG(store_pending_left_ms(&p) / 1000));
	}
	trial_line(t);
	return 0;
}

static void
trial_timer(struct loop_timer *timer, struct instant now)
{
	struct trial *t = timer->arg;

	commit_tick(&t->commit, now);
	trial_poll(t->c);
}

static void
keep_late(struct loop_timer *timer, struct instant now)
{
	struct trial *t = timer->arg;
	uint32_t id = t->keep_id;

	(void)now;
	t->keep_id = 0;
	if (id)
		edit_committed(t->c, id);
}

void
trial_open(struct config *c)
{
	struct trial *t = c->trial;

	t->timer.fn = trial_timer;
	t->start.fn = trial_start;
	t->start.arg = t;
	t->keep_timer.fn = keep_late;
	t->hold_timer.fn = release;
	t->timer.arg = t->keep_timer.arg = t->hold_timer.arg = t;
	t->channel = channel_open(c);
	trial_poll(c);
}

void
trial_close(struct config *c)
{
	struct trial *t = c->trial;

	if (!t)
		return;
	loop_timer_stop(&c->loop, &t->timer);
	loop_timer_stop(&c->loop, &t->keep_timer);
	loop_timer_stop(&c->loop, &t->start);
	loop_timer_stop(&c->loop, &t->hold_timer);
	if (t->channel)
		channel_close(t->channel);
	revision_fini(&t->next);
	arena_free(&t->peer_arena);
	free(t);
	c->trial = NULL;
}

void
trial_poll(struct config *c)
{
	struct trial *t = c->trial;
	struct instant at = commit_deadline(&t->commit);

	if (at.ns == INT64_MAX)
		loop_timer_stop(&c->loop, &t->timer);
	else
		loop_timer(&c->loop, &t->timer, at);
	if (c->links.held && peer_is_level(&t->commit))
		release(&t->hold_timer, loop_now());
	if (t->keep_id && (!t->commit.peer_up || t->commit.relation == RELATION_SAME)) {
		loop_timer_stop(&c->loop, &t->keep_timer);
		keep_late(&t->keep_timer, loop_now());
	} else if (t->keep_id && !t->keep_timer.armed) {
		loop_timer(&c->loop, &t->keep_timer, instant_add(loop_now(), KEEP_WAIT_NS));
	}
}

void
trial_rewire(struct config *c)
{
	if (c->trial->channel)
		channel_rewire(c->trial->channel);
}

int
trial_resolve(struct config *c, bool mine, const char *who, char *why)
{
	struct trial *t = c->trial;
	struct conf_errors errors = {0};
	struct arena a = ARENA_INIT;
	struct commit_head head;
	const char *text;
	int r;

	trial_head(c, who,
		mine ? "this node's configuration for both" : "the peer's configuration for both",
		&head);
	head.replaces[head.n_replaces++] = t->commit.peer_current;
	if (mine)
		text = conf_show(&a, &c->rev.cand, NULL, NULL);
	else
		text = arena_printf(
			&a, "%s%s", t->peer_text, candidate_show_local(&a, &c->rev.cand));
	r = trial_prepare(c, text, strlen(text), &head, &errors, why);
	arena_free(&a);
	if (r == 0) {
		r = store_keep(&c->store, head.id.number);
		if (r < 0)
			disk(why, "the revision cannot be kept", r);
	}
	if (r < 0) {
		store_undo(&c->store, head.id.number);
		return r;
	}
	t->commit.current = t->next.id;
	trial_line(t);
	apply_force(c, &t->next);
	revision_fini(&t->next);
	commit_changed(&t->commit, &c->rev.id, loop_now());
	eventlog_add(&c->log, NOTE_COMMIT_RESOLVED, ARG(who), ARG(c->rev.number),
		ARG(mine ? "this node's" : "the peer's"));
	trial_rewire(c);
	trial_poll(c);
	return 0;
}
