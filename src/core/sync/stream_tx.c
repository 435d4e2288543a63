/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The sending half: filling frames, sending and sending again.
 *
 * A frame is lost when a frame that was sent clearly later has arrived (RFC 8985 "RACK"): that
 * holds for repeated frames as well. The timer is only for the tail of a burst. Frames stay in the
 * buffer until they are applied at the other end.
 */
#include <assert.h>
#include "core/sync/stream.h"

#define REORDER_NS        NS_PER_MS /* frames on two links may overtake each other by that much */
#define RTO_MIN_NS        (5 * NS_PER_MS)
#define RTO_MAX_NS        (200 * NS_PER_MS)
#define ECHO_MAX_US       (10u * 1000 * 1000)
#define WINDOW_INITIAL    64
#define RESEND_ON_TIMEOUT 2 /* a probe: the answer to it tells what else is missing */

static struct stream_slot *
slot_of(const struct stream *s, uint32_t seq)
{
	return &s->tx.slot[(s->tx.una_slot + (seq - s->tx.una)) % s->conf.frames];
}

uint32_t
stream_frames(uint32_t buffer_kb)
{
	uint64_t frames = (uint64_t)buffer_kb * 1024 / STREAM_PAYLOAD_MAX;

	return frames < STREAM_FRAMES_MIN ? STREAM_FRAMES_MIN : (uint32_t)frames;
}

size_t
stream_memory(const struct stream_conf *c)
{
	return c->frames * (sizeof(struct stream_slot) + STREAM_PAYLOAD_MAX) +
	       STREAM_RX_WINDOW * STREAM_PAYLOAD_MAX;
}

static void
tx_reset(struct stream *s)
{
	struct stream_tx *t = &s->tx;

	t->epoch++;
	t->una = t->next = t->tail = t->flush_to = 1;
	t->una_slot = 0;
	t->window = WINDOW_INITIAL;
	t->open = false;
	t->newest_delivered = t->burst_since = INSTANT_ZERO;
	t->srtt_ns = 0;
	t->rto_ns = 4 * RTO_MIN_NS;
	t->rto_at = INSTANT_NEVER;
	t->burst_used = t->n_lost = 0;
}

void
stream_init(struct stream *s, const struct stream_conf *c, void *mem)
{
	uint8_t *p = mem;

	assert(c->frames >= 4 * STREAM_RESERVE && c->burst > 0);
	assert(c->payload_max > STREAM_DATA_HEADER + 200 && c->payload_max <= STREAM_PAYLOAD_MAX);
	memset(s, 0, sizeof(*s));
	s->conf = *c;
	s->tx.slot = (struct stream_slot *)(void *)p;
	p += c->frames * sizeof(struct stream_slot);
	for (uint32_t i = 0; i < c->frames; i++) {
		s->tx.slot[i] = (struct stream_slot){.payload = p};
		p += STREAM_PAYLOAD_MAX;
	}
	s->rx.payload = p;
	stream_reset(s);
}

void
stream_reset(struct stream *s)
{
	tx_reset(s);
	stream_rx_reset(&s->rx);
	s->peer_flows = 0;
}

uint32_t
stream_backlog(const struct stream *s)
{
	return s->tx.tail - s->tx.una + s->tx.open;
}

uint32_t
stream_room(const struct stream *s)
{
	uint32_t used = stream_backlog(s) + STREAM_RESERVE;

	return used < s->conf.frames ? s->conf.frames - used : 0;
}

/* Begins to fill the next slot. */
static bool
open_frame(struct stream *s, bool control, struct instant now)
{
	struct stream_tx *t = &s->tx;
	struct stream_slot *slot = slot_of(s, t->tail);

	if (t->tail - t->una >= s->conf.frames - (control ? 0 : STREAM_RESERVE))
		return false;
	slot->queued = now;
	slot->sent = INSTANT_ZERO;
	slot->received = slot->lost = false;
	slot->sends = 0;
	sync_encode_begin(&t->enc, slot->payload + STREAM_DATA_HEADER,
		s->conf.payload_max - STREAM_DATA_HEADER);
	t->open = true;
	return true;
}

