/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The event loop: epoll(7), timerfd_create(2). */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include "sys/loop.h"

struct instant
loop_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (struct instant){ts.tv_sec * NS_PER_S + ts.tv_nsec};
}

int
loop_init(struct loop *l)
{
	struct epoll_event ev = {.events = EPOLLIN};

	*l = (struct loop){.epfd = -1, .timerfd = -1, .set = INSTANT_NEVER};
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epfd < 0)
		return -errno;
	l->timerfd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (l->timerfd < 0 || epoll_ctl(l->epfd, EPOLL_CTL_ADD, l->timerfd, &ev) < 0) {
		int err = -errno;

		loop_fini(l);
		return err;
	}
	return 0;
}

void
loop_fini(struct loop *l)
{
	if (l->timerfd >= 0)
		close(l->timerfd);
	if (l->epfd >= 0)
		close(l->epfd);
	l->epfd = l->timerfd = -1;
}

int
loop_add_fd(struct loop *l, struct loop_fd *f, int fd, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = f};

	assert(fd >= 0 && f->fn);
	if (epoll_ctl(l->epfd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return -errno;
	f->fd = fd;
	f->events = events;
	return 0;
}

int
loop_mod_fd(struct loop *l, struct loop_fd *f, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = f};

	if (events == f->events)
		return 0;
	if (epoll_ctl(l->epfd, EPOLL_CTL_MOD, f->fd, &ev) < 0)
		return -errno;
	f->events = events;
	return 0;
}

void
loop_del_fd(struct loop *l, struct loop_fd *f)
{
	if (f->fd < 0)
		return;
	epoll_ctl(l->epfd, EPOLL_CTL_DEL, f->fd, NULL);
	for (int i = 0; i < l->n_ready; i++) /* reported in this round, but not to be served */
		if (l->ready[i].data.ptr == f)
			l->ready[i].events = 0;
	f->fd = -1;
}

void
loop_timer_stop(struct loop *l, struct loop_timer *t)
{
	struct loop_timer **p = &l->timers;

	if (!t->armed)
		return;
	while (*p != t)
		p = &(*p)->next;
	*p = t->next;
	t->armed = false;
}

void
loop_timer(struct loop *l, struct loop_timer *t, struct instant at)
{
	struct loop_timer **p = &l->timers;

	assert(t->fn);
	loop_timer_stop(l, t);
	while (*p && !instant_before(at, (*p)->at))
		p = &(*p)->next;
	t->at = at;
	t->next = *p;
	t->armed = true;
	*p = t;
}

/* Only those that were due when the round began: a timer that sets itself again cannot hold us. */
static void
run_timers(struct loop *l, struct instant now)
{
	while (l->timers && instant_reached(now, l->timers->at) && !l->stopping) {
		struct loop_timer *t = l->timers;

		l->timers = t->next;
		t->armed = false;
		t->fn(t, now);
		if (t->armed && instant_reached(now, t->at))
			break;
	}
}

/* Sets timerfd to the earliest deadline, with a system call only when that has moved. */
static void
set_timer(struct loop *l)
{
	struct instant at = l->timers ? l->timers->at : INSTANT_NEVER;
	struct itimerspec its = {0};

	if (at.ns == l->set.ns)
		return;
	if (at.ns != INT64_MAX) {
		int64_t ns = at.ns > 0 ? at.ns : 1; /* 0 would disarm */

		its.it_value.tv_sec = ns / NS_PER_S;
		its.it_value.tv_nsec = ns % NS_PER_S;
	}
	timerfd_settime(l->timerfd, TFD_TIMER_ABSTIME, &its, NULL);
	l->set = at;
}

int
loop_run(struct loop *l)
{
	while (!l->stopping) {
		set_timer(l);
		l->n_ready = epoll_wait(l->epfd, l->ready, LOOP_BATCH, -1);
		if (l->n_ready < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < l->n_ready && !l->stopping; i++) {
			struct loop_fd *f = l->ready[i].data.ptr;
			uint64_t expired;

			if (f && l->ready[i].events)
				f->fn(f, l->ready[i].events);
			else if (!f && read(l->timerfd, &expired, sizeof(expired)) > 0)
				l->set = INSTANT_NEVER; /* it is disarmed now */
		}
		l->n_ready = 0;
		run_timers(l, loop_now());
		if (l->after && !l->stopping)
			l->after(l->after_arg, loop_now());
	}
	return l->status;
}

void
loop_stop(struct loop *l, int status)
{
	l->stopping = true;
	l->status = status;
}
