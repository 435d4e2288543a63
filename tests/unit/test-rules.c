/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ruleset compiler: which rules are looked at for which pair of interfaces, who may enter
 * where, translation numbers, names. What nft and packets say: tests/golden,
 * tests/lab/test_rules.py.
 */
#include <stdlib.h>
#include "base/prng.h"
#include "conf-util.h"
#include "core/rules/compile.h"

#define HEAD                                                                                       \
	"set Device Name=fw\n"                                                                     \
	"set HighAvailability Enabled=Yes ClusterID=7 NodeType=Master SyncInterface=sync\n"        \
	"add EthernetInterface sync MasterDevice=syncdev SlaveDevice=syncdev\n"                    \
	"add IP4HAAddress lan_ha Master=10.1.0.2 Slave=10.1.0.3\n"                                 \
	"add EthernetInterface lan MasterDevice=m0 SlaveDevice=s0 IPAddress=10.1.0.1/24 "          \
	"PrivateIP=lan_ha\n"                                                                       \
	"add EthernetInterface wan MasterDevice=m1 SlaveDevice=s1 IPAddress=10.2.0.1/24\n"         \
	"add EthernetInterface dmz MasterDevice=m2 SlaveDevice=s2 IPAddress=10.3.0.1/24\n"

#define RULE(name, action, src, dst, more)                                                         \
	"add IPRule " name " Action=" action " SourceInterface=" src                               \
	" SourceNetwork=all-nets DestinationInterface=" dst                                        \
	" DestinationNetwork=all-nets Service=http" more "\n"

static const char *
compile(struct conf_run *r, const char *text, enum node_type self)
{
	conf_run(r, text, true);
	for (size_t i = 0; i < r->errors.n; i++)
		if (!r->errors.e[i].warning)
			print_error("%s\n", conf_error_fmt(&r->a, "conf", &r->errors.e[i]));
	assert_non_null(r->model);
	return rules_compile(&r->a, r->model, self, HELPERS_ALL);
}

/* The lines of "KIND NAME {" up to its closing brace, or NULL. */
static const char *
block(struct arena *a, const char *text, const char *kind, const char *name)
{
	const char *head = arena_printf(a, "\n\t%s %s {", kind, name), *p = strstr(text, head),
		   *end;

	if (!p)
		return NULL;
	p += strlen(head);
	end = strstr(p, "\n\t}");
	assert_non_null(end);
	return arena_strndup(a, p, (size_t)(end - p));
}

/* The rules of a chain in order: "a b c", without repetitions of neighbours. */
static const char *
rules_in(struct arena *a, const char *text, const char *chain)
{
	const char *p = block(a, text, "chain", chain), *last = "", *all = "";

	for (; p && (p = strstr(p, "goto rule/")); p++) {
		const char *name = p + strlen("goto rule/");

		name = arena_strndup(a, name, strcspn(name, "\n"));
		if (strcmp(name, last) != 0)
			all = arena_printf(a, "%s%s%s", all, *all ? " " : "", name);
		last = name;
	}
	return all;
}

/* Where a map of chain `from` leads for `key`; NULL = nowhere. */
static const char *
leads_to(struct arena *a, const char *text, const char *chain, const char *key)
{
	const char *p = block(a, text, "chain", chain);

	assert_non_null(p);
	p = strstr(p, arena_printf(a, "\"%s\" : goto ", key));
	if (!p)
		return NULL;
	p = strstr(p, "goto ") + 5;
	return arena_strndup(a, p, strcspn(p, ",} \n"));
}

/* The rules for a packet that enters by `from` and would leave by `to` or is for the firewall. */
static const char *
rules_for(struct arena *a, const char *text, const char *from, const char *to)
{
	const char *chain = leads_to(a, text, "judge", arena_printf(a, "tw-%s", from)), *p;

	assert_non_null(chain);
	if (strcmp(to, "core") != 0) {
		chain = leads_to(a, text, chain, arena_printf(a, "tw-%s", to));
	} else {
		p = block(a, text, "chain", chain);
		p = strstr(p, "multicast } goto ") + strlen("multicast } goto ");
		chain = arena_strndup(a, p, strcspn(p, "\n"));
		if (strcmp(chain, "no_rule") == 0)
			return "";
	}
	return chain ? rules_in(a, text, chain) : "";
}

