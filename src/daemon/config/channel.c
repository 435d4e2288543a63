/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages of core/commit over the sync interface: state sync's frames and stream with keys and
 * kinds of their own, so that nothing of this wakes the engine or waits for state sync. Each
 * message follows its length. Whatever is not understood ends the session, not the process.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include "base/wire.h"
#include "daemon/config/trial.h"
#include "daemon/synclink.h"

#define FRAMES      1024
#define BURST       64
#define CHECK_NS    (250 * NS_PER_MS)
#define SILENT_NS   (3 * STREAM_KEEPALIVE_NS)
#define SLOW_NS     (60 * NS_PER_S) /* the peer's config process may be busy for that long */
#define REWIRE_NS   NS_PER_S        /* what was said last still goes the old way */
#define OUT_MAX     (2u * COMMIT_MSG_MAX)
#define LENGTH_SIZE 4

struct bytes {
	uint8_t *p;
	size_t len, done, size;
};

struct channel {
	struct config *c;
	struct link link;
	struct stream stream;
	void *stream_mem;
	struct loop_timer timer;
	struct instant checked;
	bool on;                  /* there is a sync interface */
	bool up;                  /* as told to core/commit */
	struct instant rewire_at; /* the wire may be another one: looked at then */
	struct bytes in, out;
	struct ipc_sync_conf conf; /* as link has it */
};

static bool
bytes_add(struct bytes *b, const uint8_t *p, size_t len, size_t max)
{
	if (b->len + len > max)
		return false;
	if (b->len + len > b->size) {
		size_t size = b->len + len + (b->len + len) / 2;
		uint8_t *bigger = realloc(b->p, size);

		if (!bigger)
			return false;
		b->p = bigger;
		b->size = size;
	}
	memcpy(b->p + b->len, p, len);
	b->len += len;
	return true;
}

/* What is not needed any more goes; a big text leaves no big buffer behind. */
static void
bytes_drop(struct bytes *b, size_t n)
{
	b->len -= n;
	if (b->len) {
		memmove(b->p, b->p + n, b->len);
		return;
	}
	free(b->p);
	*b = (struct bytes){0};
}

static void
bytes_clear(struct bytes *b)
{
	free(b->p);
	*b = (struct bytes){0};
}

static void
set_up(struct channel *ch, bool up)
{
	struct commit *m = &ch->c->trial->commit;

	ch->up = up;
	if (up)
		commit_peer_up(m, loop_now());
	else
		commit_peer_down(m);
	trial_poll(ch->c);
}

/* Neither what is on its way nor what waits counts any more. */
static void
begin_anew(struct channel *ch)
{
	link_restart(&ch->link, &ch->conf);
	stream_reset(&ch->stream);
	bytes_clear(&ch->in);
	bytes_clear(&ch->out);
	if (ch->up)
		set_up(ch, false);
}

/* 1 = one message was taken, 0 = there is no whole one, -1 = malformed. */
static int
take_message(struct channel *ch)
{
	struct rd r = rd_init(ch->in.p, ch->in.len);
	size_t len = rd_u32(&r);
	struct commit_line line;
	struct commit_msg m;

	if (r.bad)
		return 0;
	if (len > COMMIT_MSG_MAX)
		return -1;
	if (rd_left(&r) < len)
		return 0;
	if (!commit_decode(r.p, len, &m, &line))
		return -1;
	commit_message(&ch->c->trial->commit, &m, loop_now());
	bytes_drop(&ch->in, LENGTH_SIZE + len);
	return 1;
}

static void
on_payload(void *arg, enum frame_kind kind, const uint8_t *payload, size_t len, struct instant now)
{
	struct channel *ch = arg;
	const uint8_t *bytes;
	enum stream_news news;
	size_t n;
	int r;

	stream_input(&ch->stream, now, kind, payload, len, &news);
	if (news == STREAM_RESTARTED) { /* the sessions do not match */
		begin_anew(ch);
		return;
	}
	while (stream_deliver(&ch->stream, &bytes, &n))
		if (!bytes_add(&ch->in, bytes, n, LENGTH_SIZE + COMMIT_MSG_MAX + FRAME_MAX)) {
			begin_anew(ch);
			return;
		}
	stream_applied(&ch->stream, now);
	while (ch->in.len && (r = take_message(ch)) != 0)
		if (r < 0) {
			begin_anew(ch);
			return;
		}
	trial_poll(ch->c);
}

static void
on_session(void *arg, struct instant now)
{
	struct channel *ch = arg;

	(void)now;
	stream_reset(&ch->stream);
	bytes_clear(&ch->in);
	bytes_clear(&ch->out);
	set_up(ch, true);
}

bool
channel_send(struct channel *ch, const struct commit_msg *m)
{
	size_t size = LENGTH_SIZE + 64 + COMMIT_LINE_MAX * sizeof(struct commit_id) + m->len, len;
	uint8_t *buf;
	bool ok;

	if (!ch || !ch->up || !(buf = malloc(size)))
		return false;
	len = commit_encode(m, buf + LENGTH_SIZE, size - LENGTH_SIZE);
	struct wr w = wr_init(buf, LENGTH_SIZE);
	wr_u32(&w, (uint32_t)len);
	ok = len && bytes_add(&ch->out, buf, LENGTH_SIZE + len, OUT_MAX);
	free(buf);
	return ok;
}

