/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ring of the newest events. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "base/time.h"
#include "daemon/config/eventlog.h"

void
eventlog_init(struct eventlog *l)
{
	l->head = 0;
	l->ring = calloc(EVENTLOG_MAX, sizeof(*l->ring));
	if (!l->ring)
		abort();
}

void
eventlog_fini(struct eventlog *l)
{
	free(l->ring);
	l->ring = NULL;
}

void
eventlog_keep(struct eventlog *l, enum log_level level, const char *name, int64_t age_ns,
	bool quiet, const char *text)
{
	struct eventlog_entry *e = &l->ring[l->head++ % EVENTLOG_MAX];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	e->wall_ns = (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec - age_ns;
	e->level = level;
	e->name = name;
	snprintf(e->text, sizeof(e->text), "%s", text);
	if (!quiet)
		log_line(level, "%s", text);
}

void
eventlog_add(struct eventlog *l, enum log_level level, const char *fmt, ...)
{
	char text[900]; /* the line is longer than what is kept */
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	eventlog_keep(l, level, "config", 0, false, text);
}

const struct eventlog_entry *
eventlog_get(const struct eventlog *l, size_t back)
{
	if (back >= EVENTLOG_MAX || back >= l->head)
		return NULL;
	return &l->ring[(l->head - 1 - back) % EVENTLOG_MAX];
}

const char *
eventlog_level_name(enum log_level level)
{
	switch (level) {
	case LOG_ERROR:
		return "error";
	case LOG_WARN:
		return "warning";
	case LOG_NOTICE:
		return "notice";
	case LOG_INFO:
		return "info";
	case LOG_DEBUG:
		return "debug";
	}
	return "info";
}
