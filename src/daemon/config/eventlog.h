/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The log as people see it: every event goes to standard error as a line and stays in memory, the
 * newest EVENTLOG_MAX of them, for the command `log`.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>
#include "base/log.h"

#define EVENTLOG_MAX  1000
#define EVENTLOG_TEXT 400

struct eventlog_entry {
	int64_t wall_ns; /* CLOCK_REALTIME */
	enum log_level level;
	const char *name; /* static text: "role_changed", "config" */
	char text[EVENTLOG_TEXT];
};

struct eventlog {
	struct eventlog_entry *ring; /* EVENTLOG_MAX */
	uint64_t head;
};

void eventlog_init(struct eventlog *l);
void eventlog_fini(struct eventlog *l);
/* age_ns: how long ago it happened; quiet: only kept, not written. */
void eventlog_keep(struct eventlog *l, enum log_level level, const char *name, int64_t age_ns,
	bool quiet, const char *text);
/* An event of the config process itself, now. */
void eventlog_add(struct eventlog *l, enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The entry `back` places before the newest (0 = newest), or NULL. */
const struct eventlog_entry *eventlog_get(const struct eventlog *l, size_t back);
const char *eventlog_level_name(enum log_level level);
