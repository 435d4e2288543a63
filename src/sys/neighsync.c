/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RTM_GETNEIGH, RTM_NEWNEIGH, RTM_DELNEIGH. An entry with NTF_EXT_LEARNED is neither counted nor
 * collected by the kernel, and outlives a loss of carrier; ARP and neighbour discovery change its
 * state and its MAC as those of any other. NDA_PROTOCOL says whose it is.
 */
#include <assert.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "sys/neighsync.h"

static int
open_socket(size_t rcvbuf, int *fd)
{
	struct sockaddr_nl sa = {.nl_family = AF_NETLINK};
	int size = (int)rcvbuf,
	    s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (s < 0)
		return -errno;
	if (rcvbuf && setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(s, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(s, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		int err = -errno;

		close(s);
		return err;
	}
	*fd = s;
	return 0;
}

static uint8_t
kernel_family(uint8_t family)
{
	return family == 4 ? AF_INET : AF_INET6;
}

int
neighwalk_start(struct neighwalk *w, uint8_t family)
{
	struct {
		struct nlmsghdr h;
		struct ndmsg nd;
	} req = {
		.h = {.nlmsg_len = sizeof(req),
			.nlmsg_type = RTM_GETNEIGH,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			.nlmsg_seq = ++w->seq},
		.nd = {.ndm_family = kernel_family(family)},
	};
	int r;

	neighwalk_stop(w);
	if (!w->buf && !(w->buf = malloc(NEIGH_CHUNK)))
		return -ENOMEM;
	r = open_socket(0, &w->fd);
	if (r < 0) {
		w->fd = -1;
		return r;
	}
	if (send(w->fd, &req, sizeof(req), MSG_DONTWAIT) < 0) {
		r = -errno;
		neighwalk_stop(w);
		return r;
	}
	w->running = true;
	return 0;
}

void
neighwalk_stop(struct neighwalk *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
	w->running = false;
}

int
neighwalk_next(struct neighwalk *w, void (*fn)(void *arg, const struct neigh *n), void *arg)
{
	const struct nlmsghdr *h;
	struct neigh n;
	ssize_t got = recv(w->fd, w->buf, NEIGH_CHUNK, MSG_DONTWAIT);
	int left = (int)got;

	if (got < 0)
		return -errno;
	for (h = (const void *)w->buf; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
		if (h->nlmsg_seq != w->seq)
			continue;
		if (h->nlmsg_type == NLMSG_DONE)
			return 0;
		if (h->nlmsg_type == NLMSG_ERROR && h->nlmsg_len >= NLMSG_HDRLEN + sizeof(int)) {
			int err = *(const int *)mnl_nlmsg_get_payload(h);

			return err ? err : 1;
		}
		if (neigh_parse(h, &n))
			fn(arg, &n);
	}
	return 1;
}

int
neighbatch_open(struct neighbatch *b)
{
	*b = (struct neighbatch){.fd = -1, .seq = 1};
	b->buf = malloc(NEIGH_BATCH * NEIGH_MSG_MAX);
	if (!b->buf)
		return -ENOMEM;
	return open_socket(1 << 20, &b->fd); /* room for an error to every message */
}

void
neighbatch_close(struct neighbatch *b)
{
	if (b->fd >= 0)
		close(b->fd);
	free(b->buf);
	*b = (struct neighbatch){.fd = -1};
}

void
neighbatch_add(struct neighbatch *b, enum neigh_op op, const struct neigh *n)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(b->buf + b->len);
	struct ndmsg *nd;
	bool learn = op == NEIGH_LEARN || op == NEIGH_LEARN_NEW;

	assert(b->n < NEIGH_BATCH);
	nlh->nlmsg_type = op == NEIGH_FORGET ? RTM_DELNEIGH : RTM_NEWNEIGH;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	if (learn)
		nlh->nlmsg_flags |= NLM_F_CREATE | (op == NEIGH_LEARN ? NLM_F_REPLACE : NLM_F_EXCL);
	nlh->nlmsg_seq = b->seq + b->n;
	nd = mnl_nlmsg_put_extra_header(nlh, sizeof(*nd));
	nd->ndm_family = kernel_family(n->addr.family);
	nd->ndm_ifindex = n->ifindex;
	nd->ndm_state = NUD_STALE;
	nd->ndm_flags = learn ? NTF_EXT_LEARNED | (n->flags & NTF_ROUTER) : 0;
	mnl_attr_put(nlh, NDA_DST, ip_bytes(n->addr.family), n->addr.b);
	if (learn) {
		mnl_attr_put(nlh, NDA_LLADDR, sizeof(n->mac), n->mac);
		mnl_attr_put_u8(nlh, NDA_PROTOCOL, TW_RTPROT);
	}
	b->len += NLMSG_ALIGN(nlh->nlmsg_len);
	b->n++;
}

/* The kernel has carried all of it out before send() returned; it answers to what failed. */
static int
take_errors(struct neighbatch *b)
{
	union {
		struct nlmsghdr h;
		uint8_t bytes[8192];
	} buf;
	int failed = 0;

	for (;;) {
		const struct nlmsghdr *h = &buf.h;
		ssize_t got = recv(b->fd, &buf, sizeof(buf), MSG_DONTWAIT);
		int left = (int)got;

		if (got < 0)
			return errno == EAGAIN ? failed : -errno;
		for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
			int err;

			if (h->nlmsg_type != NLMSG_ERROR || h->nlmsg_seq - b->seq >= b->n ||
				h->nlmsg_len < NLMSG_HDRLEN + sizeof(int))
				continue;
			err = *(const int *)mnl_nlmsg_get_payload(h);
			failed += err != 0 && err != -EEXIST && err != -ENOENT;
		}
	}
}

int
neighbatch_run(struct neighbatch *b)
{
	int r;

	if (!b->n)
		return 0;
	r = send(b->fd, b->buf, b->len, MSG_DONTWAIT) < 0 ? -errno : take_errors(b);
	b->seq += b->n;
	b->n = 0;
	b->len = 0;
	return r;
}
