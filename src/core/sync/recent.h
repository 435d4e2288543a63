/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which flows were heard of since the kernel made the part of its table that is being read. A walk
 * reads parts that were made a moment ago (the kernel makes the next one while it hands one out),
 * and what has happened since must win over them. Fixed size; when too much happened, everything
 * counts as heard of.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECENT_SLOTS 4096

struct recent {
	uint32_t n;
	bool all;                    /* more than fits */
	uint64_t slot[RECENT_SLOTS]; /* flow_hash(), 0 = empty */
};

void recent_clear(struct recent *r);
void recent_add(struct recent *r, uint64_t hash);
bool recent_has(const struct recent *r, uint64_t hash);
