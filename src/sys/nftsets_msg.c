/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages of nf_tables about sets and elements. Numbers in them are in network order. */
#include <arpa/inet.h>
#include <endian.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include "core/limits.h"
#include "sys/nftsets.h"

#define ATTRS 24 /* more than any of these messages has */

struct attrs {
	const struct nlattr *tb[ATTRS];
};

static int
take_attr(const struct nlattr *attr, void *data)
{
	struct attrs *a = data;

	if (mnl_attr_get_type(attr) < ATTRS)
		a->tb[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

static bool
parse(const struct nlmsghdr *nlh, unsigned type, struct attrs *a)
{
	*a = (struct attrs){0};
	return nlh->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | type) &&
	       mnl_nlmsg_get_payload_len(nlh) >= sizeof(struct nfgenmsg) &&
	       mnl_attr_parse(nlh, sizeof(struct nfgenmsg), take_attr, a) >= 0;
}

static bool
parse_nested(const struct nlattr *attr, struct attrs *a)
{
	*a = (struct attrs){0};
	return attr && mnl_attr_parse_nested(attr, take_attr, a) >= 0;
}

/* 0 when it is not there or of another length. */
static uint32_t
get_u32(const struct nlattr *attr)
{
	uint32_t v;

	if (!attr || mnl_attr_get_payload_len(attr) != sizeof(v))
		return 0;
	memcpy(&v, mnl_attr_get_payload(attr), sizeof(v));
	return ntohl(v);
}

static uint64_t
get_u64(const struct nlattr *attr)
{
	uint64_t v;

	if (!attr || mnl_attr_get_payload_len(attr) != sizeof(v))
		return 0;
	memcpy(&v, mnl_attr_get_payload(attr), sizeof(v));
	return be64toh(v);
}

static bool
get_name(const struct nlattr *attr, char *out, size_t size)
{
	if (!attr || mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) < 0 ||
		mnl_attr_get_payload_len(attr) > size || !mnl_attr_get_str(attr)[0])
		return false;
	strcpy(out, mnl_attr_get_str(attr));
	return true;
}

static uint8_t
family_of(const struct nlmsghdr *nlh)
{
	const struct nfgenmsg *nfg = mnl_nlmsg_get_payload(nlh);

	return nfg->nfgen_family;
}

bool
nftsets_parse_table(const struct nlmsghdr *nlh, uint8_t *family, char *name)
{
	struct attrs a;

	if (!parse(nlh, NFT_MSG_NEWTABLE, &a) ||
		!get_name(a.tb[NFTA_TABLE_NAME], name, NFTSETS_NAME_MAX))
		return false;
	*family = family_of(nlh);
	if (get_u32(a.tb[NFTA_TABLE_FLAGS]) & NFT_TABLE_F_OWNER || a.tb[NFTA_TABLE_OWNER])
		return false; /* belongs to a process, and only it may change it */
	return *family != NFPROTO_INET || strncmp(name, TW_NFT_TABLE, strlen(TW_NFT_TABLE)) != 0;
}

bool
nftsets_parse_set(const struct nlmsghdr *nlh, struct nftset *out)
{
	const uint32_t must = NFT_SET_EVAL | NFT_SET_TIMEOUT;
	const uint32_t must_not = NFT_SET_ANONYMOUS | NFT_SET_CONSTANT | NFT_SET_INTERVAL |
				  NFT_SET_MAP | NFT_SET_OBJECT;
	struct attrs a;
	uint32_t flags;

	*out = (struct nftset){0};
	if (!parse(nlh, NFT_MSG_NEWSET, &a) ||
		!get_name(a.tb[NFTA_SET_TABLE], out->table, sizeof(out->table)) ||
		!get_name(a.tb[NFTA_SET_NAME], out->name, sizeof(out->name)))
		return false;
	flags = get_u32(a.tb[NFTA_SET_FLAGS]);
	if ((flags & must) != must || flags & must_not)
		return false;
	out->family = family_of(nlh);
	out->key_len = get_u32(a.tb[NFTA_SET_KEY_LEN]);
	out->timeout_ms = get_u64(a.tb[NFTA_SET_TIMEOUT]);
	if (!out->key_len || out->key_len > SIDE_KEY_MAX)
		return false;
	out->id = side_set_id(
		out->family, out->table, out->name, get_u32(a.tb[NFTA_SET_KEY_TYPE]), out->key_len);
	return true;
}

