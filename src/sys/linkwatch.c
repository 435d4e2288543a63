/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The link listener. One socket both is a member of the link group and carries the dumps, so that
 * the kernel itself keeps news and dump in order.
 */
#include "sys/linkwatch.h"
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "sys/rtnl.h"

#define DUMP_WAIT_MS 1000
#define DUMP_TRIES   5
#define RECV_MAX     256       /* datagrams in one linkwatch_read() */
#define RCVBUF_SIZE  (1 << 20) /* a restart of a switch with 200 ports on it is one burst */

static int
ask_for_dump(struct linkwatch *w)
{
	struct {
		struct nlmsghdr nlh;
		struct ifinfomsg ifi;
		struct nlattr attr;
		uint32_t mask;
	} req = {
		.nlh = {.nlmsg_len = sizeof(req),
			.nlmsg_type = RTM_GETLINK,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			.nlmsg_seq = ++w->seq},
		.attr = {.nla_len = sizeof(req.attr) + sizeof(req.mask), .nla_type = IFLA_EXT_MASK},
		.mask = RTEXT_FILTER_SKIP_STATS,
	};

	if (send(w->fd, &req, sizeof(req), 0) < 0)
		return -errno;
	w->dumping = true;
	w->told = false;
	w->again = false;
	return 0;
}

