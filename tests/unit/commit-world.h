/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two nodes with core/commit, their disks, their kernels and the wire between them, in virtual
 * time. Whatever a node asks of its disk or kernel can fail, or be the last thing that it does.
 */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "core/commit/commit.h"

#define TIMEOUT_S 30
#define QUEUE_MAX 64
#define PAST_MAX  64

enum fault {
	FAULT_NONE,
	FAULT_FAIL,   /* the operation does not work */
	FAULT_BEFORE, /* the process ends before it */
	FAULT_AFTER,  /* … after it */
	FAULT_POWER,  /* the process ends after it, and is away for long */
	FAULT_CUT,    /* the wire is cut at that moment */
	FAULT_CUT_LONG,
	_FAULT_MAX,
};

struct past {
	struct commit_id id, parent, other;
};

struct wnode {
	struct world *w;
	const char *name;
	bool runs;
	struct instant starts_at; /* while it does not run */
	struct commit c;
	/* disk */
	struct commit_id current, prepared;
	struct past past[PAST_MAX];
	unsigned n_past;
	bool pending, pending_joined;
	struct commit_id pending_id;
	struct instant pending_until;
	uint32_t highest;
	/* kernel: survives the process, not a loss of power */
	struct commit_id kernel;
	int answer; /* of the last commit_activate(): -1 = none yet */
	unsigned tales[TALE_DIVERGED + 1];
};

struct wire_msg {
	uint8_t bytes[4096];
	size_t len;
};

struct world {
	struct instant now;
	struct wnode node[2];
	bool wire, session, broken; /* something was lost: the session cannot go on */
	struct instant wire_at;     /* heals */
	struct wire_msg queue[2][QUEUE_MAX];
	unsigned head[2], n[2];
	unsigned ops, fault_at; /* count of operations so far; the one that goes wrong */
	enum fault fault;
	jmp_buf died;
};

static inline struct wnode *
peer_of(struct wnode *n)
{
	return &n->w->node[n == &n->w->node[0]];
}

static inline struct commit_id
world_id(uint32_t number, unsigned content)
{
	struct commit_id id = {.number = number};

	memcpy(id.hash, &content, sizeof(content));
	return id;
}

static inline void
cut(struct world *w, int64_t for_ns)
{
	w->wire = false;
	w->broken = true;
	w->wire_at = instant_add(w->now, for_ns);
	w->n[0] = w->n[1] = 0;
}

static inline void
die(struct wnode *n, int64_t for_ns)
{
	n->runs = false;
	n->starts_at = instant_add(n->w->now, for_ns);
	n->w->broken = true;
	n->w->n[0] = n->w->n[1] = 0;
	longjmp(n->w->died, 1);
}

/* Called around every operation. True: it fails. */
static inline bool
before(struct wnode *n)
{
	struct world *w = n->w;

	w->ops++;
	if (w->ops != w->fault_at)
		return false;
	if (w->fault == FAULT_BEFORE)
		die(n, NS_PER_S);
	if (w->fault == FAULT_CUT || w->fault == FAULT_CUT_LONG)
		cut(w, w->fault == FAULT_CUT ? NS_PER_S : 100 * NS_PER_S);
	return w->fault == FAULT_FAIL;
}

static inline void
after(struct wnode *n)
{
	struct world *w = n->w;

	if (w->ops != w->fault_at)
		return;
	if (w->fault == FAULT_AFTER)
		die(n, NS_PER_S);
	if (w->fault == FAULT_POWER) {
		n->kernel = (struct commit_id){0};
		die(n, 100 * NS_PER_S);
	}
}

static inline int
fails(char *why)
{
	snprintf(why, COMMIT_REASON_MAX, "the disk is full");
	return -ENOSPC;
}

static inline void
remember(struct wnode *n, const struct commit_id *id, const struct commit_id *parent,
	const struct commit_id *other)
{
	assert_true(n->n_past < PAST_MAX);
	n->past[n->n_past++] = (struct past){*id, *parent, *other};
	if (id->number > n->highest)
		n->highest = id->number;
}

