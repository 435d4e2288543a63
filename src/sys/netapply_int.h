/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The steps of one netapply run, in the files netapply_*.c; netapply.c calls them in order. */
#pragma once
#include "sys/netapply.h"

struct netapply_ctx {
	struct netapply *na;
	const struct netplan *plan;
	struct netapply_report *rep;
	struct arena tmp;        /* for this run */
	struct rtnl_links links; /* as last dumped */
	bool stale;              /* … and changed since */
	bool *link_ok;           /* [plan->n_links]: gated, may carry addresses and be up */
};

/* Notes a problem of the interface that device `dev` belongs to ("" = the node). */
void netapply_problem(struct netapply_ctx *c, const char *dev, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* A netlink change that returned r: counts it, or notes the problem "WHAT: reason". True = done. */
bool netapply_done(struct netapply_ctx *c, int r, const char *dev, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Is `dev` one of the plan's? */
const struct plan_nic *netapply_nic(const struct netapply_ctx *c, const char *dev);
const struct plan_link *netapply_link(const struct netapply_ctx *c, const char *dev);
/* The device to put addresses and routes on: NULL when missing or a tw-* that is not fit. */
const struct rtnl_link *netapply_usable(const struct netapply_ctx *c, const char *dev);

/* netapply_link.c */
void netapply_forget_lost(struct netapply_ctx *c);
void netapply_remove_links(struct netapply_ctx *c);
void netapply_prepare_nics(struct netapply_ctx *c);
void netapply_make_links(struct netapply_ctx *c);
void netapply_raise_links(struct netapply_ctx *c);
void netapply_restore_nics(struct netapply_ctx *c);

/* netapply_addr.c */
int netapply_add_addrs(struct netapply_ctx *c);
int netapply_remove_addrs(struct netapply_ctx *c);
void netapply_join_groups(struct netapply_ctx *c);
int netapply_foreign_addrs(struct netapply_ctx *c); /* notes those of others on our devices */

/* netapply_route.c */
int netapply_routes(struct netapply_ctx *c);
int netapply_foreign_routes(struct netapply_ctx *c); /* as above */
int netapply_add_rules(struct netapply_ctx *c);
int netapply_remove_rules(struct netapply_ctx *c);

/* netapply_sysctl.c */
void netapply_note_sysctls(struct netapply_ctx *c);
void netapply_sysctls(struct netapply_ctx *c, const char *dev);
void netapply_restore_sysctls(struct netapply_ctx *c);
