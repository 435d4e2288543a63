/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lease's end. */
#include "core/elect/lease.h"

bool
lease_peer_quiet(int64_t silence_ns, int64_t interval_ns)
{
	return silence_ns * 2 > interval_ns * 5;
}

struct instant
lease_until(const struct lease_in *in)
{
	/* nobody there, or about to be declared so: a peer that can hear would be heard */
	if (in->peer_state != PEER_ALIVE || in->quiet)
		return instant_add(in->now, in->lease_ns);
	return instant_add(instant_max(in->echoed, in->comeback), in->lease_ns);
}
