/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A batch from the sync link. What is accepted must survive being written and read again: then the
 * decoder accepts nothing that an encoder would not mean.
 */
#include <assert.h>
#include "core/sync/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
again(const struct sync_record *rec)
{
	struct sync_encoder e;
	struct sync_decoder d;
	struct sync_record twin;
	uint8_t buf[512];

	sync_encode_begin(&e, buf, sizeof(buf));
	if (rec->kind == SYNC_CONTROL)
		assert(sync_encode_control(&e, rec) == SYNC_ENCODED);
	else if (rec->kind == SYNC_EXPECT || rec->kind == SYNC_UNEXPECT)
		assert(sync_encode_expect(&e, rec->kind, &rec->expect) == SYNC_ENCODED);
	else
		assert(sync_encode_flow(&e, rec->kind, &rec->flow) == SYNC_ENCODED);
	sync_decode_begin(&d, buf, sync_encode_len(&e));
	assert(sync_decode_next(&d, &twin) == SYNC_OK);
	assert(twin.kind == rec->kind);
	if (rec->kind == SYNC_CONTROL) {
		assert(memcmp(&twin.control, &rec->control, sizeof(rec->control)) == 0);
		assert(memcmp(twin.bytes, rec->bytes, sizeof(rec->bytes)) == 0);
		return;
	}
	if (rec->kind == SYNC_EXPECT || rec->kind == SYNC_UNEXPECT) {
		assert(memcmp(&twin.expect, &rec->expect, sizeof(twin.expect)) == 0);
		return;
	}
	assert(flow_same(&twin.flow, &rec->flow));
	assert(memcmp(&twin.flow.reply, &rec->flow.reply, sizeof(twin.flow.reply)) == 0);
	assert(twin.flow.status == rec->flow.status && twin.flow.mark == rec->flow.mark);
	assert(flow_nat(&twin.flow) == flow_nat(&rec->flow));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sync_decoder d;
	struct sync_record rec;
	enum sync_reject r;
	size_t n = 0;

	sync_decode_begin(&d, data, size);
	while ((r = sync_decode_next(&d, &rec)) == SYNC_OK) {
		again(&rec);
		assert(++n <= size); /* every record takes at least a byte */
	}
	assert(sync_reject_name(r)[0] != '?');
	return 0;
}