static inline int
w_prepare(void *ctx, const struct commit_msg *m, char *why)
{
	struct wnode *n = ctx;

	if (before(n))
		return fails(why);
	n->prepared = m->id;
	if (m->id.number > n->highest)
		n->highest = m->id.number;
	after(n);
	return 0;
}

static inline int
w_apply(void *ctx, const struct commit_id *id, uint32_t timeout_s, bool joined, char *why)
{
	struct wnode *n = ctx;

	assert_true(commit_id_equal(id, &n->prepared));
	if (before(n))
		return fails(why);
	n->pending = true;
	n->pending_id = *id;
	n->pending_joined = joined;
	n->pending_until = instant_add(n->w->now, timeout_s * NS_PER_S);
	after(n);
	if (before(n)) { /* the kernel refuses */
		n->pending = false;
		return fails(why);
	}
	n->kernel = *id;
	after(n);
	return 0;
}

static inline int
w_keep(void *ctx, const struct commit_id *id, char *why)
{
	struct wnode *n = ctx;

	assert_true(commit_id_equal(id, &n->kernel));
	if (before(n))
		return fails(why);
	remember(n, id, &n->current, &(struct commit_id){0});
	n->current = *id;
	after(n);
	before(n); /* may stay: it is void */
	n->pending = false;
	after(n);
	return 0;
}

static inline void
w_back(void *ctx, const struct commit_id *id)
{
	struct wnode *n = ctx;

	before(n);
	n->pending = false;
	after(n);
	before(n);
	if (commit_id_equal(id, &n->kernel))
		n->kernel = n->current;
	after(n);
}

static inline int
w_take(void *ctx, const struct commit_msg *m, char *why)
{
	struct wnode *n = ctx;
	struct commit_id parent, other;

	if (before(n))
		return fails(why);
	assert_true(m->len == 2 * sizeof(parent));
	memcpy(&parent, m->text, sizeof(parent));
	memcpy(&other, m->text + sizeof(parent), sizeof(other));
	remember(n, &m->id, &parent, &other);
	n->current = m->id;
	after(n);
	before(n);
	n->kernel = m->id;
	after(n);
	return 0;
}

static inline void
w_differs(void *ctx, const struct commit_msg *m)
{
	(void)ctx;
	(void)m;
}

static inline bool
w_send(void *ctx, const struct commit_msg *m)
{
	struct wnode *n = ctx;
	struct world *w = n->w;
	unsigned q = (unsigned)(n - w->node);
	struct commit_id ids[2] = {0};
	struct commit_msg copy = *m;
	struct wire_msg *out;

	before(n);
	if (!w->wire) {
		after(n);
		return true; /* nobody knows yet that it is gone */
	}
	for (unsigned i = 0; m->kind == COMMIT_TEXT && i < n->n_past; i++)
		if (commit_id_equal(&n->past[i].id, &m->id)) {
			ids[0] = n->past[i].parent;
			ids[1] = n->past[i].other;
		}
	if (m->kind == COMMIT_TEXT || m->kind == COMMIT_PROPOSE) {
		copy.text = (const char *)ids;
		copy.len = sizeof(ids);
	}
	assert_true(w->n[q] < QUEUE_MAX);
	out = &w->queue[q][(w->head[q] + w->n[q]++) % QUEUE_MAX];
	out->len = commit_encode(&copy, out->bytes, sizeof(out->bytes));
	assert_true(out->len > 0);
	after(n);
	return true;
}

static inline void
w_line(void *ctx, struct commit_line *out, uint32_t *highest)
{
	struct wnode *n = ctx;

	out->n = 0;
	out->id[out->n++] = n->current;
	for (unsigned i = n->n_past; i-- > 0 && out->n + 3 < COMMIT_LINE_MAX;) {
		out->id[out->n++] = n->past[i].id;
		out->id[out->n++] = n->past[i].parent;
		out->id[out->n++] = n->past[i].other;
	}
	*highest = n->highest;
}

