/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arena allocator: a list of chunks, freed at once. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/arena.h"

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, size;
	_Alignas(16) uint8_t data[];
};

#define CHUNK_MIN 16384

void *
arena_alloc(struct arena *a, size_t size)
{
	struct arena_chunk *c = a->head;

	if (size > SIZE_MAX / 2)
		abort();
	size = (size + 15) & ~(size_t)15;
	if (!c || c->size - c->used < size) {
		size_t want = size > CHUNK_MIN ? size : CHUNK_MIN;

		c = calloc(1, sizeof(*c) + want);
		if (!c)
			abort();
		c->size = want;
		c->next = a->head;
		a->head = c;
	}
	c->used += size;
	a->used += size;
	return c->data + c->used - size;
}

char *
arena_strndup(struct arena *a, const char *s, size_t len)
{
	char *p = arena_alloc(a, len + 1);

	memcpy(p, s, len);
	return p;
}

char *
arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *
arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	p = arena_alloc(a, (size_t)n + 1);
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}

void *
arena_grow(struct arena *a, void *old, size_t count, size_t size)
{
	void *p;

	if (count & (count - 1) || (count > 0 && count < 4))
		return old; /* capacities are 4, 8, 16, …: only a full one needs a new array */
	p = arena_alloc(a, (count < 4 ? 4 : count * 2) * size);
	if (count)
		memcpy(p, old, count * size);
	return p;
}

void
arena_free(struct arena *a)
{
	while (a->head) {
		struct arena_chunk *c = a->head;

		a->head = c->next;
		free(c);
	}
	a->used = 0;
}
