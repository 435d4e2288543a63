/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a right configuration becomes: defaults, derived names, sets, services, index, hash, size.
 */
#include "conf-util.h"
#include <stdlib.h>
#include <time.h>
#include "core/conf/builtin.h"
#include "core/conf/value.h"

/* The example of the manual. */
static const char example[] =
	"set Device Name=fw1\n"
	"set HighAvailability Enabled=Yes ClusterID=7 NodeType=Master SyncInterface=sync\n"
	"add EthernetInterface sync\n"
	"add IP4HAAddress lan_ha Master=10.1.0.2 Slave=10.1.0.3\n"
	"add IP4HAAddress wan_ha Master=10.2.0.2 Slave=10.2.0.3\n"
	"add EthernetInterface lan IPAddress=10.1.0.1/24 PrivateIP=lan_ha\n"
	"add EthernetInterface wan IPAddress=10.2.0.1/24 PrivateIP=wan_ha Weight=75\n"
	"add Route default Interface=wan Network=all-nets Gateway=10.2.0.254\n"
	"add IPRule lan_out Action=NAT SourceInterface=lan SourceNetwork=lan_net "
	"DestinationInterface=wan DestinationNetwork=all-nets Service=all_services\n"
	"add IPRule ping_fw Action=Allow SourceInterface=lan SourceNetwork=lan_net "
	"DestinationInterface=core DestinationNetwork=lan_ip Service=ping-inbound\n";

static void
good(struct conf_run *r, const char *text)
{
	conf_run(r, text, true);
	conf_expect(r, text, "");
	assert_non_null(r->model);
}

static void
assert_prefix(const struct ip_prefix *p, const char *text)
{
	char buf[IP_TEXT_MAX];

	assert_string_equal(ip_prefix_fmt(p, buf), text);
}

static void
assert_set(struct arena *a, const struct addr_set *s, const char *expected)
{
	const char *text = arena_printf(a, "%s%s", s->any4 ? "any4 " : "", s->any6 ? "any6 " : "");
	char buf[IP_TEXT_MAX];

	for (size_t i = 0; i < s->n; i++)
		text = arena_printf(a, "%s%s ", text, ip_range_fmt(&s->r[i], buf));
	assert_string_equal(text, expected);
}

static void
test_example(void **state)
{
	const struct conf_iface *lan, *wan, *sync;
	const struct conf_model *m;
	struct conf_run r;

	good(&r, example);
	m = r.model;
	assert_string_equal(m->device_name, "fw1");
	assert_true(m->ha.enabled);
	assert_int_equal(m->ha.cluster_id, 7);
	assert_int_equal(m->ha.node_type, NODE_MASTER);
	assert_int_equal(m->n_ifaces, 3);
	sync = conf_iface_by_name(m, "sync");
	lan = conf_iface_by_name(m, "lan");
	wan = conf_iface_by_name(m, "wan");
	assert_ptr_equal(sync, &m->ifaces[0]);
	assert_int_equal(sync->index, 1);
	assert_int_equal(lan->index, 2);
	assert_int_equal(wan->index, 3);
	assert_true(sync->sync && !lan->sync && !wan->sync);
	assert_int_equal(sync->weight, 0);
	assert_int_equal(lan->weight, 100);
	assert_int_equal(wan->weight, 75);
	assert_true(lan->heartbeats && lan->has_private4 && !lan->has_private6);
	assert_int_equal(lan->n_shared, 1);
	assert_prefix(&lan->shared[0], "10.1.0.1/24");
	assert_prefix(&lan->private4[NODE_MASTER], "10.1.0.2/24");
	assert_prefix(&lan->private4[NODE_SLAVE], "10.1.0.3/24");
	assert_string_equal(lan->dev[NODE_MASTER], "lan");
	assert_string_equal(lan->dev[NODE_SLAVE], "lan");
	assert_int_equal(m->n_routes, 1);
	assert_ptr_equal(m->routes[0].iface, wan);
	assert_prefix(&m->routes[0].net, "0.0.0.0/0");
	assert_int_equal(m->routes[0].gateway.b[3], 254);
	assert_int_equal(m->n_rules, 2);
	assert_int_equal(m->rules[0].action, RULE_NAT);
	assert_int_equal(m->rules[0].index, 1);
	assert_int_equal(m->rules[0].src_iface.kind, IFACE_ONE);
	assert_ptr_equal(m->rules[0].src_iface.iface, lan);
	assert_set(&r.a, &m->rules[0].src, "10.1.0.0/24 ");
	assert_set(&r.a, &m->rules[0].dst, "any4 ");
	assert_true(m->rules[0].log);
	assert_int_equal(m->rules[0].nat_sender.family, 0);
	assert_int_equal(m->rules[0].line, 9);
	assert_int_equal(m->rules[1].dst_iface.kind, IFACE_CORE);
	assert_set(&r.a, &m->rules[1].dst, "10.1.0.1 ");
	assert_string_equal(m->rules[1].service->name, "ping-inbound");
	conf_end(&r);
}

