/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * struct flow and struct expect to attributes. What the kernel insists on:
 *
 * - With CTA_NAT_* the reply tuple must be the plain inverse of the original one; the kernel works
 * out the translated tuple itself. Given the translated tuple it accepts the flow and does not
 * translate.
 * - Address and port of a translation are given as a range of one, so that a taken tuple is an
 * error and not silently another port.
 * - CTA_STATUS must contain CONFIRMED and may not take anything away.
 * - Window scales are taken only when both directions carry the WINDOW_SCALE flag. A flow whose
 * answer is outstanding therefore loses its scale, and is marked liberal until an update brings
 * both.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include "sys/ctnl.h"

#define TCP_FLAGS_SET (FLOW_TCP_FLAGS_MASK | IP_CT_TCP_FLAG_BE_LIBERAL)

struct out {
	uint8_t *start, *p, *end;
	bool bad;
};

static void *
put_attr(struct out *o, unsigned type, const void *data, size_t len)
{
	size_t total = NLA_ALIGN(NLA_HDRLEN + len);
	struct nlattr h = {.nla_len = (uint16_t)(NLA_HDRLEN + len), .nla_type = (uint16_t)type};
	uint8_t *at = o->p;

	if (o->bad || (size_t)(o->end - o->p) < total) {
		o->bad = true;
		return o->start; /* room for a header is there */
	}
	memcpy(at, &h, sizeof(h));
	if (len) {
		memcpy(at + NLA_HDRLEN, data, len);
		memset(at + NLA_HDRLEN + len, 0, total - NLA_HDRLEN - len);
	}
	o->p += total;
	return at;
}

static void
put_u8(struct out *o, unsigned type, uint8_t v)
{
	put_attr(o, type, &v, sizeof(v));
}

static void
put_be16(struct out *o, unsigned type, uint16_t v)
{
	v = htons(v);
	put_attr(o, type, &v, sizeof(v));
}

static void
put_be32(struct out *o, unsigned type, uint32_t v)
{
	v = htonl(v);
	put_attr(o, type, &v, sizeof(v));
}

static void *
nest_begin(struct out *o, unsigned type)
{
	return put_attr(o, type | NLA_F_NESTED, NULL, 0);
}

static void
nest_end(struct out *o, void *at)
{
	uint16_t len = (uint16_t)(o->p - (uint8_t *)at);

	if (!o->bad)
		memcpy(at, &len, sizeof(len)); /* nla_len comes first */
}

static void
put_proto(struct out *o, const struct flow *f, const struct flow_tuple *t)
{
	void *nest = nest_begin(o, CTA_TUPLE_PROTO);

	put_u8(o, CTA_PROTO_NUM, f->proto);
	switch (flow_shape(f->proto)) {
	case FLOW_PORTS:
		put_be16(o, CTA_PROTO_SRC_PORT, t->sport);
		put_be16(o, CTA_PROTO_DST_PORT, t->dport);
		break;
	case FLOW_ICMP:
		if (f->proto == IPPROTO_ICMP) {
			put_be16(o, CTA_PROTO_ICMP_ID, t->sport);
			put_u8(o, CTA_PROTO_ICMP_TYPE, (uint8_t)(t->dport >> 8));
			put_u8(o, CTA_PROTO_ICMP_CODE, (uint8_t)t->dport);
		} else {
			put_be16(o, CTA_PROTO_ICMPV6_ID, t->sport);
			put_u8(o, CTA_PROTO_ICMPV6_TYPE, (uint8_t)(t->dport >> 8));
			put_u8(o, CTA_PROTO_ICMPV6_CODE, (uint8_t)t->dport);
		}
		break;
	case FLOW_PLAIN:
		break;
	}
	nest_end(o, nest);
}

