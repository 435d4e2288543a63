/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A hash table over an array: interface and address find the place. */
#include <sodium.h>
#include <string.h>
#include "core/sync/neighbour.h"

void
neighbours_init(struct neighbours *t, const uint8_t key[16])
{
	memcpy(t->key, key, sizeof(t->key));
	neighbours_clear(t);
}

void
neighbours_clear(struct neighbours *t)
{
	t->n = 0;
	memset(t->slot, 0, sizeof(t->slot));
}

static bool
same(const struct side_neigh *a, const struct side_neigh *b)
{
	return ip_equal(&a->addr, &b->addr) && strcmp(a->iface, b->iface) == 0;
}

/* Its slot, or the empty one where it belongs: there is always one, as half of them are. */
static uint16_t *
find(struct neighbours *t, const struct side_neigh *n)
{
	uint8_t in[IFACE_NAME_MAX + 1 + sizeof(n->addr.b)] = {0}, out[crypto_shorthash_BYTES];
	uint64_t h;

	memcpy(in, n->iface, strlen(n->iface));
	in[IFACE_NAME_MAX] = n->addr.family;
	memcpy(in + IFACE_NAME_MAX + 1, n->addr.b, ip_bytes(n->addr.family));
	crypto_shorthash(out, in, sizeof(in), t->key);
	memcpy(&h, out, sizeof(h));
	for (size_t i = h % NEIGHBOURS_SLOTS;; i = (i + 1) % NEIGHBOURS_SLOTS)
		if (!t->slot[i] || same(&t->v[t->slot[i] - 1].n, n))
			return &t->slot[i];
}

bool
neighbours_put(struct neighbours *t, const struct side_neigh *n, struct instant now)
{
	uint16_t *slot = find(t, n);

	if (!*slot) {
		if (t->n == NEIGHBOURS_MAX)
			return false;
		*slot = (uint16_t)++t->n;
	}
	t->v[*slot - 1] = (struct neighbour){.n = *n, .told = now};
	return true;
}

void
neighbours_expire(struct neighbours *t, struct instant since,
	void (*gone)(void *arg, const struct side_neigh *n), void *arg)
{
	uint32_t n = t->n;

	neighbours_clear(t);
	for (uint32_t i = 0; i < n; i++) {
		struct neighbour moved = t->v[i];

		if (instant_before(moved.told, since))
			gone(arg, &moved.n);
		else
			neighbours_put(t, &moved.n, moved.told); /* at i or before: never over
								    what is still to be read */
	}
}