static void
test_defaults(void **state)
{
	const struct conf_ha *ha;
	struct conf_run r;

	good(&r, "add EthernetInterface lan\n");
	ha = &r.model->ha;
	assert_string_equal(r.model->device_name, "Device");
	assert_false(ha->enabled);
	assert_int_equal(ha->cluster_id, 0);
	assert_int_equal(ha->ethertype, 0xc157);
	assert_int_equal(ha->interval_ms, 10);
	assert_int_equal(ha->failover_ms, 50);
	assert_int_equal(ha->initial_silence_s, 5);
	assert_int_equal(ha->garp_period_s, 60);
	assert_true(ha->sync);
	assert_int_equal(ha->sync_buffer_kb, 4096);
	assert_int_equal(ha->sync_burst, 100);
	assert_int_equal(ha->sync_after_s, 0);
	assert_true(ha->unique_shared_mac);
	assert_true(ha->deactivate_before_reconf);
	assert_int_equal(ha->reconf_failover_time_s, 0);
	assert_int_equal(ha->active_if_equal, PREFER_AUTOMATIC);
	assert_false(ha->lacp_members_weight || ha->failover_members_weight || ha->tpm_included);
	assert_int_equal(r.model->settings.validation_timeout_s, 30);
	assert_int_equal(r.model->settings.max_connections, 0);
	assert_int_equal(r.model->settings.high_buffers, 0);
	assert_int_equal(r.model->settings.https_port, 443);
	assert_int_equal(r.model->ifaces[0].weight, 100);
	assert_int_equal(r.model->ifaces[0].mtu, 0);
	assert_int_equal(r.model->ifaces[0].n_shared, 0);
	assert_false(r.model->ifaces[0].has_private4);
	conf_end(&r);
}

/* A property that comes to life, or one that is added before its effect, changes this list. */
static void
test_stored_only(void **state)
{
	char list[512] = "";

	schema_each_type (t)
		schema_each_prop (t, p)
			if (p->stored_only)
				snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s ",
					p->name);
	assert_string_equal(list, "DeactivateBeforeReconf ReconfFailoverTime "
				  "MaxConnections "
				  "HighBuffers ");
}

static void
test_profile(void **state)
{
	static const struct {
		const char *text;
		unsigned interval, failover;
	} rows[] = {
		{"Profile=Normal", 10, 50},
		{"Profile=Fast", 2, 10},
		{"Profile=Wan", 100, 500},
		{"Profile=Wan HAFailoverTime=1000", 100, 1000},
		{"HeartbeatInterval=5 Profile=Normal", 5, 50},
		{"Profile=Fast HeartbeatInterval=1 HAFailoverTime=3", 1, 3},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[200];
		struct conf_run r;

		snprintf(text, sizeof(text), "set HighAvailability %s", rows[i].text);
		good(&r, text);
		assert_int_equal(r.model->ha.interval_ms, rows[i].interval);
		assert_int_equal(r.model->ha.failover_ms, rows[i].failover);
		conf_end(&r);
	}
}

