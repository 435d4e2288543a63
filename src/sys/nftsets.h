/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sets of nftables that rules fill themselves: which there are, what they hold, and putting
 * elements into them, by nfnetlink. Not for rulesets (nft.h). Translates between attributes and
 * struct side_elem (core/sync/side.h); no policy. Nothing blocks.
 *
 * A set takes part when it has the flags dynamic and timeout, is neither map, interval nor
 * anonymous, and stands in a table that belongs to no process and is not Twinwall's own (whose sets
 * are all made from the configuration).
 */
#pragma once
#include "core/sync/side.h"

#define NFTSETS_MAX 64
#define NFTSETS_NAME_MAX                                                                           \
	64 /* with NUL; sets with longer names, or in such tables, are left alone */
#define NFTSETS_CHUNK   32768
#define NFTSETS_BATCH   64  /* elements in one transaction */
#define NFTSETS_MSG_MAX 640 /* any message built here */

struct nftset {
	uint64_t id; /* side_set_id() */
	uint8_t family;
	char table[NFTSETS_NAME_MAX], name[NFTSETS_NAME_MAX];
	uint32_t key_len;
	uint64_t timeout_ms; /* default of its elements, 0 = none */
};

struct nftsets {
	int fd; /* -1 = not open */
	uint32_t seq, portid, generation;
	bool scanned, more; /* more: than fit */
	unsigned n;
	struct nftset set[NFTSETS_MAX];
	uint8_t *buf; /* NFTSETS_CHUNK */
};

/* 0 or -errno. */
int nftsets_open(struct nftsets *s);
void nftsets_close(struct nftsets *s);
/* Looks which sets there are, unless nothing has changed since. 1 = looked, 0 = nothing new, or
 * -errno: what was known stays. */
int nftsets_scan(struct nftsets *s);
/* The set with this id, or NULL. */
const struct nftset *nftsets_find(const struct nftsets *s, uint64_t id);

/* Calls fn for each element of a set that can be carried. */
typedef void nftsets_elem_fn(void *arg, const struct side_elem *e);

struct nftsets_walk {
	int fd; /* -1 = not open */
	uint32_t seq;
	bool running;
	uint32_t skipped; /* elements that cannot be carried: without a timeout, with other state */
	struct nftset set;
	uint8_t *buf; /* NFTSETS_CHUNK */
};

/* Begins a walk through the elements of a set. 0 or -errno. */
int nftsets_walk_start(struct nftsets_walk *w, const struct nftset *set);
/* The next part. 1 = go on, 0 = that was all, other -errno = begin again. */
int nftsets_walk_next(struct nftsets_walk *w, nftsets_elem_fn *fn, void *arg);
void nftsets_walk_stop(struct nftsets_walk *w);

struct nftsets_batch {
	int fd; /* -1 = not open */
	uint32_t seq;
	unsigned n;
	struct {
		struct nftset set;
		struct side_elem elem;
		bool replace;
	} item[NFTSETS_BATCH];
	uint8_t *buf;
};

int nftsets_batch_open(struct nftsets_batch *b);
void nftsets_batch_close(struct nftsets_batch *b);
/* Appends; the batch must have room (n < NFTSETS_BATCH). replace: what is there goes, else it
 * stays. */
void nftsets_batch_add(
	struct nftsets_batch *b, const struct nftset *set, const struct side_elem *e, bool replace);
/* Carries them out and empties the batch. How many failed, or -errno: nothing was done. */
int nftsets_batch_run(struct nftsets_batch *b);

/* nftsets_msg.c: */

struct nlmsghdr;

/* A set that takes part; false: it does not, or the message makes no sense. */
bool nftsets_parse_set(const struct nlmsghdr *nlh, struct nftset *out);
/* A table whose sets may take part; `name` is NFTSETS_NAME_MAX bytes. */
bool nftsets_parse_table(const struct nlmsghdr *nlh, uint8_t *family, char *name);
/* Calls fn for the elements in a message; returns how many cannot be carried. */
uint32_t nftsets_parse_elems(
	const struct nlmsghdr *nlh, const struct nftset *set, nftsets_elem_fn *fn, void *arg);
/* Puts an element there, or takes it away, into buf[NFTSETS_MSG_MAX]; returns the length. */
size_t nftsets_build_elem(
	const struct nftset *set, const struct side_elem *e, bool add, uint32_t seq, void *buf);