static void
close_frame(struct stream *s)
{
	struct stream_tx *t = &s->tx;
	struct stream_slot *slot = slot_of(s, t->tail);

	slot->len = (uint16_t)(STREAM_DATA_HEADER + sync_encode_len(&t->enc));
	t->open = false;
	t->tail++;
}

bool
stream_put_flow(struct stream *s, enum sync_kind kind, const struct flow *f, struct instant now)
{
	for (unsigned tries = 0; tries < 2; tries++) {
		if (!s->tx.open && !open_frame(s, false, now)) {
			s->count.overflow++;
			return false;
		}
		switch (sync_encode_flow(&s->tx.enc, kind, f)) {
		case SYNC_ENCODED:
			return true;
		case SYNC_ODD:
			s->count.odd++;
			return true;
		case SYNC_FULL:
			close_frame(s);
		}
	}
	assert(false); /* every record fits into an empty frame */
}

size_t
stream_put_bytes(struct stream *s, const uint8_t *bytes, size_t len, struct instant now)
{
	size_t room = s->conf.payload_max - STREAM_DATA_HEADER, done = 0;

	while (done < len && open_frame(s, false, now)) {
		struct stream_slot *slot = slot_of(s, s->tx.tail);
		size_t n = len - done < room ? len - done : room;

		memcpy(slot->payload + STREAM_DATA_HEADER, bytes + done, n);
		slot->len = (uint16_t)(STREAM_DATA_HEADER + n);
		s->tx.open = false;
		s->tx.tail++;
		done += n;
	}
	return done;
}

bool
stream_put_expect(struct stream *s, enum sync_kind kind, const struct expect *x, struct instant now)
{
	for (unsigned tries = 0; tries < 2; tries++) {
		if (!s->tx.open && !open_frame(s, false, now)) {
			s->count.overflow++;
			return false;
		}
		if (sync_encode_expect(&s->tx.enc, kind, x) == SYNC_ENCODED)
			return true;
		close_frame(s);
	}
	assert(false); /* as above */
}

static bool
put_control(struct stream *s, const struct sync_record *rec, bool reserve, struct instant now)
{
	for (unsigned tries = 0; tries < 2; tries++) {
		if (!s->tx.open && !open_frame(s, reserve, now))
			return false;
		if (sync_encode_control(&s->tx.enc, rec) == SYNC_ENCODED)
			return true;
		close_frame(s);
	}
	assert(false);
}

bool
stream_put_control(struct stream *s, const struct sync_record *rec, struct instant now)
{
	return put_control(s, rec, true, now);
}

bool
stream_put_side(struct stream *s, const uint8_t *data, size_t len, struct instant now)
{
	struct sync_record rec = {.kind = SYNC_CONTROL,
		.control.type = SYNC_SIDE,
		.side = {.len = (uint8_t)len, .data = data}};

	return put_control(s, &rec, false, now);
}

void
stream_flush(struct stream *s, bool urgent)
{
	if (s->tx.open && s->tx.enc.n)
		close_frame(s);
	if (urgent)
		s->tx.flush_to = s->tx.tail;
}

uint32_t
stream_mark(struct stream *s)
{
	stream_flush(s, true);
	return s->tx.tail;
}

bool
stream_reached(const struct stream *s, uint32_t mark)
{
	return (int32_t)(s->tx.una - mark) >= 0;
}

int64_t
stream_lag(const struct stream *s, struct instant now)
{
	if (stream_backlog(s) == 0)
		return 0;
	return instant_sub(now, slot_of(s, s->tx.una)->queued);
}

/* True when one more data frame may go out in this millisecond. */
static bool
burst_left(struct stream *s, struct instant now)
{
	struct stream_tx *t = &s->tx;

	if (instant_sub(now, t->burst_since) >= NS_PER_MS) {
		t->burst_since = now;
		t->burst_used = 0;
	}
	return t->burst_used < s->conf.burst;
}