/* The number is assigned once, shown, and outlives the deletion of others. */
static void
test_mac_index(void **state)
{
	static const char more[] = "delete EthernetInterface b\nadd EthernetInterface d\n"
				   "add EthernetInterface e\nadd EthernetInterface f MACIndex=4\n";
	struct conf_run r;

	good(&r, "add EthernetInterface a\nadd EthernetInterface b\nadd EthernetInterface c\n");
	assert_string_equal(conf_show(&r.a, &r.cand, NULL, NULL),
		"add EthernetInterface a MACIndex=1\nadd EthernetInterface b MACIndex=2\n"
		"add EthernetInterface c MACIndex=3\n");
	assert_true(conf_parse(&r.a, more, strlen(more), &r.cand, &r.errors));
	r.model = conf_check(&r.a, &r.cand, &r.errors);
	assert_non_null(r.model);
	assert_string_equal(conf_show(&r.a, &r.cand, NULL, NULL),
		"add EthernetInterface a MACIndex=1\nadd EthernetInterface c MACIndex=3\n"
		"add EthernetInterface d MACIndex=2\nadd EthernetInterface e MACIndex=5\n"
		"add EthernetInterface f MACIndex=4\n");
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(r.model->ifaces[i].index, i + 1);
	assert_string_equal(r.model->ifaces[1].name, "d");
	conf_end(&r);
}

#define NETS                                                                                       \
	"add IP4HAAddress ha Master=10.1.0.2 Slave=10.1.0.3\n"                                     \
	"add EthernetInterface lan IPAddress=10.1.0.1/24,10.7.0.1/16 "                             \
	"IP6Address=fd00::1/64 PrivateIP=ha\n"

static void
test_sets(void **state)
{
	static const struct {
		const char *networks, *expected;
	} rows[] = {
		{"all-nets", "any4 "},
		{"all-nets6", "any6 "},
		{"all-nets,all-nets6", "any4 any6 "},
		{"0.0.0.0/0", "any4 "},
		{"0.0.0.0/1,128.0.0.0/1,1.2.3.4", "any4 "},
		{"::/0,1.2.3.4", "any6 1.2.3.4 "},
		{"lan_ip", "10.1.0.1 "},
		{"lan_net", "10.1.0.0/24 "},
		{"lan_ip6", "fd00::1 "},
		{"lan_net6", "fd00::/64 "},
		{"ha", "10.1.0.2/31 "},
		{"localhost", "127.0.0.1-127.0.0.2 "},
		{"10.0.0.9,10.0.0.1-10.0.0.5,10.0.0.6", "10.0.0.1-10.0.0.6 10.0.0.9 "},
		{"10.0.0.0/24,10.0.1.0/24", "10.0.0.0/23 "},
		{"10.0.0.5,10.0.0.0/8,10.255.255.255", "10.0.0.0/8 "},
		{"fd00::5,1.2.3.4,fd00::4", "1.2.3.4 fd00::4/127 "},
		{"255.255.255.255,0.0.0.0", "0.0.0.0 255.255.255.255 "},
		{"255.255.255.255,::", "255.255.255.255 :: "},
		{"g1", "10.9.0.1 10.9.0.4 fd00::/16 "},
		{"g2", "10.0.0.0/8 fd00::/16 "},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct conf_run r;
		char text[1000];

		snprintf(text, sizeof(text),
			NETS
			"add IP4Address a Address=10.9.0.1\nadd IP6Address b Address=fd00::/16\n"
			"add AddressGroup g1 Members=a,b,10.9.0.4\n"
			"add AddressGroup g2 Members=g1,10.0.0.0/8,fd00::7\n"
			"add RemoteManagement m Interface=lan Network=%s Access=SSH\n",
			rows[i].networks);
		good(&r, text);
		assert_set(&r.a, &r.model->mgmt[0].from, rows[i].expected);
		assert_int_equal(r.model->mgmt[0].access, MGMT_SSH);
		conf_end(&r);
	}
}

static const char *
service_text(struct arena *a, const struct conf_service *s)
{
	static const char *const kinds[] = {"any", "proto", "ports", "icmp"};
	const char *t = "";

	for (size_t i = 0; i < s->n_match; i++) {
		const struct service_match *m = &s->match[i];

		t = arena_printf(a, "%s%s%s/%u", t, i ? " " : "", kinds[m->kind], m->proto);
		for (size_t k = 0; k < m->n_sport; k++)
			t = arena_printf(a, "%s <%u-%u", t, m->sport[k].lo, m->sport[k].hi);
		for (size_t k = 0; k < m->n_dport; k++)
			t = arena_printf(a, "%s %u-%u", t, m->dport[k].lo, m->dport[k].hi);
		for (size_t k = 0; k < m->n_types; k++)
			t = arena_printf(a, "%s %u", t, m->types[k]);
	}
	return t;
}

