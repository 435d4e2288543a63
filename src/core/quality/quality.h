/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The quality factor, 0…100: how fit this node is to be active. Recomputed from present facts,
 * never counted up and down. Interface part (S147–S150, S159–S162): floor(Σ state·weight / Σ weight
 * · 100), sync interfaces left out; nothing weighted = 100.
 */
#pragma once
#include "base/time.h"
#include "core/limits.h"

#define QUALITY_DWELL_NS (3 * NS_PER_S) /* an improvement counts after it lasted this long */

struct quality_iface {
	uint16_t weight; /* 0 = not counted */
	bool up;
};

/* *any_up: a weighted interface is up, or nothing is weighted. */
uint8_t quality_ifaces(const struct quality_iface *ifaces, unsigned n, bool *any_up);

/* Worse counts at once, better after the dwell time. */
struct quality_settled {
	uint8_t value;
	uint8_t candidate;           /* better value that waits */
	struct instant candidate_at; /* since when; 0 = none waits */
	uint8_t present;             /* the newest value that was better */
	struct instant present_at;   /* since when */
};

/* Feeds the present value; `immediate` (while starting) takes it without dwell. */
void quality_settle(
	struct quality_settled *q, uint8_t now_value, struct instant now, bool immediate);
/* When the waiting improvement will count; INSTANT_NEVER = none waits. */
struct instant quality_deadline(const struct quality_settled *q);
