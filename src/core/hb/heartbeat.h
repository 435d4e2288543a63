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
	uint32_t silence_us;  /* how much of the detection time the sender has used up */
	uint8_t heard[32];    /* bit i: hears us on interface index i */
	uint8_t up[32];       /* bit i: has carrier on interface index i, and the port works */
	struct claim claim;
};

/* Returns the length, 0 when buf[size] is too small. */
size_t heartbeat_encode(const struct heartbeat *h, uint8_t *buf, size_t size);
/*
 * False when anything is out of bounds; *out must not be used then. Sets out->claim.valid. Bytes
 * behind the last known field are a newer version's and are left alone.
 */
bool heartbeat_decode(const uint8_t *buf, size_t len, struct heartbeat *out);

/* heard[] and up[]; indices beyond have no bit. */
static inline bool
heartbeat_bit(const uint8_t bits[32], uint16_t index)
{
	return index < 256 && (bits[index / 8] >> index % 8 & 1);
}

static inline void
heartbeat_set_bit(uint8_t bits[32], uint16_t index)
{
	if (index < 256)
		bits[index / 8] |= (uint8_t)(1 << index % 8);
}
