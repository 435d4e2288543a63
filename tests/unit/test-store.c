/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The store when it is interrupted: every operation that changes something on the disk goes through
 * a shim (--wrap), which stops at the k-th one, for every k. Two kinds of end are looked at: the
 * process dies and the disk stays as it is, and power is lost, so that only what was synced is
 * there: contents by fsync of the file, names by fsync of the folder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include "sys/store.h"

#define FILES_MAX 64

ssize_t __real_write(int fd, const void *p, size_t n);
int __real_fsync(int fd);
int __real_renameat(int from, const char *old, int to, const char *new);
int __real_unlinkat(int dir, const char *name, int flags);
ssize_t __wrap_write(int fd, const void *p, size_t n);
int __wrap_fsync(int fd);
int __wrap_renameat(int from, const char *old, int to, const char *new);
int __wrap_unlinkat(int dir, const char *name, int flags);

struct synced {
	bool folder_revisions; /* else STATE */
	char name[64];
	ino_t ino;
};

static struct {
	bool on;
	unsigned ops, stop_at; /* the operation that is not done any more, 0 = none */
	int error;             /* what it and all later ones say */
	bool once;             /* later ones work again: a full disk */
	struct {
		ino_t ino;
		char *text;
	} content[FILES_MAX];
	unsigned n_content;
	struct synced name[FILES_MAX];
	unsigned n_names;
	ino_t revisions; /* that folder */
} disk;

/* True: the machine does not get to it. */
static bool
stops(void)
{
	if (!disk.on)
		return false;
	disk.ops++;
	if (!disk.stop_at || disk.ops < disk.stop_at || (disk.once && disk.ops > disk.stop_at))
		return false;
	errno = disk.error;
	return true;
}

ssize_t
__wrap_write(int fd, const void *p, size_t n)
{
	if (!stops())
		return __real_write(fd, p, n);
	if (n > 1 && disk.ops == disk.stop_at) /* half of it has arrived */
		(void)!__real_write(fd, p, n / 2);
	errno = disk.error;
	return -1;
}

