/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages to and from the other processes. Sockets to the others come from the
 * supervisor and are replaced whenever one of them is restarted; each new one is owed the present
 * configuration. Nothing here waits: what cannot be sent now is sent again a little later.
 */
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>
#include "daemon/config/config.h"
#include "sys/ipcsock.h"

#define RETRY_NS (20 * NS_PER_MS)

static void links_ready_fd(struct loop_fd *f, uint32_t events);

static void
links_close(struct config *c, enum proc p)
{
	struct loop_fd *f = &c->links.peer[p];
	int fd = f->fd;

	if (fd < 0)
		return;
	loop_del_fd(&c->loop, f);
	close(fd);
	f->fd = -1;
	if (p == PROC_ENGINE)
		config_engine_gone(c);
}

static int
links_open(struct config *c, enum proc p, int fd)
{
	struct loop_fd *f = &c->links.peer[p];

	links_close(c, p);
	f->fn = links_ready_fd;
	f->arg = c;
	return loop_add_fd(&c->loop, f, fd, EPOLLIN);
}

/* The engine wants the addresses before the configuration they belong to. */
static int
links_send_addresses(struct config *c)
{
	static struct ipc_addresses m;
	uint8_t buf[IPC_MSG_MAX];
	size_t len;

	hand_addresses(&m, &c->rev);
	len = ipc_encode_addresses(&m, buf, sizeof(buf));
	return len ? ipcsock_send(c->links.peer[PROC_ENGINE].fd, buf, len, NULL, 0) : -EMSGSIZE;
}

static size_t
links_encode_conf(struct config *c, enum proc p, uint8_t *buf, size_t size)
{
	static struct probe_conf probe;

	switch (p) {
	case PROC_ENGINE:
		return ipc_encode_ha_conf(&c->rev.ha, buf, size);
	case PROC_STATESYNC:
		return ipc_encode_sync_conf(&c->rev.sync, buf, size);
	case PROC_PROBE:
		hand_probe_conf(&probe, c->rev.model);
		return ipc_encode_probe_conf(&probe, buf, size);
	case PROC_SUPERVISOR:
	case PROC_CONFIG:
	case _PROC_MAX:
		break;
	}
	return 0;
}

/* 0 = sent, -EAGAIN = later, other -errno = the socket is useless until a new one comes. */
static int
links_send_conf(struct config *c, enum proc p)
{
	uint8_t buf[IPC_MSG_MAX];
	size_t len;
	int r = 0;

	if (c->links.peer[p].fd < 0)
		return -ENOTCONN;
	if (p == PROC_ENGINE)
		r = links_send_addresses(c);
	len = links_encode_conf(c, p, buf, sizeof(buf));
	if (r == 0)
		r = len ? ipcsock_send(c->links.peer[p].fd, buf, len, NULL, 0) : -EMSGSIZE;
	sodium_memzero(buf, sizeof(buf));
	if (r == -EPIPE || r == -ECONNRESET)
		return -ENOTCONN; /* it has just ended: the next one is told */
	if (r < 0 && r != -EAGAIN)
		eventlog_add(&c->log, NOTE_CANNOT_TELL, ARG(p), ARG(-r));
	return r;
}

static void
links_pay(struct config *c)
{
	static const enum proc owed[] = {PROC_ENGINE, PROC_STATESYNC, PROC_PROBE};
	bool later = false;

	if (!c->in_force || c->links.held)
		return;
	for (size_t i = 0; i < sizeof(owed) / sizeof(owed[0]); i++) {
		int r;

		if (!c->links.owed[owed[i]])
			continue;
		r = links_send_conf(c, owed[i]);
		c->links.owed[owed[i]] = r == -EAGAIN || r == -ENOTCONN;
		later |= r == -EAGAIN;
	}
	if (later)
		loop_timer(&c->loop, &c->links.retry, instant_add(loop_now(), RETRY_NS));
}

static void
links_retry(struct loop_timer *t, struct instant now)
{
	(void)now;
	links_pay(t->arg);
}

static void
links_from_supervisor(struct config *c, int type, const uint8_t *msg, size_t len, int fd)
{
	struct ipc_link link;

	if (type == IPC_STOP) {
		config_stop(c);
	} else if (type == IPC_LINK && ipc_decode_link(msg, len, &link) && fd >= 0 &&
		   link.proc != PROC_SUPERVISOR && link.proc != PROC_CONFIG) {
		int r = links_open(c, link.proc, fd);

		if (r < 0) {
			eventlog_add(&c->log, NOTE_CANNOT_TELL, ARG(link.proc), ARG(-r));
			close(fd);
			return;
		}
		c->links.owed[link.proc] = true;
		links_pay(c);
		return;
	} else {
		eventlog_add(&c->log, NOTE_NOT_UNDERSTOOD, ARG(PROC_SUPERVISOR), ARG(type));
	}
	if (fd >= 0)
		close(fd);
}

