/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network plan as text, compared line by line with what a configuration must give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "core/netplan/netplan.h"

static struct ip_prefix
prefix(const char *s)
{
	struct ip_prefix p;

	assert_true(ip_prefix_parse(s, strlen(s), &p));
	return p;
}

static struct ip_addr
addr(const char *s)
{
	struct ip_addr a;

	assert_true(ip_parse(s, strlen(s), &a));
	return a;
}

static const char *
addr_text(struct arena *a, const struct ip_addr *x)
{
	char buf[IP_TEXT_MAX];

	return x->family ? arena_strdup(a, ip_fmt(x, buf)) : "-";
}

static const char *
prefix_text(struct arena *a, const struct ip_prefix *x)
{
	char buf[IP_TEXT_MAX];

	return arena_strdup(a, ip_prefix_fmt(x, buf));
}

/* One line for every object but settings. */
static char *
plan_text(struct arena *a, const struct netplan *p)
{
	char *t = arena_strdup(a, "");

	for (size_t i = 0; i < p->n_nics; i++)
		t = arena_printf(a, "%snic %s %s%s mtu %u\n", t, p->nics[i].iface, p->nics[i].dev,
			p->nics[i].sync ? " sync" : "", p->nics[i].mtu);
	for (size_t i = 0; i < p->n_links; i++) {
		const struct plan_link *l = &p->links[i];

		t = arena_printf(a, "%slink %s on %s %02x:%02x:%02x:%02x:%02x:%02x mtu %u\n", t,
			l->name, l->lower, l->mac[0], l->mac[1], l->mac[2], l->mac[3], l->mac[4],
			l->mac[5], l->mtu);
	}
	for (size_t i = 0; i < p->n_addrs; i++)
		t = arena_printf(a, "%saddr %s %s%s\n", t, p->addrs[i].dev,
			prefix_text(a, &p->addrs[i].prefix),
			p->addrs[i].noprefixroute ? " noprefixroute" : "");
	for (size_t i = 0; i < p->n_routes; i++) {
		const struct plan_route *r = &p->routes[i];

		t = arena_printf(a, "%sroute %u %s via %s dev %s src %s metric %u%s%s\n", t,
			r->table, prefix_text(a, &r->net), addr_text(a, &r->gateway), r->dev,
			addr_text(a, &r->src), r->metric, r->onlink ? " onlink" : "",
			r->pass_on ? " pass" : "");
	}
	for (size_t i = 0; i < p->n_rules; i++) {
		const struct plan_rule *r = &p->rules[i];

		t = arena_printf(a, "%srule%u %u mark %x/%x from %s%s -> %u\n", t, r->family,
			r->pref, r->mark, r->mask, addr_text(a, &r->from), r->iif_lo ? " lo" : "",
			r->table);
	}
	for (size_t i = 0; i < p->n_groups; i++)
		t = arena_printf(a, "%sgroup %s %s\n", t, p->groups[i].dev,
			addr_text(a, &p->groups[i].group));
	return t;
}

static const char *
setting(const struct netplan *p, const char *path)
{
	for (size_t i = 0; i < p->n_sysctls; i++)
		if (strcmp(p->sysctls[i].path, path) == 0)
			return p->sysctls[i].value;
	return "unset";
}

/* lan with both families, wan with two shared networks and an MTU, dmz without private addresses.
 */
