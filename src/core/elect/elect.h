/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The role machine: one function per role (roles.c), one table of allowed moves and one place that
 * moves (elect.c), operators' wishes (command.c). Pure: facts in, role out.
 *
 * How a role is gained: a node may become active only when the peer granted it a term, or when
 * there is no living peer. Asking and granting are fields of the claims, repeated in every
 * heartbeat, so lost frames only delay. A granting active node drains; a term that was given up is
 * never used again.
 */
#pragma once
#include "core/elect/claim.h"
#include "core/elect/rank.h"
#include "core/node/event.h"

#define WANT_TIMEOUT_NS    (500 * NS_PER_MS) /* asked and got no answer */
#define WANT_PAUSE_NS      (1 * NS_PER_S)    /* between two vain attempts */
#define COMMAND_TIMEOUT_NS (3 * NS_PER_S)
#define BETTER_NS          (2 * NS_PER_MS) /* better by links for so long, else elect_in.dwell_ns */
#define DWELL_NS           (1 * NS_PER_S)  /* at least */
#define FLUSH_TIMEOUT_NS   (15 * NS_PER_MS) /* drain waits so long for state sync */
#define HOLD_MOVES         3                /* voluntary moves within … */
#define HOLD_WINDOW_NS     (60 * NS_PER_S)  /* … this time lead to a hold */

/* What the node knows at this step. */
struct elect_in {
	struct instant now;
	bool enabled; /* HighAvailability Enabled */
	enum peer_state peer_state;
	bool goodbye;             /* PEER_DEAD because it said so */
	bool may_judge;           /* silence has lasted the whole detection time, awake */
	const struct claim *peer; /* newest of the peer's present session, or NULL */
	struct instant heard;     /* when the peer was last heard, 0 = never */
	bool peer_hears_me;       /* it has echoed a frame of mine within detection time */
	bool cut_off;             /* no carrier on any wire that carries heartbeats */
	bool lease_lapsed;        /* the gate has closed by itself */
	struct claim facts; /* of this node: type, able, quality, settled, prefer, flows, … */
	struct instant last_unicast; /* seen by the draining gate */
	uint64_t flushed_term;
	enum sync_state sync; /* SYNC_SYNCED: this node's flow table is a copy of the peer's */
	bool sync_in_use;
	bool tie_break; /* rank calls the two equal (same NodeType): this node goes on */
	int64_t initial_silence_ns, detection_ns;
	int64_t dwell_ns; /* longer than two nodes' probes take to notice the same fault */
};

struct elect_move {
	enum role from, to;
	enum why why;
	enum rank_step step; /* RANK_EQUAL: rank was not asked */
};

#define ELECT_MOVES_MAX 8

struct elect {
	enum role role;
	enum why why;
	struct instant since;
	uint64_t term;       /* highest this node has held, granted or seen */
	uint64_t term_floor; /* highest given up */
	struct instant silent_since;

	uint64_t want; /* ROLE_WANTING */
	enum why want_why;
	enum rank_step want_step;
	struct instant want_not_before;
	/* rank prefers this node to the active peer; … for what nobody had to probe; 0 = no */
	struct instant better_since, plainly_since;

	uint64_t grant; /* term promised to the peer and not yet settled */
	bool grant_flushed;
	enum why grant_why;
	enum rank_step grant_step;
	struct instant drain_since;

	uint64_t refused;
	enum refusal refusal;

	bool forced;
	bool stopping;
	bool yield;
	bool alone;                    /* active without a living peer: the term says so */
	struct instant conflict_since; /* 0 = none */
	uint32_t flows_when_active;
	uint64_t held; /* newest term in which it was active */

	struct instant voluntary[HOLD_MOVES]; /* newest first */
	struct instant hold_until;

	bool commanded; /* a command waits for its end */
	enum command command;
	uint32_t command_id;
	struct instant command_until;

	/* results of one elect_step() */
	unsigned n_moves;
	struct elect_move moves[ELECT_MOVES_MAX];
	unsigned n_replies;
	struct elect_reply {
		uint32_t id;
		enum refusal refusal;
	} replies[2];             /* a command that ended, and one that came too early */
	enum refusal refused_now; /* to the peer, for the log */
};

void elect_init(struct elect *e, struct instant now);
/* Brings the role in line with the facts; results are in e->moves and e->replies. */
void elect_step(struct elect *e, const struct elect_in *in);
/* An operator's wish; may end at once (e->replies) or with a later step. Call elect_step() after
 * it. */
void elect_command(
	struct elect *e, const struct elect_in *in, enum command cmd, uint32_t id, bool force);
/* Hand over if possible; the role ends as ROLE_STOPPED. */
void elect_stop(struct elect *e, const struct elect_in *in);
/* The claim that stands now: facts plus what this machine says. */
struct claim elect_claim(const struct elect *e, const struct elect_in *in);
/* When time alone would move something. */
struct instant elect_deadline(const struct elect *e, const struct elect_in *in);
bool elect_move_allowed(enum role from, enum role to);
void elect_check_invariants(const struct elect *e);

/* Between elect.c, roles.c and command.c */
void elect_move(struct elect *e, const struct elect_in *in, enum role to, enum why why,
	enum rank_step step);
void elect_end_command(struct elect *e, enum refusal refusal);
void elect_command_step(struct elect *e, const struct elect_in *in);
bool elect_on_hold(const struct elect *e, const struct elect_in *in);
int elect_rank(const struct elect *e, const struct elect_in *in, enum rank_step *step);
/* One function per role: true when it moved. */
bool elect_silent(struct elect *e, const struct elect_in *in);
bool elect_inactive(struct elect *e, const struct elect_in *in);
bool elect_wanting(struct elect *e, const struct elect_in *in);
bool elect_active(struct elect *e, const struct elect_in *in);
bool elect_draining(struct elect *e, const struct elect_in *in);
