/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decoders of rtnetlink messages over recorded bytes, and over what damage can make of them. */
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/prng.h"
#include "recorded-rtnl.h"
#include "sys/rtnl.h"

#define ADDR_TEXT(a) (ip_fmt(&(a), (char[IP_TEXT_MAX]){0}))

/* Hex → message in memory of exactly its size, so that the sanitizers see every byte too many. */
static struct nlmsghdr *
message(const char *hex)
{
	size_t len = strlen(hex) / 2;
	uint8_t *p = malloc(len);

	for (size_t i = 0; i < len; i++) {
		unsigned v;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &v), 1);
		p[i] = (uint8_t)v;
	}
	assert_int_equal(((struct nlmsghdr *)p)->nlmsg_len, len);
	return (struct nlmsghdr *)p;
}

static void
test_links(void **state)
{
	struct nlmsghdr *nlh = message(LINK_LAN);
	struct rtnl_link l;

	assert_true(rtnl_parse_link(nlh, &l));
	assert_string_equal(l.name, "lan");
	assert_int_equal(l.ifindex, 2);
	assert_int_equal(l.mtu, 1500);
	assert_string_equal(l.kind, "veth");
	assert_true(l.has_mac && l.carrier && l.lower_elsewhere);
	assert_memory_equal(l.mac, "\x06\x00\x00\x00\x0a\x01", 6);
	/* a bridge says "deleted" of a port that left it: the device lives on */
	nlh->nlmsg_type = RTM_DELLINK;
	assert_true(rtnl_parse_link(nlh, &l));
	((struct ifinfomsg *)NLMSG_DATA(nlh))->ifi_family = 7; /* AF_BRIDGE */
	assert_false(rtnl_parse_link(nlh, &l));
	free(nlh);

	nlh = message(LINK_TW_LAN);
	assert_true(rtnl_parse_link(nlh, &l));
	assert_string_equal(l.name, "tw-lan");
	assert_string_equal(l.kind, "macvlan");
	assert_int_equal(l.macvlan_mode, 4); /* bridge */
	assert_int_equal(l.lower, 2);
	assert_false(l.lower_elsewhere);
	assert_memory_equal(l.mac, "\x02\xc1\x00\x07\x00\x01", 6);
	assert_false(rtnl_parse_addr(nlh, &(struct rtnl_addr){0}));
	free(nlh);
}

/* flags and operstate → carrier */
static void
test_carrier(void **state)
{
	static const struct {
		unsigned flags;
		uint8_t operstate;
		bool carrier;
	} cases[] = {
		{0x11043, 6, true},  /* up, running, lower up */
		{0x11043, 0, true},  /* operstate unknown: macvlan, loopback, tun */
		{0x11042, 6, false}, /* administratively down */
		{0x01043, 6, false}, /* no signal, the operstate not yet told */
		{0x10003, 2, false}, /* signal, operstate down */
		{0x10003, 5, false}, /* dormant: 802.1X */
		{0x01003, 3, false}, /* veth whose peer is down: lower layer down */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nlmsghdr *nlh = message(LINK_LAN);
		struct ifinfomsg *ifi = NLMSG_DATA(nlh);
		int len = (int)nlh->nlmsg_len - (int)NLMSG_SPACE(sizeof(*ifi));
		struct rtnl_link l;

		ifi->ifi_flags = cases[i].flags;
		for (struct rtattr *a = IFLA_RTA(ifi); RTA_OK(a, len); a = RTA_NEXT(a, len))
			if (a->rta_type == IFLA_OPERSTATE)
				*(uint8_t *)RTA_DATA(a) = cases[i].operstate;
		assert_true(rtnl_parse_link(nlh, &l));
		if (l.carrier != cases[i].carrier)
			fail_msg("case %zu", i);
		free(nlh);
	}
}

static void
test_addrs(void **state)
{
	struct nlmsghdr *nlh = message(ADDR_LAN4);
	struct rtnl_addr a;

	assert_true(rtnl_parse_addr(nlh, &a));
	assert_int_equal(a.ifindex, 2);
	assert_string_equal(ADDR_TEXT(a.prefix.addr), "10.1.0.2");
	assert_int_equal(a.prefix.len, 24);
	assert_int_equal(a.proto, TW_RTPROT);
	assert_int_equal(a.flags, 0x280); /* permanent, no prefix route */
	free(nlh);

	nlh = message(ADDR_LAN6);
	assert_true(rtnl_parse_addr(nlh, &a));
	assert_string_equal(ADDR_TEXT(a.prefix.addr), "fd01::2");
	assert_int_equal(a.prefix.len, 64);
	((struct ifaddrmsg *)NLMSG_DATA(nlh))->ifa_prefixlen = 129;
	assert_false(rtnl_parse_addr(nlh, &a));
	free(nlh);

	nlh = message(ADDR_TW_LINK_LOCAL);
	assert_true(rtnl_parse_addr(nlh, &a));
	assert_string_equal(ADDR_TEXT(a.prefix.addr), "fe80::1:1");
	/* addresses of IPv6's size in a message of IPv4's */
	((struct ifaddrmsg *)NLMSG_DATA(nlh))->ifa_family = 2;
	((struct ifaddrmsg *)NLMSG_DATA(nlh))->ifa_prefixlen = 24;
	assert_false(rtnl_parse_addr(nlh, &a));
	free(nlh);
}

