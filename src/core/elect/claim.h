/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A claim: what a node says of itself in every heartbeat. Both nodes compare published claims only,
 * so that both reach the same answer.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "core/conf/model.h"
#include "core/quality/quality.h"

#define TERM_MAX (UINT64_MAX / 2) /* a claim beyond is refused: no term can wrap */

enum role {
	ROLE_SILENT,   /* listening after start, or cut off from every wire */
	ROLE_INACTIVE, /* standby */
	ROLE_WANTING,  /* standby that asked the peer for a term */
	ROLE_ACTIVE,
	ROLE_DRAINING, /* granted the peer's wish, forwards what still comes */
	ROLE_STOPPED,  /* said goodbye */
	_ROLE_MAX,
};

enum peer_state { PEER_UNKNOWN, PEER_ALIVE, PEER_DEAD };

/* Why a role was entered, or a term is wanted. */
enum why {
	WHY_START,
	WHY_NOT_ENABLED,  /* HighAvailability Enabled=No: always active, no peer */
	WHY_PEER_ACTIVE,  /* the peer is active already */
	WHY_SETTLED,      /* both nodes are up and neither is active: rank decides */
	WHY_ALONE,        /* nobody spoke during InitialSilence */
	WHY_PEER_DEAD,    /* silence on every path for the detection time */
	WHY_PEER_GOODBYE, /* the peer stopped on purpose */
	WHY_RANK,         /* rank prefers the other (from) or this node (to) */
	WHY_OPERATOR,     /* ha -activate, ha -deactivate */
	WHY_YIELD,        /* the peer asked to be relieved */
	WHY_GRANTED,      /* gave the term to the peer */
	WHY_DRAINED,      /* drain ended: the peer forwards */
	WHY_CONFLICT,     /* two actives: rank or the term decided */
	WHY_NOT_HEARD,    /* two actives and the peer cannot hear us: only we can give way */
	WHY_LEASE,        /* the lease lapsed */
	WHY_CUT_OFF,      /* no carrier on any wire */
	WHY_GAVE_UP,      /* asked for a term and did not get it */
	WHY_STOPPING,
	_WHY_MAX,
};

struct claim {
	bool valid;
	enum node_type type;
	enum role role;
	uint64_t term;
	uint64_t held; /* the term in which it was active last, 0 = never since it started */
	bool able; /* gate works, configuration loaded, a weighted link up: no probe changes that */
	bool forced;
	bool settled; /* links have been quiet for a moment since start */
	bool hold;
	bool yield; /* an operator asked this active node to be relieved */
	struct quality_terms terms;
	enum active_if_equal prefer;
	uint32_t flows_when_active;
	uint64_t want; /* term asked for, 0 = none */
	enum why want_why;
	uint64_t grant;     /* term given to the peer, 0 = none */
	bool grant_flushed; /* deltas up to the grant are in the peer's kernel */
	uint64_t refused;   /* term refused */
	uint8_t refusal;    /* enum refusal */
	uint32_t revision;  /* of the configuration that runs */
	uint8_t hash[8];
	uint32_t interval_ms, failover_ms;
	uint8_t sync_state, sync_percent; /* enum sync_state */
	uint32_t flows;
};

const char *role_name(enum role r); /* "active" */
const char *why_text(enum why w);   /* "the peer was silent on every path" */
const char *peer_state_name(enum peer_state s);
