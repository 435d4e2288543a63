/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The engine's wires: one packet socket a port, links as they come and go. */
#include <string.h>
#include <time.h>
#include "daemon/engine/engine.h"

#define FLOOD_TOLD_NS (60 * NS_PER_S)

static struct instant
realtime_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (struct instant){ts.tv_sec * NS_PER_S + ts.tv_nsec};
}

/*
 * Kernel stamps are wall clock, which may be stepped: the age is only believed between nothing and
 * the time since this process last looked.
 */
static int64_t
frame_age(
	const struct engine *e, struct instant stamp, struct instant wall, struct instant last_look)
{
	int64_t age = stamp.ns ? instant_sub(wall, stamp) : 0,
		most = instant_sub(e->now, last_look);

	if (age > most)
		age = most;
	return age < 0 ? 0 : age;
}

static uint64_t
mac_number(const uint8_t mac[6])
{
	uint64_t v = 0;

	for (unsigned i = 0; i < 6; i++)
		v = v << 8 | mac[i];
	return v;
}

/* At most one a minute of each port. */
static void
note_flood(struct engine *e, uint16_t port)
{
	struct engine_port *p = &e->ports[port];
	struct note n = {.id = NOTE_FLOOD, .at = e->now, .arg = {port}};

	if (p->flood_told.ns && instant_sub(e->now, p->flood_told) < FLOOD_TOLD_NS)
		return;
	p->flood_told = e->now;
	notering_put(&e->page->notes, &n);
}

/* One turn: as many frames as the budget has for this port now. */
static void
read_slice(struct engine *e, uint16_t port)
{
	struct engine_port *p = &e->ports[port];
	struct packet_in in[PACKET_BATCH];
	struct instant last_look = p->looked;
	unsigned left = budget_slice(&e->budget, port);

	if (!left) {
		p->asleep = true;
		note_flood(e, port);
		atomic_fetch_add_explicit(&e->page->flooded, 1, memory_order_relaxed);
		loop_mod_fd(&e->loop, &p->fd, 0);
		return;
	}
	while (left > 0) {
		unsigned want = left < PACKET_BATCH ? left : PACKET_BATCH;
		int n = packet_recv(&p->sock, in, want);
		struct instant wall;

		p->looked = loop_now();
		if (n <= 0)
			return; /* empty, or down: the link watch will tell */
		e->now = p->looked;
		wall = realtime_now();
		for (int i = 0; i < n; i++) {
			struct event ev = {.kind = EV_FRAME,
				.frame = {.port = port,
					.data = in[i].data,
					.len = in[i].len,
					.source = mac_number(in[i].source),
					.age_ns = frame_age(e, in[i].stamp, wall, last_look)}};

			engine_step(e, &ev);
		}
		budget_spend(&e->budget, port, (unsigned)n);
		left -= (unsigned)n;
		if ((unsigned)n < want)
			return;
	}
}

/* Read after the round, in the order of the budget. */
static void
on_frames(struct loop_fd *f, uint32_t events)
{
	struct engine_port *p = f->arg;

	(void)events;
	p->readable = true;
}

void
engine_wire_read(struct engine *e, bool all)
{
	uint16_t i;

	budget_round(&e->budget);
	while (budget_next(&e->budget, &i)) {
		struct engine_port *p = &e->ports[i];

		if (p->sock.fd < 0 || p->asleep || !(all || p->readable))
			continue;
		p->readable = false; /* when there is more, epoll says so again */
		read_slice(e, i);
	}
}

void
engine_wire_window(struct engine *e)
{
	if (instant_sub(e->now, e->window) < BUDGET_WINDOW_NS)
		return;
	e->window = e->now;
	budget_window(&e->budget);
	for (unsigned i = 0; i < e->conf.n_ports; i++) {
		struct engine_port *p = &e->ports[i];

		if (!p->asleep)
			continue;
		atomic_fetch_add_explicit(
			&e->page->flood_dropped, packet_drops(&p->sock), memory_order_relaxed);
		p->asleep = false;
		loop_mod_fd(&e->loop, &p->fd, EPOLLIN);
	}
}