static void
put_tuple(struct out *o, unsigned type, const struct flow *f, const struct flow_tuple *t)
{
	bool v6 = f->family == 6, reply = type == CTA_TUPLE_REPLY;
	void *nest = nest_begin(o, type), *ip = nest_begin(o, CTA_TUPLE_IP);

	put_attr(o, v6 ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, t->src, v6 ? 16 : 4);
	put_attr(o, v6 ? CTA_IP_V6_DST : CTA_IP_V4_DST, t->dst, v6 ? 16 : 4);
	nest_end(o, ip);
	put_proto(o, f, t);
	if (f->zone_dir == (reply ? FLOW_ZONE_REPLY : FLOW_ZONE_ORIG))
		put_be16(o, CTA_TUPLE_ZONE, f->zone);
	nest_end(o, nest);
}

static void
put_nat_range(
	struct out *o, unsigned type, const struct flow *f, const uint8_t *addr, uint16_t port)
{
	bool v6 = f->family == 6;
	void *nest = nest_begin(o, type), *proto;

	put_attr(o, v6 ? CTA_NAT_V6_MINIP : CTA_NAT_V4_MINIP, addr, v6 ? 16 : 4);
	if (flow_shape(f->proto) == FLOW_PORTS ||
		(flow_shape(f->proto) == FLOW_ICMP && type == CTA_NAT_SRC)) {
		proto = nest_begin(o, CTA_NAT_PROTO);
		put_be16(o, CTA_PROTONAT_PORT_MIN, port);
		nest_end(o, proto);
	}
	nest_end(o, nest);
}

static void
put_nat(struct out *o, const struct flow *f)
{
	unsigned nat = flow_nat(f);
	bool icmp = flow_shape(f->proto) == FLOW_ICMP;

	if (nat & FLOW_SNAT)
		put_nat_range(
			o, CTA_NAT_SRC, f, f->reply.dst, icmp ? f->reply.sport : f->reply.dport);
	if (nat & FLOW_DNAT)
		put_nat_range(o, CTA_NAT_DST, f, f->reply.src, f->reply.sport);
}

static void
put_tcp(struct out *o, const struct flow *f)
{
	bool both = f->tcp.flags[0] & f->tcp.flags[1] & FLOW_TCP_WSCALE;
	bool half =
		f->tcp.state == TCP_CONNTRACK_SYN_SENT || f->tcp.state == TCP_CONNTRACK_SYN_SENT2;
	void *nest = nest_begin(o, CTA_PROTOINFO), *tcp = nest_begin(o, CTA_PROTOINFO_TCP);

	put_u8(o, CTA_PROTOINFO_TCP_STATE, f->tcp.state);
	for (unsigned dir = 0; dir < 2; dir++) {
		struct nf_ct_tcp_flags flags = {.flags = f->tcp.flags[dir], .mask = TCP_FLAGS_SET};

		if (half)
			flags.flags |= IP_CT_TCP_FLAG_BE_LIBERAL;
		put_attr(o, dir ? CTA_PROTOINFO_TCP_FLAGS_REPLY : CTA_PROTOINFO_TCP_FLAGS_ORIGINAL,
			&flags, sizeof(flags));
		if (both)
			put_u8(o,
				dir ? CTA_PROTOINFO_TCP_WSCALE_REPLY
				    : CTA_PROTOINFO_TCP_WSCALE_ORIGINAL,
				f->tcp.scale[dir]);
	}
	nest_end(o, tcp);
	nest_end(o, nest);
}

static void
put_sctp(struct out *o, const struct flow *f)
{
	void *nest = nest_begin(o, CTA_PROTOINFO), *sctp = nest_begin(o, CTA_PROTOINFO_SCTP);

	put_u8(o, CTA_PROTOINFO_SCTP_STATE, f->sctp.state);
	put_be32(o, CTA_PROTOINFO_SCTP_VTAG_ORIGINAL, f->sctp.vtag[0]);
	put_be32(o, CTA_PROTOINFO_SCTP_VTAG_REPLY, f->sctp.vtag[1]);
	nest_end(o, sctp);
	nest_end(o, nest);
}

