/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attributes to struct flow and struct expect. Walks the attributes itself instead of filling
 * tables by callbacks: this runs once per event of the active node.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include "sys/ctnl.h"

/* A run of attributes; `at` moves on. */
struct attrs {
	const uint8_t *at, *end;
	bool bad;
};

struct attr {
	unsigned type, len;
	const uint8_t *data;
};

static bool
next_attr(struct attrs *as, struct attr *a)
{
	struct nlattr h;
	size_t left = (size_t)(as->end - as->at), step;

	if (left == 0)
		return false;
	if (left < NLA_HDRLEN) {
		as->bad = true;
		return false;
	}
	memcpy(&h, as->at, sizeof(h));
	if (h.nla_len < NLA_HDRLEN || h.nla_len > left) {
		as->bad = true;
		return false;
	}
	a->type = h.nla_type & NLA_TYPE_MASK;
	a->len = h.nla_len - NLA_HDRLEN;
	a->data = as->at + NLA_HDRLEN;
	step = NLA_ALIGN(h.nla_len);
	as->at += step < left ? step : left;
	return true;
}

static struct attrs
nested(const struct attr *a)
{
	return (struct attrs){.at = a->data, .end = a->data + a->len};
}

static uint32_t
be_uint(struct attrs *as, const struct attr *a, unsigned size)
{
	uint32_t v = 0;

	if (a->len != size) {
		as->bad = true;
		return 0;
	}
	for (unsigned i = 0; i < size; i++)
		v = v << 8 | a->data[i];
	return v;
}

static void
get_bytes(struct attrs *as, const struct attr *a, void *dst, unsigned size)
{
	if (a->len == size)
		memcpy(dst, a->data, size);
	else
		as->bad = true;
}

static void
parse_ip(const struct attr *outer, struct flow_tuple *t, struct attrs *up)
{
	struct attrs as = nested(outer);
	struct attr a;

	while (next_attr(&as, &a)) {
		switch (a.type) {
		case CTA_IP_V4_SRC:
			get_bytes(&as, &a, t->src, 4);
			break;
		case CTA_IP_V4_DST:
			get_bytes(&as, &a, t->dst, 4);
			break;
		case CTA_IP_V6_SRC:
			get_bytes(&as, &a, t->src, 16);
			break;
		case CTA_IP_V6_DST:
			get_bytes(&as, &a, t->dst, 16);
			break;
		}
	}
	up->bad |= as.bad;
}

static void
parse_proto(const struct attr *outer, uint8_t *proto, struct flow_tuple *t, struct attrs *up)
{
	struct attrs as = nested(outer);
	struct attr a;

	while (next_attr(&as, &a)) {
		switch (a.type) {
		case CTA_PROTO_NUM:
			*proto = (uint8_t)be_uint(&as, &a, 1);
			break;
		case CTA_PROTO_SRC_PORT:
		case CTA_PROTO_ICMP_ID:
		case CTA_PROTO_ICMPV6_ID:
			t->sport = (uint16_t)be_uint(&as, &a, 2);
			break;
		case CTA_PROTO_DST_PORT:
			t->dport = (uint16_t)be_uint(&as, &a, 2);
			break;
		case CTA_PROTO_ICMP_TYPE:
		case CTA_PROTO_ICMPV6_TYPE:
			t->dport |= (uint16_t)(be_uint(&as, &a, 1) << 8);
			break;
		case CTA_PROTO_ICMP_CODE:
		case CTA_PROTO_ICMPV6_CODE:
			t->dport |= (uint16_t)be_uint(&as, &a, 1);
			break;
		}
	}
	up->bad |= as.bad;
}

static void
parse_tuple(const struct attr *outer, struct flow *f, bool reply, struct attrs *up)
{
	struct flow_tuple *t = reply ? &f->reply : &f->orig;
	struct attrs as = nested(outer);
	struct attr a;

	while (next_attr(&as, &a)) {
		switch (a.type) {
		case CTA_TUPLE_IP:
			parse_ip(&a, t, &as);
			break;
		case CTA_TUPLE_PROTO:
			parse_proto(&a, &f->proto, t, &as);
			break;
		case CTA_TUPLE_ZONE:
			f->zone = (uint16_t)be_uint(&as, &a, 2);
			f->zone_dir = reply ? FLOW_ZONE_REPLY : FLOW_ZONE_ORIG;
			break;
		}
	}
	up->bad |= as.bad;
}

