/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What happens in this node's table, to the peer: events as they come, and a walk through the table
 * for a bulk. Events come first; the walk goes on when they are done and the stream has room.
 */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "daemon/statesync/statesync.h"

#define ROUNDS_MAX   16 /* system calls of events in one go */
#define ROUNDS_ALL   4096
#define WALK_BACKLOG 128 /* frames on their way while walking, if the buffer has twice as many */
#define WALK_PARTS   4   /* of the walk in one go */

static void on_events(struct loop_fd *f, uint32_t events);
static void on_gathered(struct loop_timer *t, struct instant now);

static uint32_t
walk_backlog(const struct statesync *s)
{
	uint32_t half = s->stream.conf.frames / 2;

	return half < WALK_BACKLOG ? half : WALK_BACKLOG;
}

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
	f->behind = false;
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
feed_carries(const struct statesync *s, const struct flow *f)
{
	/* what a standby holds was carried, however young it is there */
	return !flow_is_local(f, &s->own) && !flow_is_excepted(f, &s->conf.except) &&
	       (s->duty.part != SYNC_ACTIVE || ripe_carries(&s->feed.ripe, f->start_ns));
}

/* SyncAfter: of a flow that begins, or is surely too young, nothing is told. */
static bool
too_young(struct statesync *s, enum sync_kind kind, const struct flow *f)
{
	struct ripe *r = &s->feed.ripe;

	if (!r->after_ns || kind == SYNC_DESTROY) /* that says itself when it began */
		return false;
	if (kind == SYNC_NEW)
		ripe_began(r, flow_hash(f, s->feed.hash_key), s->feed.now);
	return kind == SYNC_NEW || ripe_young(r, flow_hash(f, s->feed.hash_key), s->feed.now);
}

static void
take_event(void *arg, enum sync_kind kind, const struct flow *f)
{
	struct statesync *s = arg;

	if (!feed_carries(s, f) || too_young(s, kind, f)) {
		s->feed.count.filtered++;
		return;
	}
	if (kind != SYNC_UPDATE)
		compare_mark(&s->compare, f);
	if (s->feed.walk.running)
		recent_add(&s->feed.recent, flow_hash(f, s->feed.hash_key));
	feed_put(s, kind, f);
}

/*
 * The kernel tells an overrun before the events that it still holds, and drops all further ones
 * until those are read. A bulk that began earlier would be followed by what is older than it, and
 * miss what happens meanwhile.
 */
static void
overrun(struct statesync *s)
{
	s->feed.behind = true;
	duty_lost(&s->duty);
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
			overrun(s);
			continue;
		}
		total += n > 0 ? (unsigned)n : 0;
		f->drained = n >= 0 && n < CTNL_EVENTS;
		if (f->drained)
			f->behind = false;
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
		overrun(s);
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
	if (!feed_walks(s))
		return;
	if (!feed_carries(s, f)) {
		s->feed.count.filtered++;
		return;
	}
	if (s->feed.job == FEED_RIPE && !ripe_now(&s->feed.ripe, f->start_ns))
		return;
	if (s->feed.job == FEED_BULK && s->duty.out_partial && !comparing_names(s, f))
		return;
	if (recent_has(&s->feed.recent, flow_hash(f, s->feed.hash_key))) {
		/* something happened to it after this part was made: ask again */
		s->feed.count.asked_again++;
		if (ctnl_get(s->feed.query, f, &fresh) < 0)
			return;
		f = &fresh;
	}
	if (s->feed.job == FEED_RIPE)
		compare_mark(&s->compare, f);
	if (feed_put(s, SYNC_NEW, f) && s->feed.job == FEED_BULK)
		s->duty.out_sent++;
}

/* The clock by which the kernel says when flows began. */
static uint64_t
real_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)(ts.tv_sec * NS_PER_S + ts.tv_nsec);
}