static void
test_order_by_pair(void **state)
{
	static const char text[] = HEAD RULE("one", "Allow", "lan", "wan", "")
		RULE("two", "Drop", "any", "wan", "") RULE("three", "Reject", "lan", "any", "")
			RULE("four", "Allow", "any", "any", "")
				RULE("five", "Allow", "wan", "core", "")
					RULE("six", "Allow", "lan", "lan", "");
	static const struct {
		const char *from, *to, *rules;
	} t[] = {
		{"lan", "wan", "one two three four"},
		{"lan", "dmz", "three four"},
		{"lan", "lan", "three four six"},
		{"lan", "core", "three four"},
		{"wan", "core", "four five"},
		{"wan", "wan", "two four"},
		{"wan", "lan", "four"},
		{"dmz", "wan", "two four"},
		{"dmz", "dmz", "four"},
		{"dmz", "core", "four"},
	};
	struct conf_run r;
	const char *s = compile(&r, text, NODE_MASTER);

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
		assert_string_equal(rules_for(&r.a, s, t[i].from, t[i].to), t[i].rules);
	conf_end(&r);
}

/* Random rules: every pair sees exactly the rules that name it or "any", in their order. */
static void
test_order_random(void **state)
{
	static const char *const names[] = {"lan", "wan", "dmz", "any", "core"};

	for (uint64_t seed = 1; seed <= 100; seed++) {
		struct prng p = {seed};
		struct arena a = ARENA_INIT;
		const char *text = HEAD, *s;
		struct conf_run r;

		for (int i = 0; i < 12; i++)
			text = arena_printf(&a,
				"%sadd IPRule r%d Action=Allow SourceInterface=%s "
				"SourceNetwork=all-nets DestinationInterface=%s "
				"DestinationNetwork=all-nets Service=http\n",
				text, i, names[prng_range(&p, 0, 3)], names[prng_range(&p, 0, 4)]);
		s = compile(&r, text, NODE_MASTER);
		for (int from = 0; from < 3; from++) {
			for (int to = 0; to < 5; to += to == 2 ? 2 : 1) {
				const char *want = "";

				for (size_t i = 0; i < r.model->n_rules; i++) {
					const struct conf_rule *u = &r.model->rules[i];
					bool src =
						u->src_iface.kind == IFACE_ANY ||
						strcmp(u->src_iface.iface->name, names[from]) == 0;
					bool dst = u->dst_iface.kind == IFACE_ANY ||
						   (u->dst_iface.kind == IFACE_CORE && to == 4) ||
						   (u->dst_iface.kind == IFACE_ONE &&
							   strcmp(u->dst_iface.iface->name,
								   names[to]) == 0);

					if (src && dst)
						want = arena_printf(&a, "%s%s%s", want,
							*want ? " " : "", u->name);
				}
				assert_string_equal(rules_for(&a, s, names[from], names[to]), want);
			}
		}
		conf_end(&r);
		arena_free(&a);
	}
}

static bool
set_has(struct arena *a, const char *text, const char *set, const struct ip_addr *addr)
{
	const char *p = block(a, text, "set", set);

	assert_non_null(p);
	p = strstr(p, "elements = {");
	for (p = p ? p + strlen("elements = {") : ""; *p && *p != '}';) {
		size_t len = strcspn(p, ",\n\t }");
		struct ip_range range;

		if (len) {
			assert_true(ip_range_parse(p, len, &range));
			if (ip_range_contains(&range, addr))
				return true;
		}
		p += len ? len : 1;
	}
	return false;
}