static void
parse_tcp(const struct attr *outer, struct flow *f, struct attrs *up)
{
	struct attrs as = nested(outer);
	struct nf_ct_tcp_flags flags;
	struct attr a;
	unsigned dir;

	while (next_attr(&as, &a)) {
		switch (a.type) {
		case CTA_PROTOINFO_TCP_STATE:
			f->tcp.state = (uint8_t)be_uint(&as, &a, 1);
			if (f->tcp.state < FLOW_TCP_STATES)
				f->has |= FLOW_TCP;
			break;
		case CTA_PROTOINFO_TCP_WSCALE_ORIGINAL:
		case CTA_PROTOINFO_TCP_WSCALE_REPLY:
			dir = a.type == CTA_PROTOINFO_TCP_WSCALE_REPLY;
			f->tcp.scale[dir] = (uint8_t)be_uint(&as, &a, 1);
			if (f->tcp.scale[dir] > FLOW_SCALE_MAX)
				f->tcp.scale[dir] = FLOW_SCALE_MAX;
			break;
		case CTA_PROTOINFO_TCP_FLAGS_ORIGINAL:
		case CTA_PROTOINFO_TCP_FLAGS_REPLY:
			dir = a.type == CTA_PROTOINFO_TCP_FLAGS_REPLY;
			memset(&flags, 0, sizeof(flags));
			get_bytes(&as, &a, &flags, sizeof(flags));
			f->tcp.flags[dir] = flags.flags & FLOW_TCP_FLAGS_MASK;
			break;
		}
	}
	up->bad |= as.bad;
}

static void
parse_sctp(const struct attr *outer, struct flow *f, struct attrs *up)
{
	struct attrs as = nested(outer);
	struct attr a;

	while (next_attr(&as, &a)) {
		switch (a.type) {
		case CTA_PROTOINFO_SCTP_STATE:
			f->sctp.state = (uint8_t)be_uint(&as, &a, 1);
			if (f->sctp.state < FLOW_SCTP_STATES)
				f->has |= FLOW_SCTP;
			break;
		case CTA_PROTOINFO_SCTP_VTAG_ORIGINAL:
			f->sctp.vtag[0] = be_uint(&as, &a, 4);
			break;
		case CTA_PROTOINFO_SCTP_VTAG_REPLY:
			f->sctp.vtag[1] = be_uint(&as, &a, 4);
			break;
		}
	}
	up->bad |= as.bad;
}

static void
parse_protoinfo(const struct attr *outer, struct flow *f, struct attrs *up)
{
	struct attrs as = nested(outer);
	struct attr a;

	while (next_attr(&as, &a)) {
		if (a.type == CTA_PROTOINFO_TCP)
			parse_tcp(&a, f, &as);
		else if (a.type == CTA_PROTOINFO_SCTP)
			parse_sctp(&a, f, &as);
	}
	up->bad |= as.bad;
}

static void
parse_adjust(const struct attr *outer, struct flow *f, unsigned dir, struct attrs *up)
{
	struct attrs as = nested(outer);
	struct attr a;

	while (next_attr(&as, &a)) {
		switch (a.type) {
		case CTA_SEQADJ_CORRECTION_POS:
			f->adjust[dir].pos = be_uint(&as, &a, 4);
			break;
		case CTA_SEQADJ_OFFSET_BEFORE:
			f->adjust[dir].before = be_uint(&as, &a, 4);
			break;
		case CTA_SEQADJ_OFFSET_AFTER:
			f->adjust[dir].after = be_uint(&as, &a, 4);
			break;
		}
	}
	f->has |= FLOW_ADJUST;
	up->bad |= as.bad;
}

/* A terminated string into dst[size]. */
static void
get_name(struct attrs *as, const struct attr *a, char *dst, size_t size)
{
	if (a->len < 2 || a->len > size || a->data[a->len - 1] != '\0' ||
		memchr(a->data, 0, a->len - 1)) {
		as->bad = true;
		return;
	}
	memcpy(dst, a->data, a->len);
}

static void
parse_help(const struct attr *outer, struct flow *f, struct attrs *up)
{
	struct attrs as = nested(outer);
	struct attr a;

	while (next_attr(&as, &a)) {
		if (a.type != CTA_HELP_NAME)
			continue;
		get_name(&as, &a, f->helper, sizeof(f->helper));
		if (!as.bad)
			f->has |= FLOW_HELPER;
	}
	up->bad |= as.bad;
}

static void
parse_master(const struct attr *outer, struct flow *f, struct attrs *up)
{
	struct flow master = {.family = f->family};

	parse_tuple(outer, &master, false, up);
	if (!expect_ports(master.proto))
		return;
	f->master_proto = master.proto;
	f->master = master.orig;
	f->has |= FLOW_MASTER;
}

