/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gate (docs/design/gate.md): a BPF program on both directions of every tw-* that lets frames
 * pass only while the monotonic clock is below one word in shared memory. The supervisor loads it,
 * the engine stores into it, config attaches it. No policy: who may open, and for how long, is the
 * core's business.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/time.h"
#include "core/node/status.h"
#include "sys/gate_words.h"

/* All close-on-exec. The programs and maps live as long as a descriptor or an attachment does. */
struct gate_fds {
	int map;      /* ARRAY of one struct gate_words, mmapable */
	int ports;    /* HASH ifindex of tw-X → struct gate_port */
	int prog_in;  /* tc ingress */
	int prog_out; /* tc egress */
};

/* Supervisor: loads the programs, gate closed. 0, or -errno with a sentence for the operator in
 * err. */
int gate_load(struct gate_fds *out, char *err, size_t err_size);
void gate_unload(struct gate_fds *fds); /* closes the descriptors */

/* Engine, supervisor: maps the words for the rest of the process's life; map_fd may be closed then.
 * 0 or -errno. */
int gate_map(int map_fd, volatile struct gate_words **out);
void gate_unmap(volatile struct gate_words *w);

/*
 * Stores a position; engine only, no system call, safe at any time. Values as in ACT_GATE:
 *   closed    open_until = INSTANT_ZERO (drain_until is then ignored)
 *   open      open_until = end of the lease or INSTANT_NEVER, drain_until = INSTANT_ZERO
 *   draining  both; the gate closes at the earlier of the two, so a drain never turns back into an
 *             open gate by the passing of time alone
 * The order of the stores is such that no packet, on whatever processor, sees
 *   - an open gate while the change is between draining and closed, in either direction: closing
 *     leaves drain_until alone, opening and draining write it before open_until;
 *   - an open gate when it drains later than this call: drain_until comes first there, too.
 * What may be seen is one packet's worth of "draining" with the last drain's deadline on the way
 * from closed to open; that deadline is past, or the frame merely carries the NIC's MAC.
 */
static inline void
gate_store(volatile struct gate_words *w, struct instant open_until, struct instant drain_until)
{
	uint64_t open = open_until.ns == INT64_MAX ? GATE_NO_LEASE
			: open_until.ns > 0        ? (uint64_t)open_until.ns
						   : 0;
	uint64_t drain = drain_until.ns > 0 ? (uint64_t)drain_until.ns : 0;

	if (open == 0) {
		__atomic_store_n(&w->open_until, 0, __ATOMIC_SEQ_CST);
		return;
	}
	if (drain != w->drain_until) {
		if (drain != 0)
			__atomic_store_n(&w->last_unicast, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&w->drain_until, drain, __ATOMIC_SEQ_CST);
	}
	if (drain != 0 && drain < open)
		open = drain;
	__atomic_store_n(&w->open_until, open, __ATOMIC_SEQ_CST);
}

static inline void
gate_close(volatile struct gate_words *w)
{
	gate_store(w, INSTANT_ZERO, INSTANT_ZERO);
}

/* What the program would do at `now`. */
static inline enum gate_position
gate_position(const volatile struct gate_words *w, struct instant now)
{
	if ((uint64_t)now.ns >= __atomic_load_n(&w->open_until, __ATOMIC_RELAXED))
		return GATE_CLOSED;
	if ((uint64_t)now.ns < __atomic_load_n(&w->drain_until, __ATOMIC_RELAXED))
		return GATE_DRAINING;
	return GATE_OPEN;
}

/* For EV_GATE: when a frame to a shared MAC last came in during this drain; zero = none yet. */
static inline struct instant
gate_last_unicast(const volatile struct gate_words *w)
{
	return (struct instant){(int64_t)__atomic_load_n(&w->last_unicast, __ATOMIC_RELAXED)};
}

/*
 * Config: clsact and both filters on a link, replacing what stood at our handle and priority,
 * without a moment in which nothing stands there. The link must be down until this has returned 0.
 * -errno otherwise (then nothing is promised: the link must not come up).
 */
int gate_attach(int ifindex, int prog_in, int prog_out);
/* 1 = both directions carry exactly these programs, 0 = not, -errno = cannot tell. */
int gate_attached(int ifindex, int prog_in, int prog_out);

/* The MAC that frames get while draining. mac NULL forgets the port. 0 or -errno. */
int gate_set_port(int ports_fd, int ifindex, const uint8_t mac[6]);
