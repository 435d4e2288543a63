/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The supervisor's events: written at once, as config may be what has just died, and left in the
 * log's page for `log`.
 */
#pragma once
#include "daemon/logpage.h"

/*
 * args: n of them, as the catalogue lists them. text: the argument of kind text, if there is one;
 * such events do not reach `log`. page may be NULL.
 */
void super_tell(
	struct log_page *page, enum note_id id, const int64_t *args, size_t n, const char *text);

#define SUPER_TELL(PAGE, ID, ...)                                                                  \
	super_tell(PAGE, ID, (const int64_t[]){0, ##__VA_ARGS__} + 1,                              \
		sizeof((const int64_t[]){0, ##__VA_ARGS__}) / sizeof(int64_t) - 1, NULL)

/* NOTE_CANNOT_START: nothing is there yet that could keep it. */
void super_cannot_start(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The page behind fd (-1: errno stays), or NULL with errno. */
struct log_page *super_log_map(int fd);