static void
parse_start(const struct attr *outer, struct flow *f, struct attrs *up)
{
	struct attrs as = nested(outer);
	uint8_t be[8] = {0};
	struct attr a;

	while (next_attr(&as, &a)) {
		if (a.type != CTA_TIMESTAMP_START)
			continue;
		get_bytes(&as, &a, be, sizeof(be));
		f->start_ns = 0;
		for (unsigned i = 0; i < sizeof(be); i++)
			f->start_ns = f->start_ns << 8 | be[i];
	}
	up->bad |= as.bad;
}

static void
parse_rest(struct attrs *as, const struct attr *a, struct flow *f)
{
	switch (a->type) {
	case CTA_TIMEOUT:
		f->timeout_s = be_uint(as, a, 4);
		f->has |= FLOW_TIMEOUT;
		break;
	case CTA_MARK:
		f->mark = be_uint(as, a, 4);
		f->has |= FLOW_MARK;
		break;
	case CTA_ZONE:
		f->zone = (uint16_t)be_uint(as, a, 2);
		f->zone_dir = FLOW_ZONE_BOTH;
		break;
	case CTA_LABELS:
		get_bytes(as, a, f->labels, sizeof(f->labels));
		f->has |= FLOW_LABELS;
		break;
	case CTA_HELP:
		parse_help(a, f, as);
		break;
	case CTA_TUPLE_MASTER:
		parse_master(a, f, as);
		break;
	case CTA_TIMESTAMP:
		parse_start(a, f, as);
		break;
	case CTA_SEQ_ADJ_ORIG:
		parse_adjust(a, f, 0, as);
		break;
	case CTA_SEQ_ADJ_REPLY:
		parse_adjust(a, f, 1, as);
		break;
	}
}

static bool
parse_attrs(struct attrs as, struct flow *f)
{
	bool orig = false;
	struct attr a;

	while (next_attr(&as, &a)) {
		switch (a.type) {
		case CTA_TUPLE_ORIG:
			parse_tuple(&a, f, false, &as);
			orig = true;
			break;
		case CTA_TUPLE_REPLY:
			parse_tuple(&a, f, true, &as);
			f->has |= FLOW_REPLY;
			break;
		case CTA_STATUS:
			f->status = be_uint(&as, &a, 4) & FLOW_STATUS_MASK;
			f->has |= FLOW_STATUS;
			break;
		case CTA_PROTOINFO:
			parse_protoinfo(&a, f, &as);
			break;
		default: /* not ours, or rare */
			parse_rest(&as, &a, f);
		}
	}
	if (f->proto != IPPROTO_TCP)
		f->has &= ~(uint32_t)(FLOW_TCP | FLOW_ADJUST);
	if (f->proto != IPPROTO_SCTP)
		f->has &= ~(uint32_t)FLOW_SCTP;
	return orig && !as.bad;
}

/* No label set is as good as none; the kernel sends the attribute whenever labels are in use. */
static void
drop_empty(struct flow *f)
{
	static const uint8_t none[FLOW_LABELS_LEN];
	static const struct flow_adjust zero[2];

	if (f->has & FLOW_LABELS && memcmp(f->labels, none, sizeof(none)) == 0)
		f->has &= ~(uint32_t)FLOW_LABELS;
	if (f->has & FLOW_ADJUST && memcmp(f->adjust, zero, sizeof(zero)) == 0)
		f->has &= ~(uint32_t)FLOW_ADJUST;
	if (!f->zone)
		f->zone_dir = FLOW_ZONE_BOTH;
}

/* What message it is, its family and its attributes. 0, CTNL_IGNORED (another kind of message,
 * another family) or -EBADMSG. `subsys`: the one that is wanted. */
static int
open_message(const void *msg, size_t len, unsigned subsys, struct nlmsghdr *h, uint8_t *family,
	struct attrs *as)
{
	const size_t fixed = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct nfgenmsg));
	struct nfgenmsg nfg;

	if (len < NLMSG_HDRLEN)
		return -EBADMSG;
	memcpy(h, msg, sizeof(*h));
	if (h->nlmsg_len < NLMSG_HDRLEN || h->nlmsg_len > len)
		return -EBADMSG;
	if (h->nlmsg_type >> 8 != subsys)
		return CTNL_IGNORED;
	if (h->nlmsg_len < fixed)
		return -EBADMSG;
	memcpy(&nfg, (const uint8_t *)msg + NLMSG_HDRLEN, sizeof(nfg));
	*family = nfg.nfgen_family == AF_INET ? 4 : nfg.nfgen_family == AF_INET6 ? 6 : 0;
	*as = (struct attrs){
		.at = (const uint8_t *)msg + fixed, .end = (const uint8_t *)msg + h->nlmsg_len};
	return *family ? 0 : CTNL_IGNORED;
}

