/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The order of a comparison, on the side that asks and on the side that answers. */
#include <assert.h>
#include <string.h>
#include "core/sync/compare.h"

#define GIVE_UP_NS      (60 * NS_PER_S)  /* the peer's sums come within that, … */
#define GIVE_UP_FLOW_NS (20 * NS_PER_US) /* … and so much more for each flow */

void
compare_init(struct compare *c, int64_t pause_ns)
{
	memset(c, 0, sizeof(*c));
	c->pause_ns = pause_ns;
	c->digest.log2 = DIGEST_LOG2_MIN;
}

/* Until the next comparison. Walks take one per cent of a processor in the long run. */
static void
rest(struct compare *c, struct instant now)
{
	int64_t pause_ns = c->pause_ns;

	if (pause_ns < COMPARE_SHARE * c->cost_ns)
		pause_ns = COMPARE_SHARE * c->cost_ns;
	if (pause_ns < c->mend_ns)
		pause_ns = c->mend_ns;
	c->phase = COMPARE_RESTS;
	c->at = instant_add(now, pause_ns);
	c->walking = false;
	c->cost_ns = 0;
}

void
compare_reset(struct compare *c, struct instant now)
{
	if (c->phase != COMPARE_RESTS)
		c->count.abandoned++;
	c->put_verdict = false;
	rest(c, now);
}

/* Begins a pass: all changes from now on are noted, the walk comes when that has spread. */
static void
begin_pass(struct compare *c, struct instant now)
{
	bucket_set_clear(&c->changed);
	c->changes = 0;
	c->id++;
	c->phase = COMPARE_MARKS;
	c->at = instant_add(now, COMPARE_MARGIN_NS);
}

void
compare_begin(struct compare *c, struct instant now, uint32_t flows, uint64_t key)
{
	assert(c->phase == COMPARE_RESTS);
	digest_begin(&c->digest, key, digest_log2(flows, c->changes));
	bucket_set_clear(&c->suspects);
	c->flows = flows;
	c->pass = 0;
	c->found = 0;
	begin_pass(c, now);
}

bool
compare_poll(struct compare *c, struct instant now, bool ready)
{
	switch (c->phase) {
	case COMPARE_RESTS:
		if (!ready) /* the first one comes a while after it could */
			c->at = instant_max(c->at, instant_add(now, c->pause_ns));
		return ready && instant_reached(now, c->at);
	case COMPARE_MARKS:
		if (!ready)
			compare_reset(c, now);
		else if (instant_reached(now, c->at))
			c->phase = COMPARE_ASKS;
		break;
	case COMPARE_SCANS:
		if (!ready || instant_reached(now, c->give_up))
			compare_reset(c, now);
		break;
	case COMPARE_ASKS:
	case COMPARE_SETTLES:
	case COMPARE_NAMES:
		if (!ready)
			compare_reset(c, now);
		break;
	case COMPARE_MENDS:
		if (ready)
			rest(c, now);
		break;
	case COMPARE_WALKS:
	case COMPARE_TELLS:
		break;
	}
	return false;
}

void
compare_mark(struct compare *c, const struct flow *f)
{
	if (c->phase < COMPARE_MARKS || c->phase > COMPARE_SETTLES)
		return;
	bucket_set_add(&c->changed, digest_bucket(&c->digest, f));
	c->changes++;
}

void
compare_flow(struct compare *c, const struct flow *f)
{
	digest_add(&c->digest, f);
}

static void
settle_when_complete(struct compare *c, struct instant now)
{
	if (c->walking || c->page < digest_sum_pages(&c->digest))
		return;
	c->phase = COMPARE_SETTLES;
	c->at = instant_add(now, COMPARE_MARGIN_NS);
}

void
compare_walked(struct compare *c, struct instant now, int64_t cost_ns)
{
	assert(c->walking);
	c->walking = false;
	c->cost_ns += cost_ns;
	if (c->phase == COMPARE_WALKS) {
		c->phase = COMPARE_TELLS;
		c->page = 0;
	} else {
		settle_when_complete(c, now);
	}
}

/* One bucket; true when it was found to differ twice. */
static bool
judge_bucket(struct compare *c, uint32_t b)
{
	bool again;

	if (bucket_set_has(&c->changed, b)) {
		c->count.unsettled++;
		return false;
	}
	if (c->digest.sum[b] == 0) {
		bucket_set_remove(&c->suspects, b);
		return false;
	}
	again = bucket_set_has(&c->suspects, b);
	bucket_set_add(&c->suspects, b);
	return again;
}

static void
conclude(struct compare *c, struct instant now, bool equal)
{
	c->count.done++;
	c->count.differed += c->found;
	c->put_verdict = true;
	if (equal) {
		c->count.equal = now;
		c->mend_ns = 0;
	}
}

/* So many differ that naming them would save nothing. */
static bool
most_differ(const struct compare *c)
{
	uint32_t used =
		digest_buckets(&c->digest) < c->flows ? digest_buckets(&c->digest) : c->flows;

	return bucket_set_count(&c->suspects) > used / 4 + 16;
}

/* A repair that did not help will not help the next time either: pauses grow. */
static void
plan_next_repair(struct compare *c)
{
	if (!c->mend_ns || c->found < c->found_before)
		c->mend_ns = COMPARE_MEND_NS;
	else if (c->mend_ns * 2 < COMPARE_MEND_MAX_NS)
		c->mend_ns *= 2;
	else
		c->mend_ns = COMPARE_MEND_MAX_NS;
	c->found_before = c->found;
}

