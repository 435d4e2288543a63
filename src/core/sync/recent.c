/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A hash set that forgets everything at once. */
#include <string.h>
#include "core/sync/recent.h"

void
recent_clear(struct recent *r)
{
	if (r->n)
		memset(r->slot, 0, sizeof(r->slot));
	r->n = 0;
	r->all = false;
}

void
recent_add(struct recent *r, uint64_t hash)
{
	size_t i = hash % RECENT_SLOTS;

	hash |= hash == 0;
	while (r->slot[i] && r->slot[i] != hash)
		i = (i + 1) % RECENT_SLOTS;
	if (r->slot[i])
		return;
	if (r->n >= RECENT_SLOTS / 2) {
		r->all = true;
		return;
	}
	r->slot[i] = hash;
	r->n++;
}

bool
recent_has(const struct recent *r, uint64_t hash)
{
	size_t i = hash % RECENT_SLOTS;

	hash |= hash == 0;
	if (r->all)
		return true;
	while (r->slot[i] && r->slot[i] != hash)
		i = (i + 1) % RECENT_SLOTS;
	return r->slot[i] != 0;
}
