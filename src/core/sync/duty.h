/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What state sync has to do now: which part it plays, whether the peer's table is complete, who
 * sends a bulk to whom. Pure; the daemon tells what has happened and then does what duty says it
 * should be doing (level-triggered): listen to events, send a bulk, sweep.
 *
 * A bulk is a walk through the sender's table. The standby asks for one when a session begins and
 * when it stops being active; the active begins one by itself when it lost events or its buffer was
 * full. At its end the standby sweeps what was not confirmed, then says so. A partial bulk is of
 * the buckets only that a comparison (compare.h) found different: complete tables stay complete.
 */
#pragma once
#include "base/time.h"
#include "core/node/event.h"
#include "core/sync/codec.h"

#define DUTY_AGAIN_MIN_NS NS_PER_S        /* before asking again for what could not be held … */
#define DUTY_AGAIN_MAX_NS (60 * NS_PER_S) /* … doubled each time, up to this */

enum duty_out {
	OUT_IDLE,
	OUT_BEGIN,   /* BEGIN is to be put */
	OUT_SENDING, /* the table is being walked */
	OUT_END,     /* END is to be put */
	OUT_WAITING, /* for the peer's DONE */
	OUT_DONE,
};

/* What records of the peer's flows are worth here. */
enum duty_trust {
	TRUST_ALL,  /* standby: the peer knows better */
	TRUST_NEW,  /* active by agreement: what the old one still sees is added, nothing else */
	TRUST_NONE, /* active without it: the peer has no right to forward */
};

enum duty_in { IN_NONE, IN_ASKED, IN_RECEIVING, IN_SWEEPING, IN_DONE };

struct duty {
	enum sync_part part; /* never SYNC_BARRIER: that is an ACTIVE with a barrier */
	uint64_t term, peer_term;
	bool session;
	bool heir;     /* active by the peer's leave, who has not been active since */
	bool draining; /* the barrier was ordered: active for a few milliseconds more */
	bool renew;    /* begin a session of our own: what is on its way counts no more */

	/* As sender. */
	enum duty_out out;
	bool lost;         /* since the last BEGIN something did not reach the peer */
	bool out_complete; /* the peer has everything */
	uint32_t asked;    /* id of the peer's request, 0 = none in this session */
	uint32_t out_id;   /* of the bulk */
	uint32_t out_total, out_sent;
	bool out_partial;                  /* of some buckets only: the peer has the rest */
	bool put_term;                     /* TERM is to be put before any flow */
	uint32_t bulks_sent, repairs_sent; /* whole ones, partial ones */

	/* As receiver. */
	enum duty_in in;
	bool put_request, put_done;
	uint32_t request_id, in_id;
	uint32_t in_total, in_seen;
	struct instant in_since; /* of the bulk that is received: before any of its flows */
	bool in_complete;        /* my table is the peer's; stays true while a refresh goes on */
	bool missed;             /* since the last BEGIN something could not be held here */
	bool put_incomplete;     /* the peer is to hear of it */
	struct instant again_at, again_last; /* next and last request because of it, 0 = none */
	int64_t again_ns;                    /* the pause before that */
	int64_t in_expiry_s;                 /* of what is confirmed now (aging.h) */
	int64_t in_whole_s;                  /* the same, of the last whole bulk */
	bool in_partial;
	uint32_t bulks_received, repairs_received;

	/* Barrier. */
	bool barrier;
	uint64_t barrier_term, flushed_term;
	uint32_t barrier_mark;
};

/* last_s: the in_expiry_s of an earlier process on this machine, 0 = none known. */
void duty_init(struct duty *d, struct instant now, int64_t last_s);
/*
 * The engine's order; `alone`: SYNC_ACTIVE without the peer's leave. SYNC_BARRIER: follow with
 * duty_set_barrier() when all events have been put. Who ends being active without a barrier has
 * lost the right to it at some unknown time before: `renew` is set then.
 */
void duty_part(struct duty *d, enum sync_part part, uint64_t term, bool alone);
void duty_set_barrier(struct duty *d, uint64_t term, uint32_t mark);
/* The peer has applied everything up to the barrier's mark. */
void duty_barrier_reached(struct duty *d);
/* A session began: both streams start anew, the peer's table is unknown. */
void duty_session_up(struct duty *d);
void duty_session_down(struct duty *d);
/* Events were lost, or a record did not fit. */
void duty_lost(struct duty *d);
/*
 * A flow of the peer's could not be held here, or (`update`) what changed of it found no flow. An
 * update comes before its flow while a bulk is under way; at any other time the tables differ, and
 * a bulk is asked for.
 */
void duty_missed(struct duty *d, bool update);

/* A control record from the peer. */
void duty_control(struct duty *d, const struct sync_record *rec, struct instant now);
/* NEW records from the peer count as progress. */
static inline void
duty_seen(struct duty *d)
{
	if (d->in == IN_RECEIVING)
		d->in_seen++;
}

/* Begins a bulk, or asks for one, when there is reason to; `calm` = the stream's backlog is small,
 * `flows` in my table. */
void duty_poll(struct duty *d, struct instant now, bool calm, uint32_t flows);
/* Begins a partial bulk of about so many flows; only while the peer has everything else. */
void duty_repair(struct duty *d, uint32_t flows);
/* What this side sends is complete, and nothing is under way: tables may be compared. */
static inline bool
duty_comparable(const struct duty *d)
{
	return d->part == SYNC_ACTIVE && d->session && d->out == OUT_DONE && d->out_complete &&
	       !d->draining && !d->barrier;
}
/* The next control record to put; true = there is one. Tell duty_put() when the stream took it. */
bool duty_next(const struct duty *d, struct sync_record *rec);
void duty_put(struct duty *d, const struct sync_record *rec);
/* The walk for the bulk, or the sweep, came to its end. */
void duty_walked(struct duty *d);
void duty_swept(struct duty *d);
/* The sweep was given up: what is left over here stays, and the bulk has to be asked for again. */
void duty_spoiled(struct duty *d);

/* Subscribe to events. */
static inline bool
duty_listen(const struct duty *d)
{
	return d->part != SYNC_STANDBY;
}

/* Events are to be put on the stream; otherwise they stay where they are. */
static inline bool
duty_send(const struct duty *d)
{
	return d->part == SYNC_ACTIVE && d->session && !d->put_term;
}

/*
 * Who is active knows better than any peer what passes him: his own table wins, whatever terms say.
 * Of a peer that gave him the role, he adds what it still sees while it drains. Of any other (it
 * hangs with a closed gate, or will lose the conflict) he believes nothing.
 */
static inline enum duty_trust
duty_trust(const struct duty *d)
{
	if (d->part != SYNC_ACTIVE)
		return TRUST_ALL;
	return d->heir ? TRUST_NEW : TRUST_NONE;
}

/* State and progress; the caller fills in the figures that are not duty's. */
void duty_report(const struct duty *d, struct sync_report *r);
