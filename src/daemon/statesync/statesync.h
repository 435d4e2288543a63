/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process that keeps the standby's flow table like the active's (docs/design/statesync.md):
 *
 *   kernel events, walks ──► feed ──► stream ──► link ═══► link ──► stream ──► sink ──► kernel
 *
 * duty (core/sync/duty.h) decides what is to be done; each file here does one thing of it. Nothing
 * here holds a table of flows.
 */
#pragma once
#include "core/sync/aging.h"
#include "core/sync/compare.h"
#include "core/sync/duty.h"
#include "core/sync/recent.h"
#include "core/sync/ripe.h"
#include "core/sync/stream.h"
#include "daemon/child.h"
#include "daemon/statesync/side.h"
#include "daemon/synclink.h"
#include "sys/ctnl.h"
#include "sys/loop.h"

#define EVENT_BUFFER     (32u << 20)
#define LIBERAL_AFTER_NS (10 * NS_PER_S) /* be liberal so long after becoming active */

/* sink.c: what the peer says, into the kernel. */

struct sink_item {
	enum sync_kind kind;
	unsigned msg; /* index of its message in the batch */
	bool deletes; /* a deletion stands in front of it */
	bool mends;   /* what a repair brings */
	uint32_t timeout_s;
	struct flow flow;
};

struct sink_counts {
	uint64_t inserted, updated, deleted, replaced, failed, conflicts, ignored;
	uint64_t missing; /* deletions of what was not there: no harm */
	uint64_t unknown; /* updates of what is not there, and ought to be */
	uint64_t mended;  /* of a repair's flows: was not there, and is now */
};

/* What could not be held since somebody looked last. */
struct sink_trouble {
	unsigned failed, full, unknown; /* full: of the failed ones, for want of room */
	int error;                      /* -errno of the last other failure */
};

struct sink {
	struct ctnl_batch batch; /* also the keeper's; empty between calls */
	struct ctnl_query *query;
	unsigned n;
	struct sink_item item[CTNL_BATCH];
	uint32_t lifetime_s; /* given to flows that the standby holds */
	const struct aging *aging;
	const struct flow_own *mine; /* flows that end here the peer may know, and I do not */
	bool gaps;                   /* the peer does not tell of all flows (SyncAfter) */
	bool senior;                 /* my own table wins, and ages by itself */
	bool mends;                  /* the next record is of a repair */
	unsigned occupied;           /* of the last NEWs, how many were there already: 0…255 */
	struct sink_trouble trouble;
	struct sink_counts count;
};

/* 0 or -errno. */
int sink_open(struct sink *a, struct ctnl_query *query, const struct aging *aging,
	const struct flow_own *mine);
/* Queues; carries out when enough have gathered. */
void sink_record(struct sink *a, enum sync_kind kind, const struct flow *f);
void sink_flush(struct sink *a);

/* feed.c: what happens here, to the peer. */

struct feed_counts {
	uint64_t sent, filtered, not_carried, asked_again;
};

enum feed_job { FEED_NOTHING, FEED_BULK, FEED_RIPE };

struct feed {
	struct ctnl_events events;
	struct loop_fd fd;
	struct loop_timer gather; /* lets events gather when they come fast */
	struct instant flushed;   /* last time that events were sent on */
	enum feed_job job;        /* of the walk */
	struct ctnl_walk walk;    /* for a bulk, or for what has become old enough */
	struct ripe ripe;
	int64_t ripe_cost_ns; /* processor time of the walk for it */
	uint32_t walk_id;     /* which bulk: duty.out_id */
	struct ctnl_query *query;
	struct recent recent;
	uint64_t hash_key;
	bool drained; /* the last reading left no event behind */
	bool behind;  /* events were lost, and older ones still wait to be read */
	bool muted;   /* the buffer was full and the peer does not answer: not even listening */
	struct instant now;
	struct feed_counts count;
};

/* expects.c: expected connections. */

struct expect_counts {
	uint64_t sent, held, ended, failed; /* ended: here, on the peer's word or by a sweep */
};

/* keep.c: housekeeping in this node's own table. */

enum keep_job { KEEP_NOTHING, KEEP_SWEEP, KEEP_RETIME };

struct keep {
	enum keep_job job;
	struct ctnl_walk walk;
	int64_t sweep_of;     /* which bulk the sweep follows: duty.in_expiry_s */
	struct recent recent; /* written while sweeping */
	struct instant next;  /* part of the walk */
	bool retime;          /* a retiming walk is due */
	int liberal_fd;
	int liberal;                /* what was written last, -1 = nothing */
	struct instant strict_at;   /* when window checks become strict */
	struct instant watch_until; /* INVALID packets are watched */
	uint64_t invalid_then;      /* INVALID packets when it became strict */
	uint64_t sampled, usual;    /* in a span as long as the watch, while liberal */
	struct instant sampled_at;
	uint64_t reverted;
	struct aging aging;
	uint64_t swept, retimed;
	uint64_t left_over; /* of the swept ones, those of a repair */
};

/* compare.c: this node's table beside the peer's. */

struct comparing {
	struct ctnl_walk walk;
	uint32_t walk_id; /* compare.walk_id */
	int64_t cost_ns;  /* of this walk, so far */
	int64_t worst_ns; /* of one go of it */
	struct instant next;
};

/* own.c: addresses of this machine that no configuration names, and the peer's. */

#define OWN_TOLD_MAX 64

struct own_told {
	unsigned n_mine, n_theirs;
	unsigned next; /* of mine, to be told */
	bool due;
	struct ip_addr mine[OWN_TOLD_MAX], theirs[OWN_TOLD_MAX];
};

