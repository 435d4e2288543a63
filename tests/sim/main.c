/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The simulator's command line: one seed, many seeds on several processes, scenario files,
 * shrinking. Exit status: 0 all passed, 1 something failed, 2 wrong usage.
 */
#include <errno.h>
#include <getopt.h>
#include <glob.h>
#include <limits.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "sim.h"

#define JOBS_MAX 64

struct options {
	uint64_t first, last;
	unsigned jobs;
	bool seeds, shrink, print, quiet;
	enum trace_level trace;
};

/* One worker's results, in memory shared with the parent so that a crash loses nothing. */
struct job {
	uint64_t seed; /* that is running */
	uint64_t passed, failed;
	struct stats stats;
};

static const char usage[] =
	"sim --seed N [--trace|--trace-all] [--print]   one generated run\n"
	"sim --seeds A-B [--jobs N]                      many\n"
	"sim --scenario FILE|FOLDER… [--trace]           scenario files\n"
	"sim --shrink --seed N | --shrink FILE           fewest steps that fail the same way\n";

static void
say_failure(const char *name, const struct verdict *v)
{
	printf("FAIL %s: %s at %.6f s: %s\n", name, v->rule, (double)v->at / 1e9, v->text);
}

static void
run_job(struct job *j, const struct options *o, unsigned step)
{
	static struct plan p;
	struct world *w = world_new();
	char name[40];

	for (; j->seed <= o->last; j->seed += step) {
		plan_generate(&p, j->seed);
		world_run(w, &p, j->seed, TRACE_NONE);
		stats_add(&j->stats, &w->stats);
		if (!w->verdict.failed) {
			j->passed++;
			continue;
		}
		j->failed++;
		snprintf(name, sizeof(name), "seed %llu", (unsigned long long)j->seed);
		say_failure(name, &w->verdict);
		fflush(stdout);
	}
	world_free(w);
}

static void
start_job(struct job *j, const struct options *o, pid_t *pid)
{
	fflush(NULL);
	*pid = fork();
	if (*pid == 0) {
		run_job(j, o, o->jobs);
		fflush(NULL);
		_exit(0);
	}
	if (*pid < 0) {
		perror("fork");
		exit(2);
	}
}

/* Waits for all jobs; one that died failed at its seed and goes on behind it. */
static void
wait_jobs(struct job *jobs, const struct options *o, pid_t *pids)
{
	unsigned left = o->jobs;

	while (left > 0) {
		int status;
		pid_t pid = wait(&status);
		unsigned i = 0;

		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			return;
		while (i < o->jobs && pids[i] != pid)
			i++;
		if (i == o->jobs)
			continue;
		left--;
		if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			continue;
		printf("FAIL seed %llu: core-aborted: the process died of signal %d\n",
			(unsigned long long)jobs[i].seed,
			WIFSIGNALED(status) ? WTERMSIG(status) : 0);
		jobs[i].failed++;
		jobs[i].seed += o->jobs;
		start_job(&jobs[i], o, &pids[i]);
		left++;
	}
}