static size_t
send_slot(struct stream *s, uint32_t seq, struct instant now, uint8_t *buf)
{
	struct stream_tx *t = &s->tx;
	struct stream_slot *slot = slot_of(s, seq);
	struct wr w = wr_init(buf, STREAM_DATA_HEADER);

	wr_u32(&w, t->epoch);
	wr_u32(&w, seq);
	wr_u32(&w, (uint32_t)(now.ns / NS_PER_US));
	/* the last frame of an urgent run, or any that is sent again: tell me at once */
	wr_u8(&w, seq + 1 == t->flush_to || slot->sends > 0);
	assert(!w.bad);
	memcpy(buf + STREAM_DATA_HEADER, slot->payload + STREAM_DATA_HEADER,
		slot->len - (size_t)STREAM_DATA_HEADER);
	slot->sent = now;
	if (slot->sends < UINT8_MAX)
		slot->sends++;
	s->count.frames_sent++;
	t->burst_used++;
	if (t->rto_at.ns == INT64_MAX)
		t->rto_at = instant_add(now, t->rto_ns);
	return slot->len;
}

/* The oldest frames that the peer does not have are to be sent again. */
static void
on_timeout(struct stream *s, struct instant now)
{
	struct stream_tx *t = &s->tx;
	unsigned n = 0;

	for (uint32_t seq = t->una; seq != t->next && n < RESEND_ON_TIMEOUT; seq++) {
		struct stream_slot *slot = slot_of(s, seq);

		if (slot->received)
			continue;
		n++;
		if (!slot->lost && instant_sub(now, slot->sent) >= t->rto_ns) {
			slot->lost = true;
			t->n_lost++;
		}
	}
	t->rto_ns = t->rto_ns * 2 < RTO_MAX_NS ? t->rto_ns * 2 : RTO_MAX_NS;
	t->rto_at = n ? instant_add(now, t->rto_ns) : INSTANT_NEVER;
}

static size_t
resend_lost(struct stream *s, struct instant now, uint8_t *buf)
{
	for (uint32_t seq = s->tx.una; seq != s->tx.next; seq++) {
		struct stream_slot *slot = slot_of(s, seq);

		if (!slot->lost)
			continue;
		slot->lost = false;
		s->tx.n_lost--;
		s->count.retransmits++;
		return send_slot(s, seq, now, buf);
	}
	assert(false); /* n_lost counts them */
}

static bool
window_open(const struct stream *s)
{
	return s->tx.next - s->tx.una < s->tx.window;
}

size_t
stream_output(struct stream *s, struct instant now, uint8_t *buf, enum frame_kind *kind)
{
	struct stream_tx *t = &s->tx;

	*kind = FRAME_SYNC_ACK;
	if (s->rx.ack_now || (s->rx.ack_due && instant_reached(now, s->rx.ack_at)))
		return stream_make_ack(s, now, buf);
	if (instant_reached(now, t->rto_at))
		on_timeout(s, now);
	if (t->open && t->enc.n &&
		instant_sub(now, slot_of(s, t->tail)->queued) >= STREAM_GATHER_NS)
		close_frame(s);
	if (!burst_left(s, now))
		return 0;
	*kind = FRAME_SYNC_DATA;
	if (t->n_lost)
		return resend_lost(s, now, buf);
	if (t->next == t->tail || !window_open(s))
		return 0;
	return send_slot(s, t->next++, now, buf);
}

struct instant
stream_deadline(const struct stream *s)
{
	const struct stream_tx *t = &s->tx;
	struct instant at = t->rto_at;

	if (s->rx.ack_now)
		return INSTANT_ZERO;
	if (s->rx.ack_due)
		at = instant_min(at, s->rx.ack_at);
	if (t->open && t->enc.n)
		at = instant_min(at, instant_add(slot_of(s, t->tail)->queued, STREAM_GATHER_NS));
	if (t->n_lost || (t->next != t->tail && window_open(s)))
		at = instant_min(at, t->burst_used < s->conf.burst
					     ? INSTANT_ZERO
					     : instant_add(t->burst_since, NS_PER_MS));
	return at;
}

/*
 * The peer echoes when its newest frame was sent, and how long ago it came in. Unlike the sending
 * time of a frame that is acknowledged now, that is true for repeated frames as well.
 */
