/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A ring of events in shared memory: one process writes, config reads. The writer never waits; what
 * it overwrites unseen is counted by the reader.
 */
#pragma once
#include <stdatomic.h>
#include "core/notes/notes.h"

#define NOTES_RING 1024

struct note_ring {
	_Atomic uint64_t head; /* numbers [head - NOTES_RING, head) are in notes[i % NOTES_RING] */
	struct note notes[NOTES_RING];
};

static inline void
notering_put(struct note_ring *r, const struct note *n)
{
	uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);

	r->notes[head % NOTES_RING] = *n;
	atomic_store_explicit(&r->head, head + 1, memory_order_release);
}

/* Copies number i. False: it has been overwritten, or is being so. */
static inline bool
notering_take(const struct note_ring *r, uint64_t i, struct note *out)
{
	*out = r->notes[i % NOTES_RING];
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&r->head, memory_order_relaxed) - i < NOTES_RING;
}
