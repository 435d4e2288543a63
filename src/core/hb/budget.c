/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Turns and slices. */
#include <assert.h>
#include "core/hb/budget.h"

void
budget_ports(struct budget *b, uint16_t n_ports, const bool *sync)
{
	assert(n_ports <= IFACES_MAX);
	*b = (struct budget){.n_ports = n_ports};
	for (uint16_t i = 0; i < n_ports; i++)
		b->port[i].sync = sync[i];
	budget_window(b);
}

void
budget_window(struct budget *b)
{
	for (uint16_t i = 0; i < b->n_ports; i++)
		b->port[i].used = 0;
	b->shared = BUDGET_SHARED;
}

void
budget_round(struct budget *b)
{
	b->round = BUDGET_ROUND;
	b->turn = b->turns = 0;
}

bool
budget_next(struct budget *b, uint16_t *port)
{
	while (b->turn < b->n_ports) {
		*port = b->turn++;
		if (b->port[*port].sync)
			return true;
	}
	while (b->turns < b->n_ports && b->round > 0) {
		*port = b->next;
		b->next = (uint16_t)((b->next + 1) % b->n_ports);
		b->turns++;
		if (!b->port[*port].sync)
			return true;
	}
	return false;
}

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned
budget_slice(const struct budget *b, uint16_t port)
{
	unsigned used = b->port[port].used, left = BUDGET_PORT - used;

	if (b->port[port].sync)
		return least(BUDGET_SLICE_SYNC, left);
	if (used < BUDGET_SURE)
		return least(BUDGET_SURE - used, BUDGET_SLICE);
	return least(least(BUDGET_SLICE, left), b->shared);
}

void
budget_spend(struct budget *b, uint16_t port, unsigned n)
{
	assert(n <= budget_slice(b, port));
	if (!b->port[port].sync && b->port[port].used >= BUDGET_SURE)
		b->shared -= n;
	if (!b->port[port].sync)
		b->round -= least(n, b->round);
	b->port[port].used = (uint16_t)(b->port[port].used + n);
}
