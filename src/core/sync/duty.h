/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What state sync has to do now: which part it plays, whether the peer's table is complete, who
 * sends a bulk to whom. Pure; the daemon tells what has happened and then does what duty says it
 * should be doing (level-triggered): listen to events, send a bulk, sweep.
 *
 * A bulk is a walk through the sender's table. The standby asks for one when a session begins and
 * when it stops being active; the active begins one by itself when it lost events or its buffer was
 * full. At its end the standby sweeps what was not confirmed, then says so.
 */
#pragma once
#include "base/time.h"
#include "core/node/event.h"
#include "core/sync/codec.h"

enum duty_out {
	OUT_IDLE,
	OUT_BEGIN,   /* BEGIN is to be put */
	OUT_SENDING, /* the table is being walked */
	OUT_END,     /* END is to be put */
	OUT_WAITING, /* for the peer's DONE */
	OUT_DONE,
};

enum duty_in { IN_NONE, IN_ASKED, IN_RECEIVING, IN_SWEEPING, IN_DONE };

struct duty {
	enum sync_part part; /* never SYNC_BARRIER: that is an ACTIVE with a barrier */
	uint64_t term, peer_term;
	bool session;

	/* As sender. */
	enum duty_out out;
	bool lost;         /* since the last BEGIN something did not reach the peer */
	bool out_complete; /* the peer has everything */
	uint32_t asked;    /* id of the peer's request, 0 = none in this session */
	uint32_t out_id;   /* of the bulk */
	uint32_t out_total, out_sent;
	bool put_term; /* TERM is to be put before any flow */
	uint32_t bulks_sent;

	/* As receiver. */
	enum duty_in in;
	bool put_request, put_done;
	uint32_t request_id, in_id;
	uint32_t in_total, in_seen;
	bool in_complete;    /* my table is the peer's; stays true while a refresh goes on */
	int64_t in_expiry_s; /* of what is confirmed now (aging.h) */
	uint32_t bulks_received;

	/* Barrier. */
	bool barrier;
	uint64_t barrier_term, flushed_term;
	uint32_t barrier_mark;
};

/* last_s: the in_expiry_s of an earlier process on this machine, 0 = none known. */
void duty_init(struct duty *d, struct instant now, int64_t last_s);
/* The engine's order. SYNC_BARRIER: follow with duty_set_barrier() when all events have been put.
 */
void duty_part(struct duty *d, enum sync_part part, uint64_t term);
void duty_set_barrier(struct duty *d, uint64_t term, uint32_t mark);
/* The peer has applied everything up to the barrier's mark. */
void duty_barrier_reached(struct duty *d);
/* A session began: both streams start anew, the peer's table is unknown. */
void duty_session_up(struct duty *d);
void duty_session_down(struct duty *d);
/* Events were lost, or a record did not fit. */
void duty_lost(struct duty *d);

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
/* The next control record to put; true = there is one. Tell duty_put() when the stream took it. */
bool duty_next(const struct duty *d, struct sync_record *rec);
void duty_put(struct duty *d, const struct sync_record *rec);
/* The walk for the bulk, or the sweep, came to its end. */
void duty_walked(struct duty *d);
void duty_swept(struct duty *d);

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
 * The other one may be draining, hanging with a closed gate, or the loser of a conflict.
 */
static inline bool
duty_senior(const struct duty *d)
{
	return d->part == SYNC_ACTIVE;
}

/* State and progress; the caller fills in the figures that are not duty's. */
void duty_report(const struct duty *d, struct sync_report *r);
