/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one event heap, ordered by (time, node, sequence): equal times are told in a fixed order, so
 * a run repeats exactly.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum happening {
	HAP_STEP,    /* a step of the plan begins; arg = its number */
	HAP_UNDO,    /* … ends */
	HAP_ARRIVE,  /* a frame reaches a NIC; arg = packet */
	HAP_WAKE,    /* the engine's loop gets the processor; arg = generation */
	HAP_ACT,     /* the engine carries out its next actions; arg = life */
	HAP_GATE,    /* the engine looks at the draining gate; arg = life */
	HAP_LINK,    /* the kernel reports a port; arg = port */
	HAP_SYNC,    /* state sync looks around; arg = life */
	HAP_FLUSH,   /* the barrier was answered; arg = life */
	HAP_HEALTH,  /* the probes look */
	HAP_FORWARD, /* a switch port forwards now */
	HAP_OUTSIDE, /* somebody else speaks; arg = its step */
	HAP_LOOK,    /* nothing happens; checkers look */
};

struct hap {
	int64_t t;
	uint64_t order; /* node in the top byte, then the sequence */
	enum happening kind;
	uint32_t arg;
};

#define HEAP_MAX 16384

struct heap {
	size_t n;
	uint64_t sequence;
	struct hap h[HEAP_MAX];
};

static inline int
hap_node(const struct hap *h)
{
	return (int)(h->order >> 56) - 1; /* -1 = the world, 0 = a, 1 = b */
}

void heap_init(struct heap *h);
/* node: -1 for the world. Aborts when full: the simulator bounds everything it queues. */
void heap_push(struct heap *h, int64_t t, int node, enum happening kind, uint32_t arg);
bool heap_pop(struct heap *h, struct hap *out);
