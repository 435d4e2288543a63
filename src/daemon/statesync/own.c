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

/* The configured addresses of both nodes, and whatever else this machine has. */
void
own_refresh(struct statesync *s)
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
		if (!flow_own_has(&s->own, &a))
			flow_own_add(&s->mine, &a);
		flow_own_add(&s->own, &a);
	}
	freeifaddrs(list);
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