static int
open_socket(struct linkwatch *w)
{
	struct sockaddr_nl sa = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
	int size = RCVBUF_SIZE, r = 0;

	w->seq = 0;
	w->handed = false;
	w->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (w->fd < 0)
		return -errno;
	if (setsockopt(w->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(w->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(w->fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0) {
		r = -errno;
		linkwatch_close(w);
	}
	return r;
}

int
linkwatch_open(struct linkwatch *w)
{
	int r = open_socket(w);

	if (!r && (r = ask_for_dump(w)) < 0)
		linkwatch_close(w);
	return r;
}

void
linkwatch_close(struct linkwatch *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

/*
 * What the link is to aggregates. A member of an LACP bond counts while the bond uses it; of an
 * active-backup bond, while the bond could use it; of a team, while it has carrier and its daemon
 * has not switched it off, which rtnetlink does not tell.
 */
static void
tell_aggregate(const struct rtnl_link *l, struct aggregate_link *out)
{
	bool bonded = strcmp(l->master_kind, "bond") == 0;

	out->ifindex = l->ifindex;
	if (strcmp(l->kind, "bond") == 0)
		out->kind = l->bond_mode == RTNL_BOND_8023AD         ? AGGREGATE_LACP
			    : l->bond_mode == RTNL_BOND_ACTIVEBACKUP ? AGGREGATE_FAILOVER
								     : AGGREGATE_OTHER;
	out->team = strcmp(l->kind, "team") == 0;
	if (out->team)
		out->kind = AGGREGATE_OTHER;
	out->of_team = strcmp(l->master_kind, "team") == 0;
	if (bonded || out->of_team)
		out->master = l->master;
	out->up = l->carrier && (!bonded || l->bond_member_up);
	out->idle = bonded && !l->bond_member_active;
}

static void
tell_link(const struct nlmsghdr *nlh, linkwatch_cb cb, void *ctx)
{
	struct link_event ev = {.kind = nlh->nlmsg_type == RTM_DELLINK ? LINK_GONE : LINK_CHANGED};
	struct rtnl_link l;

	if (!rtnl_parse_link(nlh, &l))
		return;
	ev.ifindex = l.ifindex;
	memcpy(ev.name, l.name, sizeof(ev.name));
	ev.flags = l.flags;
	ev.up = (l.flags & IFF_UP) && ev.kind == LINK_CHANGED;
	ev.carrier = l.carrier && ev.kind == LINK_CHANGED;
	ev.has_address = l.has_mac;
	memcpy(ev.address, l.mac, sizeof(ev.address));
	ev.mtu = l.mtu;
	if (strcmp(l.kind, "vlan") == 0 && !l.lower_elsewhere)
		ev.vlan_of = l.lower;
	if (ev.kind == LINK_CHANGED)
		tell_aggregate(&l, &ev.aggregate);
	cb(ctx, &ev);
}

/* The end of the dump under way, good or not. */
static void
dump_ended(struct linkwatch *w, bool good, linkwatch_cb cb, void *ctx)
{
	w->dumping = false;
	if (good && !w->again)
		cb(ctx, &(struct link_event){.kind = LINK_DUMP_ENDS});
	else
		w->again = true;
}

static void
one_message(struct linkwatch *w, const struct nlmsghdr *nlh, linkwatch_cb cb, void *ctx)
{
	bool of_dump = w->dumping && nlh->nlmsg_seq == w->seq;

	if (of_dump && (nlh->nlmsg_flags & NLM_F_DUMP_INTR))
		w->again = true;
	if (nlh->nlmsg_type == NLMSG_DONE || nlh->nlmsg_type == NLMSG_ERROR) {
		if (of_dump)
			dump_ended(w, nlh->nlmsg_type == NLMSG_DONE, cb, ctx);
		return;
	}
	tell_link(nlh, cb, ctx);
}

int
linkwatch_read(struct linkwatch *w, linkwatch_cb cb, void *ctx)
{
	for (int i = 0; i < RECV_MAX; i++) {
		struct nlmsghdr *nlh = (void *)w->buf;
		ssize_t n;
		int r;

		if (w->again && w->handed) {
			w->again = false;
			return -ENOBUFS;
		}
		if (w->again && !w->dumping && (r = ask_for_dump(w)) < 0)
			return r;
		if (w->dumping && !w->told) {
			cb(ctx, &(struct link_event){.kind = LINK_DUMP_BEGINS});
			w->told = true;
		}
		n = recv(w->fd, w->buf, sizeof(w->buf), MSG_TRUNC);
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != ENOBUFS)
			return -errno;
		if (n < 0 || (size_t)n > sizeof(w->buf)) {
			w->again = true; /* news were lost: look at everything once more */
			continue;
		}
		for (size_t left = (size_t)n; NLMSG_OK(nlh, left); nlh = NLMSG_NEXT(nlh, left))
			one_message(w, nlh, cb, ctx);
	}
	return w->again && !w->dumping && !w->handed ? ask_for_dump(w) : 0;
}

/* Passes on one datagram. 1 = the dump goes on, 0 = that was its end, -EAGAIN = it is worth
 * nothing.
 */
static int
pass_on(struct linkwatch *w, size_t len, linkwatch_raw_cb cb, void *ctx)
{
	struct nlmsghdr *nlh = (void *)w->buf;
	int r = 1;

	for (size_t left = len; NLMSG_OK(nlh, left); nlh = NLMSG_NEXT(nlh, left)) {
		if (nlh->nlmsg_seq != w->seq)
			continue; /* news: in its place among the rest */
		if (nlh->nlmsg_type == NLMSG_ERROR || nlh->nlmsg_flags & NLM_F_DUMP_INTR)
			return -EAGAIN;
		if (nlh->nlmsg_type == NLMSG_DONE)
			r = 0;
	}
	cb(ctx, w->buf, len);
	return r;
}

/* One dump from its beginning to its end. 0, -EAGAIN = once more, other -errno. */
static int
dump_once(struct linkwatch *w, size_t piece_max, linkwatch_raw_cb cb, void *ctx)
{
	int r = ask_for_dump(w);

	cb(ctx, NULL, 0);
	while (r >= 0) {
		struct pollfd p = {.fd = w->fd, .events = POLLIN};
		ssize_t n;

		if (poll(&p, 1, DUMP_WAIT_MS) == 0)
			return -ETIMEDOUT;
		n = recv(w->fd, w->buf, piece_max, MSG_TRUNC);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n < 0)
			return errno == ENOBUFS ? -EAGAIN : -errno;
		r = (size_t)n > piece_max ? -EMSGSIZE : pass_on(w, (size_t)n, cb, ctx);
		if (r == 0)
			return 0;
	}
	return r;
}

int
linkwatch_dump(struct linkwatch *w, size_t piece_max, linkwatch_raw_cb cb, void *ctx)
{
	int r;

	if (piece_max > sizeof(w->buf))
		piece_max = sizeof(w->buf);
	for (unsigned tries = 0; tries < DUMP_TRIES; tries++) {
		/* a socket of its own each time: no rest of an earlier dump is in it */
		r = open_socket(w);
		if (!r)
			r = dump_once(w, piece_max, cb, ctx);
		if (!r)
			return 0;
		linkwatch_close(w);
		if (r != -EAGAIN)
			break;
	}
	return r;
}

void
linkwatch_feed(struct linkwatch *w, const void *data, size_t len, linkwatch_cb cb, void *ctx)
{
	struct nlmsghdr *nlh = (void *)w->buf;

	if (len > sizeof(w->buf))
		return;
	memcpy(w->buf, data, len); /* where it is aligned */
	for (; NLMSG_OK(nlh, len); nlh = NLMSG_NEXT(nlh, len))
		if (nlh->nlmsg_type != NLMSG_DONE)
			tell_link(nlh, cb, ctx);
}

void
linkwatch_hand(struct linkwatch *w, int fd)
{
	linkwatch_close(w);
	w->fd = fd;
	w->handed = true;
	w->dumping = w->told = w->again = false;
}
