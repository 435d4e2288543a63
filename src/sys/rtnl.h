/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Links, addresses, routes and policy rules by rtnetlink: dumps into arrays, one call per change.
 * No policy and no memory of its own beyond one receive buffer. Every attribute is checked for type
 * and length before it is used; a message that does not make sense is left out.
 */
#pragma once
#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/arena.h"
#include "base/ip.h"
#include "core/limits.h"

struct mnl_socket;

struct rtnl {
	struct mnl_socket *nl;
	uint32_t seq, portid;
	uint8_t *buf;
	char error[160]; /* of the last call that failed: errno's text and what the kernel says */
};

struct rtnl_link {
	int ifindex;
	char name[DEV_NAME_MAX];
	unsigned flags; /* IFF_* */
	bool carrier;   /* as struct link_event */
	bool has_mac;
	uint8_t mac[6];
	uint32_t mtu;
	int lower;            /* IFLA_LINK, 0 = none */
	bool lower_elsewhere; /* lower's ifindex is of another namespace */
	char kind[16];        /* "macvlan", … or "" */
	uint32_t macvlan_mode;
	uint8_t bond_mode;    /* kind "bond": RTNL_BOND_* */
	int master;           /* 0 = none */
	char master_kind[16]; /* "bond", "team", "bridge", … or "" */
	bool bond_member_up;  /* master_kind "bond": its bond holds it for usable, see rtnl_parse.c
			       */
	bool bond_member_active; /* … and takes and gives frames on it now */
};

/* Modes of a bond; from linux/if_bonding.h, which does not go together with net/if.h. */
enum {
	RTNL_BOND_ACTIVEBACKUP = 1,
	RTNL_BOND_8023AD = 4,
};

struct rtnl_addr {
	int ifindex;
	struct ip_prefix prefix;
	uint32_t flags; /* IFA_F_* */
	uint8_t proto;  /* IFA_PROTO; 0 where the kernel has none */
};

struct rtnl_route {
	struct ip_prefix net;        /* net.addr.family 4 or 6 */
	struct ip_addr gateway, src; /* family 0 = none */
	uint32_t table, metric;
	int ifindex; /* 0: none, or several nexthops */
	uint8_t protocol, type, scope;
	bool onlink;
	bool several; /* multipath or nexthop object: not of our making */
};

struct rtnl_rule {
	uint8_t family; /* 4 or 6 */
	uint32_t pref, table;
	uint32_t mark, mask;
	struct ip_addr from; /* family 0 = all; with from_len */
	uint8_t from_len;
	char iif[DEV_NAME_MAX];
	uint8_t protocol, action;
	bool more; /* has selectors or actions that are not in this struct */
};

struct rtnl_links {
	struct rtnl_link *v;
	size_t n;
};

struct rtnl_addrs {
	struct rtnl_addr *v;
	size_t n;
};

struct rtnl_routes {
	struct rtnl_route *v;
	size_t n;
};

struct rtnl_rules {
	struct rtnl_rule *v;
	size_t n;
};

/* All functions return 0 or -errno unless said otherwise; -errno leaves a text in r->error. */
int rtnl_open(struct rtnl *r);
void rtnl_close(struct rtnl *r);

/* Dumps; arrays are allocated from `a`. A dump that the kernel had to interrupt is made again. */
int rtnl_dump_links(struct rtnl *r, struct arena *a, struct rtnl_links *out);
int rtnl_dump_addrs(struct rtnl *r, struct arena *a, struct rtnl_addrs *out); /* both families */
/* Unicast routes of both families and all tables with this protocol; the kernel does the filtering.
 */
int rtnl_dump_routes(struct rtnl *r, struct arena *a, uint8_t protocol, struct rtnl_routes *out);
int rtnl_dump_rules(struct rtnl *r, struct arena *a, struct rtnl_rules *out);

const struct rtnl_link *rtnl_link_by_name(const struct rtnl_links *l, const char *name);
const struct rtnl_link *rtnl_link_by_index(const struct rtnl_links *l, int ifindex);

/* Makes a macvlan in bridge mode, down, with a random MAC. */
int rtnl_add_macvlan(struct rtnl *r, const char *name, int lower);
int rtnl_del_link(struct rtnl *r, int ifindex);
int rtnl_set_link_up(struct rtnl *r, int ifindex, bool up);
int rtnl_set_link_mac(struct rtnl *r, int ifindex, const uint8_t mac[6]);
int rtnl_set_link_mtu(struct rtnl *r, int ifindex, uint32_t mtu);

/* New objects only (-EEXIST otherwise). Addresses carry a->flags (IPv4: broadcast is set) and,
 * where the kernel knows it, a->proto. */
int rtnl_add_addr(struct rtnl *r, const struct rtnl_addr *a);
int rtnl_del_addr(struct rtnl *r, const struct rtnl_addr *a);
/* replace: takes the place of the route with the same table, prefix and metric. */
int rtnl_add_route(struct rtnl *r, const struct rtnl_route *t, bool replace);
int rtnl_del_route(struct rtnl *r, const struct rtnl_route *t);
int rtnl_add_rule(struct rtnl *r, const struct rtnl_rule *u);
int rtnl_del_rule(struct rtnl *r, const struct rtnl_rule *u);

/* One message → struct. False: not of this kind, or malformed; *out may then not be used. For
 * dumps, linkwatch and tests. */
bool rtnl_parse_link(const struct nlmsghdr *nlh, struct rtnl_link *out);
bool rtnl_parse_addr(const struct nlmsghdr *nlh, struct rtnl_addr *out);
bool rtnl_parse_route(const struct nlmsghdr *nlh, struct rtnl_route *out);
bool rtnl_parse_rule(const struct nlmsghdr *nlh, struct rtnl_rule *out);
