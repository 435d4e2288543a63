/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Control protocol: the request decoder and the command table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "daemon/config/control_decode.h"

struct decode_case {
	const char *line;
	enum control_reject reject;
	const char *cmd;
	size_t n_args;
};

static const struct decode_case cases[] = {
	{"{\"v\":1,\"cmd\":\"ha\"}", CONTROL_OK, "ha", 0},
	{"{\"v\":1,\"cmd\":\"ha\",\"args\":[]}", CONTROL_OK, "ha", 0},
	{" {\"cmd\":\"ha\",\"args\":[\"-force\",\"active\"],\"v\":1} ", CONTROL_OK, "ha", 2},
	{"{\"v\":1,\"cmd\":\"ha\",\"new\":{}}", CONTROL_OK, "ha", 0},
	{"{\"v\":1,\"cmd\":\"no such\",\"args\":[\"\"]}", CONTROL_OK, "no such", 1},
	{"{\"v\":1,\"cmd\":\"ha\",\"session\":\"bob\"}", CONTROL_OK, "ha", 0},
	{"{\"v\":1,\"cmd\":\"ha\",\"session\":\"\"}", CONTROL_SESSION, NULL, 0},
	{"{\"v\":1,\"cmd\":\"ha\",\"session\":7}", CONTROL_SESSION, NULL, 0},
	{"{\"v\":1,\"cmd\":\"ha\",\"session\":\"a\\nb\"}", CONTROL_BYTES, NULL, 0},
	{"", CONTROL_NOT_JSON, NULL, 0},
	{"ha", CONTROL_NOT_JSON, NULL, 0},
	{"{\"v\":1,\"cmd\":\"ha\"", CONTROL_NOT_JSON, NULL, 0},
	{"{\"v\":1,\"cmd\":\"ha\"} x", CONTROL_NOT_JSON, NULL, 0},
	{"{\"v\":1,\"v\":1,\"cmd\":\"ha\"}", CONTROL_NOT_JSON, NULL, 0},
	{"{\"v\":1,\"cmd\":\"a\\u0000b\"}", CONTROL_NOT_JSON, NULL, 0},
	{"{\"v\":1,\"cmd\":\"\xff\"}", CONTROL_NOT_JSON, NULL, 0},
	{"[1]", CONTROL_NOT_REQUEST, NULL, 0},
	{"{\"v\":1}", CONTROL_NOT_REQUEST, NULL, 0},
	{"{\"v\":1,\"cmd\":\"\"}", CONTROL_NOT_REQUEST, NULL, 0},
	{"{\"v\":1,\"cmd\":5}", CONTROL_NOT_REQUEST, NULL, 0},
	{"{\"cmd\":\"ha\"}", CONTROL_VERSION, NULL, 0},
	{"{\"v\":2,\"cmd\":\"ha\"}", CONTROL_VERSION, NULL, 0},
	{"{\"v\":\"1\",\"cmd\":\"ha\"}", CONTROL_VERSION, NULL, 0},
	{"{\"v\":1,\"cmd\":\"ha\",\"args\":\"x\"}", CONTROL_ARGS, NULL, 0},
	{"{\"v\":1,\"cmd\":\"ha\",\"args\":[1]}", CONTROL_ARGS, NULL, 0},
	{"{\"v\":1,\"cmd\":\"ha\",\"args\":[\"a\\nb\"]}", CONTROL_BYTES, NULL, 0},
	{"{\"v\":1,\"cmd\":\"h\\u001ba\"}", CONTROL_BYTES, NULL, 0},
	{"{\"v\":1,\"cmd\":\"ha\",\"args\":[\"\\u007f\"]}", CONTROL_BYTES, NULL, 0},
};

static void
test_table(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct decode_case *c = &cases[i];
		struct control_request rq;
		enum control_reject r = control_decode(c->line, strlen(c->line), &rq);

		if (r != c->reject)
			fail_msg("%s: %s", c->line, control_reject_name(r));
		if (r != CONTROL_OK) {
			assert_null(rq.root);
			continue;
		}
		assert_string_equal(rq.cmd, c->cmd);
		assert_int_equal(rq.n_args, c->n_args);
		control_request_fini(&rq);
	}
}

static void
test_bounds(void **state)
{
	char *line = malloc(CTL_REQUEST_MAX + 64);
	struct control_request rq;
	size_t n;

	n = (size_t)sprintf(line, "{\"v\":1,\"cmd\":\"ha\",\"args\":[\"\"");
	for (size_t i = 1; i < CTL_ARGS_MAX; i++)
		n += (size_t)sprintf(line + n, ",\"\"");
	strcpy(line + n, "]}");
	assert_int_equal(control_decode(line, n + 2, &rq), CONTROL_OK);
	assert_int_equal(rq.n_args, CTL_ARGS_MAX);
	control_request_fini(&rq);
	strcpy(line + n, ",\"\"]}");
	assert_int_equal(control_decode(line, n + 5, &rq), CONTROL_ARGS);

	memset(line, ' ', CTL_REQUEST_MAX + 1);
	memcpy(line, "{\"v\":1,\"cmd\":\"ha\"}", 18);
	assert_int_equal(control_decode(line, CTL_REQUEST_MAX, &rq), CONTROL_OK);
	control_request_fini(&rq);
	assert_int_equal(control_decode(line, CTL_REQUEST_MAX + 1, &rq), CONTROL_TOO_LONG);
	memset(line, '[', CTL_REQUEST_MAX); /* depth */
	assert_int_equal(control_decode(line, CTL_REQUEST_MAX, &rq), CONTROL_NOT_JSON);
	free(line);
}

static void
test_commands(void **state)
{
	for (size_t i = 0; i < _CTL_MAX; i++) {
		const struct ctl_command *c = &ctl_commands[i];

		assert_int_equal(c->id, i);
		assert_true(c->name && c->name[0] && c->usage && c->summary && c->text);
		assert_ptr_equal(ctl_command_find(c->name), c);
	}
	assert_null(ctl_command_find("HA"));
	assert_null(ctl_command_find(""));
	for (int r = 0; r < _CONTROL_MAX; r++)
		assert_non_null(control_reject_name((enum control_reject)r));
}

/* Whatever can be asked stands in the manual page. */
static void
test_manual(void **state)
{
	static char page[65536];
	char path[512], word[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/docs/man/twinwall.1", getenv("TW_SOURCE"));
	f = fopen(path, "r");
	assert_non_null(f);
	page[fread(page, 1, sizeof(page) - 1, f)] = '\0';
	fclose(f);
	for (size_t i = 0; i < _CTL_MAX; i++) {
		snprintf(word, sizeof(word), ".It Ic %s", ctl_commands[i].name);
		if (ctl_commands[i].later == CTL_NOW && !strstr(page, word))
			fail_msg("%s is missing in twinwall.1", ctl_commands[i].name);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_manual),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