static void
test_sources(void **state)
{
	static const char text[] =
		HEAD "add Route default Interface=wan Network=all-nets Gateway=10.2.0.254\n"
		     "add Route branches Interface=lan Network=10.64.0.0/12 Gateway=10.1.0.254\n"
		     "add Route one Interface=dmz Network=10.64.7.0/24 Gateway=10.3.0.254\n"
		     "add Route local Interface=dmz Network=169.254.9.0/24 Gateway=10.3.0.254\n";
	static const struct {
		const char *addr, *at; /* at: the only interface that accepts it, "" = none */
	} t[] = {
		{"10.1.0.7", "lan"},
		{"10.1.0.0", "lan"},
		{"10.1.0.255", "lan"},
		{"10.1.1.0", "wan"},
		{"10.1.0.1", ""},
		{"10.1.0.2", ""},
		{"10.1.0.3", ""},
		{"10.2.0.1", ""},
		{"10.2.0.2", "wan"},
		{"10.64.0.1", "lan"},
		{"10.64.7.1", "dmz"},
		{"10.64.8.0", "lan"},
		{"10.79.255.255", "lan"},
		{"10.80.0.0", "wan"},
		{"198.51.100.1", "wan"},
		{"0.0.0.0", ""},
		{"0.255.255.255", ""},
		{"1.0.0.0", "wan"},
		{"127.0.0.1", ""},
		{"128.0.0.1", "wan"},
		{"169.254.1.1", ""},
		{"169.254.9.1", "dmz"},
		{"223.255.255.255", "wan"},
		{"224.0.0.1", ""},
		{"255.255.255.255", ""},
	};
	static const char *const names[] = {"lan", "wan", "dmz"};
	struct conf_run r;
	const char *s = compile(&r, text, NODE_SLAVE);

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		struct ip_addr addr;

		assert_true(ip_parse(t[i].addr, strlen(t[i].addr), &addr));
		for (size_t k = 0; k < 3; k++) {
			bool want = strcmp(t[i].at, names[k]) == 0;
			const char *set = arena_printf(&r.a, "source4/%s", names[k]);

			if (set_has(&r.a, s, set, &addr) != want)
				fail_msg("%s at %s: wanted %d", t[i].addr, names[k], want);
		}
	}
	conf_end(&r);
}

/* The owner by longest prefix, looked for the slow way. */
static bool
accepted_slow(const struct conf_model *m, const struct conf_iface *f, const struct ip_addr *addr)
{
	int best = -1;
	bool mine = false;

	for (size_t i = 0; i < m->n_ifaces; i++)
		for (size_t k = 0; k < m->ifaces[i].n_shared; k++)
			if (ip_equal(&m->ifaces[i].shared[k].addr, addr))
				return false;
	for (size_t i = 0; i < m->n_routes; i++) {
		const struct conf_route *u = &m->routes[i];

		if (!ip_prefix_contains(&u->net, addr) || u->net.len < best)
			continue;
		mine = (u->net.len == best && mine) || u->iface == f;
		best = u->net.len;
	}
	for (size_t i = 0; i < m->n_ifaces; i++)
		for (size_t k = 0; k < m->ifaces[i].n_shared; k++) {
			const struct ip_prefix *p = &m->ifaces[i].shared[k];

			if (!ip_prefix_contains(p, addr) || p->len < best)
				continue;
			mine = (p->len == best && mine) || &m->ifaces[i] == f;
			best = p->len;
		}
	return mine;
}

/* Random networks within one another in fd00::/8, where no martian is: as the slow search says. */
static void
test_sources_random(void **state)
{
	for (uint64_t seed = 1; seed <= 60; seed++) {
		struct prng p = {seed};
		struct arena a = ARENA_INIT;
		struct ip_prefix nets[24] = {0};
		struct conf_route routes[21] = {0};
		struct conf_iface f[3] = {{.name = "a", .index = 1, .dev = {"a", "a"}},
			{.name = "b", .index = 2, .dev = {"b", "b"}},
			{.name = "c", .index = 3, .dev = {"c", "c"}}};
		struct conf_model m = {
			.ifaces = f, .n_ifaces = 3, .routes = routes, .n_routes = 21};
		const char *s;

		for (int i = 0; i < 24; i++) {
			nets[i].addr = (struct ip_addr){.family = 6, .b = {0xfd}};
			for (int k = 1; k < 16; k++)
				nets[i].addr.b[k] = (uint8_t)(k % 5 ? 0 : prng_range(&p, 0, 3));
			nets[i].len = (uint8_t)prng_range(&p, 8, 128);
			if (i < 21) {
				routes[i].net = nets[i];
				routes[i].net.addr = ip_prefix_net(&nets[i]);
				routes[i].iface = &f[prng_range(&p, 0, 2)];
			}
		}
		for (int i = 0; i < 3; i++) {
			f[i].shared = &nets[21 + i];
			f[i].n_shared = 1;
		}
		s = rules_compile(&a, &m, NODE_MASTER, HELPERS_ALL);
		for (int i = 0; i < 200; i++) {
			const struct ip_prefix *near = &nets[prng_range(&p, 0, 23)];
			struct ip_addr addr = prng_chance(&p, 50) ? ip_prefix_broadcast(near)
								  : ip_prefix_net(near);

			addr.b[15] = (uint8_t)(addr.b[15] + prng_range(&p, -1, 1));
			for (int k = 0; k < 3; k++)
				assert_int_equal(
					set_has(&a, s, arena_printf(&a, "source6/%s", f[k].name),
						&addr),
					accepted_slow(&m, &f[k], &addr));
		}
		arena_free(&a);
	}
}

