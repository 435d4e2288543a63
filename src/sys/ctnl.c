/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ctnetlink sockets: events, walks, batches, questions. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "sys/ctnl.h"
#include "sys/sysctl.h"

#define FLOW_GROUPS 3 /* of the groups of events, these first are about flows */

int
ctnl_open(size_t rcvbuf, int *fd, uint32_t *portid)
{
	struct sockaddr_nl sa = {.nl_family = AF_NETLINK};
	socklen_t len = sizeof(sa);
	int size = (int)rcvbuf, s;

	s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER);
	if (s < 0)
		return -errno;
	if (rcvbuf && setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(s, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(s, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
		getsockname(s, (struct sockaddr *)&sa, &len) < 0) {
		int err = -errno;

		close(s);
		return err;
	}
	*fd = s;
	*portid = sa.nl_pid;
	return 0;
}

/* Drops in the kernel what our own changes cause: nlmsg_pid is the socket that caused an event. */
static int
filter_own(int fd, uint32_t portid)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct nlmsghdr, nlmsg_pid)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(portid), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	struct sock_fprog prog = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0 ? -errno : 0;
}

int
ctnl_events_open(struct ctnl_events *e, size_t rcvbuf, uint32_t own_portid)
{
	static const int groups[] = {NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_UPDATE,
		NFNLGRP_CONNTRACK_DESTROY, NFNLGRP_CONNTRACK_EXP_NEW,
		NFNLGRP_CONNTRACK_EXP_DESTROY};
	size_t n = e->on_expect ? sizeof(groups) / sizeof(groups[0]) : FLOW_GROUPS;
	uint32_t portid;
	int r;

	if (!e->buf && !(e->buf = malloc(CTNL_EVENTS * sizeof(*e->buf))))
		return -ENOMEM;
	r = ctnl_open(rcvbuf, &e->fd, &portid);
	if (r < 0) {
		e->fd = -1;
		return r;
	}
	r = filter_own(e->fd, own_portid);
	for (size_t i = 0; r == 0 && i < n; i++)
		if (setsockopt(e->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i],
			    sizeof(groups[i])) < 0)
			r = -errno;
	if (r < 0)
		ctnl_events_close(e);
	return r;
}

void
ctnl_events_close(struct ctnl_events *e)
{
	if (e->fd >= 0)
		close(e->fd);
	e->fd = -1;
}

static void
take_event(struct ctnl_events *e, const uint8_t *msg, size_t len, ctnl_flow_fn *fn, void *arg)
{
	enum sync_kind kind;
	struct expect x;
	struct flow f;
	int r = ctnl_parse(msg, len, &kind, &f);

	e->count++;
	if (r == CTNL_IGNORED && e->on_expect)
		r = ctnl_parse_expect(msg, len, &kind, &x);
	if (r == CTNL_FLOW)
		fn(arg, kind, &f);
	else if (r == CTNL_EXPECT)
		e->on_expect(arg, kind, &x);
	else if (r == CTNL_IGNORED)
		e->ignored++;
	else
		e->malformed++;
}

int
ctnl_events_read(struct ctnl_events *e, ctnl_flow_fn *fn, void *arg)
{
	struct mmsghdr mm[CTNL_EVENTS];
	struct iovec iov[CTNL_EVENTS];
	bool truncated = false;
	int n;

	for (unsigned i = 0; i < CTNL_EVENTS; i++) {
		iov[i] = (struct iovec){.iov_base = e->buf[i], .iov_len = CTNL_EVENT_MAX};
		mm[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &iov[i], .msg_iovlen = 1}};
	}
	n = recvmmsg(e->fd, mm, CTNL_EVENTS, MSG_DONTWAIT, NULL);
	if (n < 0) {
		if (errno == EAGAIN || errno == EINTR)
			return 0;
		if (errno == ENOBUFS)
			e->overruns++;
		return -errno;
	}
	for (int i = 0; i < n; i++) {
		if (mm[i].msg_hdr.msg_flags & MSG_TRUNC)
			truncated = true;
		else
			take_event(e, e->buf[i], mm[i].msg_len, fn, arg);
	}
	if (truncated) { /* one that is longer than any we know is as bad as a lost one */
		e->overruns++;
		return -ENOBUFS;
	}
	return n;
}

/* Walks go from bucket to bucket: when their number changes, flows change places. */
static long
table_buckets(void)
{
	char text[32];

	return sysctl_read("net/netfilter/nf_conntrack_buckets", text, sizeof(text)) == 0
		       ? strtol(text, NULL, 10)
		       : 0;
}

/* Asks for all of one table. 0 or -errno. */
static int
ask_dump(struct ctnl_walk *w, unsigned type)
{
	struct {
		struct nlmsghdr h;
		struct nfgenmsg nfg;
	} req = {
		.h = {.nlmsg_len = sizeof(req),
			.nlmsg_type = (uint16_t)type,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			.nlmsg_seq = ++w->seq},
		.nfg = {.nfgen_family = AF_UNSPEC}, /* both families in one walk over the buckets */
	};

	return send(w->fd, &req, sizeof(req), MSG_DONTWAIT) < 0 ? -errno : 0;
}

