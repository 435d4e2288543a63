/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One line per message on standard error: "<3>tw-config: text". The syslog level prefix is what
 * journald understands; on a terminal it is left out. Not for hot paths: the engine publishes notes
 * instead (core/notes/notes.h).
 */
#pragma once

enum log_level { LOG_ERROR = 3, LOG_WARN = 4, LOG_NOTICE = 5, LOG_INFO = 6, LOG_DEBUG = 7 };

/* Sets the name in front of every line and looks whether standard error is a terminal. */
void log_init(const char *name);
/* The name set. */
const char *log_name(void);
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
