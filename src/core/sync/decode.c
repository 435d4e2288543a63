/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes to flows: mirrors encode.c and believes nothing. */
#include <netinet/in.h>
#include "core/sync/layout.h"

void
sync_decode_begin(struct sync_decoder *d, const uint8_t *buf, size_t len)
{
	memset(d, 0, sizeof(*d));
	d->r = rd_init(buf, len);
}

static enum sync_reject
get_addr(struct rd *r, struct codec_addrs *d, unsigned code, bool v6, uint8_t a[16])
{
	unsigned len = v6 ? 16 : 4, tail = tail_len(v6);

	if (code != CODE_LITERAL && code != CODE_TAIL) {
		if (code > d->n)
			return SYNC_REJECT_CODE;
		memcpy(a, d->a[code - 1], 16);
		return SYNC_OK;
	}
	if (code == CODE_TAIL) {
		if (!d->n)
			return SYNC_REJECT_CODE;
		memcpy(a, dict_newest_addr(d), 16);
		rd_bytes(r, a + len - tail, tail);
	} else {
		rd_bytes(r, a, len);
	}
	dict_push_addr(d, a);
	return SYNC_OK;
}

static bool
get_word(struct rd *r, struct codec_words *d, unsigned code, uint16_t *word)
{
	if (code == CODE_LITERAL) {
		*word = rd_u16(r);
		dict_push_word(d, *word);
		return true;
	}
	if (code > d->n)
		return false;
	*word = d->w[code - 1];
	return true;
}

/* 0 = no such class */
static uint8_t
proto_of(enum proto_class class, bool v6)
{
	switch (class) {
	case CLASS_TCP:
		return IPPROTO_TCP;
	case CLASS_UDP:
		return IPPROTO_UDP;
	case CLASS_ICMP:
		return v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	case CLASS_SCTP:
		return IPPROTO_SCTP;
	case CLASS_GRE:
		return IPPROTO_GRE;
	case CLASS_OTHER:
		break;
	}
	return 0;
}

static enum sync_reject
get_identity(struct sync_decoder *d, unsigned head, unsigned *mid, struct flow *f)
{
	bool v6 = head & HEAD_V6;
	unsigned codes = rd_u8(&d->r);
	enum sync_reject bad;

	*mid = rd_u8(&d->r);
	f->family = v6 ? 6 : 4;
	f->proto = HEAD_CLASS(head) == CLASS_OTHER
			   ? rd_u8(&d->r)
			   : proto_of((enum proto_class)HEAD_CLASS(head), v6);
	if (d->r.bad)
		return SYNC_REJECT_SHORT;
	if (f->proto == 0 || flow_proto_excluded(f->proto))
		return SYNC_REJECT_PROTO;
	bad = get_addr(&d->r, &d->d.src[v6], codes >> 4, v6, f->orig.src);
	if (!bad)
		bad = get_addr(&d->r, &d->d.dst[v6], codes & 15, v6, f->orig.dst);
	if (bad)
		return bad;
	if (flow_shape(f->proto) == FLOW_PLAIN)
		return *mid >> 4 ? SYNC_REJECT_CODE : SYNC_OK;
	f->orig.sport = rd_u16(&d->r);
	if (!get_word(&d->r, &d->d.port, *mid >> 4, &f->orig.dport))
		return SYNC_REJECT_CODE;
	return SYNC_OK;
}

static enum sync_reject
get_nat(struct sync_decoder *d, struct flow *f)
{
	bool v6 = f->family == 6;
	struct codec_addrs *dict = &d->d.nat[v6];
	unsigned what = rd_u8(&d->r);
	enum sync_reject bad = SYNC_OK;

	if (!(what & 0xf0) || (!(what & NAT_SRC_ADDR) && what & 0x0f))
		return SYNC_REJECT_VALUE;
	if (what & (NAT_SRC_PORT | NAT_DST_PORT) && flow_shape(f->proto) == FLOW_PLAIN)
		return SYNC_REJECT_VALUE;
	if (what & NAT_SRC_ADDR)
		bad = get_addr(&d->r, dict, what & 0x0f, v6, f->reply.dst);
	if (bad)
		return bad;
	if (what & NAT_SRC_PORT)
		f->reply.dport = rd_u16(&d->r);
	if (what & NAT_DST_ADDR) {
		unsigned code = rd_u8(&d->r);

		if (code > 15)
			return SYNC_REJECT_CODE;
		bad = get_addr(&d->r, dict, code, v6, f->reply.src);
	}
	if (what & NAT_DST_PORT)
		f->reply.sport = rd_u16(&d->r);
	/* An ICMP reply differs in its identifier only: type and code are the answer's. */
	if (flow_shape(f->proto) == FLOW_ICMP && what & NAT_SRC_PORT)
		return SYNC_REJECT_VALUE;
	return bad;
}

