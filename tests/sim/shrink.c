/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Delta debugging over the steps of a failing plan (Zeller & Hildebrandt, 2002): leaves out as many
 * steps as it can while the same rule is still broken, then simplifies what is left. Every try is a
 * process of its own, since the core may abort.
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "sim.h"

#define CRASHED "core-aborted"

/* Shared with the process that tries. */
struct outcome_page {
	struct verdict verdict;
	bool done;
};

static struct outcome_page *page;

static void
try(const struct plan *p, struct verdict *v)
{
	pid_t pid;

	memset(page, 0, sizeof(*page));
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		struct world *w = world_new();

		fclose(stderr); /* assertions speak once, in the last run */
		world_run(w, p, 0, TRACE_NONE);
		page->verdict = w->verdict;
		page->done = true;
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
	*v = page->verdict;
	if (!page->done) {
		*v = (struct verdict){.failed = true, .at = p->setup.end_ns};
		snprintf(v->rule, sizeof(v->rule), "%s", CRASHED);
	}
}

static bool
still_fails(const struct plan *p, struct verdict *v)
{
	struct verdict now;

	try(p, &now);
	if (!now.failed || strcmp(now.rule, v->rule) != 0)
		return false;
	*v = now;
	return true;
}

/* Leaves out runs of `n` steps wherever the failure survives. */
static bool
leave_out(struct plan *p, size_t n, struct verdict *v)
{
	bool better = false;

	for (size_t i = 0; i + n <= p->n_steps;) {
		static struct plan less;

		less = *p;
		memmove(&less.step[i], &less.step[i + n],
			(less.n_steps - i - n) * sizeof(less.step[0]));
		less.n_steps -= n;
		if (still_fails(&less, v)) {
			*p = less;
			better = true;
		} else {
			i++;
		}
	}
	return better;
}

static bool
keep_if_failing(struct plan *p, const struct plan *changed, struct verdict *v)
{
	if (!still_fails(changed, v))
		return false;
	*p = *changed;
	return true;
}

/* Rounder numbers and plainer surroundings, one at a time. */
static void
simplify(struct plan *p, struct verdict *v)
{
	static struct plan c, plain;

	for (size_t i = 0; i < p->n_steps; i++) {
		c = *p;
		c.step[i].at = (c.step[i].at + NS_PER_MS / 2) / NS_PER_MS * NS_PER_MS;
		plan_sort(&c);
		keep_if_failing(p, &c, v);
		c = *p;
		c.step[i].span = (c.step[i].span + NS_PER_MS / 2) / NS_PER_MS * NS_PER_MS;
		keep_if_failing(p, &c, v);
	}
	plan_default(&plain);
	for (int i = 0; i < 2; i++) {
		c = *p;
		c.setup.node[i].ppm = 0;
		c.setup.node[i].boot_ns = plain.setup.node[i].boot_ns;
		keep_if_failing(p, &c, v);
	}
	c = *p;
	c.setup.delay_ns = plain.setup.delay_ns;
	c.setup.jitter_ns = plain.setup.jitter_ns;
	c.setup.latency_hi_ns = plain.setup.latency_hi_ns;
	keep_if_failing(p, &c, v);
	c = *p;
	c.setup.barrier_ns = plain.setup.barrier_ns;
	c.setup.traffic_ns = plain.setup.traffic_ns;
	c.setup.sync_time_ns = plain.setup.sync_time_ns;
	keep_if_failing(p, &c, v);
	c = *p;
	c.setup.end_ns = (v->at + NS_PER_MS) / NS_PER_MS * NS_PER_MS;
	keep_if_failing(p, &c, v);
}

int
shrink(struct plan *p, FILE *f)
{
	struct verdict v;
	size_t before = p->n_steps;

	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return 1;
	try(p, &v);
	if (!v.failed)
		return 1;
	for (size_t n = p->n_steps / 2; n > 0;) {
		if (leave_out(p, n, &v))
			n = p->n_steps / 2 ? p->n_steps / 2 : 1;
		else
			n /= 2;
	}
	simplify(p, &v);
	fprintf(f, "# %zu of %zu steps are needed to break the rule %s at %.6f s:\n# %s\n",
		p->n_steps, before, v.rule, (double)v.at / 1e9, v.text);
	plan_print(p, f);
	munmap(page, sizeof(*page));
	return 0;
}
