/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Makes a plan from a seed: a pair of nodes, a start, a mix of faults that often overlap, and a
 * quiet end in which the outcome is demanded. Every fault is one step with a span, so that each can
 * be left out by itself.
 */
#include "base/prng.h"
#include "plan.h"

struct gen {
	struct prng r;
	struct plan *p;
	int64_t detection, interval; /* ns: the larger of both nodes */
	int64_t least_interval;
	int64_t last_end;
};

static int64_t
pick(struct gen *g, int64_t lo, int64_t hi)
{
	return prng_range(&g->r, lo, hi);
}

static bool
chance(struct gen *g, unsigned percent)
{
	return prng_chance(&g->r, percent);
}

/* Any length from lo to hi, each order of magnitude as likely, in whole microseconds. */
static int64_t
span_between(struct gen *g, int64_t lo, int64_t hi)
{
	int64_t top = lo;

	while (top < hi && !chance(g, 25))
		top *= 2;
	return pick(g, lo, top < hi ? top : hi) / NS_PER_US * NS_PER_US;
}

/* A clock in its first days, or one that crosses a power of two that some type might have. */
static int64_t
generate_boot(struct gen *g)
{
	static const int64_t edge[] = {INT64_C(1) << 62, INT64_C(1) << 53,
		(INT64_C(1) << 32) * NS_PER_US, (INT64_C(1) << 32) * NS_PER_MS,
		(INT64_C(1) << 31) * NS_PER_US};

	if (chance(g, 80))
		return pick(g, 1, 100000) * NS_PER_S + pick(g, 0, NS_PER_S);
	return edge[pick(g, 0, 4)] - pick(g, 1, 20000) * NS_PER_MS;
}

static void
generate_timers(struct gen *g)
{
	static const uint32_t profile[3][2] = {{10, 50}, {2, 10}, {100, 500}};
	unsigned kind = chance(g, 76) ? 0 : chance(g, 40) ? 1 : 2;
	uint32_t silence = chance(g, 85) ? 2000 : 5000;

	for (int i = 0; i < 2; i++) {
		struct node_setup *n = &g->p->setup.node[i];

		n->interval_ms = profile[kind][0];
		n->failover_ms = profile[kind][1];
		n->silence_ms = silence;
		n->ppm = (int)pick(g, -200, 200);
		n->boot_ns = generate_boot(g);
	}
	/* in the midst of a change of configuration the two differ */
	if (chance(g, 6)) {
		struct node_setup *n = &g->p->setup.node[pick(g, 0, 1)];

		n->failover_ms = n->failover_ms * (uint32_t)pick(g, 15, 40) / 10;
	} else if (chance(g, 4)) {
		struct node_setup *n = &g->p->setup.node[pick(g, 0, 1)];

		kind = (unsigned)pick(g, 0, 2);
		n->interval_ms = profile[kind][0];
		n->failover_ms = profile[kind][1];
	}
	g->least_interval = INT64_MAX;
	for (int i = 0; i < 2; i++) {
		const struct node_setup *n = &g->p->setup.node[i];

		if (n->interval_ms * NS_PER_MS < g->least_interval)
			g->least_interval = n->interval_ms * NS_PER_MS;
		if (n->interval_ms * NS_PER_MS > g->interval)
			g->interval = n->interval_ms * NS_PER_MS;
		if (n->failover_ms * NS_PER_MS > g->detection)
			g->detection = n->failover_ms * NS_PER_MS;
	}
}

/* Nodes that are not alike, or very old. */
static void
generate_oddities(struct gen *g)
{
	struct node_setup *n = g->p->setup.node;

	if (chance(g, 4))
		n[pick(g, 0, 1)].type ^= NODE_MASTER ^ NODE_SLAVE;
	if (chance(g, 8))
		n[pick(g, 0, 1)].newer = (unsigned)pick(g, 1, 40);
	for (int i = 0; i < 2; i++) {
		if (chance(g, 4))
			n[i].term = chance(g, 50) ? TERM_MAX - 100000 : UINT32_MAX - 2;
		if (chance(g, 4))
			n[i].counter = (chance(g, 50) ? UINT64_C(1) << 63 : UINT64_C(1) << 32) -
				       (uint64_t)pick(g, 1, 3000);
	}
}

