/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What happens in this node's table, to the peer: events as they come, and a walk through the table
 * for a bulk. Events come first; the walk goes on when they are done and the stream has room.
 */
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <sys/socket.h>
#include "daemon/statesync/statesync.h"

#define ROUNDS_MAX   16 /* system calls of events in one go */
#define ROUNDS_ALL   4096
#define WALK_BACKLOG 48 /* frames on their way while walking */
#define WALK_PARTS   4  /* of the walk in one go */

static void on_events(struct loop_fd *f, uint32_t events);
static void on_gathered(struct loop_timer *t, struct instant now);

void
feed_init(struct statesync *s)
{
	struct feed *f = &s->feed;

	f->events.fd = -1;
	f->walk.fd = -1;
	f->fd = (struct loop_fd){.fd = -1, .fn = on_events, .arg = s};
	f->events.on_expect = expects_event;
	f->walk.on_expect = expects_walked;
	f->gather.fn = on_gathered;
	f->gather.arg = s;
	f->query = &s->query;
	randombytes_buf(&f->hash_key, sizeof(f->hash_key));
}

static void
stop_listening(struct statesync *s)
{
	loop_timer_stop(&s->loop, &s->feed.gather);
	loop_del_fd(&s->loop, &s->feed.fd);
	ctnl_events_close(&s->feed.events);
}

static void
start_listening(struct statesync *s)
{
	struct feed *f = &s->feed;

	if (ctnl_events_open(&f->events, EVENT_BUFFER, s->sink.batch.portid) < 0)
		return;
	if (loop_add_fd(&s->loop, &f->fd, f->events.fd, 0) < 0)
		ctnl_events_close(&f->events);
}

void
feed_listen(struct statesync *s, struct instant now)
{
	struct feed *f = &s->feed;
	const struct duty *d = &s->duty;
	bool listen, read;

	if (link_reachable(&s->link, now)) {
		f->muted = false;
	} else if (!f->muted && duty_send(d) && !stream_room(&s->stream)) {
		f->muted = true;
		s->stream.count.overflow++;
		duty_lost(&s->duty);
	}
	listen = s->enabled && duty_listen(d) && d->session && !f->muted;
	if (listen && f->events.fd < 0)
		start_listening(s);
	if (!listen && f->events.fd >= 0)
		stop_listening(s);
	if (f->events.fd < 0)
		return;
	/* a full stream: leave them with the kernel, which has room for some and tells when not */
	read = duty_send(d) && !f->gather.armed && stream_room(&s->stream);
	loop_mod_fd(&s->loop, &f->fd, read ? EPOLLIN : 0);
}

bool
feed_put(struct statesync *s, enum sync_kind kind, const struct flow *f)
{
	struct flow bare = *f;

	bare.has &= ~(uint32_t)FLOW_TIMEOUT; /* aging is mine, as long as I am active */
	if (stream_put_flow(&s->stream, kind, &bare, s->feed.now)) {
		s->feed.count.sent++;
		return true;
	}
	duty_lost(&s->duty);
	return false;
}

bool
feed_carries(struct statesync *s, const struct flow *f)
{
	if (!flow_is_local(f, &s->own))
		return true;
	s->feed.count.filtered++;
	return false;
}

static void
take_event(void *arg, enum sync_kind kind, const struct flow *f)
{
	struct statesync *s = arg;

	if (!feed_carries(s, f))
		return;
	if (kind != SYNC_UPDATE)
		compare_mark(&s->compare, f);
	if (s->feed.walk.running)
		recent_add(&s->feed.recent, flow_hash(f, s->feed.hash_key));
	feed_put(s, kind, f);
}