static void
put_adjust(struct out *o, unsigned type, const struct flow_adjust *a)
{
	void *nest = nest_begin(o, type);

	put_be32(o, CTA_SEQADJ_CORRECTION_POS, a->pos);
	put_be32(o, CTA_SEQADJ_OFFSET_BEFORE, a->before);
	put_be32(o, CTA_SEQADJ_OFFSET_AFTER, a->after);
	nest_end(o, nest);
}

/* What a flow can have besides tuples, timeout and translation. */
static void
put_state(struct out *o, const struct flow *f, bool create)
{
	if (create || f->has & FLOW_STATUS)
		put_be32(o, CTA_STATUS,
			(f->status & (FLOW_STATUS_MASK | FLOW_EXPECTED)) | IPS_CONFIRMED);
	if (f->has & FLOW_TCP)
		put_tcp(o, f);
	if (f->has & FLOW_SCTP)
		put_sctp(o, f);
	if (f->has & FLOW_MARK)
		put_be32(o, CTA_MARK, f->mark);
	if (f->has & FLOW_LABELS)
		put_attr(o, CTA_LABELS, f->labels, sizeof(f->labels));
	if (f->has & FLOW_ADJUST) {
		put_adjust(o, CTA_SEQ_ADJ_ORIG, &f->adjust[0]);
		put_adjust(o, CTA_SEQ_ADJ_REPLY, &f->adjust[1]);
	}
	if (f->has & FLOW_HELPER && create) {
		void *nest = nest_begin(o, CTA_HELP);

		put_attr(o, CTA_HELP_NAME, f->helper, strlen(f->helper) + 1);
		nest_end(
			o, nest_begin(o, CTA_HELP_INFO)); /* lets it pick up from the next packet */
		nest_end(o, nest);
	}
}

static void
put_create(struct out *o, const struct flow *f, uint32_t timeout_s)
{
	struct flow_tuple plain;

	if (!flow_invert(f->family, f->proto, &f->orig, &plain)) {
		o->bad = true;
		return;
	}
	put_tuple(o, CTA_TUPLE_ORIG, f, &f->orig);
	put_tuple(o, CTA_TUPLE_REPLY, f, &plain);
	put_be32(o, CTA_TIMEOUT, timeout_s);
	put_state(o, f, true);
	put_nat(o, f);
	if (f->has & FLOW_MASTER)
		put_tuple(o, CTA_TUPLE_MASTER,
			&(struct flow){.family = f->family, .proto = f->master_proto}, &f->master);
}

/* Room for the headers is kept in front; begin_message() and end_message() are a pair. */
static struct out
begin_message(void *buf, size_t size)
{
	const size_t fixed = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg));

	if (size < fixed)
		return (struct out){.bad = true};
	return (struct out){
		.start = buf, .p = (uint8_t *)buf + fixed, .end = (uint8_t *)buf + size};
}

static size_t
end_message(struct out *o, struct nlmsghdr *h, unsigned type, uint8_t family)
{
	struct nfgenmsg nfg = {.nfgen_family = family == 6 ? AF_INET6 : AF_INET};

	if (o->bad)
		return 0;
	h->nlmsg_type = (uint16_t)type;
	h->nlmsg_len = (uint32_t)(o->p - o->start);
	memcpy(o->start, h, sizeof(*h));
	memcpy(o->start + NLMSG_HDRLEN, &nfg, sizeof(nfg));
	return h->nlmsg_len;
}