enum compare_verdict
compare_judge(struct compare *c, struct instant now)
{
	uint32_t n = digest_buckets(&c->digest), differ = 0;

	assert(c->phase == COMPARE_SETTLES);
	c->count.buckets = n;
	c->count.unsettled = 0;
	for (uint32_t b = 0; b < n; b++)
		differ += judge_bucket(c, b);
	if (bucket_set_count(&c->suspects) == 0) {
		bool equal = c->count.unsettled <= n / 2;

		conclude(c, now, equal);
		rest(c, now);
		return equal ? COMPARE_EQUAL : COMPARE_OPEN;
	}
	if (differ == 0 && c->pass + 1 < COMPARE_PASSES) { /* at first nothing has differed twice */
		c->pass++;
		memset(c->digest.sum, 0, sizeof(c->digest.sum[0]) * n);
		begin_pass(c, now);
		return COMPARE_AGAIN;
	}
	if (differ == 0) { /* never seen at rest: the next comparison has other buckets */
		conclude(c, now, false);
		rest(c, now);
		return COMPARE_OPEN;
	}
	c->found = differ;
	plan_next_repair(c);
	conclude(c, now, false);
	c->phase = COMPARE_NAMES;
	c->page = 0;
	if (!most_differ(c))
		return COMPARE_REPAIR;
	rest(c, now);
	return COMPARE_BULK;
}

/* The first page from c->page on that names something. */
static unsigned
next_named(const struct compare *c, uint8_t bytes[DIGEST_PAGE])
{
	unsigned page = c->page;

	while (page < digest_set_pages(&c->digest) &&
		!bucket_set_put_page(&c->suspects, page, bytes))
		page++;
	return page;
}

bool
compare_next(const struct compare *c, struct sync_record *rec)
{
	rec->kind = SYNC_CONTROL;
	rec->control.id = c->id;
	if (c->put_verdict) {
		rec->control.type = SYNC_VERDICT;
		rec->control.count = c->found;
		rec->control.unsettled = c->count.unsettled;
	} else if (c->phase == COMPARE_ASKS) {
		rec->control.type = SYNC_SCAN;
		rec->control.key = c->digest.key;
		rec->control.log2 = c->digest.log2;
	} else if (c->phase == COMPARE_TELLS) {
		rec->control.type = SYNC_SUMS;
		rec->control.page = (uint16_t)c->page;
		digest_put_page(&c->digest, c->page, rec->bytes);
	} else if (c->phase == COMPARE_NAMES) {
		rec->control.type = SYNC_BUCKETS;
		rec->control.page = (uint16_t)next_named(c, rec->bytes);
		return rec->control.page < digest_set_pages(&c->digest);
	} else {
		return false;
	}
	return true;
}

void
compare_put(struct compare *c, struct instant now, const struct sync_record *rec)
{
	if (rec->control.type == SYNC_VERDICT) {
		c->put_verdict = false;
	} else if (rec->control.type == SYNC_SCAN) {
		c->phase = COMPARE_SCANS;
		c->page = 0;
		c->walking = true;
		c->walk_id++;
		c->give_up = instant_add(now, GIVE_UP_NS + c->flows * GIVE_UP_FLOW_NS);
	} else if (rec->control.type == SYNC_SUMS) {
		if (++c->page == digest_sum_pages(&c->digest))
			rest(c, now);
	} else if (rec->control.type == SYNC_BUCKETS) {
		c->page = rec->control.page + 1u;
	}
}

bool
compare_named(struct compare *c)
{
	uint8_t bytes[DIGEST_PAGE];

	if (c->phase != COMPARE_NAMES || c->put_verdict ||
		next_named(c, bytes) < digest_set_pages(&c->digest))
		return false;
	c->phase = COMPARE_MENDS;
	return true;
}

uint32_t
compare_named_flows(const struct compare *c)
{
	return 1 +
	       (uint32_t)((uint64_t)c->flows * bucket_set_count(&c->suspects) >> c->digest.log2);
}

static void
on_scan(struct compare *c, const struct sync_record *rec)
{
	digest_begin(&c->digest, rec->control.key, rec->control.log2);
	bucket_set_clear(&c->suspects);
	c->put_verdict = false;
	c->id = rec->control.id;
	c->phase = COMPARE_WALKS;
	c->walking = true;
	c->walk_id++;
}

/* The stream brings all pages in order; what belongs to another pass is left alone. */
static void
on_sums(struct compare *c, const struct sync_record *rec, struct instant now)
{
	if (c->phase != COMPARE_SCANS || rec->control.id != c->id || rec->control.page != c->page ||
		c->page >= digest_sum_pages(&c->digest))
		return;
	digest_subtract_page(&c->digest, c->page, rec->bytes);
	c->page++;
	settle_when_complete(c, now);
}

void
compare_control(struct compare *c, const struct sync_record *rec, struct instant now, bool standby)
{
	if (rec->control.type == SYNC_SUMS) {
		on_sums(c, rec, now);
		return;
	}
	if (!standby)
		return;
	if (rec->control.type == SYNC_SCAN) {
		on_scan(c, rec);
	} else if (rec->control.type == SYNC_BUCKETS) {
		bucket_set_add_page(&c->suspects, rec->control.page, rec->bytes);
	} else if (rec->control.type == SYNC_VERDICT && rec->control.id == c->id) {
		c->count.done++;
		c->count.differed += rec->control.count;
		c->count.buckets = digest_buckets(&c->digest);
		c->count.unsettled = rec->control.unsettled;
		if (rec->control.count == 0 && c->count.unsettled <= c->count.buckets / 2)
			c->count.equal = now;
	}
}
