/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clear header of our frames. */
#include "base/wire.h"
#include "core/hb/frame.h"

const char *
frame_reject_name(enum frame_reject r)
{
	static const char *const name[_REJECT_MAX] = {
		[FRAME_OK] = "ok",
		[REJECT_TRUNCATED] = "truncated",
		[REJECT_MAGIC] = "not_ours",
		[REJECT_VERSION] = "other_version",
		[REJECT_KIND] = "unknown_kind",
		[REJECT_CLUSTER] = "other_cluster",
		[REJECT_KEY] = "other_key",
		[REJECT_OWN] = "own_frame",
		[REJECT_SESSION] = "unknown_session",
		[REJECT_SEAL] = "bad_seal",
		[REJECT_REPLAY] = "replayed",
		[REJECT_CONTENT] = "bad_content",
		[REJECT_WIRING] = "wrong_wire",
		[REJECT_PORT] = "no_such_port",
	};

	return r < _REJECT_MAX ? name[r] : "unknown";
}

void
frame_header_encode(const struct frame_header *h, uint8_t *buf)
{
	struct wr w = wr_init(buf, FRAME_HEADER);

	wr_u16(&w, FRAME_MAGIC);
	wr_u8(&w, h->version);
	wr_u8(&w, h->kind);
	wr_u16(&w, h->cluster);
	wr_u16(&w, h->index);
	wr_u32(&w, h->key_id);
	wr_u64(&w, h->session);
	wr_u64(&w, h->counter);
	wr_u16(&w, h->sealed_len);
}

enum frame_reject
frame_header_decode(const uint8_t *frame, size_t len, struct frame_header *out)
{
	struct rd r = rd_init(frame, len);

	if (len < FRAME_HEADER)
		return REJECT_TRUNCATED;
	if (rd_u16(&r) != FRAME_MAGIC)
		return REJECT_MAGIC;
	out->version = rd_u8(&r);
	out->kind = rd_u8(&r);
	out->cluster = rd_u16(&r);
	out->index = rd_u16(&r);
	out->key_id = rd_u32(&r);
	out->session = rd_u64(&r);
	out->counter = rd_u64(&r);
	out->sealed_len = rd_u16(&r);
	if (out->version != FRAME_VERSION)
		return REJECT_VERSION;
	if (out->sealed_len > len - FRAME_HEADER || out->sealed_len < FRAME_TAG)
		return REJECT_TRUNCATED;
	return FRAME_OK;
}
