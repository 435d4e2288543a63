/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The language: what statements become, and every way in which they can be wrong. */
#include "conf-util.h"
#include "base/prng.h"

struct row {
	const char *text;
	const char *shown;  /* all of the candidate as text, "" when nothing is left */
	const char *errors; /* a line for each, fragments; "" = none */
};

static const struct row good[] = {
	{"", "", ""},
	{"# only a comment\n\n \t \n", "", ""},
	{"\xef\xbb\xbfset Device Name=fw1\r\n", "set Device Name=fw1\n", ""},
	{"set Device Name=fw1", "set Device Name=fw1\n", ""},
	{"set\tDevice   Name=fw1 # the first", "set Device Name=fw1\n", ""},
	{"set Device Name=\"fw1\"", "set Device Name=fw1\n", ""},
	{"set Device Comments=\"two words, \\\"quoted\\\" \\\\ # no comment\"",
		"set Device Comments=\"two words, \\\"quoted\\\" \\\\ # no comment\"\n", ""},
	{"set Device Comments=Grüße", "set Device Comments=Grüße\n", ""},
	{"set Device Comments=a=b", "set Device Comments=a=b\n", ""},
	{"set Device Name=a Name=\nset Device Name=\n", "",
		"1:19: error: Device, Name: given twice"},
	{"set Device Name=a\nset Device Name=\n", "", ""},
	{"set Device Name=a\nset Device Name=\"\"\n", "", ""},
	{"set HighAvailability Enabled=Yes ClusterID=007 HASyncProtocol=0x8FFD",
		"set HighAvailability Enabled=Yes ClusterID=7 HASyncProtocol=0x8ffd\n", ""},
	{"set HighAvailability LACPMembersHaveWeight=1 Sync=0 Enabled=Yes",
		"set HighAvailability Enabled=Yes Sync=No LACPMembersHaveWeight=Yes\n", ""},
	{"set HighAvailability HASyncProtocol=49495",
		"set HighAvailability HASyncProtocol=0xc157\n", ""},
	{"set HighAvailability ClusterID=1\nset HighAvailability Enabled=Yes",
		"set HighAvailability Enabled=Yes ClusterID=1\n", ""},
	{"set Settings MaxConnections=Automatic", "set Settings MaxConnections=Automatic\n", ""},
	{"add EthernetInterface lan IPAddress=10.1.0.1/24,10.1.0.9/024 IP6Address=FD00:0::1/64",
		"add EthernetInterface lan IPAddress=10.1.0.1/24,10.1.0.9/24 "
		"IP6Address=fd00::1/64\n",
		""},
	{"add EthernetInterface lan IPAddress=10.1.0.1/24, \t10.1.0.9/24 Weight=1",
		"add EthernetInterface lan IPAddress=10.1.0.1/24,10.1.0.9/24 Weight=1\n", ""},
	{"add EthernetInterface lan IPAddress=\"10.1.0.1/24\",lan_addr",
		"add EthernetInterface lan IPAddress=10.1.0.1/24,lan_addr\n", ""},
	{"add IP4Address r Address=10.0.0.1-10.0.0.9",
		"add IP4Address r Address=10.0.0.1-10.0.0.9\n", ""},
	{"add AddressGroup g Members=a,b,10.0.0.0/8,fd00::/8,1.2.3.4",
		"add AddressGroup g Members=a,b,10.0.0.0/8,fd00::/8,1.2.3.4\n", ""},
	{"add ServiceTCPUDP s Type=TCPUDP DestinationPorts=80-80,0443,1000-2000",
		"add ServiceTCPUDP s Type=TCPUDP DestinationPorts=80,443,1000-2000\n", ""},
	{"add ServiceICMP s Types=8,Echo-Reply,77 Types6=128",
		"add ServiceICMP s Types=echo-request,echo-reply,77 Types6=echo-request\n", ""},
	{"add ServiceIPProto s Protocol=gre,50,200", "add ServiceIPProto s Protocol=GRE,ESP,200\n",
		""},
	{"add RemoteManagement m Interface=any Network=all-nets Access=SSH,HTTPS",
		"add RemoteManagement m Interface=any Network=all-nets Access=SSH,HTTPS\n", ""},
	/* shown in the order of the schema, whatever the order of the text */
	{"add EthernetInterface b Weight=1 MTU=1500 MasterDevice=eth0\nadd IP4Address a "
	 "Address=1.2.3.4\nset Device Name=n",
		"set Device Name=n\nadd IP4Address a Address=1.2.3.4\n"
		"add EthernetInterface b MasterDevice=eth0 Weight=1 MTU=1500\n",
		""},
	/* names of different spaces may be alike */
	{"add IP4Address x Address=1.2.3.4\nadd EthernetInterface x\nadd IPRule x",
		"add IP4Address x Address=1.2.3.4\nadd EthernetInterface x\nadd IPRule x\n", ""},
	/* delete and add again */
	{"add IP4Address x Address=1.2.3.4\ndelete IP4Address x", "", ""},
	{"add IP4Address x Address=1.2.3.4\ndelete IP4Address x\nadd IP6Address x Address=::5",
		"add IP6Address x Address=::5\n", ""},
	/* Index moves, and is not kept */
	{"add IPRule a\nadd IPRule b\nadd IPRule c Index=1",
		"add IPRule c\nadd IPRule a\nadd IPRule b\n", ""},
	{"add IPRule a\nadd IPRule b\nadd IPRule c\nset IPRule a Index=3",
		"add IPRule b\nadd IPRule c\nadd IPRule a\n", ""},
	{"add IPRule a\nadd IPRule b\nadd IPRule c\nset IPRule c Index=2",
		"add IPRule a\nadd IPRule c\nadd IPRule b\n", ""},
	{"add IPRule a Index=1\nadd IPRule b Index=2\nadd IPRule c Index=2\nadd IPRule d Index=3",
		"add IPRule a\nadd IPRule c\nadd IPRule d\nadd IPRule b\n", ""},
};

