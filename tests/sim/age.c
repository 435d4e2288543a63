/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nodes that are not alike: one that has been up for ages (its counters and terms are near the ends
 * of their ranges), and one of a later version, whose heartbeats say more than the other one knows.
 * The only file here that looks into the core.
 */
#include "sim.h"
#include "core/node/impl.h"

static unsigned newer; /* bytes that the node which is stepping adds */

size_t __real_heartbeat_encode(const struct heartbeat *h, uint8_t *buf, size_t size);
size_t __wrap_heartbeat_encode(const struct heartbeat *h, uint8_t *buf, size_t size);

/* The linker puts this in the place of heartbeat_encode() (--wrap). */
size_t
__wrap_heartbeat_encode(const struct heartbeat *h, uint8_t *buf, size_t size)
{
	size_t len = __real_heartbeat_encode(h, buf, size);

	for (unsigned i = 0; len > 0 && i < newer && len < size; i++)
		buf[len++] = (uint8_t)(0xa5 ^ i);
	return len;
}

void
age_begin(struct world *w, int node)
{
	const struct node_setup *s = &w->plan->setup.node[node];
	struct machine *m = &w->m[node];

	if (m->life != 1)
		return;
	if (s->counter)
		m->core->session.counter = s->counter;
	if (s->term)
		m->core->elect.term = s->term;
}

void
age_step(const struct world *w, int node, const struct event *ev, struct actions *out)
{
	newer = w->plan->setup.node[node].newer;
	node_step(w->m[node].core, ev, out);
	newer = 0;
}
