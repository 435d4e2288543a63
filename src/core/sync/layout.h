/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What encoder and decoder share of the record layout; not for others. */
#pragma once
#include "core/sync/codec.h"

#define CODE_LITERAL 0
#define CODE_TAIL    15 /* addresses: as the newest entry but for the last bytes */

/* First byte: kind (2 bits), IPv6, protocol class (3), translated, extension follows. */
#define HEAD_KIND(b) ((b) >> 6)
/* With the kind of a control record, above the types of those: */
#define HEAD_EXPECT   0x20
#define HEAD_UNEXPECT 0x21
#define HEAD_V6       0x20
#define HEAD_CLASS(b) ((b) >> 2 & 7)
#define HEAD_NAT      0x02
#define HEAD_EXT      0x01

enum proto_class {
	CLASS_TCP,
	CLASS_UDP,
	CLASS_ICMP, /* of the record's family */
	CLASS_SCTP,
	CLASS_GRE,
	CLASS_OTHER = 7, /* the protocol's number follows */
};

/* Third byte: code of the destination port (4 bits), TCP part follows, status known, status (2). */
#define MID_TCP     0x08
#define MID_STATUS  0x04
#define MID_SEEN    0x02
#define MID_ASSURED 0x01

/* Translation byte: what differs, and the code of the new source address. */
#define NAT_SRC_ADDR 0x80
#define NAT_SRC_PORT 0x40
#define NAT_DST_ADDR 0x20
#define NAT_DST_PORT 0x10

/* Extension byte. */
#define EXT_MARK    0x01
#define EXT_TIMEOUT 0x02
#define EXT_ZONE    0x04
#define EXT_LABELS  0x08
#define EXT_ADJUST  0x10
#define EXT_HELPER  0x20
#define EXT_SCTP    0x40
#define EXT_MASTER  0x80

/* Bytes of an address at the end that CODE_TAIL spells out. */
static inline unsigned
tail_len(bool v6)
{
	return v6 ? 8 : 1;
}

static inline void
dict_push_addr(struct codec_addrs *d, const uint8_t a[16])
{
	memcpy(d->a[d->next], a, 16);
	d->next = (uint8_t)(d->next + 1 == CODEC_DICT ? 0 : d->next + 1);
	if (d->n < CODEC_DICT)
		d->n++;
}

static inline const uint8_t *
dict_newest_addr(const struct codec_addrs *d)
{
	return d->a[d->next ? d->next - 1 : CODEC_DICT - 1];
}

static inline void
dict_push_word(struct codec_words *d, uint16_t w)
{
	d->w[d->next] = w;
	d->next = (uint8_t)(d->next + 1 == CODEC_DICT ? 0 : d->next + 1);
	if (d->n < CODEC_DICT)
		d->n++;
}

/* TCP flags of both directions and both scales in one word: 3 + 3 + 4 + 4 bits. */
static inline uint16_t
tcp_word(const uint8_t flags[2], const uint8_t scale[2])
{
	return (uint16_t)((flags[0] & 7) << 11 | (flags[1] & 7) << 8 | (scale[0] & 15) << 4 |
			  (scale[1] & 15));
}
