/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The log as people see it: every event becomes a line (eventline.h) and stays in memory for the
 * command `log`. What says the same again and again is held back and counted.
 */
#pragma once
#include "daemon/logpage.h"

#define EVENTLOG_BURST 10 /* the same event with the same arguments (note_key()) … */
#define EVENTLOG_SPAN_NS                                                                           \
	(60 * NS_PER_S)   /* … within this time; the rest is counted, until a                    \
			     span is over with nothing to count */
#define EVENTLOG_SLOTS 64 /* events that are watched at a time */

/* One event with its arguments that was logged of late. */
struct eventlog_slot {
	uint64_t key; /* 0 = free */
	struct instant since;
	unsigned said, held;        /* lines since then: written, and held back */
	struct eventlog_entry last; /* of those held back */
};

struct eventlog {
	struct log_page *page;
	bool mapped; /* the supervisor's; else of this process alone */
	struct eventlog_slot slots[EVENTLOG_SLOTS];
};

/* An argument of eventlog_add(): a number, or a text. */
struct eventlog_arg {
	int64_t number;
	const char *text;
};

static inline struct eventlog_arg
eventlog_number(int64_t v)
{
	return (struct eventlog_arg){.number = v};
}

static inline struct eventlog_arg
eventlog_text(const char *s)
{
	return (struct eventlog_arg){.text = s};
}

#define ARG(V)                                                                                     \
	_Generic((V), char *: eventlog_text, const char *: eventlog_text, default: eventlog_number)(V)

void eventlog_init(struct eventlog *l);
/* Takes the supervisor's page in place of its own; what was logged before is kept. 0 or -errno. */
int eventlog_open(struct eventlog *l, int fd);
void eventlog_fini(struct eventlog *l);
/*
 * An event that happened age_ns ago. quiet: another process has written the line.
 */
void eventlog_note(struct eventlog *l, const struct note *n, const struct note_with *with,
	struct instant now, bool quiet);
/* An event of the config process itself, now: eventlog_add(l, NOTE_CONF_FIRST, ARG(file),
 * ARG(number)). */
#define eventlog_add(L, ID, ...)                                                                   \
	eventlog_put(L, ID, (const struct eventlog_arg[]){{0}, ##__VA_ARGS__},                     \
		sizeof((const struct eventlog_arg[]){{0}, ##__VA_ARGS__}) /                        \
			sizeof(struct eventlog_arg))
/* args[0] is none. */
void eventlog_put(
	struct eventlog *l, enum note_id id, const struct eventlog_arg *args, size_t n_args);
/* Says what was held back as soon as its time is over; to be called now and then. */
void eventlog_tick(struct eventlog *l, struct instant now);
/* The entry `back` places before the newest (0 = newest), or NULL. */
const struct eventlog_entry *eventlog_get(const struct eventlog *l, size_t back);
const char *eventlog_level_name(enum log_level level);
/* "warning" → LOG_WARN; false: no such severity. */
bool eventlog_level_find(const char *name, enum log_level *out);
