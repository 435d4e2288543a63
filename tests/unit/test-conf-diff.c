/* SPDX-License-Identifier: GPL-2.0-or-later */
/* candidate_diff(): what leads from one configuration to another, and does lead there. */
#include "conf-util.h"
#include "base/prng.h"

static const struct {
	const char *from, *to, *diff;
} rows[] = {
	{"", "", ""},
	{"set Device Name=a", "set Device Name=a", ""},
	{"", "set Device Name=a", "set Device Name=a\n"},
	{"set Device Name=a Comments=x", "set Device Name=b", "set Device Name=b Comments=\n"},
	{"set Device Name=a", "", "set Device Name=\n"},
	{"add IP4Address a Address=1.1.1.1", "add IP4Address a Address=1.1.1.2 Comments=\"b c\"",
		"set IP4Address a Address=1.1.1.2 Comments=\"b c\"\n"},
	{"add IP4Address a Address=1.1.1.1", "add IP4Address b Address=1.1.1.1",
		"delete IP4Address a\nadd IP4Address b Address=1.1.1.1\n"},
	{"add IP4Address a Address=1.1.1.1", "add IP6Address a Address=::1",
		"delete IP4Address a\nadd IP6Address a Address=::1\n"},
	{"add AddressGroup g Members=a,b", "add AddressGroup g Members=a,b,c",
		"set AddressGroup g Members=a,b,c\n"},
	/* only what must move is moved */
	{"add IPRule a\nadd IPRule b\nadd IPRule c", "add IPRule b\nadd IPRule c\nadd IPRule a",
		"set IPRule a Index=3\n"},
	{"add IPRule a\nadd IPRule b\nadd IPRule c", "add IPRule c\nadd IPRule a\nadd IPRule b",
		"set IPRule c Index=1\n"},
	{"add IPRule a\nadd IPRule b",
		"add IPRule a\nadd IPRule x Log=No\nadd IPRule b\nadd IPRule y",
		"add IPRule x Index=2 Log=No\nadd IPRule y\n"},
	{"add IPRule a\nadd IPRule b\nadd IPRule c", "add IPRule c Log=No\nadd IPRule b",
		"delete IPRule a\nset IPRule c Index=1 Log=No\n"},
};

static void
test_rows(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct conf_run from, to;
		const char *diff;

		conf_run(&from, rows[i].from, false);
		conf_run(&to, rows[i].to, false);
		assert_true(from.parsed && to.parsed);
		diff = candidate_diff(&from.a, &from.cand, &to.cand);
		if (strcmp(diff, rows[i].diff) != 0)
			print_error("row %zu\n", i);
		assert_string_equal(diff, rows[i].diff);
		conf_end(&from);
		conf_end(&to);
	}
}

/* A random configuration of a few names, so that much of two of them is the same. */
static void
random_text(struct prng *p, char *text, size_t size)
{
	bool used[12] = {false};
	size_t len = 0;

	text[0] = '\0';
	for (unsigned k = 0; k < 12; k++) {
		unsigned i = (unsigned)prng_range(p, 0, 11);

		if (used[i])
			continue;
		used[i] = true;
		len += (size_t)snprintf(text + len, size - len, "add IPRule r%u Log=%s\n", i,
			prng_chance(p, 80) ? "Yes" : "No");
		if (prng_chance(p, 50))
			len += (size_t)snprintf(text + len, size - len,
				"add IP4Address a%u Address=10.0.0.%d\n", i,
				(int)prng_range(p, 1, 3));
	}
}

static void
test_random(void **state)
{
	struct prng p = {42};

	for (unsigned n = 0; n < 3000; n++) {
		struct conf_run from, to;
		char a[2000], b[2000];
		const char *diff;

		random_text(&p, a, sizeof(a));
		random_text(&p, b, sizeof(b));
		conf_run(&from, a, false);
		conf_run(&to, b, false);
		diff = candidate_diff(&from.a, &from.cand, &to.cand);
		assert_true(conf_parse(&from.a, diff, strlen(diff), &from.cand, &from.errors));
		/* the order of types without a position is that of creation: compare what is said
		 */
		assert_string_equal(candidate_diff(&from.a, &from.cand, &to.cand), "");
		assert_string_equal(conf_show(&from.a, &from.cand, "IPRule", NULL),
			conf_show(&to.a, &to.cand, "IPRule", NULL));
		conf_end(&from);
		conf_end(&to);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
