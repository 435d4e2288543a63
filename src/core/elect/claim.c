/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names and texts of what claims say. */
#include "core/elect/claim.h"

const char *
role_name(enum role r)
{
	switch (r) {
	case ROLE_SILENT:
		return "silent";
	case ROLE_INACTIVE:
		return "inactive";
	case ROLE_WANTING:
		return "wanting";
	case ROLE_ACTIVE:
		return "active";
	case ROLE_DRAINING:
		return "draining";
	case ROLE_STOPPED:
		return "stopped";
	case _ROLE_MAX:
		break;
	}
	return "?";
}

const char *
peer_state_name(enum peer_state s)
{
	switch (s) {
	case PEER_UNKNOWN:
		return "unknown";
	case PEER_ALIVE:
		return "alive";
	case PEER_DEAD:
		return "dead";
	}
	return "?";
}

const char *
why_text(enum why w)
{
	switch (w) {
	case WHY_START:
		return "just started: listening before speaking";
	case WHY_NOT_ENABLED:
		return "high availability is not enabled: a single firewall is always active";
	case WHY_PEER_ACTIVE:
		return "the peer is active already";
	case WHY_SETTLED:
		return "both nodes are up and neither was active: the election decided";
	case WHY_ALONE:
		return "nobody was heard during InitialSilence";
	case WHY_PEER_DEAD:
		return "the peer was silent on every path for the detection time";
	case WHY_PEER_GOODBYE:
		return "the peer stopped on purpose and said goodbye";
	case WHY_RANK:
		return "the election prefers this node to the active one";
	case WHY_OPERATOR:
		return "an operator asked for it";
	case WHY_YIELD:
		return "the active peer asked to be relieved";
	case WHY_GRANTED:
		return "agreed to hand over to the peer";
	case WHY_DRAINED:
		return "handed over: the peer forwards now";
	case WHY_CONFLICT:
		return "both nodes were active: the other one goes on";
	case WHY_NOT_HEARD:
		return "both nodes were active and the peer cannot hear this one";
	case WHY_LEASE:
		return "the lease lapsed: this node overslept, or the peer no longer hears it";
	case WHY_CUT_OFF:
		return "no carrier on any wire: this node is the one cut off";
	case WHY_GAVE_UP:
		return "asked to become active, and did not get it";
	case WHY_STOPPING:
		return "this node stops";
	case _WHY_MAX:
		break;
	}
	return "?";
}