size_t
ctnl_build(enum ctnl_op op, const struct flow *f, uint32_t timeout_s, uint32_t seq, void *buf,
	size_t size)
{
	struct nlmsghdr h = {.nlmsg_seq = seq, .nlmsg_flags = NLM_F_REQUEST};
	struct out o = begin_message(buf, size);
	unsigned type = IPCTNL_MSG_CT_NEW;

	if (o.bad)
		return 0;
	switch (op) {
	case CTNL_CREATE:
		h.nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
		put_create(&o, f, timeout_s);
		break;
	case CTNL_UPDATE:
		put_tuple(&o, CTA_TUPLE_ORIG, f, &f->orig);
		if (timeout_s)
			put_be32(&o, CTA_TIMEOUT, timeout_s);
		put_state(&o, f, false);
		break;
	case CTNL_RETIME:
		put_tuple(&o, CTA_TUPLE_ORIG, f, &f->orig);
		put_be32(&o, CTA_TIMEOUT, timeout_s);
		break;
	case CTNL_DELETE:
		type = IPCTNL_MSG_CT_DELETE;
		put_tuple(&o, CTA_TUPLE_ORIG, f, &f->orig);
		break;
	case CTNL_DELETE_REPLY:
		type = IPCTNL_MSG_CT_DELETE;
		put_tuple(&o, CTA_TUPLE_REPLY, f, &f->reply);
		break;
	case CTNL_GET:
		type = IPCTNL_MSG_CT_GET;
		put_tuple(&o, CTA_TUPLE_ORIG, f, &f->orig);
		break;
	}
	if (f->zone && f->zone_dir == FLOW_ZONE_BOTH)
		put_be16(&o, CTA_ZONE, f->zone);
	return end_message(&o, &h, NFNL_SUBSYS_CTNETLINK << 8 | type, f->family);
}

static void
put_expect_nat(struct out *o, const struct expect *x)
{
	void *nest = nest_begin(o, CTA_EXPECT_NAT);

	put_be32(o, CTA_EXPECT_NAT_DIR, x->nat_dir);
	put_tuple(o, CTA_EXPECT_NAT_TUPLE, &(struct flow){.family = x->family, .proto = x->proto},
		&x->saved);
	nest_end(o, nest);
}

/* What a mask says of the destination is the kernel's own business: all of it counts. */
static void
put_expect(struct out *o, const struct expect *x)
{
	const struct flow key = {.family = x->family, .proto = x->proto};
	struct flow_tuple mask = x->mask;

	memset(mask.dst, 0xff, sizeof(mask.dst));
	mask.dport = 0xffff;
	put_tuple(o, CTA_EXPECT_MASK, &key, &mask);
	put_tuple(o, CTA_EXPECT_MASTER,
		&(struct flow){.family = x->family, .proto = x->master_proto}, &x->master);
}

size_t
ctnl_build_expect(enum ctnl_expect_op op, const struct expect *x, uint32_t timeout_s, uint32_t seq,
	void *buf, size_t size)
{
	const struct flow key = {.family = x->family, .proto = x->proto};
	struct nlmsghdr h = {.nlmsg_seq = seq, .nlmsg_flags = NLM_F_REQUEST};
	struct out o = begin_message(buf, size);
	unsigned type = IPCTNL_MSG_EXP_NEW;

	if (o.bad)
		return 0;
	put_tuple(&o, CTA_EXPECT_TUPLE, &key, &x->tuple);
	switch (op) {
	case CTNL_EXPECT_CREATE:
		h.nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
		put_expect(&o, x);
		put_be32(&o, CTA_EXPECT_FLAGS, x->flags);
		put_be32(&o, CTA_EXPECT_CLASS, x->class);
		if (x->helper[0])
			put_attr(&o, CTA_EXPECT_HELP_NAME, x->helper, strlen(x->helper) + 1);
		if (x->fn[0])
			put_attr(&o, CTA_EXPECT_FN, x->fn, strlen(x->fn) + 1);
		if (x->nat)
			put_expect_nat(&o, x);
		break;
	case CTNL_EXPECT_RETIME:
		put_expect(&o, x);
		put_be32(&o, CTA_EXPECT_TIMEOUT, timeout_s);
		break;
	case CTNL_EXPECT_DELETE:
		type = IPCTNL_MSG_EXP_DELETE;
		break;
	}
	return end_message(&o, &h, NFNL_SUBSYS_CTNETLINK_EXP << 8 | type, x->family);
}
