/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeps the list of object types in twinwall.conf.5 equal to the schema table. `conf-manual FILE`
 * compares (exit status 1: they differ), `conf-manual --update FILE` writes. Not installed.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/conf/schema.h"

static const char begin_mark[] = ".\\\" BEGIN TYPES";
static const char end_mark[] = ".\\\" END TYPES";

/* Text of the schema as mdoc: lines of at most 78 bytes, none beginning with a control character.
 */
static void
put_text(FILE *out, const char *text)
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
		column += (size_t)fprintf(out, "%.*s", (int)word, text);
		text += word;
		text += strspn(text, " ");
		/* mdoc wants a new line after the end of a sentence */
		if (column > 0 && *text && text[-2] == '.') {
			fputc('\n', out);
			column = 0;
		}
	}
	fputc('\n', out);
}

/* What a value may be. "\\&" keeps words like No from being taken for macros. */
static void
put_kind(FILE *out, const struct schema_prop *p)
{
	char kind[256];

	if (p->words) {
		fputs(p->kind == KIND_ENUM ? "One of" : "Also", out);
		for (const char *const *w = p->words; *w; w++)
			fprintf(out, "\n.Cm \\&%s%s", *w, w[1] ? " ," : " .");
		fputc('\n', out);
	}
	if (p->kind == KIND_INT)
		snprintf(kind, sizeof(kind), "Number from %lld to %lld%s%s", (long long)p->min,
			(long long)p->max, p->unit ? ", in " : "", p->unit ? p->unit : "");
	else
		snprintf(kind, sizeof(kind), "%s%s", p->list ? "List of: " : "",
			p->kind == KIND_ENUM && !p->list ? "" : schema_kind_text(p));
	kind[0] = (char)(kind[0] >= 'a' && kind[0] <= 'z' ? kind[0] - 32 : kind[0]);
	if (kind[0])
		fprintf(out, "%s.\n", kind);
	if (p->required)
		fputs("Required.\n", out);
	if (p->local)
		fputs("Of this node only.\n", out);
	if (p->stored_only)
		fputs("It " STORED_ONLY_TEXT ".\n", out);
}

static void
put_property(FILE *out, const struct schema_prop *p)
{
	fprintf(out, ".It Cm %s", p->name);
	if (p->dflt)
		fprintf(out, " Pq \\&%s", p->dflt);
	fputc('\n', out);
	put_text(out, p->help);
	put_kind(out, p);
}

static void
put_types(FILE *out)
{
	schema_each_type (t) {
		fprintf(out, ".Ss %s\n", t->name);
		put_text(out, t->help);
		fprintf(out, ".Bl -tag -width Ds\n");
		schema_each_prop (t, p)
			put_property(out, p);
		fprintf(out, ".El\n");
	}
}

/* The page with a fresh list; NULL: no marks in it. */
static char *
page_made(const char *page)
{
	const char *begin = strstr(page, begin_mark), *end = strstr(page, end_mark);
	char *text = NULL;
	size_t size = 0;
	FILE *out;

	if (!begin || !end || end < begin || !(out = open_memstream(&text, &size)))
		return NULL;
	begin = strchr(begin, '\n') + 1;
	fwrite(page, 1, (size_t)(begin - page), out);
	put_types(out);
	fputs(end, out);
	fclose(out);
	return text;
}

int
main(int argc, char **argv)
{
	static char page[1 << 20];
	bool update = argc == 3 && strcmp(argv[1], "--update") == 0, same;
	const char *path = argc > 1 ? argv[argc - 1] : "";
	FILE *f = argc == 2 || update ? fopen(path, "r") : NULL;
	char *made;

	if (!f) {
		fprintf(stderr, "usage: conf-manual [--update] twinwall.conf.5\n");
		return 2;
	}
	page[fread(page, 1, sizeof(page) - 1, f)] = '\0';
	fclose(f);
	made = page_made(page);
	if (!made)
		return 2;
	same = strcmp(made, page) == 0;
	if (!same && update && (f = fopen(path, "w"))) {
		same = fputs(made, f) >= 0;
		same &= fclose(f) == 0;
	}
	free(made);
	if (!same)
		fprintf(stderr,
			"%s: the object types are not those of the schema: run conf-manual "
			"--update\n",
			path);
	return same ? 0 : 1;
}
