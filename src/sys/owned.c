/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The journal file: a first line "twinwall owned BOOT NAMESPACE", then one line per change, in
 * order:
 * "+ kind key<TAB>value" or "- kind key". Appending is one write; opening rewrites the file without
 * what cancelled out. A line that does not parse (a torn last one, say) is skipped: the change that
 * it announced was not begun.
 */
#include "sys/owned.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "sys/sysctl.h"

#define TIDY_LINES   1000 /* more lines than entries by so many: write the file afresh */
#define LINE_MAX_LEN (OWNED_KEY_MAX + OWNED_VALUE_MAX + 32)

static const char *const kind_names[_OWNED_MAX] = {
	[OWNED_LINK] = "link",
	[OWNED_ADDR] = "addr",
	[OWNED_SYSCTL] = "sysctl",
	[OWNED_NIC] = "nic",
	[OWNED_MTU] = "mtu",
};

static int
entry_cmp(const struct owned_entry *e, enum owned_kind kind, const char *key)
{
	if (e->kind != kind)
		return e->kind < kind ? -1 : 1;
	return strcmp(e->key, key);
}

/* Where the entry is, or where it would go. */
static size_t
entry_place(const struct owned *o, enum owned_kind kind, const char *key, bool *found)
{
	size_t lo = 0, hi = o->n;

	*found = false;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = entry_cmp(o->e[mid], kind, key);

		if (c == 0) {
			*found = true;
			return mid;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct owned_entry *
owned_find(const struct owned *o, enum owned_kind kind, const char *key)
{
	bool found;
	size_t i = entry_place(o, kind, key, &found);

	return found ? o->e[i] : NULL;
}

static int
list_add(struct owned *o, enum owned_kind kind, const char *key, const char *value)
{
	bool found;
	size_t i = entry_place(o, kind, key, &found);
	struct owned_entry *e;

	if (found)
		return 0;
	if (o->n == o->cap) {
		size_t cap = o->cap ? o->cap * 2 : 64;
		void *p = realloc(o->e, cap * sizeof(o->e[0]));

		if (!p)
			return -ENOMEM;
		o->e = p;
		o->cap = cap;
	}
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->kind = kind;
	e->seq = o->seq++;
	memcpy(e->key, key, strlen(key) + 1);
	memcpy(e->value, value, strlen(value) + 1);
	memmove(o->e + i + 1, o->e + i, (o->n - i) * sizeof(o->e[0]));
	o->e[i] = e;
	o->n++;
	return 0;
}

static bool
list_remove(struct owned *o, enum owned_kind kind, const char *key)
{
	bool found;
	size_t i = entry_place(o, kind, key, &found);

	if (!found)
		return false;
	free(o->e[i]);
	o->n--;
	memmove(o->e + i, o->e + i + 1, (o->n - i) * sizeof(o->e[0]));
	return true;
}

static int
write_line(int fd, const char *line)
{
	size_t len = strlen(line);
	off_t at = lseek(fd, 0, SEEK_END);
	ssize_t n = write(fd, line, len);

	if (n < 0)
		return -errno;
	if ((size_t)n == len)
		return 0;
	/* half a line would swallow the next one */
	return at < 0 || ftruncate(fd, at) < 0 ? -errno : -ENOSPC;
}

static int
write_add(int fd, const struct owned_entry *e)
{
	char line[LINE_MAX_LEN];

	snprintf(line, sizeof(line), "+ %s %s\t%s\n", kind_names[e->kind], e->key, e->value);
	return write_line(fd, line);
}

/* A key or value that could not be read back must not get in. */
static bool
is_clean(const char *s, size_t max)
{
	return strlen(s) < max && strpbrk(s, "\t\n") == NULL;
}

static void
replay_line(struct owned *o, char *line)
{
	char *save, *sign = strtok_r(line, " ", &save), *kind = strtok_r(NULL, " ", &save);
	char *key = strtok_r(NULL, "\t", &save), *value = strtok_r(NULL, "\t", &save);

	if (!sign || !kind || !key || !is_clean(key, OWNED_KEY_MAX) ||
		(value && !is_clean(value, OWNED_VALUE_MAX)))
		return;
	for (unsigned k = 0; k < _OWNED_MAX; k++) {
		if (strcmp(kind, kind_names[k]) != 0)
			continue;
		if (strcmp(sign, "+") == 0)
			list_add(o, k, key, value ? value : "");
		else if (strcmp(sign, "-") == 0)
			list_remove(o, k, key);
	}
}

/* What identifies this boot and this network namespace; a line with its newline. */
static void
first_line(char *buf, size_t size)
{
	char boot[64];
	struct stat st = {0};

	if (sysctl_read("kernel/random/boot_id", boot, sizeof(boot)) < 0)
		strcpy(boot, "-");
	if (stat("/proc/self/ns/net", &st) < 0)
		st.st_ino = 0;
	snprintf(buf, size, "twinwall owned %s %llu\n", boot, (unsigned long long)st.st_ino);
}

static int
replay_file(struct owned *o, const char *path, const char *first)
{
	char line[LINE_MAX_LEN];
	FILE *f = fopen(path, "re");

	if (!f)
		return errno == ENOENT ? 0 : -errno;
	if (fgets(line, sizeof(line), f) && strcmp(line, first) == 0)
		while (fgets(line, sizeof(line), f)) {
			size_t len = strcspn(line, "\n");

			if (line[len] != '\n')
				continue; /* torn or too long */
			line[len] = '\0';
			replay_line(o, line);
		}
	fclose(f);
	return 0;
}

static int
seq_cmp(const void *a, const void *b)
{
	const struct owned_entry *const *x = a, *const *y = b;

	return (*x)->seq < (*y)->seq ? -1 : (*x)->seq > (*y)->seq;
}

static int
write_all(struct owned *o, int fd, const char *first)
{
	struct owned_entry **order = malloc((o->n + 1) * sizeof(*order));
	int r;

	if (!order)
		return -ENOMEM;
	if (o->n)
		memcpy(order, o->e, o->n * sizeof(*order));
	qsort(order, o->n, sizeof(*order), seq_cmp);
	r = write_line(fd, first);
	for (size_t i = 0; i < o->n && r == 0; i++)
		r = write_add(fd, order[i]);
	free(order);
	return r;
}

/* Writes the journal afresh beside the old one, then puts it in its place. */
static int
tidy(struct owned *o)
{
	char first[160], tmp[sizeof(o->path) + 8];
	int fd, r;

	first_line(first, sizeof(first));
	snprintf(tmp, sizeof(tmp), "%s.new", o->path);
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = write_all(o, fd, first);
	if (r == 0 && rename(tmp, o->path) < 0)
		r = -errno;
	if (r < 0) {
		close(fd);
		return r;
	}
	if (o->fd >= 0)
		close(o->fd);
	o->fd = fd;
	o->lines = o->n;
	return 0;
}

/* A failure to tidy loses nothing: the old file is still there, and the next line tries again. */
static void
count_line(struct owned *o)
{
	o->lines++;
	if (o->lines > o->n + TIDY_LINES || o->n == 0)
		tidy(o);
}

int
owned_add(struct owned *o, enum owned_kind kind, const char *key, const char *value)
{
	int r;

	if (!is_clean(key, OWNED_KEY_MAX) || !is_clean(value, OWNED_VALUE_MAX))
		return -EINVAL;
	if (owned_find(o, kind, key))
		return 0;
	r = list_add(o, kind, key, value);
	if (r < 0)
		return r;
	r = write_add(o->fd, owned_find(o, kind, key));
	if (r < 0)
		list_remove(o, kind, key);
	else
		count_line(o);
	return r;
}

int
owned_remove(struct owned *o, enum owned_kind kind, const char *key)
{
	char line[LINE_MAX_LEN];
	int r;

	if (!owned_find(o, kind, key))
		return 0;
	snprintf(line, sizeof(line), "- %s %s\n", kind_names[kind], key);
	list_remove(o, kind, key); /* key may have pointed into it */
	r = write_line(o->fd, line);
	count_line(o);
	return r;
}

int
owned_open(struct owned *o, const char *path)
{
	char first[160];
	int r;

	*o = (struct owned){.fd = -1};
	if (strlen(path) >= sizeof(o->path))
		return -ENAMETOOLONG;
	memcpy(o->path, path, strlen(path) + 1);
	first_line(first, sizeof(first));
	r = replay_file(o, path, first);
	if (r == 0)
		r = tidy(o);
	if (r < 0)
		owned_close(o);
	return r;
}

void
owned_close(struct owned *o)
{
	if (o->fd >= 0)
		close(o->fd);
	for (size_t i = 0; i < o->n; i++)
		free(o->e[i]);
	free(o->e);
	*o = (struct owned){.fd = -1};
}