static enum sync_reject
get_tcp(struct sync_decoder *d, struct flow *f)
{
	unsigned b = rd_u8(&d->r);
	uint16_t word;

	if (f->proto != IPPROTO_TCP || (b & 15) >= FLOW_TCP_STATES)
		return SYNC_REJECT_STATE;
	if (!get_word(&d->r, &d->d.tcp, b >> 4, &word))
		return SYNC_REJECT_CODE;
	f->tcp.state = b & 15;
	f->tcp.flags[0] = word >> 11 & 7;
	f->tcp.flags[1] = word >> 8 & 7;
	f->tcp.scale[0] = word >> 4 & 15;
	f->tcp.scale[1] = word & 15;
	if (word >> 14 || f->tcp.scale[0] > FLOW_SCALE_MAX || f->tcp.scale[1] > FLOW_SCALE_MAX)
		return SYNC_REJECT_VALUE;
	f->has |= FLOW_TCP;
	return SYNC_OK;
}

static enum sync_reject
get_ext_rest(struct rd *r, unsigned ext, struct flow *f)
{
	if (ext & EXT_LABELS) {
		rd_bytes(r, f->labels, sizeof(f->labels));
		f->has |= FLOW_LABELS;
	}
	if (ext & EXT_ADJUST) {
		if (f->proto != IPPROTO_TCP)
			return SYNC_REJECT_VALUE;
		for (unsigned i = 0; i < 2; i++) {
			f->adjust[i].pos = rd_u32(r);
			f->adjust[i].before = rd_u32(r);
			f->adjust[i].after = rd_u32(r);
		}
		f->has |= FLOW_ADJUST;
	}
	if (ext & EXT_HELPER) {
		rd_str(r, f->helper, sizeof(f->helper));
		if (!f->helper[0])
			return SYNC_REJECT_VALUE;
		f->has |= FLOW_HELPER;
	}
	if (ext & EXT_SCTP) {
		f->sctp.state = rd_u8(r);
		f->sctp.vtag[0] = rd_u32(r);
		f->sctp.vtag[1] = rd_u32(r);
		if (f->proto != IPPROTO_SCTP || f->sctp.state >= FLOW_SCTP_STATES)
			return SYNC_REJECT_STATE;
		f->has |= FLOW_SCTP;
	}
	return SYNC_OK;
}

/* Who announced this flow: only helpers do, and they know protocols with ports. */
static enum sync_reject
get_master(struct rd *r, struct flow *f)
{
	unsigned len = f->family == 6 ? 16 : 4;

	f->master_proto = rd_u8(r);
	rd_bytes(r, f->master.src, len);
	rd_bytes(r, f->master.dst, len);
	f->master.sport = rd_u16(r);
	f->master.dport = rd_u16(r);
	f->has |= FLOW_MASTER;
	return r->bad || expect_ports(f->master_proto) ? SYNC_OK : SYNC_REJECT_PROTO;
}

static enum sync_reject
get_ext(struct sync_decoder *d, enum sync_kind kind, struct flow *f)
{
	struct rd *r = &d->r;
	unsigned ext = rd_u8(r);
	enum sync_reject bad;

	if (r->bad)
		return SYNC_REJECT_SHORT;
	if (!ext || (kind != SYNC_NEW && ext & EXT_MASTER) ||
		(kind == SYNC_DESTROY && ext != EXT_ZONE))
		return SYNC_REJECT_KIND;
	if (ext & EXT_MARK) {
		f->mark = rd_u32(r);
		f->has |= FLOW_MARK;
	}
	if (ext & EXT_TIMEOUT) {
		f->timeout_s = rd_u32(r);
		f->has |= FLOW_TIMEOUT;
	}
	if (ext & EXT_ZONE) {
		f->zone = rd_u16(r);
		f->zone_dir = rd_u8(r);
		if (!f->zone || f->zone_dir >= _FLOW_ZONE_MAX)
			return SYNC_REJECT_VALUE;
	}
	bad = get_ext_rest(r, ext, f);
	return !bad && ext & EXT_MASTER ? get_master(r, f) : bad;
}

static enum sync_reject
get_flow(struct sync_decoder *d, enum sync_kind kind, unsigned head, struct flow *f)
{
	struct flow_tuple plain;
	unsigned mid;
	enum sync_reject bad = get_identity(d, head, &mid, f);

	if (bad)
		return bad;
	if (!flow_invert(f->family, f->proto, &f->orig, &plain))
		return SYNC_REJECT_PROTO;
	if (kind == SYNC_NEW) {
		f->reply = plain;
		f->has |= FLOW_REPLY;
	} else if (head & HEAD_NAT) {
		return SYNC_REJECT_KIND;
	}
	if (kind == SYNC_DESTROY && mid & 0x0f)
		return SYNC_REJECT_KIND;
	if (mid & MID_STATUS) {
		f->has |= FLOW_STATUS;
		f->status = (mid & MID_SEEN ? FLOW_SEEN_REPLY : 0) |
			    (mid & MID_ASSURED ? FLOW_ASSURED : 0);
	} else if (mid & (MID_SEEN | MID_ASSURED)) {
		return SYNC_REJECT_VALUE;
	}
	if (head & HEAD_NAT)
		bad = get_nat(d, f);
	if (!bad && mid & MID_TCP)
		bad = get_tcp(d, f);
	if (!bad && head & HEAD_EXT)
		bad = get_ext(d, kind, f);
	return bad;
}