/* The number in the mark that rule `name` sets. */
static unsigned
number_of(struct arena *a, const char *text, const char *name)
{
	const char *p = strstr(text, arena_printf(a, "\n\tchain rule/%s {", name));

	assert_non_null(p);
	p = strstr(p, "| 0x");
	assert_non_null(p);
	return (unsigned)strtoul(p + 2, NULL, 16) & 0xffffff;
}

static void
test_translation_numbers(void **state)
{
#define SENDER(name)  RULE(name, "NAT", "lan", "wan", " NATSenderAddress=10.2.0.1")
#define SAT(name, ip) RULE(name, "SAT", "wan", "core", " SATTranslateToIP=" ip)
	struct conf_run r, q;
	const char *s = compile(&r,
		HEAD SENDER("a") SENDER("b") SAT("c", "10.1.0.7") RULE("d", "NAT", "lan", "wan", "")
			RULE("e", "Allow", "lan", "wan", ""),
		NODE_MASTER);
	const char *t = compile(
		&q, HEAD SAT("other", "10.1.0.8") SAT("c", "10.1.0.7") SENDER("b"), NODE_MASTER);

	assert_int_equal(number_of(&r.a, s, "a"), number_of(&r.a, s, "b"));
	assert_null(strstr(s, "goto nat/b"));
	assert_int_equal(number_of(&r.a, s, "a"), number_of(&q.a, t, "b"));
	assert_int_equal(number_of(&r.a, s, "c"), number_of(&q.a, t, "c"));
	assert_int_not_equal(number_of(&q.a, t, "c"), number_of(&q.a, t, "other"));
	assert_int_not_equal(number_of(&r.a, s, "a"), number_of(&r.a, s, "c"));
	assert_int_equal(number_of(&r.a, s, "d"), 1);
	assert_int_equal(number_of(&r.a, s, "e"), 0);
	conf_end(&r);
	conf_end(&q);
}

static void
test_devices(void **state)
{
	struct conf_run r;
	const char *text = HEAD "add RemoteManagement m Interface=lan Network=lan_net Access=SSH\n";
	const char *s = compile(&r, text, NODE_MASTER);

	assert_null(strstr(s, "sync"));
	assert_non_null(strstr(s, "iifname @entered/lan ip saddr 10.1.0.0/24 tcp dport 22"));
	assert_non_null(strstr(s, "{ \"tw-lan\", \"m0\" }"));
	s = rules_compile(&r.a, r.model, NODE_SLAVE, HELPERS_ALL);
	assert_non_null(strstr(s, "{ \"tw-lan\", \"s0\" }"));
	assert_non_null(strstr(block(&r.a, s, "set", "private4"), "{ 10.1.0.3 }"));
	assert_non_null(strstr(block(&r.a, s, "set", "peer4"), "{ 10.1.0.2 }"));
	conf_end(&r);
}

