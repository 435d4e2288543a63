/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which members the aggregates below our ports have: gathered here, counted by core/quality. */
#include <string.h>
#include "daemon/engine/engine.h"

struct aggregate_count
engine_members_of(const struct engine *e, uint16_t port)
{
	const struct engine_port *p = &e->ports[port];

	return aggregates_count(&e->aggregates, p->ifindex, p->vlan_of, e->conf.lacp_members_weight,
		e->conf.failover_members_weight);
}

static void
tell_changes(struct engine *e)
{
	for (uint16_t i = 0; i < e->conf.n_ports; i++) {
		struct aggregate_count c = engine_members_of(e, i);

		if (c.members != e->ports[i].members.members || c.up != e->ports[i].members.up)
			engine_wire_tell(e, i);
	}
}

static void
on_team(void *ctx, const struct team_event *ev)
{
	struct engine *e = ctx;
	enum aggregate_kind kind = AGGREGATE_OTHER;
	bool changed = false;

	switch (ev->kind) {
	case TEAM_MODE:
		/* The kernel's mode below the lacp runner; nothing tells it from a team that
		 * balances without LACP, whose ports nobody switches off. */
		if (strcmp(ev->mode, "loadbalance") == 0)
			kind = AGGREGATE_LACP;
		else if (strcmp(ev->mode, "activebackup") == 0)
			kind = AGGREGATE_FAILOVER;
		changed = aggregates_team(&e->aggregates, ev->ifindex, kind);
		break;
	case TEAM_PORT:
		changed = aggregates_team_port(&e->aggregates, ev->ifindex, ev->enabled);
		break;
	}
	if (changed)
		tell_changes(e);
}

static void
close_teamwatch(struct engine *e)
{
	if (e->teamwatch_fd.fd >= 0)
		loop_del_fd(&e->loop, &e->teamwatch_fd);
	teamwatch_close(&e->teamwatch);
}

static void
ask_all(struct engine *e)
{
	for (unsigned i = 0; i < e->aggregates.n; i++)
		if (e->aggregates.v[i].link.team)
			teamwatch_ask(&e->teamwatch, e->aggregates.v[i].link.ifindex);
}

static void
on_teamwatch(struct loop_fd *f, uint32_t events)
{
	struct engine *e = f->arg;
	int r;

	(void)events;
	e->now = loop_now();
	r = teamwatch_read(&e->teamwatch, on_team, e);
	if (r > 0)
		ask_all(e);
	else if (r < 0)
		close_teamwatch(e); /* the next news of a team opens it again */
}

static bool
open_teamwatch(struct engine *e)
{
	if (e->teamwatch_fd.fd >= 0)
		return true;
	if (teamwatch_open(&e->teamwatch) < 0)
		return false;
	e->teamwatch_fd.fn = on_teamwatch;
	e->teamwatch_fd.arg = e;
	if (loop_add_fd(&e->loop, &e->teamwatch_fd, e->teamwatch.fd, EPOLLIN) < 0) {
		teamwatch_close(&e->teamwatch);
		return false;
	}
	ask_all(e); /* those that were there before the watch was */
	return true;
}

/* Mode and ports of a team are told by its own family, and have to be asked for when the team or a
 * port of it is new: what was told before was of nothing known. */
static void
link_changed(struct engine *e, const struct link_event *ev)
{
	const struct aggregate_link *l = &ev->aggregate;
	int team = l->team ? l->ifindex : l->of_team ? l->master : 0;

	if (!aggregates_told(&e->aggregates, l))
		return;
	if (team && open_teamwatch(e))
		teamwatch_ask(&e->teamwatch, team);
	tell_changes(e);
}

void
engine_members_link(struct engine *e, const struct link_event *ev)
{
	bool changed = false;

	switch (ev->kind) {
	case LINK_CHANGED:
		link_changed(e, ev);
		break;
	case LINK_GONE:
		changed = aggregates_gone(&e->aggregates, ev->ifindex);
		break;
	case LINK_DUMP_BEGINS:
		aggregates_dump_begins(&e->aggregates);
		break;
	case LINK_DUMP_ENDS:
		changed = aggregates_dump_ends(&e->aggregates);
		break;
	}
	if (changed)
		tell_changes(e);
}

void
engine_members_init(struct engine *e)
{
	e->aggregates.n = 0;
	e->teamwatch.fd = e->teamwatch_fd.fd = -1;
}
