/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decoders of rtnetlink messages. Pure. A message is refused when an attribute that we use has the
 * wrong length or type; attributes that we do not know are skipped, except in policy rules, where
 * an unknown one means that the rule is not one of ours (`more`).
 */
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include "sys/rtnl.h"

/* from linux/if.h, which does not go together with net/if.h */
#define FLAG_LOWER_UP     0x10000u
#define OPERSTATE_UNKNOWN 0
#define OPERSTATE_UP      6
/* from linux/if_bonding.h, which includes it */
#define MEMBER_LINK_UP      0
#define MEMBER_STATE_ACTIVE 0

/* The fixed part behind the netlink header, or NULL when the message is shorter. The kernel pads
 * every attribute; libmnl counts on it and would read up to three bytes beyond a message that is
 * not. */
static const void *
fixed_part(const struct nlmsghdr *nlh, size_t size)
{
	if (nlh->nlmsg_len < NLMSG_HDRLEN + NLMSG_ALIGN(size) || nlh->nlmsg_len % NLMSG_ALIGNTO)
		return NULL;
	return mnl_nlmsg_get_payload(nlh);
}

static bool
get_u32(const struct nlattr *attr, uint32_t *out)
{
	if (mnl_attr_validate(attr, MNL_TYPE_U32) < 0)
		return false;
	*out = mnl_attr_get_u32(attr);
	return true;
}

static bool
get_u8(const struct nlattr *attr, uint8_t *out)
{
	if (mnl_attr_validate(attr, MNL_TYPE_U8) < 0)
		return false;
	*out = mnl_attr_get_u8(attr);
	return true;
}

static bool
get_index(const struct nlattr *attr, int *out)
{
	uint32_t v;

	if (!get_u32(attr, &v) || v > INT32_MAX)
		return false;
	*out = (int)v;
	return true;
}

static bool
get_string(const struct nlattr *attr, char *out, size_t size)
{
	size_t len = mnl_attr_get_payload_len(attr);

	if (mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) < 0 || len > size)
		return false;
	memcpy(out, mnl_attr_get_payload(attr), len);
	return true;
}

static bool
get_address(const struct nlattr *attr, uint8_t family, struct ip_addr *out)
{
	if (mnl_attr_get_payload_len(attr) != ip_bytes(family))
		return false;
	*out = (struct ip_addr){.family = family};
	memcpy(out->b, mnl_attr_get_payload(attr), ip_bytes(family));
	return true;
}

/* 4, 6, or 0 for any other family. */
static uint8_t
short_family(uint8_t af)
{
	return af == AF_INET ? 4 : af == AF_INET6 ? 6 : 0;
}

static bool
macvlan_attr(const struct nlattr *attr, struct rtnl_link *out)
{
	return mnl_attr_get_type(attr) != IFLA_MACVLAN_MODE || get_u32(attr, &out->macvlan_mode);
}

static bool
bond_attr(const struct nlattr *attr, struct rtnl_link *out)
{
	return mnl_attr_get_type(attr) != IFLA_BOND_MODE || get_u8(attr, &out->bond_mode);
}

/* A bond's own watch (MII or ARP) may know more than the carrier. A member of an 802.3ad bond is
 * active while it collects and distributes in the aggregator in use; of an active-backup bond, one
 * is. */
static bool
bond_member_attr(const struct nlattr *attr, struct rtnl_link *out)
{
	uint8_t v;

	switch (mnl_attr_get_type(attr)) {
	case IFLA_BOND_SLAVE_STATE:
		if (!get_u8(attr, &v))
			return false;
		out->bond_member_active = v == MEMBER_STATE_ACTIVE;
		return true;
	case IFLA_BOND_SLAVE_MII_STATUS:
		if (!get_u8(attr, &v))
			return false;
		out->bond_member_up = v == MEMBER_LINK_UP;
		return true;
	}
	return true;
}

static bool
parse_nest(const struct nlattr *nest, struct rtnl_link *out,
	bool (*take)(const struct nlattr *, struct rtnl_link *))
{
	struct nlattr *attr;

	if (mnl_attr_validate(nest, MNL_TYPE_NESTED) < 0)
		return false;
	mnl_attr_for_each_nested (attr, nest) {
		if (!take(attr, out))
			return false;
	}
	return true;
}