static const struct row bad[] = {
	{"frobnicate", "", "1:1: error: 'frobnicate': a statement begins with add, set or delete"},
	{"dele IP4Address x", "",
		"1:1: error: 'dele': a statement begins with add, set or delete, did "
		"you mean 'delete'?"},
	{"add", "", "1:1: error: a type is missing after 'add'"},
	{"add IP4Adress x", "", "1:5: error: unknown type 'IP4Adress', did you mean 'IP4Address'?"},
	{"add Name=x", "", "1:5: error: unknown type 'Name'"},
	{"add IP4Address", "", "1:5: error: IP4Address: a name is missing: add IP4Address NAME …"},
	{"add IP4Address Address=1.2.3.4", "", "a name is missing"},
	{"add Device Name=x", "", "1:5: error: Device: is always there: change it with 'set'"},
	{"delete Settings", "", "can't be deleted; 'set Settings Property=' takes"},
	{"set Device", "", "1:1: error: Device: nothing to set"},
	{"set Device fw1", "", "1:12: error: Device: 'fw1': expected Property=Value"},
	{"set Device Name = fw1", "",
		"1:12: error: Device: 'Name': expected Property=Value\n"
		"1:17: error: Device: '=' without a property"},
	{"set Device Name =fw1", "", "expected Property=Value\n'=' without a property"},
	{"set Device Name= fw1", "", "1:18: error: Device: 'fw1': expected Property=Value"},
	{"set Device name=fw1", "", "Device has no property 'name', did you mean 'Name'?"},
	{"set Device Name=fw1,fw2", "", "1:21: error: Device, Name: takes one value, not a list"},
	{"set Device Name=\"fw 1\"", "", "1:17: error: Device, Name: 'fw 1': a name is made of"},
	{"set Device Name=\"fw1", "", "1:17: error: Device: the closing '\"' is missing"},
	{"set Device Name=\"fw1\"x", "", "1:22: error: Device: a blank or ',' must follow"},
	{"set Device Comments=\"a\\n\"", "", "only \\\" and \\\\ may follow a backslash"},
	{"set Device Comments=\"a\\\"", "", "the closing '\"' is missing"},
	{"set Device Name=fw\"1\"", "", "1:19: error: Device: '\"' inside a word"},
	{"set Device Name=fw#1", "", "1:19: error: Device: '#' inside a word"},
	{"set Device Name=,a", "", "1:17: error: Device: a value is missing beside ','"},
	{"add AddressGroup g Members=a,,b", "", "1:30: error: AddressGroup g: a value is missing"},
	{"add AddressGroup g Members=a,", "", "1:30: error: AddressGroup g: a value is missing"},
	{"set Device Comments=a\x01"
	 "b",
		"", "1:22: error: a control character"},
	{"set Device Comments=\xff", "", "1:21: error: not valid UTF-8"},
	{"set Device Comments=\xc0\xaf", "", "not valid UTF-8"},
	{"set Device Comments=\xed\xa0\x80", "", "not valid UTF-8"},
	{"set HighAvailability Enabled=yes", "", "'yes': must be Yes or No, did you mean 'Yes'?"},
	{"set HighAvailability Enabled=2", "", "'2': must be Yes or No"},
	{"set HighAvailability Enabled=01", "", "'01': must be Yes or No"},
	{"set HighAvailability ClusterID=65536", "", "'65536': must be a number from 0 to 65535"},
	{"set HighAvailability ClusterID=-1", "", "must be a number from 0 to 65535"},
	{"set HighAvailability HAFailoverTime=50ms", "",
		"'50ms': must be a number from 3 to 60000 in ms"},
	{"set HighAvailability InitialSilence=1", "", "'1': must be a number from 2 to 600 in s"},
	{"set HighAvailability NodeType=Salve", "",
		"'Salve': must be Master or Slave, did you mean 'Slave'?"},
	{"set HighAvailability HASyncProtocol=0x800", "", "0x0800 belongs to IPv4: choose another"},
	{"set HighAvailability HASyncProtocol=0x0806", "", "0x0806 belongs to ARP"},
	{"set HighAvailability HASyncProtocol=0x86dd", "", "0x86dd belongs to IPv6"},
	{"set HighAvailability HASyncProtocol=0x8100", "", "0x8100 belongs to VLAN"},
	{"set HighAvailability HASyncProtocol=0x5ff", "",
		"'0x5ff': must be an EtherType from 0x0600 to 0xffff"},
	{"set HighAvailability HASyncProtocol=0x10000", "", "must be an EtherType"},
	{"set HighAvailability HASyncProtocol=c157", "", "must be an EtherType"},
	{"set HighAvailability SyncInterface=a,b,c", "",
		"1:40: error: HighAvailability, "
		"SyncInterface: takes at most 2 values"},
	{"set Settings MaxConnections=many", "",
		"'many': must be Automatic or a number from 1024 to 16777216"},
	{"add EthernetInterface thirteenbytes", "", "'thirteenbytes' is longer than 12 bytes"},
	{"add EthernetInterface la/n", "",
		"'la/n': a name is made of letters, digits, '_', '.' and"},
	{"add EthernetInterface ..", "", "'..' can't be a name"},
	{"add EthernetInterface -x", "", "'-x' can't be a name"},
	{"add EthernetInterface any", "", "'any' is always there and can't be defined"},
	{"add EthernetInterface core", "", "'core' is always there"},
	{"add EthernetInterface lan MasterDevice=sixteen-bytes-xx", "", "is longer than 15 bytes"},
	{"add EthernetInterface lan IPAddress=10.1.0.1", "",
		"10.1.0.1: must be an address with prefix (10.1.0.1/24)"},
	{"add EthernetInterface lan IPAddress=10.1.0.1/33", "", "'10.1.0.1/33' is no address"},
	{"add EthernetInterface lan IPAddress=fd00::1/64", "",
		"fd00::1/64 is IPv6: an IPv4 address must stand here"},
	{"add EthernetInterface lan IP6Address=10.1.0.1/24", "", "an IPv6 address must stand here"},
	{"add EthernetInterface lan MTU=100", "",
		"'100': must be a number from 576 to 65535 in bytes"},
	{"add EthernetInterface lan MACIndex=256", "", "must be a number from 1 to 255"},
	{"add IP4Address all-nets Address=1.2.3.4", "", "'all-nets' is always there"},
	{"add IP4Address 1.2.3.4 Address=1.2.3.4", "", "looks like an address"},
	{"add IP4Address x Address=10.0.0.9-10.0.0.1", "", "'10.0.0.9-10.0.0.1' is no address"},
	{"add IP4Address x Address=10.0.0.256", "", "is no address"},
	{"add IP4Address x Address=lan", "",
		"'lan' is no address: must be an address, an address with "
		"prefix (10.1.0.1/24) or a range (low-high)"},
	{"add IP4Address x Address=1.2.3.4\nadd IP4Address x Address=1.2.3.5",
		"add IP4Address x Address=1.2.3.4\n",
		"2:16: error: IP4Address x: exists already (line 1): change it with 'set'"},
	{"add IP4Address x Address=1.2.3.4\nadd IP6Address x Address=::1",
		"add IP4Address x Address=1.2.3.4\n", "the name is taken by IP4Address x (line 1)"},
	{"add IP4HAAddress x Master=10.0.0.1-10.0.0.2 Slave=10.0.0.3", "",
		"10.0.0.1-10.0.0.2: must be an address, an address with prefix"},
	{"add ServiceTCPUDP http DestinationPorts=80", "", "'http' is always there"},
	{"add ServiceTCPUDP s DestinationPorts=65536", "",
		"'65536': must be a port from 0 to 65535"},
	{"add ServiceTCPUDP s DestinationPorts=90-80", "", "or a range, as in 8000-8099"},
	{"add ServiceTCPUDP s Type=SCTP", "", "'SCTP': must be TCP, UDP or TCPUDP"},
	{"add ServiceICMP s Types=256", "", "'256': no such ICMP type"},
	{"add ServiceICMP s Types=echo-requst", "", "did you mean 'echo-request'?"},
	{"add ServiceIPProto s Protocol=EPS", "",
		"no such IP protocol; it is a number from 0 to 255 or "
		"a name, did you mean 'ESP'?"},
	{"add IPRule r Action=Accept", "", "'Accept': must be Allow, Drop, Reject, NAT or SAT"},
	{"add IPRule r SATTranslateToPort=0", "", "must be a port from 1 to 65535"},
	{"add IPRule r Index=0", "", "must be a number from 1"},
	{"add IPRule r Index=2", "", "1:14: error: IPRule r, Index: 2 is beyond the end"},
	{"add IPRule r\nset IPRule r Index=2", "add IPRule r\n",
		"2 is beyond the end, there would be "
		"only 1"},
	{"add RemoteManagement m Access=HTTPS,HTTP", "", "'HTTP': must be HTTPS, SSH or Metrics"},
	{"set IP4Address x Address=1.2.3.4", "",
		"1:16: error: IP4Address x: no IP4Address is called "
		"'x'"},
	{"add IP4Address server1 Address=1.2.3.4\nset IP4Address sevrer1 Address=1.2.3.5",
		"add IP4Address server1 Address=1.2.3.4\n", "did you mean 'server1'?"},
	{"set IP4Address all-nets Address=1.2.3.4", "",
		"'all-nets' is always there and can't be "
		"changed"},
	{"add IP4Address x Address=1.2.3.4\nset IP6Address x Address=::2",
		"add IP4Address x Address=1.2.3.4\n", "'x' is of type IP4Address"},
	{"delete IP4Address x", "", "no IP4Address is called 'x'"},
	{"add IP4Address x Address=1.2.3.4\ndelete IP4Address x now",
		"add IP4Address x Address=1.2.3.4\n",
		"2:21: error: IP4Address x: nothing may follow"},
	/* every error of a statement, and nothing of it is done */
	{"set HighAvailability Enabled=maybe ClusterID=x Foo=1 NodeType=Master", "",
		"'maybe': must be\n'x': must be a number\nhas no property 'Foo'"},
	{"add IP4Address x Address=1.2.3.4\nset IP4Address x Address=5.6.7.8 Comment=x",
		"add IP4Address x Address=1.2.3.4\n", "did you mean 'Comments'?"},
	/* a refused add is no second error at its set */
	{"add IP4Address x Adress=1.2.3.4\nset IP4Address x Address=1.2.3.4", "",
		"did you mean 'Address'?"},
};