static struct conf_model *
full_model(struct arena *a)
{
	struct conf_model *m = arena_new(a, struct conf_model);
	struct conf_iface *i = arena_array(a, struct conf_iface, 4);
	struct conf_route *r = arena_array(a, struct conf_route, 4);
	struct ip_prefix *s = arena_array(a, struct ip_prefix, 5);

	s[0] = prefix("10.1.0.1/24");
	s[1] = prefix("fd01::1/64");
	s[2] = prefix("10.2.0.1/24");
	s[3] = prefix("192.0.2.5/29");
	s[4] = prefix("10.3.0.1/24");
	i[0] = (struct conf_iface){.name = "lan",
		.index = 1,
		.dev = {"eth0", "ens0"},
		.shared = s,
		.n_shared = 2,
		.has_private4 = true,
		.has_private6 = true,
		.private4 = {prefix("10.1.0.2/24"), prefix("10.1.0.3/24")},
		.private6 = {prefix("fd01::2/64"), prefix("fd01::3/64")}};
	i[1] = (struct conf_iface){.name = "wan",
		.index = 258,
		.dev = {"eth1", "ens1"},
		.shared = s + 2,
		.n_shared = 2,
		.mtu = 1400,
		.has_private4 = true,
		.private4 = {prefix("10.2.0.2/24"), prefix("10.2.0.3/24")}};
	i[2] = (struct conf_iface){
		.name = "dmz", .index = 3, .dev = {"eth2", "ens2"}, .shared = s + 4, .n_shared = 1};
	i[3] = (struct conf_iface){
		.name = "sync", .index = 4, .dev = {"eth3", "ens3"}, .sync = true};
	r[0] = (struct conf_route){
		.iface = &i[1], .net = prefix("0.0.0.0/0"), .gateway = addr("10.2.0.254")};
	r[1] = (struct conf_route){.iface = &i[2],
		.net = prefix("10.30.0.0/16"),
		.gateway = addr("10.3.9.1"),
		.metric = 20};
	r[2] = (struct conf_route){
		.iface = &i[0], .net = prefix("::/0"), .gateway = addr("fe80::99")};
	r[3] = (struct conf_route){.iface = &i[0], .net = prefix("10.1.0.0/24")};
	*m = (struct conf_model){.ifaces = i, .n_ifaces = 4, .routes = r, .n_routes = 4};
	m->ha.cluster_id = 0x1234;
	m->ha.unique_shared_mac = true;
	return m;
}

static void
test_full(void **state)
{
	static const char expected[] =
		"nic lan ens0 mtu 0\n"
		"nic wan ens1 mtu 1400\n"
		"nic dmz ens2 mtu 0\n"
		"nic sync ens3 sync mtu 0\n"
		"link tw-lan on ens0 02:c1:12:34:00:01 mtu 0\n"
		"link tw-wan on ens1 02:c1:12:34:01:02 mtu 1400\n"
		"link tw-dmz on ens2 02:c1:12:34:00:03 mtu 0\n"
		"addr tw-lan 10.1.0.1/24\n"
		"addr tw-lan fd01::1/64\n"
		"addr tw-lan fe80::1:1/64\n"
		"addr ens0 10.1.0.3/24 noprefixroute\n"
		"addr ens0 fd01::3/64 noprefixroute\n"
		"addr tw-wan 10.2.0.1/24\n"
		"addr tw-wan 192.0.2.5/29\n"
		"addr ens1 10.2.0.3/24 noprefixroute\n"
		"addr tw-dmz 10.3.0.1/24\n"
		"route 29815 10.1.0.0/24 via - dev ens0 src 10.1.0.3 metric 0\n"
		"route 29815 fd01::/64 via - dev ens0 src fd01::3 metric 0\n"
		"route 29815 fe80::/64 via - dev ens0 src - metric 257\n"
		"route 29815 10.2.0.0/24 via - dev ens1 src 10.2.0.3 metric 0\n"
		"route 29815 192.0.2.0/29 via - dev ens1 src 10.2.0.3 metric 0\n"
		"route 29815 10.3.0.0/24 via - dev  src - metric 0 pass\n"
		"route 254 0.0.0.0/0 via 10.2.0.254 dev tw-wan src - metric 0\n"
		"route 29815 0.0.0.0/0 via 10.2.0.254 dev ens1 src 10.2.0.3 metric 0\n"
		"route 254 10.30.0.0/16 via 10.3.9.1 dev tw-dmz src - metric 20 onlink\n"
		"route 29815 10.30.0.0/16 via - dev  src - metric 20 pass\n"
		"route 254 ::/0 via fe80::99 dev tw-lan src - metric 0\n"
		"route 29815 ::/0 via fe80::99 dev ens0 src fd01::3 metric 0\n"
		"rule4 800 mark 80000000/80000000 from - -> 254\n"
		"rule4 900 mark 0/0 from 10.1.0.1 -> 254\n"
		"rule4 900 mark 0/0 from 10.2.0.1 -> 254\n"
		"rule4 900 mark 0/0 from 192.0.2.5 -> 254\n"
		"rule4 900 mark 0/0 from 10.3.0.1 -> 254\n"
		"rule4 1000 mark 0/0 from - lo -> 29815\n"
		"rule6 800 mark 80000000/80000000 from - -> 254\n"
		"rule6 900 mark 0/0 from fd01::1 -> 254\n"
		"rule6 1000 mark 0/0 from - lo -> 29815\n"
		"group ens0 ff02::1:ff00:1\n"
		"group ens0 ff02::1:ff01:1\n";
	struct arena a = ARENA_INIT;
	const struct netplan *p = netplan_make(&a, full_model(&a), NODE_SLAVE);

	assert_string_equal(plan_text(&a, p), expected);
	arena_free(&a);
}

