/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flows to bytes. The layout is layout.h's, explained in docs/design/statesync.md. */
#include <assert.h>
#include <netinet/in.h>
#include "core/sync/layout.h"

const char *
sync_reject_name(enum sync_reject r)
{
	static const char *const name[_SYNC_REJECT_MAX] = {
		[SYNC_OK] = "ok",
		[SYNC_END] = "end",
		[SYNC_REJECT_SHORT] = "short",
		[SYNC_REJECT_KIND] = "bad_kind",
		[SYNC_REJECT_CODE] = "bad_code",
		[SYNC_REJECT_ADDRESS] = "bad_address",
		[SYNC_REJECT_PROTO] = "bad_proto",
		[SYNC_REJECT_STATE] = "bad_state",
		[SYNC_REJECT_VALUE] = "bad_value",
	};

	return r < _SYNC_REJECT_MAX && name[r] ? name[r] : "?";
}

void
sync_encode_begin(struct sync_encoder *e, uint8_t *buf, size_t size)
{
	e->w = wr_init(buf, size);
	e->n = 0;
	for (unsigned v6 = 0; v6 < 2; v6++) {
		e->d.src[v6].n = e->d.src[v6].next = 0;
		e->d.dst[v6].n = e->d.dst[v6].next = 0;
		e->d.nat[v6].n = e->d.nat[v6].next = 0;
	}
	e->d.port.n = e->d.port.next = 0;
	e->d.tcp.n = e->d.tcp.next = 0;
}

/* The code for an address; learns it when it has to be spelled out. */
static unsigned
addr_code(struct codec_addrs *d, bool v6, const uint8_t a[16])
{
	unsigned tail = tail_len(v6), len = v6 ? 16 : 4, code = CODE_LITERAL;

	for (unsigned i = 0; i < d->n; i++)
		if (memcmp(d->a[i], a, 16) == 0)
			return i + 1;
	if (d->n && memcmp(dict_newest_addr(d), a, len - tail) == 0)
		code = CODE_TAIL;
	dict_push_addr(d, a);
	return code;
}

static void
put_addr(struct wr *w, unsigned code, bool v6, const uint8_t a[16])
{
	unsigned len = v6 ? 16 : 4, tail = tail_len(v6);

	if (code == CODE_LITERAL)
		wr_bytes(w, a, len);
	else if (code == CODE_TAIL)
		wr_bytes(w, a + len - tail, tail);
}

static unsigned
word_code(struct codec_words *d, uint16_t word)
{
	for (unsigned i = 0; i < d->n; i++)
		if (d->w[i] == word)
			return i + 1;
	dict_push_word(d, word);
	return CODE_LITERAL;
}

static enum proto_class
class_of(uint8_t family, uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return CLASS_TCP;
	case IPPROTO_UDP:
		return CLASS_UDP;
	case IPPROTO_SCTP:
		return CLASS_SCTP;
	case IPPROTO_GRE:
		return CLASS_GRE;
	case IPPROTO_ICMP:
		return family == 4 ? CLASS_ICMP : CLASS_OTHER;
	case IPPROTO_ICMPV6:
		return family == 6 ? CLASS_ICMP : CLASS_OTHER;
	default:
		return CLASS_OTHER;
	}
}

/* Translation byte and what differs from `plain`, the untranslated reply. */
static void
put_nat(struct sync_encoder *e, const struct flow *f, const struct flow_tuple *plain)
{
	bool v6 = f->family == 6;
	struct codec_addrs *d = &e->d.nat[v6];
	unsigned code, what = 0;

	if (memcmp(plain->dst, f->reply.dst, 16) != 0)
		what |= NAT_SRC_ADDR;
	if (plain->dport != f->reply.dport)
		what |= NAT_SRC_PORT;
	if (memcmp(plain->src, f->reply.src, 16) != 0)
		what |= NAT_DST_ADDR;
	if (plain->sport != f->reply.sport)
		what |= NAT_DST_PORT;
	code = what & NAT_SRC_ADDR ? addr_code(d, v6, f->reply.dst) : 0;
	wr_u8(&e->w, what | code);
	if (what & NAT_SRC_ADDR)
		put_addr(&e->w, code, v6, f->reply.dst);
	if (what & NAT_SRC_PORT)
		wr_u16(&e->w, f->reply.dport);
	if (what & NAT_DST_ADDR) {
		code = addr_code(d, v6, f->reply.src);
		wr_u8(&e->w, code);
		put_addr(&e->w, code, v6, f->reply.src);
	}
	if (what & NAT_DST_PORT)
		wr_u16(&e->w, f->reply.sport);
}

