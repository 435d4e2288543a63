/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a revision says of itself, in comment lines above its statements: number, author, time,
 * remark, hash, and which revisions it takes the place of. The same text lies in the store and
 * travels between the nodes; a text without these lines is a revision of an older version.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COMMIT_HASH          8 /* bytes of the model's hash: as in heartbeats */
#define COMMIT_AUTHOR_MAX    128
#define COMMIT_REMARK_MAX    200
#define COMMIT_REPLACES_MAX  2
#define COMMIT_HEAD_TEXT_MAX 640 /* bytes of all lines, with NUL */

/* A revision is this number with this content. */
struct commit_id {
	uint32_t number; /* 0 = none */
	uint8_t hash[COMMIT_HASH];
};

struct commit_head {
	struct commit_id id;
	int64_t time_s; /* since 1970 */
	char author[COMMIT_AUTHOR_MAX];
	char remark[COMMIT_REMARK_MAX];
	unsigned n_replaces; /* its parent; after a resolved difference the other node's, too */
	struct commit_id replaces[COMMIT_REPLACES_MAX];
};

bool commit_id_equal(const struct commit_id *a, const struct commit_id *b);
bool commit_same_content(const struct commit_id *a, const struct commit_id *b);

/* Writes the lines to buf[COMMIT_HEAD_TEXT_MAX]; characters that would end a line are left out. */
void commit_head_fmt(const struct commit_head *h, char *buf);
/* Reads them from the start of text. False: there are none, *out is zeros. */
bool commit_head_parse(const char *text, size_t len, struct commit_head *out);
