/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's ARP and neighbour discovery tables, read once by rtnetlink. */
#pragma once
#include "base/arena.h"
#include "base/ip.h"
#include "core/limits.h"

struct neigh {
	char dev[DEV_NAME_MAX];
	struct ip_addr addr;
	bool has_mac;
	uint8_t mac[6];
	uint16_t state; /* NUD_* */
	uint8_t flags;  /* NTF_* */
};

struct neigh_list {
	struct neigh *v;
	size_t n;
};

/* Unicast neighbours of both families on every device of this network namespace; entries without
 * any state (NUD_NONE, NUD_NOARP) are left out. 0 or -errno. */
int neighdump(struct arena *a, struct neigh_list *out);
/* "reachable", "stale", … the most telling of the bits. */
const char *neigh_state_name(uint16_t state);
