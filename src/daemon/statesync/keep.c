/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Housekeeping in this node's own table: the sweep at the end of a bulk, the timeouts after a
 * takeover, strict or liberal windows. Walks are paced: a part, then a pause.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "daemon/statesync/statesync.h"

#define SWEEP_PARTS    8 /* in one go */
#define SWEEP_WAIT_NS  (NS_PER_MS / 5)
#define RETIME_PARTS   1
#define RETIME_WAIT_NS (2 * NS_PER_MS)
#define RETIME_SLACK_S 5 /* longer than the kernel's own timeout by this much: it is ours */

#define WATCH_NS         (10 * NS_PER_S) /* after having turned strict */
#define WATCH_LIMIT      200             /* INVALID packets in that time, beyond the usual */
#define LIBERAL_AGAIN_NS (60 * NS_PER_S)

#define SYSCTL_DIR "/proc/sys/net/netfilter/"

static void
read_timeouts(struct aging *a)
{
	aging_defaults(a);
	for (unsigned i = 0; i < _AGING_MAX; i++) {
		const char *name = aging_name((enum aging_kind)i);
		char path[128], text[32] = {0};
		long v;
		int fd;

		if (!name)
			continue;
		snprintf(path, sizeof(path), SYSCTL_DIR "%s", name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (read(fd, text, sizeof(text) - 1) > 0 && (v = strtol(text, NULL, 10)) > 0 &&
			v < AGING_LONG_S)
			a->timeout_s[i] = (uint32_t)v;
		close(fd);
	}
}

void
keep_init(struct statesync *s)
{
	struct keep *k = &s->keep;

	k->walk.fd = -1;
	k->walk.on_expect = expects_kept;
	k->liberal = -1;
	k->liberal_fd = open(SYSCTL_DIR "nf_conntrack_tcp_be_liberal", O_WRONLY | O_CLOEXEC);
	read_timeouts(&k->aging);
}

/*
 * Window checks are strict only on a node that has been active for a while: its flows then have
 * followed enough packets. Instant for all flows.
 */
static struct instant
steer_liberal(struct statesync *s, struct instant now)
{
	struct keep *k = &s->keep;
	bool liberal = s->part != SYNC_ACTIVE || !instant_reached(now, k->strict_at);

	if (k->liberal != (int)liberal && k->liberal_fd >= 0 &&
		pwrite(k->liberal_fd, liberal ? "1" : "0", 1, 0) == 1) {
		k->watch_until = INSTANT_ZERO;
		if (!liberal && k->liberal == 1 && ctnl_invalid(&s->query, &k->invalid_then) == 0)
			k->watch_until = instant_add(now, WATCH_NS);
		k->liberal = liberal;
	}
	return s->part == SYNC_ACTIVE && liberal ? k->strict_at : INSTANT_NEVER;
}

/*
 * A flow that packets have passed liberally may not have followed them. When much more is INVALID
 * since the checks are strict, that was too early.
 */
void
keep_check(struct statesync *s, struct instant now)
{
	struct keep *k = &s->keep;
	uint64_t invalid, usual;

	if (ctnl_invalid(&s->query, &invalid) < 0)
		return;
	if (k->liberal == 1) { /* what is usual in a span as long as the watch */
		if (instant_sub(now, k->sampled_at) >= WATCH_NS / 2) {
			k->usual = (invalid - k->sampled) * 2;
			k->sampled = invalid;
			k->sampled_at = now;
		}
		return;
	}
	usual = k->usual + WATCH_LIMIT;
	if (!instant_before(now, k->watch_until) || invalid - k->invalid_then <= usual)
		return;
	k->reverted++;
	k->strict_at = instant_add(now, LIBERAL_AGAIN_NS);
}

void
keep_part(struct statesync *s, enum sync_part part, struct instant now)
{
	struct keep *k = &s->keep;

	if (part == SYNC_ACTIVE && s->duty.part != SYNC_ACTIVE) {
		k->strict_at = instant_add(now, LIBERAL_AFTER_NS);
		k->retime = true;
	}
	if (part == SYNC_STANDBY || part == SYNC_PREPARE)
		k->retime = false;
}

static void
change(struct statesync *s, enum ctnl_op op, const struct flow *f, uint32_t timeout_s)
{
	struct ctnl_batch *b = &s->sink.batch;

	if (b->n == CTNL_BATCH)
		ctnl_batch_run(b);
	ctnl_batch_add(b, op, f, timeout_s);
}

bool
keep_unconfirmed(const struct statesync *s, uint32_t timeout_s)
{
	/* the time after the table was read: what is confirmed never looks older than it is */
	return aging_unconfirmed(loop_now(), timeout_s, s->duty.in_expiry_s) &&
	       !gate_open_since(s, s->duty.in_since);
}

static void
sweep_flow(void *arg, enum sync_kind kind, const struct flow *f)
{
	struct statesync *s = arg;

	(void)kind;
	if (!keep_unconfirmed(s, f->timeout_s))
		return;
	if (flow_is_local(f, &s->own) ||
		recent_has(&s->keep.recent, flow_hash(f, s->feed.hash_key)))
		return;
	if (s->duty.in_partial && !comparing_names(s, f))
		return; /* confirmed by an earlier bulk, and nobody doubts it */
	change(s, CTNL_DELETE, f, 0);
	s->keep.swept++;
	s->keep.left_over += s->duty.in_partial;
}

static void
retime_flow(void *arg, enum sync_kind kind, const struct flow *f)
{
	struct statesync *s = arg;
	uint32_t proper_s = aging_timeout(&s->keep.aging, f);

	(void)kind;
	if (f->timeout_s <= proper_s + RETIME_SLACK_S)
		return; /* a packet has corrected it, or it never was ours */
	change(s, CTNL_RETIME, f, proper_s);
	s->keep.retimed++;
}

void
keep_applied(struct statesync *s, const struct flow *f)
{
	if (s->keep.job == KEEP_SWEEP)
		recent_add(&s->keep.recent, flow_hash(f, s->feed.hash_key));
}

static enum keep_job
job_due(const struct statesync *s)
{
	if (!s->enabled)
		return KEEP_NOTHING;
	if (s->duty.in == IN_SWEEPING)
		return KEEP_SWEEP;
	return s->keep.retime ? KEEP_RETIME : KEEP_NOTHING;
}

static void
job_done(struct statesync *s)
{
	if (s->keep.job == KEEP_SWEEP && gate_open_since(s, s->duty.in_since))
		duty_spoiled(&s->duty);
	else if (s->keep.job == KEEP_SWEEP)
		duty_swept(&s->duty);
	else
		s->keep.retime = false;
	s->keep.job = KEEP_NOTHING;
}

/* One go of the walk. */
static void
walk_on(struct statesync *s)
{
	struct keep *k = &s->keep;
	bool sweep = k->job == KEEP_SWEEP;

	for (unsigned part = 0; part < (sweep ? SWEEP_PARTS : RETIME_PARTS); part++) {
		int r = ctnl_walk_next(&k->walk, sweep ? sweep_flow : retime_flow, s);

		ctnl_batch_run(&s->sink.batch);
		recent_clear(&k->recent);
		if (r == 1)
			continue;
		ctnl_walk_stop(&k->walk);
		if (r == 0)
			job_done(s);
		return; /* after an error the next go begins again */
	}
}

struct instant
keep_poll(struct statesync *s, struct instant now)
{
	struct keep *k = &s->keep;
	enum keep_job job = job_due(s);
	struct instant strict_at = steer_liberal(s, now);

	if (job != k->job || (job == KEEP_SWEEP && k->sweep_of != s->duty.in_expiry_s)) {
		ctnl_walk_stop(&k->walk);
		k->job = job;
		k->sweep_of = s->duty.in_expiry_s;
		k->next = now;
	}
	if (job == KEEP_NOTHING)
		return strict_at;
	if (instant_reached(now, k->next)) {
		k->next = instant_add(now, job == KEEP_SWEEP ? SWEEP_WAIT_NS : RETIME_WAIT_NS);
		if (!k->walk.running) {
			recent_clear(&k->recent);
			if (ctnl_walk_start(&k->walk) < 0)
				return k->next;
			if (job == KEEP_RETIME) /* somebody may have set others since */
				read_timeouts(&k->aging);
		}
		walk_on(s);
	}
	return instant_min(strict_at, k->next);
}
