/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tw-traffic: the lab's traffic and its judge. Modes:
 *
 *   tcp-server ADDRESS PORT     echoes whatever comes, thousands of connections
 *   tcp-client ADDRESS PORT     N connections, numbered data, the echo compared byte for byte
 *   udp-server ADDRESS PORT     counts the stream it gets and sends one of its own back to its
 * source udp-client ADDRESS PORT     the other end of it; each end judges what it receives capture
 * SEGMENT/PORT …      counts what comes in from switch ports, by source MAC
 *
 * Every mode prints {"ready":true} when it works, then obeys lines on standard input: `mark NAME`
 * prints the figures since the last mark and starts anew, `stat` prints them and goes on, `quit` or
 * end of file ends it. Not a load generator: rates are those that show an outage well.
 */
#include "traffic.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

void
die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("tw-traffic: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

static int64_t
read_clock(clockid_t id)
{
	struct timespec t;

	if (clock_gettime(id, &t) < 0)
		die("clock: %s", strerror(errno));
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

int64_t
clock_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

/* The stamp is wall-clock: only its age is used, so a clock that is set costs one wrong value at
 * most. */
int64_t
arrival_ns(struct msghdr *m)
{
	int64_t now = clock_ns();

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		struct timespec t;
		int64_t age;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&t, CMSG_DATA(c), sizeof(t));
		age = read_clock(CLOCK_REALTIME) - (t.tv_sec * INT64_C(1000000000) + t.tv_nsec);
		if (age > 0 && age < INT64_C(10000000000))
			return now - age;
	}
	return now;
}

void
socket_prepare(int fd, int rcvbuf)
{
	int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0)
		die("timestamps: %s", strerror(errno));
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof(rcvbuf)) < 0 &&
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf)) < 0)
		die("receive buffer: %s", strerror(errno));
}

static enum ctl_cmd
ctl_parse(struct ctl *c, const char *line)
{
	const char *arg = strchr(line, ' ');
	size_t n = arg != NULL ? (size_t)(arg - line) : strlen(line);

	snprintf(c->name, sizeof(c->name), "%s", arg != NULL ? arg + 1 : "");
	if (n == 4 && memcmp(line, "mark", 4) == 0)
		return CTL_MARK;
	if (n == 4 && memcmp(line, "stat", 4) == 0)
		return CTL_STAT;
	if (n == 4 && memcmp(line, "quit", 4) == 0)
		return CTL_QUIT;
	die("unknown command: %s", line);
}

enum ctl_cmd
ctl_next(struct ctl *c)
{
	for (;;) {
		char *end = memchr(c->buf, '\n', c->len);
		ssize_t n;

		if (end != NULL) {
			char line[sizeof(c->buf)];
			size_t used = (size_t)(end - c->buf) + 1;

			memcpy(line, c->buf, used - 1);
			line[used - 1] = '\0';
			c->len -= used;
			memmove(c->buf, c->buf + used, c->len);
			return ctl_parse(c, line);
		}
		if (c->eof || c->len == sizeof(c->buf))
			return CTL_QUIT;
		n = read(STDIN_FILENO, c->buf + c->len, sizeof(c->buf) - c->len);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return CTL_NONE;
		if (n <= 0)
			c->eof = true;
		else
			c->len += (size_t)n;
	}
}

void
report_begin(const char *name)
{
	printf("{\"name\":\"");
	for (; *name != '\0'; name++)
		if (*name != '"' && *name != '\\' && (unsigned char)*name >= ' ')
			putchar(*name);
	printf("\",\"ns\":%jd", (intmax_t)clock_ns());
}

void
report_end(void)
{
	puts("}");
	if (fflush(stdout) != 0)
		exit(0); /* nobody listens any more */
}

int
epoll_new(void)
{
	int ep = epoll_create1(EPOLL_CLOEXEC);

	if (ep < 0)
		die("epoll: %s", strerror(errno));
	if (fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK) < 0)
		die("standard input: %s", strerror(errno));
	epoll_watch(ep, STDIN_FILENO, EPOLLIN, UINT64_MAX);
	return ep;
}

