/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the peer says, into the kernel, in batches.
 *
 * On the standby the peer knows better: a NEW replaces what is there (delete and create: only so do
 * translation and TCP windows become the peer's; an update would keep both), and when another flow
 * holds the translated tuple, that one goes: in the active's table there can be only one. While
 * this node itself is active in a newer term it knows better: what is there stays, and what is
 * missing is added with the timeout that the kernel would give it.
 */
#include <errno.h>
#include <string.h>
#include "daemon/statesync/statesync.h"

int
sink_open(struct sink *a, struct ctnl_query *query, const struct aging *aging,
	const struct flow_own *mine)
{
	a->mine = mine;
	a->query = query;
	a->aging = aging;
	a->lifetime_s = AGING_LONG_S;
	return ctnl_batch_open(&a->batch);
}

static void
failed(struct sink *a, int err)
{
	a->count.failed++;
	a->trouble.failed++;
	if (err == -ENOMEM) /* as the kernel says that its table is full */
		a->trouble.full++;
	else
		a->trouble.error = err;
}

/* How far a TCP connection has come; the kernel's numbers are nearly in that order. */
static unsigned
tcp_progress(const struct flow *f)
{
	return f->tcp.state == 9 /* SYN_SENT2 */ ? 1 : f->tcp.state;
}

/* Runs one message by itself. */
static int
run_one(struct sink *a, enum ctnl_op op, const struct flow *f, uint32_t timeout_s)
{
	int r;

	if (!ctnl_batch_add(&a->batch, op, f, timeout_s))
		return -EINVAL;
	r = ctnl_batch_run(&a->batch);
	return r < 0 ? r : a->batch.result[0];
}

/* Removes what is in the way (or was not there), then creates; the result of that. */
static int
run_create(struct sink *a, enum ctnl_op remove, const struct flow *f, uint32_t timeout_s)
{
	int r;

	if (!ctnl_batch_add(&a->batch, remove, f, 0) ||
		!ctnl_batch_add(&a->batch, CTNL_CREATE, f, timeout_s)) {
		ctnl_batch_run(&a->batch);
		return -EINVAL;
	}
	r = ctnl_batch_run(&a->batch);
	return r < 0 ? r : a->batch.result[1];
}

static void resolve_update(struct sink *a, const struct sink_item *it, int err);

/* The kernel has this flow with that translation. */
static bool
is_there(const struct sink *a, const struct flow *f)
{
	struct flow mine;

	return ctnl_get(a->query, f, &mine) == 0 &&
	       memcmp(&mine.reply, &f->reply, sizeof(mine.reply)) == 0;
}

/* A NEW could not be created. */
static void
resolve_new(struct sink *a, const struct sink_item *it, int err)
{
	struct flow f = it->flow;

	if (err == -EEXIST && it->mends && is_there(a, &f)) {
		/* nobody doubts this one, it only shares a bucket: what belongs to it stays */
		resolve_update(a, it, run_one(a, CTNL_UPDATE, &f, it->timeout_s));
		return;
	}
	if (err == -EEXIST) {
		err = run_create(a, CTNL_DELETE, &f, it->timeout_s);
		if (it->mends && a->batch.result[0] == -ENOENT && (!err || err == -EEXIST))
			a->count.mended++;
		else if (err == 0)
			a->count.replaced++;
	}
	if (err == -EEXIST) { /* not this flow: another one has its translated tuple */
		a->count.conflicts++;
		err = run_create(a, CTNL_DELETE_REPLY, &f, it->timeout_s);
	}
	if (err == -ENOENT && f.has & FLOW_MASTER) { /* what announced it is not here (yet) */
		f.has &= ~(uint32_t)FLOW_MASTER;
		err = run_create(a, CTNL_DELETE, &f, it->timeout_s);
	}
	if (err && f.has & FLOW_HELPER) { /* no such helper here */
		f.has &= ~(uint32_t)FLOW_HELPER;
		err = run_create(a, CTNL_DELETE, &f, it->timeout_s);
	}
	if (err)
		failed(a, err);
	else
		a->count.inserted++;
}

static void
resolve_update(struct sink *a, const struct sink_item *it, int err)
{
	struct flow f = it->flow;

	if (err == -EBUSY && f.has & FLOW_STATUS) { /* it has a master, which is part of a status */
		f.status |= FLOW_EXPECTED;
		err = run_one(a, CTNL_UPDATE, &f, it->timeout_s);
	}
	if (err == -EBUSY) { /* a status bit that is set here cannot be taken away */
		f.has &= ~(uint32_t)FLOW_STATUS;
		err = run_one(a, CTNL_UPDATE, &f, it->timeout_s);
	}
	if (err == -ENOENT && (a->gaps || flow_is_local(&f, a->mine))) {
		a->count.ignored++;
	} else if (err == -ENOENT) {
		a->count.unknown++;
		a->trouble.unknown++;
	} else if (err) {
		failed(a, err);
	} else {
		a->count.updated++;
	}
}

/*
 * A flow whose creation failed may have been named again in the same batch: when it ended or was
 * created anew there is nothing left to mend; an update must be repeated after mending.
 */
static void
resolve(struct sink *a, unsigned i, int err)
{
	const struct sink_item *it = &a->item[i];
	unsigned again = i;

	if (it->kind == SYNC_DESTROY) {
		if (err == -ENOENT)
			a->count.missing++;
		else
			failed(a, err);
		return;
	}
	if (it->kind == SYNC_UPDATE) {
		resolve_update(a, it, err);
		return;
	}
	if (a->senior && err == -EEXIST) {
		a->count.ignored++;
		return;
	}
	for (unsigned j = i + 1; j < a->n; j++) {
		if (!flow_same(&it->flow, &a->item[j].flow))
			continue;
		if (a->item[j].kind != SYNC_UPDATE)
			return;
		again = j;
	}
	resolve_new(a, it, err);
	for (unsigned j = i + 1; j <= again; j++)
		if (flow_same(&it->flow, &a->item[j].flow))
			run_one(a, CTNL_UPDATE, &a->item[j].flow, a->item[j].timeout_s);
}

static void
count_done(struct sink *a, const struct sink_item *it)
{
	switch (it->kind) {
	case SYNC_NEW:
		a->count.inserted++;
		break;
	case SYNC_UPDATE:
		a->count.updated++;
		break;
	case SYNC_DESTROY:
		a->count.deleted++;
		break;
	case SYNC_CONTROL:
	case SYNC_EXPECT:
	case SYNC_UNEXPECT:
	case _SYNC_KIND_MAX:
		break;
	}
}

void
sink_flush(struct sink *a)
{
	int result[CTNL_BATCH], r;

	if (!a->n)
		return;
	r = ctnl_batch_run(&a->batch);
	for (unsigned i = 0; i < a->n; i++) {
		const struct sink_item *it = &a->item[i];
		bool there;

		result[i] = r < 0 ? r : a->batch.result[it->msg];
		if (it->kind != SYNC_NEW || r < 0)
			continue;
		if (it->mends) { /* never replaces at once */
			a->count.mended += result[i] == 0;
			continue;
		}
		there = it->deletes ? a->batch.result[it->msg - 1] == 0 : result[i] == -EEXIST;
		a->occupied = (a->occupied * 15 + (there ? 255 : 0)) / 16;
		a->count.replaced += it->deletes && there;
	}
	for (unsigned i = 0; i < a->n; i++) {
		if (r < 0)
			failed(a, r);
		else if (result[i])
			resolve(a, i, result[i]);
		else
			count_done(a, &a->item[i]);
	}
	a->n = 0;
}

/*
 * While this node is active the peer's word only adds. What ended there may live here: a node whose
 * gate is closed sees flows time out that pass here. False: nothing to do.
 */
static bool
senior_wants(struct sink *a, enum sync_kind kind, const struct flow *f)
{
	struct flow mine;

	if (kind == SYNC_DESTROY) {
		a->count.ignored++;
		return false;
	}
	if (kind != SYNC_UPDATE)
		return true;
	sink_flush(a); /* the question must see what was queued */
	if (ctnl_get(a->query, f, &mine) < 0)
		return false;
	if (f->has & mine.has & FLOW_TCP && tcp_progress(f) <= tcp_progress(&mine)) {
		a->count.ignored++;
		return false;
	}
	return true;
}

static bool
queue(struct sink *a, enum ctnl_op op, const struct flow *f, uint32_t timeout_s)
{
	if (ctnl_batch_add(&a->batch, op, f, timeout_s))
		return true;
	failed(a, -EINVAL);
	return false;
}

void
sink_record(struct sink *a, enum sync_kind kind, const struct flow *f)
{
	static const enum ctnl_op op[_SYNC_KIND_MAX] = {[SYNC_NEW] = CTNL_CREATE,
		[SYNC_UPDATE] = CTNL_UPDATE,
		[SYNC_DESTROY] = CTNL_DELETE};
	uint32_t timeout_s = a->lifetime_s;
	struct sink_item *it;
	bool deletes;

	if (a->senior) {
		if (!senior_wants(a, kind, f))
			return;
		timeout_s = kind == SYNC_NEW ? aging_timeout(a->aging, f) : 0;
	}
	if (a->batch.n + 2 > CTNL_BATCH)
		sink_flush(a);
	/* most of these are there already: replace right away instead of failing first */
	deletes = kind == SYNC_NEW && !a->senior && !a->mends && a->occupied > 128 &&
		  queue(a, CTNL_DELETE, f, 0);
	if (!queue(a, op[kind], f, timeout_s))
		return;
	it = &a->item[a->n++];
	it->kind = kind;
	it->msg = a->batch.n - 1;
	it->deletes = deletes;
	it->mends = a->mends && kind == SYNC_NEW;
	it->timeout_s = timeout_s;
	it->flow = *f;
}
