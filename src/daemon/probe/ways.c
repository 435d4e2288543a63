/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ways to ask: for each interface and family from which address, by which device. Looked at again
 * ten times a second, since addresses come with the configuration and the gate opens and closes.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "daemon/probe/probe.h"
#include "sys/announce.h"
#include "sys/reach.h"

static void
close_fd(struct probe *p, struct loop_fd *f)
{
	int fd = f->fd;

	if (fd < 0)
		return;
	loop_del_fd(&p->loop, f);
	close(fd);
	f->fd = -1;
}

static void
close_way(struct way *w)
{
	close_fd(w->probe, &w->link);
	close_fd(w->probe, &w->echo);
	w->kind = WAY_NONE;
}

static void
read_link(struct way *w, struct instant now)
{
	uint8_t buf[256];
	struct ip_addr from;

	for (unsigned i = 0; i < PROBE_BUDGET; i++) {
		int n = reach_recv(w->link.fd, buf, sizeof(buf), &from);

		if (n < 0)
			return;
		if (!(w->family == 4 ? reach_parse_arp(buf, (size_t)n, w->mac, &from)
				     : reach_parse_na(buf, (size_t)n, &from)) ||
			!monitors_link(w->probe, w, &from, now))
			w->probe->status.refused++;
	}
}

static void
read_echo(struct way *w, struct instant now)
{
	uint8_t buf[256];
	struct reach_token token;
	struct ip_addr from;

	for (unsigned i = 0; i < PROBE_BUDGET; i++) {
		int n = reach_recv(w->echo.fd, buf, sizeof(buf), &from);

		if (n == -EAGAIN)
			return;
		if (n < 0)
			continue; /* what an ICMP error left behind */
		if (!reach_parse_echo(w->family, buf, (size_t)n, w->probe->echo_id, &token) ||
			!monitors_echo(w->probe, w, &from, &token, now))
			w->probe->status.refused++;
	}
}

static void
on_link(struct loop_fd *f, uint32_t events)
{
	(void)events;
	read_link(f->arg, loop_now());
}

static void
on_echo(struct loop_fd *f, uint32_t events)
{
	(void)events;
	read_echo(f->arg, loop_now());
}

void
ways_configure(struct probe *p)
{
	memset(p->ways, 0, sizeof(p->ways));
	for (unsigned i = 0; i < MONITOR_PORTS_MAX; i++) {
		for (unsigned f = 0; f < 2; f++) {
			struct way *w = &p->ways[i][f];

			w->probe = p;
			w->port = &p->conf.ports[i];
			w->family = f ? 6 : 4;
			w->link.fd = w->echo.fd = -1;
			w->link.fn = on_link;
			w->echo.fn = on_echo;
			w->link.arg = w->echo.arg = w;
		}
	}
	for (unsigned i = 0; i < p->conf.n_monitors; i++) {
		const struct probe_monitor *m = &p->conf.monitors[i];

		for (unsigned h = 0; h < m->n_hosts; h++) {
			struct way *w = &p->ways[m->hosts[h].port][m->hosts[h].addr.family == 6];

			w->use_link |= m->hosts[h].on_link;
			w->use_echo |= !m->hosts[h].on_link;
		}
	}
}

void
ways_close(struct probe *p)
{
	for (unsigned i = 0; i < p->conf.n_ports; i++)
		for (unsigned f = 0; f < 2; f++)
			close_way(&p->ways[i][f]);
}

/* This node is the active one; not while it drains: its frames leave with another MAC then. */
static bool
gate_open(const struct engine_page *page, struct instant now)
{
	int64_t open = atomic_load_explicit(&page->open_until, memory_order_acquire);
	int64_t drain = atomic_load_explicit(&page->drain_until, memory_order_relaxed);

	return now.ns < open && now.ns >= drain;
}