int
ctnl_walk_start(struct ctnl_walk *w)
{
	uint32_t portid;
	int r;

	ctnl_walk_stop(w);
	w->buckets = table_buckets();
	if (!w->buf && !(w->buf = malloc(CTNL_CHUNK)))
		return -ENOMEM;
	r = ctnl_open(0, &w->fd, &portid);
	if (r < 0) {
		w->fd = -1;
		return r;
	}
	r = ask_dump(w, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET);
	if (r < 0) {
		ctnl_walk_stop(w);
		return r;
	}
	w->running = true;
	return 0;
}

/* The end of a table: the next one, or of the walk. */
static int
walk_done(struct ctnl_walk *w, const struct nlmsghdr *done)
{
	int r = 0;

	if (done->nlmsg_len >= NLMSG_HDRLEN + sizeof(int))
		r = *(const int *)mnl_nlmsg_get_payload(done);
	if (r < 0)
		return r;
	if (table_buckets() != w->buckets)
		return -ESTALE;
	if (!w->on_expect || w->expects)
		return 0;
	w->expects = true;
	r = ask_dump(w, NFNL_SUBSYS_CTNETLINK_EXP << 8 | IPCTNL_MSG_EXP_GET);
	return r < 0 ? r : 1;
}

void
ctnl_walk_stop(struct ctnl_walk *w)
{
	if (w->fd >= 0)
		close(w->fd); /* an unfinished walk ends with its socket */
	w->fd = -1;
	w->running = w->expects = false;
}

int
ctnl_walk_next(struct ctnl_walk *w, ctnl_flow_fn *fn, void *arg)
{
	const struct nlmsghdr *h;
	enum sync_kind kind;
	struct expect x;
	struct flow f;
	ssize_t n;
	int left;

	n = recv(w->fd, w->buf, CTNL_CHUNK, MSG_DONTWAIT);
	if (n < 0)
		return -errno;
	left = (int)n;
	for (h = (const void *)w->buf; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
		if (h->nlmsg_seq != w->seq)
			continue;
		if (h->nlmsg_type == NLMSG_DONE)
			return walk_done(w, h);
		if (h->nlmsg_type == NLMSG_ERROR && h->nlmsg_len >= NLMSG_HDRLEN + sizeof(int)) {
			int err = *(const int *)mnl_nlmsg_get_payload(h);

			return err ? err : 1;
		}
		if (w->expects && ctnl_parse_expect(h, (size_t)left, &kind, &x) == CTNL_EXPECT)
			w->on_expect(arg, SYNC_EXPECT, &x);
		else if (!w->expects && ctnl_parse(h, (size_t)left, &kind, &f) == CTNL_FLOW)
			fn(arg, SYNC_NEW, &f);
	}
	return 1;
}

int
ctnl_batch_open(struct ctnl_batch *b)
{
	int one = 1, r;

	b->n = 0;
	b->len = 0;
	b->seq = 1;
	b->fd = -1;
	b->buf = malloc(CTNL_BATCH * CTNL_MSG_MAX);
	if (!b->buf)
		return -ENOMEM;
	/* room for an error to every message of a batch */
	r = ctnl_open(1 << 20, &b->fd, &b->portid);
	if (r < 0) {
		b->fd = -1;
		return r;
	}
	setsockopt(b->fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	return 0;
}

void
ctnl_batch_close(struct ctnl_batch *b)
{
	if (b->fd >= 0)
		close(b->fd);
	free(b->buf);
	*b = (struct ctnl_batch){.fd = -1};
}

bool
ctnl_batch_add(struct ctnl_batch *b, enum ctnl_op op, const struct flow *f, uint32_t timeout_s)
{
	size_t len;

	assert(b->n < CTNL_BATCH && op != CTNL_GET);
	len = ctnl_build(op, f, timeout_s, b->seq + b->n, b->buf + b->len, CTNL_MSG_MAX);
	if (!len)
		return false;
	b->len += len;
	b->n++;
	return true;
}

bool
ctnl_batch_add_expect(
	struct ctnl_batch *b, enum ctnl_expect_op op, const struct expect *x, uint32_t timeout_s)
{
	size_t len;

	assert(b->n < CTNL_BATCH);
	len = ctnl_build_expect(op, x, timeout_s, b->seq + b->n, b->buf + b->len, CTNL_MSG_MAX);
	if (!len)
		return false;
	b->len += len;
	b->n++;
	return true;
}

/* Takes the answers: one error for each that failed, and one word for the last. */
static int
take_results(struct ctnl_batch *b)
{
	union {
		struct nlmsghdr h;
		uint8_t bytes[8192];
	} buf;
	int failed = 0;

	for (;;) {
		const struct nlmsghdr *h = &buf.h;
		ssize_t n = recv(b->fd, &buf, sizeof(buf), MSG_DONTWAIT);
		int left = (int)n;

		if (n < 0)
			return errno == EINTR ? -EAGAIN : -errno;
		for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
			uint32_t i = h->nlmsg_seq - b->seq;
			int err;

			if (h->nlmsg_type != NLMSG_ERROR || i >= b->n ||
				h->nlmsg_len < NLMSG_HDRLEN + sizeof(int))
				continue;
			err = *(const int *)mnl_nlmsg_get_payload(h);
			b->result[i] = err;
			failed += err != 0;
			if (i == b->n - 1)
				return failed;
		}
	}
}

