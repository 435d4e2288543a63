/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The catalogue of log events: every event that an operator may see, with its number, name,
 * severity, text, meaning, and what to do. One table (catalogue-*.def) is behind the log lines,
 * `twinwall log`, docs/EVENTS.md and twinwall-events(7). Events travel as data: notes.h.
 *
 * A line is NOTE(ID, number, LEVEL, name, arguments, text, meaning, action):
 *   number     TWnnnn; stays with the event for ever and is never used again
 *   arguments  "name:kind …" in the order of note.arg[]; kinds: see note_arg_put() in notes.c
 *   text       {name} stands for that argument
 */
#pragma once
#include "base/log.h"

#define NOTE_ARGS 10 /* arguments of one event */

/* Every change of role tells the same things; catalogue-roles.def. */
#define NOTE_ROLE_ARGS                                                                             \
	"from:role to:role term:term silence:ms heard:count paths:count quality:quality "          \
	"peer_quality:quality step:step why:why"

enum note_id {
#define NOTE(id, number, level, name, args, text, meaning, action) NOTE_##id,
#include "core/notes/catalogue-roles.def"
#include "core/notes/catalogue-cluster.def"
#include "core/notes/catalogue-node.def"
#undef NOTE
	_NOTE_MAX,
};

struct note_entry {
	unsigned number; /* 1001: shown as TW1001 */
	enum log_level level;
	const char *name; /* "peer_dead" */
	const char *args, *text, *meaning, *action;
};

extern const struct note_entry note_catalogue[_NOTE_MAX];

struct note_area {
	unsigned first; /* numbers first … first + 99 */
	const char *title;
};

#define NOTE_AREAS 10
extern const struct note_area note_areas[NOTE_AREAS];

/* The event called "TW1101", "1101" or "peer_dead"; _NOTE_MAX: none. */
enum note_id note_find(const char *name);
