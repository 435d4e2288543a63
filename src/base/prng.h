/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small seeded generator (splitmix64) for tests, simulator and benches. Never for secrets. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct prng {
	uint64_t state;
};

static inline uint64_t
prng_u64(struct prng *p)
{
	uint64_t z = (p->state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* Uniform enough in [lo, hi]. */
static inline int64_t
prng_range(struct prng *p, int64_t lo, int64_t hi)
{
	return lo + (int64_t)(prng_u64(p) % (uint64_t)(hi - lo + 1));
}

static inline bool
prng_chance(struct prng *p, unsigned percent)
{
	return prng_u64(p) % 100 < percent;
}