static void
check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct conf_run r;

		conf_run(&r, rows[i].text, false);
		conf_expect(&r, rows[i].text, rows[i].errors);
		assert_int_equal(r.parsed, rows[i].errors[0] == '\0');
		assert_string_equal(conf_show(&r.a, &r.cand, NULL, NULL), rows[i].shown);
		conf_end(&r);
	}
}

/* What is shown is read back to the same text. */
static void
check_round_trip(const char *text)
{
	struct conf_run r, again;
	const char *shown;

	conf_run(&r, text, false);
	shown = conf_show(&r.a, &r.cand, NULL, NULL);
	conf_run(&again, shown, false);
	conf_expect(&again, shown, "");
	assert_string_equal(conf_show(&again.a, &again.cand, NULL, NULL), shown);
	conf_end(&again);
	conf_end(&r);
}

static void
test_good(void **state)
{
	check_rows(good, sizeof(good) / sizeof(good[0]));
}

static void
test_bad(void **state)
{
	check_rows(bad, sizeof(bad) / sizeof(bad[0]));
}

static void
test_round_trip(void **state)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		check_round_trip(good[i].text);
}

/* Index against an array that does the same. */
static void
test_places(void **state)
{
	struct conf_run r = {.a = ARENA_INIT};
	struct prng p = {7};
	unsigned list[200], n = 0, next = 0;

	for (unsigned step = 0; step < 3000; step++) {
		unsigned at = n ? (unsigned)prng_range(&p, 0, n - 1) : 0, id = list[at];
		unsigned to = n ? (unsigned)prng_range(&p, 0, n - 1) : 0;
		const char *expected = "";
		char text[100];

		if (n < 10 || (n < 30 && prng_chance(&p, 40))) {
			id = next++;
			snprintf(text, sizeof(text), "add IPRule r%u Index=%u", id, to + 1);
			memmove(list + to + 1, list + to, (n - to) * sizeof(list[0]));
			list[to] = id;
			n++;
		} else {
			bool gone = prng_chance(&p, 40);

			memmove(list + at, list + at + 1, (n - at - 1) * sizeof(list[0]));
			n--;
			if (gone) {
				snprintf(text, sizeof(text), "delete IPRule r%u", id);
			} else {
				snprintf(text, sizeof(text), "set IPRule r%u Index=%u", id, to + 1);
				memmove(list + to + 1, list + to, (n - to) * sizeof(list[0]));
				list[to] = id;
				n++;
			}
		}
		assert_true(conf_parse(&r.a, text, strlen(text), &r.cand, &r.errors));
		for (unsigned i = 0; i < n; i++)
			expected = arena_printf(&r.a, "%sadd IPRule r%u\n", expected, list[i]);
		assert_string_equal(conf_show(&r.a, &r.cand, NULL, NULL), expected);
	}
	conf_end(&r);
}

