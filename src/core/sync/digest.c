/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sums over flow identities, and sets of buckets. */
#include <string.h>
#include "base/wire.h"
#include "core/sync/digest.h"

#define FLOWS_PER_BUCKET 4

uint8_t
digest_log2(uint32_t flows, uint32_t changes)
{
	uint8_t log2 = DIGEST_LOG2_MIN;

	/* few flows in a bucket, so that repair is small; few changes, so that most can be judged
	 */
	while (log2 < DIGEST_LOG2_MAX &&
		((1u << log2) < flows / FLOWS_PER_BUCKET || (1u << log2) < 2 * (uint64_t)changes))
		log2++;
	return log2;
}

void
digest_begin(struct digest *d, uint64_t key, uint8_t log2)
{
	d->key = key;
	d->log2 = log2;
	memset(d->sum, 0, sizeof(d->sum[0]) << log2);
}

uint32_t
digest_bucket(const struct digest *d, const struct flow *f)
{
	return (uint32_t)(flow_hash(f, d->key) >> (64 - d->log2));
}

void
digest_add(struct digest *d, const struct flow *f)
{
	uint64_t h = flow_hash(f, d->key);

	d->sum[h >> (64 - d->log2)] += (uint32_t)flow_hash_reply(f, h);
}

void
digest_put_page(const struct digest *d, unsigned page, uint8_t out[DIGEST_PAGE])
{
	struct wr w = wr_init(out, DIGEST_PAGE);

	for (unsigned i = 0; i < DIGEST_PAGE_SUMS; i++)
		wr_u32(&w, d->sum[page * DIGEST_PAGE_SUMS + i]);
}

void
digest_subtract_page(struct digest *d, unsigned page, const uint8_t in[DIGEST_PAGE])
{
	struct rd r = rd_init(in, DIGEST_PAGE);

	for (unsigned i = 0; i < DIGEST_PAGE_SUMS; i++)
		d->sum[page * DIGEST_PAGE_SUMS + i] -= rd_u32(&r);
}

void
bucket_set_clear(struct bucket_set *s)
{
	memset(s, 0, sizeof(*s));
}

uint32_t
bucket_set_count(const struct bucket_set *s)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < DIGEST_BUCKETS / 64; i++)
		for (uint64_t w = s->word[i]; w; w &= w - 1)
			n++;
	return n;
}

bool
bucket_set_put_page(const struct bucket_set *s, unsigned page, uint8_t out[DIGEST_PAGE])
{
	struct wr w = wr_init(out, DIGEST_PAGE);
	uint64_t any = 0;

	for (unsigned i = 0; i < DIGEST_PAGE_BITS / 64; i++) {
		uint64_t word = s->word[page * (DIGEST_PAGE_BITS / 64) + i];

		wr_u64(&w, word);
		any |= word;
	}
	return any != 0;
}

void
bucket_set_add_page(struct bucket_set *s, unsigned page, const uint8_t in[DIGEST_PAGE])
{
	struct rd r = rd_init(in, DIGEST_PAGE);

	for (unsigned i = 0; i < DIGEST_PAGE_BITS / 64; i++)
		s->word[page * (DIGEST_PAGE_BITS / 64) + i] |= rd_u64(&r);
}
