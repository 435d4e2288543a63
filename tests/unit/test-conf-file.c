/* SPDX-License-Identifier: GPL-2.0-or-later */
/* twinwalld --check FILE: what it says and how it ends. */
#include "conf-util.h"
#include <stdlib.h>
#include <unistd.h>
#include "../../src/daemon/check.c"

/* Runs check_main() with standard error and output going to a file, whose text is returned. */
static int
run_check(const char *file, char *out, size_t size)
{
	char path[] = "/tmp/tw-test-check-XXXXXX";
	int fd = mkstemp(path), old_err = dup(STDERR_FILENO), old_out = dup(STDOUT_FILENO), status;
	ssize_t n;

	assert_true(fd >= 0);
	unlink(path);
	fflush(stdout);
	dup2(fd, STDERR_FILENO);
	dup2(fd, STDOUT_FILENO);
	status = check_main(file);
	fflush(stdout);
	dup2(old_err, STDERR_FILENO);
	dup2(old_out, STDOUT_FILENO);
	close(old_err);
	close(old_out);
	n = pread(fd, out, size - 1, 0);
	assert_true(n >= 0);
	out[n] = '\0';
	close(fd);
	return status;
}

static int
check_text_file(const char *text, char *out, size_t size)
{
	char path[] = "/tmp/tw-test-conf-XXXXXX";
	int fd = mkstemp(path), status;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	status = run_check(path, out, size);
	unlink(path);
	return status;
}

static void
test_good(void **state)
{
	char out[4096];

	assert_int_equal(check_text_file("add EthernetInterface lan\n", out, sizeof(out)), 0);
	assert_non_null(strstr(out, ": ok: 1 interfaces, 0 routes, 0 rules, 0 warnings\n"));
}

static void
test_warnings_are_no_errors(void **state)
{
	char out[4096];

	assert_int_equal(check_text_file("set HighAvailability Enabled=Yes NodeType=Slave "
					 "SyncInterface=s\nadd EthernetInterface s\n",
				 out, sizeof(out)),
		0);
	assert_non_null(
		strstr(out, ":1:1: warning: HighAvailability, ClusterID: 0 is everybody's") ||
		strstr(out, ":1:5: warning: HighAvailability, ClusterID: 0 is everybody's"));
	assert_non_null(strstr(out, "1 warnings\n"));
}

/* Errors of both steps, in the order of the lines. */
static void
test_all_errors(void **state)
{
	char out[4096];
	const char *first, *second, *third;

	assert_int_equal(check_text_file("add Route a Interface=wan Network=all-nets\n"
					 "add EthernetInterface lan Wieght=1\n"
					 "add AddressGroup g Members=nobody\n",
				 out, sizeof(out)),
		1);
	first = strstr(out, ":1:23: error: Route a, Interface: no interface is called 'wan'");
	second = strstr(out,
		":2:27: error: EthernetInterface lan: EthernetInterface has no property "
		"'Wieght', did you mean 'Weight'?");
	third = strstr(out, ":3:28: error: AddressGroup g, Members: no address object is called");
	assert_true(first && second && third && first < second && second < third);
	assert_non_null(strstr(out, ": 3 errors, 0 warnings\n"));
}

static void
test_unreadable(void **state)
{
	char out[4096];

	assert_int_equal(run_check("/nonexistent/twinwall.conf", out, sizeof(out)), 1);
	assert_string_equal(out,
		"/nonexistent/twinwall.conf: error: can't be read: No such file or directory\n");
	assert_int_equal(run_check("/tmp", out, sizeof(out)), 1);
	assert_string_equal(out, "/tmp: error: can't be read: Is a directory\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_warnings_are_no_errors),
		cmocka_unit_test(test_all_errors),
		cmocka_unit_test(test_unreadable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
