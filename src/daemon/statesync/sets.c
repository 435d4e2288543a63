/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Elements of nft sets that rules fill themselves: block lists, rate limits. The packet path tells
 * nobody of an element that it adds, so the sets are walked. An element that expires says when it
 * was made or renewed last: what is new since the walk before is told, everything now and then.
 *
 * The standby puts them into its set of the same name and kind. It takes nothing away: what the
 * active no longer has times out here as it did there.
 */
#include <string.h>
#include "daemon/statesync/statesync.h"

int
sets_init(struct statesync *s)
{
	int r;

	s->side.sets.walk.fd = -1;
	r = nftsets_open(&s->side.sets.list);
	return r < 0 ? r : nftsets_batch_open(&s->side.sets.batch);
}

/* Which sets there are; what is known of those that stay is kept. */
static void
scan(struct statesync *s, struct instant now, bool at_once)
{
	struct sets *t = &s->side.sets;
	struct side_pace pace[NFTSETS_MAX];
	uint64_t id[NFTSETS_MAX];
	unsigned n = t->list.n;

	if (!at_once && t->scanned.ns && instant_sub(now, t->scanned) < SIDE_PERIOD_NS)
		return;
	t->scanned = now;
	memcpy(pace, t->pace, sizeof(pace));
	for (unsigned i = 0; i < n; i++)
		id[i] = t->list.set[i].id;
	if (nftsets_scan(&t->list) <= 0)
		return;
	nftsets_walk_stop(&t->walk);
	for (unsigned i = 0; i < t->list.n; i++) {
		t->pace[i] = (struct side_pace){.next = now};
		t->seen[i] = 0;
		for (unsigned k = 0; k < n; k++)
			if (id[k] == t->list.set[i].id)
				t->pace[i] = pace[k];
	}
}

void
sets_full(struct statesync *s, struct instant now)
{
	struct sets *t = &s->side.sets;

	nftsets_walk_stop(&t->walk);
	for (unsigned i = 0; i < t->list.n; i++)
		t->pace[i] = (struct side_pace){.next = now};
}

void
sets_hurry(struct statesync *s, struct instant now)
{
	struct sets *t = &s->side.sets;

	for (unsigned i = 0; i < t->list.n; i++)
		t->pace[i].next = instant_min(t->pace[i].next, now);
}

void
sets_flush(struct statesync *s)
{
	struct sets *t = &s->side.sets;
	unsigned n = t->batch.n;
	int r;

	if (!n)
		return;
	r = nftsets_batch_run(&t->batch);
	t->failed += r < 0 ? n : (unsigned)r;
	t->written += r < 0 ? 0 : n - (unsigned)r;
}

void
sets_take(struct statesync *s, const struct side_elem *e, struct instant now)
{
	struct sets *t = &s->side.sets;
	const struct nftset *set;

	scan(s, now, false);
	set = nftsets_find(&t->list, e->set);
	if (!set) { /* perhaps it has just been made */
		scan(s, now, true);
		set = nftsets_find(&t->list, e->set);
	}
	if (!set || set->key_len != e->key_len) {
		t->unknown++;
		return;
	}
	if (t->batch.n == NFTSETS_BATCH)
		sets_flush(s);
	nftsets_batch_add(&t->batch, set, e, duty_trust(&s->duty) == TRUST_ALL);
}

static void
take_walked(void *arg, const struct side_elem *e)
{
	struct statesync *s = arg;
	struct sets *t = &s->side.sets;
	struct side_pace *p = &t->pace[t->at];
	struct side_record rec = {.what = SIDE_ELEM, .elem = *e};

	if (p->n == SETS_ELEMS_MAX || p->cut)
		return;
	t->seen[t->at]++;
	if (!side_walk_wants(p, e->timeout_ms - e->left_ms))
		return;
	p->n++;
	if (side_put(s, &rec, p->begun))
		t->sent++;
	else
		p->cut = true;
}

/* The set whose turn it is; its number, or list.n. */
static unsigned
due(const struct sets *t, struct instant now)
{
	unsigned best = t->list.n;

	for (unsigned i = 0; i < t->list.n; i++)
		if (instant_reached(now, t->pace[i].next) &&
			(best == t->list.n || instant_before(t->pace[i].next, t->pace[best].next)))
			best = i;
	return best;
}

static struct instant
next_due(const struct sets *t)
{
	struct instant next = instant_add(t->scanned, SIDE_PERIOD_NS);

	for (unsigned i = 0; i < t->list.n; i++)
		next = instant_min(next, t->pace[i].next);
	return next;
}

struct instant
sets_tell(struct statesync *s, struct instant now)
{
	struct sets *t = &s->side.sets;
	int64_t spent = side_spent();
	struct side_pace *p;
	int r;

	if (!t->walk.running) {
		scan(s, now, false);
		t->at = due(t, now);
		if (t->at == t->list.n)
			return next_due(t);
		p = &t->pace[t->at];
		side_walk_begin(p, now);
		t->seen[t->at] = 0;
		if (nftsets_walk_start(&t->walk, &t->list.set[t->at]) < 0)
			return p->next = instant_add(now, SIDE_PERIOD_NS);
	}
	p = &t->pace[t->at];
	if (!instant_reached(now, p->next))
		return p->next;
	r = nftsets_walk_next(&t->walk, take_walked, s);
	side_walk_part(p, now, spent);
	if (r == 1 && !p->cut)
		return p->next;
	nftsets_walk_stop(&t->walk);
	p->cut |= r < 0;
	side_walk_end(p, now, p->n * SETS_ELEM_NS, p->n * SETS_ELEM_FULL_NS);
	return next_due(t);
}