/* All nests only point into the message: their attributes are bounded by the nest's own length. */
static bool
parse_linkinfo(const struct nlattr *nest, struct rtnl_link *out)
{
	struct nlattr *attr, *data = NULL, *member = NULL;

	if (mnl_attr_validate(nest, MNL_TYPE_NESTED) < 0)
		return false;
	mnl_attr_for_each_nested (attr, nest) {
		switch (mnl_attr_get_type(attr)) {
		case IFLA_INFO_KIND:
			if (!get_string(attr, out->kind, sizeof(out->kind)))
				out->kind[0] = '\0'; /* a name too long to be one that we know */
			break;
		case IFLA_INFO_SLAVE_KIND:
			if (!get_string(attr, out->master_kind, sizeof(out->master_kind)))
				out->master_kind[0] = '\0';
			break;
		case IFLA_INFO_DATA:
			data = attr;
			break;
		case IFLA_INFO_SLAVE_DATA:
			member = attr;
			break;
		}
	}
	if (data && strcmp(out->kind, "macvlan") == 0 && !parse_nest(data, out, macvlan_attr))
		return false;
	if (data && strcmp(out->kind, "bond") == 0 && !parse_nest(data, out, bond_attr))
		return false;
	return !member || strcmp(out->master_kind, "bond") != 0 ||
	       parse_nest(member, out, bond_member_attr);
}

static bool
link_attr(const struct nlattr *attr, struct rtnl_link *out, uint8_t *operstate)
{
	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		return get_string(attr, out->name, sizeof(out->name));
	case IFLA_ADDRESS:
		out->has_mac = mnl_attr_get_payload_len(attr) == sizeof(out->mac);
		if (out->has_mac)
			memcpy(out->mac, mnl_attr_get_payload(attr), sizeof(out->mac));
		return true;
	case IFLA_MTU:
		return get_u32(attr, &out->mtu);
	case IFLA_LINK:
		return get_index(attr, &out->lower);
	case IFLA_MASTER:
		return get_index(attr, &out->master);
	case IFLA_LINK_NETNSID:
		out->lower_elsewhere = true;
		return true;
	case IFLA_OPERSTATE:
		return get_u8(attr, operstate);
	case IFLA_LINKINFO:
		return parse_linkinfo(attr, out);
	}
	return true;
}

bool
rtnl_parse_link(const struct nlmsghdr *nlh, struct rtnl_link *out)
{
	const struct ifinfomsg *ifi = fixed_part(nlh, sizeof(*ifi));
	uint8_t operstate = OPERSTATE_UNKNOWN;
	struct nlattr *attr;

	*out = (struct rtnl_link){0};
	if (!ifi || (nlh->nlmsg_type != RTM_NEWLINK && nlh->nlmsg_type != RTM_DELLINK))
		return false;
	/* Bridges send messages of this type about their ports, with a family of their own: a
	 * "deleted" one of those is a port that left its bridge. */
	if (ifi->ifi_family != AF_UNSPEC || ifi->ifi_index <= 0)
		return false;
	out->ifindex = ifi->ifi_index;
	out->flags = ifi->ifi_flags;
	mnl_attr_for_each (attr, nlh, sizeof(*ifi)) {
		if (!link_attr(attr, out, &operstate))
			return false;
	}
	out->carrier = (out->flags & IFF_UP) && (out->flags & FLAG_LOWER_UP) &&
		       (operstate == OPERSTATE_UP || operstate == OPERSTATE_UNKNOWN);
	return out->name[0] != '\0';
}

bool
rtnl_parse_addr(const struct nlmsghdr *nlh, struct rtnl_addr *out)
{
	const struct ifaddrmsg *ifa = fixed_part(nlh, sizeof(*ifa));
	struct ip_addr local = {0}, address = {0};
	struct nlattr *attr;
	uint8_t family;
	bool ok = true;

	*out = (struct rtnl_addr){0};
	if (!ifa || (nlh->nlmsg_type != RTM_NEWADDR && nlh->nlmsg_type != RTM_DELADDR))
		return false;
	family = short_family(ifa->ifa_family);
	if (family == 0 || ifa->ifa_prefixlen > 8 * ip_bytes(family) || ifa->ifa_index > INT32_MAX)
		return false;
	out->ifindex = (int)ifa->ifa_index;
	out->flags = ifa->ifa_flags;
	mnl_attr_for_each (attr, nlh, sizeof(*ifa)) {
		switch (mnl_attr_get_type(attr)) {
		case IFA_LOCAL:
			ok = get_address(attr, family, &local);
			break;
		case IFA_ADDRESS:
			ok = get_address(attr, family, &address);
			break;
		case IFA_FLAGS:
			ok = get_u32(attr, &out->flags);
			break;
		case IFA_PROTO:
			ok = get_u8(attr, &out->proto);
			break;
		}
		if (!ok)
			return false;
	}
	/* where both are given, IFA_ADDRESS is the other end's */
	out->prefix.addr = local.family ? local : address;
	out->prefix.len = ifa->ifa_prefixlen;
	return out->prefix.addr.family != 0;
}

