/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Aggregates and their members (S149–S154): a table of the links that matter, fed with facts by
 * number of device, asked for “how many members has this port's device, how many of them are up”.
 * Pure, of fixed size. Whether a whole aggregate is lost is not asked here: its own carrier tells.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "core/limits.h"

#define AGGREGATE_LINKS_MAX (2 * IFACES_MAX) /* aggregates and members together */

enum aggregate_kind {
	AGGREGATE_NONE,
	AGGREGATE_LACP, /* bond 802.3ad; team whose mode is “loadbalance”: the lacp runner's */
	AGGREGATE_FAILOVER, /* bond active-backup, team “activebackup” */
	AGGREGATE_OTHER,    /* any other mode, or one not known yet: members never weigh */
};

/* One link as rtnetlink tells it. */
struct aggregate_link {
	int ifindex;
	int master; /* the aggregate it is a member of, 0 = none */
	enum aggregate_kind kind;
	bool team;    /* kind is told by aggregates_team(), not here */
	bool of_team; /* master is a team */
	bool up;      /* as a member: could carry traffic as far as this link and its bond know */
	bool idle;    /* as a member of a bond: the bond does not use it now. Of an LACP bond this
			 means    that it is outside the aggregator in use: it does not count as up */
};

struct aggregates {
	unsigned n;
	struct {
		struct aggregate_link link;
		bool disabled; /* by the daemon of its team. With LACP: outside the aggregate; of a
				  redundancy team every port but the one in use is */
		bool seen;     /* in the dump under way */
	} v[AGGREGATE_LINKS_MAX];
};

/*
 * Facts. All return whether a count may have changed. A link that is neither an aggregate nor a
 * member is forgotten; one for which there is no room is left out.
 */
bool aggregates_told(struct aggregates *a, const struct aggregate_link *l);
bool aggregates_gone(struct aggregates *a, int ifindex);
/* The mode of a team; a port of a team that was switched on or off. Unknown links: no effect, so
 * whoever tells asks again after aggregates_told() brought a new one. */
bool aggregates_team(struct aggregates *a, int ifindex, enum aggregate_kind kind);
bool aggregates_team_port(struct aggregates *a, int ifindex, bool enabled);
/* A dump of everything: what is not told between the two is forgotten. */
void aggregates_dump_begins(struct aggregates *a);
bool aggregates_dump_ends(struct aggregates *a);

/*
 * Members of the aggregate `ifindex`, or of the one that the VLAN `ifindex` stands on (`lower`,
 * 0 = no VLAN), and how many are up. 0 of 0 when members do not weigh: the flags are the
 * properties LACPMembersHaveWeight and FailoverMembersHaveWeight.
 */
struct aggregate_count {
	uint8_t members, up;
};

struct aggregate_count aggregates_count(
	const struct aggregates *a, int ifindex, int lower, bool lacp, bool failover);
