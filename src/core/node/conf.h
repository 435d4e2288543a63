/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The part of a configuration that the election needs, fixed size, sent by config to the engine
 * (core/ipc/ipc.h). A port is one interface of ours; its number is the place in ports[].
 */
#pragma once
#include "core/conf/model.h"

struct ha_port {
	char name[IFACE_NAME_MAX];
	char dev[DEV_NAME_MAX]; /* NIC of this node */
	uint16_t index;         /* shared interface index, same on both nodes */
	uint16_t weight;
	bool sync;
	bool heartbeats;
};

/* One LinkMonitor; its place in monitors[] is its bit in struct health. */
struct ha_monitor {
	char name[IFACE_NAME_MAX]; /* of the object, cut */
	uint16_t index;  /* interface that is lost with it, 0 = none: it counts by itself */
	uint16_t weight; /* of its own in the interface part; 0: counts as its interface */
	uint32_t ping_ms;
};

struct ha_conf {
	bool enabled;
	enum node_type type;
	uint16_t cluster_id;
	uint16_t ethertype;
	uint32_t interval_ms, failover_ms;
	uint32_t initial_silence_ms;
	uint32_t garp_period_s;
	enum active_if_equal prefer;
	bool unique_shared_mac;
	bool lacp_members_weight, failover_members_weight; /* S151–S154 */
	uint32_t revision;
	uint8_t hash[8];              /* first bytes of the model's hash */
	uint8_t key[CLUSTER_KEY_LEN]; /* cluster key; wiped where it is no longer needed */
	uint16_t n_ports;
	struct ha_port ports[IFACES_MAX]; /* sync first, then by index */
	uint16_t n_monitors;
	struct ha_monitor monitors[MONITORS_MAX];
};
