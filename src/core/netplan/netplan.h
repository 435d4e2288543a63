/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What must be in the kernel for a configuration, as data: links, addresses, routes, policy rules,
 * sysctls, multicast memberships. Pure; sys/netapply.c compares it with the kernel and mends the
 * difference, again and again (level-triggered). Mechanisms: docs/design/gate.md.
 */
#pragma once
#include "base/arena.h"
#include "core/conf/model.h"

struct plan_nic {                   /* one NIC of this node, sync interfaces included */
	char iface[IFACE_NAME_MAX]; /* object's name */
	char dev[DEV_NAME_MAX];
	bool sync;
	uint32_t mtu; /* 0 = leave alone */
};

struct plan_link { /* one macvlan tw-X in bridge mode */
	char name[DEV_NAME_MAX];
	char lower[DEV_NAME_MAX]; /* NIC of this node */
	uint8_t mac[6];
	uint32_t mtu; /* 0 = as the NIC */
};

struct plan_addr {
	char dev[DEV_NAME_MAX];
	struct ip_prefix prefix;
	bool noprefixroute; /* private addresses: their routes are in the node table */
			    /* IPv6 addresses are all added with nodad */
};

struct plan_route {
	char dev[DEV_NAME_MAX];
	uint32_t table;
	struct ip_prefix net;
	struct ip_addr gateway, src; /* family 0 = none */
	uint32_t metric;
	bool onlink;  /* the gateway lies outside the interface's networks */
	bool pass_on; /* type "throw": what goes there is looked up in the next table; dev is empty
		       */
};

struct plan_rule {
	uint8_t family; /* 4 or 6 */
	uint32_t pref, table;
	uint32_t mark, mask; /* 0 = no mark */
	struct ip_addr from; /* family 0 = all; host address */
	bool iif_lo;
};

struct plan_sysctl {
	const char *path;       /* below /proc/sys/, with '/' */
	char dev[DEV_NAME_MAX]; /* the device it belongs to, or "" */
	const char *value;      /* NULL: set by another process; only put back at the end */
};

struct plan_group { /* solicited-node group joined on the NIC, for snooping switches */
	char dev[DEV_NAME_MAX];
	struct ip_addr group;
};

struct netplan {
	struct plan_nic *nics;
	size_t n_nics;
	struct plan_link *links;
	size_t n_links;
	struct plan_addr *addrs;
	size_t n_addrs;
	struct plan_route *routes;
	size_t n_routes;
	struct plan_rule *rules;
	size_t n_rules;
	struct plan_sysctl *sysctls;
	size_t n_sysctls;
	struct plan_group *groups;
	size_t n_groups;
};

/* Everything node `self` needs for model `m`. Allocates from `a`; never fails. */
const struct netplan *netplan_make(
	struct arena *a, const struct conf_model *m, enum node_type self);