static bool
same_wire(const struct ipc_sync_conf *a, const struct ipc_sync_conf *b)
{
	return a->cluster_id == b->cluster_id && a->ethertype == b->ethertype &&
	       sodium_memcmp(a->key, b->key, sizeof(a->key)) == 0 && a->n_devs == b->n_devs &&
	       memcmp(a->devs, b->devs, sizeof(a->devs)) == 0;
}

static void
configure(struct channel *ch)
{
	struct stream_conf sc = {.frames = FRAMES, .burst = BURST};
	bool on = ch->c->rev.ha.enabled && ch->c->rev.sync.n_devs > 0;

	if (ch->on && on && same_wire(&ch->conf, &ch->c->rev.sync))
		return;
	if (ch->up)
		set_up(ch, false);
	link_close(&ch->link);
	bytes_clear(&ch->in);
	bytes_clear(&ch->out);
	free(ch->stream_mem);
	ch->stream_mem = NULL;
	ch->conf = ch->c->rev.sync;
	ch->on = on;
	if (!on)
		return;
	link_configure(&ch->link, &ch->conf);
	sc.payload_max = link_payload_max(&ch->link);
	ch->stream_mem = aligned_alloc(16, (stream_memory(&sc) + 15) & ~(size_t)15);
	if (!ch->stream_mem) {
		ch->on = false;
		link_close(&ch->link);
		return;
	}
	stream_init(&ch->stream, &sc, ch->stream_mem);
	loop_timer(&ch->c->loop, &ch->timer, loop_now());
}

/*
 * A change of what the nodes hear each other by is made when both are done with it: until then they
 * speak as before.
 */
static bool
may_rewire(const struct channel *ch, struct instant now)
{
	const struct commit *m = &ch->c->trial->commit;

	return instant_reached(now, ch->rewire_at) &&
	       (m->phase == COMMIT_IDLE ||
		       (m->phase == COMMIT_TRIAL &&
			       (!m->joined || !m->peer_known ||
				       commit_id_equal(&m->peer_trial, &m->trial))));
}

void
channel_rewire(struct channel *ch)
{
	ch->rewire_at = instant_add(loop_now(), ch->on ? REWIRE_NS : 0);
	loop_timer(&ch->c->loop, &ch->timer, loop_now());
}

/* patient: the engine's word alone is not enough, as long as something comes from the peer. */
static bool
peer_is_dead(const struct channel *ch, struct instant now, bool patient)
{
	int64_t silence = instant_sub(now, ch->link.heard);
	struct node_status s;

	if (patient && silence < SILENT_NS)
		return false;
	return silence > SLOW_NS || !pages_node_status(ch->c, &s) || s.peer != PEER_ALIVE;
}

static void
check(struct channel *ch, struct instant now, bool patient)
{
	ch->checked = now;
	link_check(&ch->link);
	if (ch->up && peer_is_dead(ch, now, patient))
		set_up(ch, false);
	else if (!ch->up && link_reachable(&ch->link, now))
		begin_anew(ch); /* it was away for long: both sides begin with their state */
}

void
channel_check(struct channel *ch)
{
	if (ch && ch->on)
		check(ch, loop_now(), false);
}

static void
channel_work(void *arg, struct instant now)
{
	struct channel *ch = arg;
	uint8_t payload[STREAM_PAYLOAD_MAX];
	enum frame_kind kind;
	struct instant next;
	size_t len;

	if (may_rewire(ch, now)) {
		ch->rewire_at = INSTANT_NEVER;
		configure(ch);
	}
	if (!ch->on)
		return;
	if (instant_sub(now, ch->checked) >= CHECK_NS)
		check(ch, now, true);
	next = instant_min(instant_add(ch->checked, CHECK_NS), link_poll(&ch->link, now));
	next = instant_min(next, ch->rewire_at);
	if (instant_reached(now, next)) /* rewire_at, and it may not yet */
		next = instant_add(ch->checked, CHECK_NS);
	if (ch->link.session.established) {
		size_t n = stream_put_bytes(
			&ch->stream, ch->out.p + ch->out.done, ch->out.len - ch->out.done, now);

		ch->out.done += n;
		if (n)
			stream_flush(&ch->stream, true);
		if (ch->out.len && ch->out.done == ch->out.len)
			bytes_clear(&ch->out);
		while ((len = stream_output(&ch->stream, now, payload, &kind)) > 0)
			link_send(&ch->link, now, kind, payload, len);
		next = instant_min(next, stream_deadline(&ch->stream));
	}
	loop_timer(&ch->c->loop, &ch->timer, next);
}

static void
channel_timer(struct loop_timer *t, struct instant now)
{
	(void)t; /* what is due is done in channel_work() */
	(void)now;
}

struct channel *
channel_open(struct config *c)
{
	struct channel *ch = calloc(1, sizeof(*ch));

	if (!ch)
		return NULL;
	ch->c = c;
	link_init(&ch->link, &c->loop, SESSION_CONFIG);
	ch->link.on_payload = on_payload;
	ch->link.on_session = on_session;
	ch->link.arg = ch;
	ch->timer.fn = channel_timer;
	ch->rewire_at = INSTANT_NEVER;
	c->loop.after = channel_work;
	c->loop.after_arg = ch;
	configure(ch);
	return ch;
}

void
channel_close(struct channel *ch)
{
	ch->c->loop.after = NULL;
	loop_timer_stop(&ch->c->loop, &ch->timer);
	link_close(&ch->link);
	bytes_clear(&ch->in);
	bytes_clear(&ch->out);
	free(ch->stream_mem);
	sodium_memzero(&ch->conf, sizeof(ch->conf));
	free(ch);
}