static void
test_settings(void **state)
{
	static const struct {
		const char *path, *value;
	} cases[] = {
		{"net/ipv4/conf/all/rp_filter", "0"},
		{"net/ipv4/conf/all/arp_ignore", "1"},
		{"net/ipv4/fwmark_reflect", "1"},
		{"net/ipv6/fwmark_reflect", "1"},
		{"net/ipv4/icmp_errors_use_inbound_ifaddr", "1"},
		{"net/ipv6/conf/all/forwarding", "1"},
		{"net/ipv4/ip_forward", "unset"}, /* forwarding is a matter of each tw-* */
		{"net/netfilter/nf_conntrack_events", "1"},
		{"net/ipv4/conf/eth0/forwarding", "0"},
		{"net/ipv4/conf/eth0/accept_local", "1"},
		{"net/ipv4/conf/eth0/rp_filter", "0"},
		{"net/ipv6/conf/eth0/forwarding", "0"},
		{"net/ipv6/conf/eth0/accept_ra", "0"},
		{"net/ipv6/conf/eth1/forwarding", "0"},
		{"net/ipv6/conf/eth1/accept_ra", "unset"}, /* no IPv6 there */
		{"net/ipv4/conf/eth3/forwarding", "0"},
		{"net/ipv4/conf/eth3/accept_local", "unset"},
		{"net/ipv4/conf/tw-lan/forwarding", "1"},
		{"net/ipv4/conf/tw-lan/rp_filter", "0"},
		{"net/ipv6/conf/tw-lan/disable_ipv6", "0"},
		{"net/ipv6/conf/tw-lan/addr_gen_mode", "1"},
		{"net/ipv6/conf/tw-lan/accept_dad", "0"},
		{"net/ipv6/conf/tw-lan/keep_addr_on_down", "1"},
		{"net/ipv6/conf/tw-wan/disable_ipv6", "1"},
		{"net/ipv4/conf/tw-sync/forwarding", "unset"},
	};
	struct arena a = ARENA_INIT;
	const struct netplan *p = netplan_make(&a, full_model(&a), NODE_MASTER);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (strcmp(setting(p, cases[i].path), cases[i].value) != 0)
			fail_msg("%s is %s", cases[i].path, setting(p, cases[i].path));
	/* the general one before those of devices, which it would overwrite */
	for (size_t i = 0, seen = 0; i < p->n_sysctls; i++) {
		if (strcmp(p->sysctls[i].path, "net/ipv6/conf/all/forwarding") == 0)
			seen = 1;
		if (strstr(p->sysctls[i].path, "eth0/forwarding"))
			assert_true(seen);
	}
	arena_free(&a);
}

static void
test_one_mac_for_all(void **state)
{
	struct arena a = ARENA_INIT;
	struct conf_model *m = full_model(&a);
	const struct netplan *p;

	m->ha.unique_shared_mac = false;
	p = netplan_make(&a, m, NODE_MASTER);
	for (size_t i = 0; i < p->n_links; i++)
		assert_memory_equal(p->links[i].mac, "\x02\xc1\x12\x34\x00\x00", 6);
	arena_free(&a);
}

static void
test_ipv4_only_and_empty(void **state)
{
	struct arena a = ARENA_INIT;
	struct conf_model *m = full_model(&a);
	const struct netplan *p;

	m->ifaces++;
	m->n_ifaces = 2;
	m->routes = NULL;
	m->n_routes = 0;
	p = netplan_make(&a, m, NODE_MASTER);
	assert_null(strstr(plan_text(&a, p), "rule6"));
	assert_int_equal(p->n_groups, 0);
	assert_string_equal(setting(p, "net/ipv6/conf/all/forwarding"), "unset");
	assert_string_equal(setting(p, "net/ipv6/conf/eth1/forwarding"), "unset");
	m->n_ifaces = 0;
	p = netplan_make(&a, m, NODE_MASTER);
	assert_int_equal(p->n_links + p->n_addrs + p->n_routes + p->n_nics, 0);
	assert_int_equal(p->n_rules, 2);
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_one_mac_for_all),
		cmocka_unit_test(test_ipv4_only_and_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
