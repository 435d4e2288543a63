/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory that lives and dies together: one arena per configuration revision. Allocation never
 * returns NULL (out of memory ends the process, as nothing sensible can follow); memory is zeroed.
 */
#pragma once
#include <stdarg.h>
#include <stddef.h>

struct arena_chunk;

struct arena {
	struct arena_chunk *head;
	size_t used; /* bytes handed out, all chunks */
};

#define ARENA_INIT ((struct arena){0})

void *arena_alloc(struct arena *a, size_t size);
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t len);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A copy of old[count] with room for at least one element more; grows by doubling. */
void *arena_grow(struct arena *a, void *old, size_t count, size_t size);
void arena_free(struct arena *a);

#define arena_new(a, type)      ((type *)arena_alloc(a, sizeof(type)))
#define arena_array(a, type, n) ((type *)arena_alloc(a, sizeof(type) * (n)))
