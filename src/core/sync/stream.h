/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The reliable transport between two state syncs: batches of records go out in numbered frames, are
 * handed over in order at the other end, and are acknowledged when they have been *applied* there.
 * Payloads in, payloads out, time as an argument: sealing and sockets belong to the caller, so that
 * the simulator can lose, double and reorder.
 *
 * Each side numbers its own stream. A stream has an epoch: stream_reset() begins a new one, and the
 * receiver of a newer epoch forgets everything of the older. Nothing is allocated after
 * stream_init(); when the buffer is full, records are refused (`overflow`) and the caller begins a
 * new bulk later.
 *
 * DATA: epoch (4) · seq (4) · stamp µs (4) · flags (1) · records
 * ACK: epoch (4) · applied (4) · received in order (4) · window (2) · stamp echoed (4) · its age µs
 * (4) · flows in the sender's table (4) · number of ranges (1) · ranges: first after `received`
 * (2), length (2)
 */
#pragma once
#include "base/time.h"
#include "core/limits.h"
#include "core/hb/frame.h"
#include "core/sync/codec.h"

#define STREAM_PAYLOAD_MAX  (FRAME_MAX - FRAME_HEADER - FRAME_TAG)
#define STREAM_DATA_HEADER  13
#define STREAM_RX_WINDOW    512 /* frames kept that arrived before their turn */
#define STREAM_RESERVE      8   /* frames that only control records may use */
#define STREAM_FRAMES_MIN   64
#define STREAM_RANGES_MAX   32
#define STREAM_GATHER_NS    NS_PER_MS         /* longest time that records wait for company */
#define STREAM_KEEPALIVE_NS (100 * NS_PER_MS) /* an ACK at least that often */

struct stream_conf {
	uint32_t frames;      /* send buffer, at least 4 × STREAM_RESERVE */
	uint32_t burst;       /* data frames sent within one millisecond at most */
	uint16_t payload_max; /* of one frame, at most STREAM_PAYLOAD_MAX */
};

struct stream_counts {
	uint64_t frames_sent, retransmits, acks_sent, frames_received, duplicates, acks_received;
	uint64_t overflow; /* records refused because the buffer was full */
	uint64_t odd;      /* records that cannot be expressed */
	uint64_t rejected; /* payloads that made no sense */
};

/* One frame that is being filled, waits, or is not known to be applied. */
struct stream_slot {
	uint16_t len;
	bool received; /* the peer has it, but has not applied it */
	bool lost;     /* to be sent again */
	uint8_t sends;
	struct instant queued, sent; /* first record put · last sending */
	uint8_t *payload;
};

struct stream_tx {
	uint32_t epoch, una, next, tail; /* oldest unapplied · never sent · being filled */
	uint32_t window;                 /* frames that the peer takes beyond what it has applied */
	bool open;                       /* tail is being filled */
	uint32_t flush_to;               /* frames below this ask for an ACK at once */
	struct sync_encoder enc;
	struct instant newest_delivered; /* sending time of the newest frame that arrived */
	int64_t srtt_ns, rto_ns;
	struct instant rto_at, burst_since;
	uint32_t burst_used, n_lost;
	uint32_t una_slot; /* where una is in slot[] */
	struct stream_slot *slot;
};

struct stream_rx {
	uint32_t epoch, expected, applied; /* next to hand over · last one applied */
	uint32_t highest;                  /* highest seq seen */
	uint32_t unacked;                  /* applied since the last ACK */
	bool ack_now, ack_due;
	struct instant ack_at, acked; /* when the next one is due · the last one went out */
	uint32_t stamp;               /* of the newest frame, to be echoed */
	struct instant stamp_at;
	uint16_t len[STREAM_RX_WINDOW]; /* 0 = empty */
	uint8_t *payload;               /* STREAM_RX_WINDOW × STREAM_PAYLOAD_MAX */
};

