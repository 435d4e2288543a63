/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Neighbour entries and set elements to bytes and back. */
#include <sodium.h>
#include <string.h>
#include "base/wire.h"
#include "core/sync/side.h"

bool
side_neigh_sane(const struct side_neigh *n)
{
	static const uint8_t none[6];

	if ((n->addr.family != 4 && n->addr.family != 6) || !n->iface[0])
		return false;
	if (ip_is_unspecified(&n->addr) || ip_is_multicast(&n->addr) || ip_is_loopback(&n->addr))
		return false;
	if (n->addr.family == 4 && (n->addr.b[0] == 0 || n->addr.b[0] >= 240))
		return false;
	return !(n->mac[0] & 1) && memcmp(n->mac, none, sizeof(none)) != 0;
}

static void
put_neigh(struct wr *w, const struct side_neigh *n)
{
	wr_u8(w, n->addr.family);
	wr_bytes(w, n->addr.b, ip_bytes(n->addr.family));
	wr_bytes(w, n->mac, sizeof(n->mac));
	wr_u8(w, n->router);
	wr_str(w, n->iface);
}

static bool
get_neigh(struct rd *r, struct side_neigh *n)
{
	unsigned router;

	n->addr.family = rd_u8(r);
	if (n->addr.family != 4 && n->addr.family != 6)
		return false;
	rd_bytes(r, n->addr.b, ip_bytes(n->addr.family));
	rd_bytes(r, n->mac, sizeof(n->mac));
	router = rd_u8(r);
	n->router = router;
	rd_str(r, n->iface, sizeof(n->iface));
	return router <= 1 && side_neigh_sane(n);
}

static bool
expr_sane(const struct side_expr *x)
{
	switch (x->kind) {
	case SIDE_COUNTER:
		return !x->burst && !x->type && !x->flags;
	case SIDE_LIMIT:
		return x->a && x->b && x->type <= 1 && x->flags <= 1;
	case SIDE_QUOTA:
		return !x->burst && !x->type && x->flags <= 1;
	case SIDE_LAST:
		return !x->b && !x->burst && !x->type && x->flags <= 1;
	case _SIDE_EXPR_MAX:
		break;
	}
	return false;
}

static bool
elem_sane(const struct side_elem *e)
{
	if (e->key_len == 0 || e->key_len > SIDE_KEY_MAX || e->n_exprs > SIDE_EXPRS_MAX)
		return false;
	if (e->left_ms == 0 || e->left_ms > e->timeout_ms || e->timeout_ms > SIDE_TIMEOUT_MS)
		return false;
	for (unsigned i = 0; i < e->n_exprs; i++)
		if (!expr_sane(&e->expr[i]))
			return false;
	return true;
}

static void
put_elem(struct wr *w, const struct side_elem *e)
{
	wr_u64(w, e->set);
	wr_u8(w, e->key_len);
	wr_bytes(w, e->key, e->key_len);
	wr_uint(w, e->timeout_ms, 5);
	wr_uint(w, e->left_ms, 5);
	wr_u8(w, e->n_exprs);
	for (unsigned i = 0; i < e->n_exprs; i++) {
		const struct side_expr *x = &e->expr[i];

		wr_u8(w, x->kind);
		wr_u64(w, x->a);
		wr_u64(w, x->b);
		wr_u32(w, x->burst);
		wr_u8(w, x->type);
		wr_u8(w, x->flags);
	}
}

static bool
get_elem(struct rd *r, struct side_elem *e)
{
	e->set = rd_u64(r);
	e->key_len = rd_u8(r);
	if (e->key_len > SIDE_KEY_MAX)
		return false;
	rd_bytes(r, e->key, e->key_len);
	e->timeout_ms = rd_uint(r, 5);
	e->left_ms = rd_uint(r, 5);
	e->n_exprs = rd_u8(r);
	if (e->n_exprs > SIDE_EXPRS_MAX)
		return false;
	for (unsigned i = 0; i < e->n_exprs; i++) {
		struct side_expr *x = &e->expr[i];

		x->kind = (enum side_expr_kind)rd_u8(r);
		x->a = rd_u64(r);
		x->b = rd_u64(r);
		x->burst = rd_u32(r);
		x->type = rd_u8(r);
		x->flags = rd_u8(r);
	}
	return elem_sane(e);
}

size_t
side_encode(const struct side_record *rec, uint8_t *buf)
{
	struct wr w = wr_init(buf, SIDE_MAX);

	wr_u8(&w, rec->what);
	switch (rec->what) {
	case SIDE_NEIGH:
		if (!side_neigh_sane(&rec->neigh))
			return 0;
		put_neigh(&w, &rec->neigh);
		break;
	case SIDE_NEIGH_END:
		break;
	case SIDE_ELEM:
		if (!elem_sane(&rec->elem))
			return 0;
		put_elem(&w, &rec->elem);
		break;
	case _SIDE_MAX:
		return 0;
	}
	return w.bad ? 0 : wr_len(&w);
}

enum side_result
side_decode(const uint8_t *data, size_t len, struct side_record *rec)
{
	struct rd r = rd_init(data, len);
	unsigned what = rd_u8(&r);
	bool sane = true;

	memset(rec, 0, sizeof(*rec));
	if (r.bad || what == 0)
		return SIDE_REJECT;
	if (what >= _SIDE_MAX)
		return SIDE_UNKNOWN;
	rec->what = (enum side_what)what;
	switch (rec->what) {
	case SIDE_NEIGH:
		sane = get_neigh(&r, &rec->neigh);
		break;
	case SIDE_NEIGH_END:
		break;
	case SIDE_ELEM:
		sane = get_elem(&r, &rec->elem);
		break;
	case _SIDE_MAX:
		break;
	}
	return sane && rd_done(&r) ? SIDE_OK : SIDE_REJECT;
}

uint64_t
side_set_id(
	uint8_t family, const char *table, const char *name, uint32_t key_type, uint32_t key_len)
{
	crypto_generichash_state st;
	uint8_t head[9], out[crypto_generichash_BYTES_MIN];
	struct wr w = wr_init(head, sizeof(head));
	struct rd r = rd_init(out, sizeof(out));

	wr_u8(&w, family);
	wr_u32(&w, key_type);
	wr_u32(&w, key_len);
	crypto_generichash_init(&st, NULL, 0, sizeof(out));
	crypto_generichash_update(&st, head, sizeof(head));
	crypto_generichash_update(&st, (const uint8_t *)table, strlen(table) + 1);
	crypto_generichash_update(&st, (const uint8_t *)name, strlen(name) + 1);
	crypto_generichash_final(&st, out, sizeof(out));
	return rd_u64(&r);
}