static void
close_port(struct engine *e, struct engine_port *p)
{
	if (p->sock.fd >= 0) {
		loop_del_fd(&e->loop, &p->fd);
		engine_ask_close(e, p->sock.fd);
		p->sock.fd = -1;
	}
	p->asked = INSTANT_ZERO;
	p->asleep = p->readable = false;
}

bool
engine_wire_wants(const struct engine *e, uint16_t port, struct ipc_open *out)
{
	const struct ha_port *c = &e->conf.ports[port];
	struct conf_ha ha = {
		.cluster_id = e->conf.cluster_id, .unique_shared_mac = e->conf.unique_shared_mac};

	if (port >= e->conf.n_ports || !e->conf.enabled || !c->heartbeats ||
		!e->ports[port].ifindex)
		return false;
	*out = (struct ipc_open){.index = c->index,
		.ifindex = (uint32_t)e->ports[port].ifindex,
		.ethertype = e->conf.ethertype};
	conf_shared_mac(&ha, c->index, true, out->group);
	return true;
}

static void
open_port(struct engine *e, uint16_t i)
{
	close_port(e, &e->ports[i]);
	engine_ask_open(e, i);
}

/* Nothing in it can be older than the question for it. */
void
engine_wire_adopt(struct engine *e, uint16_t port, const struct packet_sock *sock)
{
	struct engine_port *p = &e->ports[port];
	struct instant asked = p->asked;

	close_port(e, p);
	p->fd.fn = on_frames;
	p->fd.arg = p;
	p->looked = asked.ns ? asked : e->now;
	if (loop_add_fd(&e->loop, &p->fd, sock->fd, EPOLLIN) < 0)
		engine_ask_close(e, sock->fd);
	else
		p->sock = *sock;
}

/*
 * A NIC counts as soon as it is listened to: a node that has a carrier and hears nothing may think
 * itself alone.
 */
void
engine_wire_tell(struct engine *e, uint16_t i)
{
	struct aggregate_count members = engine_members_of(e, i);
	bool there = e->ports[i].ifindex != 0 && !e->ports[i].asked.ns;
	struct event ev = {.kind = EV_LINK,
		.link = {.port = i,
			.present = there,
			.carrier = there && e->ports[i].carrier,
			.ready = e->conf.ports[i].sync || e->ports[i].tw_up,
			.members = members.members,
			.members_up = members.up}};

	e->ports[i].members = members;
	engine_step(e, &ev);
}

static void
nic_changed(struct engine *e, uint16_t i, const struct link_event *ev)
{
	struct engine_port *p = &e->ports[i];

	p->seen = true;
	p->missed = false;
	p->carrier = ev->carrier;
	p->vlan_of = ev->vlan_of;
	if (p->ifindex != ev->ifindex || (p->sock.fd < 0 && !p->asked.ns)) {
		p->ifindex = ev->ifindex;
		open_port(e, i);
	}
	engine_wire_tell(e, i);
}

static void
nic_gone(struct engine *e, uint16_t i)
{
	struct engine_port *p = &e->ports[i];

	p->ifindex = p->vlan_of = 0;
	p->carrier = false;
	p->missed = true;
	close_port(e, p);
	engine_wire_tell(e, i);
}

/* After a whole look at all links. What was never there is no change that the core could tell. */
static void
nic_not_seen(struct engine *e, uint16_t i)
{
	struct engine_port *p = &e->ports[i];
	struct note n = {.id = NOTE_LINK_MISSING, .at = e->now, .arg = {i, i}};

	if (p->ifindex) {
		nic_gone(e, i);
	} else if (!p->missed) {
		p->missed = true;
		notering_put(&e->page->notes, &n);
	}
}

/* Without its tw-* an interface serves nobody, whatever its NIC says. */
static void
tw_changed(struct engine *e, uint16_t i, int ifindex, bool up)
{
	struct engine_port *p = &e->ports[i];

	p->tw_ifindex = ifindex;
	p->tw_seen = ifindex != 0;
	if (p->tw_up == up)
		return;
	p->tw_up = up;
	engine_wire_tell(e, i);
}