/* Pages beyond the largest table are refused here; the comparison knows how large it is. */
static enum sync_reject
get_page(struct rd *r, struct sync_record *rec, unsigned buckets_in_page)
{
	rec->control.page = rd_u16(r);
	rd_bytes(r, rec->bytes, sizeof(rec->bytes));
	return rec->control.page < DIGEST_BUCKETS / buckets_in_page ? SYNC_OK : SYNC_REJECT_VALUE;
}

static enum sync_reject
get_compare(struct rd *r, struct sync_record *rec)
{
	if (rec->control.type == SYNC_BUCKETS)
		return get_page(r, rec, DIGEST_PAGE_BITS);
	rec->control.id = rd_u32(r);
	if (rec->control.type == SYNC_SUMS)
		return get_page(r, rec, DIGEST_PAGE_SUMS);
	if (rec->control.type == SYNC_SCAN) {
		rec->control.key = rd_u64(r);
		rec->control.log2 = rd_u8(r);
		if (rec->control.log2 < DIGEST_LOG2_MIN || rec->control.log2 > DIGEST_LOG2_MAX)
			return SYNC_REJECT_VALUE;
	} else if (rec->control.type == SYNC_VERDICT) {
		rec->control.count = rd_u32(r);
		rec->control.unsettled = rd_u32(r);
	} else {
		rec->control.count = rd_u8(r);
		if (rec->control.count > SYNC_OWN_COUNT)
			return SYNC_REJECT_VALUE;
		rd_bytes(r, rec->bytes, rec->control.count * (size_t)SYNC_OWN_BYTES);
	}
	return SYNC_OK;
}

static enum sync_reject
get_control(struct rd *r, unsigned type, struct sync_record *rec)
{
	if (type == 0 || type >= _SYNC_CONTROL_MAX)
		return SYNC_REJECT_KIND;
	rec->control.type = (enum sync_control)type;
	switch (rec->control.type) {
	case SYNC_BULK_DONE:
		rec->control.id = rd_u32(r);
		break;
	case SYNC_BULK_REQUEST:
	case SYNC_BULK_BEGIN:
	case SYNC_BULK_END:
		rec->control.id = rd_u32(r);
		rec->control.count = rd_u32(r);
		if (rec->control.type != SYNC_BULK_BEGIN)
			break;
		type = rd_u8(r);
		if (type > 1)
			return SYNC_REJECT_VALUE;
		rec->control.partial = type;
		break;
	case SYNC_TERM:
		rec->control.term = rd_u64(r);
		break;
	case SYNC_INCOMPLETE:
		break;
	case SYNC_SCAN:
	case SYNC_SUMS:
	case SYNC_BUCKETS:
	case SYNC_VERDICT:
	case SYNC_OWN:
		return get_compare(r, rec);
	case SYNC_SIDE:
		rec->side.len = rd_u8(r);
		rec->side.data = r->p;
		if (rec->side.len == 0 || rec->side.len > SIDE_MAX)
			return SYNC_REJECT_VALUE;
		if (rd_left(r) < rec->side.len)
			return SYNC_REJECT_SHORT;
		r->p += rec->side.len;
		break;
	case _SYNC_CONTROL_MAX:
		break;
	}
	return SYNC_OK;
}

enum sync_reject
sync_decode_next(struct sync_decoder *d, struct sync_record *rec)
{
	enum sync_reject bad;
	unsigned head;

	if (d->r.bad)
		return SYNC_REJECT_SHORT;
	if (rd_left(&d->r) == 0)
		return SYNC_END;
	memset(rec, 0, sizeof(*rec));
	head = rd_u8(&d->r);
	rec->kind = (enum sync_kind)HEAD_KIND(head);
	if (head == HEAD_EXPECT || head == HEAD_UNEXPECT) {
		rec->kind = head == HEAD_EXPECT ? SYNC_EXPECT : SYNC_UNEXPECT;
		bad = expect_get(&d->r, &rec->expect, head == HEAD_EXPECT) ? SYNC_OK
									   : SYNC_REJECT_VALUE;
	} else if (rec->kind == SYNC_CONTROL) {
		bad = get_control(&d->r, head, rec);
	} else {
		bad = get_flow(d, rec->kind, head, &rec->flow);
	}
	if (!bad && d->r.bad)
		bad = SYNC_REJECT_SHORT;
	if (bad)
		d->r.bad = true; /* the batch is over */
	return bad;
}
