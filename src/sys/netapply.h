/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes the kernel's links, addresses, routes, policy rules and settings equal a plan
 * (core/netplan/netplan.h), and takes them away again. Level-triggered: call netapply_run() at
 * start, for every new configuration and after every link event; a run that finds everything in
 * place changes nothing. Touches only what it made itself (sys/owned.h, protocol TW_RTPROT). Blocks
 * for as long as the kernel needs: config calls it, never the engine.
 */
#pragma once
#include "base/arena.h"
#include "core/netplan/netplan.h"
#include "sys/owned.h"
#include "sys/rtnl.h"

struct netapply_problem {
	char iface[IFACE_NAME_MAX]; /* object's name, or "": concerns the whole node */
	const char *text;           /* what is wrong, and what to do */
	bool missing;               /* its NIC is not there: the engine tells that, too */
};

/* An address that a NIC did not have before: neighbours may know it at another MAC. */
struct netapply_fresh {
	char dev[DEV_NAME_MAX];
	struct ip_addr addr;
};

struct netapply_report {
	struct arena *arena; /* set by the caller; holds problems and fresh */
	struct netapply_problem *problems;
	size_t n_problems;
	struct netapply_fresh *fresh; /* put on NICs in this run; those of tw-* are left out */
	size_t n_fresh;
	unsigned changes; /* kernel objects made, changed or removed in this run */
};

/* Multicast memberships last as long as a socket does: one socket per NIC. */
struct netapply_groups {
	int fd;
	int ifindex;
	char dev[DEV_NAME_MAX];
	uint64_t hash; /* of the groups it joined */
};

struct netapply {
	int prog_in, prog_out, ports_fd; /* from the supervisor; kept open by the caller */
	struct rtnl rtnl;
	struct owned owned;
	struct netapply_groups *groups;
	size_t n_groups;
};

/*
 * Opens the journal RUN/owned. What an earlier process left is known from it; the first run keeps
 * what still fits the plan (under the present gate programs) and removes the rest before it adds
 * anything. 0 or -errno.
 */
int netapply_open(
	struct netapply *na, const char *run_dir, int prog_in, int prog_out, int ports_fd);

/* 0 = the kernel equals the plan, 1 = as far as the problems in the report allow, -errno = nothing
 * works (netlink). One interface's problem never keeps the others from working. */
int netapply_run(struct netapply *na, const struct netplan *plan, struct netapply_report *rep);

/* Takes everything away and puts settings back as they were. Result as above. */
int netapply_remove(struct netapply *na, struct netapply_report *rep);

/* Closes descriptors; the kernel's state stays, except for group memberships. */
void netapply_close(struct netapply *na);
