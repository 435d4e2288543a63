/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state sync process: messages from the other processes, the loop, and the order in which
 * things are done in a round: what came in goes to the kernel, then events, then the walk, then
 * frames out.
 */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include "daemon/statesync/statesync.h"
#include "sys/sandbox.h"

#define CHECK_NS (250 * NS_PER_MS)
#define NICE     (-10)

static void
take_control(struct statesync *s, const struct sync_record *rec, struct instant now)
{
	duty_control(&s->duty, rec, now);
	compare_control(&s->compare, rec, now, s->duty.part == SYNC_STANDBY);
	if (rec->control.type == SYNC_OWN)
		own_take(s, rec);
}

/* What is here wins, because packets pass or may pass. */
static bool
is_senior(const struct statesync *s)
{
	return duty_trust(&s->duty) != TRUST_ALL || gate_open_since(s, loop_now());
}

/* A batch from the peer: records into the kernel's queue. */
static void
take_records(struct statesync *s, const uint8_t *records, size_t len, struct instant now)
{
	struct sync_decoder d;
	struct sync_record rec;
	enum sync_reject r;

	if (s->sink.senior != is_senior(s)) {
		trouble_flush(s);
		s->sink.senior = !s->sink.senior;
	}
	s->sink.lifetime_s = aging_lifetime(now, s->duty.in_expiry_s);
	sync_decode_begin(&d, records, len);
	while ((r = sync_decode_next(&d, &rec)) == SYNC_OK) {
		if (rec.kind != SYNC_CONTROL) {
			if (duty_trust(&s->duty) == TRUST_NONE) {
				s->sink.count.ignored++;
				continue;
			}
			if (rec.kind == SYNC_EXPECT || rec.kind == SYNC_UNEXPECT) {
				expects_record(s, rec.kind, &rec.expect);
				continue;
			}
			if (rec.kind == SYNC_NEW) {
				duty_seen(&s->duty);
				if (flow_is_local(&rec.flow, &s->own))
					continue; /* mine, whatever the peer thinks of it */
			}
			s->sink.mends = s->duty.in == IN_RECEIVING && s->duty.in_partial &&
					comparing_names(s, &rec.flow);
			sink_record(&s->sink, rec.kind, &rec.flow);
			keep_applied(s, &rec.flow);
			continue;
		}
		if (side_record(s, &rec, now))
			continue;
		trouble_flush(s); /* a mark in the stream: what stood before it is in the kernel */
		take_control(s, &rec, now);
		s->page->expiry_s = s->duty.in_expiry_s;
		s->sink.lifetime_s = aging_lifetime(now, s->duty.in_expiry_s);
		s->sink.senior = is_senior(s);
	}
	if (r != SYNC_END)
		s->stream.count.rejected++;
}

/* Neither what is on its way nor what waits counts any more. */
static void
begin_anew(struct statesync *s)
{
	link_restart(&s->link, &s->conf);
	duty_session_down(&s->duty);
	comparing_reset(s, loop_now());
	stream_reset(&s->stream);
}

static void
on_payload(void *arg, enum frame_kind kind, const uint8_t *payload, size_t len, struct instant now)
{
	struct statesync *s = arg;
	const uint8_t *records;
	enum stream_news news;
	size_t n;

	stream_input(&s->stream, now, kind, payload, len, &news);
	if (news == STREAM_RESTARTED) { /* the sessions do not match: begin both anew */
		begin_anew(s);
		return;
	}
	while (stream_deliver(&s->stream, &records, &n))
		take_records(s, records, n, now);
}

static void
on_session(void *arg, struct instant now)
{
	struct statesync *s = arg;

	trouble_flush(s);
	stream_reset(&s->stream);
	duty_session_up(&s->duty);
	comparing_reset(s, now);
	own_tell(s);
}

/* Control records that duty wants on the stream. */
static void
put_controls(struct statesync *s, struct instant now)
{
	struct sync_record rec = {0};

	while (s->duty.session && duty_next(&s->duty, &rec)) {
		if (!stream_put_control(&s->stream, &rec, now))
			return;
		duty_put(&s->duty, &rec);
		stream_flush(&s->stream, true);
	}
	own_put(s, now);
}

/* Returns when there will be more. */
static struct instant
send_frames(struct statesync *s, struct instant now)
{
	uint8_t payload[STREAM_PAYLOAD_MAX];
	enum frame_kind kind;
	size_t len;

	if (!s->link.session.established || link_quiet(&s->link, now) > 0)
		return INSTANT_NEVER;
	while ((len = stream_output(&s->stream, now, payload, &kind)) > 0)
		link_send(&s->link, now, kind, payload, len);
	return stream_deadline(&s->stream);
}