/* Events are matched by name when they tell of a link, by number when one is gone or was renamed.
 */
void
engine_wire_link(void *engine, const struct link_event *ev)
{
	struct engine *e = engine;

	engine_members_link(e, ev);
	for (uint16_t i = 0; i < e->conf.n_ports; i++) {
		struct engine_port *p = &e->ports[i];
		bool nic = strcmp(ev->name, e->conf.ports[i].dev) == 0;
		bool tw = strncmp(ev->name, "tw-", 3) == 0 &&
			  strcmp(ev->name + 3, e->conf.ports[i].name) == 0;

		switch (ev->kind) {
		case LINK_CHANGED:
			if (nic)
				nic_changed(e, i, ev);
			else if (p->ifindex == ev->ifindex)
				nic_gone(e, i);
			if (tw)
				tw_changed(e, i, ev->ifindex, ev->up);
			break;
		case LINK_GONE:
			if (p->ifindex == ev->ifindex)
				nic_gone(e, i);
			if (p->tw_ifindex == ev->ifindex)
				tw_changed(e, i, 0, false);
			break;
		case LINK_DUMP_BEGINS:
			p->seen = p->tw_seen = false;
			break;
		case LINK_DUMP_ENDS:
			if (!p->seen)
				nic_not_seen(e, i);
			if (!p->tw_seen && p->tw_ifindex)
				tw_changed(e, i, 0, false);
			break;
		}
	}
}

void
engine_wire_init(struct engine *e)
{
	for (unsigned i = 0; i < IFACES_MAX; i++)
		e->ports[i] =
			(struct engine_port){.engine = e, .sock = {.fd = -1}, .fd = {.fd = -1}};
	engine_members_init(e);
	engine_ask_init(e);
}

static bool
same_port(const struct ha_port *a, const struct ha_port *b)
{
	return a->index == b->index && strcmp(a->dev, b->dev) == 0 && strcmp(a->name, b->name) == 0;
}

/* What was known of the port under its old number. */
static void
remember_port(struct engine_port *p, const struct ha_port *c, const struct ha_conf *old,
	const struct engine_port *before)
{
	for (unsigned j = 0; j < old->n_ports; j++) {
		if (!same_port(c, &old->ports[j]))
			continue;
		p->ifindex = before[j].ifindex;
		p->tw_ifindex = before[j].tw_ifindex;
		p->vlan_of = before[j].vlan_of;
		p->carrier = before[j].carrier;
		p->tw_up = before[j].tw_up;
		p->missed = before[j].missed;
	}
}

/*
 * Ports that stay keep their socket and what is known of their links: a configuration that changes
 * something else must not look like a cable that was pulled.
 */
void
engine_wire_configure(struct engine *e, const struct ha_conf *old)
{
	static struct engine_port before[IFACES_MAX];
	static bool sync[IFACES_MAX];
	const struct ha_conf *new = &e->conf;
	struct conf_ha ha = {
		.cluster_id = new->cluster_id, .unique_shared_mac = new->unique_shared_mac};
	bool same_wire = old->enabled == new->enabled && old->ethertype == new->ethertype &&
			 old->cluster_id == new->cluster_id;

	for (unsigned i = 0; i < new->n_ports; i++)
		sync[i] = new->ports[i].sync;
	budget_ports(&e->budget, new->n_ports, sync);
	memcpy(before, e->ports, sizeof(before));
	for (uint16_t i = 0; i < IFACES_MAX; i++) {
		struct engine_port *p = &e->ports[i];
		bool kept =
			i < old->n_ports &&
			i < new->n_ports &&same_wire &&same_port(&new->ports[i], &old->ports[i]) &&
			new->ports[i].heartbeats == old->ports[i].heartbeats;

		if (i < new->n_ports)
			conf_shared_mac(&ha, new->ports[i].index, false, p->shared_mac);
		if (kept)
			continue;
		close_port(e, p);
		p->ifindex = p->tw_ifindex = p->vlan_of = 0;
		p->carrier = p->tw_up = p->missed = false;
		if (i < new->n_ports) {
			remember_port(p, &new->ports[i], old, before);
			open_port(e, i);
		}
	}
}
