/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The status that engine, state sync and probe publish in shared memory, by seqlock. The writers
 * never wait for us and may be restarted meanwhile. Their events: notes.c.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include "daemon/config/config.h"

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

int
pages_open(struct config *c, int engine_fd, int sync_fd, int health_fd)
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
	r = page_map(health_fd, sizeof(struct health_page), &p);
	if (r < 0)
		return r;
	c->pages.health = p;
	return 0;
}

void
pages_close(struct config *c)
{
	if (c->pages.engine)
		munmap(c->pages.engine, sizeof(struct engine_page));
	if (c->pages.sync)
		munmap(c->pages.sync, sizeof(struct sync_page));
	if (c->pages.health)
		munmap(c->pages.health, sizeof(struct health_page));
	c->pages.engine = NULL;
	c->pages.health = NULL;
	c->pages.sync = NULL;
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
pages_health_status(const struct config *c, struct health_status *out)
{
	struct health_page *page = c->pages.health;

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
