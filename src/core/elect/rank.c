/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The election's comparison. Numbers as in rank.h. */
#include "core/elect/rank.h"

static int
cmp_bool(bool a, bool b)
{
	return (int)a - (int)b;
}

/* Each node publishes its own ActiveIfEqual; where the two differ the setting means nothing yet. */
static int
cmp_preference(const struct claim *a, const struct claim *b)
{
	enum node_type wanted = a->prefer == PREFER_SLAVE ? NODE_SLAVE : NODE_MASTER;

	if (a->prefer != b->prefer || a->prefer == PREFER_AUTOMATIC)
		return 0;
	return cmp_bool(a->type == wanted, b->type == wanted);
}

static bool
is_active(const struct claim *c, const struct claim *other)
{
	return c->role == ROLE_ACTIVE && c->term >= other->term;
}

/*
 * No pre-emption. When neither is active, who was it last has the newest flows: a gate that lapsed
 * for a moment is no reason to move them.
 */
static int
cmp_presence(const struct claim *a, const struct claim *b)
{
	bool active_a = is_active(a, b), active_b = is_active(b, a);

	if (active_a || active_b)
		return cmp_bool(active_a, active_b);
	return cmp_bool(a->held > b->held, a->held < b->held);
}

/* Both count when they go on alone, from nearly the same table: what differs little says nothing.
 */
static int
cmp_flows(const struct claim *a, const struct claim *b)
{
	uint32_t fa = a->flows_when_active, fb = b->flows_when_active;
	uint32_t more = fa > fb ? fa : fb, less = fa > fb ? fb : fa;

	if (!is_active(a, b) || !is_active(b, a) || more - less <= more / 8)
		return 0;
	return fa > fb ? 1 : -1;
}

int
rank_cmp(const struct claim *a, const struct claim *b, enum rank_step *step)
{
	int r;

	if (*step = RANK_ABLE, (r = cmp_bool(a->able, b->able)))
		return r;
	if (*step = RANK_FORCED, (r = cmp_bool(a->forced, b->forced)))
		return r;
	if (*step = RANK_QUALITY, (r = quality_compare(&a->terms, &b->terms)))
		return r;
	if (*step = RANK_PREFERENCE, (r = cmp_preference(a, b)))
		return r;
	if (*step = RANK_PRESENT_ACTIVE, (r = cmp_presence(a, b)))
		return r;
	if (*step = RANK_FLOWS, (r = cmp_flows(a, b)))
		return r;
	if (*step = RANK_MASTER, (r = cmp_bool(a->type == NODE_MASTER, b->type == NODE_MASTER)))
		return r;
	*step = RANK_EQUAL;
	return 0;
}

const char *
rank_step_name(enum rank_step s)
{
	switch (s) {
	case RANK_EQUAL:
		return "0 equal";
	case RANK_ABLE:
		return "1 able";
	case RANK_FORCED:
		return "2 forced active";
	case RANK_QUALITY:
		return "3 quality";
	case RANK_PREFERENCE:
		return "4 active if equal";
	case RANK_PRESENT_ACTIVE:
		return "5 present active";
	case RANK_FLOWS:
		return "6 flows";
	case RANK_MASTER:
		return "7 master";
	}
	return "?";
}
