/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The active node's neighbours, as the standby remembers them: the kernel forgets entries when a
 * device goes down, and somebody has to know which ones the active still has. Fixed size; what does
 * not fit is not remembered, and the kernel will ask for it as it would without us.
 */
#pragma once
#include "base/time.h"
#include "core/sync/side.h"

#define NEIGHBOURS_MAX   4096
#define NEIGHBOURS_SLOTS 8192

struct neighbour {
	struct side_neigh n;
	struct instant told; /* when the active told of it last */
};

struct neighbours {
	uint8_t key[16]; /* of the hash: hosts choose their addresses */
	uint32_t n;
	struct neighbour v[NEIGHBOURS_MAX];
	uint16_t slot[NEIGHBOURS_SLOTS]; /* place in v + 1, 0 = empty */
};

/* key: random bytes. */
void neighbours_init(struct neighbours *t, const uint8_t key[16]);
void neighbours_clear(struct neighbours *t);
/* Remembers n, or what is new about it. False when full. */
bool neighbours_put(struct neighbours *t, const struct side_neigh *n, struct instant now);
/* Forgets those that were told of last before `since`; calls gone() for each. */
void neighbours_expire(struct neighbours *t, struct instant since,
	void (*gone)(void *arg, const struct side_neigh *n), void *arg);