static void
test_show_parts(void **state)
{
	struct conf_run r;

	conf_run(&r,
		"set Device Name=a Comments=c\nset HighAvailability NodeType=Slave ClusterID=3\n"
		"add IP4Address x Address=1.2.3.4\nadd IP4Address y Address=1.2.3.5\n",
		false);
	assert_true(r.parsed);
	assert_string_equal(conf_show(&r.a, &r.cand, "IP4Address", NULL),
		"add IP4Address x Address=1.2.3.4\nadd IP4Address y Address=1.2.3.5\n");
	assert_string_equal(
		conf_show(&r.a, &r.cand, "IP4Address", "y"), "add IP4Address y Address=1.2.3.5\n");
	assert_string_equal(
		conf_show(&r.a, &r.cand, "Device", NULL), "set Device Name=a Comments=c\n");
	assert_string_equal(conf_show(&r.a, &r.cand, "IP4Address", "z"), "");
	assert_string_equal(conf_show(&r.a, &r.cand, "Nothing", NULL), "");
	assert_string_equal(candidate_show_local(&r.a, &r.cand),
		"set Device Name=a\nset HighAvailability NodeType=Slave\n");
	assert_string_equal(candidate_show_shared(&r.a, &r.cand),
		"set Device Comments=c\nset HighAvailability ClusterID=3\n"
		"add IP4Address x Address=1.2.3.4\nadd IP4Address y Address=1.2.3.5\n");
	conf_end(&r);
}

