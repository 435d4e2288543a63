/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What many runs add up to. */
#include "sim.h"
#include "core/elect/claim.h"

const char *const exemption_words[_EXEMPT_MAX] = {
	[EXEMPT_PARTITION] = "total partition",
	[EXEMPT_PAUSE] = "resumed machine whose clock had stood still",
	[EXEMPT_NEVER_HEARD] = "never heard the other since its start",
	[EXEMPT_STRANGERS] = "different keys or clusters",
};

static int64_t
larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

void
stats_add(struct stats *to, const struct stats *s)
{
	to->runs += s->runs;
	to->steps += s->steps;
	to->frames += s->frames;
	to->events += s->events;
	to->virtual_ns += s->virtual_ns;
	for (size_t i = 0; i < _WHY_MAX; i++) {
		to->became_active[i] += s->became_active[i];
		to->left_active[i] += s->left_active[i];
	}
	for (size_t i = 0; i < _EXEMPT_MAX; i++) {
		to->exempt[i] += s->exempt[i];
		to->exempt_worst_ns[i] = larger(to->exempt_worst_ns[i], s->exempt_worst_ns[i]);
	}
	to->agreed += s->agreed;
	to->common_faults += s->common_faults;
	if (s->churn_worst > to->churn_worst)
		to->churn_worst = s->churn_worst;
	to->takeovers += s->takeovers;
	to->takeover_sum_ns += s->takeover_sum_ns;
	to->switches += s->switches;
	if (s->takeover_worst_intervals > to->takeover_worst_intervals) {
		to->takeover_worst_intervals = s->takeover_worst_intervals;
		to->takeover_worst_ns = s->takeover_worst_ns;
		to->takeover_worst_seed = s->takeover_worst_seed;
	}
	to->switch_worst_ns = larger(to->switch_worst_ns, s->switch_worst_ns);
	to->drain_worst_ns = larger(to->drain_worst_ns, s->drain_worst_ns);
}

static double
ms(int64_t ns)
{
	return (double)ns / 1e6;
}

void
stats_print(const struct stats *s, FILE *f)
{
	fprintf(f, "runs %llu, virtual time %.2f h, steps of the core %llu, frames %llu\n",
		(unsigned long long)s->runs, (double)s->virtual_ns / 3.6e12,
		(unsigned long long)s->steps, (unsigned long long)s->frames);
	fprintf(f, "role changes:                                     to active  from active\n");
	for (size_t i = 0; i < _WHY_MAX; i++)
		if (s->became_active[i] || s->left_active[i])
			fprintf(f, "  %-48s %9llu %12llu\n", why_text((enum why)i),
				(unsigned long long)s->became_active[i],
				(unsigned long long)s->left_active[i]);
	fprintf(f, "both gates open, exempted:                        episodes   longest ms\n");
	for (size_t i = 0; i < _EXEMPT_MAX; i++)
		fprintf(f, "  %-48s %9llu %12.3f\n", exemption_words[i],
			(unsigned long long)s->exempt[i], ms(s->exempt_worst_ns[i]));
	fprintf(f,
		"rank compared by both %llu times; faults that struck both alike %llu; most gains "
		"of "
		"the role a cause %.1f\n",
		(unsigned long long)s->agreed, (unsigned long long)s->common_faults,
		s->churn_worst / 1e3);
	if (s->takeovers)
		fprintf(f,
			"clean takeovers %llu, mean %.1f ms, worst %.1f ms = %.2f detection times "
			"(seed %llu)\n",
			(unsigned long long)s->takeovers,
			ms(s->takeover_sum_ns / (int64_t)s->takeovers), ms(s->takeover_worst_ns),
			(double)s->takeover_worst_intervals / 1e3,
			(unsigned long long)s->takeover_worst_seed);
	if (s->switches)
		fprintf(f, "switches by command %llu, slowest %.1f ms, longest drain %.1f ms\n",
			(unsigned long long)s->switches, ms(s->switch_worst_ns),
			ms(s->drain_worst_ns));
}
