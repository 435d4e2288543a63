/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A growing text in an arena, and the one place that decides how names of the configuration may
 * look in nft text. Internal to core/rules.
 */
#pragma once
#include "base/arena.h"

struct text {
	struct arena *a;
	char *s; /* always terminated, NULL while empty */
	size_t len, cap;
};

/* Appends formatted text. Never fails (see base/arena.h). */
void text_add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The text so far, "" when nothing was added. */
const char *text_str(const struct text *t);

/*
 * `name` as a part of an nft identifier: [A-Za-z0-9_-] stay. When anything had to be changed or
 * cut, ".INDEX" is appended, so that two names never become one.
 */
const char *text_ident(struct arena *a, const char *name, unsigned index);
/* `name` as the inside of a quoted nft string or a comment: what could end it or expands becomes
 * '_'. */
const char *text_quote(struct arena *a, const char *name);