static char *
content_of(int dir, const char *name)
{
	static char buf[65536];
	int fd = openat(dir, name, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return NULL;
	buf[n] = '\0';
	return strdup(buf);
}

static void
sync_file(int fd, const struct stat *st)
{
	char path[64], *text;
	unsigned i = 0;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	text = content_of(AT_FDCWD, path);
	assert_non_null(text);
	while (i < disk.n_content && disk.content[i].ino != st->st_ino)
		i++;
	assert_true(i < FILES_MAX);
	if (i < disk.n_content)
		free(disk.content[i].text);
	else
		disk.n_content++;
	disk.content[i].ino = st->st_ino;
	disk.content[i].text = text;
}

static void
sync_folder(int fd, const struct stat *st)
{
	bool revisions = st->st_ino == disk.revisions;
	DIR *d = fdopendir(openat(fd, ".", O_RDONLY | O_DIRECTORY));
	struct dirent *e;
	unsigned n = 0;

	for (unsigned i = 0; i < disk.n_names; i++)
		if (disk.name[i].folder_revisions != revisions)
			disk.name[n++] = disk.name[i];
	disk.n_names = n;
	while ((e = readdir(d))) {
		struct synced *s = &disk.name[disk.n_names];
		struct stat file;

		if (fstatat(fd, e->d_name, &file, 0) < 0 || !S_ISREG(file.st_mode))
			continue;
		assert_true(disk.n_names < FILES_MAX);
		*s = (struct synced){.folder_revisions = revisions, .ino = file.st_ino};
		snprintf(s->name, sizeof(s->name), "%.63s", e->d_name);
		disk.n_names++;
	}
	closedir(d);
}

int
__wrap_fsync(int fd)
{
	struct stat st;

	if (stops())
		return -1;
	if (disk.on && fstat(fd, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			sync_folder(fd, &st);
		else
			sync_file(fd, &st);
	}
	return __real_fsync(fd);
}

int
__wrap_renameat(int from, const char *old, int to, const char *new)
{
	return stops() ? -1 : __real_renameat(from, old, to, new);
}

int
__wrap_unlinkat(int dir, const char *name, int flags)
{
	return stops() ? -1 : __real_unlinkat(dir, name, flags);
}

struct place {
	char dir[64];
	struct store s;
};

static void
empty(int fd)
{
	DIR *d = fdopendir(openat(fd, ".", O_RDONLY | O_DIRECTORY));
	struct dirent *e;

	while ((e = readdir(d)))
		__real_unlinkat(fd, e->d_name, 0); /* not the folder */
	closedir(d);
}

/* What a machine finds when it starts after a loss of power. */
static void
lose_power(struct place *p)
{
	empty(p->s.revisions);
	empty(p->s.dir);
	for (unsigned i = 0; i < disk.n_names; i++) {
		const struct synced *s = &disk.name[i];
		int fd = openat(s->folder_revisions ? p->s.revisions : p->s.dir, s->name,
			O_WRONLY | O_CREAT | O_EXCL, 0600);
		const char *text = ""; /* a name without content */

		assert_true(fd >= 0);
		for (unsigned k = 0; k < disk.n_content; k++)
			if (disk.content[k].ino == s->ino)
				text = disk.content[k].text;
		assert_int_equal(__real_write(fd, text, strlen(text)), strlen(text));
		close(fd);
	}
}

static void
place_open(struct place *p)
{
	struct stat st;

	memset(&disk, 0, sizeof(disk));
	strcpy(p->dir, "/tmp/tw-store-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	assert_int_equal(store_open(&p->s, p->dir), 0);
	assert_int_equal(fstat(p->s.revisions, &st), 0);
	disk.revisions = st.st_ino;
	disk.on = true;
	assert_int_equal(store_write(&p->s, 7, "seven\n", 6), 0);
	assert_int_equal(store_set_current(&p->s, 7), 0);
	disk.ops = 0;
}

static void
place_close(struct place *p)
{
	disk.on = false;
	empty(p->s.revisions);
	empty(p->s.dir);
	assert_int_equal(__real_unlinkat(p->s.dir, "revisions", AT_REMOVEDIR), 0);
	store_close(&p->s);
	assert_int_equal(rmdir(p->dir), 0);
	for (unsigned i = 0; i < disk.n_content; i++)
		free(disk.content[i].text);
}

static bool
reads(struct place *p, uint32_t n, const char *expected)
{
	struct arena a = ARENA_INIT;
	const char *text = "";
	size_t len;
	bool same = store_read(&p->s, n, &a, &text, &len) == 0 && strcmp(text, expected) == 0;

	arena_free(&a);
	return same;
}

/* The life of a revision that is kept (or not): returns how far it came, 4 = kept. */
static unsigned
life(struct place *p, bool kept)
{
	struct store_pending pending = {.revision = 8, .back = 7, .timeout_s = 30};

	if (store_prepare(&p->s, 8, "eight\n", 6) < 0)
		return 1;
	if (store_pend(&p->s, &pending) < 0)
		return 2;
	if (!kept) {
		store_unpend(&p->s);
		store_undo(&p->s, 8);
		return 3;
	}
	if (store_keep(&p->s, 8) < 0)
		return 3;
	store_unpend(&p->s);
	return 4;
}

/* Old or new, whole, and a way back for whatever may be in force. */
static void
expect_whole(struct place *p, unsigned came, bool kept, const char *what)
{
	struct store_pending pending;
	uint32_t current = 0;
	int r = store_current(&p->s, &current);

	if (r != 0 || (current != 7 && current != 8))
		fail_msg("%s: current: %d, %u", what, r, current);
	if (!reads(p, current, current == 7 ? "seven\n" : "eight\n"))
		fail_msg("%s: revision %u is not whole", what, current);
	if (!reads(p, 7, "seven\n"))
		fail_msg("%s: the way back is lost", what);
	if (current == 8 && (!kept || came < 3))
		fail_msg("%s: kept without leave", what);
	if (came == 4 && current != 8)
		fail_msg("%s: kept, and forgotten", what);
	r = store_pending(&p->s, &pending);
	if (r == 0 && (pending.revision != 8 || pending.back != 7 || (!reads(p, 8, "eight\n"))))
		fail_msg("%s: pending without its revision", what);
	if (r != 0 && current == 7 && kept && came == 3)
		fail_msg("%s: in force, and no way back", what);
}

static void
interrupt(bool kept, bool power)
{
	unsigned k;

	for (k = 1;; k++) {
		struct place p;
		char what[64];
		unsigned came;

		place_open(&p);
		disk.stop_at = k;
		disk.error = EIO;
		came = life(&p, kept);
		if (disk.ops >= k && came > 3)
			came = 3; /* nobody is there any more to say that it is kept */
		disk.on = false;
		if (power)
			lose_power(&p);
		snprintf(what, sizeof(what), "%s, %s, operation %u", kept ? "kept" : "taken back",
			power ? "power lost" : "killed", k);
		expect_whole(&p, came, kept, what);
		place_close(&p);
		if (disk.ops < k)
			break;
	}
	assert_true(k > 10);
}

static void
test_killed(void **state)
{
	(void)state;
	interrupt(true, false);
	interrupt(false, false);
}

static void
test_power_lost(void **state)
{
	(void)state;
	interrupt(true, true);
	interrupt(false, true);
}

/* A full disk is said, and nothing is lost by it; once there is room the same thing works. */
static void
test_full_disk(void **state)
{
	(void)state;
	for (unsigned k = 1; k < 20; k++) {
		struct store_pending pending = {.revision = 8, .back = 7, .timeout_s = 30};
		struct place p;
		int r;

		place_open(&p);
		disk.stop_at = k;
		disk.error = ENOSPC;
		disk.once = true;
		r = store_prepare(&p.s, 8, "eight\n", 6);
		if (r == 0)
			r = store_pend(&p.s, &pending);
		if (r == 0)
			r = store_keep(&p.s, 8);
		assert_true(r == 0 || r == -ENOSPC);
		expect_whole(&p, r == 0 ? 4 : 3, r == 0, "full");
		if (r < 0) {
			assert_int_equal(store_prepare(&p.s, 8, "eight\n", 6), 0);
			assert_int_equal(store_pend(&p.s, &pending), 0);
			assert_int_equal(store_keep(&p.s, 8), 0);
			expect_whole(&p, 4, true, "with room again");
		}
		place_close(&p);
	}
}

static void
test_list(void **state)
{
	struct arena a = ARENA_INIT;
	struct store_entry *e;
	struct place p;
	uint32_t n;
	size_t len;

	(void)state;
	place_open(&p);
	assert_int_equal(store_prepare(&p.s, 8, "eight\n", 6), 0);
	assert_int_equal(store_undo(&p.s, 8), 0);
	assert_int_equal(store_undo(&p.s, 8), 0);
	assert_int_equal(store_undo(&p.s, 7), -EBUSY); /* the kept one */
	assert_int_equal(store_keep(&p.s, 9), -ENOENT);
	assert_int_equal(store_prepare(&p.s, 9, "nine\n", 5), 0);
	assert_int_equal(store_list(&p.s, &a, &e, &len), 0);
	assert_int_equal(len, 3);
	assert_int_equal(e[0].number, 9);
	assert_int_equal(e[0].kind, STORE_TRIAL);
	assert_int_equal(e[1].kind, STORE_UNDONE);
	assert_int_equal(e[2].kind, STORE_KEPT);
	assert_int_equal(store_highest(&p.s, &n), 0);
	assert_int_equal(n, 9);
	assert_true(reads(&p, 8, "eight\n")); /* it can still be brought back */
	arena_free(&a);
	place_close(&p);
}

/* The last hundred stay, and everything of the last thirty days. */
static void
test_prune(void **state)
{
	const int64_t day = 24 * 3600;
	struct arena a = ARENA_INIT;
	struct store_entry *e;
	struct place p;
	char name[32];
	size_t n;

	(void)state;
	place_open(&p);
	disk.on = false;
	for (uint32_t i = 1; i <= 300; i++) {
		struct timespec t[2] = {{.tv_sec = 0}, {.tv_sec = 1000 * day + i * day}};

		assert_int_equal(store_write(&p.s, i, "x\n", 2), 0);
		snprintf(name, sizeof(name), "%u.conf", i);
		assert_int_equal(utimensat(p.s.revisions, name, t, 0), 0);
	}
	assert_int_equal(store_set_current(&p.s, 5), 0);
	store_prune(&p.s, 1000 * day + 200 * day);
	assert_int_equal(store_list(&p.s, &a, &e, &n), 0);
	assert_int_equal(e[n - 1].number, 5);   /* kept: whatever its age */
	assert_int_equal(e[n - 2].number, 170); /* thirty days before */
	assert_int_equal(n, 132);
	store_prune(&p.s, 10000 * day);
	assert_int_equal(store_list(&p.s, &a, &e, &n), 0);
	assert_int_equal(n, STORE_RETAIN_N + 1);
	assert_int_equal(e[n - 2].number, 201);
	arena_free(&a);
	place_close(&p);
}

static void
put_pending(struct place *p, const char *text)
{
	assert_int_equal(store_write_file(p->s.dir, "pending", text, strlen(text), 0600), 0);
}

static void
test_pending(void **state)
{
	static const char *const bad[] = {
		"", "x", "8", "8 7 0 30 5\n", "8 7 0 -1 5 5 x\n", "8 7 0 99999999 5 5 x\n"};
	struct store_pending p = {.revision = 8, .back = 7, .joined = true, .timeout_s = 30}, g;
	struct place at;
	char text[128];

	(void)state;
	place_open(&at);
	assert_int_equal(store_pending(&at.s, &g), STORE_NONE);
	assert_int_equal(store_pend(&at.s, &p), 0);
	assert_int_equal(store_pending(&at.s, &g), 0);
	assert_true(g.joined && g.revision == 8 && g.back == 7);
	assert_in_range(store_pending_left_ms(&g), 1, 30000);
	g.boot_ms += 3600 * 1000; /* a clock that makes no sense gives no more than was given */
	assert_int_equal(store_pending_left_ms(&g), 30000);
	g.boot_ms = 0;
	assert_true(store_pending_left_ms(&g) <= 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put_pending(&at, bad[i]);
		assert_int_equal(store_pending(&at.s, &g), STORE_NONE);
	}
	/* after a reboot by the wall clock; one that stepped back ends it */
	for (int ago = -100; ago <= 100; ago += 10) {
		snprintf(text, sizeof(text), "8 7 0 30 1 %lld another-boot\n",
			(long long)time(NULL) - ago);
		put_pending(&at, text);
		assert_int_equal(store_pending(&at.s, &g), 0);
		assert_int_equal(store_pending_left_ms(&g) > 0, ago >= 0 && ago < 30);
	}
	assert_int_equal(store_unpend(&at.s), 0);
	assert_int_equal(store_unpend(&at.s), 0);
	assert_int_equal(store_pending(&at.s, &g), STORE_NONE);
	place_close(&at);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_killed),
		cmocka_unit_test(test_power_lost),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_prune),
		cmocka_unit_test(test_pending),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