/* Reads events; how many. */
static unsigned
read_events(struct statesync *s, struct instant now, bool all)
{
	struct feed *f = &s->feed;
	unsigned total = 0;
	int n;

	f->now = now;
	f->drained = false;
	for (unsigned round = 0; round < (all ? ROUNDS_ALL : ROUNDS_MAX); round++) {
		if (!stream_room(&s->stream))
			break;
		n = ctnl_events_read(&f->events, take_event, s);
		if (n == -ENOBUFS) {
			duty_lost(&s->duty);
			continue;
		}
		total += n > 0 ? (unsigned)n : 0;
		f->drained = n >= 0 && n < CTNL_EVENTS;
		if (n <= 0 || (f->drained && !all))
			break;
	}
	return total;
}

bool
feed_events(struct statesync *s, struct instant now, bool all)
{
	if (s->feed.events.fd < 0 || !duty_send(&s->duty))
		return false;
	return read_events(s, now, all) > 0;
}

static void
on_events(struct loop_fd *fd, uint32_t events)
{
	struct statesync *s = fd->arg;
	struct instant now = loop_now();

	if (events & EPOLLERR) {
		int err;
		socklen_t len = sizeof(err);

		/* the overrun; taking it here keeps epoll from telling it again and again */
		getsockopt(fd->fd, SOL_SOCKET, SO_ERROR, &err, &len);
		s->feed.events.overruns++;
		duty_lost(&s->duty);
	}
	if (!duty_send(&s->duty))
		return;
	if (instant_sub(now, s->feed.flushed) < STREAM_GATHER_NS) { /* they come fast: gather */
		loop_mod_fd(&s->loop, fd, 0);
		loop_timer(
			&s->loop, &s->feed.gather, instant_add(s->feed.flushed, STREAM_GATHER_NS));
		return;
	}
	read_events(s, now, false);
	stream_flush(&s->stream, false); /* a lone one: at once */
	s->feed.flushed = now;
}

static void
on_gathered(struct loop_timer *t, struct instant now)
{
	struct statesync *s = t->arg;

	if (feed_events(s, now, false)) /* they go on: not woken by each, but in a millisecond */
		loop_timer(&s->loop, t, instant_add(now, STREAM_GATHER_NS));
	stream_flush(&s->stream, false);
	s->feed.flushed = now;
}

static void
take_walked(void *arg, enum sync_kind kind, const struct flow *f)
{
	struct statesync *s = arg;
	struct flow fresh;

	(void)kind;
	if (s->duty.out != OUT_SENDING || !feed_carries(s, f))
		return;
	if (s->duty.out_partial && !comparing_names(s, f))
		return;
	if (recent_has(&s->feed.recent, flow_hash(f, s->feed.hash_key))) {
		/* something happened to it after this part was made: ask again */
		s->feed.count.asked_again++;
		if (ctnl_get(s->feed.query, f, &fresh) < 0)
			return;
		f = &fresh;
	}
	if (feed_put(s, SYNC_NEW, f))
		s->duty.out_sent++;
}

/* The walk runs exactly while there is a bulk to be sent. */
static bool
walk_ready(struct statesync *s)
{
	struct feed *f = &s->feed;

	if (s->duty.out != OUT_SENDING || f->events.fd < 0) {
		ctnl_walk_stop(&f->walk);
		return false;
	}
	if (f->walk.running && f->walk_id == s->duty.out_id)
		return true;
	f->walk_id = s->duty.out_id;
	recent_clear(&f->recent);
	if (ctnl_walk_start(&f->walk) < 0) {
		duty_lost(&s->duty);
		return false;
	}
	return true;
}

bool
feed_walk(struct statesync *s, struct instant now)
{
	struct feed *f = &s->feed;

	f->now = now;
	for (unsigned part = 0; part < WALK_PARTS; part++) {
		int r;

		if (!walk_ready(s) || stream_backlog(&s->stream) >= WALK_BACKLOG)
			return false; /* an ACK brings us back */
		r = ctnl_walk_next(&f->walk, take_walked, s);
		recent_clear(&f->recent);
		if (r == 1)
			continue;
		ctnl_walk_stop(&f->walk);
		if (r < 0)
			duty_lost(&s->duty);
		else if (s->duty.out == OUT_SENDING)
			duty_walked(&s->duty);
		return false;
	}
	return true;
}
