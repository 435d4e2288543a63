/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The catalogue of log events: every entry is whole, and reads as tests/golden/events.txt has it.
 * That file is also the list of numbers and names that must never change. TW_UPDATE=1 writes it.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "core/elect/rank.h"
#include "core/ipc/ipc.h"
#include "core/node/conf.h"
#include "core/quality/quality.h"
#include "core/notes/notes.h"

/* A value for each kind of argument. */
static const struct {
	const char *kind;
	int64_t value;
} samples[] = {{"role", ROLE_INACTIVE}, {"why", WHY_PEER_DEAD}, {"step", RANK_QUALITY},
	{"refusal", REFUSE_PEER_NOT_ABLE}, {"nodetype", NODE_SLAVE}, {"term", 5}, {"ms", 52},
	{"count", 3}, {"number", 99}, {"quality", 75}, {"health", 40}, {"pid", 4711}, {"port", 1},
	{"index", 9}, {"device", 1}, {"monitor", 0}, {"mac", 0x02c100070001}, {"yesno", 0},
	{"hex", 0xc157}, {"signal", SIGSEGV}, {"process", PROC_ENGINE}, {"errno", ENOMEM},
	{"part", HEALTH_FANS}, {"qterm", QUALITY_DISKS}, {"version", 0}, {"text", 0}};

static const char *const texts[NOTE_TEXTS] = {"first", "second", "third", "fourth"};

static struct ha_conf conf;

static struct note_with
sample_with(void)
{
	conf.n_ports = 2;
	conf.n_monitors = 1;
	strcpy(conf.ports[0].name, "wan");
	conf.ports[0].index = 9;
	strcpy(conf.ports[1].name, "lan");
	strcpy(conf.ports[1].dev, "eth1");
	strcpy(conf.monitors[0].name, "gateway");
	return (struct note_with){.conf = &conf, .texts = texts};
}

/* A note with every argument filled in; how many there are, and how many of them are texts. */
static unsigned
sample_note(enum note_id id, struct note *n, unsigned *n_texts)
{
	char args[512], *save = NULL;
	unsigned i = 0;

	*n = (struct note){.id = id};
	*n_texts = 0;
	snprintf(args, sizeof(args), "%s", note_catalogue[id].args);
	for (char *word = strtok_r(args, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		char *kind = strchr(word, ':');
		size_t k = 0;

		assert_non_null(kind);
		kind++;
		while (k < sizeof(samples) / sizeof(samples[0]) &&
			strcmp(samples[k].kind, kind) != 0)
			k++;
		if (k == sizeof(samples) / sizeof(samples[0]))
			fail_msg("%s: kind %s is not known", note_catalogue[id].name, kind);
		assert_true(i < NOTE_ARGS);
		n->arg[i] = samples[k].value;
		if (strcmp(word, "to:role") == 0)
			n->arg[i] = ROLE_ACTIVE;
		if (strchr("tcnqh", kind[0]) && n->arg[i] < 100)
			n->arg[i] += i; /* no two figures of a line are alike */
		*n_texts += strcmp(kind, "text") == 0;
		i++;
	}
	return i;
}

static void
test_entries_are_whole(void **state)
{
	for (unsigned i = 0; i < _NOTE_MAX; i++) {
		const struct note_entry *e = &note_catalogue[i];
		struct note_with with = sample_with();
		unsigned n_texts, n_args, n_lines = 0;
		char line[NOTE_LINE_MAX], fields[NOTE_FIELDS_MAX];
		struct note n;

		print_message("%s\n", e->name);
		assert_true(strlen(e->name) > 3);
		assert_int_equal(strspn(e->name, "abcdefghijklmnopqrstuvwxyz_"), strlen(e->name));
		assert_true(strlen(e->meaning) > 10 && strlen(e->action) > 5);
		assert_int_equal(e->meaning[strlen(e->meaning) - 1], '.');
		assert_int_equal(e->action[strlen(e->action) - 1], '.');
		n_args = sample_note((enum note_id)i, &n, &n_texts);
		assert_true(n_texts <= NOTE_TEXTS);
		note_fmt(&n, &with, line, sizeof(line));
		assert_null(strpbrk(line, "{}"));
		assert_null(strchr(line, '?'));
		assert_true(strlen(line) >= 5 && strlen(line) < 480);
		note_fields(&n, &with, fields, sizeof(fields));
		for (char *c = fields; *c; c++)
			n_lines += *c == '\n';
		assert_int_equal(n_lines, n_args);
	}
}

static void
test_numbers_and_names(void **state)
{
	char number[16];

	for (unsigned i = 0; i < _NOTE_MAX; i++) {
		const struct note_entry *e = &note_catalogue[i];
		bool area = false;

		if (i > 0) /* ascending: unique as well */
			assert_true(note_catalogue[i - 1].number < e->number);
		for (unsigned k = 0; k < NOTE_AREAS; k++)
			area |= e->number / 100 * 100 == note_areas[k].first;
		assert_true(area);
		snprintf(number, sizeof(number), "TW%u", e->number);
		assert_int_equal(note_find(number), i);
		number[0] = 't', number[1] = 'w';
		assert_int_equal(note_find(number), i);
		assert_int_equal(note_find(number + 2), i);
		assert_int_equal(note_find(e->name), i); /* names are unique, too */
	}
	assert_int_equal(note_find("TW9999"), _NOTE_MAX);
	assert_int_equal(note_find("TW"), _NOTE_MAX);
	assert_int_equal(note_find(""), _NOTE_MAX);
	assert_int_equal(note_find("TW01001"), _NOTE_MAX);
}

/* One line an event: number, name, severity, text; the program's version is left out. */
static char *
all_lines(void)
{
	struct note_with with = sample_with();
	char *out = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&out, &size);

	for (unsigned i = 0; i < _NOTE_MAX; i++) {
		char line[NOTE_LINE_MAX], *version;
		struct note n;
		unsigned n_texts;

		sample_note((enum note_id)i, &n, &n_texts);
		note_fmt(&n, &with, line, sizeof(line));
		version = strstr(line, TW_VERSION);
		if (version && n.id == NOTE_STARTS)
			memset(version, '#', strlen(TW_VERSION));
		fprintf(f, "TW%u %s %d %s\n", note_catalogue[i].number, note_name(n.id),
			(int)note_level(&n), line);
	}
	fclose(f);
	return out;
}