static void
put_tcp(struct sync_encoder *e, const struct flow *f)
{
	uint16_t word = tcp_word(f->tcp.flags, f->tcp.scale);
	unsigned code = word_code(&e->d.tcp, word);

	wr_u8(&e->w, code << 4 | f->tcp.state);
	if (code == CODE_LITERAL)
		wr_u16(&e->w, word);
}

static unsigned
ext_of(enum sync_kind kind, const struct flow *f)
{
	unsigned ext = f->zone ? EXT_ZONE : 0;

	if (kind == SYNC_DESTROY)
		return ext;
	if (f->has & FLOW_MARK && (f->mark || kind == SYNC_UPDATE))
		ext |= EXT_MARK;
	if (f->has & FLOW_TIMEOUT)
		ext |= EXT_TIMEOUT;
	if (f->has & FLOW_LABELS)
		ext |= EXT_LABELS;
	if (f->has & FLOW_ADJUST)
		ext |= EXT_ADJUST;
	if (f->has & FLOW_HELPER)
		ext |= EXT_HELPER;
	if (f->has & FLOW_SCTP)
		ext |= EXT_SCTP;
	if (f->has & FLOW_MASTER && kind == SYNC_NEW)
		ext |= EXT_MASTER;
	return ext;
}

static void
put_ext(struct wr *w, unsigned ext, const struct flow *f)
{
	unsigned len = f->family == 6 ? 16 : 4;

	wr_u8(w, ext);
	if (ext & EXT_MARK)
		wr_u32(w, f->mark);
	if (ext & EXT_TIMEOUT)
		wr_u32(w, f->timeout_s);
	if (ext & EXT_ZONE) {
		wr_u16(w, f->zone);
		wr_u8(w, f->zone_dir);
	}
	if (ext & EXT_LABELS)
		wr_bytes(w, f->labels, sizeof(f->labels));
	if (ext & EXT_ADJUST) {
		for (unsigned i = 0; i < 2; i++) {
			wr_u32(w, f->adjust[i].pos);
			wr_u32(w, f->adjust[i].before);
			wr_u32(w, f->adjust[i].after);
		}
	}
	if (ext & EXT_HELPER)
		wr_str(w, f->helper);
	if (ext & EXT_SCTP) {
		wr_u8(w, f->sctp.state);
		wr_u32(w, f->sctp.vtag[0]);
		wr_u32(w, f->sctp.vtag[1]);
	}
	if (ext & EXT_MASTER) {
		wr_u8(w, f->master_proto);
		wr_bytes(w, f->master.src, len);
		wr_bytes(w, f->master.dst, len);
		wr_u16(w, f->master.sport);
		wr_u16(w, f->master.dport);
	}
}

/* Codes, protocol, addresses and ports: who talks to whom. */
static void
put_identity(struct sync_encoder *e, const struct flow *f, unsigned mid, enum proto_class class)
{
	enum flow_shape shape = flow_shape(f->proto);
	bool v6 = f->family == 6;
	unsigned src = addr_code(&e->d.src[v6], v6, f->orig.src);
	unsigned dst = addr_code(&e->d.dst[v6], v6, f->orig.dst);
	unsigned port = shape == FLOW_PLAIN ? 0 : word_code(&e->d.port, f->orig.dport);

	wr_u8(&e->w, src << 4 | dst);
	wr_u8(&e->w, port << 4 | mid);
	if (class == CLASS_OTHER)
		wr_u8(&e->w, f->proto);
	put_addr(&e->w, src, v6, f->orig.src);
	put_addr(&e->w, dst, v6, f->orig.dst);
	if (shape == FLOW_PLAIN)
		return;
	wr_u16(&e->w, f->orig.sport);
	if (port == CODE_LITERAL)
		wr_u16(&e->w, f->orig.dport);
}

