/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages between the config processes. kind (1) · id (12) · other (12) · highest (4) · timeout
 * (4) · length of the line (1), its ids (12 each) · text to the end.
 */
#include "base/wire.h"
#include "core/commit/commit.h"

#define TIMEOUT_MAX_S 3600

static void
put_id(struct wr *w, const struct commit_id *id)
{
	wr_u32(w, id->number);
	wr_bytes(w, id->hash, COMMIT_HASH);
}

static void
get_id(struct rd *r, struct commit_id *id)
{
	id->number = rd_u32(r);
	rd_bytes(r, id->hash, COMMIT_HASH);
}

size_t
commit_encode(const struct commit_msg *m, uint8_t *buf, size_t size)
{
	struct wr w = wr_init(buf, size);
	unsigned n = m->line ? m->line->n : 0;

	wr_u8(&w, (unsigned)m->kind);
	put_id(&w, &m->id);
	put_id(&w, &m->other);
	wr_u32(&w, m->highest);
	wr_u32(&w, m->timeout_s);
	wr_u8(&w, n);
	for (unsigned i = 0; i < n; i++)
		put_id(&w, &m->line->id[i]);
	wr_bytes(&w, m->text, m->len);
	return w.bad ? 0 : wr_len(&w);
}

bool
commit_decode(const uint8_t *buf, size_t len, struct commit_msg *out, struct commit_line *line)
{
	struct rd r = rd_init(buf, len);
	unsigned kind = rd_u8(&r);

	memset(out, 0, sizeof(*out));
	memset(line, 0, sizeof(*line));
	out->kind = (enum commit_kind)kind;
	get_id(&r, &out->id);
	get_id(&r, &out->other);
	out->highest = rd_u32(&r);
	out->timeout_s = rd_u32(&r);
	line->n = rd_u8(&r);
	if (r.bad || kind < COMMIT_STATE || kind >= _COMMIT_KIND_MAX || line->n > COMMIT_LINE_MAX ||
		out->id.number == 0 || out->timeout_s > TIMEOUT_MAX_S)
		return false;
	for (unsigned i = 0; i < line->n; i++)
		get_id(&r, &line->id[i]);
	out->line = line;
	out->text = (const char *)r.p;
	out->len = rd_left(&r);
	return !r.bad && out->len <= COMMIT_TEXT_MAX &&
	       (kind != COMMIT_APPLY || out->timeout_s > 0);
}
