/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any text into the parser and the checks. Whatever it is: what is shown reads back to the same
 * text, a model comes out exactly when there is no error, the shown text gives the same model
 * again, and the differences between two candidates lead from one to the other.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "core/conf/candidate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
	struct arena a;
	struct conf_candidate cand;
	struct conf_errors errors;
};

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static const char *
show(struct run *r)
{
	return conf_show(&r->a, &r->cand, NULL, NULL);
}

static void
check_messages(struct run *r)
{
	for (size_t i = 0; i < r->errors.n; i++) {
		const struct conf_error *e = &r->errors.e[i];

		must(e->message && e->message[0] && e->object && e->property);
		must(strlen(conf_error_fmt(&r->a, "f", e)) < 2000);
	}
}

/* Text shown of a candidate must be read back without an error and shown alike. */
static void
check_reads_back(const char *text, struct run *again)
{
	*again = (struct run){.a = ARENA_INIT};
	must(conf_parse(&again->a, text, strlen(text), &again->cand, &again->errors));
	must(again->errors.n == 0);
	must(strcmp(show(again), text) == 0);
}

static void
check_diff(const char *data, size_t size)
{
	const char *half = memchr(data + size / 2, '\n', size - size / 2);
	struct run x = {.a = ARENA_INIT}, y = {.a = ARENA_INIT};
	size_t cut = half ? (size_t)(half - data) : size / 2;
	const char *diff;

	conf_parse(&x.a, data, cut, &x.cand, &x.errors);
	conf_parse(&y.a, data + cut, size - cut, &y.cand, &y.errors);
	diff = candidate_diff(&x.a, &x.cand, &y.cand);
	x.errors.n = x.errors.n_warnings = 0;
	must(conf_parse(&x.a, diff, strlen(diff), &x.cand, &x.errors));
	must(candidate_diff(&x.a, &x.cand, &y.cand)[0] == '\0');
	must(strcmp(conf_show(&x.a, &x.cand, "IPRule", NULL),
		     conf_show(&y.a, &y.cand, "IPRule", NULL)) == 0);
	arena_free(&x.a);
	arena_free(&y.a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run r = {.a = ARENA_INIT}, again;
	const struct conf_model *m, *m2;
	bool parsed;

	parsed = conf_parse(&r.a, (const char *)data, size, &r.cand, &r.errors);
	must(parsed == (r.errors.n == 0)); /* the parser has no warnings */
	check_reads_back(show(&r), &again);
	arena_free(&again.a);

	m = conf_check(&r.a, &r.cand, &r.errors);
	must((m != NULL) == (r.errors.n == r.errors.n_warnings));
	conf_errors_sort(&r.a, &r.errors);
	check_messages(&r);
	check_reads_back(show(&r), &again);
	if (m) {
		m2 = conf_check(&again.a, &again.cand, &again.errors);
		must(m2 && memcmp(m->hash, m2->hash, sizeof(m->hash)) == 0);
		must(m2->n_ifaces == m->n_ifaces && m2->n_rules == m->n_rules);
	}
	arena_free(&again.a);
	arena_free(&r.a);
	check_diff((const char *)data, size);
	return 0;
}
