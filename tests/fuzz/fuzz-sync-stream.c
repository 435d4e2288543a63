/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Payloads that a peer with the right key could send: frames and acknowledgements, in any order,
 * while this side sends, too. Input: length (1), kind and flags (1), payload; again and again.
 */
#include <assert.h>
#include <stdlib.h>
#include "core/sync/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
send_something(struct stream *s, struct instant now)
{
	struct sync_record rec = {.control = {.type = SYNC_TERM, .term = 1}};
	uint8_t out[STREAM_PAYLOAD_MAX];
	enum frame_kind kind;
	unsigned n = 0;

	stream_put_control(s, &rec, now);
	stream_flush(s, true);
	while (stream_output(s, now, out, &kind) > 0)
		assert(++n < 1000);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct stream_conf c = {.frames = 64, .burst = 8, .payload_max = 300};
	struct instant now = {NS_PER_S};
	struct stream s;
	void *mem = aligned_alloc(16, (stream_memory(&c) + 15) & ~(size_t)15);

	assert(mem);
	stream_init(&s, &c, mem);
	while (size >= 2) {
		size_t len = data[0] < size - 2 ? data[0] : size - 2;
		bool ack = data[1] & 1;
		const uint8_t *records;
		enum stream_news news;
		size_t n;

		now = instant_add(now, (data[1] >> 2) * NS_PER_MS);
		if (data[1] & 2)
			send_something(&s, now);
		stream_input(&s, now, ack ? FRAME_SYNC_ACK : FRAME_SYNC_DATA, data + 2, len, &news);
		while (stream_deliver(&s, &records, &n))
			assert(n > 0 && n <= STREAM_PAYLOAD_MAX);
		stream_applied(&s, now);
		assert(stream_backlog(&s) <= c.frames);
		assert(s.tx.n_lost <= s.tx.next - s.tx.una);
		stream_deadline(&s);
		data += 2 + len;
		size -= 2 + len;
	}
	free(mem);
	return 0;
}