static int
run_seeds(struct options *o)
{
	pid_t pids[JOBS_MAX];
	struct stats sum = {0};
	uint64_t passed = 0, failed = 0;
	struct job *jobs = mmap(NULL, JOBS_MAX * sizeof(*jobs), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (jobs == MAP_FAILED) {
		perror("mmap");
		return 2;
	}
	for (unsigned i = 0; i < o->jobs; i++) {
		jobs[i].seed = o->first + i;
		start_job(&jobs[i], o, &pids[i]);
	}
	wait_jobs(jobs, o, pids);
	for (unsigned i = 0; i < o->jobs; i++) {
		stats_add(&sum, &jobs[i].stats);
		passed += jobs[i].passed;
		failed += jobs[i].failed;
	}
	stats_print(&sum, stdout);
	if (failed)
		printf("replay one with: sim --seed N --trace; reduce it with: sim --shrink --seed "
		       "N\n");
	printf("%llu passed, %llu failed\n", (unsigned long long)passed,
		(unsigned long long)failed);
	return failed ? 1 : 0;
}

static int
run_one(const struct options *o)
{
	static struct plan p;
	struct world *w;
	char name[40];
	bool failed;

	plan_generate(&p, o->first);
	if (o->shrink) {
		if (shrink(&p, stdout) == 0)
			return 0;
		fprintf(stderr, "seed %llu does not fail\n", (unsigned long long)o->first);
		return 1;
	}
	if (o->print) {
		plan_print(&p, stdout);
		return 0;
	}
	w = world_new();
	world_run(w, &p, o->first, o->trace);
	snprintf(name, sizeof(name), "seed %llu", (unsigned long long)o->first);
	failed = w->verdict.failed;
	if (failed)
		say_failure(name, &w->verdict);
	stats_print(&w->stats, stdout);
	printf("%d passed, %d failed\n", !failed, failed);
	world_free(w);
	return failed;
}

/* 0 = passed */
static int
run_scenario(struct world *w, const struct options *o, const char *file)
{
	static struct plan p;

	if (plan_read(&p, file))
		return 1;
	if (o->shrink)
		return shrink(&p, stdout);
	world_run(w, &p, 0, o->trace);
	if (w->verdict.failed)
		say_failure(file, &w->verdict);
	else
		printf("ok   %s: %s\n", file, p.setup.title);
	return w->verdict.failed;
}

/* Files, and folders of *.scn files. */
static int
run_scenarios(const struct options *o, char **args, int n)
{
	struct world *w = world_new();
	size_t passed = 0, failed = 0;

	for (int i = 0; i < n; i++) {
		char pattern[PATH_MAX];
		glob_t found;

		snprintf(pattern, sizeof(pattern), "%s/*.scn", args[i]);
		if (glob(pattern, 0, NULL, &found) && glob(args[i], GLOB_NOCHECK, NULL, &found)) {
			failed++;
			continue;
		}
		for (size_t j = 0; j < found.gl_pathc; j++)
			run_scenario(w, o, found.gl_pathv[j]) ? failed++ : passed++;
		globfree(&found);
	}
	world_free(w);
	printf("%zu passed, %zu failed\n", passed, failed);
	return failed ? 1 : 0;
}

static int
parse_seeds(struct options *o, const char *text)
{
	char *end;

	errno = 0;
	o->first = o->last = strtoull(text, &end, 10);
	if (*end == '-')
		o->last = strtoull(end + 1, &end, 10);
	o->seeds = true;
	return errno || *end || end == text || o->last < o->first ? -1 : 0;
}

int
main(int argc, char **argv)
{
	static const struct option longs[] = {{"seed", required_argument, NULL, 's'},
		{"seeds", required_argument, NULL, 'S'}, {"jobs", required_argument, NULL, 'j'},
		{"trace", no_argument, NULL, 't'}, {"trace-all", no_argument, NULL, 'T'},
		{"shrink", no_argument, NULL, 'k'}, {"print", no_argument, NULL, 'p'},
		{"scenario", no_argument, NULL, 'f'}, {0}};
	struct options o = {.jobs = 1};
	bool bad = sodium_init() < 0, one = false;
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 's' || c == 'S')
			bad |= parse_seeds(&o, optarg) != 0, one = c == 's';
		else if (c == 'j')
			o.jobs = (unsigned)atoi(optarg);
		else if (c == 't')
			o.trace = TRACE_CHANGES;
		else if (c == 'T')
			o.trace = TRACE_ALL;
		else if (c == 'k')
			o.shrink = true;
		else if (c == 'p')
			o.print = true;
		else if (c != 'f')
			bad = true;
	}
	if (bad || o.jobs < 1 || o.jobs > JOBS_MAX || o.seeds == (optind < argc)) {
		fputs(usage, stderr);
		return 2;
	}
	if (optind < argc)
		return run_scenarios(&o, argv + optind, argc - optind);
	return one && o.first == o.last ? run_one(&o) : run_seeds(&o);
}