static void
test_services(void **state)
{
	static const struct {
		const char *name, *expected;
	} rows[] = {
		{"all_services", "any/0"},
		{"all_tcp", "ports/6"},
		{"all_udp", "ports/17"},
		{"all_tcpudp", "ports/6 ports/17"},
		{"ping-inbound", "icmp/1 8 icmp/58 128"},
		{"http-all", "ports/6 80-80 ports/6 443-443 ports/17 443-443"},
		{"dns", "ports/6 53-53 ports/17 53-53"},
		{"ike", "ports/17 500-500 4500-4500"},
		{"t", "ports/6 80-80 8000-8099"},
		{"tu", "ports/6 <1024-65535 53-53 ports/17 <1024-65535 53-53"},
		{"i", "icmp/1 8 0"},
		{"i6", "icmp/58 2"},
		{"ii", "icmp/1 icmp/58"},
		{"p", "proto/47 proto/200"},
		{"g", "ports/6 80-80 8000-8099 proto/47 proto/200 ports/6 443-443 icmp/1 8 0"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct conf_run r;
		char text[1000];

		snprintf(text, sizeof(text),
			"add ServiceTCPUDP t DestinationPorts=80,8000-8099\n"
			"add ServiceTCPUDP tu Type=TCPUDP SourcePorts=1024-65535 "
			"DestinationPorts=53\n"
			"add ServiceICMP i Types=echo-request,0\n"
			"add ServiceICMP i6 Types6=packet-too-big\n"
			"add ServiceICMP ii\n"
			"add ServiceIPProto p Protocol=GRE,200\n"
			"add ServiceGroup g Members=inner,https,i\n"
			"add ServiceGroup inner Members=t,p\n"
			"add IPRule r Action=Allow SourceInterface=any SourceNetwork=all-nets "
			"DestinationInterface=any DestinationNetwork=all-nets Service=%s Log=No\n",
			rows[i].name);
		good(&r, text);
		assert_string_equal(
			service_text(&r.a, r.model->rules[0].service), rows[i].expected);
		assert_string_equal(r.model->rules[0].service->name, rows[i].name);
		assert_false(r.model->rules[0].log);
		conf_end(&r);
	}
}

static void
test_translations(void **state)
{
	const struct conf_rule *rule;
	struct conf_run r;

	good(&r, NETS "add IP4Address server Address=10.1.0.80\n"
		      "add IPRule in Action=SAT SourceInterface=any SourceNetwork=all-nets "
		      "DestinationInterface=core DestinationNetwork=lan_ip Service=http "
		      "SATTranslateToIP=server SATTranslateToPort=8080 NATSenderAddress=lan_ip\n"
		      "add IPRule first Index=1 Action=Drop SourceInterface=any "
		      "SourceNetwork=all-nets6 DestinationInterface=any "
		      "DestinationNetwork=all-nets6 Service=all_services\n");
	assert_string_equal(r.model->rules[0].name, "first");
	assert_int_equal(r.model->rules[0].index, 1);
	rule = &r.model->rules[1];
	assert_int_equal(rule->index, 2);
	assert_int_equal(rule->action, RULE_SAT);
	assert_int_equal(rule->sat_ip.b[3], 80);
	assert_int_equal(rule->sat_port.lo, 8080);
	assert_int_equal(rule->sat_port.hi, 8080);
	assert_int_equal(rule->nat_sender.b[3], 1);
	conf_end(&r);
}

/* Both nodes come to the same hash; any shared change changes it. */
static void
test_hash(void **state)
{
	struct conf_run a, b, c;
	char text[4096];

	good(&a, example);
	snprintf(text, sizeof(text), "%sset Device Name=fw2\nset HighAvailability NodeType=Slave\n",
		example);
	good(&b, text);
	snprintf(text, sizeof(text), "%sset IPRule ping_fw Log=No\n", example);
	good(&c, text);
	assert_memory_equal(a.model->hash, b.model->hash, 32);
	assert_memory_not_equal(a.model->hash, c.model->hash, 32);
	conf_end(&a);
	conf_end(&b);
	conf_end(&c);
}

/* Shown, read again and checked again, the same model comes out. */
static void
test_round_trip(void **state)
{
	struct conf_run a, b;
	const char *shown;

	good(&a, example);
	shown = conf_show(&a.a, &a.cand, NULL, NULL);
	good(&b, shown);
	assert_string_equal(conf_show(&b.a, &b.cand, NULL, NULL), shown);
	assert_memory_equal(a.model->hash, b.model->hash, 32);
	conf_end(&a);
	conf_end(&b);
}

static void
test_users(void **state)
{
	struct conf_run r;

	good(&r, example);
	assert_string_equal(candidate_users(&r.a, &r.cand, SPACE_IFACE, "lan", 9),
		"IPRule lan_out (SourceInterface), IPRule lan_out (SourceNetwork), "
		"IPRule ping_fw (SourceInterface), IPRule ping_fw (SourceNetwork), "
		"IPRule ping_fw (DestinationNetwork)");
	assert_string_equal(candidate_users(&r.a, &r.cand, SPACE_IFACE, "wan", 1),
		"Route default (Interface) and 1 more");
	assert_string_equal(candidate_users(&r.a, &r.cand, SPACE_ADDRESS, "lan_ha", 9),
		"EthernetInterface lan (PrivateIP)");
	assert_null(candidate_users(&r.a, &r.cand, SPACE_ADDRESS, "nobody", 9));
	conf_end(&r);
}

/* The schema itself: everything has help, defaults are values that may be given. */
static void
test_schema(void **state)
{
	schema_each_type (t) {
		assert_ptr_equal(schema_type_find(t->name), t);
		assert_non_null(t->help);
		assert_int_equal(t->singleton, t->space == SPACE_NONE);
		schema_each_prop (t, p) {
			struct arena a = ARENA_INIT;
			const char *message = NULL;

			assert_ptr_equal(schema_prop_find(t, p->name), p);
			assert_true(p->help && p->help[strlen(p->help) - 1] == '.');
			assert_true(schema_kind_text(p)[0]);
			assert_false(p->required && p->dflt);
			if (p->kind == KIND_INT || p->kind == KIND_TEXT || p->kind == KIND_NAME)
				assert_true(p->max > 0);
			if (p->dflt)
				assert_string_equal(value_canon(&a, p, p->dflt, &message), p->dflt);
			arena_free(&a);
		}
	}
	for (size_t i = 0; builtin_service_at(i); i++)
		assert_ptr_equal(builtin_service_find(builtin_service_at(i)->service.name),
			builtin_service_at(i));
}

/* 100 000 objects, 16 MB and more: time grows with the size, not with its square. */
static void
test_size(void **state)
{
	struct arena a = ARENA_INIT;
	size_t n = 49990, size = 16000000, len = 0;
	char *text = arena_alloc(&a, size);
	struct conf_run r;
	clock_t start;

	len += (size_t)snprintf(text, size, "%s", example);
	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(text + len, size - len,
			"add IP4Address host-%zu Address=10.%zu.%zu.%zu Comments=\"number %zu\"\n",
			i, 100 + i / 65536, i / 256 % 256, i % 256, i);
	for (size_t i = 0; i < n; i++)
		len += (size_t)snprintf(text + len, size - len,
			"add IPRule rule-%zu Index=%zu Action=Allow SourceInterface=lan "
			"SourceNetwork=host-%zu,host-%zu DestinationInterface=wan "
			"DestinationNetwork=all-nets Service=https\n",
			i, i + 1, i, (i * 7) % n);
	assert_true(len < size - 1);
	start = clock();
	good(&r, text);
	assert_int_equal(r.model->n_rules, n + 2);
	assert_non_null(conf_show(&r.a, &r.cand, NULL, NULL));
	if (getenv("TW_TIMES"))
		print_message("%zu bytes: %.2f s, %zu MB\n", len,
			(double)(clock() - start) / CLOCKS_PER_SEC, r.a.used >> 20);
	assert_true(
		clock() - start < 30 * CLOCKS_PER_SEC); /* 0.5 s here; sanitizers, slow machines */
	conf_end(&r);
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_example),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_stored_only),
		cmocka_unit_test(test_profile),
		cmocka_unit_test(test_mac_index),
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_services),
		cmocka_unit_test(test_translations),
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_users),
		cmocka_unit_test(test_schema),
		cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
