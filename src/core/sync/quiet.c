/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When a peer that is gone is called. */
#include "core/sync/quiet.h"

int64_t
quiet_left(int64_t unheard_ns, int64_t silence_ns)
{
	int64_t phase;

	if (unheard_ns < QUIET_AFTER_NS)
		return 0;
	phase = (unheard_ns - QUIET_AFTER_NS) % (silence_ns + QUIET_CALL_NS);
	return phase < silence_ns ? silence_ns - phase : 0;
}
