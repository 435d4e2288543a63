/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP echo server and the client that judges it. What a connection carries is a fixed function of
 * its number and the position in the stream, so a byte that is lost, doubled, altered or belongs to
 * another connection shows at once. A connection is dead when the kernel says so (reset, timed out,
 * closed), stalled when its echo is overdue, alive otherwise.
 */
#include "traffic.h"
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>
#include "base/prng.h"

#define RECORD_MAX  4096
#define UNACKED_MAX 16384 /* no more is sent ahead of the echo */
#define ECHO_BUF    16384
#define EVENTS      256
#define TICK_MS     10

/* ---- server ---- */

struct echo {
	int fd;
	bool blocked; /* waits for room to write */
	size_t len, done;
	uint8_t buf[ECHO_BUF];
};

static uint64_t n_echo;

static bool
echo_step(struct echo *e)
{
	for (;;) {
		ssize_t n;

		if (e->done < e->len) {
			n = send(e->fd, e->buf + e->done, e->len - e->done, MSG_NOSIGNAL);
			if (n < 0)
				return errno == EAGAIN;
			e->done += (size_t)n;
			continue;
		}
		e->len = e->done = 0;
		n = recv(e->fd, e->buf, sizeof(e->buf), 0);
		if (n == 0 || (n < 0 && errno != EAGAIN))
			return false;
		if (n < 0)
			return true;
		e->len = (size_t)n;
	}
}

static void
echo_ready(int ep, struct echo *e)
{
	bool blocked;

	if (!echo_step(e)) {
		close(e->fd);
		free(e);
		n_echo--;
		return;
	}
	blocked = e->done < e->len;
	if (blocked != e->blocked)
		epoll_watch(ep, e->fd, blocked ? EPOLLOUT : EPOLLIN, (uint64_t)(uintptr_t)e);
	e->blocked = blocked;
}

static void
accept_all(int ep, int listener)
{
	int fd, on = 1;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct echo *e = calloc(1, sizeof(*e));

		if (e == NULL)
			die("no memory");
		e->fd = fd;
		n_echo++;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		epoll_watch(ep, fd, EPOLLIN, (uint64_t)(uintptr_t)e);
	}
}

int
tcp_server(const struct traffic_opts *o)
{
	struct ctl ctl = {0};
	int ep = epoll_new(), on = 1;
	int listener = socket(o->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
		bind(listener, (const struct sockaddr *)&o->addr, o->addr_len) < 0 ||
		listen(listener, 4096) < 0)
		die("listen: %s", strerror(errno));
	epoll_watch(ep, listener, EPOLLIN, 0);
	puts("{\"ready\":true}");
	fflush(stdout);
	for (;;) {
		struct epoll_event ev[EVENTS];
		int n = epoll_wait(ep, ev, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			enum ctl_cmd cmd;

			if (ev[i].data.u64 == 0)
				accept_all(ep, listener);
			else if (ev[i].data.u64 != UINT64_MAX)
				echo_ready(ep, ev[i].data.ptr);
			else
				while ((cmd = ctl_next(&ctl)) != CTL_NONE) {
					if (cmd == CTL_QUIT)
						return 0;
					report_begin(ctl.name);
					printf(",\"connections\":%ju", (uintmax_t)n_echo);
					report_end();
				}
		}
	}
}

/* ---- client ---- */

enum conn_state { CONN_CONNECTING, CONN_UP, CONN_DEAD };

struct conn {
	enum conn_state state;
	int fd, error;
	uint32_t number;
	bool corrupt;
	uint64_t tx, rx;    /* bytes sent, echoed */
	int64_t progress;   /* when the last echo came */
	uint64_t probe_end; /* position whose echo is being timed, 0 = none */
	int64_t probe_sent;
};

struct client {
	const struct traffic_opts *o;
	struct conn *conns;
	unsigned next; /* whose turn it is to send */
	unsigned seed;
	uint64_t bytes;     /* verified since the mark */
	int64_t latency_ns; /* worst time from sending to echo since the mark */
};

static uint8_t
stream_byte(const struct conn *c, uint64_t pos)
{
	struct prng p = {(uint64_t)c->number << 40 ^ pos >> 3};

	return (uint8_t)(prng_u64(&p) >> (pos & 7) * 8);
}

static void
conn_die(struct conn *c, int error)
{
	close(c->fd);
	c->fd = -1;
	c->state = CONN_DEAD;
	c->error = error;
}