static void
test_routes(void **state)
{
	struct nlmsghdr *nlh = message(ROUTE_NODE_DEFAULT);
	struct rtnl_route t;

	assert_true(rtnl_parse_route(nlh, &t));
	assert_int_equal(t.net.len, 0);
	assert_int_equal(t.net.addr.family, 4);
	assert_int_equal(t.table, TW_NODE_TABLE);
	assert_int_equal(t.metric, 5);
	assert_int_equal(t.protocol, TW_RTPROT);
	assert_string_equal(ADDR_TEXT(t.gateway), "10.2.0.254");
	assert_string_equal(ADDR_TEXT(t.src), "10.2.0.2");
	assert_int_equal(t.ifindex, 3);
	assert_false(t.onlink || t.several);
	((struct rtmsg *)NLMSG_DATA(nlh))->rtm_flags |= RTM_F_CLONED;
	assert_false(rtnl_parse_route(nlh, &t));
	free(nlh);

	nlh = message(ROUTE_ONLINK);
	assert_true(rtnl_parse_route(nlh, &t));
	assert_string_equal(ADDR_TEXT(t.net.addr), "10.50.0.0");
	assert_int_equal(t.net.len, 16);
	assert_int_equal(t.table, TW_MAIN_TABLE);
	assert_true(t.onlink);
	free(nlh);

	nlh = message(ROUTE_NODE6);
	assert_true(rtnl_parse_route(nlh, &t));
	assert_string_equal(ADDR_TEXT(t.net.addr), "fd01::");
	assert_string_equal(ADDR_TEXT(t.src), "fd01::2");
	assert_int_equal(t.gateway.family, 0);
	assert_int_equal(t.metric, 1024);
	free(nlh);
}

static void
test_rules(void **state)
{
	struct nlmsghdr *nlh = message(RULE_MARK);
	struct rtnl_rule u;

	assert_true(rtnl_parse_rule(nlh, &u));
	assert_int_equal(u.pref, TW_RULE_MARK);
	assert_int_equal(u.mark, TW_MARK);
	assert_int_equal(u.mask, TW_MARK);
	assert_int_equal(u.table, TW_MAIN_TABLE);
	assert_int_equal(u.protocol, TW_RTPROT);
	assert_int_equal(u.action, 1);
	assert_false(u.more);
	((struct rtmsg *)NLMSG_DATA(nlh))->rtm_flags |= 2; /* "not": inverted */
	assert_true(rtnl_parse_rule(nlh, &u));
	assert_true(u.more);
	free(nlh);

	nlh = message(RULE_FROM4);
	assert_true(rtnl_parse_rule(nlh, &u));
	assert_string_equal(ADDR_TEXT(u.from), "10.1.0.1");
	assert_int_equal(u.from_len, 32);
	free(nlh);

	nlh = message(RULE_FROM6);
	assert_true(rtnl_parse_rule(nlh, &u));
	assert_string_equal(ADDR_TEXT(u.from), "fd01::1");
	assert_int_equal(u.from_len, 128);
	free(nlh);

	nlh = message(RULE_IIF_LO6);
	assert_true(rtnl_parse_rule(nlh, &u));
	assert_string_equal(u.iif, "lo");
	assert_int_equal(u.table, TW_NODE_TABLE);
	assert_int_equal(u.family, 6);
	free(nlh);

	nlh = message(RULE_LOCAL_TABLE);
	assert_true(rtnl_parse_rule(nlh, &u));
	assert_int_equal(u.pref, 0);
	assert_int_equal(u.table, 255);
	free(nlh);
}

static void
parse_all(const struct nlmsghdr *nlh)
{
	union {
		struct rtnl_link l;
		struct rtnl_addr a;
		struct rtnl_route t;
		struct rtnl_rule u;
	} out;

	if (rtnl_parse_link(nlh, &out.l))
		assert_in_range(strlen(out.l.name), 1, DEV_NAME_MAX - 1);
	if (rtnl_parse_addr(nlh, &out.a))
		assert_in_range(out.a.prefix.len, 0, 8 * ip_bytes(out.a.prefix.addr.family));
	if (rtnl_parse_route(nlh, &out.t))
		assert_in_range(out.t.net.len, 0, 8 * ip_bytes(out.t.net.addr.family));
	if (rtnl_parse_rule(nlh, &out.u))
		assert_in_range(strlen(out.u.iif), 0, DEV_NAME_MAX - 1);
}

/* Cut short at every length, and with bytes changed: never read outside the message. */
static void
test_damage(void **state)
{
	static const char *const all[] = {LINK_LAN, LINK_TW_LAN, ADDR_LAN4, ADDR_LAN6,
		ADDR_TW_LINK_LOCAL, ROUTE_NODE_DEFAULT, ROUTE_ONLINK, ROUTE_NODE6, RULE_LOCAL_TABLE,
		RULE_MARK, RULE_FROM4, RULE_FROM6, RULE_IIF_LO6};
	struct prng rng = {1};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct nlmsghdr *whole = message(all[i]);
		uint32_t len = whole->nlmsg_len;

		for (uint32_t n = sizeof(*whole); n <= len; n++) {
			struct nlmsghdr *cut = malloc(n);

			memcpy(cut, whole, n);
			cut->nlmsg_len = n;
			parse_all(cut);
			free(cut);
		}
		for (int k = 0; k < 3000; k++) {
			struct nlmsghdr *bad = malloc(len);

			memcpy(bad, whole, len);
			for (int64_t c = prng_range(&rng, 1, 4); c > 0; c--)
				((uint8_t *)bad)[prng_range(&rng, sizeof(*bad), len - 1)] =
					(uint8_t)prng_u64(&rng);
			parse_all(bad);
			free(bad);
		}
		free(whole);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_carrier),
		cmocka_unit_test(test_addrs),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
