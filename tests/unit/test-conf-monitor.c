/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LinkMonitor in the configuration: what is wrong with one, and what is made of a right one. */
#include <stdlib.h>
#include "conf-util.h"

#define BASE                                                                                       \
	"set HighAvailability Enabled=Yes ClusterID=7 NodeType=Master SyncInterface=sync\n"        \
	"add EthernetInterface sync\n"                                                             \
	"add IP4HAAddress lan_ha Master=10.1.0.2 Slave=10.1.0.3\n"                                 \
	"add EthernetInterface lan IPAddress=10.1.0.1/24 PrivateIP=lan_ha "                        \
	"IP6Address=fd01::1/64\n"                                                                  \
	"add EthernetInterface wan IPAddress=10.2.0.1/24 Weight=75\n"                              \
	"add Route default Interface=wan Network=all-nets Gateway=10.2.0.254\n" /* 6 lines */
#define M "add LinkMonitor m "

static const struct {
	const char *text;
	const char *messages; /* as conf_expect() takes them */
} rows[] = {
	{M "Addresses=10.1.0.10\n", ""},
	{M "Addresses=10.1.0.10,fd01::10 Interface=lan MaxLoss=3 PingInterval=100 "
	   "InitGracePeriod=0\n",
		""},
	{M "Interface=lan\n", "7:17: error: LinkMonitor m, Addresses: must be given"},
	{M "Addresses=\n", "Addresses: must be given"},
	{M "Addresses=10.1.0.10 Interface=lna\n",
		"Interface: no interface is called 'lna', did you mean 'lan'?"},
	{M "Addresses=10.1.0.10 Interface=sync\n", "Interface: sync is a sync interface"},
	{M "Addresses=10.1.0.10 Interface=any\n", "Interface: 'any' can't stand here"},
	{M "Addresses=10.1.0.0/24\n", "Addresses: "},
	{M "Addresses=10.1.0.4-10.1.0.9\n", "Addresses: "},
	{"add IP4Address net Address=10.1.0.0/24\n" M "Addresses=net\n",
		"Addresses: 'net' is a network: a LinkMonitor asks single hosts, name each"},
	{"add IP4Address r Address=10.1.0.4-10.1.0.9\n" M "Addresses=10.1.0.10,r\n",
		"8:39: error: LinkMonitor m, Addresses: 'r' is a range: a LinkMonitor asks single"},
	{"add IP4Address host Address=10.1.0.10\n" M "Addresses=host\n", ""},
	{M "Addresses=lan_net\n", "Addresses: no address object is called 'lan_net'"},
	{M "Addresses=lan_ha\n", "'lan_ha' is of type IP4HAAddress: must be of type IP4Address"},
	{M "Addresses=10.1.0.1\n", "Addresses: 10.1.0.1 is the cluster's own, on lan"},
	{M "Addresses=10.1.0.3\n", "Addresses: 10.1.0.3 is the cluster's own, on lan"},
	{M "Addresses=10.1.0.255\n", "10.1.0.255/24 is the broadcast address of its network"},
	{M "Addresses=224.0.0.5\n", "Addresses: 224.0.0.5 is a multicast address"},
	{M "Addresses=127.0.0.1\n", "Addresses: 127.0.0.1 is a loopback address"},
	{M "Addresses=10.1.0.10,10.1.0.11,10.1.0.10\n", "Addresses: 10.1.0.10 is named twice"},
	{M "Addresses=fd09::1\n", "Addresses: no interface leads to fd09::1: add a Route"},
	{M "Addresses=fe80::1\n", "Addresses: fe80::1 is a link-local address: say by which"},
	{M "Addresses=fe80::1 Interface=lan\n", ""},
	{M "Addresses=10.2.0.9 Interface=lan\n",
		"warning: LinkMonitor m, Addresses: 10.2.0.9 is in no network of lan and no Route "
		"leads there by it"},
	/* wan has no private address: only the active node can ask what is beyond the router */
	{M "Addresses=192.0.2.1\n",
		"warning: LinkMonitor m, Addresses: wan has no private IPv4 address, so only the "
		"active node can ask 192.0.2.1"},
	{M "Addresses=10.2.0.254\n", ""},
	{M "Addresses=10.1.0.10 MaxLoss=0\n", "MaxLoss: "},
	{M "Addresses=10.1.0.10 PingInterval=49\n", "PingInterval: "},
	{M "Addresses=10.1.0.10 InitGracePeriod=-1\n", "InitGracePeriod: "},
	{M "Addresses=10.1.0.10 Weight=10000\n", "Weight: "},
	{"set EthernetInterface lan Weight=0\n" M "Addresses=10.1.0.10 Interface=lan\n",
		"warning: LinkMonitor m, Interface: the Weight of lan is 0"},
	{"set EthernetInterface lan Weight=0\n" M "Addresses=10.1.0.10 Interface=lan Weight=5\n",
		""},
};