static void
links_message(struct config *c, enum proc p, const uint8_t *msg, size_t len, int fd)
{
	int type = ipc_type(msg, len);
	struct ipc_reply reply;

	if (p == PROC_SUPERVISOR) {
		links_from_supervisor(c, type, msg, len, fd);
		return;
	}
	if (fd >= 0)
		close(fd); /* all that IPC_CLOSE asks for */
	if (p == PROC_ENGINE && (type == IPC_OPEN || type == IPC_LOOK))
		serve_engine(c, msg, len);
	else if (p == PROC_ENGINE && type == IPC_REPLY && ipc_decode_reply(msg, len, &reply))
		config_reply(c, reply.id, reply.refusal);
}

static enum proc
links_which(const struct config *c, const struct loop_fd *f)
{
	return (enum proc)(f - c->links.peer);
}

static void
links_ready_fd(struct loop_fd *f, uint32_t events)
{
	struct config *c = f->arg;
	enum proc p = links_which(c, f);
	uint8_t buf[IPC_MSG_MAX];

	(void)events;
	/* Bounded: other clients of the loop get their turn. A message may close the socket. */
	for (unsigned i = 0; i < 64 && f->fd >= 0; i++) {
		int fd = -1;
		size_t n_fds = 1;
		int n = ipcsock_recv(f->fd, buf, sizeof(buf), &fd, &n_fds);

		if (n == -EAGAIN)
			return;
		if (n == -EMSGSIZE)
			continue;
		if (n <= 0) {
			links_close(c, p);
			if (p == PROC_SUPERVISOR) {
				eventlog_add(&c->log, NOTE_CONFIG_FAILED, ARG("the supervisor"),
					ARG("is gone: ending"));
				loop_stop(&c->loop, 1);
			}
			return;
		}
		links_message(c, p, buf, (size_t)n, n_fds ? fd : -1);
	}
}

void
links_init(struct config *c, int supervisor_fd)
{
	for (int p = 0; p < _PROC_MAX; p++)
		c->links.peer[p].fd = -1;
	c->links.retry.fn = links_retry;
	c->links.retry.arg = c;
	c->links.next_id = 1;
	if (links_open(c, PROC_SUPERVISOR, supervisor_fd) < 0)
		eventlog_add(&c->log, NOTE_CONFIG_FAILED, ARG("the supervisor's socket"),
			ARG("is not usable"));
}

void
links_fini(struct config *c)
{
	loop_timer_stop(&c->loop, &c->links.retry);
	for (int p = 0; p < _PROC_MAX; p++)
		links_close(c, (enum proc)p);
}

void
links_tell_conf(struct config *c)
{
	c->links.owed[PROC_ENGINE] = true;
	c->links.owed[PROC_STATESYNC] = true;
	c->links.owed[PROC_PROBE] = true;
	links_pay(c);
}

int
links_tell_ready(struct config *c)
{
	uint8_t buf[16];
	size_t len = ipc_encode_plain(IPC_READY, buf, sizeof(buf));

	return ipcsock_send(c->links.peer[PROC_SUPERVISOR].fd, buf, len, NULL, 0);
}

int
links_shutdown(struct config *c, uint32_t seconds)
{
	struct ipc_shutdown m = {.seconds = seconds};
	uint8_t buf[16];
	size_t len = ipc_encode_shutdown(&m, buf, sizeof(buf));

	return ipcsock_send(c->links.peer[PROC_SUPERVISOR].fd, buf, len, NULL, 0);
}

int
links_command(struct config *c, enum command cmd, uint32_t *id)
{
	struct ipc_command m = {.cmd = cmd, .id = c->links.next_id};
	uint8_t buf[32];
	size_t len = ipc_encode_command(&m, buf, sizeof(buf));
	int r;

	if (c->links.peer[PROC_ENGINE].fd < 0)
		return -ENOTCONN;
	r = ipcsock_send(c->links.peer[PROC_ENGINE].fd, buf, len, NULL, 0);
	if (r < 0)
		return r;
	*id = c->links.next_id++;
	return 0;
}
