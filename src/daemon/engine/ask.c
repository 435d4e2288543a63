/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What may wait in the kernel, config does for the engine. Joining a group on a NIC and a dump of
 * all links take the lock over all network devices, which somebody else may hold for tens of
 * milliseconds just when a NIC appears; the last close of a packet socket waits until every
 * processor has let go of it. Config has the time: descriptors go to and fro.
 *
 * Where config is not there or does not answer for a second, the engine helps itself and waits.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "core/hb/frame.h"
#include "daemon/engine/engine.h"
#include "sys/ipcsock.h"

void
engine_ask_init(struct engine *e)
{
	e->linkwatch.fd = e->linkwatch_fd.fd = -1;
}

static bool
ask(struct engine *e, const uint8_t *msg, size_t len, const int *fd)
{
	return e->links.peer[PROC_CONFIG].fd >= 0 &&
	       ipcsock_send(e->links.peer[PROC_CONFIG].fd, msg, len, fd, fd != NULL) == 0;
}

void
engine_ask_close(struct engine *e, int fd)
{
	uint8_t msg[16];

	ask(e, msg, ipc_encode_plain(IPC_CLOSE, msg, sizeof(msg)), &fd);
	close(fd);
}

/* Without config's help. */
static void
open_here(struct engine *e, uint16_t port, const struct ipc_open *m)
{
	struct packet_sock sock;

	e->ports[port].asked = INSTANT_ZERO;
	if (packet_open(&sock, (int)m->ifindex, m->ethertype, m->group, 0, FRAME_SYNC_HELLO - 1,
		    ENGINE_RCVBUF) == 0)
		engine_wire_adopt(e, port, &sock);
	/* else the NIC went away this very moment: the link watch will tell */
}

void
engine_ask_open(struct engine *e, uint16_t port)
{
	struct ipc_open m;
	uint8_t msg[64];

	if (!engine_wire_wants(e, port, &m))
		return;
	if (ask(e, msg, ipc_encode_open(IPC_OPEN, &m, msg, sizeof(msg)), NULL))
		e->ports[port].asked = e->now;
	else
		open_here(e, port, &m);
}

/* The port that waits for this socket, or n_ports. */
static uint16_t
waiting_for(const struct engine *e, const struct ipc_open *m)
{
	uint16_t i;

	for (i = 0; i < e->conf.n_ports; i++) {
		struct ipc_open want;

		if (e->ports[i].asked.ns && engine_wire_wants(e, i, &want) &&
			want.index == m->index && want.ifindex == m->ifindex &&
			want.ethertype == m->ethertype &&
			memcmp(want.group, m->group, sizeof(m->group)) == 0)
			break;
	}
	return i;
}

void
engine_take_opened(struct engine *e, const uint8_t *msg, size_t len, int fd)
{
	struct packet_sock sock = {.fd = fd};
	struct ipc_open m;
	uint16_t port = ipc_decode_open(msg, len, &m) ? waiting_for(e, &m) : e->conf.n_ports;

	if (port < e->conf.n_ports && fd >= 0) {
		sock.ifindex = (int)m.ifindex;
		sock.ethertype = m.ethertype;
		memcpy(sock.group, m.group, sizeof(sock.group));
		engine_wire_adopt(e, port, &sock);
		engine_wire_tell(e, port);
	} else if (port < e->conf.n_ports) {
		/* the NIC went away this very moment: the link watch will tell */
		e->ports[port].asked = INSTANT_ZERO;
		engine_wire_tell(e, port);
	} else if (fd >= 0) {
		engine_ask_close(e, fd); /* an answer to an earlier question */
	}
}

static void
on_linkwatch(struct loop_fd *f, uint32_t events)
{
	struct engine *e = f->arg;
	int r;

	(void)events;
	e->now = loop_now();
	r = linkwatch_read(&e->linkwatch, engine_wire_link, e);
	if (r < 0 && r != -ENOBUFS) {
		loop_del_fd(&e->loop, f);
		linkwatch_close(&e->linkwatch);
	}
	if (r < 0 && !e->links_asked.ns)
		engine_ask_links(e); /* news were lost */
}

static void
watch_links(struct engine *e)
{
	e->linkwatch_fd.fn = on_linkwatch;
	e->linkwatch_fd.arg = e;
	if (loop_add_fd(&e->loop, &e->linkwatch_fd, e->linkwatch.fd, EPOLLIN) < 0)
		linkwatch_close(&e->linkwatch);
}

/* Without config's help. */
static void
look_here(struct engine *e)
{
	e->links_asked = INSTANT_ZERO;
	loop_del_fd(&e->loop, &e->linkwatch_fd);
	linkwatch_close(&e->linkwatch);
	if (linkwatch_open(&e->linkwatch) == 0)
		watch_links(e);
}

void
engine_ask_links(struct engine *e)
{
	uint8_t msg[16];

	if (ask(e, msg, ipc_encode_plain(IPC_LOOK, msg, sizeof(msg)), NULL))
		e->links_asked = e->now;
	else
		look_here(e);
}

void
engine_take_links(struct engine *e, const uint8_t *msg, size_t len, int fd)
{
	static const struct link_event begins = {.kind = LINK_DUMP_BEGINS},
				       ends = {.kind = LINK_DUMP_ENDS};
	struct ipc_links m;

	if (!ipc_decode_links(msg, len, &m) || (m.stage == LINKS_END) != (fd >= 0)) {
		if (fd >= 0)
			close(fd);
		return;
	}
	switch (m.stage) {
	case LINKS_BEGIN:
		/* what is new since then is in the socket that comes at the end, too */
		if (e->linkwatch_fd.fd >= 0)
			loop_mod_fd(&e->loop, &e->linkwatch_fd, 0);
		engine_wire_link(e, &begins);
		break;
	case LINKS_PART:
		linkwatch_feed(&e->linkwatch, m.data, m.len, engine_wire_link, e);
		break;
	case LINKS_END:
		e->links_asked = INSTANT_ZERO;
		loop_del_fd(&e->loop, &e->linkwatch_fd);
		linkwatch_hand(&e->linkwatch, fd);
		watch_links(e);
		engine_wire_link(e, &ends);
		break;
	case _LINKS_MAX:
		break;
	}
}

static bool
waited_enough(const struct engine *e, struct instant since)
{
	return since.ns && instant_sub(e->now, since) >= ENGINE_ASK_NS;
}

void
engine_ask_again(struct engine *e)
{
	if (!e->configured)
		return;
	for (uint16_t i = 0; i < e->conf.n_ports; i++) {
		struct ipc_open m;

		if (waited_enough(e, e->ports[i].asked) && engine_wire_wants(e, i, &m)) {
			open_here(e, i, &m);
			engine_wire_tell(e, i);
		}
	}
	if (waited_enough(e, e->links_asked))
		look_here(e);
	else if (e->linkwatch_fd.fd < 0 && !e->links_asked.ns)
		engine_ask_links(e); /* no memory, no descriptor: blind until it works */
}
