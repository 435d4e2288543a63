/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of aggregates and members. */
#include "core/quality/aggregate.h"

#define NOT_FOUND AGGREGATE_LINKS_MAX

static unsigned
aggregates_find(const struct aggregates *a, int ifindex)
{
	for (unsigned i = 0; i < a->n; i++)
		if (a->v[i].link.ifindex == ifindex)
			return i;
	return NOT_FOUND;
}

static void
aggregates_remove(struct aggregates *a, unsigned i)
{
	a->v[i] = a->v[--a->n];
}

bool
aggregates_told(struct aggregates *a, const struct aggregate_link *l)
{
	unsigned i = aggregates_find(a, l->ifindex);
	struct aggregate_link *have;
	enum aggregate_kind kind = l->kind;
	bool changed;

	if (kind == AGGREGATE_NONE && l->master == 0)
		return aggregates_gone(a, l->ifindex);
	if (i == NOT_FOUND) {
		if (a->n == AGGREGATE_LINKS_MAX)
			return false;
		i = a->n++;
		a->v[i].link = *l;
		a->v[i].disabled = false;
		a->v[i].seen = true;
		return true;
	}
	have = &a->v[i].link;
	if (l->team && have->team)
		kind = have->kind; /* what its daemon chose is told elsewhere */
	if (l->master != have->master)
		a->v[i].disabled = false;
	changed = l->master != have->master || kind != have->kind || l->up != have->up ||
		  l->idle != have->idle;
	*have = *l;
	have->kind = kind;
	a->v[i].seen = true;
	return changed;
}

bool
aggregates_gone(struct aggregates *a, int ifindex)
{
	unsigned i = aggregates_find(a, ifindex);

	if (i == NOT_FOUND)
		return false;
	aggregates_remove(a, i);
	return true;
}

bool
aggregates_team(struct aggregates *a, int ifindex, enum aggregate_kind kind)
{
	unsigned i = aggregates_find(a, ifindex);

	if (i == NOT_FOUND || !a->v[i].link.team || a->v[i].link.kind == kind)
		return false;
	a->v[i].link.kind = kind;
	return true;
}

bool
aggregates_team_port(struct aggregates *a, int ifindex, bool enabled)
{
	unsigned i = aggregates_find(a, ifindex);

	if (i == NOT_FOUND || a->v[i].disabled == !enabled)
		return false;
	a->v[i].disabled = !enabled;
	return true;
}

void
aggregates_dump_begins(struct aggregates *a)
{
	for (unsigned i = 0; i < a->n; i++)
		a->v[i].seen = false;
}

bool
aggregates_dump_ends(struct aggregates *a)
{
	bool changed = false;

	for (unsigned i = a->n; i > 0; i--)
		if (!a->v[i - 1].seen) {
			aggregates_remove(a, i - 1);
			changed = true;
		}
	return changed;
}

/* The aggregate's own mode, AGGREGATE_NONE when the link is none. */
static enum aggregate_kind
aggregates_kind(const struct aggregates *a, int ifindex)
{
	unsigned i = ifindex ? aggregates_find(a, ifindex) : NOT_FOUND;

	return i == NOT_FOUND ? AGGREGATE_NONE : a->v[i].link.kind;
}

static bool
aggregates_weigh(enum aggregate_kind kind, bool lacp, bool failover)
{
	switch (kind) {
	case AGGREGATE_LACP:
		return lacp;
	case AGGREGATE_FAILOVER:
		return failover;
	case AGGREGATE_NONE:
	case AGGREGATE_OTHER:
		break;
	}
	return false;
}

struct aggregate_count
aggregates_count(const struct aggregates *a, int ifindex, int lower, bool lacp, bool failover)
{
	enum aggregate_kind kind = aggregates_kind(a, ifindex);
	struct aggregate_count c = {0};

	if (kind == AGGREGATE_NONE) {
		ifindex = lower;
		kind = aggregates_kind(a, lower);
	}
	if (!aggregates_weigh(kind, lacp, failover))
		return c;
	for (unsigned i = 0; i < a->n && c.members < UINT8_MAX; i++) {
		const struct aggregate_link *l = &a->v[i].link;

		if (l->master != ifindex)
			continue;
		c.members++;
		c.up += l->up && !(kind == AGGREGATE_LACP && (l->idle || a->v[i].disabled));
	}
	return c;
}