int
ctnl_batch_run(struct ctnl_batch *b)
{
	size_t at = 0, last = 0;
	struct nlmsghdr h;
	int r;

	if (b->n == 0)
		return 0;
	while (at < b->len) {
		last = at;
		memcpy(&h, b->buf + at, sizeof(h));
		at += NLMSG_ALIGN(h.nlmsg_len);
	}
	h.nlmsg_flags |= NLM_F_ACK;
	memcpy(b->buf + last, &h, sizeof(h));
	memset(b->result, 0, sizeof(b->result));
	/* the kernel carries all of them out before send() returns */
	r = send(b->fd, b->buf, b->len, MSG_DONTWAIT) < 0 ? -errno : take_results(b);
	b->seq += b->n;
	b->n = 0;
	b->len = 0;
	return r;
}

int
ctnl_query_open(struct ctnl_query *q)
{
	uint32_t portid;
	int r = ctnl_open(0, &q->fd, &portid);

	if (r < 0)
		q->fd = -1;
	return r;
}

void
ctnl_query_close(struct ctnl_query *q)
{
	if (q->fd >= 0)
		close(q->fd);
	q->fd = -1;
}

int
ctnl_get(struct ctnl_query *q, const struct flow *key, struct flow *out)
{
	union {
		struct nlmsghdr h;
		uint8_t bytes[4096];
	} buf;
	enum sync_kind kind;
	size_t len;
	ssize_t n;

	len = ctnl_build(CTNL_GET, key, 0, ++q->seq, &buf, sizeof(buf));
	if (!len || send(q->fd, &buf, len, MSG_DONTWAIT) < 0)
		return len ? -errno : -EINVAL;
	for (;;) {
		n = recv(q->fd, &buf, sizeof(buf), MSG_DONTWAIT);
		if (n < 0)
			return -errno;
		if (n < (ssize_t)sizeof(buf.h) || buf.h.nlmsg_seq != q->seq)
			continue; /* of a question whose answer was not waited for */
		if (buf.h.nlmsg_type == NLMSG_ERROR)
			return *(const int *)mnl_nlmsg_get_payload(&buf.h);
		return ctnl_parse(&buf, (size_t)n, &kind, out) == CTNL_FLOW ? 0 : -ENOENT;
	}
}

/* The number in a statistics message, 0 when it is not there. */
static uint32_t
stat_value(const struct nlmsghdr *h, unsigned type)
{
	struct nlattr *a;

	mnl_attr_for_each (a, h, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(a) == type && mnl_attr_validate(a, MNL_TYPE_U32) >= 0)
			return ntohl(mnl_attr_get_u32(a));
	return 0;
}

/* Asks for statistics: of the table, or (a dump) of each CPU. 0 or -errno. */
static int
ask_stats(struct ctnl_query *q, unsigned type, bool dump)
{
	struct {
		struct nlmsghdr h;
		struct nfgenmsg nfg;
	} req = {.h = {.nlmsg_len = sizeof(req),
			 .nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type),
			 .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | (dump ? NLM_F_DUMP : 0)),
			 .nlmsg_seq = ++q->seq}};

	return send(q->fd, &req, sizeof(req), MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* Adds up attribute `attr` of all answers. 0 or -errno. */
static int
sum_stats(struct ctnl_query *q, unsigned attr, bool dump, uint64_t *sum)
{
	union {
		struct nlmsghdr h;
		uint8_t bytes[16384];
	} buf;

	*sum = 0;
	for (;;) {
		const struct nlmsghdr *h = &buf.h;
		ssize_t n = recv(q->fd, &buf, sizeof(buf), MSG_DONTWAIT);
		int left = (int)n;

		if (n < 0)
			return -errno;
		for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
			if (h->nlmsg_seq != q->seq)
				continue; /* of a question whose answer was not waited for */
			if (h->nlmsg_type == NLMSG_DONE)
				return 0;
			if (h->nlmsg_type == NLMSG_ERROR)
				return *(const int *)mnl_nlmsg_get_payload(h);
			*sum += stat_value(h, attr);
			if (!dump)
				return 0;
		}
	}
}

int
ctnl_count(struct ctnl_query *q, uint32_t *flows)
{
	int r = ask_stats(q, IPCTNL_MSG_CT_GET_STATS, false);
	uint64_t n;

	if (!r)
		r = sum_stats(q, CTA_STATS_GLOBAL_ENTRIES, false, &n);
	if (!r)
		*flows = (uint32_t)n;
	return r;
}

int
ctnl_invalid(struct ctnl_query *q, uint64_t *packets)
{
	int r = ask_stats(q, IPCTNL_MSG_CT_GET_STATS_CPU, true);

	return r ? r : sum_stats(q, CTA_STATS_INVALID, true, packets);
}
