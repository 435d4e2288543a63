/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ring of the newest events, and what keeps a flapping condition from flooding it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include "daemon/config/eventlog.h"
#include "daemon/eventline.h"
#include "sys/loop.h"

void
eventlog_init(struct eventlog *l)
{
	memset(l, 0, sizeof(*l));
	l->page = calloc(1, sizeof(*l->page));
	if (!l->page)
		abort();
}

int
eventlog_open(struct eventlog *l, int fd)
{
	struct log_page *old = l->page;
	struct stat st;
	void *p;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size < 0 || (size_t)st.st_size < sizeof(*l->page))
		return -EINVAL; /* reading past the end would be a SIGBUS */
	p = mmap(NULL, sizeof(*l->page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	l->page = p;
	l->mapped = true;
	for (uint64_t i = 0; i < old->head && i < EVENTLOG_MAX; i++)
		l->page->ring[l->page->head++ % EVENTLOG_MAX] = old->ring[i];
	free(old);
	return 0;
}

void
eventlog_fini(struct eventlog *l)
{
	if (l->mapped)
		munmap(l->page, sizeof(*l->page));
	else
		free(l->page);
	l->page = NULL;
}

static int64_t
wall_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static void
keep(struct eventlog *l, const struct eventlog_entry *e, bool quiet)
{
	l->page->ring[l->page->head % EVENTLOG_MAX] = *e;
	l->page->head++; /* last: a crash at work leaves no half entry */
	if (!quiet)
		eventline_write((enum note_id)e->id, e->text, e->fields);
}

/* What the slot has held back, as one line. */
static void
slot_tell(struct eventlog *l, struct eventlog_slot *s)
{
	char count[64];
	size_t len, room;

	if (s->held == 0)
		return;
	len = (size_t)snprintf(
		count, sizeof(count), " (repeated %u times within a minute)", s->held);
	room = sizeof(s->last.text) - 1 - len;
	if (strlen(s->last.text) > room)
		s->last.text[room] = '\0';
	strcat(s->last.text, count);
	s->last.repeated = s->held;
	s->held = 0;
	keep(l, &s->last, false);
}

void
eventlog_tick(struct eventlog *l, struct instant now)
{
	for (size_t i = 0; i < EVENTLOG_SLOTS; i++) {
		struct eventlog_slot *s = &l->slots[i];

		if (s->key == 0 || instant_sub(now, s->since) < EVENTLOG_SPAN_NS)
			continue;
		/* what goes on costs a line a minute until it has been quiet for one */
		if (s->held == 0)
			s->key = 0;
		slot_tell(l, s);
		s->since = now;
	}
}

/* The slot of a key; a new one takes the place of the oldest. */
static struct eventlog_slot *
slot_of(struct eventlog *l, uint64_t key, struct instant now)
{
	struct eventlog_slot *oldest = &l->slots[0];

	for (size_t i = 0; i < EVENTLOG_SLOTS; i++) {
		if (l->slots[i].key == key)
			return &l->slots[i];
		if (l->slots[i].key == 0 ||
			(oldest->key != 0 && instant_before(l->slots[i].since, oldest->since)))
			oldest = &l->slots[i];
	}
	slot_tell(l, oldest);
	oldest->key = key;
	oldest->since = now;
	oldest->said = 0;
	return oldest;
}

void
eventlog_note(struct eventlog *l, const struct note *n, const struct note_with *with,
	struct instant now, bool quiet)
{
	uint64_t key = note_key(n, with);
	struct eventlog_entry e = {.id = n->id};
	struct eventlog_slot *slot;
	int64_t age = instant_sub(now, n->at);

	if (n->id >= _NOTE_MAX)
		return;
	eventlog_tick(l, now);
	slot = slot_of(l, key ? key : 1, now);
	e.wall_ns = wall_now() - (age > 0 ? age : 0);
	note_fmt(n, with, e.text, sizeof(e.text));
	note_fields(n, with, e.fields, sizeof(e.fields));
	if (slot->said < EVENTLOG_BURST) {
		slot->said++;
		keep(l, &e, quiet);
	} else {
		slot->held++;
		slot->last = e;
	}
}

void
eventlog_put(struct eventlog *l, enum note_id id, const struct eventlog_arg *args, size_t n_args)
{
	struct note n = {.id = id, .at = loop_now()};
	const char *texts[NOTE_TEXTS] = {0};
	struct note_with with = {.texts = texts};
	size_t n_texts = 0;

	for (size_t i = 1; i < n_args && i <= NOTE_ARGS; i++) {
		n.arg[i - 1] = args[i].number;
		if (args[i].text && n_texts < NOTE_TEXTS)
			texts[n_texts++] = args[i].text;
	}
	eventlog_note(l, &n, &with, n.at, false);
}

const struct eventlog_entry *
eventlog_get(const struct eventlog *l, size_t back)
{
	if (back >= EVENTLOG_MAX || back >= l->page->head)
		return NULL;
	return &l->page->ring[(l->page->head - 1 - back) % EVENTLOG_MAX];
}

static const struct {
	enum log_level level;
	const char *name;
} levels[] = {{LOG_ERROR, "error"}, {LOG_WARN, "warning"}, {LOG_NOTICE, "notice"},
	{LOG_INFO, "info"}, {LOG_DEBUG, "debug"}};

const char *
eventlog_level_name(enum log_level level)
{
	size_t i = 0;

	while (levels[i].level != level && levels[i].level != LOG_DEBUG)
		i++;
	return levels[i].name;
}

bool
eventlog_level_find(const char *name, enum log_level *out)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (strcmp(levels[i].name, name) == 0)
			return *out = levels[i].level, true;
	return false;
}
