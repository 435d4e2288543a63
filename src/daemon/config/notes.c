/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads the rings of events that supervisor, engine, state sync and probe write, ten times a
 * second, and logs what is new in the order in which it happened. How far they were read stands in
 * the log's page, so that a restart of this process neither loses nor repeats anything.
 */
#include <stdio.h>
#include <string.h>
#include "daemon/config/config.h"

#define NOTES_POLL_NS (100 * NS_PER_MS)

static const struct note_ring *
ring_of(const struct config *c, enum log_source source)
{
	switch (source) {
	case LOG_SUPERVISOR:
		return c->log.mapped ? &c->log.page->supervisor : NULL;
	case LOG_ENGINE:
		return c->pages.engine ? &c->pages.engine->notes : NULL;
	case LOG_STATESYNC:
		return c->pages.sync ? &c->pages.sync->notes : NULL;
	case LOG_PROBE:
		return c->pages.health ? &c->pages.health->notes : NULL;
	case _LOG_SOURCE_MAX:
		break;
	}
	return NULL;
}

/* The next unread note of a ring; false: none. Counts what was overwritten unseen. */
static bool
peek(const struct note_ring *r, uint64_t *seen, struct note *out, uint64_t *lost)
{
	uint64_t head = atomic_load_explicit(&r->head, memory_order_acquire);

	if (head < *seen)
		*seen = 0; /* the page was begun anew */
	if (head - *seen >= NOTES_RING) {
		*lost += head - *seen - (NOTES_RING - 1);
		*seen = head - (NOTES_RING - 1);
	}
	for (; *seen < head; (*seen)++, (*lost)++)
		if (notering_take(r, *seen, out))
			return true;
	return false;
}

void
notes_poll(struct config *c, struct instant now)
{
	struct note_with with = {.conf = c->rev.model ? &c->rev.ha : NULL};
	uint64_t *seen = c->log.page->seen, lost = 0;

	for (unsigned turns = 0; turns < _LOG_SOURCE_MAX * NOTES_RING; turns++) {
		enum log_source next = _LOG_SOURCE_MAX;
		struct note first, n;

		for (enum log_source s = 0; s < _LOG_SOURCE_MAX; s++) {
			const struct note_ring *r = ring_of(c, s);

			if (!r || !peek(r, &seen[s], &n, &lost))
				continue;
			if (next != _LOG_SOURCE_MAX && !instant_before(n.at, first.at))
				continue;
			next = s;
			first = n;
		}
		if (next == _LOG_SOURCE_MAX)
			break;
		seen[next]++;
		eventlog_note(&c->log, &first, &with, now, next == LOG_SUPERVISOR);
	}
	if (lost)
		eventlog_add(&c->log, NOTE_EVENTS_LOST, ARG(lost));
	eventlog_tick(&c->log, now);
}

/* An engine that hangs cannot say so itself. */
static void
watch_engine(struct config *c, struct instant now)
{
	struct node_status s;
	bool silent = pages_node_status(c, &s) && s.configured && s.role != ROLE_STOPPED &&
		      !c->stop && pages_engine_silent(&s, now);

	if (silent && !c->engine_hangs)
		eventlog_add(&c->log, NOTE_ENGINE_HANGS, ARG(instant_sub(now, s.now) / NS_PER_MS));
	if (!silent && c->engine_hangs && !c->stop)
		eventlog_add(&c->log, NOTE_ENGINE_RUNS);
	c->engine_hangs = silent;
}

/* Which disk, which fan: the probes' texts, when they change. */
static void
watch_probes(struct config *c, struct instant now)
{
	static struct health_status s;

	if (instant_sub(now, c->findings_read) < NS_PER_S || !pages_health_status(c, &s))
		return;
	c->findings_read = now;
	for (unsigned i = 0; i < _HEALTH_MAX; i++) {
		char *told = c->findings[i];

		if (strcmp(told, s.parts[i].text) == 0)
			continue;
		if (s.parts[i].text[0])
			eventlog_add(&c->log, NOTE_FINDING, ARG(i), ARG(s.parts[i].text));
		else
			eventlog_add(&c->log, NOTE_FINDING_OVER, ARG(i));
		snprintf(told, HEALTH_TEXT_MAX, "%s", s.parts[i].text);
	}
}

static void
notes_timer(struct loop_timer *t, struct instant now)
{
	struct config *c = t->arg;

	notes_poll(c, now);
	watch_engine(c, now);
	watch_probes(c, now);
	loop_timer(&c->loop, t, instant_add(now, NOTES_POLL_NS));
}

void
notes_open(struct config *c)
{
	c->notes.fn = notes_timer;
	c->notes.arg = c;
	notes_poll(c, loop_now());
	loop_timer(&c->loop, &c->notes, instant_add(loop_now(), NOTES_POLL_NS));
}

void
notes_close(struct config *c)
{
	notes_poll(c, loop_now()); /* what the others said last */
	loop_timer_stop(&c->loop, &c->notes);
}