static void
test_check(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct conf_run r;
		char text[2048];

		snprintf(text, sizeof(text), BASE "%s", rows[i].text);
		conf_run(&r, text, true);
		conf_expect(&r, text, rows[i].messages);
		conf_end(&r);
	}
}

/* n monitors with `hosts` hosts each in 10.1.0.0/24; more: the rest of each statement. */
static char *
many(unsigned n, unsigned hosts, const char *more)
{
	char *text = malloc(100000);
	size_t len = (size_t)sprintf(text, BASE);

	assert_non_null(text);
	for (unsigned i = 0; i < n; i++) {
		len += (size_t)sprintf(text + len, "add LinkMonitor m%u %s Addresses=", i, more);
		for (unsigned h = 0; h < hosts; h++)
			len += (size_t)sprintf(text + len, "%s10.1.0.%u", h ? "," : "", 20 + h);
		len += (size_t)sprintf(text + len, "\n");
	}
	return text;
}

static void
test_limits(void **state)
{
	static const struct {
		unsigned n, hosts;
		const char *more, *message;
	} limits[] = {
		{64, 16, "PingInterval=1000", ""},
		{65, 1, "", "LinkMonitor m64: there are more than 64 LinkMonitors"},
		{1, 17, "", "Addresses: "},
		/* 64 · 16 every 500 ms are 2048 a second */
		{64, 16, "PingInterval=500", "would send 2048 probes a second: at most 2000"},
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		char *text = many(limits[i].n, limits[i].hosts, limits[i].more);
		struct conf_run r;

		conf_run(&r, text, true);
		conf_expect(&r, "", limits[i].message);
		conf_end(&r);
		free(text);
	}
}

static void
test_model(void **state)
{
	static const char text[] =
		BASE "add LinkMonitor a Addresses=10.1.0.10\n"
		     "add LinkMonitor b Addresses=10.1.0.10 Interface=lan\n"
		     "add LinkMonitor c Addresses=10.1.0.10,192.0.2.1 Weight=0 "
		     "MaxLoss=3 PingInterval=100 InitGracePeriod=5\n"
		     "add LinkMonitor d Addresses=10.2.0.254 Interface=wan Weight=9\n";
	const struct conf_monitor *m;
	struct conf_run r;

	conf_run(&r, text, true);
	assert_non_null(r.model);
	assert_int_equal(r.model->n_monitors, 4);
	m = r.model->monitors;
	assert_string_equal(m[0].name, "a");
	assert_true(!m[0].iface && m[0].weight == 100);
	assert_true(m[0].max_loss == 7 && m[0].ping_ms == 250 && m[0].grace_s == 45);
	assert_true(m[0].n_hosts == 1 && m[0].hosts[0].on_link);
	assert_string_equal(m[0].hosts[0].iface->name, "lan");
	assert_string_equal(m[1].iface->name, "lan");
	assert_int_equal(m[1].weight, 0);
	assert_true(!m[2].iface && m[2].weight == 0 && m[2].n_hosts == 2);
	assert_true(m[2].max_loss == 3 && m[2].ping_ms == 100 && m[2].grace_s == 5);
	assert_true(m[2].hosts[0].on_link && !m[2].hosts[1].on_link);
	assert_string_equal(m[2].hosts[1].iface->name, "wan");
	assert_true(!m[3].iface && m[3].weight == 9 && m[3].hosts[0].on_link);
	conf_end(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
