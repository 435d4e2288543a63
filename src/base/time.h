/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Typed monotonic time. An instant is a point on one node's CLOCK_MONOTONIC; durations are plain
 * int64_t with the unit in the name. Nothing here reads a clock: see sys/clock.h.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define NS_PER_US INT64_C(1000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)

struct instant {
	int64_t ns; /* nanoseconds since boot; 0 = before everything, INT64_MAX = never */
};

#define INSTANT_ZERO  ((struct instant){0})
#define INSTANT_NEVER ((struct instant){INT64_MAX})

static inline struct instant
instant_add(struct instant t, int64_t d_ns)
{
	int64_t ns;

	if (__builtin_add_overflow(t.ns, d_ns, &ns))
		return d_ns > 0 ? INSTANT_NEVER : INSTANT_ZERO;
	return (struct instant){ns};
}

/* a - b in ns */
static inline int64_t
instant_sub(struct instant a, struct instant b)
{
	return a.ns - b.ns;
}

static inline bool
instant_before(struct instant a, struct instant b)
{
	return a.ns < b.ns;
}

static inline bool
instant_reached(struct instant now, struct instant deadline)
{
	return now.ns >= deadline.ns;
}

static inline struct instant
instant_min(struct instant a, struct instant b)
{
	return a.ns < b.ns ? a : b;
}

static inline struct instant
instant_max(struct instant a, struct instant b)
{
	return a.ns > b.ns ? a : b;
}
