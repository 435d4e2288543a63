/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A peer that speaks another EtherType is heard by nobody else: while the peer is not alive, the
 * sync interfaces are listened to for it. They are read once a second: what came meanwhile waits
 * in a small buffer, and a flood costs no more than that. While the peer is alive there is no
 * socket at all. As long as there is one the NIC takes all multicast: a peer with another ClusterID
 * speaks to another group, and the engine's socket hears it, too.
 */
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>
#include "daemon/config/config.h"
#include "sys/stranger.h"

#define LOOK_NS       NS_PER_S
#define READ_MAX      64                /* frames in one look: more than the socket keeps */
#define SHOWN_NS      (5 * NS_PER_S)    /* without another frame the alarm ends */
#define OVER_NS       (60 * NS_PER_S)   /* a frame after so long a pause is news */
#define TOLD_AGAIN_NS (3600 * NS_PER_S) /* what goes on is told again */

static void
wire_close(struct config *c, struct stranger_wire *w)
{
	int fd = w->fd.fd;

	if (fd < 0)
		return;
	loop_del_fd(&c->loop, &w->fd);
	close(fd);
	w->fd.fd = -1;
}

static struct stranger_wire *
wire_of(struct config *c, const struct loop_fd *f)
{
	struct stranger_wire *w = c->strangers.wires;

	while (&w->fd != f)
		w++;
	return w;
}

static void
wire_ready(struct loop_fd *f, uint32_t events)
{
	struct config *c = f->arg;
	struct stranger_wire *w = wire_of(c, f);
	struct instant now = loop_now();
	int ethertype = 0, r = 0;
	bool begins = !w->seen.ns || instant_sub(now, w->seen) >= OVER_NS;

	(void)events;
	for (unsigned i = 0; i < READ_MAX && (r = stranger_read(f->fd)) > 0; i++)
		ethertype = r;
	if (r < 0)
		wire_close(c, w); /* the next look opens it anew */
	else
		loop_mod_fd(&c->loop, f, 0); /* until the next look */
	if (!ethertype)
		return;
	w->ethertype = (uint16_t)ethertype;
	w->seen = now;
	if (!begins && instant_sub(now, w->told) < TOLD_AGAIN_NS)
		return;
	w->told = now;
	eventlog_add(&c->log, NOTE_ETHERTYPE_DIFFERS, ARG(w->iface), ARG(w->ethertype),
		ARG(c->rev.ha.ethertype));
}

/* Anew when the NIC is another one by now. One that is missing or down is told elsewhere. */
static void
wire_watch(struct config *c, struct stranger_wire *w, const struct ha_port *p)
{
	int ifindex = (int)if_nametoindex(p->dev), fd;
	uint8_t group[6];

	if (w->fd.fd >= 0 && ifindex == w->ifindex) {
		loop_mod_fd(&c->loop, &w->fd, EPOLLIN);
		return;
	}
	wire_close(c, w);
	if (!ifindex)
		return;
	w->ifindex = ifindex;
	memcpy(w->iface, p->name, sizeof(w->iface));
	conf_shared_mac(&c->rev.model->ha, p->index, true, group);
	fd = stranger_open(ifindex, group, c->rev.ha.ethertype);
	if (fd < 0)
		return;
	w->fd.fn = wire_ready;
	w->fd.arg = c;
	if (loop_add_fd(&c->loop, &w->fd, fd, EPOLLIN) < 0) {
		close(fd);
		w->fd.fd = -1;
	}
}

static bool
peer_is_missed(const struct config *c)
{
	struct node_status s;

	return c->in_force && c->rev.ha.enabled && pages_node_status(c, &s) && s.configured &&
	       s.peer != PEER_ALIVE;
}

static void
strangers_look(struct loop_timer *t, struct instant now)
{
	struct config *c = t->arg;
	struct strangers *st = &c->strangers;
	bool missed = peer_is_missed(c);
	unsigned n = 0;

	for (unsigned i = 0; missed && i < c->rev.ha.n_ports && n < SYNC_IFACES_MAX; i++)
		if (c->rev.ha.ports[i].sync)
			wire_watch(c, &st->wires[n++], &c->rev.ha.ports[i]);
	for (unsigned i = 0; !missed && i < SYNC_IFACES_MAX; i++) {
		wire_close(c, &st->wires[i]);
		st->wires[i].seen = INSTANT_ZERO;
	}
	loop_timer(&c->loop, t, instant_add(now, LOOK_NS));
}

void
strangers_open(struct config *c)
{
	struct strangers *st = &c->strangers;

	memset(st, 0, sizeof(*st));
	for (unsigned i = 0; i < SYNC_IFACES_MAX; i++)
		st->wires[i].fd.fd = -1;
	st->timer.fn = strangers_look;
	st->timer.arg = c;
	loop_timer(&c->loop, &st->timer, instant_add(loop_now(), LOOK_NS));
}

void
strangers_close(struct config *c)
{
	loop_timer_stop(&c->loop, &c->strangers.timer);
	for (unsigned i = 0; i < SYNC_IFACES_MAX; i++)
		wire_close(c, &c->strangers.wires[i]);
}

bool
stranger_shown(const struct stranger_wire *w, struct instant now)
{
	return w->seen.ns > 0 && instant_sub(now, w->seen) < SHOWN_NS;
}
