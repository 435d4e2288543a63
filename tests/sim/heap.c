/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Binary heap of happenings. */
#include <assert.h>
#include "heap.h"

static bool
earlier(const struct hap *a, const struct hap *b)
{
	return a->t != b->t ? a->t < b->t : a->order < b->order;
}

void
heap_init(struct heap *h)
{
	h->n = 0;
	h->sequence = 0;
}

void
heap_push(struct heap *h, int64_t t, int node, enum happening kind, uint32_t arg)
{
	struct hap new = {.t = t,
		.order = (uint64_t)(node + 1) << 56 | h->sequence++,
		.kind = kind,
		.arg = arg};
	size_t i = h->n++;

	assert(h->n <= HEAP_MAX);
	while (i > 0 && earlier(&new, &h->h[(i - 1) / 2])) {
		h->h[i] = h->h[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	h->h[i] = new;
}

bool
heap_pop(struct heap *h, struct hap *out)
{
	struct hap last;
	size_t i = 0;

	if (h->n == 0)
		return false;
	*out = h->h[0];
	last = h->h[--h->n];
	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= h->n)
			break;
		if (child + 1 < h->n && earlier(&h->h[child + 1], &h->h[child]))
			child++;
		if (!earlier(&h->h[child], &last))
			break;
		h->h[i] = h->h[child];
		i = child;
	}
	h->h[i] = last;
	return true;
}
