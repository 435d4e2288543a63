/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The addresses of this node: flows that begin or end here are nobody else's. The configuration
 * names those of the cluster; a machine may have more (a management port, a tunnel), which its
 * kernel knows.
 */
#include <errno.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "daemon/statesync/statesync.h"

/* An address that only this machine knows of. */
static void
note_mine(struct own_told *t, const struct ip_addr *a)
{
	if (t->n_mine < OWN_TOLD_MAX && !flow_addr_stays(a))
		t->mine[t->n_mine++] = *a;
}

static void
read_addresses(struct statesync *s)
{
	struct ifaddrs *list, *i;

	flow_own_clear(&s->own);
	flow_own_clear(&s->mine);
	for (unsigned n = 0; n < s->conf.n_own; n++)
		flow_own_add(&s->own, &s->conf.own[n]);
	if (getifaddrs(&list) < 0)
		return;
	for (i = list; i; i = i->ifa_next) {
		struct ip_addr a = {0};

		if (!i->ifa_addr)
			continue;
		if (i->ifa_addr->sa_family == AF_INET) {
			a.family = 4;
			memcpy(a.b, &((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr, 4);
		} else if (i->ifa_addr->sa_family == AF_INET6) {
			a.family = 6;
			memcpy(a.b, &((struct sockaddr_in6 *)(void *)i->ifa_addr)->sin6_addr, 16);
		} else {
			continue;
		}
		if (!flow_own_has(&s->own, &a)) {
			flow_own_add(&s->mine, &a);
			note_mine(&s->own_told, &a);
		}
		flow_own_add(&s->own, &a);
	}
	freeifaddrs(list);
}

/*
 * The configured addresses of both nodes, and whatever else both machines have. What is local here
 * must be local there, or the tables could never be alike.
 */
void
own_refresh(struct statesync *s)
{
	static struct own_told before;
	struct own_told *t = &s->own_told;

	before = *t;
	memset(t->mine, 0, sizeof(t->mine));
	t->n_mine = 0;
	read_addresses(s);
	for (unsigned i = 0; i < t->n_theirs; i++)
		flow_own_add(&s->own, &t->theirs[i]);
	if (memcmp(before.mine, t->mine, sizeof(t->mine)) == 0)
		return;
	own_tell(s);
	comparing_reset(s, loop_now());
}

void
own_tell(struct statesync *s)
{
	s->own_told.next = 0;
	s->own_told.due = true;
}

void
own_put(struct statesync *s, struct instant now)
{
	struct own_told *t = &s->own_told;
	struct sync_record rec = {.kind = SYNC_CONTROL, .control.type = SYNC_OWN};

	while (t->due && s->duty.session) {
		struct wr w = wr_init(rec.bytes, sizeof(rec.bytes));
		unsigned n = 0;

		for (; n < SYNC_OWN_COUNT && t->next + n < t->n_mine; n++) {
			wr_u8(&w, t->mine[t->next + n].family);
			wr_bytes(&w, t->mine[t->next + n].b, sizeof(t->mine[0].b));
		}
		rec.control.id = t->next;
		rec.control.count = n;
		if (!stream_put_control(&s->stream, &rec, now))
			return;
		t->next += n;
		t->due = t->next < t->n_mine;
		stream_flush(&s->stream, true);
	}
}

void
own_take(struct statesync *s, const struct sync_record *rec)
{
	struct own_told *t = &s->own_told;
	struct rd r = rd_init(rec->bytes, sizeof(rec->bytes));

	if (rec->control.id == 0)
		t->n_theirs = 0;
	for (unsigned i = 0; i < rec->control.count && t->n_theirs < OWN_TOLD_MAX; i++) {
		struct ip_addr a = {.family = rd_u8(&r)};

		rd_bytes(&r, a.b, sizeof(a.b));
		if ((a.family == 4 || a.family == 6) && !flow_addr_stays(&a))
			t->theirs[t->n_theirs++] = a;
	}
	own_refresh(s);
	comparing_reset(s, loop_now());
}

/* Some address came or went: which one does not matter. */
static void
on_change(struct loop_fd *f, uint32_t events)
{
	uint8_t buf[8192];

	(void)events;
	while (recv(f->fd, buf, sizeof(buf), MSG_DONTWAIT) > 0 || errno == ENOBUFS)
		;
	own_refresh(f->arg);
}

void
own_init(struct statesync *s)
{
	struct sockaddr_nl sa = {
		.nl_family = AF_NETLINK, .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	s->addresses = (struct loop_fd){.fd = -1, .fn = on_change, .arg = s};
	if (fd >= 0 && (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
			       loop_add_fd(&s->loop, &s->addresses, fd, EPOLLIN) < 0))
		close(fd);
	own_refresh(s);
}
