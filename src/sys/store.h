/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state folder: STATE/revisions/N.conf, one text per committed configuration, and
 * STATE/current, which holds the number of the one that is kept. N.trial was never kept so far,
 * N.undone was taken back. Every file is written beside its place, synced and renamed, and then the
 * folder is synced: after a crash there is the old or the new one, whole. Knows nothing of what the
 * texts mean.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/arena.h"

#define STORE_TEXT_MAX (64u << 20) /* bytes of one file that are read */

enum store_outcome {
	STORE_NONE = 1, /* there is no current revision */
};

enum store_kind { STORE_KEPT, STORE_TRIAL, STORE_UNDONE, _STORE_KIND_MAX };

struct store {
	int dir;       /* STATE */
	int revisions; /* STATE/revisions */
};

/* Makes the folders (mode 0700) when they are missing. 0 or -errno. */
int store_open(struct store *s, const char *state_dir);
void store_close(struct store *s);

/* 0, STORE_NONE, -EBADMSG (the file does not hold a number), or -errno. */
int store_current(const struct store *s, uint32_t *revision);
/* The highest revision there is a file of, 0 = none. 0 or -errno. */
int store_highest(const struct store *s, uint32_t *revision);
/* The text of a revision of any kind, terminated. 0 or -errno (-ENOENT, -EFBIG). */
int store_read(
	const struct store *s, uint32_t revision, struct arena *a, const char **text, size_t *len);
/* Only its first `size` - 1 bytes into buf, terminated. The length, or -errno. */
ssize_t store_read_start(
	const struct store *s, uint32_t revision, enum store_kind kind, char *buf, size_t size);
/* Keeps a text under a number; an older file of that number is replaced. 0 or -errno (-ENOSPC). */
int store_write(const struct store *s, uint32_t revision, const char *text, size_t len);
int store_set_current(const struct store *s, uint32_t revision);

/* Writes N.trial: from now on keeping it needs next to no room on the disk. 0 or -errno. */
int store_prepare(const struct store *s, uint32_t revision, const char *text, size_t len);
/* N.trial becomes N.conf, and `current` names it: that moment decides. 0 or -errno. */
int store_keep(const struct store *s, uint32_t revision);
/* N.trial becomes N.undone; the current revision is left alone. 0 or -errno. */
int store_undo(const struct store *s, uint32_t revision);

struct store_entry {
	uint32_t number;
	enum store_kind kind;
	int64_t written_s; /* wall clock */
};

/* All revisions, the highest first. 0 or -errno. */
int store_list(const struct store *s, struct arena *a, struct store_entry **entries, size_t *n);

#define STORE_RETAIN_N 100
#define STORE_RETAIN_S (30 * 24 * 3600)

/* Removes what is neither among the highest STORE_RETAIN_N nor younger than STORE_RETAIN_S. */
void store_prune(const struct store *s, int64_t now_s);

/*
 * STATE/pending: a revision that is tried, and how long. Written before anything of it is in force;
 * as long as it is there, the node goes back to `current` when the time is over.
 */
struct store_pending {
	uint32_t revision, back; /* tried · kept */
	bool joined;             /* the peer tries it, too */
	int64_t timeout_s;
	int64_t boot_ms;  /* deadline on CLOCK_BOOTTIME of the boot below */
	int64_t began_s;  /* wall clock, for another boot */
	char boot_id[40]; /* filled in by store_pend() */
};

/* Fills in boot_ms, began_s and boot_id for a trial that begins now, and writes. 0 or -errno. */
int store_pend(const struct store *s, struct store_pending *p);
/* 0, STORE_NONE (also when the file makes no sense), or -errno. */
int store_pending(const struct store *s, struct store_pending *out);
int store_unpend(const struct store *s);
/* Milliseconds left; at most 0 when it is over, or when the clock went astray over a reboot. */
int64_t store_pending_left_ms(const struct store_pending *p);

/* For single files in any folder. A file that is no regular one, or larger than max, is refused
 * (-EINVAL, -EFBIG). */
int store_read_file(
	int dir, const char *name, size_t max, struct arena *a, const char **text, size_t *len);
int store_write_file(int dir, const char *name, const void *data, size_t len, mode_t mode);
