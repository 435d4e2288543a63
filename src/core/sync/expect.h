/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An expected connection: what a helper of the kernel (FTP, TFTP) has read in a flow, its master.
 * The first packet that fits is taken for a part of that, whatever the rules say of new
 * connections, and is translated like it. Rare: one for each data connection.
 */
#pragma once
#include "base/wire.h"
#include "core/sync/flow.h"

#define EXPECT_FN_LEN     32   /* "nat-follow-master", with NUL */
#define EXPECT_FLAGS_MASK 0x3u /* the kernel's NF_CT_EXPECT_PERMANENT, _INACTIVE */
#define EXPECT_CLASSES    4    /* NF_CT_MAX_EXPECT_CLASSES */
#define EXPECT_LIFE_S     300  /* what the kernel gives those of FTP and TFTP */

struct expect {
	uint8_t family;              /* of all tuples: 4 or 6 */
	uint8_t proto, master_proto; /* of what is expected, of the master */
	struct flow_tuple tuple;     /* what is expected; of the source only what the mask says */
	struct flow_tuple mask;      /* src and sport */
	struct flow_tuple master;    /* original direction */
	uint32_t flags, class;
	uint32_t timeout_s;           /* left; not on the wire */
	bool nat;                     /* the announced address was replaced: it was … */
	uint8_t nat_dir;              /* … (0 original, 1 reply direction) … */
	struct flow_tuple saved;      /* … src and sport */
	char helper[FLOW_HELPER_LEN]; /* "" = none */
	char fn[EXPECT_FN_LEN];       /* what the kernel does when it comes; "" = nothing */
};

/* Only protocols with ports are carried. */
static inline bool
expect_ports(uint8_t proto)
{
	return flow_shape(proto) == FLOW_PORTS && !flow_proto_excluded(proto);
}

/* What is expected identifies it: family, protocol, tuple. */
bool expect_same(const struct expect *a, const struct expect *b);
uint64_t expect_hash(const struct expect *x, uint64_t key);
/* The master as a question to the kernel: family, protocol, original tuple. */
struct flow expect_master(const struct expect *x);

/*
 * As bytes; `whole`: everything, else what identifies it. Not packed any tighter than that: next to
 * flows they do not count.
 */
void expect_put(struct wr *w, const struct expect *x, bool whole);
/* False: a value that expect_put() would not write. Short input shows in r->bad. */
bool expect_get(struct rd *r, struct expect *x, bool whole);