static void
conn_open(struct client *cl, int ep, struct conn *c)
{
	int on = 1;

	c->fd = socket(cl->o->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		die("socket: %s", strerror(errno));
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	c->progress = clock_ns();
	if (connect(c->fd, (const struct sockaddr *)&cl->o->addr, cl->o->addr_len) < 0 &&
		errno != EINPROGRESS) {
		conn_die(c, errno);
		return;
	}
	epoll_watch(ep, c->fd, EPOLLOUT, (uint64_t)(uintptr_t)c);
}

static void
conn_verify(struct client *cl, struct conn *c, const uint8_t *data, size_t n)
{
	int64_t now = clock_ns();

	for (size_t i = 0; i < n; i++)
		if (data[i] != stream_byte(c, c->rx + i))
			c->corrupt = true;
	c->rx += n;
	cl->bytes += n;
	c->progress = now;
	if (c->rx > c->tx)
		c->corrupt = true;
	if (c->probe_end != 0 && c->rx >= c->probe_end) {
		if (now - c->probe_sent > cl->latency_ns)
			cl->latency_ns = now - c->probe_sent;
		c->probe_end = 0;
	}
}

static void
conn_ready(struct client *cl, int ep, struct conn *c, uint32_t events)
{
	uint8_t data[8192];

	if (c->state == CONN_CONNECTING) {
		int error = 0;
		socklen_t len = sizeof(error);

		getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		if (error != 0) {
			conn_die(c, error);
			return;
		}
		if ((events & EPOLLOUT) == 0)
			return;
		c->state = CONN_UP;
		c->progress = clock_ns();
		epoll_watch(ep, c->fd, EPOLLIN, (uint64_t)(uintptr_t)c);
		return;
	}
	while (c->state == CONN_UP) {
		ssize_t n = recv(c->fd, data, sizeof(data), 0);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0)
			conn_die(c, n < 0 ? errno : ESHUTDOWN);
		else
			conn_verify(cl, c, data, (size_t)n);
	}
}

static void
conn_send(struct client *cl, struct conn *c)
{
	uint8_t data[RECORD_MAX];
	size_t size = cl->o->size < RECORD_MAX ? cl->o->size : RECORD_MAX;
	ssize_t n;

	if (c->state != CONN_UP || c->tx - c->rx > UNACKED_MAX)
		return;
	for (size_t i = 0; i < size; i++)
		data[i] = stream_byte(c, c->tx + i);
	n = send(c->fd, data, size, MSG_NOSIGNAL);
	if (n < 0) {
		if (errno != EAGAIN)
			conn_die(c, errno);
		return;
	}
	if (c->tx == c->rx)
		c->progress = clock_ns(); /* nothing was owed until now */
	c->tx += (uint64_t)n;
	if (c->probe_end == 0) {
		c->probe_end = c->tx;
		c->probe_sent = clock_ns();
	}
}

/* Sends are spread evenly over the pace, so that they make no burst of their own. */
static void
client_tick(struct client *cl, uint64_t ticks)
{
	uint64_t turns = (cl->o->count * ticks * TICK_MS + cl->o->pace_ms - 1) / cl->o->pace_ms;

	if (turns > cl->o->count)
		turns = cl->o->count;
	for (; turns > 0; turns--) {
		conn_send(cl, &cl->conns[cl->next]);
		cl->next = (cl->next + 1) % cl->o->count;
	}
}

static void
client_report(struct client *cl, const char *name)
{
	unsigned alive = 0, dead = 0, stalled = 0, corrupt = 0, connecting = 0;
	int64_t now = clock_ns(), waiting = 0;
	int error = 0;

	for (unsigned i = 0; i < cl->o->count; i++) {
		const struct conn *c = &cl->conns[i];

		corrupt += c->corrupt;
		connecting += c->state == CONN_CONNECTING;
		if (c->state == CONN_DEAD) {
			dead++;
			error = c->error;
		}
		if (c->state != CONN_UP)
			continue;
		if (c->probe_end != 0 && now - c->probe_sent > waiting)
			waiting = now - c->probe_sent;
		if (c->tx > c->rx && now - c->progress > cl->o->stall_ms * INT64_C(1000000))
			stalled++;
		else
			alive++;
	}
	report_begin(name);
	printf(",\"alive\":%u,\"dead\":%u,\"stalled\":%u,\"corrupt\":%u,\"connecting\":%u,"
	       "\"bytes\":%ju,\"latency_ms\":%.3f,\"waiting_ms\":%.3f,\"error\":\"%s\"",
		alive, dead, stalled, corrupt, connecting, (uintmax_t)cl->bytes,
		(double)(waiting > cl->latency_ns ? waiting : cl->latency_ns) / 1e6,
		(double)waiting / 1e6, error != 0 ? strerror(error) : "");
	report_end();
}

static void
client_open_all(struct client *cl, int ep)
{
	cl->conns = calloc(cl->o->count, sizeof(*cl->conns));
	if (cl->conns == NULL)
		die("no memory");
	cl->seed = (unsigned)getpid();
	for (unsigned i = 0; i < cl->o->count; i++) {
		cl->conns[i].number = cl->seed * 4096 + i;
		conn_open(cl, ep, &cl->conns[i]);
	}
	puts("{\"ready\":true}");
	fflush(stdout);
}

int
tcp_client(const struct traffic_opts *o)
{
	struct client cl = {.o = o};
	struct ctl ctl = {0};
	int ep = epoll_new(), timer = timer_new(TICK_MS * INT64_C(1000000));

	epoll_watch(ep, timer, EPOLLIN, 0);
	client_open_all(&cl, ep);
	for (;;) {
		struct epoll_event ev[EVENTS];
		int n = epoll_wait(ep, ev, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			enum ctl_cmd cmd;

			if (ev[i].data.u64 == 0)
				client_tick(&cl, timer_read(timer));
			else if (ev[i].data.u64 != UINT64_MAX)
				conn_ready(&cl, ep, ev[i].data.ptr, ev[i].events);
			else
				while ((cmd = ctl_next(&ctl)) != CTL_NONE) {
					if (cmd == CTL_QUIT)
						return 0;
					client_report(&cl, ctl.name);
					if (cmd == CTL_MARK)
						cl.bytes = 0, cl.latency_ns = 0;
				}
		}
	}
}