static bool
parse_limit(const struct attrs *a, struct side_expr *x)
{
	uint32_t type = get_u32(a->tb[NFTA_LIMIT_TYPE]), flags = get_u32(a->tb[NFTA_LIMIT_FLAGS]);

	if (type > NFT_LIMIT_PKT_BYTES || flags & ~(uint32_t)NFT_LIMIT_F_INV)
		return false;
	x->kind = SIDE_LIMIT;
	x->a = get_u64(a->tb[NFTA_LIMIT_RATE]);
	x->b = get_u64(a->tb[NFTA_LIMIT_UNIT]);
	x->burst = get_u32(a->tb[NFTA_LIMIT_BURST]);
	x->type = (uint8_t)type;
	x->flags = (uint8_t)flags;
	return x->a && x->b;
}

/* False: state that is not carried (connlimit, whatever else comes). */
static bool
parse_expr(const struct nlattr *attr, struct side_expr *x)
{
	struct attrs outer, a;
	char name[16];

	*x = (struct side_expr){0};
	if (!parse_nested(attr, &outer) ||
		!get_name(outer.tb[NFTA_EXPR_NAME], name, sizeof(name)) ||
		!parse_nested(outer.tb[NFTA_EXPR_DATA], &a))
		return false;
	if (strcmp(name, "limit") == 0)
		return parse_limit(&a, x);
	if (strcmp(name, "counter") == 0) {
		x->kind = SIDE_COUNTER;
		x->a = get_u64(a.tb[NFTA_COUNTER_PACKETS]);
		x->b = get_u64(a.tb[NFTA_COUNTER_BYTES]);
		return true;
	}
	if (strcmp(name, "quota") == 0) {
		x->kind = SIDE_QUOTA;
		x->a = get_u64(a.tb[NFTA_QUOTA_BYTES]);
		x->b = get_u64(a.tb[NFTA_QUOTA_CONSUMED]);
		x->flags = get_u32(a.tb[NFTA_QUOTA_FLAGS]) & NFT_QUOTA_F_INV;
		return true;
	}
	if (strcmp(name, "last") == 0) {
		x->kind = SIDE_LAST;
		x->flags = get_u32(a.tb[NFTA_LAST_SET]) != 0;
		x->a = x->flags ? get_u64(a.tb[NFTA_LAST_MSECS]) : 0;
		return true;
	}
	return false;
}

/* One expression stands alone, several in a list. */
static bool
parse_exprs(const struct attrs *a, struct side_elem *e)
{
	const struct nlattr *list = a->tb[NFTA_SET_ELEM_EXPRESSIONS];
	struct nlattr *one;

	if (a->tb[NFTA_SET_ELEM_EXPR]) {
		e->n_exprs = 1;
		return parse_expr(a->tb[NFTA_SET_ELEM_EXPR], &e->expr[0]);
	}
	if (!list)
		return true;
	mnl_attr_for_each_nested (one, list) {
		if (e->n_exprs == SIDE_EXPRS_MAX || !parse_expr(one, &e->expr[e->n_exprs]))
			return false;
		e->n_exprs++;
	}
	return true;
}

static bool
parse_elem(const struct nlattr *attr, const struct nftset *set, struct side_elem *e)
{
	struct attrs a, key;
	const struct nlattr *value;

	*e = (struct side_elem){.set = set->id};
	if (!parse_nested(attr, &a) || !parse_nested(a.tb[NFTA_SET_ELEM_KEY], &key))
		return false;
	value = key.tb[NFTA_DATA_VALUE];
	if (!value || mnl_attr_get_payload_len(value) != set->key_len ||
		set->key_len > SIDE_KEY_MAX)
		return false;
	if (a.tb[NFTA_SET_ELEM_DATA] || a.tb[NFTA_SET_ELEM_KEY_END] || a.tb[NFTA_SET_ELEM_OBJREF] ||
		get_u32(a.tb[NFTA_SET_ELEM_FLAGS]))
		return false;
	e->key_len = (uint8_t)set->key_len;
	memcpy(e->key, mnl_attr_get_payload(value), set->key_len);
	e->left_ms = get_u64(a.tb[NFTA_SET_ELEM_EXPIRATION]);
	e->timeout_ms = a.tb[NFTA_SET_ELEM_TIMEOUT] ? get_u64(a.tb[NFTA_SET_ELEM_TIMEOUT])
						    : set->timeout_ms;
	/* "expires" of an element that was just renewed is rounded up */
	if (e->left_ms > e->timeout_ms)
		e->left_ms = e->timeout_ms;
	return e->left_ms && e->timeout_ms <= SIDE_TIMEOUT_MS && parse_exprs(&a, e);
}

