/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A dump made by one and watched by another, in a namespace of this process's own: the pieces tell
 * what exists, the socket tells what happens from there on, and what was lost is said.
 */
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "sys/linkwatch.h"

static bool have_namespace;

struct pieces {
	unsigned begun, n;
	size_t len[64];
	uint8_t data[64][4096];
};

struct seen {
	unsigned events;
	bool lo, up;
};

static int
enter_namespace(void **state)
{
	have_namespace = unshare(CLONE_NEWNET) == 0;
	return 0;
}

static void
set_lo(bool up)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = up ? IFF_UP : 0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &ifr), 0);
	close(fd);
}

static void
keep(void *ctx, const void *data, size_t len)
{
	struct pieces *p = ctx;

	if (!data) {
		p->begun++;
		p->n = 0;
		return;
	}
	assert_true(p->n < 64 && len <= sizeof(p->data[0]));
	memcpy(p->data[p->n], data, len);
	p->len[p->n++] = len;
}

static void
see(void *ctx, const struct link_event *ev)
{
	struct seen *s = ctx;

	s->events++;
	if (ev->kind != LINK_CHANGED || strcmp(ev->name, "lo") != 0)
		return;
	s->lo = true;
	s->up = ev->up;
}

/* What a second watch knows from the pieces of the first. */
static struct seen
hand_over(struct linkwatch *to)
{
	static struct pieces pieces;
	static struct linkwatch from;
	struct seen seen = {0};

	memset(&pieces, 0, sizeof(pieces));
	assert_int_equal(linkwatch_dump(&from, sizeof(pieces.data[0]), keep, &pieces), 0);
	assert_true(pieces.begun >= 1 && pieces.n >= 1);
	for (unsigned i = 0; i < pieces.n; i++)
		linkwatch_feed(to, pieces.data[i], pieces.len[i], see, &seen);
	linkwatch_hand(to, from.fd);
	return seen;
}

static void
a_watch_is_handed_over(void **state)
{
	static struct linkwatch w = {.fd = -1};
	struct seen seen;

	if (!have_namespace)
		skip();
	seen = hand_over(&w);
	assert_true(seen.lo && !seen.up);
	seen = (struct seen){0};
	assert_int_equal(linkwatch_read(&w, see, &seen), 0);
	assert_int_equal(seen.events, 0); /* no dump of its own */
	set_lo(true);
	assert_int_equal(linkwatch_read(&w, see, &seen), 0);
	assert_true(seen.lo && seen.up);
	seen = hand_over(&w); /* again, the first socket is closed */
	assert_true(seen.lo && seen.up);
	linkwatch_close(&w);
}

/* More news than the socket holds: the reader is told, once, and goes on. */
static void
lost_news_are_told(void **state)
{
	static struct linkwatch w = {.fd = -1};
	struct seen seen = {0};
	int size = 1024, r = 0;

	if (!have_namespace)
		skip();
	hand_over(&w);
	assert_int_equal(setsockopt(w.fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
	for (unsigned i = 0; i < 200; i++)
		set_lo(i & 1);
	for (unsigned i = 0; i < 10 && r == 0; i++)
		r = linkwatch_read(&w, see, &seen);
	assert_int_equal(r, -ENOBUFS);
	assert_int_equal(linkwatch_read(&w, see, &seen), 0);
	size = 1 << 16;
	assert_int_equal(setsockopt(w.fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
	set_lo(false);
	set_lo(true);
	assert_int_equal(linkwatch_read(&w, see, &seen), 0);
	assert_true(seen.up);
	linkwatch_close(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_watch_is_handed_over),
		cmocka_unit_test(lost_news_are_told),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
