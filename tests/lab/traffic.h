/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the modes of tw-traffic share: clock, control lines on standard input, command line. Each
 * mode is one process with one epoll loop; the lab reads one JSON line for every command it writes.
 *
 * All modes run at normal priority on purpose. A sender's packets are forwarded in the sender's own
 * context (veth hands them on in softirq), so a real-time generator would starve the very daemons
 * that are measured. A late wake-up costs no accuracy: loss is judged by sequence numbers, arrival
 * by the kernel's receive stamp, and a gap counts as an outage only when something inside it was
 * lost.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#define CTL_NAME_MAX 64

enum ctl_cmd { CTL_NONE, CTL_MARK, CTL_STAT, CTL_QUIT };

struct ctl {
	char buf[512];
	size_t len;
	bool eof;
	char name[CTL_NAME_MAX]; /* argument of the last command */
};

struct traffic_opts {
	struct sockaddr_storage addr; /* ADDRESS PORT */
	socklen_t addr_len;
	unsigned count;       /* --count: TCP connections */
	unsigned pace_ms;     /* --pace: one record a connection in this time */
	unsigned size;        /* --size: bytes of a record or packet */
	unsigned interval_us; /* --interval: between two UDP packets */
	unsigned stall_ms;    /* --stall: no echo for this long = stalled */
	const char *shared;   /* --shared: addresses that only a shared MAC may use, by comma */
	unsigned ethertype;   /* --ethertype: counted as heartbeats */
	char **args;          /* what is left */
	int n_args;
};

/* CLOCK_MONOTONIC, the same in every namespace of one machine. */
int64_t clock_ns(void);

/* When a received message arrived, on clock_ns()'s scale, from its SCM_TIMESTAMPNS. */
int64_t arrival_ns(struct msghdr *m);

/* Turns on receive stamps and a receive buffer that a short stall does not overrun. */
void socket_prepare(int fd, int rcvbuf);

/* Next command that standard input holds; CTL_NONE when it has to be polled again. */
enum ctl_cmd ctl_next(struct ctl *c);

/* Begins and ends one line of output: {"name":"…","ns":… … } */
void report_begin(const char *name);
void report_end(void);

int epoll_new(void);
void epoll_watch(int ep, int fd, uint32_t events, uint64_t data);
/* Periodic timer; first expiry after one interval. */
int timer_new(int64_t interval_ns);
/* Expirations since the last call, 0 = none. */
uint64_t timer_read(int fd);

__attribute__((noreturn, format(printf, 1, 2))) void die(const char *fmt, ...);

int tcp_server(const struct traffic_opts *o);
int tcp_client(const struct traffic_opts *o);
int udp_end(const struct traffic_opts *o, bool server);
int capture(const struct traffic_opts *o);
