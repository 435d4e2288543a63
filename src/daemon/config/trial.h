/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Revisions on their way into force and out of it: carries out what core/commit decides, in the
 * store, in the kernel, and towards the peer. trial.c: this node; trial_peer.c: its texts from and
 * to the peer; channel.c: frames.
 */
#pragma once
#include "daemon/config/config.h"

struct channel;

struct trial {
	struct config *c;
	struct commit commit;
	struct loop_timer timer;
	struct revision next;    /* prepared; next.model NULL = none */
	struct loop_timer start; /* activation begins when the client waits for its end */
	uint32_t start_number;   /* … of this revision */
	struct commit_line line;
	char author[COMMIT_AUTHOR_MAX]; /* of what is prepared or tried */
	uint32_t answer_id;             /* client that waits for activation, 0 = none */
	uint32_t keep_id; /* client that waits for the peer to keep it, too; 0 = none */
	struct loop_timer keep_timer;
	struct loop_timer hold_timer; /* links.held for so long at most */
	struct channel *channel;
	struct arena peer_arena;
	const char *peer_text; /* what the peer has instead; NULL = not known */
	struct commit_id peer_id;
};

/* Before the loop turns: what was tried when the process ended goes on, or back. 0 or -errno. */
int trial_load(struct config *c);
/* When everything else is there. */
void trial_open(struct config *c);
void trial_close(struct config *c);
/* Timers and the peer, after anything that may have changed them. */
void trial_poll(struct config *c);
/* The sync interface or the key may be another one. */
void trial_rewire(struct config *c);

/* The number that a new revision gets: higher than any that either node has seen. */
uint32_t trial_number(const struct config *c);
/*
 * Checks a text and stores it as a revision that is not in force; t->next is it. author as the log
 * names people. 0, or -errno with a reason; *errors lists all of them (in t->next's arena: valid
 * until the next call).
 */
int trial_prepare(struct config *c, const char *text, size_t len, const struct commit_head *head,
	struct conf_errors *errors, char *why);
/* What a revision made here says of itself. */
void trial_head(
	const struct config *c, const char *who, const char *remark, struct commit_head *out);

/* Keeps this text, which is in force or like the peer's, as the answer to a difference. */
int trial_resolve(struct config *c, bool mine, const char *who, char *why);

/* cmd_commit.c: t->start. */
void trial_start(struct loop_timer *timer, struct instant now);
/* Reads t->line anew: what the kept revision is made from, by the heads of the files. */
void trial_line(struct trial *t);

/* trial_peer.c */
/* header and shared statements of a revision as they travel; NULL: it cannot be read. */
const char *trial_shared_text(struct config *c, struct arena *a, const struct commit_id *id);
int trial_take_prepare(void *ctx, const struct commit_msg *m, char *why);
int trial_take_kept(void *ctx, const struct commit_msg *m, char *why);
void trial_differs(void *ctx, const struct commit_msg *m);
bool trial_send(void *ctx, const struct commit_msg *m);

/* channel.c: messages between the config processes, in order, while there is a session. */
struct channel *channel_open(struct config *c);
void channel_close(struct channel *ch);
/* The configuration in force is another one. */
void channel_rewire(struct channel *ch);
/* Looks at once whether the peer is there; else four times a second. */
void channel_check(struct channel *ch);
/* False: no room, or no session. */
bool channel_send(struct channel *ch, const struct commit_msg *m);
