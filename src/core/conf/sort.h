/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A stable merge sort whose scratch memory is the arena (qsort may call malloc, and is not stable).
 */
#pragma once
#include "base/arena.h"

void sort_stable(struct arena *a, void *base, size_t n, size_t size,
	int (*cmp)(const void *x, const void *y));
