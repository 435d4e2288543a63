/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What people read: JSON data in, text out. S117, S120 and the fixed texts of ha and stat. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "cli/render.h"

static char *
render_text(const char *cmd, const char *arg, const char *json, bool colour)
{
	char *text = NULL;
	size_t len = 0;
	json_error_t err;
	struct render r = {.out = open_memstream(&text, &len), .colour = colour};
	json_t *data = json_loads(json, 0, &err);

	assert_non_null(data);
	render_answer(&r, cmd, arg, data);
	json_decref(data);
	fclose(r.out);
	return text;
}

struct render_case {
	const char *cmd, *arg, *json, *text;
};

static const struct render_case cases[] = {
	{"ha", NULL,
		"{\"node\":\"master\",\"enabled\":true,\"role\":\"active\",\"active_seconds\":4306,"
		"\"peer\":{\"state\":\"alive\"},"
		"\"sync\":{\"enabled\":true,\"state\":\"synced\",\"percent\":100}}",
		"This device is a HA MASTER\n"
		"This device is currently ACTIVE (will forward traffic)\n"
		"HA cluster peer is ALIVE\n"
		"This device has been active: 4306 sec\n"
		"HA state sync: 100%\n"},
	{"ha", NULL,
		"{\"node\":\"slave\",\"enabled\":true,\"role\":\"inactive\",\"role_seconds\":7,"
		"\"peer\":{\"state\":\"dead\"},"
		"\"sync\":{\"enabled\":true,\"state\":\"lost\",\"percent\":3},"
		"\"alarms\":[\"interface lan has no carrier\"]}",
		"This device is a HA SLAVE\n"
		"This device is currently INACTIVE (will not forward traffic)\n"
		"HA cluster peer is DEAD\n"
		"This device has been inactive: 7 sec\n"
		"HA state sync: LOST\n"
		"Note: interface lan has no carrier\n"},
	{"ha", NULL,
		"{\"node\":\"master\",\"enabled\":true,\"role\":\"inactive\","
		"\"peer\":{\"state\":\"unknown\"},"
		"\"sync\":{\"enabled\":true,\"state\":\"syncing\",\"percent\":41,"
		"\"equal_seconds_ago\":12}}",
		"This device is a HA MASTER\n"
		"This device is currently INACTIVE (will not forward traffic)\n"
		"HA cluster peer is UNKNOWN\n"
		"This device has been inactive: 0 sec\n"
		"HA state sync: 41%\n"
		"Connection tables were alike: 12 sec ago\n"},
	{"ha", NULL,
		"{\"node\":\"master\",\"enabled\":true,\"role\":\"inactive\",\"engine\":\"silent\","
		"\"role_seconds\":3,\"peer\":{\"state\":\"unknown\"},\"sync\":{}}",
		"This device is a HA MASTER\n"
		"This device is currently INACTIVE (will not forward traffic; the engine does not "
		"answer)\n"
		"HA cluster peer is UNKNOWN\n"
		"This device has been inactive: 3 sec\n"
		"HA state sync: OFF\n"},
	{"ha", NULL,
		"{\"node\":\"master\",\"enabled\":false,\"role\":\"active\",\"active_seconds\":1}",
		"This device is a single firewall (HighAvailability Enabled=No)\n"
		"This device is currently ACTIVE (will forward traffic)\n"
		"This device has been active: 1 sec\n"},
	{"ha", "quality",
		"{\"quality\":47,\"now\":60,\"formula\":\"F\",\"quality_formula\":\"Q\","
		"\"peer_formula\":\"P\",\"interfaces\":[{\"name\":\"out\",\"state\":1,"
		"\"weight\":100,\"part\":50,\"members\":2,\"members_up\":1,\"two_way\":true,"
		"\"remark\":\"1 of 2 members are up\"},{\"name\":\"in\",\"state\":0,"
		"\"weight\":100,\"part\":0,\"remark\":\"no carrier\"}],\"monitors\":[{"
		"\"name\":\"isp\",\"lost\":true,\"weight\":50,\"part\":0,\"hosts\":[{\"address\":"
		"\"10.1.0.9\",\"state\":"
		"\"lost\"},{\"address\":\"10.1.0.8\",\"state\":\"answers\"}]}],\"terms\":["
		"{\"name\":\"interfaces\",\"value\":63,\"weight\":0,\"takes\":0.0,"
		"\"peer\":100},{\"name\":\"fans\",\"value\":75,\"weight\":10,\"takes\":2.5,"
		"\"peer\":null,\"remark\":\"R\",\"detail\":\"D\"}],\"compared\":{\"here\":47,"
		"\"peer\":100,"
		"\"better\":\"peer\",\"margin\":5}}",
		"Interface                state weight counts two-way\n"
		"out                        1/2    100     50     yes  1 of 2 members are up\n"
		"in                           0    100      0      no  no carrier\n"
		"LinkMonitor isp              0     50      0        \n"
		"  10.1.0.9                                 lost\n"
		"F\n\n"
		"Term             this node     peer weight  takes\n"
		"interfaces              63      100 factor       \n"
		"fans                    75  unknown     10    2.5  R; D\n"
		"\n"
		"Quality                 Q\n"
		"Quality, not settled    60\n"
		"Quality of the peer     P\n"
		"Over what both know     47 here, 100 there: the peer is better\n"},
	{"ha", "why", "{\"changes\":[]}", "The role has not changed since the start.\n"},
	{"ha", "why",
		"{\"changes\":[{\"time\":\"T\",\"ago_s\":9,\"from\":\"inactive\",\"to\":\"active\","
		"\"term\":4,\"why\":\"W\",\"evidence\":\"E\",\"step\":3,\"step_text\":\"quality\","
		"\"me\":{\"able\":true,\"quality\":100},\"peer\":{\"able\":true,\"quality\":40}}]}",
		"1. inactive -> active, T (9 s ago), term 4\n"
		"  Why:      W\n"
		"  Evidence: E\n"
		"  Rule:     step 3 of the ranking: quality\n"
		"  Claims:\n"
		"                         this node        peer\n"
		"    able                 yes              yes\n"
		"    quality              100              40\n"},
	{"connections", NULL,
		"{\"total\":3,\"connections\":[{\"protocol\":\"tcp\",\"state\":\"ESTABLISHED\","
		"\"timeout_s\":60,\"nat\":true,\"original\":{\"src\":\"10.1.0.9\",\"dst\":\"8.8.8."
		"8\","
		"\"sport\":1,\"dport\":2},\"reply\":{\"src\":\"fd00::1\",\"dst\":\"fd00::2\","
		"\"sport\":3,\"dport\":4}}]}",
		"tcp     ESTABLISHED      60s  10.1.0.9:1 -> 8.8.8.8:2  |  [fd00::1]:3 -> "
		"[fd00::2]:4  "
		"NAT\n1 of 3 connections shown\n"},
	{"rules", NULL,
		"{\"rules\":[{\"index\":1,\"name\":\"out\",\"action\":\"NAT\",\"packets\":5,"
		"\"bytes\":300}],\"no_rule\":{\"packets\":7,\"bytes\":420}}",
		"   #  Name                     Action         Packets            Bytes\n"
		"   1  out                      NAT                  5              300\n"
		"   -  (no rule matches)        Drop                 7              420\n"},
	{"help", NULL,
		"{\"type\":\"IPRule\",\"summary\":\"S\",\"properties\":[{\"name\":\"Action\","
		"\"kind\":\"one of a list of words\",\"words\":[\"Allow\",\"Drop\"],"
		"\"required\":true,\"summary\":\"A\"},{\"name\":\"To\",\"kind\":\"interface\","
		"\"words\":[\"any\",\"core\"],\"default\":\"any\",\"summary\":\"B\"}]}",
		"IPRule NAME Property=Value ...\nS\n"
		"  Action: one of a list of words: Allow, Drop; required\n      A\n"
		"  To: interface, also any, core; default any\n      B\n"},
	{"show", NULL, "{\"text\":\"set Device Name=x\"}", "set Device Name=x\n"},
	{"future", NULL, "{\"a\":1}", "{\n  \"a\": 1\n}\n"},
	/* A daemon of another version: fields that are missing or of another kind. */
	{"ha", NULL, "{\"node\":5,\"peer\":7,\"alarms\":{}}",
		"This device is a HA UNKNOWN\n"
		"This device is currently INACTIVE (will not forward traffic)\n"
		"This device has been inactive: 0 sec\n"},
};

