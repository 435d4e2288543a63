/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a revision comes into force on both nodes, or on neither (docs/design/commit.md): check and
 * prepare on both, apply on the inactive node, apply on the active one, keep it when an
 * administrator says so, go back when nobody does. Pure: what is to be done in files and kernel is
 * asked of commit_ops, and everything that decides is in struct commit and on the node's disk.
 *
 * Every node goes back by its own timer, whatever has become of the other. What the nodes tell each
 * other is their state, whenever it changes and whenever they find each other again; nothing
 * depends on one message having arrived.
 */
#pragma once
#include "base/time.h"
#include "core/commit/head.h"

#define COMMIT_LINE_MAX   128 /* revisions that a node can name as its past */
#define COMMIT_REASON_MAX 400 /* bytes of a reason, with NUL */
#define COMMIT_TEXT_MAX   (17u << 20)

#define COMMIT_ASK_NS   (60 * NS_PER_S)  /* for the peer to check and prepare */
#define COMMIT_APPLY_NS (60 * NS_PER_S)  /* for the peer to apply */
#define COMMIT_READY_NS (180 * NS_PER_S) /* a prepared revision is forgotten after this */
#define COMMIT_AGAIN_NS (10 * NS_PER_S)  /* between attempts to catch up */

enum commit_phase {
	COMMIT_IDLE,
	COMMIT_ASKING,  /* the peer checks and prepares; nothing is in force yet */
	COMMIT_READY,   /* the peer asked us: prepared, not in force */
	COMMIT_LEADING, /* the peer applies it; here it may be in force already */
	COMMIT_TRIAL,   /* in force, to be kept or taken back */
};

/* What the present configuration is made from: this revision, then older ones, newest first. */
struct commit_line {
	unsigned n;
	struct commit_id id[COMMIT_LINE_MAX];
};

enum commit_kind {
	COMMIT_STATE = 1, /* id = kept, other = tried (or none), highest, line */
	COMMIT_PROPOSE,   /* id, other = what it replaces, text */
	COMMIT_PREPARED,  /* id */
	COMMIT_REFUSED,   /* id, text = why */
	COMMIT_APPLY,     /* id, timeout_s */
	COMMIT_APPLIED,   /* id */
	COMMIT_FAILED,    /* id, text = why: it is not in force there */
	COMMIT_ABORT,     /* id: forget it, or take it back */
	COMMIT_FETCH,     /* id: send me this text */
	COMMIT_TEXT,      /* id, text */
	_COMMIT_KIND_MAX,
};

struct commit_msg {
	enum commit_kind kind;
	struct commit_id id, other;
	uint32_t highest, timeout_s;
	const struct commit_line *line; /* STATE */
	const char *text;               /* not terminated when it was received */
	size_t len;
};

/* How this node's configuration and the peer's are related. */
enum commit_relation {
	RELATION_UNKNOWN, /* the peer is away */
	RELATION_SAME,
	RELATION_BEHIND,   /* the peer's is made from ours */
	RELATION_AHEAD,    /* ours is made from the peer's */
	RELATION_DIVERGED, /* neither: a person must choose */
};

enum commit_result {
	COMMIT_DONE, /* in force, waits for commit */
	COMMIT_NOT,  /* nothing has changed; reason says why */
};

enum commit_tale {      /* what people are told */
	TALE_PEER_KEPT, /* the peer's administrator kept it, so did we */
	TALE_PEER_BACK, /* the peer went back, so did we */
	TALE_TIMEOUT,   /* nobody confirmed */
	TALE_TAKEN,     /* caught up */
	TALE_NOT_TAKEN, /* could not; reason */
	TALE_NOT_KEPT,  /* disk; reason */
	TALE_DIVERGED,
};

/*
 * Each returns 0, or -errno with a reason in why[COMMIT_REASON_MAX]; then nothing has changed.
 * prepare and take also get the text that the peer sent.
 */
struct commit_ops {
	int (*prepare)(void *ctx, const struct commit_msg *m, char *why);
	/* Way back and deadline onto the disk, then into force. */
	int (*apply)(
		void *ctx, const struct commit_id *id, uint32_t timeout_s, bool joined, char *why);
	int (*keep)(void *ctx, const struct commit_id *id, char *why);
	/* Prepared or in force: not any more. Must not fail: what cannot be done now is tried on.
	 */
	void (*back)(void *ctx, const struct commit_id *id);
	/* A revision that the peer has kept: prepare, keep, apply. */
	int (*take)(void *ctx, const struct commit_msg *m, char *why);
	/* Another text of the peer's than ours, to be shown. */
	void (*differs)(void *ctx, const struct commit_msg *m);
	/* PROPOSE and TEXT: the callee adds the text of m->id. False: it cannot be sent. */
	bool (*send)(void *ctx, const struct commit_msg *m);
	void (*line)(void *ctx, struct commit_line *out, uint32_t *highest);
	/* The end of commit_activate(), once for each. */
	void (*answer)(void *ctx, enum commit_result r, const char *why);
	void (*tell)(void *ctx, enum commit_tale tale, const struct commit_id *id, const char *why);
};

struct commit {
	const struct commit_ops *ops;
	void *ctx;
	enum commit_phase phase;
	struct commit_id current; /* kept */
	struct commit_id trial;   /* not in COMMIT_IDLE */
	bool joined;              /* the peer takes part in the trial */
	bool applied;             /* here; false only before COMMIT_TRIAL */
	bool first;               /* COMMIT_ASKING: we apply before the peer does */
	uint32_t timeout_s;
	struct instant until; /* TRIAL: go back; else give up */

	bool peer_up;    /* messages can be sent */
	bool peer_known; /* the next three are valid */
	struct commit_id peer_current, peer_trial;
	uint32_t peer_highest;
	enum commit_relation relation;
	struct instant fetch_at; /* when we may ask for the peer's text again */
	bool fetched;            /* … that we only want to see */
};

void commit_init(
	struct commit *c, const struct commit_ops *ops, void *ctx, const struct commit_id *current);
/* After commit_init(): a trial that was under way when the process ended, with `left` to go. */
void commit_resume(struct commit *c, const struct commit_id *trial, bool joined, int64_t left_ns,
	struct instant now);

/* id is prepared on this node. active: it forwards now. ops->answer follows, now or later. */
void commit_activate(struct commit *c, const struct commit_id *id, uint32_t timeout_s, bool active,
	struct instant now);
/* Keeps the trial: 0, or -errno with a reason: it stays a trial. -ENOENT: there is none. */
int commit_keep(struct commit *c, char *why);
/* Takes the trial back: 0, -ENOENT: there is none. */
int commit_back(struct commit *c);
/* The kept revision has changed otherwise (a difference was resolved). */
void commit_changed(struct commit *c, const struct commit_id *current, struct instant now);

void commit_peer_up(struct commit *c, struct instant now);
void commit_peer_down(struct commit *c);
void commit_message(struct commit *c, const struct commit_msg *m, struct instant now);
void commit_tick(struct commit *c, struct instant now);
struct instant commit_deadline(const struct commit *c);

const char *commit_phase_name(enum commit_phase p);       /* "trial" */
const char *commit_relation_name(enum commit_relation r); /* "same" */

/* wire.c: one message without its length. Encoding returns the length, 0 when buf is too small. */
size_t commit_encode(const struct commit_msg *m, uint8_t *buf, size_t size);
/* False: malformed. out->line points to *line, out->text into buf. */
bool commit_decode(
	const uint8_t *buf, size_t len, struct commit_msg *out, struct commit_line *line);
#define COMMIT_MSG_MAX (COMMIT_TEXT_MAX + 4096u)
