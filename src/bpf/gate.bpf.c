// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The gate: one program for each direction of every tw-*. Decides from one page of memory whether a
 * frame may pass; keeps no state of its own and knows nothing of roles. docs/design/gate.md.
 *
 * The clock is read before the words, so that a word stored in between is compared with a time that
 * lies before the store: a lease is never seen longer than it was granted.
 */
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include "sys/gate_words.h"

#define SRC_MAC_OFFSET 6

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct gate_words);
} gate SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GATE_PORTS_MAX);
	__type(key, __u32);
	__type(value, struct gate_port);
} ports SEC(".maps");

SEC("tc")
int
gate_in(struct __sk_buff *skb)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 zero = 0;
	volatile struct gate_words *w = bpf_map_lookup_elem(&gate, &zero);

	if (!w)
		return TC_ACT_SHOT;
	if (now >= w->open_until) {
		__sync_fetch_and_add(&w->shot_in, 1);
		return TC_ACT_SHOT;
	}
	/* What still arrives for us tells the engine whether the switches have learnt the new port.
	 */
	if (now < w->drain_until && skb->pkt_type == PACKET_HOST)
		w->last_unicast = now;
	return TC_ACT_UNSPEC;
}

SEC("tc")
int
gate_out(struct __sk_buff *skb)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 zero = 0, port = skb->ifindex;
	volatile struct gate_words *w = bpf_map_lookup_elem(&gate, &zero);
	struct gate_port *p;

	if (!w)
		return TC_ACT_SHOT;
	if (now >= w->open_until) {
		__sync_fetch_and_add(&w->shot_out, 1);
		return TC_ACT_SHOT;
	}
	if (now >= w->drain_until)
		return TC_ACT_UNSPEC;
	p = bpf_map_lookup_elem(&ports, &port);
	if (!p || bpf_skb_store_bytes(skb, SRC_MAC_OFFSET, p->mac, sizeof(p->mac), 0) != 0) {
		__sync_fetch_and_add(&w->drain_lost, 1);
		return TC_ACT_SHOT;
	}
	__sync_fetch_and_add(&w->drained_out, 1);
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "GPL";