static inline void
w_answer(void *ctx, enum commit_result r, const char *why)
{
	struct wnode *n = ctx;

	assert_int_equal(n->answer, -1); /* once */
	assert_true(r == COMMIT_DONE || *why);
	n->answer = (int)r;
}

static inline void
w_tell(void *ctx, enum commit_tale tale, const struct commit_id *id, const char *why)
{
	struct wnode *n = ctx;

	(void)id;
	(void)why;
	n->tales[tale]++;
}

static const struct commit_ops world_ops = {
	w_prepare, w_apply, w_keep, w_back, w_take, w_differs, w_send, w_line, w_answer, w_tell};

static inline void
session_end(struct world *w)
{
	w->session = w->broken = false;
	w->n[0] = w->n[1] = 0;
	for (unsigned i = 0; i < 2; i++)
		if (w->node[i].runs)
			commit_peer_down(&w->node[i].c);
}

static inline void
start(struct wnode *n)
{
	n->runs = true;
	commit_init(&n->c, &world_ops, n, &n->current);
	n->kernel = n->current;
	if (n->pending && !commit_id_equal(&n->pending_id, &n->current) &&
		instant_before(n->w->now, n->pending_until)) {
		n->kernel = n->pending_id;
		commit_resume(&n->c, &n->pending_id, n->pending_joined,
			instant_sub(n->pending_until, n->w->now), n->w->now);
	} else {
		n->pending = false;
	}
}

static inline void
world_init(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->now = (struct instant){NS_PER_S};
	w->wire = true;
	for (unsigned i = 0; i < 2; i++) {
		struct wnode *n = &w->node[i];

		n->w = w;
		n->name = i ? "b" : "a";
		n->current = n->kernel = world_id(1, 1);
		n->highest = 1;
		n->answer = -1;
		start(n);
	}
}

/* One thing that is due, or a step of time. */
static inline void
world_step(struct world *w)
{
	struct commit_line line;
	struct commit_msg m;

	if (!w->wire && instant_reached(w->now, w->wire_at))
		w->wire = true;
	for (unsigned i = 0; i < 2; i++)
		if (!w->node[i].runs && instant_reached(w->now, w->node[i].starts_at))
			start(&w->node[i]);
	bool both = w->wire && w->node[0].runs && w->node[1].runs;

	if (w->session && (!both || w->broken)) {
		session_end(w);
	} else if (!w->session && both) {
		w->session = true;
		w->n[0] = w->n[1] = 0;
		commit_peer_up(&w->node[0].c, w->now);
		commit_peer_up(&w->node[1].c, w->now);
	}
	for (unsigned q = 0; q < 2; q++) {
		struct wire_msg *in = &w->queue[q][w->head[q] % QUEUE_MAX];

		if (!w->session || !w->n[q])
			continue;
		w->head[q]++;
		w->n[q]--;
		assert_true(commit_decode(in->bytes, in->len, &m, &line));
		commit_message(&w->node[!q].c, &m, w->now);
		return;
	}
	w->now = instant_add(w->now, 100 * NS_PER_MS);
	for (unsigned i = 0; i < 2; i++)
		if (w->node[i].runs && instant_reached(w->now, commit_deadline(&w->node[i].c)))
			commit_tick(&w->node[i].c, w->now);
}

/* A node that dies leaves the step that it was in. */
static inline void
world_run(struct world *w, int64_t for_ns)
{
	struct instant end = instant_add(w->now, for_ns);

	while (instant_before(w->now, end)) {
		if (setjmp(w->died) == 0)
			world_step(w);
		for (unsigned i = 0; i < 2; i++) {
			const struct wnode *n = &w->node[i];

			/* what is in force without being kept has its way back on the disk */
			if (n->runs && !commit_id_equal(&n->kernel, &n->current))
				assert_true(
					n->pending && commit_id_equal(&n->pending_id, &n->kernel));
		}
	}
}
