/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Expected connections (core/sync/expect.h), both ways. They come and go by the same events, walks
 * and stream as flows, but they are few: each is carried out at once, by itself. What cannot be
 * held is counted and nothing else: it lives for five minutes at most, and the flow that announced
 * it goes on.
 */
#include <errno.h>
#include "daemon/statesync/statesync.h"

#define RETIME_SLACK_S 5

static void
put(struct statesync *s, enum sync_kind kind, const struct expect *x)
{
	if (stream_put_expect(&s->stream, kind, x, s->feed.now))
		s->expects.sent++;
	else
		duty_lost(&s->duty);
}

/*
 * What announced it, as it is now: the peer has it, and how far its sequence numbers are shifted
 * goes there first. The kernel shifts them when it replaces an announced address by one of another
 * length and has no event for that, but it makes or ends an expectation at those moments. Only the
 * kernel knows where a translated master really goes. False: nothing to the peer.
 */
static bool
put_master(struct statesync *s, const struct expect *x)
{
	struct flow key = expect_master(x), master;

	if (ctnl_get(s->feed.query, &key, &master) < 0 || !feed_carries(s, &master))
		return false;
	if (master.has & FLOW_ADJUST)
		feed_put(s, SYNC_UPDATE, &master);
	return true;
}

void
expects_event(void *arg, enum sync_kind kind, const struct expect *x)
{
	struct statesync *s = arg;

	if (s->feed.walk.running)
		recent_add(&s->feed.recent, expect_hash(x, s->feed.hash_key));
	if (put_master(s, x) || kind == SYNC_UNEXPECT) /* a master may be gone by now */
		put(s, kind, x);
}

void
expects_walked(void *arg, enum sync_kind kind, const struct expect *x)
{
	struct statesync *s = arg;

	/* something happened to it after this part of the walk was made: that was told */
	if (!feed_walks(s) || recent_has(&s->feed.recent, expect_hash(x, s->feed.hash_key)))
		return;
	if (put_master(s, x))
		put(s, kind, x);
}

static void
change(struct statesync *s, enum ctnl_expect_op op, const struct expect *x, uint32_t timeout_s)
{
	struct ctnl_batch *b = &s->sink.batch;

	if (b->n == CTNL_BATCH)
		ctnl_batch_run(b);
	ctnl_batch_add_expect(b, op, x, timeout_s);
}

/* Of a flow that is nothing to the peer: mine, whatever a bulk says. */
static bool
is_own(struct statesync *s, const struct expect *x)
{
	struct flow key = expect_master(x), master;

	return ctnl_get(&s->query, &key, &master) == 0 && flow_is_local(&master, &s->own);
}

void
expects_kept(void *arg, enum sync_kind kind, const struct expect *x)
{
	struct statesync *s = arg;

	(void)kind;
	if (s->keep.job == KEEP_RETIME) {
		if (x->timeout_s > EXPECT_LIFE_S + RETIME_SLACK_S)
			change(s, CTNL_EXPECT_RETIME, x, EXPECT_LIFE_S);
	} else if (keep_unconfirmed(s, x->timeout_s) &&
		   !recent_has(&s->keep.recent, expect_hash(x, s->feed.hash_key)) &&
		   !is_own(s, x)) {
		change(s, CTNL_EXPECT_DELETE, x, 0);
		s->expects.ended++;
	}
}

/*
 * The kernel gives a new one its own lifetime, whatever the message says; only then can it be given
 * the one of all that a standby holds.
 */
static void
hold(struct statesync *s, const struct expect *x)
{
	struct ctnl_batch *b = &s->sink.batch;
	unsigned create = 0;

	if (!s->sink.senior) { /* the peer knows better: its word replaces what is there */
		ctnl_batch_add_expect(b, CTNL_EXPECT_DELETE, x, 0);
		create = b->n;
	}
	ctnl_batch_add_expect(b, CTNL_EXPECT_CREATE, x, 0);
	if (!s->sink.senior)
		ctnl_batch_add_expect(b, CTNL_EXPECT_RETIME, x, s->sink.lifetime_s);
	if (ctnl_batch_run(b) >= 0 && b->result[create] == 0)
		s->expects.held++;
	else if (!s->sink.senior || b->result[create] != -EEXIST)
		s->expects.failed++;
}

void
expects_record(struct statesync *s, enum sync_kind kind, const struct expect *x)
{
	struct ctnl_batch *b = &s->sink.batch;

	trouble_flush(s); /* its master may be waiting there */
	if (kind == SYNC_EXPECT) {
		hold(s, x);
	} else if (!s->sink.senior) {
		ctnl_batch_add_expect(b, CTNL_EXPECT_DELETE, x, 0);
		if (ctnl_batch_run(b) == 0)
			s->expects.ended++;
	}
	if (s->keep.job == KEEP_SWEEP)
		recent_add(&s->keep.recent, expect_hash(x, s->feed.hash_key));
}
