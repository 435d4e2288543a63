/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which flows are old enough to be carried. */
#include <string.h>
#include "core/sync/ripe.h"

#define STEP_NS NS_PER_S /* clocks that went apart by more were set */

void
ripe_set(struct ripe *r, uint32_t after_s)
{
	if (r->after_ns)
		memset(r->slot, 0, sizeof(r->slot));
	r->after_ns = after_s * NS_PER_S;
	r->done_ns = r->to_ns = 0;
	r->next = INSTANT_NEVER;
}

/* Who began until then is old enough; never 0, which says nothing. */
static uint64_t
limit(const struct ripe *r, uint64_t real_ns)
{
	uint64_t age_ns = (uint64_t)(r->after_ns + RIPE_SLACK_NS);

	return real_ns > age_ns ? real_ns - age_ns : 1;
}

void
ripe_bulk(struct ripe *r, struct instant now, uint64_t real_ns)
{
	r->offset_ns = (int64_t)real_ns - now.ns;
	r->done_ns = r->to_ns = limit(r, real_ns);
	r->next = r->after_ns ? instant_add(now, RIPE_PAUSE_NS) : INSTANT_NEVER;
}

static uint32_t
second(struct instant now)
{
	return (uint32_t)(now.ns / NS_PER_S);
}

void
ripe_began(struct ripe *r, uint64_t hash, struct instant now)
{
	r->slot[hash % RIPE_SLOTS] = (hash & ~(uint64_t)UINT32_MAX) | second(now);
}

bool
ripe_young(const struct ripe *r, uint64_t hash, struct instant now)
{
	uint64_t slot = r->slot[hash % RIPE_SLOTS];

	return r->after_ns && slot && slot >> 32 == hash >> 32 &&
	       second(now) - (uint32_t)slot < (uint32_t)(r->after_ns / NS_PER_S);
}

bool
ripe_carries(const struct ripe *r, uint64_t start_ns)
{
	return !r->after_ns || !start_ns || start_ns <= r->to_ns;
}

bool
ripe_now(const struct ripe *r, uint64_t start_ns)
{
	return start_ns > r->done_ns && start_ns <= r->to_ns;
}

bool
ripe_begin(struct ripe *r, struct instant now, uint64_t real_ns, bool *stepped)
{
	int64_t apart = (int64_t)real_ns - now.ns - r->offset_ns;

	*stepped = false;
	if (!r->after_ns || !instant_reached(now, r->next))
		return false;
	if (apart > STEP_NS || apart < -STEP_NS) {
		*stepped = true;
		return false;
	}
	r->offset_ns += apart;
	if (limit(r, real_ns) > r->done_ns)
		r->to_ns = limit(r, real_ns);
	return true;
}

void
ripe_done(struct ripe *r, struct instant now, int64_t cost_ns)
{
	int64_t pause_ns = cost_ns * RIPE_COST;

	r->done_ns = r->to_ns;
	r->next = instant_add(now, pause_ns > RIPE_PAUSE_NS ? pause_ns : RIPE_PAUSE_NS);
}
