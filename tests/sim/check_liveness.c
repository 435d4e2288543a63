/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Liveness: when nothing has happened for long enough, the documented outcome is there; commands
 * are answered; roles do not change without a cause.
 */
#include "sim.h"

#define SWITCH_NS NS_PER_S       /* a planned switch takes less */
#define ANSWER_NS (3 * NS_PER_S) /* a command is answered in that time, whatever happens */
#define DWELL_NS  (7 * NS_PER_S) /* quality settles, rank dwells, a vain attempt pauses */

/* What must be true of the gates while nothing changes. */
struct outcome {
	bool known;
	unsigned open_min, open_max; /* how many */
	uint8_t must_open, must_not; /* bits: which */
};

void
liveness_init(struct world *w)
{
	w->liveness = (struct liveness){.down_since = -1,
		.felled_at = -1,
		.kept = -1,
		.strangers_since = NEVER,
		.mute_since = NEVER};
}

/* What wires and processors may add to any time that the documents promise. */
static int64_t
delays_ns(const struct world *w)
{
	const struct setup *s = &w->plan->setup;

	return s->delay_ns + s->jitter_ns + 4 * s->latency_hi_ns + machine_interval_ns(w) / 2;
}

/* Detection and a few intervals, with everything that delays a process in between. */
int64_t
liveness_base_ns(const struct world *w)
{
	return machine_detection_ns(w) + 5 * machine_interval_ns(w) +
	       4 * w->plan->setup.latency_hi_ns + 20 * NS_PER_MS;
}

int64_t
liveness_after_start_ns(const struct world *w, int node, bool warm)
{
	if (warm)
		return 3 * machine_detection_ns(w) + liveness_base_ns(w);
	/* the peer may have to settle for half a second and to answer a wish */
	return w->m[node].conf.initial_silence_ms * NS_PER_MS + NS_PER_S + liveness_base_ns(w);
}

void
liveness_disturbed(struct world *w, int64_t settle_ns)
{
	struct liveness *l = &w->liveness;
	int64_t settle =
		w->now + (settle_ns > liveness_base_ns(w) ? settle_ns : liveness_base_ns(w));

	agree_disturbed(w);
	if (l->disturbed_at != w->now)
		l->kept = -1;
	l->disturbed_at = w->now;
	l->calm_switch = false;
	if (settle > l->settle_at)
		l->settle_at = settle;
	if (settle + DWELL_NS > l->cause_at)
		l->cause_at = settle + DWELL_NS;
	/* a takeover is measured only when nothing else happens meanwhile */
	l->down_since = l->felled_at == w->now ? w->now : -1;
}

/* Runs, and no wire at all: it must not think that it is alone. */
bool
liveness_cut_off(const struct world *w, int node)
{
	const struct machine *m = &w->m[node];

	for (unsigned p = 0; p < m->conf.n_ports; p++)
		if (net_carrier(w, node, p))
			return false;
	return m->conf.enabled;
}

bool
liveness_healthy(const struct world *w, int node)
{
	const struct machine *m = &w->m[node];
	unsigned weights = 0;

	if (!machine_runs(m) || m->stopping)
		return false;
	for (unsigned p = 0; p < m->conf.n_ports; p++) {
		if (m->conf.ports[p].weight > 0 && net_carrier(w, node, p) && net_ready(w, node, p))
			return true;
		weights += m->conf.ports[p].weight;
	}
	/* nothing has a weight: every node is as fit as any, unless it is cut off */
	return weights == 0 && !liveness_cut_off(w, node);
}

bool
liveness_hears(const struct world *w, int from)
{
	for (unsigned p = 0; p < w->plan->setup.n_ports; p++)
		if (net_passes(w, p, from))
			return true;
	return false;
}

bool
liveness_sessions(const struct world *w)
{
	return w->contact.node[A].peer == w->m[B].life && w->contact.node[B].peer == w->m[A].life;
}

/* Both run and at least one is healthy. */
static struct outcome
outcome_of_two(const struct world *w, bool healthy_a, bool healthy_b)
{
	bool to_b = liveness_hears(w, A), to_a = liveness_hears(w, B);
	uint8_t fit = (uint8_t)(healthy_a | healthy_b << 1);
	bool same_type = w->m[A].conf.type == w->m[B].conf.type;

	if (contact_strangers(w) || (!to_a && !to_b))
		return (struct outcome){.known = true, .open_max = 2, .must_open = fit};
	if (to_a && to_b) {
		if (fit == 3)
			return (struct outcome){.known = true, .open_min = 1, .open_max = 1};
		/* the one that gave way to its twin is not able; both unable: nobody is better */
		if (same_type || fit == 0)
			return (struct outcome){.known = true, .open_max = 1};
		return (struct outcome){.known = true, .open_max = 1, .must_open = fit};
	}
	/* one-way: the one that is not heard must give way, if they ever had a session */
	if (!liveness_sessions(w) || fit != 3 || same_type)
		return (struct outcome){.known = false};
	return (struct outcome){
		.known = true, .open_max = 1, .must_open = to_b ? 1 : 2, .must_not = to_b ? 2 : 1};
}

