/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The engine's wires: one packet socket a port, links as they come and go. */
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <time.h>
#include "core/hb/frame.h"
#include "daemon/engine/engine.h"
#include "sys/ipcsock.h"

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

static void
read_port(struct engine *e, uint16_t port)
{
	struct engine_port *p = &e->ports[port];
	struct packet_in in[PACKET_BATCH];
	struct instant last_look = p->looked;

	while (p->budget > 0) {
		unsigned want = p->budget < PACKET_BATCH ? p->budget : PACKET_BATCH;
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
					.age_ns = frame_age(e, in[i].stamp, wall, last_look)}};

			engine_step(e, &ev);
		}
		p->budget -= (unsigned)n;
		if ((unsigned)n < want)
			return;
	}
	if (!p->asleep) {
		p->asleep = true;
		atomic_fetch_add_explicit(&e->page->flooded, 1, memory_order_relaxed);
		loop_mod_fd(&e->loop, &p->fd, 0);
	}
}

static void
on_frames(struct loop_fd *f, uint32_t events)
{
	struct engine_port *p = f->arg;

	(void)events;
	read_port(p->engine, (uint16_t)(p - p->engine->ports));
}

void
engine_wire_poll(struct engine *e)
{
	for (uint16_t i = 0; i < e->conf.n_ports; i++)
		if (e->ports[i].sock.fd >= 0 && !e->ports[i].asleep)
			read_port(e, i);
}

void
engine_wire_window(struct engine *e)
{
	if (instant_sub(e->now, e->window) < ENGINE_BUDGET_NS)
		return;
	e->window = e->now;
	for (unsigned i = 0; i < e->conf.n_ports; i++) {
		struct engine_port *p = &e->ports[i];

		p->budget = ENGINE_BUDGET;
		if (p->asleep) {
			atomic_fetch_add_explicit(&e->page->flood_dropped, packet_drops(&p->sock),
				memory_order_relaxed);
			p->asleep = false;
			loop_mod_fd(&e->loop, &p->fd, EPOLLIN);
		}
	}
}

/*
 * The last close of a packet socket waits in the kernel until every processor has let go of it,
 * tens of milliseconds at worst. Config has the time. Without it this process waits.
 */
static void
let_config_close(struct engine *e, int fd)
{
	uint8_t msg[16];

	if (e->links[PROC_CONFIG].fd >= 0)
		ipcsock_send(e->links[PROC_CONFIG].fd, msg,
			ipc_encode_plain(IPC_CLOSE, msg, sizeof(msg)), &fd, 1);
}

static void
close_port(struct engine *e, struct engine_port *p)
{
	if (p->sock.fd >= 0) {
		loop_del_fd(&e->loop, &p->fd);
		let_config_close(e, p->sock.fd);
		packet_close(&p->sock);
	}
	p->asleep = false;
}

static void
open_port(struct engine *e, uint16_t i)
{
	struct engine_port *p = &e->ports[i];
	struct ha_port *c = &e->conf.ports[i];
	struct conf_ha ha = {
		.cluster_id = e->conf.cluster_id, .unique_shared_mac = e->conf.unique_shared_mac};
	uint8_t group[6];

	close_port(e, p);
	if (!e->conf.enabled || !c->heartbeats || !p->ifindex)
		return;
	conf_shared_mac(&ha, c->index, true, group);
	if (packet_open(&p->sock, p->ifindex, e->conf.ethertype, group, 0, FRAME_SYNC_HELLO - 1,
		    ENGINE_RCVBUF))
		return; /* the NIC went away this very moment: the link watch will tell */
	p->fd.fn = on_frames;
	p->fd.arg = p;
	p->budget = ENGINE_BUDGET;
	p->looked = e->now;
	if (loop_add_fd(&e->loop, &p->fd, p->sock.fd, EPOLLIN) < 0)
		packet_close(&p->sock);
}

void
engine_wire_tell(struct engine *e, uint16_t i)
{
	struct aggregate_count members = engine_members_of(e, i);
	struct event ev = {.kind = EV_LINK,
		.link = {.port = i,
			.present = e->ports[i].ifindex != 0,
			.carrier = e->ports[i].carrier,
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
	p->carrier = ev->carrier;
	p->vlan_of = ev->vlan_of;
	if (p->ifindex != ev->ifindex || p->sock.fd < 0) {
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
	close_port(e, p);
	engine_wire_tell(e, i);
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
static void
on_link(void *ctx, const struct link_event *ev)
{
	struct engine *e = ctx;

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
			if (!p->seen && p->ifindex)
				nic_gone(e, i);
			if (!p->tw_seen && p->tw_ifindex)
				tw_changed(e, i, 0, false);
			break;
		}
	}
}

static void
on_linkwatch(struct loop_fd *f, uint32_t events)
{
	struct engine *e = f->arg;

	(void)events;
	e->now = loop_now();
	if (linkwatch_read(&e->linkwatch, on_link, e) < 0)
		engine_wire_watch(e);
}

int
engine_wire_watch(struct engine *e)
{
	int r;

	if (e->linkwatch_fd.fd >= 0) {
		loop_del_fd(&e->loop, &e->linkwatch_fd);
		linkwatch_close(&e->linkwatch);
	}
	r = linkwatch_open(&e->linkwatch);
	if (r < 0)
		return r;
	e->linkwatch_fd.fn = on_linkwatch;
	e->linkwatch_fd.arg = e;
	return loop_add_fd(&e->loop, &e->linkwatch_fd, e->linkwatch.fd, EPOLLIN);
}

void
engine_wire_init(struct engine *e)
{
	for (unsigned i = 0; i < IFACES_MAX; i++)
		e->ports[i] = (struct engine_port){
			.engine = e, .sock = {.fd = -1}, .fd = {.fd = -1}, .budget = ENGINE_BUDGET};
	e->linkwatch_fd.fd = -1;
	engine_members_init(e);
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
	const struct ha_conf *new = &e->conf;
	struct conf_ha ha = {
		.cluster_id = new->cluster_id, .unique_shared_mac = new->unique_shared_mac};
	bool same_wire = old->enabled == new->enabled && old->ethertype == new->ethertype &&
			 old->cluster_id == new->cluster_id;

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
		p->carrier = p->tw_up = false;
		if (i < new->n_ports) {
			remember_port(p, &new->ports[i], old, before);
			open_port(e, i);
		}
	}
}
