/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A flow table as a row of sums: flows are dealt into buckets by a keyed hash of their identity,
 * and each bucket holds the sum of what its flows hash to. Two tables are the same when all sums
 * are, and where they are not, the buckets say which flows have to be looked at. Nothing here
 * knows flows one by one.
 *
 * Only what both nodes must have alike counts: family, protocol, zone, both tuples (so the
 * translation, too). State, mark and timeouts change all the time and are none of it.
 */
#pragma once
#include "core/sync/flow.h"

#define DIGEST_LOG2_MIN 8
#define DIGEST_LOG2_MAX 18
#define DIGEST_BUCKETS  (1u << DIGEST_LOG2_MAX)

/* Records carry sums and sets in pages of one size (codec.h). */
#define DIGEST_PAGE      128               /* bytes */
#define DIGEST_PAGE_SUMS (DIGEST_PAGE / 4) /* buckets in a page of sums */
#define DIGEST_PAGE_BITS (DIGEST_PAGE * 8) /* buckets in a page of a set */

/* A set of buckets. */
struct bucket_set {
	uint64_t word[DIGEST_BUCKETS / 64];
};

struct digest {
	uint64_t key; /* strangers choose ports: they must not know where a flow falls */
	uint8_t log2; /* 1 << log2 buckets */
	uint32_t sum[DIGEST_BUCKETS];
};

/* How many buckets for so many flows, of which `changes` come or go during a comparison. */
uint8_t digest_log2(uint32_t flows, uint32_t changes);
/* All sums are 0 again. */
void digest_begin(struct digest *d, uint64_t key, uint8_t log2);
/* Where the flow falls; by its original direction only, which every record of it has. */
uint32_t digest_bucket(const struct digest *d, const struct flow *f);
/* The flow (with FLOW_REPLY) is in the table. */
void digest_add(struct digest *d, const struct flow *f);

static inline uint32_t
digest_buckets(const struct digest *d)
{
	return 1u << d->log2;
}

static inline unsigned
digest_sum_pages(const struct digest *d)
{
	return digest_buckets(d) / DIGEST_PAGE_SUMS;
}

static inline unsigned
digest_set_pages(const struct digest *d)
{
	return (digest_buckets(d) + DIGEST_PAGE_BITS - 1) / DIGEST_PAGE_BITS;
}

/* Sums of page number `page` as bytes. */
void digest_put_page(const struct digest *d, unsigned page, uint8_t out[DIGEST_PAGE]);
/* Takes such a page of the peer's off: where all is alike, 0 remains. */
void digest_subtract_page(struct digest *d, unsigned page, const uint8_t in[DIGEST_PAGE]);

void bucket_set_clear(struct bucket_set *s);

static inline void
bucket_set_add(struct bucket_set *s, uint32_t bucket)
{
	s->word[bucket / 64] |= UINT64_C(1) << bucket % 64;
}

static inline void
bucket_set_remove(struct bucket_set *s, uint32_t bucket)
{
	s->word[bucket / 64] &= ~(UINT64_C(1) << bucket % 64);
}

static inline bool
bucket_set_has(const struct bucket_set *s, uint32_t bucket)
{
	return s->word[bucket / 64] >> bucket % 64 & 1;
}

uint32_t bucket_set_count(const struct bucket_set *s);
/* False when nothing of that page is in the set. */
bool bucket_set_put_page(const struct bucket_set *s, unsigned page, uint8_t out[DIGEST_PAGE]);
/* Adds what the page names. */
void bucket_set_add_page(struct bucket_set *s, unsigned page, const uint8_t in[DIGEST_PAGE]);
