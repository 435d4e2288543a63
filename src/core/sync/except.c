/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flows that nobody wants on the other node. */
#include <string.h>
#include "core/sync/except.h"
#include "core/sync/flow.h"

static bool
in_nets(const struct sync_except *x, uint8_t family, const uint8_t *bytes)
{
	struct ip_addr a = {.family = family};

	memcpy(a.b, bytes, ip_bytes(family));
	for (unsigned i = 0; i < x->n_nets; i++)
		if (ip_range_contains(&x->nets[i], &a))
			return true;
	return false;
}

bool
flow_is_excepted(const struct flow *f, const struct sync_except *x)
{
	for (unsigned i = 0; i < x->n_services; i++) {
		const struct except_service *s = &x->services[i];

		if (f->proto == s->proto && s->lo <= f->orig.dport && f->orig.dport <= s->hi)
			return true;
	}
	return x->n_nets &&
	       (in_nets(x, f->family, f->orig.src) || in_nets(x, f->family, f->orig.dst) ||
		       (f->has & FLOW_REPLY && in_nets(x, f->family, f->reply.src)));
}
