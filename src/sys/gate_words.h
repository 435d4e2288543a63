/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Layout of the two maps that the gate program (bpf/gate.bpf.c) shares with user space. Plain
 * kernel types only: this header is compiled for BPF, too.
 */
#pragma once
#include <linux/types.h>

/*
 * The one value of map `gate`. All times are CLOCK_MONOTONIC nanoseconds (bpf_ktime_get_ns).
 * Written by the engine through gate_store() only; the supervisor may gate_close() once the engine
 * is dead. Cache line 0 is read for every packet, line 1 is written only where packets are dropped
 * or re-addressed, so that counting costs an open gate nothing.
 */
struct gate_words {
	__u64 open_until;   /* closed from this instant on; all ones = no lease */
	__u64 drain_until;  /* while now is before it, an open gate drains; left as it is on closing
			     */
	__u64 last_unicast; /* written by the program: last frame to our MAC while draining */
	__u64 reserved[5];
	__u64 shot_in;     /* frames dropped on their way in: the gate was closed */
	__u64 shot_out;    /* … on their way out */
	__u64 drained_out; /* frames that left with the NIC's own source MAC */
	__u64 drain_lost;  /* … that could not, as the NIC's MAC was not known: dropped */
	__u64 reserved2[4];
};

/* Value of map `ports`, key: ifindex of tw-X (u32). */
struct gate_port {
	__u8 mac[6]; /* the NIC's own */
	__u8 pad[2];
};

#define GATE_PORTS_MAX 1024
#define GATE_NO_LEASE  (~(__u64)0)
