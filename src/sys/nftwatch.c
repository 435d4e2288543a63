/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nfnetlink notifications of nf_tables (linux/netfilter/nf_tables.h). Every object's first
 * attribute is the name of its table; a transaction ends with NFT_MSG_NEWGEN, which says who made
 * it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "core/limits.h"
#include "sys/nftwatch.h"

#define WATCH_BUFFER (4 << 20) /* a flush of 10 000 rules is told rule by rule */
#define ATTR_TABLE   1         /* NFTA_TABLE_NAME, NFTA_RULE_TABLE, … */
#define READ_BUFFER  32768
#define READS_MAX    1000 /* in one go */

struct nft_attrs {
	const struct nlattr *tb[4]; /* 1…3 */
};

static int
watch_attr(const struct nlattr *attr, void *data)
{
	struct nft_attrs *a = data;

	if (mnl_attr_get_type(attr) < 4)
		a->tb[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

static void
watch_who(struct nftwatch *w, const struct nft_attrs *a)
{
	const struct nlattr *pid = a->tb[NFTA_GEN_PROC_PID], *name = a->tb[NFTA_GEN_PROC_NAME];

	snprintf(w->by, sizeof(w->by), "%.20s (pid %u)",
		name && mnl_attr_validate(name, MNL_TYPE_NUL_STRING) == 0 ? mnl_attr_get_str(name)
									  : "somebody",
		pid && mnl_attr_validate(pid, MNL_TYPE_U32) == 0 ? ntohl(mnl_attr_get_u32(pid))
								 : 0);
}

struct watch_read {
	struct nftwatch *w;
	bool changed;
};

static int
watch_message(const struct nlmsghdr *nlh, void *data)
{
	struct watch_read *r = data;
	struct nft_attrs a = {0};

	if (NFNL_SUBSYS_ID(nlh->nlmsg_type) != NFNL_SUBSYS_NFTABLES ||
		mnl_nlmsg_get_payload_len(nlh) < sizeof(struct nfgenmsg) ||
		mnl_attr_parse(nlh, sizeof(struct nfgenmsg), watch_attr, &a) < 0)
		return MNL_CB_OK;
	if (NFNL_MSG_TYPE(nlh->nlmsg_type) == NFT_MSG_NEWGEN) {
		if (r->w->touched) {
			watch_who(r->w, &a);
			r->changed = true;
		}
		r->w->touched = false;
	} else if (a.tb[ATTR_TABLE] &&
		   mnl_attr_validate(a.tb[ATTR_TABLE], MNL_TYPE_NUL_STRING) == 0 &&
		   strcmp(mnl_attr_get_str(a.tb[ATTR_TABLE]), TW_NFT_TABLE) == 0) {
		r->w->touched = true;
	}
	return MNL_CB_OK;
}

int
nftwatch_open(struct nftwatch *w)
{
	int size = WATCH_BUFFER, group = NFNLGRP_NFTABLES;

	*w = (struct nftwatch){.fd = -1};
	w->nl = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!w->nl)
		return -errno;
	w->fd = mnl_socket_get_fd(w->nl);
	if (setsockopt(w->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(w->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (mnl_socket_bind(w->nl, 0, MNL_SOCKET_AUTOPID) < 0 ||
		mnl_socket_setsockopt(w->nl, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0) {
		int r = -errno;

		nftwatch_close(w);
		return r;
	}
	return 0;
}

void
nftwatch_close(struct nftwatch *w)
{
	if (w->nl)
		mnl_socket_close(w->nl);
	w->nl = NULL;
	w->fd = -1;
}

int
nftwatch_read(struct nftwatch *w)
{
	struct watch_read r = {.w = w};
	char buf[READ_BUFFER];

	for (unsigned i = 0; i < READS_MAX; i++) {
		ssize_t n = mnl_socket_recvfrom(w->nl, buf, sizeof(buf));

		if (n < 0 && errno == ENOBUFS) {
			snprintf(w->by, sizeof(w->by), "somebody");
			w->touched = false;
			r.changed = true;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? r.changed : -errno;
		mnl_cb_run(buf, (size_t)n, 0, 0, watch_message, &r);
	}
	return r.changed;
}

void
nftwatch_forget(struct nftwatch *w)
{
	while (w->nl && nftwatch_read(w) > 0)
		;
	w->touched = false;
}