/* LinkMonitors: of an interface, or counting by themselves. */
static void
generate_monitors(struct gen *g)
{
	struct setup *s = &g->p->setup;

	/* less than what rank waits for a fault that only probes find */
	s->probe_ns = span_between(g, NS_PER_MS, 900 * NS_PER_MS);
	s->n_monitors = chance(g, 60) ? 0 : (unsigned)pick(g, 1, 2);
	for (unsigned i = 0; i < s->n_monitors; i++) {
		bool own = chance(g, 50);
		unsigned port = (unsigned)pick(g, 0, s->n_ports - 1);

		snprintf(s->monitor[i].name, sizeof(s->monitor[i].name), "m%u", i);
		s->monitor[i].port = own || s->port[port].sync ? -1 : (int)port;
		s->monitor[i].weight = s->monitor[i].port < 0 ? 50 : 0;
	}
}

static void
generate_ports(struct gen *g)
{
	static const char *const name[PORTS] = {
		"sync", "lan", "wan", "dmz", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11"};
	struct setup *s = &g->p->setup;
	unsigned first = 0, n = (unsigned)(chance(g, 4) ? pick(g, 9, PORTS) : pick(g, 1, 4));

	if (n == 1)
		first = 1; /* heartbeats on the only data interface */
	s->n_ports = n;
	for (unsigned i = 0; i < n; i++) {
		snprintf(s->port[i].name, sizeof(s->port[i].name), "%s", name[first + i]);
		s->port[i].sync = first + i == 0;
		s->port[i].weight = s->port[i].sync ? 0 : (uint16_t)(chance(g, 70) ? 100 : 75);
	}
}

static void
generate_setup(struct gen *g, uint64_t seed)
{
	struct setup *s = &g->p->setup;

	plan_default(g->p);
	snprintf(s->title, sizeof(s->title), "seed %llu", (unsigned long long)seed);
	s->random = seed;
	generate_timers(g);
	generate_ports(g);
	generate_oddities(g);
	generate_monitors(g);
	s->delay_ns = span_between(g, 20 * NS_PER_US, g->interval / 3);
	s->jitter_ns = span_between(g, 10 * NS_PER_US, g->interval / 3);
	s->latency_hi_ns = chance(g, 80) ? 200 * NS_PER_US : g->least_interval / 8 + 50 * NS_PER_US;
	s->barrier_ns = chance(g, 10) ? -1 : span_between(g, 200 * NS_PER_US, 30 * NS_PER_MS);
	s->traffic_ns = chance(g, 20) ? 0 : span_between(g, 50 * NS_PER_US, 5 * NS_PER_MS);
	s->sync_time_ns = span_between(g, 10 * NS_PER_MS, 2 * NS_PER_S);
	s->prefer = chance(g, 85) ? PREFER_AUTOMATIC : chance(g, 50) ? PREFER_MASTER : PREFER_SLAVE;
}

static struct step *
add(struct gen *g, enum verb verb, int64_t at, int64_t span)
{
	struct step *s = &g->p->step[g->p->n_steps++];

	*s = (struct step){.verb = verb, .at = at, .span = span};
	if (at + span > g->last_end)
		g->last_end = at + span;
	return s;
}

static void
generate_start(struct gen *g)
{
	int64_t later = chance(g, 40)   ? pick(g, 0, 50) * NS_PER_MS
			: chance(g, 50) ? pick(g, 0, 2500) * NS_PER_MS
					: pick(g, 2500, 5000) * NS_PER_MS;
	uint8_t first = chance(g, 50) ? 1 : 2;

	add(g, DO_POWER_ON, 0, 0)->nodes = first;
	add(g, DO_POWER_ON, later, 0)->nodes = first ^ 3;
}

static uint32_t
some_ports(struct gen *g)
{
	uint32_t all = (1u << g->p->setup.n_ports) - 1;
	uint32_t mask = chance(g, 45) ? all : (uint32_t)prng_u64(&g->r) & all;

	return mask ? mask : all;
}

static void
generate_wire_fault(struct gen *g, int64_t at, int64_t span)
{
	unsigned k = (unsigned)pick(g, 0, 99);
	struct step *s;

	if (k < 50) {
		s = add(g, DO_CUT, at, span);
	} else if (k < 68) {
		s = add(g, DO_LOSS, at, span);
		s->value = chance(g, 50) ? pick(g, 1, 40) : pick(g, 40, 99);
	} else if (k < 76) {
		s = add(g, DO_DUPLICATE, at, span);
		s->value = pick(g, 1, 60);
	} else if (k < 84) {
		s = add(g, DO_REORDER, at, span);
		s->value = pick(g, 1, 60);
	} else if (k < 92) {
		s = add(g, DO_REPLAY, at, span);
		s->value = pick(g, 1, 30);
	} else {
		s = add(g, DO_DELAY, at, span);
		s->value = span_between(g, 100 * NS_PER_US, g->detection);
	}
	s->dirs = chance(g, 40) ? 3 : chance(g, 50) ? 1 : 2;
	s->ports = some_ports(g);
}

static void
generate_port_fault(struct gen *g, int64_t at, int64_t span)
{
	unsigned k = (unsigned)pick(g, 0, 99);
	enum verb verb = k < 40   ? DO_UNPLUG
			 : k < 65 ? DO_SWITCH_OFF
			 : k < 75 ? DO_REMOVE
			 : k < 85 ? DO_UNREADY
			 : k < 92 ? DO_SLOW_PORT
				  : DO_SWAP;
	struct step *s;

	if (verb == DO_SWAP && g->p->setup.n_ports < 2)
		verb = DO_UNPLUG;
	s = add(g, verb, at, span);
	s->ports = some_ports(g);
	s->nodes = verb == DO_SWITCH_OFF ? 0 : chance(g, 15) ? 3 : (uint8_t)pick(g, 1, 2);
	if (verb == DO_SWAP) {
		unsigned a = (unsigned)pick(g, 0, g->p->setup.n_ports - 2);

		s->ports = 1u << a | 1u << pick(g, a + 1, g->p->setup.n_ports - 1);
		s->nodes = (uint8_t)pick(g, 1, 2);
	}
	if (verb == DO_SLOW_PORT) {
		/* the ports lose their carrier meanwhile */
		s->value = span_between(g, NS_PER_MS, 30 * NS_PER_S);
		s->span = span + NS_PER_S;
		k = s->nodes;
		s = add(g, DO_UNPLUG, at + NS_PER_MS, span);
		s->nodes = (uint8_t)k;
		s->ports = s[-1].ports;
		g->last_end += s[-1].value;
	}
}

/* Every data port of both nodes, one after the other: nobody is able. */
static void
generate_both_unable(struct gen *g, int64_t at, int64_t span)
{
	int64_t apart = span_between(g, 100 * NS_PER_US, 2 * g->detection);
	uint8_t first = (uint8_t)pick(g, 1, 2);
	struct step *s;

	for (int i = 0; i < 2; i++) {
		s = add(g, DO_UNPLUG, at + i * apart, span);
		s->nodes = i ? first ^ 3 : first;
		s->ports = (1u << g->p->setup.n_ports) - 1;
		if (g->p->setup.n_ports > 1)
			s->ports &= ~1u;
	}
}

static void
generate_crash_loop(struct gen *g, int64_t at)
{
	uint8_t node = (uint8_t)pick(g, 1, 2);
	unsigned n = (unsigned)pick(g, 3, 8);
	bool all = chance(g, 25);

	for (unsigned i = 0; i < n; i++) {
		int64_t down = pick(g, 5, 60) * NS_PER_MS;

		add(g, all ? DO_CRASH_ALL : DO_CRASH, at, down)->nodes = node;
		at += down + span_between(g, NS_PER_MS, 3 * g->detection);
	}
}

static void
generate_outsiders(struct gen *g, int64_t at, int64_t span)
{
	unsigned k = (unsigned)pick(g, 0, 99);
	enum verb verb = k < 40 ? DO_FOREIGN : k < 75 ? DO_GARBAGE : DO_OLD;

	add(g, verb, at, span)->ports = some_ports(g);
}

/* Disks and LinkMonitors of one node, or of both at nearly the same time. */
static void
generate_health(struct gen *g, int64_t at, int64_t span)
{
	bool disk = g->p->setup.n_monitors == 0 || chance(g, 40);
	uint8_t node = (uint8_t)(chance(g, 40) ? 3 : pick(g, 1, 2));
	struct step *s = add(g, disk ? DO_DISK : DO_MONITOR, at,
		chance(g, 50) ? span : pick(g, 3000, 9000) * NS_PER_MS);

	s->nodes = node;
	s->value = !disk           ? pick(g, 0, g->p->setup.n_monitors - 1)
		   : chance(g, 15) ? HEALTH_UNKNOWN
				   : pick(g, 0, 4) * 25;
}

/* Operators on both nodes who want something while something else goes on. */
static void
generate_commands(struct gen *g, int64_t at)
{
	unsigned n = (unsigned)pick(g, 2, 6);

	for (unsigned i = 0; i < n; i++) {
		struct step *s = add(g, DO_COMMAND, at, 0);

		s->nodes = (uint8_t)(chance(g, 15) ? 3 : pick(g, 1, 2));
		s->value = chance(g, 70) ? pick(g, CMD_ACTIVATE, CMD_DEACTIVATE)
					 : pick(g, CMD_FORCE, CMD_ANNOUNCE);
		s->value2 = chance(g, 50);
		at += span_between(g, 50 * NS_PER_US, 4 * g->detection);
	}
}

static void
generate_machine_fault(struct gen *g, int64_t at, int64_t span)
{
	unsigned k = (unsigned)pick(g, 0, 99);
	int64_t stall = span_between(g, g->interval / 2, 4 * g->detection);
	uint8_t node = (uint8_t)(chance(g, 8) ? 3 : pick(g, 1, 2));

	if (k < 12)
		add(g, DO_POWER_OFF, at, span)->nodes = node;
	else if (k < 26)
		add(g, DO_CRASH, at, pick(g, 5, 100) * NS_PER_MS)->nodes = node;
	else if (k < 34)
		add(g, DO_CRASH_ALL, at, pick(g, 100, 3000) * NS_PER_MS)->nodes = node;
	else if (k < 42)
		add(g, DO_STOP, at, pick(g, 1100, 3000) * NS_PER_MS)->nodes = node;
	else if (k < 66)
		add(g, DO_FREEZE, at, chance(g, 70) ? stall : span)->nodes = node;
	else if (k < 68)
		add(g, DO_FREEZE, at, 10 * NS_PER_S)->nodes = node;
	else if (k < 84)
		add(g, chance(g, 60) ? DO_PAUSE : DO_PAUSE_DEAF, at, chance(g, 70) ? stall : span)
			->nodes = node;
	else if (k < 90)
		add(g, DO_PAUSE_JUMP, at, chance(g, 70) ? stall : span)->nodes = node;
	else if (k < 94)
		add(g, DO_JUMP, at, 0)->nodes = node;
	else
		add(g, DO_DRIFT, at, span)->nodes = node;
	/* shorter ones are no jumps to the machine, but a clock that is wrong: none does that */
	if (g->p->step[g->p->n_steps - 1].verb == DO_JUMP)
		g->p->step[g->p->n_steps - 1].value =
			span_between(g, 2 * g->detection, 7200 * NS_PER_S);
	if (g->p->step[g->p->n_steps - 1].verb == DO_DRIFT)
		g->p->step[g->p->n_steps - 1].value = pick(g, -200, 200);
}

static void
generate_surroundings(struct gen *g, int64_t at, int64_t span)
{
	unsigned k = (unsigned)pick(g, 0, 99);
	uint8_t node = (uint8_t)pick(g, 1, 2);
	struct step *s;

	if (k < 55) {
		s = add(g, DO_COMMAND, at, 0);
		s->value = chance(g, 40)   ? CMD_ACTIVATE
			   : chance(g, 60) ? CMD_DEACTIVATE
					   : (int64_t)pick(g, CMD_FORCE, CMD_ANNOUNCE);
		s->value2 = chance(g, 30);
	} else if (k < 66) {
		s = add(g, chance(g, 70) ? DO_SLOW_GATE : DO_SLOW_ANNOUNCE, at, span);
		s->value = span_between(g, 100 * NS_PER_US, g->detection);
	} else if (k < 72) {
		s = add(g, DO_SYNC_RESTART, at, span);
	} else if (k < 80) {
		s = add(g, DO_BARRIER, at, span);
		s->value = chance(g, 50) ? -1 : span_between(g, NS_PER_MS, 60 * NS_PER_MS);
	} else if (k < 90) {
		s = add(g, DO_SYNC_LOST, at, span);
	} else if (k < 94) {
		s = add(g, DO_TIMERS, at, 0);
		s->value = g->interval / NS_PER_MS;
		s->value2 = s->value * pick(g, 4, 12);
		s->value3 = 2000;
		node = (uint8_t)pick(g, 1, 3);
		if (s->value2 * NS_PER_MS > g->detection)
			g->detection = s->value2 * NS_PER_MS;
	} else {
		s = add(g, DO_WEIGHT, at, 0);
		s->ports = some_ports(g);
		s->value = pick(g, 0, 2) * 50;
		node = 3;
	}
	s->nodes = node;
}

/* The same thing happens to both nodes: nothing may move. */
static void
generate_common_fault(struct gen *g, int64_t at)
{
	bool monitor = g->p->setup.n_monitors > 0 && chance(g, 50);
	enum verb verb = chance(g, 50) ? DO_SWITCH_OFF : monitor ? DO_MONITOR : DO_DISK;
	struct step *s = add(g, verb, at, span_between(g, 10 * NS_PER_MS, 9 * NS_PER_S));

	if (verb == DO_SWITCH_OFF)
		s->ports = some_ports(g);
	else
		s->nodes = 3;
	s->value = verb == DO_DISK      ? pick(g, 0, 4) * 20
		   : verb == DO_MONITOR ? pick(g, 0, g->p->setup.n_monitors - 1)
					: 0;
}

static void
generate_fault(struct gen *g, int64_t at)
{
	unsigned k = (unsigned)pick(g, 0, 99);
	int64_t span = chance(g, 60) ? span_between(g, g->interval / 2, 4 * g->detection)
				     : span_between(g, 10 * NS_PER_MS, 3 * NS_PER_S);

	if (k < 34)
		generate_wire_fault(g, at, span);
	else if (k < 48)
		generate_port_fault(g, at, span);
	else if (k < 72)
		generate_machine_fault(g, at, span);
	else if (k < 87)
		generate_surroundings(g, at, span);
	else if (k < 91)
		generate_outsiders(g, at, span);
	else if (k < 95)
		generate_health(g, at, span);
	else if (k < 97)
		generate_commands(g, at);
	else if (k < 98)
		generate_crash_loop(g, at);
	else
		generate_both_unable(g, at, span);
}

void
plan_generate(struct plan *p, uint64_t seed)
{
	struct gen g = {.r = {.state = seed}, .p = p};
	int64_t at, quiet;
	unsigned rounds;

	generate_setup(&g, seed);
	generate_start(&g);
	rounds = (unsigned)pick(&g, 1, 4);
	quiet = p->setup.node[A].silence_ms * NS_PER_MS + 2 * NS_PER_S + 4 * g.detection;
	/* a few begin while the nodes still start */
	at = chance(&g, 80) ? quiet + g.last_end : pick(&g, 0, 2500) * NS_PER_MS;
	for (unsigned i = 0; i < rounds; i++) {
		unsigned n = chance(&g, 40) ? 1 : (unsigned)pick(&g, 2, 6);

		if (chance(&g, 10)) {
			at += 5 * NS_PER_S;
			generate_common_fault(&g, at);
			n = 0;
		}
		/* within a round most faults meet the one before */
		for (unsigned j = 0; j < n; j++) {
			generate_fault(&g, at);
			at += chance(&g, 75) ? span_between(&g, 100 * NS_PER_US, 2 * g.detection)
					     : pick(&g, 100, 2500) * NS_PER_MS;
		}
		at = g.last_end + quiet + pick(&g, 0, 100) * NS_PER_MS;
	}
	p->setup.end_ns = (g.last_end + quiet) / NS_PER_MS * NS_PER_MS;
	plan_sort(p);
}
