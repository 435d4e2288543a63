/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's neighbours, part by part, and many changes at once, for state sync: no allocation
 * after the first start, nothing blocks. For a list to be shown there is neighdump.h.
 */
#pragma once
#include "sys/neighdump.h"

#define NEIGH_BATCH   256   /* messages in one system call */
#define NEIGH_MSG_MAX 96    /* any message built here */
#define NEIGH_CHUNK   32768 /* what the kernel fills in one go at most */

struct neighwalk {
	int fd; /* -1 = not open */
	uint32_t seq;
	bool running;
	uint8_t *buf; /* NEIGH_CHUNK */
};

/* Begins a walk through the entries of one family (4, 6). 0 or -errno. */
int neighwalk_start(struct neighwalk *w, uint8_t family);
/* Calls fn for the next part. 1 = go on, 0 = that was all, other -errno = begin again. */
int neighwalk_next(struct neighwalk *w, void (*fn)(void *arg, const struct neigh *n), void *arg);
void neighwalk_stop(struct neighwalk *w);

enum neigh_op {
	NEIGH_LEARN,     /* put it there, or in the place of what is there: stale, external, ours */
	NEIGH_LEARN_NEW, /* only when there is nothing */
	NEIGH_ADOPT,     /* stale, and the kernel's own from now on: it may forget it */
	NEIGH_FORGET,
};

struct neighbatch {
	int fd; /* -1 = not open */
	uint32_t seq;
	unsigned n;
	size_t len;
	uint8_t *buf; /* NEIGH_BATCH × NEIGH_MSG_MAX */
};

/* 0 or -errno. */
int neighbatch_open(struct neighbatch *b);
void neighbatch_close(struct neighbatch *b);
/* Appends a change of n->addr on n->ifindex; the batch must have room (n < NEIGH_BATCH). LEARN
 * takes n->mac and NTF_ROUTER of n->flags. */
void neighbatch_add(struct neighbatch *b, enum neigh_op op, const struct neigh *n);
/* Carries them out and empties the batch. How many failed (what was there already, or was not, is
 * no failure), or -errno. */
int neighbatch_run(struct neighbatch *b);