static void
take_echo(struct stream_tx *t, struct instant now, uint32_t stamp, uint32_t age_us)
{
	uint32_t back_us = (uint32_t)(now.ns / NS_PER_US) - stamp, rtt_us = back_us - age_us;
	int64_t rtt = (int64_t)rtt_us * NS_PER_US;

	if (back_us > ECHO_MAX_US || rtt_us > ECHO_MAX_US)
		return; /* made up, or long ago */
	t->newest_delivered =
		instant_max(t->newest_delivered, instant_add(now, -(int64_t)back_us * NS_PER_US));
	t->srtt_ns = t->srtt_ns ? t->srtt_ns + (rtt - t->srtt_ns) / 8 : rtt;
	t->rto_ns = 4 * t->srtt_ns;
	if (t->rto_ns < RTO_MIN_NS)
		t->rto_ns = RTO_MIN_NS;
	if (t->rto_ns > RTO_MAX_NS)
		t->rto_ns = RTO_MAX_NS;
}

/* True when any of them is news. */
static bool
mark_received(struct stream *s, uint32_t from, uint32_t to)
{
	struct stream_tx *t = &s->tx;
	bool news = false;

	for (uint32_t seq = from; seq != to; seq++) {
		struct stream_slot *slot = slot_of(s, seq);

		if (slot->received)
			continue;
		slot->received = news = true;
		if (slot->lost) {
			slot->lost = false;
			t->n_lost--;
		}
	}
	return news;
}

/* Everything that was sent clearly before something that arrived is lost. */
static void
find_lost(struct stream *s)
{
	struct stream_tx *t = &s->tx;

	for (uint32_t seq = t->una; seq != t->next; seq++) {
		struct stream_slot *slot = slot_of(s, seq);

		if (slot->received || slot->lost)
			continue;
		if (instant_sub(t->newest_delivered, slot->sent) > REORDER_NS) {
			slot->lost = true;
			t->n_lost++;
		}
	}
}

/*
 * What an ACK names lies between what was applied before and what has been sent. Distances from
 * `una` are compared, without a sign: differences of differences would wrap around.
 */
static bool
ack_sane(const struct stream_tx *t, uint32_t applied, uint32_t received)
{
	uint32_t n_applied = applied + 1 - t->una, n_received = received + 1 - t->una;

	return n_applied <= n_received && n_received <= t->next - t->una;
}

/* So do its ranges, which come after what was received in order. */
static bool
range_sane(const struct stream_tx *t, uint32_t from, uint32_t to)
{
	return from - t->una <= to - t->una && to - t->una <= t->next - t->una;
}

bool
stream_take_ack(struct stream *s, struct instant now, const uint8_t *payload, size_t len)
{
	struct stream_tx *t = &s->tx;
	struct rd r = rd_init(payload, len);
	uint32_t epoch = rd_u32(&r), applied = rd_u32(&r), received = rd_u32(&r);
	uint32_t window = rd_u16(&r), stamp = rd_u32(&r), age = rd_u32(&r), flows = rd_u32(&r);
	unsigned n = rd_u8(&r);
	bool progress = false;

	if (r.bad || n > STREAM_RANGES_MAX || rd_left(&r) != n * 4u || window > STREAM_RX_WINDOW)
		return false;
	s->peer_flows = flows;
	s->count.acks_received++;
	if (epoch != t->epoch) /* of an earlier stream, or the peer has not heard of this one */
		return true;
	if ((int32_t)(applied + 1 - t->una) < 0)
		return true; /* an older ACK that was overtaken */
	if (!ack_sane(t, applied, received))
		return false;
	t->window = window;
	take_echo(t, now, stamp, age);
	progress |= mark_received(s, t->una, received + 1);
	for (unsigned i = 0; i < n; i++) {
		uint32_t from = received + rd_u16(&r), to = from + rd_u16(&r);

		if (!range_sane(t, from, to))
			return false;
		progress |= mark_received(s, from, to);
	}
	progress |= applied + 1 != t->una;
	t->una_slot = (t->una_slot + (applied + 1 - t->una)) % s->conf.frames;
	t->una = applied + 1;
	if (received + 1 != t->next)
		find_lost(s);
	if (t->una == t->next)
		t->rto_at = INSTANT_NEVER;
	else if (progress) /* a keepalive must not put the timer off */
		t->rto_at = instant_add(now, t->rto_ns);
	return true;
}
