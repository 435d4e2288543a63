/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flows as bytes: a batch is a run of records that fills the rest of one frame and can be read by
 * itself. What a record has in common with earlier ones of its batch (addresses, ports, TCP
 * options) is said by a four-bit code instead; docs/design/statesync.md has the layout byte by
 * byte.
 *
 * The decoder trusts nothing: any value that an encoder would not write ends the batch with a named
 * reason.
 */
#pragma once
#include "base/wire.h"
#include "core/sync/digest.h"
#include "core/sync/expect.h"
#include "core/sync/flow.h"
#include "core/sync/side.h"

enum sync_kind {
	SYNC_CONTROL,
	SYNC_NEW,    /* everything about a flow: create it, or replace what is there */
	SYNC_UPDATE, /* what changed of a flow */
	SYNC_DESTROY,
	SYNC_EXPECT,   /* everything about an expected connection: create or replace */
	SYNC_UNEXPECT, /* it has come, or does not any more */
	_SYNC_KIND_MAX,
};

enum sync_control {
	SYNC_BULK_REQUEST = 1, /* id, count = 1: only to confirm, I am complete */
	SYNC_BULK_BEGIN,       /* id, count = flows to come, partial = of the named buckets only */
	SYNC_BULK_END,         /* id, count = flows sent */
	SYNC_BULK_DONE,        /* id: everything of it is in my kernel, and nothing else */
	SYNC_TERM,             /* term: what follows happened in this term */
	SYNC_INCOMPLETE,       /* some of it is not in my kernel: I shall ask for a bulk */
	SYNC_SCAN,             /* id, key, log2: sum up your table as it is now, and tell me */
	SYNC_SUMS,             /* id, page, bytes: the answer, page by page */
	SYNC_BUCKETS,          /* page, bytes: of these buckets a partial bulk will be */
	SYNC_VERDICT,          /* id, count = buckets that differed, unsettled = not judged */
	SYNC_OWN,              /* id = 0 for the first, count, bytes: addresses that are mine */
	SYNC_SIDE,             /* something beside flows: side.h */
	_SYNC_CONTROL_MAX,
};

#define SYNC_OWN_BYTES 17                             /* family, address */
#define SYNC_OWN_COUNT (DIGEST_PAGE / SYNC_OWN_BYTES) /* addresses in one record at most */

struct sync_record {
	enum sync_kind kind;
	struct {
		enum sync_control type;
		uint32_t id, count, unsettled;
		uint64_t term, key;
		uint16_t page;
		uint8_t log2;
		bool partial;
	} control; /* SYNC_CONTROL */
	struct {
		uint8_t len;
		const uint8_t *data; /* decoded: in the batch */
	} side;                      /* SYNC_SIDE: 1…SIDE_MAX bytes */
	union {
		struct flow flow;           /* NEW, UPDATE, DESTROY */
		struct expect expect;       /* EXPECT, UNEXPECT */
		uint8_t bytes[DIGEST_PAGE]; /* of some control records */
	};
};

/* Recently used values of one batch: codes 1…14; 0 = follows in full, 15 = differs in the end only.
 */
#define CODEC_DICT 14

struct codec_addrs {
	uint8_t n, next; /* filled, to be replaced next */
	uint8_t a[CODEC_DICT][16];
};

struct codec_words {
	uint8_t n, next;
	uint16_t w[CODEC_DICT];
};

struct codec_dicts {
	struct codec_addrs src[2], dst[2], nat[2]; /* [0] IPv4, [1] IPv6 */
	struct codec_words port, tcp;
};

struct sync_encoder {
	struct wr w;
	unsigned n; /* records in this batch */
	struct codec_dicts d;
};

struct sync_decoder {
	struct rd r;
	struct codec_dicts d;
};

/* Why a batch ended early; each is a counter of that name. */
enum sync_reject {
	SYNC_OK,
	SYNC_END, /* no more records: the proper end */
	SYNC_REJECT_SHORT,
	SYNC_REJECT_KIND,    /* unknown control, reserved bits */
	SYNC_REJECT_CODE,    /* refers to something that was not in the batch */
	SYNC_REJECT_ADDRESS, /* unspecified family, non-canonical */
	SYNC_REJECT_PROTO,
	SYNC_REJECT_STATE, /* TCP or SCTP state out of range */
	SYNC_REJECT_VALUE,
	_SYNC_REJECT_MAX,
};

const char *sync_reject_name(enum sync_reject r);

/* Starts a batch in buf[size]. */
void sync_encode_begin(struct sync_encoder *e, uint8_t *buf, size_t size);
enum sync_encoded {
	SYNC_ENCODED,
	SYNC_FULL, /* does not fit: nothing written, and this batch takes no more records */
	SYNC_ODD,  /* cannot be expressed (an ICMP type without answer): nothing written */
};

/* Appends one flow as NEW (needs FLOW_REPLY), UPDATE or DESTROY (identity only). */
enum sync_encoded sync_encode_flow(
	struct sync_encoder *e, enum sync_kind kind, const struct flow *f);
/* kind: SYNC_EXPECT or SYNC_UNEXPECT. */
enum sync_encoded sync_encode_expect(
	struct sync_encoder *e, enum sync_kind kind, const struct expect *x);
enum sync_encoded sync_encode_control(struct sync_encoder *e, const struct sync_record *rec);

static inline size_t
sync_encode_len(const struct sync_encoder *e)
{
	return wr_len(&e->w);
}

void sync_decode_begin(struct sync_decoder *d, const uint8_t *buf, size_t len);
/* SYNC_OK: *rec is filled in. After anything else the batch is over. */
enum sync_reject sync_decode_next(struct sync_decoder *d, struct sync_record *rec);
