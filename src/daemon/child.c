/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Setup and links of a child process. */
#include <errno.h>
#include <sodium.h>
#include <unistd.h>
#include "daemon/child.h"
#include "daemon/supertell.h"
#include "sys/ipcsock.h"

#define BATCH 16 /* messages of one socket before others get their turn */

int
child_setup(int *fds, size_t n)
{
	size_t n_fds = n;
	uint8_t msg[64];
	int len = ipcsock_recv(SETUP_FD, msg, sizeof(msg), fds, &n_fds);

	if (len < 0)
		return len;
	return ipc_type(msg, (size_t)len) == IPC_SETUP && n_fds == n ? 0 : -EPROTO;
}

void
child_unable(struct note_ring *ring, enum proc self, int error)
{
	struct note n = {.id = NOTE_PROCESS_UNABLE, .at = loop_now(), .arg = {self, error}};

	if (ring)
		notering_put(ring, &n);
	else
		SUPER_TELL(NULL, NOTE_PROCESS_UNABLE, self, error);
}

static void
close_peer(struct child_links *l, enum proc p)
{
	int fd = l->peer[p].fd;

	if (fd < 0)
		return;
	loop_del_fd(l->loop, &l->peer[p]);
	close(fd);
	l->peer[p].fd = -1;
}

static void
on_peer(struct loop_fd *f, uint32_t events)
{
	static uint8_t msg[IPC_MSG_MAX];
	struct child_links *l = f->arg;
	enum proc from = (enum proc)(f - l->peer);

	(void)events;
	for (unsigned i = 0; i < BATCH && f->fd >= 0; i++) {
		size_t n_fds = 1;
		int fd = -1, n = ipcsock_recv(f->fd, msg, sizeof(msg), &fd, &n_fds);

		if (n == -EAGAIN)
			return;
		if (n <= 0) { /* it ended; the supervisor brings a new link */
			close_peer(l, from);
			return;
		}
		l->calls->message(l->arg, from, msg, (size_t)n, n_fds ? fd : -1);
		sodium_memzero(msg, (size_t)n);
	}
}

static void
take_link(struct child_links *l, enum proc p, int fd)
{
	close_peer(l, p);
	l->peer[p].fn = on_peer;
	l->peer[p].arg = l;
	if (loop_add_fd(l->loop, &l->peer[p], fd, EPOLLIN) < 0)
		close(fd);
	else if (l->calls->link)
		l->calls->link(l->arg, p);
}

static void
on_supervisor(struct loop_fd *f, uint32_t events)
{
	struct child_links *l = f->arg;
	struct ipc_link link;
	uint8_t msg[256];
	size_t n_fds = 1;
	int fd = -1, n = ipcsock_recv(f->fd, msg, sizeof(msg), &fd, &n_fds);

	(void)events;
	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		loop_stop(l->loop, 1); /* the supervisor is gone: so is this node */
		return;
	}
	if (ipc_decode_link(msg, (size_t)n, &link) && link.proc != PROC_SUPERVISOR && n_fds == 1)
		take_link(l, link.proc, fd);
	else if (n_fds == 1)
		close(fd);
	else if (ipc_type(msg, (size_t)n) == IPC_STOP)
		l->calls->stop(l->arg);
}

int
child_open(struct child_links *l, struct loop *loop, const struct child_calls *calls, void *arg)
{
	*l = (struct child_links){.loop = loop, .calls = calls, .arg = arg};
	for (enum proc p = PROC_SUPERVISOR; p < _PROC_MAX; p++)
		l->peer[p].fd = -1;
	l->peer[PROC_SUPERVISOR].fn = on_supervisor;
	l->peer[PROC_SUPERVISOR].arg = l;
	return loop_add_fd(loop, &l->peer[PROC_SUPERVISOR], SETUP_FD, EPOLLIN);
}

int
child_send(const struct child_links *l, enum proc to, const uint8_t *msg, size_t len)
{
	int fd = l->peer[to].fd;

	return fd < 0 ? -ENOTCONN : ipcsock_send(fd, msg, len, NULL, 0);
}
