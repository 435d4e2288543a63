/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state folder: STATE/revisions/N.conf, one text per committed configuration, and
 * STATE/current, which holds the number of the one in force. Every file is written beside its
 * place, synced and renamed, and then the folder is synced: after a crash there is the old or the
 * new one, whole. Knows nothing of what the texts mean.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/arena.h"

#define STORE_TEXT_MAX (64u << 20) /* bytes of one file that are read */

enum store_outcome {
	STORE_NONE = 1, /* there is no current revision */
};

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
/* The text of a revision, terminated. 0 or -errno (-ENOENT, -EFBIG). */
int store_read(
	const struct store *s, uint32_t revision, struct arena *a, const char **text, size_t *len);
/* Keeps a text under a number; an older file of that number is replaced. 0 or -errno (-ENOSPC). */
int store_write(const struct store *s, uint32_t revision, const char *text, size_t len);
int store_set_current(const struct store *s, uint32_t revision);

/* For single files in any folder. A file that is no regular one, or larger than max, is refused
 * (-EINVAL, -EFBIG). */
int store_read_file(
	int dir, const char *name, size_t max, struct arena *a, const char **text, size_t *len);
int store_write_file(int dir, const char *name, const void *data, size_t len, mode_t mode);