static void
test_golden_lines(void **state)
{
	const char *root = getenv("TW_SOURCE");
	char path[4096], *want = calloc(1, 1 << 20), *have = all_lines(), *w, *h;
	FILE *f;

	assert_non_null(root);
	snprintf(path, sizeof(path), "%s/tests/golden/events.txt", root);
	if (getenv("TW_UPDATE")) {
		f = fopen(path, "w");
		assert_non_null(f);
		fputs(have, f);
		fclose(f);
	}
	f = fopen(path, "r");
	assert_non_null(f);
	want[fread(want, 1, (1 << 20) - 1, f)] = '\0';
	fclose(f);
	for (w = want, h = have; *w || *h; w++, h++) {
		size_t wn = strcspn(w, "\n"), hn = strcspn(h, "\n");

		if (wn != hn || strncmp(w, h, wn) != 0)
			fail_msg("wanted: %.*s\nis:     %.*s\nTW_UPDATE=1 writes the file; numbers "
				 "and names must stay",
				(int)wn, w, (int)hn, h);
		w += wn;
		h += hn;
	}
	free(want);
	free(have);
}

static void
test_unknown_values_do_no_harm(void **state)
{
	static const int64_t odd[] = {-1, 255, 256, 4711, INT64_MAX, INT64_MIN};

	for (unsigned i = 0; i <= _NOTE_MAX; i++)
		for (unsigned k = 0; k < sizeof(odd) / sizeof(odd[0]); k++) {
			struct note n = {.id = (enum note_id)i};
			char line[NOTE_LINE_MAX], fields[NOTE_FIELDS_MAX];

			for (unsigned a = 0; a < NOTE_ARGS; a++)
				n.arg[a] = odd[k];
			for (size_t size = 1; size < sizeof(line); size += 53) {
				note_fmt(&n, NULL, line, size);
				assert_true(strlen(line) < size);
				note_fields(&n, NULL, fields, size > 500 ? 500 : size);
			}
			note_key(&n, NULL);
		}
}

/* An interface is called by its name, or, when none of ours has the number, by that. */
static void
test_names_of_interfaces(void **state)
{
	struct note_with with = sample_with();
	struct note n = {.id = NOTE_WIRING, .arg = {1, 0x020000000001, 9}};
	char line[NOTE_LINE_MAX];

	note_fmt(&n, &with, line, sizeof(line));
	assert_non_null(
		strstr(line, "interface lan hears what the peer sends on its interface wan"));
	n.arg[2] = 77;
	note_fmt(&n, &with, line, sizeof(line));
	assert_non_null(strstr(line, "on its interface 77 "));
}

static void
test_key_leaves_measures_out(void **state)
{
	struct note a = {.id = NOTE_PEER_DEAD, .arg = {52, ROLE_ACTIVE, 4}}, b = a;
	const char *const other[NOTE_TEXTS] = {"other"};
	struct note_with with = sample_with(), without = {.texts = other};
	struct note t = {.id = NOTE_CONF_ERROR};

	b.arg[0] = 60;
	assert_int_equal(note_key(&a, NULL), note_key(&b, NULL));
	b.arg[1] = ROLE_INACTIVE;
	assert_int_not_equal(note_key(&a, NULL), note_key(&b, NULL));
	assert_int_not_equal(note_key(&t, &with), note_key(&t, &without));
	a = (struct note){.id = NOTE_LINK_UP, .arg = {1}};
	b = (struct note){.id = NOTE_LINK_UP, .arg = {0}};
	assert_int_not_equal(note_key(&a, NULL), note_key(&b, NULL));
	b = (struct note){.id = NOTE_LINK_DOWN, .arg = {1}};
	assert_int_not_equal(note_key(&a, NULL), note_key(&b, NULL));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_entries_are_whole),
		cmocka_unit_test(test_numbers_and_names),
		cmocka_unit_test(test_golden_lines),
		cmocka_unit_test(test_unknown_values_do_no_harm),
		cmocka_unit_test(test_names_of_interfaces),
		cmocka_unit_test(test_key_leaves_measures_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
