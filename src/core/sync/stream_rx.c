/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The receiving half: putting frames in order, and saying what has come and what is applied. */
#include <assert.h>
#include "core/sync/stream.h"

#define ACK_EVERY    16              /* frames */
#define ACK_SPACE_NS (2 * NS_PER_MS) /* at once, but no more often unless the peer asks */

static uint16_t *
len_of(struct stream_rx *rx, uint32_t seq)
{
	return &rx->len[seq % STREAM_RX_WINDOW];
}

static uint8_t *
payload_of(struct stream_rx *rx, uint32_t seq)
{
	return rx->payload + (size_t)(seq % STREAM_RX_WINDOW) * STREAM_PAYLOAD_MAX;
}

void
stream_rx_reset(struct stream_rx *rx)
{
	rx->epoch = rx->applied = rx->highest = rx->unacked = 0;
	rx->expected = 1;
	rx->ack_now = false;
	rx->ack_due = true; /* the first keepalive goes out at once */
	rx->ack_at = rx->acked = INSTANT_ZERO;
	rx->stamp = 0;
	rx->stamp_at = INSTANT_ZERO;
	memset(rx->len, 0, sizeof(rx->len));
}

static void
ack_soon(struct stream_rx *rx, struct instant now)
{
	struct instant at = instant_max(now, instant_add(rx->acked, ACK_SPACE_NS));

	rx->ack_at = rx->ack_due ? instant_min(rx->ack_at, at) : at;
	rx->ack_due = true;
}

/* False: of an epoch that is over. */
static bool
check_epoch(struct stream *s, uint32_t epoch, enum stream_news *news)
{
	struct stream_rx *rx = &s->rx;

	if (epoch == rx->epoch)
		return true;
	if (epoch == 0 || (rx->epoch && (int32_t)(epoch - rx->epoch) < 0))
		return false;
	if (rx->epoch)
		*news = STREAM_RESTARTED;
	stream_rx_reset(rx);
	rx->epoch = epoch;
	return true;
}

bool
stream_take_data(struct stream *s, struct instant now, const uint8_t *payload, size_t len,
	enum stream_news *news)
{
	struct stream_rx *rx = &s->rx;
	struct rd r = rd_init(payload, len);
	uint32_t epoch = rd_u32(&r), seq = rd_u32(&r), stamp = rd_u32(&r);
	unsigned flags = rd_u8(&r);

	if (r.bad || flags > 1 || rd_left(&r) == 0 || len > STREAM_PAYLOAD_MAX)
		return false;
	if (!check_epoch(s, epoch, news))
		return true;
	s->count.frames_received++;
	rx->stamp = stamp;
	rx->stamp_at = now;
	if ((int32_t)(seq - rx->expected) >= 0 && seq - rx->applied > STREAM_RX_WINDOW)
		return true; /* beyond what we offered: it will come again */
	if ((int32_t)(seq - rx->expected) < 0 || *len_of(rx, seq)) {
		s->count.duplicates++;
		rx->ack_now = true; /* our last ACK was lost */
		return true;
	}
	*len_of(rx, seq) = (uint16_t)rd_left(&r);
	memcpy(payload_of(rx, seq), r.p, rd_left(&r));
	if (flags || seq != rx->highest + 1)
		rx->ack_now = true; /* asked for, or a gap begins or closes */
	if ((int32_t)(seq - rx->highest) > 0)
		rx->highest = seq;
	ack_soon(rx, now);
	return true;
}

bool
stream_deliver(struct stream *s, const uint8_t **records, size_t *len)
{
	struct stream_rx *rx = &s->rx;

	/* applied + window frames at most: a slot must not be reused before it is applied */
	if (rx->expected - rx->applied > STREAM_RX_WINDOW || !*len_of(rx, rx->expected))
		return false;
	*records = payload_of(rx, rx->expected);
	*len = *len_of(rx, rx->expected);
	*len_of(rx, rx->expected) = 0;
	rx->expected++;
	return true;
}

void
stream_applied(struct stream *s, struct instant now)
{
	struct stream_rx *rx = &s->rx;

	if (rx->applied == rx->expected - 1)
		return;
	rx->unacked += rx->expected - 1 - rx->applied;
	rx->applied = rx->expected - 1;
	if (rx->unacked >= ACK_EVERY)
		rx->ack_now = true;
	else
		ack_soon(rx, now);
}

static unsigned
put_ranges(struct stream_rx *rx, struct wr *w, uint32_t received)
{
	uint32_t seq = rx->expected;
	unsigned n = 0;

	while (n < STREAM_RANGES_MAX && (int32_t)(rx->highest - seq) >= 0) {
		uint32_t from;

		while ((int32_t)(rx->highest - seq) >= 0 && !*len_of(rx, seq))
			seq++;
		from = seq;
		while ((int32_t)(rx->highest - seq) >= 0 && *len_of(rx, seq))
			seq++;
		if (from == seq)
			break;
		wr_u16(w, from - received);
		wr_u16(w, seq - from);
		n++;
	}
	return n;
}

size_t
stream_make_ack(struct stream *s, struct instant now, uint8_t *buf)
{
	struct stream_rx *rx = &s->rx;
	struct wr w = wr_init(buf, STREAM_PAYLOAD_MAX);
	uint32_t received = rx->expected - 1;
	uint8_t *n_at;

	wr_u32(&w, rx->epoch);
	wr_u32(&w, rx->applied);
	wr_u32(&w, received);
	wr_u16(&w, STREAM_RX_WINDOW);
	wr_u32(&w, rx->stamp);
	wr_u32(&w, (uint32_t)(instant_sub(now, rx->stamp_at) / NS_PER_US));
	wr_u32(&w, s->flows);
	n_at = w.p;
	wr_u8(&w, 0);
	*n_at = (uint8_t)put_ranges(rx, &w, received);
	assert(!w.bad);
	rx->acked = now;
	rx->ack_now = false;
	rx->ack_due = true; /* the next one as keepalive */
	rx->ack_at = instant_add(now, STREAM_KEEPALIVE_NS);
	rx->unacked = 0;
	s->count.acks_sent++;
	return wr_len(&w);
}

bool
stream_input(struct stream *s, struct instant now, enum frame_kind kind, const uint8_t *payload,
	size_t len, enum stream_news *news)
{
	bool ok = false;

	*news = STREAM_NOTHING;
	if (kind == FRAME_SYNC_DATA)
		ok = stream_take_data(s, now, payload, len, news);
	else if (kind == FRAME_SYNC_ACK)
		ok = stream_take_ack(s, now, payload, len);
	if (!ok)
		s->count.rejected++;
	return ok;
}
