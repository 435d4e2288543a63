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
	uint32_t revision;
	uint8_t hash[8];              /* first bytes of the model's hash */
	uint8_t key[CLUSTER_KEY_LEN]; /* cluster key; wiped where it is no longer needed */
	uint16_t n_ports;
	struct ha_port ports[IFACES_MAX]; /* sync first, then by index */
};
