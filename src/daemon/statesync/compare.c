/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Comparing this node's table with the peer's, the part that touches the kernel: the walk that
 * feeds core/sync/compare.h, paced and after everything else, and what follows from its verdict.
 */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "daemon/statesync/statesync.h"

#define PARTS        2         /* of the walk in one go … */
#define WAIT_NS      NS_PER_MS /* … and then a pause */
#define FLOWS_PART   160       /* in one part, about */
#define BUCKET_NS    50        /* for the kernel to look into one of its buckets, at most */
#define STALL_MAX_NS (15 * NS_PER_MS)
#define STALL_WEIGHT 4  /* a long part costs more than its time: it keeps others waiting */
#define BACKLOG_MAX  48 /* frames on their way while sums are told */

void
comparing_init(struct statesync *s)
{
	s->comparing.walk.fd = -1;
	compare_init(&s->compare, COMPARE_PAUSE_NS);
}

void
comparing_reset(struct statesync *s, struct instant now)
{
	compare_reset(&s->compare, now);
	ctnl_walk_stop(&s->comparing.walk);
}

bool
comparing_names(const struct statesync *s, const struct flow *f)
{
	return compare_named_has(&s->compare, f);
}

/*
 * The kernel fills one part in one go, with its processor to itself: when there are few flows in a
 * large hash table it goes through all of that, and no heartbeat is read there meanwhile. True: it
 * would take too long.
 */
static bool
walk_stalls(const struct statesync *s)
{
	int fd = open("/proc/sys/net/netfilter/nf_conntrack_buckets", O_RDONLY | O_CLOEXEC);
	uint64_t flows = s->stream.flows + 1ull, buckets = 0, at_once;
	char text[32] = {0};

	if (fd < 0)
		return false;
	if (read(fd, text, sizeof(text) - 1) > 0)
		buckets = strtoull(text, NULL, 10);
	close(fd);
	at_once = buckets * FLOWS_PART / flows;
	return (at_once < buckets ? at_once : buckets) * BUCKET_NS > STALL_MAX_NS;
}

int64_t
comparing_cpu_ns(void)
{
	struct timespec ts;

	return clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts) < 0 ? 0
							       : ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static void
take_flow(void *arg, enum sync_kind kind, const struct flow *f)
{
	struct statesync *s = arg;

	(void)kind;
	if (flow_is_carried(f, &s->own) && feed_carries(s, f))
		compare_flow(&s->compare, f);
}

/* One go of the walk. */
static void
walk_on(struct statesync *s, struct instant now)
{
	struct comparing *g = &s->comparing;
	int64_t before = comparing_cpu_ns(), cost_ns;
	int r = 1;

	if (!g->walk.running || g->walk_id != s->compare.walk_id) {
		g->walk_id = s->compare.walk_id;
		g->cost_ns = g->worst_ns = 0;
		r = walk_stalls(s) || ctnl_walk_start(&g->walk) < 0 ? -EIO : 1;
	}
	for (unsigned part = 0; r == 1 && part < PARTS; part++)
		r = ctnl_walk_next(&g->walk, take_flow, s);
	cost_ns = comparing_cpu_ns() - before;
	g->cost_ns += cost_ns;
	g->worst_ns = cost_ns > g->worst_ns ? cost_ns : g->worst_ns;
	g->next = instant_add(now, WAIT_NS);
	if (r == 1)
		return;
	ctnl_walk_stop(&g->walk);
	if (r == 0)
		compare_walked(&s->compare, now, g->cost_ns + STALL_WEIGHT * g->worst_ns);
	else
		compare_reset(&s->compare, now);
}

static void
put_records(struct statesync *s, struct instant now)
{
	struct sync_record rec = {0};
	bool any = false;

	while (s->duty.session && stream_backlog(&s->stream) < BACKLOG_MAX &&
		compare_next(&s->compare, &rec) && stream_put_control(&s->stream, &rec, now)) {
		compare_put(&s->compare, now, &rec);
		any = true;
	}
	if (any)
		stream_flush(&s->stream, true);
}

static void
judge(struct statesync *s, struct instant now)
{
	feed_events(s, now, false); /* what happened before the walks ended must be known */
	if (!s->feed.drained)
		return;
	switch (compare_judge(&s->compare, now)) {
	case COMPARE_EQUAL:
	case COMPARE_AGAIN:
	case COMPARE_OPEN:
		break;
	case COMPARE_REPAIR:
		tell_note(s, NOTE_TABLES_DIFFER, s->compare.found, s->compare.count.buckets);
		break;
	case COMPARE_BULK:
		tell_note(s, NOTE_TABLES_DIFFER, s->compare.found, s->compare.count.buckets);
		duty_lost(&s->duty);
		break;
	}
}

struct instant
comparing_poll(struct statesync *s, struct instant now)
{
	struct compare *c = &s->compare;
	bool ready = duty_comparable(&s->duty) && s->feed.events.fd >= 0;
	uint64_t key;
	bool due;

	due = compare_poll(c, now, ready);
	if (due && walk_stalls(s)) {
		compare_reset(c, now);
	} else if (due) {
		randombytes_buf(&key, sizeof(key));
		compare_begin(c, now, s->stream.flows, key);
	}
	put_records(s, now);
	if (!c->walking)
		ctnl_walk_stop(&s->comparing.walk);
	else if (instant_reached(now, s->comparing.next))
		walk_on(s, now);
	if (compare_settled(c, now))
		judge(s, now);
	put_records(s, now);
	if (compare_named(c))
		duty_repair(&s->duty, compare_named_flows(c));
	return c->walking ? s->comparing.next : compare_deadline(c);
}