/* trouble.c: what of the peer's table this kernel does not take. */

struct trouble {
	bool full, other; /* told; until a bulk passes without */
};

/* A counter as last told, and when; 0 = never. */
struct told_count {
	uint64_t count;
	struct instant at;
};

/* What people have been told. */
struct sync_told {
	enum sync_state state;
	enum duty_out out;
	enum duty_in in;
	uint32_t out_id, in_id, repairs;
	uint64_t mended, left_over;
	struct instant counted; /* when counters were last compared */
	struct told_count overruns, overflow, refused, conflicts;
	bool enabled, full; /* full: this kernel's table, whoever filled it */
};

struct statesync {
	struct sync_told people;
	struct loop loop;
	struct child_links links; /* to supervisor, engine, config */
	struct loop_timer timer;
	struct sync_page *page;
	const struct engine_page *engine; /* says when the gate was open last */
	struct ipc_sync_conf conf;
	bool configured, enabled;
	struct flow_own own;  /* addresses of both nodes, and whatever else both machines have */
	struct flow_own mine; /* those of this one that are not in the configuration */
	struct own_told own_told;
	struct loop_fd addresses; /* tells when they change */
	struct duty duty;
	struct stream stream;
	void *stream_mem;
	struct link link;
	struct sink sink;
	struct expect_counts expects;
	struct feed feed;
	struct keep keep;
	struct compare compare;
	struct comparing comparing;
	struct ctnl_query query;
	struct instant checked; /* last look at devices and counters */
	struct sync_report told;
	bool tell;           /* the engine has not heard yet */
	enum sync_part part; /* as ordered */
	struct trouble trouble;
	struct side side;
};

/*
 * Packets may have passed this node after that instant. The engine opens the gate before its order
 * gets here; until then its word counts, not what duty knows.
 */
static inline bool
gate_open_since(const struct statesync *s, struct instant since)
{
	return atomic_load(&s->engine->open_last) > since.ns;
}

/* own.c */
void own_init(struct statesync *s);
void own_refresh(struct statesync *s);
/* A new session: the peer is to hear of my addresses. */
void own_tell(struct statesync *s);
/* Puts what is due into the stream. */
void own_put(struct statesync *s, struct instant now);
/* The peer's. */
void own_take(struct statesync *s, const struct sync_record *rec);

void comparing_init(struct statesync *s);
/* Another session, another part, other addresses: what was begun does not count. */
void comparing_reset(struct statesync *s, struct instant now);
/* Begins, walks, judges, as it is time; returns when to be called again. */
struct instant comparing_poll(struct statesync *s, struct instant now);
/* The flow is in a bucket that is being repaired. */
bool comparing_names(const struct statesync *s, const struct flow *f);

void feed_init(struct statesync *s);
/* Listens, reads or sleeps: as duty says. */
void feed_listen(struct statesync *s, struct instant now);
/* Reads events; `all` = until there are none. True when there were any. */
bool feed_events(struct statesync *s, struct instant now, bool all);
/* The next parts of the bulk, as far as the stream has room. True when there is more to do at once.
 */
bool feed_walk(struct statesync *s, struct instant now);
/* When feed_walk() has to be called without another reason. */
struct instant feed_deadline(const struct statesync *s);
/* SyncAfter changed. */
void feed_set_after(struct statesync *s);

/* This flow is the peer's business, too: what state sync carries is decided here and nowhere else.
 */
bool feed_carries(const struct statesync *s, const struct flow *f);
/* Processor time that this process has used. */
int64_t comparing_cpu_ns(void);
/* What the walk finds is wanted. */
bool feed_walks(const struct statesync *s);
/* A flow onto the stream; false when it is full. */
bool feed_put(struct statesync *s, enum sync_kind kind, const struct flow *f);

/* Callbacks of events, of the bulk's walk, of the keeper's walk. */
void expects_event(void *arg, enum sync_kind kind, const struct expect *x);
void expects_walked(void *arg, enum sync_kind kind, const struct expect *x);
void expects_kept(void *arg, enum sync_kind kind, const struct expect *x);
/* The peer's EXPECT or UNEXPECT. */
void expects_record(struct statesync *s, enum sync_kind kind, const struct expect *x);

/* Opens the sysctls. */
void keep_init(struct statesync *s);
/* The engine's order, before duty hears of it. */
void keep_part(struct statesync *s, enum sync_part part, struct instant now);
/* Begins and ends walks as duty says, does what is due; returns when to be called again. */
struct instant keep_poll(struct statesync *s, struct instant now);
/* Every 250 ms. */
void keep_check(struct statesync *s, struct instant now);
/* A record from the peer was applied: the sweep must not judge by what it read before. */
void keep_applied(struct statesync *s, const struct flow *f);
/*
 * What has so long to live was not confirmed by the present bulk. Packets give a flow the kernel's
 * own timeout, and so take away the mark of what confirmed it: when the gate has been open, nothing
 * is left over for sure.
 */
bool keep_unconfirmed(const struct statesync *s, uint32_t timeout_s);
/* Flushes the sink; duty and people hear of what could not be held. */
void trouble_flush(struct statesync *s);
/* What the kernel holds at most, for each namespace; 0 = not known. */
uint32_t trouble_table_limit(void);
/* tell.c: events for people. */
void tell_note(struct statesync *s, enum note_id id, int64_t a, int64_t b);
/* Compares with what was told last; after each round. */
void tell_changes(struct statesync *s, struct instant now);
/* status.c */
void status_tell(struct statesync *s, struct instant now);
void status_publish(struct statesync *s, bool running, struct instant now);
