/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The catalogue of notes: severity, name, and the line that an operator reads. */
#include <inttypes.h>
#include <stdio.h>
#include "core/elect/claim.h"
#include "core/elect/rank.h"
#include "core/node/conf.h"
#include "core/node/event.h"
#include "core/node/notes.h"

static const struct {
	enum log_level level;
	const char *name;
} catalogue[_NOTE_MAX] = {
	[NOTE_ROLE] = {LOG_NOTICE, "role_changed"},
	[NOTE_PEER_ALIVE] = {LOG_NOTICE, "peer_alive"},
	[NOTE_PEER_DEAD] = {LOG_WARN, "peer_dead"},
	[NOTE_PEER_RESTARTED] = {LOG_NOTICE, "peer_restarted"},
	[NOTE_CONFLICT] = {LOG_ERROR, "both_active"},
	[NOTE_OVERSLEPT] = {LOG_WARN, "overslept"},
	[NOTE_LEASE_LAPSED] = {LOG_ERROR, "lease_lapsed"},
	[NOTE_CUT_OFF] = {LOG_ERROR, "cut_off"},
	[NOTE_LINK] = {LOG_NOTICE, "link_changed"},
	[NOTE_QUALITY] = {LOG_NOTICE, "quality_changed"},
	[NOTE_HOLD] = {LOG_ERROR, "hold_begins"},
	[NOTE_HOLD_ENDED] = {LOG_NOTICE, "hold_ends"},
	[NOTE_FORCED] = {LOG_WARN, "forced"},
	[NOTE_SWITCH_REFUSED] = {LOG_WARN, "switch_refused"},
	[NOTE_SAME_TYPE] = {LOG_ERROR, "same_node_type"},
	[NOTE_KEY_DIFFERS] = {LOG_ERROR, "key_differs"},
	[NOTE_VERSION_DIFFERS] = {LOG_ERROR, "version_differs"},
	[NOTE_FOREIGN_CLUSTER] = {LOG_ERROR, "foreign_cluster"},
	[NOTE_WIRING] = {LOG_ERROR, "wrong_wire"},
	[NOTE_CONF_DIFFERS] = {LOG_WARN, "configuration_differs"},
	[NOTE_ONE_WAY] = {LOG_WARN, "one_way"},
	[NOTE_STOPPING] = {LOG_NOTICE, "stopping"},
};

enum log_level
note_level(const struct note *n)
{
	return n->id < _NOTE_MAX ? catalogue[n->id].level : LOG_ERROR;
}

const char *
note_name(enum note_id id)
{
	return id < _NOTE_MAX ? catalogue[id].name : "unknown";
}

const char *
refusal_text(enum refusal r)
{
	switch (r) {
	case REFUSE_NONE:
		return "done";
	case REFUSE_PEER_NOT_ALIVE:
		return "the other node is not alive";
	case REFUSE_PEER_NOT_ABLE:
		return "the other node is not able to be active (no weighted interface up, or no "
		       "configuration)";
	case REFUSE_PEER_WORSE:
		return "the election would bring the role straight back (see ha quality)";
	case REFUSE_NOT_ABLE:
		return "this node is not able to be active (no weighted interface up)";
	case REFUSE_ALREADY_FORCED:
		return "the other node is forced active: end that first with ha -force none there";
	case REFUSE_HOLD:
		return "roles changed too often in the last minute";
	case REFUSE_NOT_SYNCED:
		return "the other node does not have all connections yet (see HA state sync)";
	case REFUSE_TIMEOUT:
		return "the other node did not answer in time";
	case REFUSE_BUSY:
		return "another switch is under way";
	case REFUSE_NOT_ENABLED:
		return "high availability is not enabled";
	case REFUSE_NOT_ACTIVE:
		return "this node is not active: only the active node announces the shared "
		       "addresses";
	case _REFUSE_MAX:
		break;
	}
	return "unknown reason";
}

static const char *
port_name(const struct ha_conf *conf, int64_t port)
{
	return conf && port >= 0 && port < conf->n_ports ? conf->ports[port].name : "?";
}

static void
fmt_role(const struct note *n, char *buf, size_t size)
{
	snprintf(buf, size, "%s -> %s, term %" PRId64 ": %s", role_name((enum role)n->arg[0]),
		role_name((enum role)n->arg[1]), n->arg[2], why_text((enum why)n->arg[3]));
}

