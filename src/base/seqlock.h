/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One writer, many readers of a structure in shared memory. The writer never waits; a reader copies
 * and tries again when the writer was at work meanwhile (bounded: a writer that died in the middle
 * must not hang anybody).
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct seqlock {
	atomic_uint seq;
};

static inline void
seqlock_write(struct seqlock *l, void *shared, const void *src, size_t len)
{
	unsigned s = atomic_load_explicit(&l->seq, memory_order_relaxed) | 1;

	atomic_store_explicit(&l->seq, s, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	memcpy(shared, src, len);
	atomic_store_explicit(&l->seq, s + 1, memory_order_release);
}

/* False when no consistent copy could be made. */
static inline bool
seqlock_read(struct seqlock *l, const void *shared, void *dst, size_t len)
{
	for (unsigned tries = 0; tries < 1000; tries++) {
		unsigned before = atomic_load_explicit(&l->seq, memory_order_acquire);

		if (before & 1)
			continue;
		memcpy(dst, shared, len);
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&l->seq, memory_order_relaxed) == before)
			return true;
	}
	return false;
}
