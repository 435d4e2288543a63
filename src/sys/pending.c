/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * STATE/pending: one line of numbers. Time is told by the clock that runs through a suspended
 * machine and is set by nobody; only after a reboot the wall clock must do.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "sys/store.h"

#define NAME_PENDING "pending"

static int64_t
boot_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void
boot_id(char out[40])
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");

	if (!f || fscanf(f, "%39s", out) != 1)
		snprintf(out, 40, "?");
	if (f)
		fclose(f);
}

int
store_pend(const struct store *s, struct store_pending *p)
{
	char text[160];
	int n;

	p->boot_ms = boot_ms() + p->timeout_s * 1000;
	p->began_s = time(NULL);
	boot_id(p->boot_id);
	n = snprintf(text, sizeof(text), "%u %u %d %" PRId64 " %" PRId64 " %" PRId64 " %s\n",
		p->revision, p->back, p->joined, p->timeout_s, p->boot_ms, p->began_s, p->boot_id);
	return store_write_file(s->dir, NAME_PENDING, text, (size_t)n, 0600);
}

int
store_pending(const struct store *s, struct store_pending *out)
{
	struct arena a = ARENA_INIT;
	const char *text;
	size_t len;
	int joined = 0, r = store_read_file(s->dir, NAME_PENDING, 256, &a, &text, &len);

	memset(out, 0, sizeof(*out));
	if (r == -ENOENT || r == -EFBIG)
		r = STORE_NONE;
	else if (r == 0 &&
		 (sscanf(text,
			  "%" SCNu32 " %" SCNu32 " %d %" SCNd64 " %" SCNd64 " %" SCNd64 " %39s",
			  &out->revision, &out->back, &joined, &out->timeout_s, &out->boot_ms,
			  &out->began_s, out->boot_id) != 7 ||
			 out->timeout_s < 0 || out->timeout_s > 24 * 3600))
		r = STORE_NONE;
	out->joined = joined == 1;
	arena_free(&a);
	return r;
}

int
store_unpend(const struct store *s)
{
	if (unlinkat(s->dir, NAME_PENDING, 0) < 0 && errno != ENOENT)
		return -errno;
	return fsync(s->dir) < 0 ? -errno : 0;
}

int64_t
store_pending_left_ms(const struct store_pending *p)
{
	int64_t left, since = time(NULL) - p->began_s;
	char id[40];

	boot_id(id);
	if (strcmp(id, p->boot_id) != 0) {
		if (since < 0)
			return 0;
		left = (p->timeout_s - since) * 1000;
	} else {
		left = p->boot_ms - boot_ms();
	}
	return left < p->timeout_s * 1000 ? left : p->timeout_s * 1000;
}
