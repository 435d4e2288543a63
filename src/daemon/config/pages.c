/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What engine and state sync publish in shared memory: status by seqlock, notes by a ring that one
 * side writes and this one polls. The writers never wait for us and may be restarted meanwhile.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include "daemon/config/config.h"

#define NOTES_POLL_NS (100 * NS_PER_MS)
/* After a restart of this process: notes older than this were logged by the one before. */
#define NOTES_FRESH_NS (2 * NS_PER_S)
/* Beyond any lease, and five times the pause between two publications. */
#define ENGINE_SILENT_NS (500 * NS_PER_MS)
/* A lapsed lease is the first thing that an engine tends to when it runs at all. */
#define LAPSE_SILENT_NS (50 * NS_PER_MS)

static int
page_map(int fd, size_t size, void **out)
{
	struct stat st;
	void *p;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size < 0 || (size_t)st.st_size < size)
		return -EINVAL; /* reading past the end would be a SIGBUS */
	p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	*out = p;
	return 0;
}

/* Copies note number i. False: it has been overwritten, or is being so. */
static bool
notes_take(const struct engine_page *page, uint64_t i, struct note *out)
{
	*out = page->notes[i % NOTES_RING];
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&page->notes_head, memory_order_relaxed) - i < NOTES_RING;
}

static void
notes_log(struct config *c, const struct note *n, struct instant now, bool quiet)
{
	int64_t age = instant_sub(now, n->at);
	struct note_with with = {.conf = c->rev.model ? &c->rev.ha : NULL};
	char text[EVENTLOG_TEXT];

	if ((unsigned)n->id >= _NOTE_MAX)
		return;
	note_fmt(n, &with, text, sizeof(text));
	eventlog_keep(&c->log, note_level(n), note_name(n->id), age > 0 ? age : 0, quiet, text);
}

static void
notes_poll(struct config *c, struct instant now, bool first)
{
	const struct engine_page *page = c->pages.engine;
	uint64_t head = atomic_load_explicit(&page->notes_head, memory_order_acquire);
	uint64_t *seen = &c->pages.notes_seen, lost = 0;
	struct note n;

	if (head < *seen)
		*seen = 0; /* the page was begun anew */
	if (head - *seen >= NOTES_RING) {
		lost = head - *seen - (NOTES_RING - 1);
		*seen += lost;
	}
	for (; *seen < head; (*seen)++) {
		if (!notes_take(page, *seen, &n))
			lost++;
		else
			notes_log(c, &n, now, first && instant_sub(now, n.at) > NOTES_FRESH_NS);
	}
	if (lost && !first)
		eventlog_add(&c->log, LOG_WARN, "%llu events came too fast to be logged",
			(unsigned long long)lost);
}

static void
notes_timer(struct loop_timer *t, struct instant now)
{
	struct config *c = t->arg;

	notes_poll(c, now, false);
	loop_timer(&c->loop, t, instant_add(now, NOTES_POLL_NS));
}

int
pages_open(struct config *c, int engine_fd, int sync_fd)
{
	void *p;
	int r = page_map(engine_fd, sizeof(struct engine_page), &p);

	if (r < 0)
		return r;
	c->pages.engine = p;
	r = page_map(sync_fd, sizeof(struct sync_page), &p);
	if (r < 0)
		return r;
	c->pages.sync = p;
	c->pages.notes.fn = notes_timer;
	c->pages.notes.arg = c;
	notes_poll(c, loop_now(), true);
	loop_timer(&c->loop, &c->pages.notes, instant_add(loop_now(), NOTES_POLL_NS));
	return 0;
}

void
pages_close(struct config *c)
{
	if (c->pages.engine) {
		notes_poll(c, loop_now(), false); /* what the engine said last */
		munmap(c->pages.engine, sizeof(struct engine_page));
	}
	if (c->pages.sync)
		munmap(c->pages.sync, sizeof(struct sync_page));
	c->pages.engine = NULL;
	c->pages.sync = NULL;
	loop_timer_stop(&c->loop, &c->pages.notes);
}

/* The gate as it is now, by this process's clock: a lease ends without the engine's doing. */
static void
pages_gate(const struct engine_page *page, struct node_status *s)
{
	int64_t open = atomic_load_explicit(&page->open_until, memory_order_acquire);
	int64_t drain = atomic_load_explicit(&page->drain_until, memory_order_relaxed);
	struct instant now = loop_now();

	s->lease_until = (struct instant){open};
	s->position = instant_reached(now, s->lease_until)           ? GATE_CLOSED
		      : instant_before(now, (struct instant){drain}) ? GATE_DRAINING
								     : GATE_OPEN;
}

bool
pages_node_status(const struct config *c, struct node_status *out)
{
	struct engine_page *page = c->pages.engine;

	memset(out, 0, sizeof(*out));
	if (atomic_load_explicit(&page->lock.seq, memory_order_relaxed) == 0 ||
		!seqlock_read(&page->lock, &page->status, out, sizeof(*out)))
		return false;
	pages_gate(page, out);
	return true;
}

bool
pages_sync_status(const struct config *c, struct sync_status *out)
{
	struct sync_page *page = c->pages.sync;

	memset(out, 0, sizeof(*out));
	return atomic_load_explicit(&page->lock.seq, memory_order_relaxed) != 0 &&
	       seqlock_read(&page->lock, &page->status, out, sizeof(*out));
}

bool
pages_lease_lapsed(const struct node_status *s)
{
	return (s->role == ROLE_ACTIVE || s->role == ROLE_DRAINING) && s->lease_until.ns > 0 &&
	       s->position == GATE_CLOSED;
}

bool
pages_engine_silent(const struct node_status *s, struct instant now)
{
	if (instant_sub(now, s->now) > ENGINE_SILENT_NS)
		return true;
	return pages_lease_lapsed(s) && instant_sub(now, s->lease_until) > LAPSE_SILENT_NS;
}
