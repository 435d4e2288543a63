/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeps the lists of events in docs/EVENTS.md and twinwall-events.7 equal to the catalogue.
 * `events-manual FILE …` compares (exit status 1: they differ), `events-manual --update FILE …`
 * writes. The marks in a file say which form it wants. Not installed.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/notes/catalogue.h"

static const char *
level_name(enum log_level level)
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
	return "?";
}

static bool
is_in(const struct note_entry *e, const struct note_area *a)
{
	return e->number >= a->first && e->number < a->first + 100;
}

/* {name} as the reader sees it. */
static void
put_text(FILE *out, const char *text, const char *open, const char *close)
{
	for (; *text; text++) {
		if (*text == '{')
			fputs(open, out);
		else if (*text == '}')
			fputs(close, out);
		else
			fputc(*text, out);
	}
}

static void
put_markdown(FILE *out)
{
	for (size_t i = 0; i < NOTE_AREAS; i++) {
		fprintf(out, "\n## %s\n", note_areas[i].title);
		for (size_t k = 0; k < _NOTE_MAX; k++) {
			const struct note_entry *e = &note_catalogue[k];

			if (!is_in(e, &note_areas[i]))
				continue;
			fprintf(out, "\n### TW%u `%s` (%s)\n\n> ", e->number, e->name,
				level_name(e->level));
			put_text(out, e->text, "*", "*");
			fprintf(out, "\n\n%s\n\n**What to do:** %s\n", e->meaning, e->action);
		}
	}
	fputc('\n', out);
}

/* Lines of at most 78 bytes, a new one after each sentence, none that is a macro. */
static void
put_roff(FILE *out, const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t word = strcspn(text, " ");

		if (column > 0 && column + 1 + word > 78) {
			fputc('\n', out);
			column = 0;
		}
		if (column > 0)
			column += (size_t)fprintf(out, " ");
		else if (*text == '.' || *text == '\'')
			fputs("\\&", out);
		for (size_t i = 0; i < word; i++, column++)
			fputs(text[i] == '\\' ? "\\e" : (char[]){text[i], '\0'}, out);
		text += word;
		text += strspn(text, " ");
		if (column > 0 && *text && text[-2] == '.') {
			fputc('\n', out);
			column = 0;
		}
	}
	fputc('\n', out);
}

static void
put_man(FILE *out)
{
	for (size_t i = 0; i < NOTE_AREAS; i++) {
		fprintf(out, ".Ss %s\n.Bl -tag -width Ds\n", note_areas[i].title);
		for (size_t k = 0; k < _NOTE_MAX; k++) {
			const struct note_entry *e = &note_catalogue[k];
			char text[1024];
			FILE *line;

			if (!is_in(e, &note_areas[i]))
				continue;
			line = fmemopen(text, sizeof(text), "w");
			put_text(line, e->text, "<", ">");
			fclose(line);
			fprintf(out, ".It Sy TW%u Em %s Pq %s\n", e->number, e->name,
				level_name(e->level));
			put_roff(out, text);
			fputs(".Pp\n", out);
			put_roff(out, e->meaning);
			fputs("To do:\n", out);
			put_roff(out, e->action);
		}
		fputs(".El\n", out);
	}
}

static const struct {
	const char *begin, *end;
	void (*put)(FILE *out);
} forms[] = {{"<!-- BEGIN EVENTS -->\n", "<!-- END EVENTS -->", put_markdown},
	{".\\\" BEGIN EVENTS\n", ".\\\" END EVENTS", put_man}};

/* The page with a fresh list; NULL: no marks in it. */
static char *
page_made(const char *page)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const char *begin = strstr(page, forms[i].begin), *end = strstr(page, forms[i].end);
		char *text = NULL;
		size_t size = 0;
		FILE *out;

		if (!begin || !end || end < begin || !(out = open_memstream(&text, &size)))
			continue;
		begin += strlen(forms[i].begin);
		fwrite(page, 1, (size_t)(begin - page), out);
		forms[i].put(out);
		fputs(end, out);
		fclose(out);
		return text;
	}
	return NULL;
}

static bool
check(const char *path, bool update)
{
	static char page[1 << 20];
	FILE *f = fopen(path, "r");
	char *made;
	bool same;

	if (!f)
		return perror(path), false;
	page[fread(page, 1, sizeof(page) - 1, f)] = '\0';
	fclose(f);
	made = page_made(page);
	same = made && strcmp(made, page) == 0;
	if (made && !same && update && (f = fopen(path, "w"))) {
		same = fputs(made, f) >= 0;
		same &= fclose(f) == 0;
	}
	free(made);
	if (!same)
		fprintf(stderr,
			"%s: the events are not those of the catalogue: run events-manual "
			"--update\n",
			path);
	return same;
}

int
main(int argc, char **argv)
{
	bool update = argc > 1 && strcmp(argv[1], "--update") == 0, good = true;

	if (argc < 2 + update) {
		fprintf(stderr, "usage: events-manual [--update] FILE ...\n");
		return 2;
	}
	for (int i = 1 + update; i < argc; i++)
		good &= check(argv[i], update);
	return good ? 0 : 1;
}