static void
check(struct statesync *s, struct instant now)
{
	if (instant_sub(now, s->checked) < CHECK_NS)
		return;
	s->checked = now;
	if (s->enabled) {
		link_check(&s->link);
		keep_check(s, now);
	}
	ctnl_count(&s->query, &s->stream.flows);
	s->tell = true;
	status_publish(s, true, now);
}

static void
after_round(void *arg, struct instant now)
{
	struct statesync *s = arg;
	struct instant next = instant_add(s->checked, CHECK_NS);
	bool more = false, calm;

	check(s, now);
	if (s->enabled) {
		trouble_flush(s);
		side_flush(s);
		stream_applied(&s->stream, now);
		put_controls(s, now);
		feed_listen(s, now);
		/* a bulk begins after listening does, so that nothing falls between */
		calm = stream_backlog(&s->stream) < s->stream.conf.frames / 4 &&
		       s->feed.events.fd >= 0 && !s->feed.behind;
		duty_poll(&s->duty, now, calm, s->stream.flows);
		put_controls(s, now);
		more = feed_walk(s, now);
		next = instant_min(next, feed_deadline(s));
		next = instant_min(next, keep_poll(s, now));
		next = instant_min(next, comparing_poll(s, now));
		put_controls(s, now);
		if (!more)
			next = instant_min(next, side_poll(s, now));
		next = instant_min(next, link_poll(&s->link, now));
		next = instant_min(next, send_frames(s, now));
	}
	if (s->duty.barrier && stream_reached(&s->stream, s->duty.barrier_mark))
		duty_barrier_reached(&s->duty);
	tell_changes(s, now);
	status_tell(s, now);
	loop_timer(&s->loop, &s->timer, more ? now : next);
}

/* Devices, keys or buffer sizes changed: everything with the peer starts over. */
static int
start_sync(struct statesync *s)
{
	struct stream_conf c = {.burst = s->conf.burst, .frames = stream_frames(s->conf.buffer_kb)};

	link_configure(&s->link, &s->conf);
	c.payload_max = link_payload_max(&s->link);
	free(s->stream_mem);
	s->stream_mem = aligned_alloc(16, (stream_memory(&c) + 15) & ~(size_t)15);
	if (!s->stream_mem)
		return -ENOMEM;
	stream_init(&s->stream, &c, s->stream_mem);
	s->checked = INSTANT_ZERO; /* counts the flows before a bulk can begin */
	duty_session_down(&s->duty);
	comparing_reset(s, loop_now());
	return 0;
}

static void
stop_sync(struct statesync *s)
{
	duty_session_down(&s->duty);
	comparing_reset(s, loop_now());
	feed_listen(s, loop_now());
	ctnl_walk_stop(&s->feed.walk);
	ctnl_walk_stop(&s->keep.walk);
	s->keep.job = KEEP_NOTHING;
	link_close(&s->link);
}

static bool
same_link(const struct ipc_sync_conf *a, const struct ipc_sync_conf *b)
{
	return a->enabled == b->enabled && a->type == b->type && a->cluster_id == b->cluster_id &&
	       a->ethertype == b->ethertype && sodium_memcmp(a->key, b->key, sizeof(a->key)) == 0 &&
	       a->n_devs == b->n_devs && memcmp(a->devs, b->devs, sizeof(a->devs)) == 0 &&
	       a->buffer_kb == b->buffer_kb && a->burst == b->burst;
}

static void
take_conf(struct statesync *s, const uint8_t *msg, size_t len)
{
	static struct ipc_sync_conf conf;
	static struct sync_except except;
	uint32_t after_s = s->conf.after_s;
	bool same;

	memset(&conf, 0, sizeof(conf));
	if (!ipc_decode_sync_conf(msg, len, &conf))
		return;
	except = s->conf.except;
	same = s->configured && same_link(&s->conf, &conf);
	s->conf = conf;
	sodium_memzero(conf.key, sizeof(conf.key));
	s->link.silence_ns = s->conf.silence_s * NS_PER_S;
	own_refresh(s);
	if (!s->configured || s->conf.after_s != after_s ||
		memcmp(&s->conf.except, &except, sizeof(except)) != 0) {
		feed_set_after(s);
		duty_lost(&s->duty);
	}
	if (same)
		return;
	s->configured = true;
	s->enabled = s->conf.enabled && s->conf.n_devs > 0;
	if (s->enabled && start_sync(s) < 0) {
		tell_note(s, NOTE_SYNC_NO_MEMORY, s->conf.buffer_kb, 0);
		s->enabled = false;
	}
	if (!s->enabled)
		stop_sync(s);
}

