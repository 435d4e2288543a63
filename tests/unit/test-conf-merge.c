/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Edits of two administrators, taking back one object's edits, and other names for objects. */
#include "conf-util.h"

#define BASE                                                                                       \
	"add IP4Address a Address=10.0.0.1\n"                                                      \
	"add IP4Address b Address=10.0.0.2\n"                                                      \
	"add EthernetInterface lan IPAddress=10.1.0.1/24\n"                                        \
	"add EthernetInterface wan IPAddress=10.2.0.1/24\n"                                        \
	"add AddressGroup g Members=a,b\n"                                                         \
	"add IPRule r1 Action=Allow SourceInterface=lan SourceNetwork=lan_net "                    \
	"DestinationInterface=wan DestinationNetwork=a Service=all_services\n"                     \
	"add IPRule r2 Action=Drop SourceInterface=lan SourceNetwork=g "                           \
	"DestinationInterface=wan DestinationNetwork=all-nets Service=all_services\n"              \
	"add IPRule r3 Action=Drop SourceInterface=any SourceNetwork=all-nets "                    \
	"DestinationInterface=any DestinationNetwork=all-nets Service=all_services\n"

#define RULE                                                                                       \
	"Action=Drop SourceInterface=lan SourceNetwork=a DestinationInterface=wan "                \
	"DestinationNetwork=b Service=all_services"

static struct conf_candidate *
made(struct arena *a, const char *edits)
{
	struct conf_candidate *c = arena_new(a, struct conf_candidate);
	struct conf_errors errors = {0};
	const char *text = arena_printf(a, BASE "%s", edits);

	if (!conf_parse(a, text, strlen(text), c, &errors))
		fail_msg("%s", conf_error_fmt(a, "f", &errors.e[0]));
	return c;
}

struct merge_case {
	const char *mine, *theirs;
	const char *conflicts; /* "" = both are in the result */
};

static const struct merge_case merges[] = {
	{"", "", ""},
	{"set IP4Address a Address=10.0.0.9\n", "", ""},
	{"set IP4Address a Address=10.0.0.9\n", "set IP4Address b Address=10.0.0.8\n", ""},
	{"set IP4Address a Address=10.0.0.9\n", "set IP4Address a Comments=x\n", "IP4Address a"},
	{"set Settings HTTPSPort=8443\n", "set Device Name=x\n", ""},
	{"set Settings HTTPSPort=8443\n", "set Settings ValidationTimeout=60\n", "Settings"},
	{"delete IPRule r1\n", "set IPRule r1 Log=No\n", "IPRule r1"},
	{"delete IPRule r1\n", "set IPRule r2 Log=No\n", ""},
	/* new rules at the end disturb nobody; places do */
	{"add IPRule x " RULE "\n", "add IPRule y " RULE "\n", ""},
	{"add IPRule x Index=1 " RULE "\n", "add IPRule y " RULE "\n", "IPRule *"},
	{"add IPRule x Index=1 " RULE "\n", "set IPRule r2 Log=No\n", ""},
	{"add IPRule x Index=1 " RULE "\n", "delete IPRule r2\n", "IPRule *"},
	{"set IPRule r3 Index=1\n", "set IPRule r2 Index=1\n", "IPRule *"},
	{"add IP4Address n Address=10.0.0.3\n", "add IP4Address n Address=10.0.0.4\n",
		"IP4Address n"},
	{"set IP4Address a Address=10.0.0.9\nset IPRule r1 Log=No\n",
		"set IP4Address a Comments=x\nset IPRule r1 Log=No\n", "IP4Address a, IPRule r1"},
};

static void
test_merge(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(merges) / sizeof(merges[0]); i++) {
		const struct merge_case *m = &merges[i];
		struct arena a = ARENA_INIT;
		struct conf_errors errors = {0};
		const char *conflicts, *text, *result;
		struct conf_candidate *both;

		text = candidate_merge(
			&a, made(&a, ""), made(&a, m->mine), made(&a, m->theirs), &conflicts);
		assert_string_equal(conflicts, m->conflicts);
		assert_int_equal(text == NULL, *m->conflicts != '\0');
		if (text) {
			both = arena_new(&a, struct conf_candidate);
			result = conf_show(&a, made(&a, m->theirs), NULL, NULL);
			assert_true(conf_parse(&a, result, strlen(result), both, &errors));
			assert_true(conf_parse(&a, text, strlen(text), both, &errors));
		}
		arena_free(&a);
	}
}

static void
test_reject(void **state)
{
	static const char *const edits[] = {"set IPRule r2 Log=No Action=Reject\n",
		"delete IPRule r2\n", "set IPRule r2 Index=1\n", "set IPRule r2 Index=3 Log=No\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		struct arena a = ARENA_INIT;
		struct conf_errors errors = {0};
		const struct conf_candidate *base = made(&a, "");
		struct conf_candidate *mine =
			made(&a, arena_printf(&a, "%sset IP4Address a Comments=x\n", edits[i]));
		const char *text =
			candidate_diff_object(&a, mine, base, schema_type_find("IPRule"), "r2");

		assert_true(conf_parse(&a, text, strlen(text), mine, &errors));
		assert_string_equal(
			candidate_diff(&a, base, mine), "set IP4Address a Comments=x\n");
		arena_free(&a);
	}
}

static void
test_reject_new_and_single(void **state)
{
	struct arena a = ARENA_INIT;
	const struct conf_candidate *base = made(&a, "");
	const struct conf_candidate *mine =
		made(&a, "add IPRule x " RULE "\nset Settings HTTPSPort=8443\n");

	(void)state;
	assert_string_equal(candidate_diff_object(&a, mine, base, schema_type_find("IPRule"), "x"),
		"delete IPRule x\n");
	assert_string_equal(candidate_diff_object(&a, mine, base, schema_type_find("Settings"), ""),
		"set Settings HTTPSPort=\n");
	assert_string_equal(
		candidate_diff_object(&a, mine, base, schema_type_find("IPRule"), "r1"), "");
	arena_free(&a);
}

static void
test_rename(void **state)
{
	struct arena a = ARENA_INIT;
	struct conf_errors errors = {0};
	struct conf_candidate cand = {0};
	const char *text = candidate_show_renamed(
		&a, made(&a, ""), schema_type_find("EthernetInterface"), "lan", "inside");

	(void)state;
	assert_null(strstr(text, "lan"));
	assert_non_null(strstr(text, "add EthernetInterface inside"));
	assert_non_null(strstr(text, "SourceNetwork=inside_net"));
	assert_true(conf_parse(&a, text, strlen(text), &cand, &errors));
	assert_non_null(conf_check(&a, &cand, &errors));
	text = candidate_show_renamed(
		&a, made(&a, ""), schema_type_find("IP4Address"), "a", "first");
	assert_non_null(strstr(text, "Members=first,b"));
	assert_non_null(strstr(text, "DestinationNetwork=first"));
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_reject),
		cmocka_unit_test(test_reject_new_and_single),
		cmocka_unit_test(test_rename),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