/* The kernel notes when flows begin; the configuration has it do so. */
static bool
begins_are_noted(void)
{
	int fd = open("/proc/sys/net/netfilter/nf_conntrack_timestamp", O_RDONLY | O_CLOEXEC);
	char c = '0';

	if (fd < 0)
		return false;
	if (read(fd, &c, 1) != 1)
		c = '0';
	close(fd);
	return c == '1';
}

void
feed_set_after(struct statesync *s)
{
	ripe_set(&s->feed.ripe, s->conf.after_s);
	s->sink.gaps = s->conf.after_s > 0;
}

/* What there is to walk for. */
static enum feed_job
job_due(struct statesync *s, struct instant now)
{
	struct feed *f = &s->feed;
	bool stepped;

	if (f->events.fd < 0)
		return FEED_NOTHING;
	if (s->duty.out == OUT_SENDING)
		return FEED_BULK;
	if (s->duty.out != OUT_DONE || !duty_send(&s->duty))
		return FEED_NOTHING;
	if (f->job == FEED_RIPE || ripe_begin(&f->ripe, now, real_ns(), &stepped))
		return FEED_RIPE;
	if (f->ripe.after_ns && stepped)
		duty_lost(&s->duty);
	return FEED_NOTHING;
}

bool
feed_walks(const struct statesync *s)
{
	return s->feed.job == FEED_RIPE || (s->feed.job == FEED_BULK && s->duty.out == OUT_SENDING);
}

struct instant
feed_deadline(const struct statesync *s)
{
	const struct feed *f = &s->feed;
	bool ready = f->events.fd >= 0 && s->duty.out == OUT_DONE && duty_send(&s->duty) &&
		     stream_backlog(&s->stream) < walk_backlog(s);

	return ready ? f->ripe.next : INSTANT_NEVER;
}

static void
walk_stop(struct feed *f)
{
	ctnl_walk_stop(&f->walk);
	f->job = FEED_NOTHING;
}

/* The walk runs exactly while there is something to be sent. */
static bool
walk_ready(struct statesync *s, struct instant now)
{
	struct feed *f = &s->feed;
	enum feed_job job = job_due(s, now);

	if (job == FEED_NOTHING) {
		walk_stop(f);
		return false;
	}
	if (f->walk.running && f->job == job && (job == FEED_RIPE || f->walk_id == s->duty.out_id))
		return true;
	f->job = job;
	f->walk_id = s->duty.out_id;
	recent_clear(&f->recent);
	if (job == FEED_BULK && !s->duty.out_partial) {
		ripe_set(&f->ripe, begins_are_noted() ? s->conf.after_s : 0);
		ripe_bulk(&f->ripe, now, real_ns());
	}
	f->ripe_cost_ns = -comparing_cpu_ns(); /* the first part is made at once */
	if (ctnl_walk_start(&f->walk) < 0) {
		walk_stop(f);
		duty_lost(&s->duty);
		return false;
	}
	f->ripe_cost_ns += comparing_cpu_ns();
	return true;
}

/* The walk came to its end. */
static void
walk_done(struct statesync *s, struct instant now, int result)
{
	struct feed *f = &s->feed;
	enum feed_job job = f->job;

	walk_stop(f);
	if (result < 0)
		duty_lost(&s->duty);
	else if (job == FEED_RIPE)
		ripe_done(&f->ripe, now, f->ripe_cost_ns);
	else if (s->duty.out == OUT_SENDING)
		duty_walked(&s->duty);
}

bool
feed_walk(struct statesync *s, struct instant now)
{
	struct feed *f = &s->feed;

	f->now = now;
	for (unsigned part = 0; part < WALK_PARTS; part++) {
		int64_t before_ns;
		int r;

		if (stream_backlog(&s->stream) >= walk_backlog(s) || !walk_ready(s, now))
			return false; /* an ACK brings us back */
		before_ns = comparing_cpu_ns();
		r = ctnl_walk_next(&f->walk, take_walked, s);
		f->ripe_cost_ns += comparing_cpu_ns() - before_ns;
		recent_clear(&f->recent);
		if (r == 1)
			continue;
		walk_done(s, now, r);
		return false;
	}
	return true;
}