void
epoll_watch(int ep, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event e = {.events = events, .data.u64 = data};

	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) == 0 || errno == EPERM)
		return; /* EPERM: standard input is a plain file */
	if (errno != EEXIST || epoll_ctl(ep, EPOLL_CTL_MOD, fd, &e) < 0)
		die("epoll: %s", strerror(errno));
}

int
timer_new(int64_t interval_ns)
{
	struct timespec t = {interval_ns / 1000000000, interval_ns % 1000000000};
	struct itimerspec its = {.it_interval = t, .it_value = t};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	if (fd < 0 || timerfd_settime(fd, 0, &its, NULL) < 0)
		die("timer: %s", strerror(errno));
	return fd;
}

uint64_t
timer_read(int fd)
{
	uint64_t n;

	return read(fd, &n, sizeof(n)) == (ssize_t)sizeof(n) ? n : 0;
}

static void
parse_address(struct traffic_opts *o, const char *address, const char *port)
{
	struct sockaddr_in a4 = {.sin_family = AF_INET};
	struct sockaddr_in6 a6 = {.sin6_family = AF_INET6};

	if (inet_pton(AF_INET, address, &a4.sin_addr) == 1) {
		a4.sin_port = htons((uint16_t)atoi(port));
		memcpy(&o->addr, &a4, sizeof(a4));
		o->addr_len = sizeof(a4);
	} else if (inet_pton(AF_INET6, address, &a6.sin6_addr) == 1) {
		a6.sin6_port = htons((uint16_t)atoi(port));
		memcpy(&o->addr, &a6, sizeof(a6));
		o->addr_len = sizeof(a6);
	} else {
		die("no address: %s", address);
	}
}

static unsigned
number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 0);

	if (*end != '\0' || n == 0 || n > 100000000)
		die("no number: %s", text);
	return (unsigned)n;
}

static const struct option options[] = {
	{"count", required_argument, NULL, 'c'},
	{"pace", required_argument, NULL, 'p'},
	{"size", required_argument, NULL, 's'},
	{"interval", required_argument, NULL, 'i'},
	{"stall", required_argument, NULL, 't'},
	{"shared", required_argument, NULL, 'a'},
	{"ethertype", required_argument, NULL, 'e'},
	{0},
};

static void
parse_options(struct traffic_opts *o, int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'c')
			o->count = number(optarg);
		else if (c == 'p')
			o->pace_ms = number(optarg);
		else if (c == 's')
			o->size = number(optarg);
		else if (c == 'i')
			o->interval_us = number(optarg);
		else if (c == 't')
			o->stall_ms = number(optarg);
		else if (c == 'a')
			o->shared = optarg;
		else if (c == 'e')
			o->ethertype = number(optarg);
		else
			exit(2);
	}
	o->args = argv + optind;
	o->n_args = argc - optind;
}

int
main(int argc, char **argv)
{
	struct traffic_opts o = {.count = 300,
		.pace_ms = 100,
		.size = 64,
		.interval_us = 200,
		.stall_ms = 3000,
		.shared = "",
		.ethertype = 0xc157};
	struct rlimit files = {1 << 16, 1 << 16};
	const char *mode;

	parse_options(&o, argc, argv);
	if (o.n_args < 2)
		die("use: tw-traffic [options] tcp-server|tcp-client|udp-server|udp-client ADDRESS "
		    "PORT, or capture SEGMENT/PORT …");
	mode = *o.args++;
	o.n_args--;
	setrlimit(RLIMIT_NOFILE, &files);
	prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (strcmp(mode, "capture") == 0)
		return capture(&o);
	if (o.n_args != 2)
		die("%s: ADDRESS and PORT are wanted", mode);
	parse_address(&o, o.args[0], o.args[1]);
	if (strcmp(mode, "tcp-server") == 0)
		return tcp_server(&o);
	if (strcmp(mode, "tcp-client") == 0)
		return tcp_client(&o);
	if (strcmp(mode, "udp-server") == 0)
		return udp_end(&o, true);
	if (strcmp(mode, "udp-client") == 0)
		return udp_end(&o, false);
	die("unknown mode: %s", mode);
}