static void
test_error_form(void **state)
{
	struct arena a = ARENA_INIT;
	struct conf_error e = {false, 3, 7, "EthernetInterface lan", "IPAddress", "is wrong"};

	assert_string_equal(conf_error_fmt(&a, "x.conf", &e),
		"x.conf:3:7: error: EthernetInterface lan, IPAddress: is wrong");
	e.warning = true;
	e.property = "";
	e.line = 0;
	assert_string_equal(conf_error_fmt(&a, "x.conf", &e),
		"x.conf: warning: EthernetInterface lan: is wrong");
	arena_free(&a);
}

/* Masses of errors are bounded, and a later text's success is still told apart. */
static void
test_many_errors(void **state)
{
	struct conf_run r;
	static char text[40001];

	for (size_t i = 0; i < sizeof(text) - 1; i += 2)
		memcpy(text + i, "x\n", 2);
	conf_run(&r, text, false);
	assert_false(r.parsed);
	assert_int_equal(r.errors.n, 1001);
	assert_string_equal(r.errors.e[1000].message, "more errors are not listed");
	assert_false(conf_parse(&r.a, "y", 1, &r.cand, &r.errors));
	assert_true(conf_parse(&r.a, "#", 1, &r.cand, &r.errors));
	conf_end(&r);
}

static void
test_too_long(void **state)
{
	struct conf_run r = {.a = ARENA_INIT};
	size_t len = CANDIDATE_TEXT_MAX + 1;
	char *text = arena_alloc(&r.a, len);

	memset(text, '\n', len);
	assert_true(conf_parse(&r.a, text, len - 1, &r.cand, &r.errors));
	assert_false(conf_parse(&r.a, text, len, &r.cand, &r.errors));
	conf_expect(&r, "", "f: error: more than 16 MB of text");
	conf_end(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_show_parts),
		cmocka_unit_test(test_error_form),
		cmocka_unit_test(test_many_errors),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
