/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Comparing two flow tables that never stand still. Pure: who walks when, what is sent, which
 * buckets are known to differ. docs/design/statesync.md §7 has the reasoning.
 *
 * The active node asks. It first notes for a moment which buckets change, then puts SCAN into the
 * stream and walks its table; the standby walks its own when it has applied that record, and sends
 * its sums. Whatever may make the two walks see different things is a change that passed the active
 * node between the beginning and the end: a bucket in which one fell is not judged this time. What
 * differs is looked at once more, since a walk through a moving table can see a flow twice.
 */
#pragma once
#include "base/time.h"
#include "core/sync/codec.h"

#define COMPARE_MARGIN_NS   (50 * NS_PER_MS) /* between a change and its event, at most */
#define COMPARE_PAUSE_NS    (2 * NS_PER_S)   /* between two comparisons, at least … */
#define COMPARE_SHARE       100              /* … and so many times what the walk cost */
#define COMPARE_MEND_NS     (10 * NS_PER_S) /* after a repair; doubled while it does not help … */
#define COMPARE_MEND_MAX_NS (600 * NS_PER_S) /* … up to this */
#define COMPARE_PASSES      4                /* over the same buckets */

enum compare_phase {
	COMPARE_RESTS,
	COMPARE_MARKS,   /* asker: changes are noted, the walk begins soon */
	COMPARE_ASKS,    /* asker: SCAN is to be put */
	COMPARE_SCANS,   /* asker: walks, and takes the peer's sums */
	COMPARE_SETTLES, /* asker: judges when all events of before have been read */
	COMPARE_NAMES,   /* asker: puts BUCKETS */
	COMPARE_MENDS,   /* asker: a bulk of these buckets is on its way */
	COMPARE_WALKS,   /* peer: walks */
	COMPARE_TELLS,   /* peer: puts SUMS */
};

enum compare_verdict {
	COMPARE_EQUAL,
	COMPARE_AGAIN,  /* something differs: another pass is on its way */
	COMPARE_OPEN,   /* too much moved */
	COMPARE_REPAIR, /* some buckets differ: they are named, then compare_named() */
	COMPARE_BULK,   /* so many differ that the whole table is sent */
};

struct compare_counts {
	uint64_t done;        /* comparisons that came to a verdict */
	uint64_t differed;    /* buckets that were found different */
	uint64_t abandoned;   /* comparisons that something else ended */
	uint32_t buckets;     /* of the last one */
	uint32_t unsettled;   /* of them, not judged */
	struct instant equal; /* last time that no bucket differed; 0 = never */
};

struct compare {
	enum compare_phase phase;
	int64_t pause_ns;  /* COMPARE_PAUSE_NS; tests in virtual time have less of it */
	struct instant at; /* when this phase is over */
	struct instant give_up;
	uint32_t id;      /* of the pass */
	uint32_t walk_id; /* another walk, another number */
	bool walking;     /* the table is being walked */
	bool put_verdict;
	unsigned page; /* next to be put, or to come */
	unsigned pass;
	int64_t cost_ns;       /* of the walks since the last pause */
	int64_t mend_ns;       /* pause after the last repair, 0 = the last comparison was equal */
	uint32_t flows;        /* in the table when the comparison began */
	uint32_t changes;      /* since it began */
	uint32_t found;        /* buckets that differ */
	uint32_t found_before; /* at the last repair */
	struct compare_counts count;
	struct digest digest;
	struct bucket_set changed;
	struct bucket_set suspects; /* asker: they differed; peer: they are going to be repaired */
};

void compare_init(struct compare *c, int64_t pause_ns);
/* Another session or another part: nothing that was begun counts. */
void compare_reset(struct compare *c, struct instant now);

/*
 * Moves on with time. `ready`: this node is active, listens to events, and the peer has all of its
 * table. True: it is time to compare; call compare_begin().
 */
bool compare_poll(struct compare *c, struct instant now, bool ready);
/* `key` is drawn anew by the caller each time; `flows` are in this node's table. */
void compare_begin(struct compare *c, struct instant now, uint32_t flows, uint64_t key);
/* Something happened to that flow here, or is told to the peer. */
void compare_mark(struct compare *c, const struct flow *f);

/* While `walking`: each flow that is carried; then the end, and what processor time it cost. */
void compare_flow(struct compare *c, const struct flow *f);
void compare_walked(struct compare *c, struct instant now, int64_t cost_ns);

/* Everything is there: judge as soon as all events that wait have been read. */
static inline bool
compare_settled(const struct compare *c, struct instant now)
{
	return c->phase == COMPARE_SETTLES && instant_reached(now, c->at);
}
enum compare_verdict compare_judge(struct compare *c, struct instant now);

/* The next record to put, and that it was put. As duty_next() and duty_put(). */
bool compare_next(const struct compare *c, struct sync_record *rec);
void compare_put(struct compare *c, struct instant now, const struct sync_record *rec);
/* Control records from the peer that are not compare's are ignored. `standby`: I may be asked. */
void compare_control(
	struct compare *c, const struct sync_record *rec, struct instant now, bool standby);

/* All BUCKETS have been put: the bulk of them may begin. True once. */
bool compare_named(struct compare *c);
/* The flow falls into one of them. */
static inline bool
compare_named_has(const struct compare *c, const struct flow *f)
{
	return bucket_set_has(&c->suspects, digest_bucket(&c->digest, f));
}
/* How many flows that will be, about. */
uint32_t compare_named_flows(const struct compare *c);

/* When compare_poll() or compare_settled() will have something. */
static inline struct instant
compare_deadline(const struct compare *c)
{
	return c->phase == COMPARE_SCANS ? c->give_up
	       : c->phase == COMPARE_RESTS || c->phase == COMPARE_MARKS ||
			       c->phase == COMPARE_SETTLES
		       ? c->at
		       : INSTANT_NEVER;
}
