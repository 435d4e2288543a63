/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bottom-up merge sort. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "core/conf/sort.h"

static bool
in_order(const uint8_t *base, size_t n, size_t size, int (*cmp)(const void *x, const void *y))
{
	for (size_t i = 1; i < n; i++)
		if (cmp(base + (i - 1) * size, base + i * size) > 0)
			return false;
	return true;
}

/* Merges from[lo, mid) and from[mid, hi) to to[lo, hi). */
static void
merge(const uint8_t *from, uint8_t *to, size_t lo, size_t mid, size_t hi, size_t size,
	int (*cmp)(const void *x, const void *y))
{
	size_t i = lo, j = mid;

	for (size_t k = lo; k < hi; k++) {
		bool left = i < mid && (j >= hi || cmp(from + i * size, from + j * size) <= 0);

		memcpy(to + k * size, from + (left ? i++ : j++) * size, size);
	}
}

void
sort_stable(struct arena *a, void *base, size_t n, size_t size,
	int (*cmp)(const void *x, const void *y))
{
	uint8_t *from = base, *to, *swap;

	if (n < 2 || in_order(base, n, size, cmp))
		return;
	to = arena_alloc(a, n * size);
	for (size_t width = 1; width < n; width *= 2) {
		for (size_t lo = 0; lo < n; lo += 2 * width) {
			size_t mid = lo + width < n ? lo + width : n;
			size_t hi = lo + 2 * width < n ? lo + 2 * width : n;

			merge(from, to, lo, mid, hi, size, cmp);
		}
		swap = from;
		from = to;
		to = swap;
	}
	if (from != base)
		memcpy(base, from, n * size);
}
