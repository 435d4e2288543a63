/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Notes: log events as data. Whoever notices something fills in this struct; config turns it into a
 * line. What each event means, and which arguments it has, stands in the catalogue.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "base/time.h"
#include "core/notes/catalogue.h"

#define NOTE_TEXTS      4   /* arguments of kind text */
#define NOTE_LINE_MAX   640 /* bytes of a line */
#define NOTE_FIELDS_MAX 512 /* bytes of all arguments by name */

struct note {
	enum note_id id;
	struct instant at;
	int64_t arg[NOTE_ARGS]; /* as the catalogue lists them; unused for those of kind text */
};

struct ha_conf;

/* What is not in the note itself; both may be NULL. */
struct note_with {
	const struct ha_conf *conf; /* names ports and LinkMonitors */
	const char *const *texts;   /* the arguments of kind text, NOTE_TEXTS of them */
};

enum log_level note_level(const struct note *n);
const char *note_name(enum note_id id); /* "peer_dead" */
/* One line of English that says what, on what evidence, and what to do. */
void note_fmt(const struct note *n, const struct note_with *with, char *buf, size_t size);
/* The arguments for programs: "port=lan\nmac=02:c1:…\n". */
void note_fields(const struct note *n, const struct note_with *with, char *buf, size_t size);
/*
 * Equal for the same event with the same arguments, measured ones (kinds ms, count, term, quality,
 * pid) left out: what a flapping condition says again and again.
 */
uint64_t note_key(const struct note *n, const struct note_with *with);