static void
fmt_port(const struct note *n, const char *port, char *buf, size_t size)
{
	int64_t b = n->arg[1];

	if (n->id == NOTE_LINK)
		snprintf(buf, size, "interface %s: %s", port,
			!n->arg[2] ? "its NIC is missing"
			: b        ? "carrier"
				   : "no carrier");
	else if (n->id == NOTE_KEY_DIFFERS)
		snprintf(buf, size,
			"interface %s: a node with our ClusterID has another cluster key: copy "
			"cluster.key from the other node, or change one ClusterID",
			port);
	else if (n->id == NOTE_FOREIGN_CLUSTER)
		snprintf(buf, size,
			"interface %s: another cluster with our ClusterID is on this wire: it uses "
			"the same "
			"shared MAC; change one ClusterID",
			port);
	else if (n->id == NOTE_VERSION_DIFFERS)
		snprintf(buf, size,
			"interface %s: frames of protocol version %" PRId64
			" are refused: run the same "
			"software on both nodes",
			port, b);
	else if (n->id == NOTE_WIRING)
		snprintf(buf, size,
			"interface %s hears what the peer sends on its interface with index "
			"%" PRId64 ": these two must not be on one wire, check cables and VLANs",
			port, b);
	else
		snprintf(buf, size,
			b ? "interface %s: heartbeats come in, but the peer does not hear ours: "
			    "one-way link"
			  : "interface %s: the peer hears this node again",
			port);
}

static void
fmt_peer(const struct note *n, char *buf, size_t size)
{
	if (n->id == NOTE_PEER_ALIVE)
		snprintf(buf, size, "peer is alive%s", n->arg[0] ? "" : " again");
	else if (n->id == NOTE_PEER_RESTARTED)
		snprintf(buf, size, "peer restarted");
	else if (n->arg[1])
		snprintf(buf, size, "peer said goodbye: it stopped on purpose");
	else
		snprintf(buf, size, "peer is dead: silent on every path for %" PRId64 " ms",
			n->arg[0]);
}

static void
fmt_own(const struct note *n, char *buf, size_t size)
{
	const int64_t *a = n->arg;

	if (n->id == NOTE_CONFLICT)
		snprintf(buf, size,
			"both nodes were active (my term %" PRId64 ", peer's %" PRId64
			"): this one gives way, rule %s",
			a[0], a[1], rank_step_name((enum rank_step)a[3]));
	else if (n->id == NOTE_OVERSLEPT)
		snprintf(buf, size,
			"this node did not run for %" PRId64 " ms: silence is counted anew", a[0]);
	else if (n->id == NOTE_LEASE_LAPSED)
		snprintf(buf, size,
			"the gate closed by itself: the peer last echoed this node %" PRId64
			" ms ago",
			a[0]);
	else if (n->id == NOTE_CUT_OFF)
		snprintf(buf, size,
			"no carrier on any wire: stays silent until InitialSilence has passed "
			"with carrier; check this node's cables");
	else if (n->id == NOTE_QUALITY)
		snprintf(buf, size, "quality %" PRId64 " -> %" PRId64, a[0], a[1]);
	else if (n->id == NOTE_HOLD)
		snprintf(buf, size,
			"three changes of role within a minute: no further one by quality for "
			"%" PRId64 " s; look for a flapping link",
			a[0]);
	else if (n->id == NOTE_HOLD_ENDED)
		snprintf(buf, size, "the hold on role changes is over");
	else if (n->id == NOTE_FORCED)
		snprintf(buf, size,
			a[0] ? "forced active by an operator: for debugging only, end it with ha "
			       "-force none"
			     : "no longer forced");
	else if (n->id == NOTE_SWITCH_REFUSED)
		snprintf(buf, size, "refused the peer's wish to become active: %s",
			refusal_text((enum refusal)a[0]));
	else if (n->id == NOTE_SAME_TYPE)
		snprintf(buf, size,
			"the peer has the same NodeType %s: change it on one node; only one of "
			"them takes part",
			a[0] == NODE_MASTER ? "Master" : "Slave");
	else if (n->id == NOTE_CONF_DIFFERS)
		snprintf(buf, size,
			"the peer runs another configuration (revision %" PRId64 " here, %" PRId64
			" there)",
			a[0], a[1]);
	else
		snprintf(buf, size, "stopping");
}

void
note_fmt(const struct note *n, const struct ha_conf *conf, char *buf, size_t size)
{
	switch (n->id) {
	case NOTE_ROLE:
		fmt_role(n, buf, size);
		break;
	case NOTE_PEER_ALIVE:
	case NOTE_PEER_DEAD:
	case NOTE_PEER_RESTARTED:
		fmt_peer(n, buf, size);
		break;
	case NOTE_LINK:
	case NOTE_KEY_DIFFERS:
	case NOTE_VERSION_DIFFERS:
	case NOTE_FOREIGN_CLUSTER:
	case NOTE_WIRING:
	case NOTE_ONE_WAY:
		fmt_port(n, port_name(conf, n->arg[0]), buf, size);
		break;
	case NOTE_CONFLICT:
	case NOTE_OVERSLEPT:
	case NOTE_LEASE_LAPSED:
	case NOTE_CUT_OFF:
	case NOTE_QUALITY:
	case NOTE_HOLD:
	case NOTE_HOLD_ENDED:
	case NOTE_FORCED:
	case NOTE_SWITCH_REFUSED:
	case NOTE_SAME_TYPE:
	case NOTE_CONF_DIFFERS:
	case NOTE_STOPPING:
		fmt_own(n, buf, size);
		break;
	case _NOTE_MAX:
		snprintf(buf, size, "unknown note");
		break;
	}
}
