/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the engine must not do itself, because it may wait in the kernel (daemon/engine/ask.c):
 * opening its packet sockets, looking at all links. What cannot be done or sent is left: the engine
 * helps itself after a while.
 */
#include "core/hb/frame.h"
#include "daemon/config/config.h"
#include "sys/ipcsock.h"
#include "sys/packet.h"

static int
answer(const struct config *c, const uint8_t *msg, size_t len, const int *fd)
{
	return ipcsock_send(c->links.peer[PROC_ENGINE].fd, msg, len, fd, fd != NULL);
}

static void
serve_open(const struct config *c, const struct ipc_open *m)
{
	struct packet_sock sock = {.fd = -1};
	uint8_t msg[64];
	size_t len = ipc_encode_open(IPC_OPENED, m, msg, sizeof(msg));
	int r = packet_open(&sock, (int)m->ifindex, m->ethertype, m->group, 0, FRAME_SYNC_HELLO - 1,
		ENGINE_RCVBUF);

	answer(c, msg, len, r == 0 ? &sock.fd : NULL);
	packet_close(&sock);
}

struct look {
	const struct config *c;
	bool lost; /* a piece could not be sent: what the engine has is no answer */
};

static void
send_links(void *ctx, const void *data, size_t len)
{
	struct ipc_links m = {.stage = data ? LINKS_PART : LINKS_BEGIN, .data = data, .len = len};
	static uint8_t msg[IPC_MSG_MAX];
	struct look *k = ctx;

	k->lost = (data && k->lost) ||
		  answer(k->c, msg, ipc_encode_links(&m, msg, sizeof(msg)), NULL) < 0;
}

static void
serve_look(struct config *c)
{
	struct ipc_links end = {.stage = LINKS_END};
	static struct linkwatch watch = {.fd = -1};
	struct look look = {.c = c};
	uint8_t msg[16];

	if (linkwatch_dump(&watch, LINKS_PART_MAX, send_links, &look) < 0)
		return;
	if (!look.lost)
		answer(c, msg, ipc_encode_links(&end, msg, sizeof(msg)), &watch.fd);
	linkwatch_close(&watch);
}

void
serve_engine(struct config *c, const uint8_t *msg, size_t len)
{
	struct ipc_open open;

	if (ipc_type(msg, len) == IPC_LOOK)
		serve_look(c);
	else if (ipc_type(msg, len) == IPC_OPEN && ipc_decode_open(msg, len, &open))
		serve_open(c, &open);
}