static void
test_table(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = render_text(cases[i].cmd, cases[i].arg, cases[i].json, false);

		assert_string_equal(text, cases[i].text);
		free(text);
	}
}

static void
test_stat_line(void **state)
{
	char *text = render_text("stat", NULL,
		"{\"connections\":2726,\"connections_max\":128000,\"uptime_seconds\":90061,"
		"\"refused\":{\"bad_seal\":0,\"replay\":4}}",
		false);

	assert_non_null(strstr(text, "\nConnections 2726 out of 128000\n"));
	assert_non_null(strstr(text, "1 days 01:01:01\n"));
	assert_null(strstr(text, "bad_seal"));
	assert_non_null(strstr(text, "replay"));
	free(text);
}

static void
test_colour(void **state)
{
	const char *json = "{\"enabled\":true,\"role\":\"active\",\"peer\":{\"state\":\"dead\"}}";
	char *text = render_text("ha", NULL, json, true);

	assert_non_null(strstr(text, "\033[32mACTIVE\033[0m (will"));
	assert_non_null(strstr(text, "\033[31mDEAD\033[0m\n"));
	free(text);
	text = render_text("ha", NULL, json, false);
	assert_null(strchr(text, '\033'));
	free(text);
}

/* What a property does not do stands beside it. */
static void
test_stored_only(void **state)
{
	const char *json =
		"{\"type\":\"Settings\",\"properties\":[{\"name\":\"A\",\"kind\":\"text\"},"
		"{\"name\":\"B\",\"kind\":\"text\",\"stored_only\":true}]}";
	char *text = render_text("help", NULL, json, false), *b = strstr(text, "  B: text");

	assert_non_null(b);
	assert_non_null(strstr(b, "has no effect in this version"));
	assert_ptr_equal(strstr(text, "has no effect"), strstr(b, "has no effect"));
	free(text);
}

/* Every view with nothing at all: nothing may crash. */
static void
test_empty(void **state)
{
	static const char *const views[][2] = {{"ha", NULL}, {"ha", "quality"}, {"ha", "why"},
		{"stat", NULL}, {"arp", "-show"}, {"connections", NULL}, {"rules", NULL},
		{"log", NULL}, {"help", NULL}};

	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
		free(render_text(views[i][0], views[i][1], "{}", false));
		free(render_text(views[i][0], views[i][1], "[1]", true));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_stat_line),
		cmocka_unit_test(test_colour),
		cmocka_unit_test(test_stored_only),
		cmocka_unit_test(test_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
