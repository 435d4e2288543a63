/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A comparison whose peer sends what it likes, while time passes, walks end, and duty may or may
 * not be ready. Input: what to do (1), how many bytes (1), bytes; again and again.
 */
#include <assert.h>
#include "core/sync/compare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
take(struct compare *c, const uint8_t *data, size_t len, struct instant now, bool standby)
{
	struct sync_decoder d;
	struct sync_record rec;

	sync_decode_begin(&d, data, len);
	while (sync_decode_next(&d, &rec) == SYNC_OK)
		if (rec.kind == SYNC_CONTROL)
			compare_control(c, &rec, now, standby);
}

static void
put(struct compare *c, struct instant now)
{
	struct sync_record rec = {0};
	unsigned n = 0;

	while (compare_next(c, &rec)) {
		struct sync_encoder e;
		uint8_t buf[200];

		sync_encode_begin(&e, buf, sizeof(buf)); /* as much as every frame holds */
		assert(sync_encode_control(&e, &rec) == SYNC_ENCODED);
		compare_put(c, now, &rec);
		assert(++n <= DIGEST_BUCKETS / DIGEST_PAGE_SUMS + 2);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct compare c;
	static struct flow f = {.family = 4, .proto = 17, .has = FLOW_REPLY};
	struct instant now = {NS_PER_S};

	compare_init(&c, NS_PER_S);
	while (size >= 2) {
		size_t len = data[1] < size - 2 ? data[1] : size - 2;
		unsigned what = data[0];

		now = instant_add(now, (what >> 4) * 20 * NS_PER_MS);
		if (compare_poll(&c, now, what & 1))
			compare_begin(&c, now, len, len);
		take(&c, data + 2, len, now, what & 2);
		if (what & 4)
			put(&c, now);
		f.orig.sport = (uint16_t)len;
		compare_mark(&c, &f);
		if (c.walking && what & 8) {
			compare_flow(&c, &f);
			compare_walked(&c, now, (int64_t)len);
		}
		if (compare_settled(&c, now))
			compare_judge(&c, now);
		if (compare_named(&c))
			assert(compare_named_flows(&c) > 0);
		assert(c.page <= DIGEST_BUCKETS / DIGEST_PAGE_SUMS);
		compare_deadline(&c);
		data += 2 + len;
		size -= 2 + len;
	}
	return 0;
}