static void
take_part(struct statesync *s, const uint8_t *msg, size_t len, struct instant now)
{
	struct ipc_sync_part m;

	if (!ipc_decode_sync_part(msg, len, &m))
		return;
	if (s->enabled && s->part == SYNC_BARRIER && m.part != SYNC_BARRIER)
		feed_events(s, now, true); /* the last that happened here, before listening ends */
	keep_part(s, m.part, now);
	if (m.part != s->part)
		comparing_reset(s, now);
	s->part = m.part;
	duty_part(&s->duty, m.part, m.term, m.alone);
	side_part(s, now);
	if (s->duty.renew && s->enabled)
		begin_anew(s); /* what happened here without right is not told any more */
	if (m.part != SYNC_BARRIER)
		return;
	if (!s->enabled) {
		s->duty.flushed_term = m.term; /* nothing is on its way */
		return;
	}
	trouble_flush(s);
	put_controls(s, now);
	feed_events(s, now, true);
	if (s->duty.session)
		duty_set_barrier(&s->duty, m.term, stream_mark(&s->stream));
}

static void
on_message(void *arg, enum proc from, const uint8_t *msg, size_t len, int fd)
{
	struct statesync *s = arg;

	(void)from;
	if (fd >= 0)
		close(fd); /* nobody sends us one */
	switch (ipc_type(msg, len)) {
	case IPC_SYNC_CONF:
		take_conf(s, msg, len);
		break;
	case IPC_SYNC_PART:
		take_part(s, msg, len, loop_now());
		break;
	}
}

static void
on_link(void *arg, enum proc who)
{
	struct statesync *s = arg;

	if (who == PROC_ENGINE)
		s->tell = true;
}

static void
on_stop(void *arg)
{
	struct statesync *s = arg;

	loop_stop(&s->loop, 0);
}

static void
on_timer(struct loop_timer *t, struct instant now)
{
	(void)t; /* what is due is done in after_round() */
	(void)now;
}

static int
receive_setup(struct statesync *s)
{
	int fds[SETUP_STATESYNC_N], r = child_setup(fds, SETUP_STATESYNC_N);

	if (r < 0)
		return r;
	s->page = mmap(NULL, sizeof(*s->page), PROT_READ | PROT_WRITE, MAP_SHARED,
		fds[SETUP_STATESYNC_PAGE], 0);
	s->engine = mmap(NULL, sizeof(*s->engine), PROT_READ, MAP_SHARED,
		fds[SETUP_STATESYNC_ENGINE_PAGE], 0);
	close(fds[SETUP_STATESYNC_PAGE]);
	close(fds[SETUP_STATESYNC_ENGINE_PAGE]);
	if (s->page != MAP_FAILED && s->engine != MAP_FAILED)
		return 0;
	s->page = NULL;
	return -errno;
}

static int
prepare(struct statesync *s)
{
	static const struct child_calls calls = {on_message, on_link, on_stop};
	int r = sodium_init() < 0 ? -EIO : receive_setup(s);

	if (!r)
		r = loop_init(&s->loop);
	if (!r)
		r = ctnl_query_open(&s->query);
	if (!r)
		r = sink_open(&s->sink, &s->query, &s->keep.aging, &s->mine);
	if (r)
		return r;
	duty_init(&s->duty, loop_now(), s->page->expiry_s);
	s->page->expiry_s = s->duty.in_expiry_s;
	s->link.on_payload = on_payload;
	s->link.on_session = on_session;
	s->link.arg = s;
	comparing_init(s);
	own_init(s);
	feed_init(s);
	keep_init(s);
	side_init(s);
	s->timer.fn = on_timer;
	s->loop.after = after_round;
	s->loop.after_arg = s;
	return child_open(&s->links, &s->loop, &calls, s);
}

static void
confine(struct statesync *s)
{
	int r;

	if (setpriority(PRIO_PROCESS, 0, NICE) < 0)
		tell_note(s, NOTE_NO_REALTIME, PROC_STATESYNC, errno);
	r = sandbox_caps();
	if (r < 0)
		tell_note(s, NOTE_NO_CONFINEMENT, PROC_STATESYNC, -r);
	r = sandbox_syscalls(SANDBOX_STATESYNC);
	if (r < 0)
		tell_note(s, NOTE_NO_CONFINEMENT, PROC_STATESYNC, -r);
}

static int
run(struct statesync *s)
{
	int r;

	link_init(&s->link, &s->loop, SESSION_SYNC);
	r = prepare(s);
	if (r < 0) {
		child_unable(s->page ? &s->page->notes : NULL, PROC_STATESYNC, -r);
		return 1;
	}
	confine(s);
	loop_timer(&s->loop, &s->timer, loop_now());
	r = loop_run(&s->loop);
	status_publish(s, false, loop_now());
	return r < 0 ? 1 : r;
}

int
statesync_main(const struct daemon_opts *o)
{
	/* not static: all processes are one program, and the engine locks its memory */
	struct statesync *s = calloc(1, sizeof(*s));
	int r = 1;

	(void)o;
	if (s)
		r = run(s);
	else
		child_unable(NULL, PROC_STATESYNC, ENOMEM);
	free(s);
	return r;
}
