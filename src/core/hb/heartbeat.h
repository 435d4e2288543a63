/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a heartbeat (and a goodbye) says, inside its seal. */
#pragma once
#include "base/time.h"
#include "core/elect/claim.h"

#define HEARTBEAT_MAX 200 /* encoded length at most */

struct heartbeat {
	struct instant sent; /* sender's clock */
	struct instant
		echo; /* newest `sent` that the sender has from us; 0 = none in this session */
	uint32_t echo_age_us; /* how long ago that one came in */
	uint32_t silence_us;  /* how long the sender counts us as silent */
	uint8_t heard[32];    /* bit i: hears us on interface index i */
	struct claim claim;
};

/* Returns the length, 0 when buf[size] is too small. */
size_t heartbeat_encode(const struct heartbeat *h, uint8_t *buf, size_t size);
/* False when anything is out of bounds; *out must not be used then. Sets out->claim.valid. */
bool heartbeat_decode(const uint8_t *buf, size_t len, struct heartbeat *out);

static inline bool
heartbeat_hears(const struct heartbeat *h, uint16_t index)
{
	return index < 256 && (h->heard[index / 8] >> index % 8 & 1);
}

static inline void
heartbeat_set_hears(struct heartbeat *h, uint16_t index)
{
	if (index < 256)
		h->heard[index / 8] |= (uint8_t)(1 << index % 8);
}
