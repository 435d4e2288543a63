/* SPDX-License-Identifier: GPL-2.0-or-later */
/* State folder and cluster key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "daemon/config/key.h"

struct place {
	char dir[64];
	struct store s;
};

static int
setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	strcpy(p->dir, "/tmp/tw-store-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	assert_int_equal(store_open(&p->s, p->dir), 0);
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct place *p = *state;
	char cmd[128];

	store_close(&p->s);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", p->dir);
	assert_int_equal(system(cmd), 0);
	free(p);
	return 0;
}

static void
put(const struct place *p, const char *name, const char *text, mode_t mode)
{
	int fd = openat(p->s.dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void
test_round_trip(void **state)
{
	struct place *p = *state;
	struct arena a = ARENA_INIT;
	const char *text;
	uint32_t n = 0;
	size_t len;

	assert_int_equal(store_current(&p->s, &n), STORE_NONE);
	assert_int_equal(store_highest(&p->s, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(store_write(&p->s, 1, "one\n", 4), 0);
	assert_int_equal(store_write(&p->s, 12, "twelve\n", 7), 0);
	assert_int_equal(store_set_current(&p->s, 12), 0);
	assert_int_equal(store_write(&p->s, 1, "ONE\n", 4), 0);
	store_close(&p->s);
	assert_int_equal(store_open(&p->s, p->dir), 0);
	assert_int_equal(store_current(&p->s, &n), 0);
	assert_int_equal(n, 12);
	assert_int_equal(store_highest(&p->s, &n), 0);
	assert_int_equal(n, 12);
	assert_int_equal(store_read(&p->s, 1, &a, &text, &len), 0);
	assert_string_equal(text, "ONE\n");
	assert_int_equal(len, 4);
	assert_int_equal(store_read(&p->s, 2, &a, &text, &len), -ENOENT);
	arena_free(&a);
}

static void
test_damaged(void **state)
{
	static const char *const bad[] = {"", "x\n", "0\n", "-1\n", "01\n", " 1\n", "1 \n", "1\n\n",
		"4294967296\n",
		"99999999999999999999999999999999999999999999999999999999999999999\n"};
	struct place *p = *state;
	uint32_t n;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put(p, "current", bad[i], 0600);
		assert_int_equal(store_current(&p->s, &n), -EBADMSG);
	}
	put(p, "current", "7", 0600); /* written by hand, without a newline */
	assert_int_equal(store_current(&p->s, &n), 0);
	assert_int_equal(n, 7);
}

/* What a crash may leave is replaced; other files of the folder are no revisions. */
static void
test_leftovers(void **state)
{
	struct place *p = *state;
	uint32_t n;

	put(p, ".current.new", "half", 0444);
	assert_int_equal(store_set_current(&p->s, 3), 0);
	assert_int_equal(store_current(&p->s, &n), 0);
	assert_int_equal(n, 3);
	put(p, "revisions/.9.conf.new", "half", 0600);
	put(p, "revisions/08.conf", "", 0600);
	put(p, "revisions/7.conf~", "", 0600);
	put(p, "revisions/2.conf", "", 0600);
	assert_int_equal(store_highest(&p->s, &n), 0);
	assert_int_equal(n, 2);
}

static void
test_not_regular(void **state)
{
	struct place *p = *state;
	struct arena a = ARENA_INIT;
	const char *text;
	size_t len;

	assert_int_equal(mkfifoat(p->s.dir, "fifo", 0600), 0);
	assert_int_equal(store_read_file(p->s.dir, "fifo", 100, &a, &text, &len), -EINVAL);
	assert_int_equal(store_read_file(p->s.dir, "revisions", 100, &a, &text, &len), -EINVAL);
	put(p, "long", "12345", 0600);
	assert_int_equal(store_read_file(p->s.dir, "long", 4, &a, &text, &len), -EFBIG);
	arena_free(&a);
}

static void
test_key_made_once(void **state)
{
	struct place *p = *state;
	uint8_t one[CLUSTER_KEY_LEN], two[CLUSTER_KEY_LEN], zero[CLUSTER_KEY_LEN] = {0};
	char err[512];
	struct stat st;

	assert_int_equal(key_load(&p->s, p->dir, one, err, sizeof(err)), KEY_CREATED);
	assert_int_equal(fstatat(p->s.dir, "cluster.key", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 45); /* 44 of base64 and a newline */
	assert_int_equal(key_load(&p->s, p->dir, two, err, sizeof(err)), 0);
	assert_memory_equal(one, two, sizeof(one));
	assert_memory_not_equal(one, zero, sizeof(one));
}

static const char good_key[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

static const struct {
	const char *text;
	mode_t mode;
	int result;
} key_cases[] = {
	{"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", 0600, 0},
	{"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\r\n", 0400, 0},
	{"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", 0640, -EPERM},
	{"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", 0604, -EPERM},
	{"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", 0602, -EPERM},
	{"", 0600, -EBADMSG},
	{"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==", 0600, -EBADMSG},
	{"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gIQ==", 0600, -EBADMSG},
	{"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= x", 0600, -EBADMSG},
	{"not base64!", 0600, -EBADMSG},
};

static void
test_key_cases(void **state)
{
	struct place *p = *state;
	uint8_t key[CLUSTER_KEY_LEN];
	char err[512];

	for (size_t i = 0; i < sizeof(key_cases) / sizeof(key_cases[0]); i++) {
		int r;

		err[0] = '\0';
		put(p, "cluster.key", key_cases[i].text, key_cases[i].mode);
		r = key_load(&p->s, p->dir, key, err, sizeof(err));
		assert_int_equal(r, key_cases[i].result);
		if (r == 0) {
			assert_int_equal(key[31], 31);
			continue;
		}
		assert_int_equal(key[31], 0); /* nothing of a refused key is left */
		assert_non_null(strstr(err, p->dir));
		assert_null(strstr(err, good_key)); /* nor told */
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_leftovers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_regular, setup, teardown),
		cmocka_unit_test_setup_teardown(test_key_made_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_key_cases, setup, teardown),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