static bool
route_attr(const struct nlattr *attr, uint8_t family, struct rtnl_route *out)
{
	switch (mnl_attr_get_type(attr)) {
	case RTA_DST:
		return get_address(attr, family, &out->net.addr);
	case RTA_GATEWAY:
		return get_address(attr, family, &out->gateway);
	case RTA_PREFSRC:
		return get_address(attr, family, &out->src);
	case RTA_TABLE:
		return get_u32(attr, &out->table);
	case RTA_PRIORITY:
		return get_u32(attr, &out->metric);
	case RTA_OIF:
		return get_index(attr, &out->ifindex);
	case RTA_MULTIPATH:
	case RTA_NH_ID:
	case RTA_VIA:
	case RTA_ENCAP:
	case RTA_SRC:
		out->several = true;
		return true;
	}
	return true;
}

bool
rtnl_parse_route(const struct nlmsghdr *nlh, struct rtnl_route *out)
{
	const struct rtmsg *rtm = fixed_part(nlh, sizeof(*rtm));
	struct nlattr *attr;
	uint8_t family;

	*out = (struct rtnl_route){0};
	if (!rtm || (nlh->nlmsg_type != RTM_NEWROUTE && nlh->nlmsg_type != RTM_DELROUTE))
		return false;
	family = short_family(rtm->rtm_family);
	if (family == 0 || rtm->rtm_dst_len > 8 * ip_bytes(family) ||
		(rtm->rtm_flags & RTM_F_CLONED))
		return false;
	out->net.addr.family = family;
	out->net.len = rtm->rtm_dst_len;
	out->table = rtm->rtm_table;
	out->protocol = rtm->rtm_protocol;
	out->type = rtm->rtm_type;
	out->scope = rtm->rtm_scope;
	out->onlink = (rtm->rtm_flags & RTNH_F_ONLINK) != 0;
	out->several = rtm->rtm_tos != 0 || rtm->rtm_src_len != 0;
	mnl_attr_for_each (attr, nlh, sizeof(*rtm)) {
		if (!route_attr(attr, family, out))
			return false;
	}
	return true;
}

static bool
rule_attr(const struct nlattr *attr, struct rtnl_rule *out)
{
	uint32_t v;

	switch (mnl_attr_get_type(attr)) {
	case FRA_PRIORITY:
		return get_u32(attr, &out->pref);
	case FRA_TABLE:
		return get_u32(attr, &out->table);
	case FRA_FWMARK:
		return get_u32(attr, &out->mark);
	case FRA_FWMASK:
		return get_u32(attr, &out->mask);
	case FRA_SRC:
		return get_address(attr, out->family, &out->from);
	case FRA_IIFNAME:
		return get_string(attr, out->iif, sizeof(out->iif));
	case FRA_PROTOCOL:
		return get_u8(attr, &out->protocol);
	case FRA_SUPPRESS_PREFIXLEN: /* present in every rule, all ones when unused */
	case FRA_SUPPRESS_IFGROUP:
		if (!get_u32(attr, &v))
			return false;
		out->more |= v != UINT32_MAX;
		return true;
	case FRA_PAD:
		return true;
	}
	out->more = true;
	return true;
}

bool
rtnl_parse_rule(const struct nlmsghdr *nlh, struct rtnl_rule *out)
{
	const struct fib_rule_hdr *frh = fixed_part(nlh, sizeof(*frh));
	struct nlattr *attr;

	*out = (struct rtnl_rule){0};
	if (!frh || (nlh->nlmsg_type != RTM_NEWRULE && nlh->nlmsg_type != RTM_DELRULE))
		return false;
	out->family = short_family(frh->family);
	if (out->family == 0 || frh->src_len > 8 * ip_bytes(out->family))
		return false;
	out->table = frh->table;
	out->action = frh->action;
	out->from_len = frh->src_len;
	out->more = frh->tos != 0 || frh->dst_len != 0 || (frh->flags & FIB_RULE_INVERT);
	mnl_attr_for_each (attr, nlh, sizeof(*frh)) {
		if (!rule_attr(attr, out))
			return false;
	}
	return out->from_len == 0 || out->from.family != 0;
}