/* What `w` should be now, all but its sockets. */
static struct way
wanted(const struct way *w, bool open)
{
	unsigned f = w->family == 6;
	struct way x = {.kind = WAY_NONE};

	if (!w->use_link && !w->use_echo)
		return x;
	if (w->port->own[f].family) {
		x.kind = WAY_OWN;
		x.src = w->port->own[f];
	} else if (open && w->port->shared[f].family) {
		x.kind = WAY_SHARED;
		x.src = w->port->shared[f];
	} else if (w->use_link) {
		x.kind = WAY_BARE;
	}
	if (x.kind == WAY_SHARED)
		snprintf(x.dev, sizeof(x.dev), "tw-%s", w->port->name);
	else
		snprintf(x.dev, sizeof(x.dev), "%s", w->port->dev);
	if (x.kind != WAY_NONE && announce_nic(w->probe->nic_fd, x.dev, &x.ifindex, x.mac) < 0)
		x.kind = WAY_NONE; /* no such device now */
	return x;
}

static bool
same_way(const struct way *a, const struct way *b)
{
	return a->kind == b->kind && a->ifindex == b->ifindex && ip_equal(&a->src, &b->src) &&
	       memcmp(a->mac, b->mac, 6) == 0;
}

static bool
add_socket(struct way *w, struct loop_fd *f, int fd)
{
	if (fd < 0)
		return false;
	if (loop_add_fd(&w->probe->loop, f, fd, EPOLLIN) == 0)
		return true;
	close(fd);
	return false;
}

/* A socket that cannot be opened, say since the address is not there yet, is tried again. */
static void
open_missing(struct way *w)
{
	if (w->kind == WAY_NONE)
		return;
	if (w->use_link && w->link.fd < 0)
		add_socket(w, &w->link, reach_open_link(w->family, w->ifindex));
	if (w->use_echo && w->kind != WAY_BARE && w->echo.fd < 0)
		add_socket(w, &w->echo,
			reach_open_echo(w->family, w->dev, &w->src, w->probe->echo_id));
}

static void
tell_hosts(struct probe *p, const bool changed[MONITOR_PORTS_MAX][2], struct instant now)
{
	for (unsigned i = 0; i < p->conf.n_monitors; i++) {
		const struct probe_monitor *m = &p->conf.monitors[i];

		for (unsigned h = 0; h < m->n_hosts; h++) {
			unsigned f = m->hosts[h].addr.family == 6;
			const struct way *w = &p->ways[m->hosts[h].port][f];
			int fd = m->hosts[h].on_link ? w->link.fd : w->echo.fd;

			monitor_set_way(
				&p->monitors[i], h, fd >= 0, changed[m->hosts[h].port][f], now);
		}
	}
}

void
ways_look(struct probe *p, struct instant now)
{
	bool changed[MONITOR_PORTS_MAX][2] = {{false}}, open = gate_open(p->engine, now);

	for (unsigned i = 0; i < p->conf.n_ports; i++) {
		for (unsigned f = 0; f < 2; f++) {
			struct way *w = &p->ways[i][f], want = wanted(w, open);

			if (!same_way(w, &want)) {
				close_way(w);
				w->kind = want.kind;
				w->ifindex = want.ifindex;
				w->src = want.src;
				memcpy(w->mac, want.mac, 6);
				memcpy(w->dev, want.dev, sizeof(w->dev));
				changed[i][f] = true;
			}
			open_missing(w);
		}
	}
	tell_hosts(p, changed, now);
}

int
way_ask(struct way *w, const struct probe_host *h, const struct reach_token *t)
{
	uint8_t buf[REACH_FRAME_MAX];
	size_t len;
	int r;

	if (!h->on_link) {
		len = reach_build_echo(w->family, w->probe->echo_id, t, buf);
		return reach_send_echo(w->echo.fd, &h->addr, buf, len);
	}
	len = w->family == 4 ? reach_build_arp(w->mac, &w->src, &h->addr, buf)
			     : reach_build_ns(w->mac, &w->src, &h->addr, buf);
	r = reach_send_link(w->link.fd, w->ifindex, &h->addr, buf, len);
	/* a device that was down leaves its error behind on the socket; the next try is honest */
	return r == -ENETDOWN ? reach_send_link(w->link.fd, w->ifindex, &h->addr, buf, len) : r;
}
