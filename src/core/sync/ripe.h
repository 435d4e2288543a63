/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SyncAfter: only flows that have lived for so long are carried. Nobody keeps a list of those that
 * have not: the kernel knows when each began, and a walk now and then finds what has become old
 * enough since the walk before, each flow once. What happens to a flow is not told while it is
 * surely too young; when that is not sure it is told in vain, and the peer does not mind.
 *
 * Two clocks: `now` is awake time as everywhere, `real_ns` the kernel's own for the beginnings of
 * flows (since 1970).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/time.h"

#define RIPE_SLOTS    65536
#define RIPE_SLACK_NS (2 * NS_PER_S) /* between "too young to tell of" and "carried" */
#define RIPE_PAUSE_NS (2 * NS_PER_S) /* between two walks, at least … */
#define RIPE_COST     50             /* … and so many times what a walk costs: 2 % of a core */

struct ripe {
	int64_t after_ns;          /* 0 = every flow, from its first packet */
	uint64_t done_ns;          /* what began until then, the peer has … */
	uint64_t to_ns;            /* … and until then, by the walk that is on its way */
	int64_t offset_ns;         /* between the two clocks */
	struct instant next;       /* walk */
	uint64_t slot[RIPE_SLOTS]; /* high half of a flow's hash, second in which it was seen first
				    */
};

/* Forgets everything: a bulk has to come. */
void ripe_set(struct ripe *r, uint32_t after_s);
/* A bulk of all begins: it carries what is old enough now. */
void ripe_bulk(struct ripe *r, struct instant now, uint64_t real_ns);

/* A flow began just now. */
void ripe_began(struct ripe *r, uint64_t hash, struct instant now);
/* Surely too young. May be false for a young one. */
bool ripe_young(const struct ripe *r, uint64_t hash, struct instant now);
/* The peer has a flow that began then, or is about to get it; 0 = nobody knows when: yes. */
bool ripe_carries(const struct ripe *r, uint64_t start_ns);
/* This walk is to carry it. */
bool ripe_now(const struct ripe *r, uint64_t start_ns);

/* Begins a walk when it is time. False: not yet. *stepped: somebody set the clock, nothing fits any
 * more: a bulk is needed. */
bool ripe_begin(struct ripe *r, struct instant now, uint64_t real_ns, bool *stepped);
/* The walk is through, and took so much processor time. */
void ripe_done(struct ripe *r, struct instant now, int64_t cost_ns);
