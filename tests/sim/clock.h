/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A simulated machine's monotonic clock: starts where it likes, runs a little fast or slow, and
 * stands still while its virtual machine is paused. Real time is the simulator's own count of ns.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct simclock {
	int64_t real, node; /* ns: both as read at the last change of rate */
	int ppm;            /* how much faster than real time */
	bool standing;
};

static inline int64_t
simclock_at(const struct simclock *c, int64_t real)
{
	int64_t d = real - c->real;

	if (c->standing)
		return c->node;
	return c->node + d + d / 1000000 * c->ppm + d % 1000000 * c->ppm / 1000000;
}

/* The first moment at which the clock shows `node` or more, INT64_MAX if it never will. */
static inline int64_t
simclock_when(const struct simclock *c, int64_t node)
{
	int64_t t;

	if (c->node >= node)
		return c->real;
	if (c->standing || node == INT64_MAX)
		return INT64_MAX;
	t = c->real + (int64_t)((__int128)(node - c->node) * 1000000 / (1000000 + c->ppm)) - 2;
	if (t < c->real)
		t = c->real;
	while (simclock_at(c, t) < node)
		t++;
	return t;
}

static inline void
simclock_set(struct simclock *c, int64_t real, int ppm, bool standing)
{
	c->node = simclock_at(c, real);
	c->real = real;
	c->ppm = ppm;
	c->standing = standing;
}
