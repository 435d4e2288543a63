/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's connection tracking by netlink: its events, walks through its table, and batches of
 * changes. Translates between attributes and struct flow (core/sync/flow.h); no policy. Nothing
 * blocks.
 *
 * The rules that the kernel sets and that are easy to miss stand in docs/design/statesync.md: reply
 * tuple and translation on creation, what a status may say, when an update is refused.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/sync/codec.h"

#define CTNL_BATCH     64  /* messages in one system call */
#define CTNL_MSG_MAX   768 /* any message built here */
#define CTNL_EVENTS    64  /* datagrams in one recvmmsg() */
#define CTNL_EVENT_MAX 2048
#define CTNL_CHUNK     32768 /* part of a walk: what the kernel fills in one go at most */

enum ctnl_parsed {
	CTNL_FLOW,
	CTNL_EXPECT,
	CTNL_IGNORED, /* neither, or of a kind that is not carried */
};

/*
 * Reads one message (header to end, `len` bytes available). CTNL_FLOW, CTNL_IGNORED, or -EBADMSG
 * for what the kernel would not write. *kind says NEW, UPDATE or DESTROY; the answer to a walk or a
 * question counts as NEW.
 */
int ctnl_parse(const void *msg, size_t len, enum sync_kind *kind, struct flow *f);
/* The same for an expectation: CTNL_EXPECT, and *kind EXPECT or UNEXPECT. */
int ctnl_parse_expect(const void *msg, size_t len, enum sync_kind *kind, struct expect *x);

enum ctnl_op {
	CTNL_CREATE,       /* with translation; -EEXIST when original or reply tuple is taken */
	CTNL_UPDATE,       /* without translation; -ENOENT */
	CTNL_RETIME,       /* timeout only; -ENOENT */
	CTNL_DELETE,       /* by original tuple; -ENOENT */
	CTNL_DELETE_REPLY, /* whoever holds the flow's reply tuple; -ENOENT */
	CTNL_GET,          /* by original tuple; -ENOENT */
};

/*
 * Builds a message with `seq` into buf[size]; timeout_s is for CREATE (needed), UPDATE (0 = leave)
 * and RETIME. Returns its length, 0 when it does not fit.
 */
size_t ctnl_build(enum ctnl_op op, const struct flow *f, uint32_t timeout_s, uint32_t seq,
	void *buf, size_t size);

enum ctnl_expect_op {
	CTNL_EXPECT_CREATE, /* -EEXIST; -ENOENT: no master; -EOPNOTSUPP: it has no helper */
	CTNL_EXPECT_RETIME, /* -ENOENT; the kernel gives new ones its own timeout */
	CTNL_EXPECT_DELETE, /* -ENOENT */
};

/* timeout_s: for RETIME. Otherwise as ctnl_build(). */
size_t ctnl_build_expect(enum ctnl_expect_op op, const struct expect *x, uint32_t timeout_s,
	uint32_t seq, void *buf, size_t size);

/* A netlink socket; 0 or -errno. rcvbuf = bytes for what the kernel sends us, 0 = its default. */
int ctnl_open(size_t rcvbuf, int *fd, uint32_t *portid);

/* Events */

typedef void ctnl_flow_fn(void *arg, enum sync_kind kind, const struct flow *f);
typedef void ctnl_expect_fn(void *arg, enum sync_kind kind, const struct expect *x);

struct ctnl_events {
	int fd; /* -1 = not open */
	uint64_t count, overruns, ignored, malformed;
	uint8_t (*buf)[CTNL_EVENT_MAX]; /* CTNL_EVENTS of them */
	ctnl_expect_fn *on_expect;      /* NULL: flows only; set it before opening */
};

/*
 * Subscribes to all events but those that the socket `own_portid` causes. 0 or -errno. A subscriber
 * costs the packet path ~1 µs per flow: close when they are not wanted.
 */
int ctnl_events_open(struct ctnl_events *e, size_t rcvbuf, uint32_t own_portid);
void ctnl_events_close(struct ctnl_events *e);
/*
 * Calls fn for the events that are there, at most one system call's worth. Number of datagrams read
 * (0 = none there), -ENOBUFS: some were lost, go on reading; other -errno.
 */
int ctnl_events_read(struct ctnl_events *e, ctnl_flow_fn *fn, void *arg);

/* Walks */

struct ctnl_walk {
	int fd; /* -1 = not open */
	uint32_t seq;
	bool running;
	bool expects;              /* flows are done, now these */
	ctnl_expect_fn *on_expect; /* expectations follow the flows; NULL: flows only */
	long buckets;              /* of the kernel's hash table when it began */
	uint8_t *buf;              /* CTNL_CHUNK */
};

/* Begins a walk through the whole table: flows, then (with on_expect) expectations. 0 or -errno. */
int ctnl_walk_start(struct ctnl_walk *w);
/*
 * Calls fn for the next part (the kernel made it when the part before was read). 1 = go on, 0 =
 * that was all, -EAGAIN = nothing there yet, other -errno = begin again (-ESTALE: somebody resized
 * the kernel's table meanwhile; flows may have been left out).
 */
int ctnl_walk_next(struct ctnl_walk *w, ctnl_flow_fn *fn, void *arg);
void ctnl_walk_stop(struct ctnl_walk *w);

/* Changes */

struct ctnl_batch {
	int fd;               /* -1 = not open */
	uint32_t portid, seq; /* seq of the first message */
	unsigned n;
	size_t len;
	int result[CTNL_BATCH]; /* after ctnl_batch_run(): 0 or -errno of each */
	uint8_t *buf;
};

int ctnl_batch_open(struct ctnl_batch *b);
void ctnl_batch_close(struct ctnl_batch *b);
/* Appends; the batch must have room (n < CTNL_BATCH). False: the message could not be built. */
bool ctnl_batch_add(
	struct ctnl_batch *b, enum ctnl_op op, const struct flow *f, uint32_t timeout_s);
bool ctnl_batch_add_expect(
	struct ctnl_batch *b, enum ctnl_expect_op op, const struct expect *x, uint32_t timeout_s);
/*
 * Carries out all of them in order and empties the batch; result[] says what became of each. Number
 * of failures, or -errno when nothing is known.
 */
int ctnl_batch_run(struct ctnl_batch *b);

/* Questions */

struct ctnl_query {
	int fd; /* -1 = not open */
	uint32_t seq;
};

int ctnl_query_open(struct ctnl_query *q);
void ctnl_query_close(struct ctnl_query *q);
/* The flow as it is now. 0, -ENOENT, other -errno. */
int ctnl_get(struct ctnl_query *q, const struct flow *key, struct flow *out);
/* Flows in the table of this network namespace. 0 or -errno. */
int ctnl_count(struct ctnl_query *q, uint32_t *flows);
/* Packets that were INVALID in this network namespace since its start, over all CPUs. 0 or -errno.
 */
int ctnl_invalid(struct ctnl_query *q, uint64_t *packets);
