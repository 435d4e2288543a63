/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory of the log, owned by the supervisor so that it outlives tw-config: what `log` shows,
 * how far the rings of the other processes have been read, and the supervisor's own ring.
 */
#pragma once
#include "daemon/notering.h"

#define EVENTLOG_MAX 1000

struct eventlog_entry {
	int64_t wall_ns;   /* CLOCK_REALTIME */
	uint32_t id;       /* enum note_id */
	uint32_t repeated; /* > 0: this line stands for so many more */
	char text[NOTE_LINE_MAX];
	char fields[NOTE_FIELDS_MAX]; /* note_fields() */
};

enum log_source { LOG_SUPERVISOR, LOG_ENGINE, LOG_STATESYNC, LOG_PROBE, _LOG_SOURCE_MAX };

struct log_page {
	struct note_ring supervisor;    /* written by it; the rest by config */
	uint64_t seen[_LOG_SOURCE_MAX]; /* notes below this number have been taken */
	uint64_t head;                  /* of ring */
	struct eventlog_entry ring[EVENTLOG_MAX];
};
