/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many frames the engine reads, and from whom first: a flood on some wires, or on all of them,
 * must neither keep it from its own heartbeats nor keep a quiet wire from being heard. Pure; the
 * engine asks whose turn it is, reads at most a slice, and says how much that was.
 *
 * Sync ports come first in every round and have nothing to share. Data ports take turns, from
 * where the last round ended, until the round's frames are used up. In a window each port may
 * deliver BUDGET_SURE frames whatever the others do, and more out of what all share. A port that
 * may not deliver any more in this window sleeps. docs/design/detection.md "Floods".
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/time.h"
#include "core/limits.h"

#define BUDGET_WINDOW_NS  (10 * NS_PER_MS)
#define BUDGET_PORT       256  /* frames of one port in a window at most */
#define BUDGET_SURE       16   /* of these, whatever others deliver */
#define BUDGET_SHARED     1024 /* beyond that, of all data ports together in a window */
#define BUDGET_ROUND      512  /* of all data ports together between two looks at the clock */
#define BUDGET_SLICE      16   /* of a data port in one turn */
#define BUDGET_SLICE_SYNC 64   /* of a sync port in one round */

struct budget {
	uint16_t n_ports;
	struct {
		bool sync;
		uint16_t used; /* frames in this window */
	} port[IFACES_MAX];
	unsigned shared, round; /* left of the window's, of the round's */
	uint16_t next;          /* data port whose turn comes next */
	uint16_t turn, turns;   /* of this round: sync ports asked, data ports asked */
};

/* Other ports than before: sync[i] for each; a new window as well. */
void budget_ports(struct budget *b, uint16_t n_ports, const bool *sync);
/* Another window begins: everybody has all of it again. */
void budget_window(struct budget *b);
/* Another round begins … */
void budget_round(struct budget *b);
/* … whose turn is it? False: the round is over. */
bool budget_next(struct budget *b, uint16_t *port);
/* Frames that this port may deliver in its turn; 0 = it sleeps until the window ends. */
unsigned budget_slice(const struct budget *b, uint16_t port);
/* It has delivered n, at most budget_slice(). */
void budget_spend(struct budget *b, uint16_t port, unsigned n);