uint32_t
nftsets_parse_elems(
	const struct nlmsghdr *nlh, const struct nftset *set, nftsets_elem_fn *fn, void *arg)
{
	const struct nlattr *list;
	struct nlattr *one;
	struct side_elem e;
	uint32_t skipped = 0;
	struct attrs a;

	if (!parse(nlh, NFT_MSG_NEWSETELEM, &a) || !a.tb[NFTA_SET_ELEM_LIST_ELEMENTS])
		return 0;
	list = a.tb[NFTA_SET_ELEM_LIST_ELEMENTS];
	mnl_attr_for_each_nested (one, list) {
		if (parse_elem(one, set, &e))
			fn(arg, &e);
		else
			skipped++;
	}
	return skipped;
}

static void
put_u32(struct nlmsghdr *nlh, unsigned type, uint32_t v)
{
	mnl_attr_put_u32(nlh, (uint16_t)type, htonl(v));
}

static void
put_u64(struct nlmsghdr *nlh, unsigned type, uint64_t v)
{
	mnl_attr_put_u64(nlh, (uint16_t)type, htobe64(v));
}

static void
put_expr_data(struct nlmsghdr *nlh, const struct side_expr *x)
{
	switch (x->kind) {
	case SIDE_COUNTER:
		put_u64(nlh, NFTA_COUNTER_BYTES, x->b);
		put_u64(nlh, NFTA_COUNTER_PACKETS, x->a);
		break;
	case SIDE_LIMIT:
		put_u64(nlh, NFTA_LIMIT_RATE, x->a);
		put_u64(nlh, NFTA_LIMIT_UNIT, x->b);
		put_u32(nlh, NFTA_LIMIT_BURST, x->burst);
		put_u32(nlh, NFTA_LIMIT_TYPE, x->type);
		put_u32(nlh, NFTA_LIMIT_FLAGS, x->flags);
		break;
	case SIDE_QUOTA:
		put_u64(nlh, NFTA_QUOTA_BYTES, x->a);
		put_u32(nlh, NFTA_QUOTA_FLAGS, x->flags);
		put_u64(nlh, NFTA_QUOTA_CONSUMED, x->b);
		break;
	case SIDE_LAST:
		put_u32(nlh, NFTA_LAST_SET, x->flags);
		put_u64(nlh, NFTA_LAST_MSECS, x->a);
		break;
	case _SIDE_EXPR_MAX:
		break;
	}
}

static void
put_expr(struct nlmsghdr *nlh, unsigned type, const struct side_expr *x)
{
	static const char *const name[_SIDE_EXPR_MAX] = {[SIDE_COUNTER] = "counter",
		[SIDE_LIMIT] = "limit",
		[SIDE_QUOTA] = "quota",
		[SIDE_LAST] = "last"};
	struct nlattr *outer = mnl_attr_nest_start(nlh, (uint16_t)type), *data;

	mnl_attr_put_strz(nlh, NFTA_EXPR_NAME, name[x->kind]);
	data = mnl_attr_nest_start(nlh, NFTA_EXPR_DATA);
	put_expr_data(nlh, x);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, outer);
}

static void
put_state(struct nlmsghdr *nlh, const struct side_elem *e)
{
	struct nlattr *list;

	put_u64(nlh, NFTA_SET_ELEM_TIMEOUT, e->timeout_ms);
	put_u64(nlh, NFTA_SET_ELEM_EXPIRATION, e->left_ms);
	if (e->n_exprs == 1)
		put_expr(nlh, NFTA_SET_ELEM_EXPR, &e->expr[0]);
	if (e->n_exprs <= 1)
		return;
	list = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_EXPRESSIONS);
	for (unsigned i = 0; i < e->n_exprs; i++)
		put_expr(nlh, NFTA_LIST_ELEM, &e->expr[i]);
	mnl_attr_nest_end(nlh, list);
}

size_t
nftsets_build_elem(
	const struct nftset *set, const struct side_elem *e, bool add, uint32_t seq, void *buf)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nlattr *list, *one, *key;
	struct nfgenmsg *nfg;

	nlh->nlmsg_type =
		NFNL_SUBSYS_NFTABLES << 8 | (add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM);
	nlh->nlmsg_flags = NLM_F_REQUEST | (add ? NLM_F_CREATE : 0);
	nlh->nlmsg_seq = seq;
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->nfgen_family = set->family;
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, set->table);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, set->name);
	list = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_LIST_ELEMENTS);
	one = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM);
	key = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_KEY);
	mnl_attr_put(nlh, NFTA_DATA_VALUE, e->key_len, e->key);
	mnl_attr_nest_end(nlh, key);
	if (add)
		put_state(nlh, e);
	mnl_attr_nest_end(nlh, one);
	mnl_attr_nest_end(nlh, list);
	return NLMSG_ALIGN(nlh->nlmsg_len);
}
