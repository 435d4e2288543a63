/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Expected connections: identity and bytes. */
#include <string.h>
#include "core/sync/expect.h"

/* Second byte of a record. */
#define BIT_V6    0x01
#define BIT_NAT   0x02
#define BIT_REPLY 0x04 /* nat_dir */
#define BITS      0x07

bool
expect_same(const struct expect *a, const struct expect *b)
{
	return a->family == b->family && a->proto == b->proto &&
	       memcmp(&a->tuple, &b->tuple, sizeof(a->tuple)) == 0;
}

uint64_t
expect_hash(const struct expect *x, uint64_t key)
{
	struct flow f = {.family = x->family, .proto = x->proto, .orig = x->tuple};

	return flow_hash(&f, ~key); /* never the hash of a flow */
}

struct flow
expect_master(const struct expect *x)
{
	return (struct flow){.family = x->family, .proto = x->master_proto, .orig = x->master};
}

static void
put_source(struct wr *w, const struct flow_tuple *t, bool v6)
{
	wr_bytes(w, t->src, v6 ? 16 : 4);
	wr_u16(w, t->sport);
}

static void
put_tuple(struct wr *w, const struct flow_tuple *t, bool v6)
{
	put_source(w, t, v6);
	wr_bytes(w, t->dst, v6 ? 16 : 4);
	wr_u16(w, t->dport);
}

void
expect_put(struct wr *w, const struct expect *x, bool whole)
{
	bool v6 = x->family == 6, nat = whole && x->nat;

	wr_u8(w, (v6 ? BIT_V6 : 0) | (nat ? BIT_NAT : 0) | (nat && x->nat_dir ? BIT_REPLY : 0));
	wr_u8(w, x->proto);
	put_tuple(w, &x->tuple, v6);
	if (!whole)
		return;
	put_source(w, &x->mask, v6);
	wr_u8(w, x->master_proto);
	put_tuple(w, &x->master, v6);
	if (nat)
		put_source(w, &x->saved, v6);
	wr_u8(w, x->flags);
	wr_u8(w, x->class);
	wr_str(w, x->helper);
	wr_str(w, x->fn);
}

static void
get_source(struct rd *r, struct flow_tuple *t, bool v6)
{
	rd_bytes(r, t->src, v6 ? 16 : 4);
	t->sport = rd_u16(r);
}

static void
get_tuple(struct rd *r, struct flow_tuple *t, bool v6)
{
	get_source(r, t, v6);
	rd_bytes(r, t->dst, v6 ? 16 : 4);
	t->dport = rd_u16(r);
}

bool
expect_get(struct rd *r, struct expect *x, bool whole)
{
	unsigned bits = rd_u8(r);
	bool v6 = bits & BIT_V6;

	memset(x, 0, sizeof(*x));
	x->family = v6 ? 6 : 4;
	x->nat = bits & BIT_NAT;
	x->nat_dir = bits & BIT_REPLY ? 1 : 0;
	x->proto = rd_u8(r);
	get_tuple(r, &x->tuple, v6);
	if (bits & ~BITS || (x->nat_dir && !x->nat) || (x->nat && !whole))
		return false;
	if (!expect_ports(x->proto))
		return false;
	if (!whole)
		return true;
	get_source(r, &x->mask, v6);
	x->master_proto = rd_u8(r);
	get_tuple(r, &x->master, v6);
	if (x->nat)
		get_source(r, &x->saved, v6);
	x->flags = rd_u8(r);
	x->class = rd_u8(r);
	rd_str(r, x->helper, sizeof(x->helper));
	rd_str(r, x->fn, sizeof(x->fn));
	return expect_ports(x->master_proto) && !(x->flags & ~EXPECT_FLAGS_MASK) &&
	       x->class < EXPECT_CLASSES;
}