int
ctnl_parse(const void *msg, size_t len, enum sync_kind *kind, struct flow *f)
{
	struct nlmsghdr h;
	struct attrs as;
	uint8_t family;
	int r = open_message(msg, len, NFNL_SUBSYS_CTNETLINK, &h, &family, &as);

	if (r)
		return r;
	if ((h.nlmsg_type & 0xff) == IPCTNL_MSG_CT_DELETE)
		*kind = SYNC_DESTROY;
	else if ((h.nlmsg_type & 0xff) == IPCTNL_MSG_CT_NEW)
		*kind = h.nlmsg_flags & (NLM_F_CREATE | NLM_F_MULTI) ? SYNC_NEW : SYNC_UPDATE;
	else
		return CTNL_IGNORED;
	memset(f, 0, sizeof(*f));
	f->family = family;
	if (!parse_attrs(as, f))
		return -EBADMSG;
	if (f->proto == 0 || flow_proto_excluded(f->proto))
		return CTNL_IGNORED;
	drop_empty(f);
	return CTNL_FLOW;
}

/* A tuple by itself; its protocol to *proto, which may be NULL. */
static void
parse_expect_tuple(const struct attr *outer, uint8_t family, uint8_t *proto, struct flow_tuple *t,
	struct attrs *up)
{
	struct flow f = {.family = family};

	parse_tuple(outer, &f, false, up);
	*t = f.orig;
	if (proto)
		*proto = f.proto;
}

/* What was announced before it was translated: a source address and port. */
static void
parse_expect_nat(const struct attr *outer, struct expect *x, struct attrs *up)
{
	struct attrs as = nested(outer);
	struct attr a;

	while (next_attr(&as, &a)) {
		switch (a.type) {
		case CTA_EXPECT_NAT_DIR:
			x->nat_dir = be_uint(&as, &a, 4) ? 1 : 0;
			break;
		case CTA_EXPECT_NAT_TUPLE:
			parse_expect_tuple(&a, x->family, NULL, &x->saved, &as);
			x->nat = true;
			break;
		}
	}
	up->bad |= as.bad;
}

static bool
parse_expect_attrs(struct attrs as, struct expect *x)
{
	struct attr a;

	while (next_attr(&as, &a)) {
		switch (a.type) {
		case CTA_EXPECT_TUPLE:
			parse_expect_tuple(&a, x->family, &x->proto, &x->tuple, &as);
			break;
		case CTA_EXPECT_MASK:
			parse_expect_tuple(&a, x->family, NULL, &x->mask, &as);
			break;
		case CTA_EXPECT_MASTER:
			parse_expect_tuple(&a, x->family, &x->master_proto, &x->master, &as);
			break;
		case CTA_EXPECT_NAT:
			parse_expect_nat(&a, x, &as);
			break;
		case CTA_EXPECT_TIMEOUT:
			x->timeout_s = be_uint(&as, &a, 4);
			break;
		case CTA_EXPECT_FLAGS:
			x->flags = be_uint(&as, &a, 4) & EXPECT_FLAGS_MASK;
			break;
		case CTA_EXPECT_CLASS:
			x->class = be_uint(&as, &a, 4);
			break;
		case CTA_EXPECT_HELP_NAME:
			get_name(&as, &a, x->helper, sizeof(x->helper));
			break;
		case CTA_EXPECT_FN:
			get_name(&as, &a, x->fn, sizeof(x->fn));
			break;
		}
	}
	return !as.bad;
}

int
ctnl_parse_expect(const void *msg, size_t len, enum sync_kind *kind, struct expect *x)
{
	static const struct flow_tuple none;
	struct nlmsghdr h;
	struct attrs as;
	uint8_t family;
	int r = open_message(msg, len, NFNL_SUBSYS_CTNETLINK_EXP, &h, &family, &as);

	if (r)
		return r;
	if ((h.nlmsg_type & 0xff) == IPCTNL_MSG_EXP_DELETE)
		*kind = SYNC_UNEXPECT;
	else if ((h.nlmsg_type & 0xff) == IPCTNL_MSG_EXP_NEW)
		*kind = SYNC_EXPECT;
	else
		return CTNL_IGNORED;
	memset(x, 0, sizeof(*x));
	x->family = family;
	if (!parse_expect_attrs(as, x))
		return -EBADMSG;
	if (!expect_ports(x->proto) || !expect_ports(x->master_proto) || x->class >= EXPECT_CLASSES)
		return CTNL_IGNORED;
	/* of the mask only the source says anything, of what was saved too */
	memcpy(x->mask.dst, none.dst, sizeof(none.dst));
	memcpy(x->saved.dst, none.dst, sizeof(none.dst));
	x->mask.dport = x->saved.dport = 0;
	x->nat_dir = x->nat ? x->nat_dir : 0;
	return CTNL_EXPECT;
}