/* Who gets a helper: first packets of the service that has one, in rules that let them pass. */
static void
test_helpers(void **state)
{
	static const char text[] =
		HEAD "add ServiceTCPUDP alt Type=TCP DestinationPorts=2121,3000-3001 Helper=FTP\n"
		     "add ServiceGroup many Members=http,ftp,alt\n"
		     "add IPRule some Action=Allow SourceInterface=lan SourceNetwork=all-nets "
		     "DestinationInterface=wan DestinationNetwork=all-nets Service=many\n"
		     "add IPRule no Action=Drop SourceInterface=wan SourceNetwork=all-nets "
		     "DestinationInterface=lan DestinationNetwork=all-nets Service=tftp\n"
		     "add IPRule all Action=Allow SourceInterface=wan SourceNetwork=all-nets "
		     "DestinationInterface=lan DestinationNetwork=all-nets Service=all_services\n";
	struct conf_run r;
	const char *s = compile(&r, text, NODE_MASTER),
		   *some = block(&r.a, s, "chain", "rule/some");

	assert_int_equal(helper_used(r.model), 1u << HELPER_FTP);
	assert_non_null(block(&r.a, s, "ct helper", "ftp"));
	assert_null(block(&r.a, s, "ct helper", "tftp"));
	assert_non_null(strstr(some, "\n\t\ttcp dport 21 ct helper set \"ftp\"\n"));
	assert_non_null(strstr(some, "\n\t\ttcp dport @ports/many ct helper set \"ftp\"\n"));
	assert_null(strstr(some, "dport 80"));
	assert_null(strstr(block(&r.a, s, "chain", "rule/no"), "helper"));
	assert_null(strstr(block(&r.a, s, "chain", "rule/all"), "helper"));
	assert_non_null(
		strstr(block(&r.a, s, "chain", "related"), "ct helper \"ftp\" tcp dport 1024"));
	/* a kernel without it: the rule stays, and says so */
	s = rules_compile(&r.a, r.model, NODE_MASTER, 0);
	assert_null(block(&r.a, s, "ct helper", "ftp"));
	assert_null(strstr(s, "ct helper \"ftp\""));
	assert_null(strstr(s, "helper set"));
	assert_non_null(strstr(block(&r.a, s, "chain", "rule/some"), "no helper ftp"));
	conf_end(&r);
}

/* Nothing configured yet: nothing is forwarded, but the machine can be reached to be set up. */
static void
test_no_interfaces(void **state)
{
	struct arena a = ARENA_INIT;
	struct conf_model m = {.settings.https_port = 443};
	const char *s = rules_compile(&a, &m, NODE_MASTER, HELPERS_ALL);

	assert_null(strstr(block(&a, s, "chain", "input"), "no_rule"));
	assert_non_null(strstr(block(&a, s, "chain", "forward"), "\n\t\tgoto no_rule"));
	arena_free(&a);
}

/* Names that are nft syntax stay names; different ones stay different. */
static void
test_hostile_names(void **state)
{
	static const char *const names[] = {"a\"; accept; #", "x\n\taccept", "x accept", "$(id)",
		"", "0123456789012345678901234567890123456789012345678901234567890123456789A",
		"0123456789012345678901234567890123456789012345678901234567890123456789B"};
	struct conf_iface lan = {.name = "l\"an", .index = 1, .dev = {"e\"th", "tw*"}};
	struct service_match every = {.kind = MATCH_ANY};
	struct conf_service service = {.name = "all", .match = &every, .n_match = 1};
	struct conf_rule rules[7] = {0};
	struct conf_model m = {
		.device_name = "x\ny", .ifaces = &lan, .n_ifaces = 1, .rules = rules, .n_rules = 7};
	struct arena a = ARENA_INIT;
	const char *s;

	for (unsigned i = 0; i < 7; i++)
		rules[i] = (struct conf_rule){.name = names[i],
			.index = i + 1,
			.action = RULE_DROP,
			.src.any4 = true,
			.dst.any4 = true,
			.service = &service,
			.log = true};
	s = rules_compile(&a, &m, NODE_SLAVE, HELPERS_ALL);
	assert_null(strstr(s, "\"; accept"));
	assert_null(strstr(s, "$("));
	assert_null(strstr(s, "x\ny"));
	assert_null(strstr(s, "\"tw*\""));
	assert_non_null(strstr(s, "chain rule/x_accept.3 {"));
	assert_non_null(strstr(s, "chain rule/x__accept.2 {"));
	assert_non_null(strstr(s, "chain rule/.5 {"));
	assert_non_null(strstr(s, "123456789.6 {"));
	assert_non_null(strstr(s, "123456789.7 {"));
	assert_non_null(strstr(s, "\"tw-l_an\""));
	arena_free(&a);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_by_pair),
		cmocka_unit_test(test_order_random),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_sources_random),
		cmocka_unit_test(test_translation_numbers),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_helpers),
		cmocka_unit_test(test_no_interfaces),
		cmocka_unit_test(test_hostile_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