static struct outcome
expected(const struct world *w)
{
	bool a = liveness_healthy(w, A), b = liveness_healthy(w, B);

	if (machine_runs(&w->m[A]) && machine_runs(&w->m[B]))
		return outcome_of_two(w, a, b);
	if (!a && !b)
		return (struct outcome){.known = false};
	/* the other does not run: its gate is closed, or closes by itself */
	return (struct outcome){.known = true, .open_max = 1, .must_open = a ? 1 : 2};
}

static void
check_outcome(struct world *w, int64_t from, const enum gate_position pos[2])
{
	struct outcome o = expected(w);
	uint8_t open = (uint8_t)((pos[A] == GATE_OPEN) | (pos[B] == GATE_OPEN) << 1);
	unsigned n = (open & 1) + (open >> 1);

	for (int i = 0; i < 2; i++)
		if ((open >> i & 1) && liveness_cut_off(w, i))
			world_fail(w, "cut-off-open", "%c is cut off and its gate is open at %.6f",
				'a' + i, (double)from / 1e9);
	if (!o.known)
		return;
	/* a planned switch, in the time in which there may be one */
	if (from <= w->liveness.cause_at && (pos[A] == GATE_DRAINING || pos[B] == GATE_DRAINING))
		return;
	if (n >= o.open_min && n <= o.open_max && (open & o.must_open) == o.must_open &&
		!(open & o.must_not))
		return;
	world_fail(w, n == 0 ? "nobody-open" : "wrong-open",
		"at %.6f the gates are %s and %s, although everything has been quiet until then",
		(double)from / 1e9, position_words[pos[A]], position_words[pos[B]]);
}

static void
check_takeover(struct world *w, int64_t from, const enum gate_position pos[2])
{
	struct liveness *l = &w->liveness;
	int64_t took, per_mille;

	if (l->down_since < 0 || pos[!l->felled] != GATE_OPEN)
		return;
	took = from - l->down_since;
	if (took > machine_detection_ns(w) + 2 * machine_interval_ns(w) + delays_ns(w))
		world_fail(w, "takeover-slow", "%c was felled at %.6f, the other opened at %.6f",
			'a' + l->felled, (double)l->down_since / 1e9, (double)from / 1e9);
	per_mille = took * 1000 / machine_detection_ns(w);
	l->down_since = -1;
	w->stats.takeovers++;
	w->stats.takeover_sum_ns += took;
	if (per_mille > w->stats.takeover_worst_intervals) {
		w->stats.takeover_worst_intervals = per_mille;
		w->stats.takeover_worst_ns = took;
		w->stats.takeover_worst_seed = w->seed;
	}
}

/* Both can reach each other and have no session: the handshake is broken. */
static void
check_session(struct world *w, int64_t t)
{
	struct liveness *l = &w->liveness;
	int64_t patience = 20 * machine_interval_ns(w) + 100 * NS_PER_MS;

	/* there are fewer hellos on the ports beyond the fast ones */
	if (w->plan->setup.n_ports > FULL_RATE_PATHS)
		patience *= 10;
	if (l->lossy > 0 || contact_strangers(w) || liveness_sessions(w) ||
		!machine_runs(&w->m[A]) || !machine_runs(&w->m[B]) || !liveness_hears(w, A) ||
		!liveness_hears(w, B))
		l->strangers_since = NEVER;
	else if (l->strangers_since == NEVER)
		l->strangers_since = t;
	else if (t - l->strangers_since > patience)
		world_fail(w, "no-session", "both directions work since %.6f",
			(double)l->strangers_since / 1e9);
}

static void
check_command(struct world *w, int64_t t)
{
	struct liveness *l = &w->liveness;
	const struct machine *m = &w->m[l->command_node];

	int64_t since;

	if (!l->command_open)
		return;
	if (!m->up || m->life != l->command_life || m->stopping || m->frozen || m->paused) {
		l->command_open = false;
		return;
	}
	if (t - l->command_at > ANSWER_NS + liveness_base_ns(w))
		world_fail(w, "no-reply", "%c has not answered the command of %.6f",
			'a' + l->command_node, (double)l->command_at / 1e9);
	/* nobody is there any more who could obey: known after the detection time */
	if (machine_runs(&w->m[!l->command_node]) && liveness_hears(w, !l->command_node))
		l->mute_since = NEVER;
	else if (l->mute_since == NEVER)
		l->mute_since = t;
	since = l->mute_since > l->disturbed_at ? l->mute_since : l->disturbed_at;
	if (l->mute_since != NEVER && l->lossy == 0 && t - since > 2 * liveness_base_ns(w))
		world_fail(w, "late-reply",
			"%c cannot hear the other one since %.6f and has not answered the command "
			"of %.6f",
			'a' + l->command_node, (double)l->mute_since / 1e9,
			(double)l->command_at / 1e9);
}

