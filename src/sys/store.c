/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of the state folder, replaced atomically. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "sys/store.h"

#define NAME_CURRENT "current"

static int
dir_make(int at, const char *path)
{
	int fd;

	if (mkdirat(at, path, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int
store_open(struct store *s, const char *state_dir)
{
	*s = (struct store){.dir = -1, .revisions = -1};
	s->dir = dir_make(AT_FDCWD, state_dir);
	if (s->dir < 0)
		return s->dir;
	s->revisions = dir_make(s->dir, "revisions");
	if (s->revisions < 0) {
		int r = s->revisions;

		store_close(s);
		return r;
	}
	return 0;
}

void
store_close(struct store *s)
{
	if (s->revisions >= 0)
		close(s->revisions);
	if (s->dir >= 0)
		close(s->dir);
	s->dir = s->revisions = -1;
}

static int
read_all(int fd, size_t max, struct arena *a, const char **text, size_t *len)
{
	struct stat st;
	char *buf;
	size_t n = 0;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size < 0 || (size_t)st.st_size > max)
		return -EFBIG;
	buf = arena_alloc(a, (size_t)st.st_size + 1);
	while (n < (size_t)st.st_size) {
		ssize_t got = read(fd, buf + n, (size_t)st.st_size - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break; /* it shrank meanwhile */
		n += (size_t)got;
	}
	buf[n] = '\0';
	*text = buf;
	*len = n;
	return 0;
}

int
store_read_file(
	int dir, const char *name, size_t max, struct arena *a, const char **text, size_t *len)
{
	/* O_NONBLOCK: a FIFO in the file's place must not hang the service */
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK), r;

	if (fd < 0)
		return -errno;
	r = read_all(fd, max, a, text, len);
	close(fd);
	return r;
}

static int
write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

int
store_write_file(int dir, const char *name, const void *data, size_t len, mode_t mode)
{
	char temp[64];
	int fd, r;

	if ((size_t)snprintf(temp, sizeof(temp), ".%s.new", name) >= sizeof(temp))
		return -ENAMETOOLONG;
	/* A left-over of a crash may have any mode: begin anew. */
	if (unlinkat(dir, temp, 0) < 0 && errno != ENOENT)
		return -errno;
	fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return -errno;
	r = write_all(fd, data, len);
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && renameat(dir, temp, dir, name) < 0)
		r = -errno;
	if (r == 0 && fsync(dir) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(dir, temp, 0);
	return r;
}

/* A decimal number without sign, blanks or leading zeros, followed by `end` at the end. */
static bool
number_parse(const char *s, const char *end, uint32_t *out)
{
	char *after;
	unsigned long long v;

	if (*s < '1' || *s > '9' || strlen(s) > 20)
		return false;
	v = strtoull(s, &after, 10);
	if (v > UINT32_MAX || strcmp(after, end) != 0)
		return false;
	*out = (uint32_t)v;
	return true;
}

int
store_current(const struct store *s, uint32_t *revision)
{
	struct arena a = ARENA_INIT;
	const char *text;
	size_t len;
	int r = store_read_file(s->dir, NAME_CURRENT, 64, &a, &text, &len);

	if (r == -ENOENT)
		r = STORE_NONE;
	else if (r == -EFBIG)
		r = -EBADMSG;
	else if (r == 0 && !number_parse(text, "\n", revision) && !number_parse(text, "", revision))
		r = -EBADMSG;
	arena_free(&a);
	return r;
}

static const char *const suffix[_STORE_KIND_MAX] = {
	[STORE_KEPT] = ".conf", [STORE_TRIAL] = ".trial", [STORE_UNDONE] = ".undone"};

static const char *
file_name(char buf[32], uint32_t revision, enum store_kind kind)
{
	snprintf(buf, 32, "%u%s", revision, suffix[kind]);
	return buf;
}

static bool
entry_parse(const char *name, struct store_entry *out)
{
	for (int k = 0; k < _STORE_KIND_MAX; k++)
		if (number_parse(name, suffix[k], &out->number)) {
			out->kind = (enum store_kind)k;
			return true;
		}
	return false;
}

/* The highest first; of one number what was kept first. */
static int
entry_cmp(const void *x, const void *y)
{
	const struct store_entry *a = x, *b = y;

	if (a->number != b->number)
		return a->number < b->number ? 1 : -1;
	return (int)a->kind - (int)b->kind;
}

int
store_list(const struct store *s, struct arena *a, struct store_entry **entries, size_t *n)
{
	int fd = openat(s->revisions, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;
	struct dirent *e;
	DIR *d;

	*entries = NULL;
	*n = 0;
	if (fd < 0)
		return -errno;
	d = fdopendir(fd);
	if (!d) {
		r = -errno;
		close(fd);
		return r;
	}
	while ((errno = 0, e = readdir(d))) {
		struct store_entry found = {0};
		struct stat st;

		if (!entry_parse(e->d_name, &found))
			continue;
		if (fstatat(s->revisions, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			found.written_s = st.st_mtime;
		*entries = arena_grow(a, *entries, *n, sizeof(**entries));
		(*entries)[(*n)++] = found;
	}
	r = -errno;
	closedir(d);
	if (*n)
		qsort(*entries, *n, sizeof(**entries), entry_cmp);
	return r;
}

int
store_highest(const struct store *s, uint32_t *revision)
{
	struct arena a = ARENA_INIT;
	struct store_entry *e;
	size_t n;
	int r = store_list(s, &a, &e, &n);

	*revision = r == 0 && n ? e[0].number : 0;
	arena_free(&a);
	return r;
}

int
store_read(
	const struct store *s, uint32_t revision, struct arena *a, const char **text, size_t *len)
{
	char name[32];
	int r = -ENOENT;

	for (int k = 0; k < _STORE_KIND_MAX && r == -ENOENT; k++)
		r = store_read_file(s->revisions, file_name(name, revision, (enum store_kind)k),
			STORE_TEXT_MAX, a, text, len);
	return r;
}

ssize_t
store_read_start(
	const struct store *s, uint32_t revision, enum store_kind kind, char *buf, size_t size)
{
	char name[32];
	int fd = openat(
		s->revisions, file_name(name, revision, kind), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n;

	buf[0] = '\0';
	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	if (n < 0)
		n = -errno;
	else
		buf[n] = '\0';
	close(fd);
	return n;
}

int
store_write(const struct store *s, uint32_t revision, const char *text, size_t len)
{
	char name[32];

	return store_write_file(
		s->revisions, file_name(name, revision, STORE_KEPT), text, len, 0600);
}

int
store_set_current(const struct store *s, uint32_t revision)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%u\n", revision);

	return store_write_file(s->dir, NAME_CURRENT, text, (size_t)n, 0600);
}

int
store_prepare(const struct store *s, uint32_t revision, const char *text, size_t len)
{
	char name[32];

	return store_write_file(
		s->revisions, file_name(name, revision, STORE_TRIAL), text, len, 0600);
}

/* 0, also when it has been renamed already, or -errno. */
static int
rename_as(const struct store *s, uint32_t revision, enum store_kind from, enum store_kind to)
{
	char old[32], new[32];

	if (renameat(s->revisions, file_name(old, revision, from), s->revisions,
		    file_name(new, revision, to)) < 0)
		return errno == ENOENT ? 0 : -errno;
	return fsync(s->revisions) < 0 ? -errno : 0;
}

int
store_keep(const struct store *s, uint32_t revision)
{
	int r = rename_as(s, revision, STORE_TRIAL, STORE_KEPT);
	uint32_t current = 0;
	char name[32];

	if (r == 0 && faccessat(s->revisions, file_name(name, revision, STORE_KEPT), R_OK, 0) < 0)
		r = -errno;
	if (r < 0)
		return r;
	r = store_set_current(s, revision);
	/* When only the last sync failed it is kept all the same: there must be no third answer. */
	return r < 0 && store_current(s, &current) == 0 && current == revision ? 0 : r;
}

int
store_undo(const struct store *s, uint32_t revision)
{
	uint32_t current = 0;
	int r = store_current(s, &current);

	if (r != 0 || current == revision)
		return r < 0 ? r : -EBUSY;
	/* .conf: the end came while it was being kept */
	r = rename_as(s, revision, STORE_KEPT, STORE_UNDONE);
	return r < 0 ? r : rename_as(s, revision, STORE_TRIAL, STORE_UNDONE);
}

void
store_prune(const struct store *s, int64_t now_s)
{
	struct arena a = ARENA_INIT;
	struct store_entry *e;
	uint32_t current = 0;
	char name[32];
	size_t n;

	if (store_current(s, &current) == 0 && store_list(s, &a, &e, &n) == 0)
		for (size_t i = STORE_RETAIN_N; i < n; i++)
			if (e[i].number != current && e[i].kind != STORE_TRIAL &&
				now_s - e[i].written_s > STORE_RETAIN_S)
				unlinkat(s->revisions, file_name(name, e[i].number, e[i].kind), 0);
	arena_free(&a);
}
