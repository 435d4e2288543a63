/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Encoding of heartbeats. Every field is checked against its range before anything believes it. */
#include <stddef.h>
#include "base/wire.h"
#include "core/hb/heartbeat.h"
#include "core/node/event.h"

enum claim_flags {
	FLAG_ABLE = 1,
	FLAG_FORCED = 2,
	FLAG_SETTLED = 4,
	FLAG_HOLD = 8,
	FLAG_YIELD = 16,
	FLAG_FLUSHED = 32,
	FLAG_ALL = 63,
};

static void
claim_encode(struct wr *w, const struct claim *c)
{
	wr_u8(w, c->type);
	wr_u8(w, c->role);
	wr_u64(w, c->term);
	wr_u64(w, c->held);
	wr_u8(w, (c->able ? FLAG_ABLE : 0) | (c->forced ? FLAG_FORCED : 0) |
			 (c->settled ? FLAG_SETTLED : 0) | (c->hold ? FLAG_HOLD : 0) |
			 (c->yield ? FLAG_YIELD : 0) | (c->grant_flushed ? FLAG_FLUSHED : 0));
	wr_u8(w, c->terms.carrier);
	wr_bytes(w, c->terms.value, sizeof(c->terms.value));
	wr_u8(w, c->prefer);
	wr_u32(w, c->flows_when_active);
	wr_u64(w, c->want);
	wr_u8(w, c->want_why);
	wr_u64(w, c->grant);
	wr_u64(w, c->refused);
	wr_u8(w, c->refusal);
	wr_u32(w, c->revision);
	wr_bytes(w, c->hash, sizeof(c->hash));
	wr_u32(w, c->interval_ms);
	wr_u32(w, c->failover_ms);
	wr_u8(w, c->sync_state);
	wr_u8(w, c->sync_percent);
	wr_u32(w, c->flows);
}

static bool
terms_valid(const struct quality_terms *t)
{
	for (unsigned i = 0; i < _QUALITY_TERMS; i++)
		if (t->value[i] > 100 && (t->value[i] != QUALITY_UNKNOWN || i == QUALITY_IFACES))
			return false;
	return t->carrier <= 100;
}

static bool
claim_decode(struct rd *r, struct claim *c)
{
	uint8_t type = rd_u8(r), role = rd_u8(r), flags, prefer, want_why;

	c->term = rd_u64(r);
	c->held = rd_u64(r);
	flags = rd_u8(r);
	c->terms.carrier = rd_u8(r);
	rd_bytes(r, c->terms.value, sizeof(c->terms.value));
	prefer = rd_u8(r);
	c->flows_when_active = rd_u32(r);
	c->want = rd_u64(r);
	want_why = rd_u8(r);
	c->grant = rd_u64(r);
	c->refused = rd_u64(r);
	c->refusal = rd_u8(r);
	c->revision = rd_u32(r);
	rd_bytes(r, c->hash, sizeof(c->hash));
	c->interval_ms = rd_u32(r);
	c->failover_ms = rd_u32(r);
	c->sync_state = rd_u8(r);
	c->sync_percent = rd_u8(r);
	c->flows = rd_u32(r);
	if (r->bad || type > NODE_SLAVE || role >= _ROLE_MAX || flags & ~FLAG_ALL ||
		!terms_valid(&c->terms) || prefer > PREFER_SLAVE || want_why >= _WHY_MAX ||
		c->refusal >= _REFUSE_MAX || c->interval_ms < 1 || c->interval_ms > 60000 ||
		c->failover_ms < c->interval_ms || c->failover_ms > 600000 ||
		c->sync_state > SYNC_SYNCED || c->sync_percent > 100 || c->term > TERM_MAX ||
		c->held > c->term || c->want > TERM_MAX || c->grant > TERM_MAX)
		return false;
	c->type = type;
	c->role = role;
	c->prefer = prefer;
	c->want_why = want_why;
	c->able = flags & FLAG_ABLE;
	c->forced = flags & FLAG_FORCED;
	c->settled = flags & FLAG_SETTLED;
	c->hold = flags & FLAG_HOLD;
	c->yield = flags & FLAG_YIELD;
	c->grant_flushed = flags & FLAG_FLUSHED;
	return true;
}

size_t
heartbeat_encode(const struct heartbeat *h, uint8_t *buf, size_t size)
{
	struct wr w = wr_init(buf, size);

	wr_u64(&w, (uint64_t)h->sent.ns);
	wr_u64(&w, (uint64_t)h->echo.ns);
	wr_u32(&w, h->echo_age_us);
	wr_u32(&w, h->silence_us);
	wr_bytes(&w, h->heard, sizeof(h->heard));
	wr_bytes(&w, h->up, sizeof(h->up));
	claim_encode(&w, &h->claim);
	return w.bad ? 0 : wr_len(&w);
}

bool
heartbeat_decode(const uint8_t *buf, size_t len, struct heartbeat *out)
{
	struct rd r = rd_init(buf, len);

	*out = (struct heartbeat){0};
	out->sent.ns = (int64_t)rd_u64(&r);
	out->echo.ns = (int64_t)rd_u64(&r);
	out->echo_age_us = rd_u32(&r);
	out->silence_us = rd_u32(&r);
	rd_bytes(&r, out->heard, sizeof(out->heard));
	rd_bytes(&r, out->up, sizeof(out->up));
	if (!claim_decode(&r, &out->claim)) /* what follows is a newer version's */
		return false;
	if (out->sent.ns <= 0 || out->echo.ns < 0)
		return false;
	out->claim.valid = true;
	return true;
}
