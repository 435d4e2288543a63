/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The log of tw-config: order, restarts, repetitions; what goes to journald. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>
#include "daemon/config/eventlog.h"
#include "sys/journal.h"

#define S(N) ((struct instant){(N)*NS_PER_S})

static int
begin(void **state)
{
	static struct eventlog log;

	eventlog_init(&log);
	*state = &log;
	return 0;
}

static int
end(void **state)
{
	eventlog_fini(*state);
	return 0;
}

static void
say(struct eventlog *l, enum note_id id, int64_t arg, struct instant now)
{
	struct note n = {.id = id, .at = now, .arg = {arg}};

	eventlog_note(l, &n, NULL, now, true);
}

static void
test_newest_last(void **state)
{
	struct eventlog *l = *state;

	assert_null(eventlog_get(l, 0));
	for (int i = 0; i < EVENTLOG_MAX + 5; i++)
		say(l, NOTE_CONF_IN_FORCE, i, S(100 * i));
	assert_string_equal(eventlog_get(l, 0)->text, "revision 1004 is in force");
	assert_string_equal(eventlog_get(l, EVENTLOG_MAX - 1)->text, "revision 5 is in force");
	assert_null(eventlog_get(l, EVENTLOG_MAX));
	assert_string_equal(eventlog_get(l, 0)->fields, "revision=1004\n");
}

static void
test_flapping_is_counted(void **state)
{
	struct eventlog *l = *state;
	struct note other = {.id = NOTE_LINK_UP, .at = S(9)};

	for (int i = 0; i < 100; i++) {
		say(l, NOTE_LINK_DOWN, 3, S(i / 10));
		say(l, NOTE_OVERSLEPT, 7 + i, S(i / 10)); /* a measure: the same event */
	}
	assert_int_equal(l->page->head, 2 * EVENTLOG_BURST);
	eventlog_note(l, &other, NULL, S(9), true); /* others are not held back */
	assert_int_equal(l->page->head, 2 * EVENTLOG_BURST + 1);
	eventlog_tick(l, S(59));
	assert_int_equal(l->page->head, 2 * EVENTLOG_BURST + 1);
	eventlog_tick(l, S(60));
	assert_int_equal(l->page->head, 2 * EVENTLOG_BURST + 3);
	for (unsigned back = 0; back < 2; back++) {
		assert_non_null(
			strstr(eventlog_get(l, back)->text, "(repeated 90 times within a minute)"));
		assert_int_equal(eventlog_get(l, back)->repeated, 90);
	}
	eventlog_tick(l, S(200)); /* told once */
	assert_int_equal(l->page->head, 2 * EVENTLOG_BURST + 3);
	say(l, NOTE_LINK_DOWN, 3, S(201));
	assert_int_equal(eventlog_get(l, 0)->id, NOTE_LINK_DOWN);
}

/* What goes on for long costs a line a minute, and nothing else gets lost between; its end ends it.
 */
static void
test_what_goes_on(void **state)
{
	struct eventlog *l = *state;
	uint64_t before;

	for (int i = 0; i < 600; i++)
		say(l, NOTE_OVERSLEPT, i, S(i));
	eventlog_tick(l, S(600));
	assert_int_equal(l->page->head, EVENTLOG_BURST + 10);
	assert_int_equal(eventlog_get(l, 0)->repeated, 60);
	assert_int_equal(eventlog_get(l, 9)->repeated, 60 - EVENTLOG_BURST);
	before = l->page->head;
	eventlog_tick(l, S(660)); /* a quiet minute */
	say(l, NOTE_OVERSLEPT, 7, S(661));
	assert_int_equal(l->page->head, before + 1);
	assert_int_equal(eventlog_get(l, 0)->repeated, 0);
}

static void
test_many_kinds_at_once(void **state)
{
	struct eventlog *l = *state;
	uint64_t held = 0;

	for (int round = 0; round < 20; round++)
		for (int i = 0; i < 200; i++)
			say(l, NOTE_LINK_DOWN, i, S(1));
	/* more kinds than slots: they push each other out, and everything is counted */
	eventlog_tick(l, S(100));
	for (size_t back = 0; back < EVENTLOG_SLOTS; back++)
		held += eventlog_get(l, back)->repeated ? eventlog_get(l, back)->repeated - 1 : 0;
	assert_int_equal(l->page->head + held, 20 * 200);
}

static void
test_survives_a_restart(void **state)
{
	struct eventlog again;
	int fd = memfd_create("log", MFD_CLOEXEC), half = memfd_create("half", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(ftruncate(fd, sizeof(struct log_page)), 0);
	assert_int_equal(ftruncate(half, sizeof(struct log_page) / 2), 0);
	eventlog_init(&again);
	say(&again, NOTE_CONF_IN_FORCE, 1, S(1));
	assert_true(eventlog_open(&again, half) < 0); /* and goes on without */
	assert_int_equal(eventlog_open(&again, fd), 0);
	say(&again, NOTE_CONF_IN_FORCE, 2, S(2));
	eventlog_fini(&again);

	eventlog_init(&again);
	assert_int_equal(eventlog_open(&again, fd), 0);
	assert_string_equal(eventlog_get(&again, 0)->text, "revision 2 is in force");
	assert_string_equal(eventlog_get(&again, 1)->text, "revision 1 is in force");
	eventlog_fini(&again);
	close(fd);
	close(half);
}

static void
test_own_events(void **state)
{
	struct eventlog *l = *state;
	char long_text[2000];

	eventlog_add(l, NOTE_CONF_REFUSED, ARG("etc/twinwall.conf"), ARG((size_t)2));
	assert_string_equal(
		eventlog_get(l, 0)->text, "etc/twinwall.conf: 2 errors: nothing of it is applied");
	assert_string_equal(eventlog_get(l, 0)->fields, "file=etc/twinwall.conf\nerrors=2\n");
	eventlog_add(l, NOTE_PEER_BACK);
	assert_string_equal(eventlog_get(l, 0)->text, "peer is alive again");
	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	eventlog_add(l, NOTE_CONF_ERROR, ARG(long_text));
	assert_int_equal(strlen(eventlog_get(l, 0)->text), NOTE_LINE_MAX - 1);
}

static void
test_journal_datagram(void **state)
{
	static const char *const fields[] = {"event=TW1103\nname=peer_dead\n", "silence_ms=52\n"};
	static const char want[] = "MESSAGE=peer is dead, truly\nPRIORITY=4\n"
				   "SYSLOG_IDENTIFIER=tw-config\nTWINWALL_EVENT=TW1103\n"
				   "TWINWALL_NAME=peer_dead\nTWINWALL_SILENCE_MS=52\n";
	char buf[512];
	unsigned n =
		journal_format(4, "tw-config", "peer is dead,\ntruly", fields, 2, buf, sizeof(buf));

	(void)state;
	assert_int_equal(n, sizeof(want) - 1);
	assert_memory_equal(buf, want, n);
	assert_int_equal(journal_format(4, "tw-config", "x", fields, 2, buf, 40), 0);
	assert_false(journal_send(4, "tw-config", "x", fields, 2)); /* no journal here */
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_newest_last, begin, end),
		cmocka_unit_test_setup_teardown(test_flapping_is_counted, begin, end),
		cmocka_unit_test_setup_teardown(test_what_goes_on, begin, end),
		cmocka_unit_test_setup_teardown(test_many_kinds_at_once, begin, end),
		cmocka_unit_test(test_survives_a_restart),
		cmocka_unit_test_setup_teardown(test_own_events, begin, end),
		cmocka_unit_test(test_journal_datagram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
