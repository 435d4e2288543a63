/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SyncExceptNetwork, SyncExceptService: flows that are never carried, by address and by protocol.
 * Plain data of fixed size; configuration, messages between processes and state sync share it.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/ip.h"

#define SYNC_EXCEPT_MAX 64 /* of each kind */

struct except_service {
	uint8_t proto;
	uint16_t lo, hi; /* destination port; ICMP: type << 8 | code; others: 0 */
};

struct sync_except {
	uint8_t n_nets, n_services;
	struct ip_range nets[SYNC_EXCEPT_MAX];
	struct except_service services[SYNC_EXCEPT_MAX];
};

struct flow;
/*
 * The flow's client, the address it speaks to, or its real server (after translation) is in one of
 * the networks; or its protocol and destination port, as the client has them, in one of the
 * services.
 */
bool flow_is_excepted(const struct flow *f, const struct sync_except *x);