enum sync_encoded
sync_encode_flow(struct sync_encoder *e, enum sync_kind kind, const struct flow *f)
{
	enum proto_class class = class_of(f->family, f->proto);
	unsigned ext = ext_of(kind, f), head, mid = 0;
	struct flow_tuple plain;
	bool nat = false, tcp = kind != SYNC_DESTROY && f->has & FLOW_TCP;
	uint8_t *start = e->w.p;

	assert(kind == SYNC_NEW || kind == SYNC_UPDATE || kind == SYNC_DESTROY);
	if (!flow_invert(f->family, f->proto, &f->orig, &plain))
		return SYNC_ODD; /* nor what becomes of it: the peer would miss the flow */
	if (kind == SYNC_NEW) {
		if (!(f->has & FLOW_REPLY))
			return SYNC_ODD;
		nat = memcmp(&plain, &f->reply, sizeof(plain)) != 0;
	}
	if (kind != SYNC_DESTROY && f->has & FLOW_STATUS) {
		mid = MID_STATUS;
		if (f->status & FLOW_SEEN_REPLY)
			mid |= MID_SEEN;
		if (f->status & FLOW_ASSURED)
			mid |= MID_ASSURED;
	}
	head = (unsigned)kind << 6 | (f->family == 6 ? HEAD_V6 : 0) | (unsigned)class << 2;
	wr_u8(&e->w, head | (nat ? HEAD_NAT : 0) | (ext ? HEAD_EXT : 0));
	put_identity(e, f, mid | (tcp ? MID_TCP : 0), class);
	if (nat)
		put_nat(e, f, &plain);
	if (tcp)
		put_tcp(e, f);
	if (ext)
		put_ext(&e->w, ext, f);
	if (e->w.bad) {
		e->w.p = start;
		return SYNC_FULL;
	}
	e->n++;
	return SYNC_ENCODED;
}

/* What the comparison of tables says. */
static void
put_compare(struct wr *w, const struct sync_record *rec)
{
	if (rec->control.type != SYNC_BUCKETS)
		wr_u32(w, rec->control.id);
	if (rec->control.type == SYNC_SCAN) {
		wr_u64(w, rec->control.key);
		wr_u8(w, rec->control.log2);
	} else if (rec->control.type == SYNC_VERDICT) {
		wr_u32(w, rec->control.count);
		wr_u32(w, rec->control.unsettled);
	} else if (rec->control.type == SYNC_OWN) {
		wr_u8(w, rec->control.count);
		wr_bytes(w, rec->bytes, rec->control.count * (size_t)SYNC_OWN_BYTES);
	} else {
		wr_u16(w, rec->control.page);
		wr_bytes(w, rec->bytes, sizeof(rec->bytes));
	}
}

enum sync_encoded
sync_encode_expect(struct sync_encoder *e, enum sync_kind kind, const struct expect *x)
{
	uint8_t *start = e->w.p;

	assert(kind == SYNC_EXPECT || kind == SYNC_UNEXPECT);
	wr_u8(&e->w, kind == SYNC_EXPECT ? HEAD_EXPECT : HEAD_UNEXPECT);
	expect_put(&e->w, x, kind == SYNC_EXPECT);
	if (e->w.bad) {
		e->w.p = start;
		return SYNC_FULL;
	}
	e->n++;
	return SYNC_ENCODED;
}

enum sync_encoded
sync_encode_control(struct sync_encoder *e, const struct sync_record *rec)
{
	uint8_t *start = e->w.p;

	wr_u8(&e->w, rec->control.type);
	switch (rec->control.type) {
	case SYNC_BULK_DONE:
		wr_u32(&e->w, rec->control.id);
		break;
	case SYNC_BULK_REQUEST:
	case SYNC_BULK_BEGIN:
	case SYNC_BULK_END:
		wr_u32(&e->w, rec->control.id);
		wr_u32(&e->w, rec->control.count);
		if (rec->control.type == SYNC_BULK_BEGIN)
			wr_u8(&e->w, rec->control.partial);
		break;
	case SYNC_TERM:
		wr_u64(&e->w, rec->control.term);
		break;
	case SYNC_INCOMPLETE:
		break;
	case SYNC_SCAN:
	case SYNC_SUMS:
	case SYNC_BUCKETS:
	case SYNC_VERDICT:
	case SYNC_OWN:
		put_compare(&e->w, rec);
		break;
	case SYNC_SIDE:
		assert(rec->side.len > 0 && rec->side.len <= SIDE_MAX);
		wr_u8(&e->w, rec->side.len);
		wr_bytes(&e->w, rec->side.data, rec->side.len);
		break;
	case _SYNC_CONTROL_MAX:
		assert(false);
	}
	if (e->w.bad) {
		e->w.p = start;
		return SYNC_FULL;
	}
	e->n++;
	return SYNC_ENCODED;
}