struct stream {
	struct stream_conf conf;
	struct stream_tx tx;
	struct stream_rx rx;
	uint32_t flows;      /* this node's table, told in every ACK */
	uint32_t peer_flows; /* what the peer told */
	struct stream_counts count;
};

/* The send buffer of a SyncBufferSize; never so small that a walk could not pass. */
uint32_t stream_frames(uint32_t buffer_kb);
/* Memory that stream_init() needs for this configuration. */
size_t stream_memory(const struct stream_conf *c);
/* `mem` is stream_memory() bytes, aligned to 16, and stays the caller's. Begins with epoch 1. */
void stream_init(struct stream *s, const struct stream_conf *c, void *mem);
/* A new session, or a new start: forgets all that was queued and all that was received. */
void stream_reset(struct stream *s);

/* Puts a record. False when the buffer is full: counted; the peer's table is incomplete from now
 * on. */
bool stream_put_flow(
	struct stream *s, enum sync_kind kind, const struct flow *f, struct instant now);
bool stream_put_expect(
	struct stream *s, enum sync_kind kind, const struct expect *x, struct instant now);
/* The same for what is carried beside flows (side.h), data[len]. False when there is no room: try
 * again later, nothing is counted. */
bool stream_put_side(struct stream *s, const uint8_t *data, size_t len, struct instant now);
/* Control records use the reserve; false only when that is full, too: try again later. */
bool stream_put_control(struct stream *s, const struct sync_record *rec, struct instant now);
/*
 * Bytes instead of records, for a stream that carries nothing else (config's): returns how many of
 * them there was room for. They arrive in order, cut anywhere.
 */
size_t stream_put_bytes(struct stream *s, const uint8_t *bytes, size_t len, struct instant now);
/* What was put so far may go out now; with `urgent` the peer is asked to acknowledge at once. */
void stream_flush(struct stream *s, bool urgent);
/* Frames that flows may still use. */
uint32_t stream_room(const struct stream *s);
/* Frames queued or on their way. */
uint32_t stream_backlog(const struct stream *s);
/* A position in the stream: everything put before this call. Flushes. */
uint32_t stream_mark(struct stream *s);
/* Everything up to the mark has been applied by the peer. */
bool stream_reached(const struct stream *s, uint32_t mark);
/* How long the oldest unapplied record has been waiting, 0 = nothing waits. */
int64_t stream_lag(const struct stream *s, struct instant now);

/*
 * The next payload to be sealed as *kind and sent, written to buf[STREAM_PAYLOAD_MAX]. Returns its
 * length, 0 = nothing now. Call until it returns 0.
 */
size_t stream_output(struct stream *s, struct instant now, uint8_t *buf, enum frame_kind *kind);
/* When stream_output() will have something without new input. */
struct instant stream_deadline(const struct stream *s);

enum stream_news { STREAM_NOTHING, STREAM_RESTARTED };

/*
 * An opened payload from the peer. False: malformed. *news is STREAM_RESTARTED when the peer began
 * a new epoch: what was received before has no continuation.
 */
bool stream_input(struct stream *s, struct instant now, enum frame_kind kind,
	const uint8_t *payload, size_t len, enum stream_news *news);
/* The next batch in order; false when there is none. Valid until the next call of stream_input().
 */
bool stream_deliver(struct stream *s, const uint8_t **records, size_t *len);
/* Everything delivered so far is in the kernel. */
void stream_applied(struct stream *s, struct instant now);

/* stream_rx.c, for stream.c: */
size_t stream_make_ack(struct stream *s, struct instant now, uint8_t *buf);
bool stream_take_data(struct stream *s, struct instant now, const uint8_t *payload, size_t len,
	enum stream_news *news);
void stream_rx_reset(struct stream_rx *rx);
/* stream_tx.c, for stream.c: */
bool stream_take_ack(struct stream *s, struct instant now, const uint8_t *payload, size_t len);
