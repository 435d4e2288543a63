/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's ARP and neighbour discovery tables, read once by rtnetlink. */
#pragma once
#include "base/arena.h"
#include "base/ip.h"
#include "core/limits.h"

struct nlmsghdr;

struct neigh {
	char dev[DEV_NAME_MAX]; /* filled in by neighdump() only */
	int ifindex;
	struct ip_addr addr;
	bool has_mac;
	uint8_t mac[6];
	uint16_t state;      /* NUD_* */
	uint8_t flags;       /* NTF_* */
	uint8_t protocol;    /* who put it there, 0 = the kernel itself, or not told */
	uint32_t changed_ms; /* how long ago; 0 when not told */
};

struct neigh_list {
	struct neigh *v;
	size_t n;
};

/* Unicast neighbours of both families on every device of this network namespace; entries without
 * any state (NUD_NONE, NUD_NOARP) are left out. 0 or -errno. */
int neighdump(struct arena *a, struct neigh_list *out);
/* One message of such a dump; false: not a unicast neighbour, or malformed. Without dev. */
bool neigh_parse(const struct nlmsghdr *nlh, struct neigh *out);
/* "reachable", "stale", … the most telling of the bits. */
const char *neigh_state_name(uint16_t state);
