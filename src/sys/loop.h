/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small event loop: descriptors by epoll, deadlines by one timerfd, and one function that runs
 * after each round. All objects belong to the caller and must stay in place while they are
 * registered. Not for several threads.
 *
 * Within a callback anything may be added, changed or removed, the object that is being served,
 * too: a removed object is not called any more, not even for what had already been reported.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include "base/time.h"

#define LOOP_BATCH 32 /* descriptors served in one round */

struct loop_fd {
	int fd;          /* -1 = not registered */
	uint32_t events; /* EPOLLIN, EPOLLOUT …; 0 = registered but asleep (errors still come) */
	void (*fn)(struct loop_fd *f, uint32_t events);
	void *arg; /* the caller's */
};

struct loop_timer {
	struct instant at; /* valid while armed */
	bool armed;
	void (*fn)(struct loop_timer *t, struct instant now);
	void *arg;               /* the caller's */
	struct loop_timer *next; /* the loop's: armed timers, earliest first */
};

struct loop {
	int epfd, timerfd;
	bool stopping;
	int status;         /* what loop_run() returns */
	struct instant set; /* deadline that timerfd is set to */
	struct loop_timer *timers;
	void (*after)(void *arg, struct instant now); /* after each round, NULL = nothing */
	void *after_arg;
	struct epoll_event ready[LOOP_BATCH];
	int n_ready;
};

/* CLOCK_MONOTONIC. */
struct instant loop_now(void);

/* 0 or -errno. */
int loop_init(struct loop *l);
void loop_fini(struct loop *l);

/* Registers `fd` (level-triggered); f->fn and f->arg are set by the caller before. 0 or -errno. */
int loop_add_fd(struct loop *l, struct loop_fd *f, int fd, uint32_t events);
/* Changes what is waited for. 0 or -errno. */
int loop_mod_fd(struct loop *l, struct loop_fd *f, uint32_t events);
/* Forgets the descriptor without closing it; nothing happens when it is not registered. */
void loop_del_fd(struct loop *l, struct loop_fd *f);

/* Calls t->fn once at `at` or later; replaces an earlier deadline. Past deadlines fire at once. */
void loop_timer(struct loop *l, struct loop_timer *t, struct instant at);
void loop_timer_stop(struct loop *l, struct loop_timer *t);

/* Runs until loop_stop(); returns its status, or -errno when waiting failed. */
int loop_run(struct loop *l);
/* Ends loop_run() after the present callback. */
void loop_stop(struct loop *l, int status);