void
liveness_segment(struct world *w, int64_t from, int64_t to, const enum gate_position pos[2])
{
	check_takeover(w, from, pos);
	check_session(w, to);
	if (w->liveness.calm_switch && w->fdb >= 0 && pos[w->fdb] == GATE_CLOSED)
		world_fail(w, "switch-loses",
			"the switches send to %c, whose gate is closed, at %.6f", 'a' + w->fdb,
			(double)from / 1e9);
	if (w->liveness.kept >= 0 && machine_runs(&w->m[w->liveness.kept]) &&
		pos[w->liveness.kept] != GATE_OPEN)
		world_fail(w, "needless-outage",
			"%c lost only its standby, and its gate closes at %.6f",
			'a' + w->liveness.kept, (double)from / 1e9);
	check_command(w, to);
	if (w->liveness.calm_switch && pos[A] == GATE_CLOSED && pos[B] == GATE_CLOSED)
		world_fail(w, "switch-gap", "both gates are closed in a planned switch at %.6f",
			(double)from / 1e9);
	if (from >= w->liveness.settle_at && w->liveness.lossy == 0)
		check_outcome(w, from, pos);
}

void
liveness_role(struct world *w, int node, enum role from, enum role to)
{
	const struct machine *m = &w->m[node];
	bool was = from == ROLE_ACTIVE, is = to == ROLE_ACTIVE;

	if (m->why < _WHY_MAX && is)
		w->stats.became_active[m->why]++;
	if (m->why < _WHY_MAX && was)
		w->stats.left_active[m->why]++;
	if (is && !liveness_healthy(w, node) && w->now - w->liveness.disturbed_at > 10 * NS_PER_MS)
		world_fail(
			w, "active-unfit", "%c becomes active without any data port", 'a' + node);
	if ((was || is) && w->now > w->liveness.cause_at && w->liveness.lossy == 0)
		world_fail(w, "flapping", "%c changes its role without a cause", 'a' + node);
}

/*
 * The active node's lease outlasts the 2.5 intervals until its standby counts as silent. A standby
 * with a shorter interval says the same echo several times, so that the last one may be an interval
 * and a round trip old.
 */
static bool
lease_is_long(const struct world *w)
{
	int64_t interval = machine_interval_ns(w), trip = delays_ns(w) - interval / 2;

	return w->m[A].conf.interval_ms == w->m[B].conf.interval_ms ||
	       machine_detection_ns(w) * 8 / 10 > interval * 7 / 2 + 2 * trip;
}

/* A node stops working. In a calm time the outcome is exact, and fast. */
void
liveness_felled(struct world *w, int node)
{
	struct liveness *l = &w->liveness;
	bool calm = w->now > l->settle_at && l->lossy == 0 && liveness_healthy(w, !node) &&
		    liveness_sessions(w) && liveness_hears(w, A) && liveness_hears(w, B);

	if (!calm)
		return;
	if (gate_position(w, node, w->now) == GATE_OPEN && w->m[!node].role == ROLE_INACTIVE) {
		l->felled = node;
		l->felled_at = w->now;
	} else if (gate_position(w, !node, w->now) == GATE_OPEN && lease_is_long(w)) {
		l->kept = !node;
		l->disturbed_at = w->now;
	}
}

void
liveness_command(struct world *w, int node, uint32_t id)
{
	struct liveness *l = &w->liveness;
	struct outcome o = expected(w);
	const struct setup *s = &w->plan->setup;
	/* a drain of 50 ms has room for one way of a frame, state sync's 15 ms and an announcement
	 */
	bool near = s->delay_ns + s->jitter_ns + 4 * s->latency_hi_ns < 25 * NS_PER_MS;
	bool calm = near && w->now > l->settle_at && l->lossy == 0 && o.known && o.open_min == 1 &&
		    w->m[A].slow_gate_ns == 0 && w->m[B].slow_gate_ns == 0 &&
		    w->m[A].slow_announce_ns == 0 && w->m[B].slow_announce_ns == 0;

	liveness_disturbed(w, SWITCH_NS + liveness_base_ns(w));
	l->calm_switch = calm;
	l->command_open = true;
	l->mute_since = NEVER;
	l->command_at = w->now;
	l->command_id = id;
	l->command_node = node;
	l->command_life = w->m[node].life;
}

void
liveness_reply(struct world *w, int node, uint32_t id, enum refusal refusal)
{
	struct liveness *l = &w->liveness;

	if (l->command_open && l->command_id == id && l->command_node == node) {
		l->command_open = false;
		if (l->calm_switch && w->now - l->command_at > SWITCH_NS)
			world_fail(w, "switch-slow", "%c answers the command of %.6f only now",
				'a' + node, (double)l->command_at / 1e9);
		if (refusal == REFUSE_NONE) {
			w->stats.switches++;
			if (w->now - l->command_at > w->stats.switch_worst_ns)
				w->stats.switch_worst_ns = w->now - l->command_at;
		}
	} else if (id > w->next_id || id == 0) {
		world_fail(w, "reply-unasked", "%c answers command %u", 'a' + node, id);
	}
}
