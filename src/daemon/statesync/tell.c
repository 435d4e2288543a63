/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What state sync tells people: found by comparing facts with what was told last, so that nothing
 * else here has to think of it. Counters are told as differences: at once, then once a minute each.
 */
#include "daemon/statesync/statesync.h"

#define COUNT_NS   NS_PER_S
#define AGAIN_NS   (60 * NS_PER_S)
#define FULL_SLACK 64 /* a table that was full has room when a 64th of it is free */

void
tell_note(struct statesync *s, enum note_id id, int64_t a, int64_t b)
{
	struct note n = {.id = id, .at = loop_now(), .arg = {a, b}};

	if (s->page)
		notering_put(&s->page->notes, &n);
}

static void
tell_state(struct statesync *s)
{
	struct sync_told *t = &s->people;
	enum sync_state state = s->told.state; /* as the engine heard it */

	if (t->enabled && !s->enabled)
		tell_note(s, NOTE_SYNC_OFF, 0, 0);
	else if (s->enabled && t->state != SYNC_LOST && state == SYNC_LOST)
		tell_note(s, NOTE_SYNC_LOST, link_up(&s->link), 0);
	else if (s->enabled && t->state == SYNC_LOST && state != SYNC_LOST)
		tell_note(s, NOTE_SYNC_BACK, 0, 0);
	t->enabled = s->enabled;
	t->state = s->enabled ? state : SYNC_LOST;
}

/* A small table is through within a round: what is seen first may be its end. */
static void
tell_bulks(struct statesync *s)
{
	struct sync_told *t = &s->people;
	const struct duty *d = &s->duty;
	bool sends = d->out == OUT_SENDING || d->out == OUT_END || d->out == OUT_WAITING;
	bool takes = d->in == IN_RECEIVING || d->in == IN_SWEEPING;

	if (sends && t->out_id != d->out_id && !d->out_partial) {
		tell_note(s, NOTE_BULK_SENDING, d->out_total, 0);
		t->out_id = d->out_id;
	}
	if (d->out == OUT_DONE && t->out != OUT_DONE && d->out_complete && !d->out_partial)
		tell_note(s, NOTE_BULK_SENT, d->out_sent, 0);
	t->out = d->out;
	if (takes && t->in_id != d->in_id && !d->in_partial) {
		tell_note(s, NOTE_BULK_RECEIVING, d->in_total, 0);
		t->in_id = d->in_id;
	}
	if (d->in == IN_DONE && t->in != IN_DONE && d->in_complete && !d->in_partial)
		tell_note(s, NOTE_BULK_RECEIVED, d->in_seen, 0);
	t->in = d->in;
}

/* What a repair found; nothing when it had been a false alarm. */
static void
tell_repairs(struct statesync *s)
{
	struct sync_told *t = &s->people;
	uint64_t mended = s->sink.count.mended, left_over = s->keep.left_over;

	if (t->repairs == s->duty.repairs_received)
		return;
	t->repairs = s->duty.repairs_received;
	if (mended != t->mended || left_over != t->left_over)
		tell_note(s, NOTE_TABLE_REPAIRED, (int64_t)(mended - t->mended),
			(int64_t)(left_over - t->left_over));
	t->mended = mended;
	t->left_over = left_over;
}

static void
tell_count(struct statesync *s, enum note_id id, struct told_count *told, uint64_t is)
{
	struct instant now = loop_now();

	if (is <= told->count || (told->at.ns && instant_sub(now, told->at) < AGAIN_NS))
		return;
	tell_note(s, id, (int64_t)(is - told->count), 0);
	*told = (struct told_count){is, now};
}

/*
 * Frames of another version or key are the engine's to tell: whoever sends them here speaks to it,
 * too, and it knows from where.
 */
static void
tell_counts(struct statesync *s)
{
	struct sync_told *t = &s->people;
	const uint64_t *refused = s->link.count.refused;
	uint32_t flows = s->stream.flows, max = trouble_table_limit();
	bool full = max > 0 && flows >= (t->full ? max - max / FULL_SLACK : max);

	tell_count(s, NOTE_EVENTS_OVERRUN, &t->overruns, s->feed.events.overruns);
	tell_count(s, NOTE_SYNC_BUFFER_FULL, &t->overflow, s->stream.count.overflow);
	tell_count(s, NOTE_SYNC_REFUSED, &t->refused,
		refused[REJECT_SEAL] + refused[REJECT_CONTENT] + s->stream.count.rejected);
	tell_count(s, NOTE_FLOW_CONFLICTS, &t->conflicts, s->sink.count.conflicts);
	if (full && !t->full && !s->trouble.full)
		tell_note(s, NOTE_TABLE_FULL, flows, max);
	t->full = full;
}

void
tell_changes(struct statesync *s, struct instant now)
{
	tell_state(s);
	tell_bulks(s);
	tell_repairs(s);
	if (instant_sub(now, s->people.counted) < COUNT_NS)
		return;
	s->people.counted = now;
	tell_counts(s);
}
