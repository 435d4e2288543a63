/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What neighbours and sets have in common: who tells, when, and how much of the processor it may
 * take. What has changed is found without a memory of what was told: entries say themselves how
 * long ago they changed, and whatever changed since the walk before began is told.
 */
#include <string.h>
#include <time.h>
#include "daemon/statesync/statesync.h"

#define SLACK_MS 100 /* the kernel's clock ticks, and its rounding */

void
side_init(struct statesync *s)
{
	s->side.ready = neigh_init(s) == 0 && sets_init(s) == 0;
}

bool
side_put(struct statesync *s, const struct side_record *rec, struct instant now)
{
	uint8_t data[SIDE_MAX];
	size_t len = side_encode(rec, data);

	if (!len)
		return true; /* not of a kind that can be carried */
	return stream_put_side(&s->stream, data, len, now);
}

void
side_walk_begin(struct side_pace *p, struct instant now)
{
	p->full = instant_reached(now, p->full_at);
	p->cut = false;
	p->begun = now;
	p->spent_ns = 0;
	p->n = 0;
}

int64_t
side_spent(void)
{
	struct timespec ts = {0};

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

void
side_walk_part(struct side_pace *p, struct instant now, int64_t since_ns)
{
	int64_t ns = side_spent() - since_ns;

	p->spent_ns += ns;
	p->next = instant_add(now, 2 * ns); /* others come first in between */
}

void
side_walk_end(struct side_pace *p, struct instant now, int64_t pause_ns, int64_t full_ns)
{
	int64_t wait = SIDE_PERIOD_NS;

	if (p->spent_ns * SIDE_SHARE > wait)
		wait = p->spent_ns * SIDE_SHARE;
	if (pause_ns > wait)
		wait = pause_ns;
	p->next = instant_add(now, wait);
	if (p->cut)
		return; /* what did not fit is told by the next one */
	p->before = p->begun;
	if (p->full)
		p->full_at = instant_add(now, SIDE_FULL_NS + full_ns);
}

bool
side_walk_wants(const struct side_pace *p, uint64_t changed_ms)
{
	int64_t since_ms = instant_sub(loop_now(), p->before) / NS_PER_MS + SLACK_MS;

	return p->full || changed_ms <= (uint64_t)since_ms;
}

/* Everything is told from the beginning. */
static void
begin_telling(struct statesync *s, struct instant now)
{
	s->side.neighs.pace = (struct side_pace){.next = now};
	s->side.neighs.family = 4;
	neighwalk_stop(&s->side.neighs.walk);
	sets_full(s, now);
}

bool
side_record(struct statesync *s, const struct sync_record *rec, struct instant now)
{
	struct side_record r;
	enum side_result result;

	if (rec->control.type == SYNC_BULK_REQUEST)
		begin_telling(s, now);
	if (rec->control.type != SYNC_SIDE)
		return false;
	result = side_decode(rec->side.data, rec->side.len, &r);
	if (result == SIDE_REJECT)
		s->stream.count.rejected++;
	if (result != SIDE_OK || !s->side.ready || duty_trust(&s->duty) == TRUST_NONE)
		return true;
	switch (r.what) {
	case SIDE_NEIGH:
	case SIDE_NEIGH_END:
		neigh_take(s, &r, now);
		break;
	case SIDE_ELEM:
		sets_take(s, &r.elem, now);
		break;
	case _SIDE_MAX:
		break;
	}
	return true;
}

void
side_part(struct statesync *s, struct instant now)
{
	enum sync_part part = s->part;

	if (!s->side.ready || part == s->side.part)
		return;
	if (part == SYNC_BARRIER)
		sets_hurry(s, now);
	else
		neigh_rewrite(s, now);
	s->side.part = part;
}

void
side_flush(struct statesync *s)
{
	if (!s->side.ready)
		return;
	neigh_flush(s);
	sets_flush(s);
}

struct instant
side_poll(struct statesync *s, struct instant now)
{
	struct side *d = &s->side;
	bool tell = d->ready && duty_send(&s->duty) && link_reachable(&s->link, now);
	struct instant next;

	if (!d->ready)
		return INSTANT_NEVER;
	if (tell && !d->telling)
		begin_telling(s, now);
	d->telling = tell;
	next = neigh_keep(s, now);
	if (!tell) {
		nftsets_walk_stop(&d->sets.walk);
		if (s->duty.part != SYNC_ACTIVE || !d->neighs.adopting) {
			neighwalk_stop(&d->neighs.walk);
			return next;
		}
		return instant_min(next, neigh_tell(s, now));
	}
	if (stream_backlog(&s->stream) >= SIDE_BACKLOG)
		return next; /* an ACK brings us back */
	next = instant_min(next, neigh_tell(s, now));
	return instant_min(next, sets_tell(s, now));
}

void
side_status(const struct statesync *s, struct sync_status *st)
{
	const struct neighs *n = &s->side.neighs;
	const struct sets *t = &s->side.sets;

	st->neighbours = s->side.telling ? n->seen : n->table.n;
	st->neighbours_sent = n->sent;
	st->neighbours_written = n->written;
	st->neighbours_failed = n->failed;
	st->sets = t->list.n;
	for (unsigned i = 0; s->side.telling && i < t->list.n; i++)
		st->set_elements += t->seen[i];
	st->elements_sent = t->sent;
	st->elements_written = t->written;
	st->elements_failed = t->failed;
	st->elements_unknown = t->unknown;
}
