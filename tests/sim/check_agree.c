/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Both nodes taken together: they believe of each other what each says, come to the same answer,
 * do not flap, and what strikes both alike moves nothing.
 */
#include <string.h>
#include "sim.h"
#include "core/elect/rank.h"

#define MINUTE_NS (60 * NS_PER_S)
#define GAINS_A_CAUSE                                                                              \
	3 /* the role goes there, back, and once more: a fault and what it uncovers                \
	   */
#define GAINS_AT_FIRST 2

void
agree_init(struct world *w)
{
	w->agreement = (struct agreement){.differ_since = NEVER, .keeper = -1};
	agree_restarted(w);
}

void
agree_restarted(struct world *w)
{
	for (unsigned i = 0; i < MINUTE_MOVES; i++)
		w->agreement.moved_at[i] = -1;
}

static bool
quiet(const struct world *w)
{
	return w->now > w->liveness.settle_at && w->liveness.lossy == 0 && machine_runs(&w->m[A]) &&
	       machine_runs(&w->m[B]) && liveness_sessions(w) && liveness_hears(w, A) &&
	       liveness_hears(w, B);
}

/* What the probes and the kernel tell of both machines is the same. */
static bool
alike(const struct world *w)
{
	for (unsigned p = 0; p < w->plan->setup.n_ports; p++)
		if (net_carrier(w, A, p) != net_carrier(w, B, p) ||
			net_ready(w, A, p) != net_ready(w, B, p) ||
			w->m[A].conf.ports[p].weight != w->m[B].conf.ports[p].weight)
			return false;
	for (unsigned i = 0; i < w->plan->setup.n_monitors; i++)
		if ((w->m[A].monitor_lost[i] > 0) != (w->m[B].monitor_lost[i] > 0))
			return false;
	return w->m[A].disks == w->m[B].disks;
}

static bool
strikes_both(const struct world *w, const struct step *s)
{
	uint32_t left = (1u << w->plan->setup.n_ports) - 1;

	/* what is over before every probe has looked may be seen by one of them only */
	if (s->verb == DO_DISK || s->verb == DO_MONITOR)
		return s->nodes == 3 &&
		       (s->span == 0 || s->span > w->plan->setup.probe_ns + NS_PER_MS);
	for (unsigned p = 0; p < w->plan->setup.n_ports; p++)
		if (!net_carrier(w, A, p))
			left &= ~(1u << p);
	/* without any wire both are cut off, and neither goes on */
	return (s->verb == DO_SWITCH_OFF || s->verb == DO_SWITCH_ON) && (left & ~s->ports) != 0;
}

void
agree_begins(struct world *w, const struct step *s)
{
	struct agreement *g = &w->agreement;
	int active = w->m[A].role == ROLE_ACTIVE ? A : B;
	bool calm = quiet(w) && w->now > w->liveness.cause_at && alike(w) &&
		    w->m[active].role == ROLE_ACTIVE && w->m[!active].role == ROLE_INACTIVE &&
		    !w->m[A].status.hold && !w->m[B].status.hold;

	if (!strikes_both(w, s)) {
		g->keeper = -1;
	} else if (g->keeper < 0 && calm) {
		g->keeper = active;
		w->stats.common_faults++;
	}
}

void
agree_disturbed(struct world *w)
{
	struct agreement *g = &w->agreement;

	if (w->now > w->liveness.settle_at)
		g->gains = g->causes = 0;
	g->causes++;
}

/* The fourth move by rank's later steps within a minute: the hold should have stopped it. */
static void
check_hold(struct world *w, int node)
{
	struct agreement *g = &w->agreement;
	const struct role_change *c = &w->m[node].status.changes[0];

	if (c->why != WHY_RANK || c->step < RANK_QUALITY)
		return;
	for (unsigned i = MINUTE_MOVES - 1; i > 0; i--)
		g->moved_at[i] = g->moved_at[i - 1];
	g->moved_at[0] = w->now;
	if (g->moved_at[MINUTE_MOVES - 1] >= 0 &&
		w->now - g->moved_at[MINUTE_MOVES - 1] < MINUTE_NS - MINUTE_NS / 1000)
		world_fail(w, "hold-ignored", "%c takes the role, the fourth move since %.6f",
			'a' + node, (double)g->moved_at[MINUTE_MOVES - 1] / 1e9);
}

void
agree_role(struct world *w, int node, enum role from, enum role to)
{
	struct agreement *g = &w->agreement;
	unsigned each;

	if (g->keeper == node && from == ROLE_ACTIVE)
		world_fail(w, "same-fault-moves", "%c gives the role up, though both are as well",
			'a' + node);
	if (to != ROLE_ACTIVE)
		return;
	check_hold(w, node);
	if (w->liveness.lossy > 0)
		g->causes++;
	g->gains++;
	each = g->gains * 1000 / (g->causes ? g->causes : 1);
	if (each > w->stats.churn_worst)
		w->stats.churn_worst = each;
	if (g->gains > GAINS_AT_FIRST + GAINS_A_CAUSE * g->causes)
		world_fail(w, "churn", "%c is the %u. to become active for %u reason%s", 'a' + node,
			g->gains, g->causes, g->causes == 1 ? "" : "s");
}

/* What rank compares. */
static bool
same_claim(const struct claim *a, const struct claim *b)
{
	return a->type == b->type && a->role == b->role && a->term == b->term &&
	       a->held == b->held && a->able == b->able && a->forced == b->forced &&
	       memcmp(&a->terms, &b->terms, sizeof(a->terms)) == 0 && a->prefer == b->prefer &&
	       a->flows_when_active == b->flows_when_active;
}

void
agree_stepped(struct world *w)
{
	struct agreement *g = &w->agreement;
	const struct node_status *a = &w->m[A].status, *b = &w->m[B].status;
	enum rank_step step_a, step_b;

	if (!quiet(w) || !a->peer_claim.valid || !b->peer_claim.valid) {
		g->differ_since = NEVER;
		return;
	}
	if (!same_claim(&a->me, &b->peer_claim) || !same_claim(&b->me, &a->peer_claim)) {
		if (g->differ_since == NEVER)
			g->differ_since = w->now;
		if (w->now - g->differ_since > liveness_base_ns(w))
			world_fail(w, "claims-differ",
				"since %.6f one does not believe what the other says",
				(double)g->differ_since / 1e9);
		return;
	}
	g->differ_since = NEVER;
	w->stats.agreed++;
	if (rank_cmp(&a->me, &a->peer_claim, &step_a) + rank_cmp(&b->me, &b->peer_claim, &step_b) !=
			0 ||
		step_a != step_b)
		world_fail(w, "rank-disagrees", "a decides by step %d, b by step %d", (int)step_a,
			(int)step_b);
}
