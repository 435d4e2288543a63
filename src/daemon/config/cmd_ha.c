/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Command ha: status of the cluster as this node sees it, and orders to the engine. */
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include "core/quality/quality.h"
#include "daemon/config/commands.h"

#define ALARM_TEXT NOTE_LINE_MAX

static const char *
position_name(enum gate_position p)
{
	switch (p) {
	case GATE_CLOSED:
		return "closed";
	case GATE_OPEN:
		return "open";
	case GATE_DRAINING:
		return "draining";
	}
	return "closed";
}

static const char *
sync_state_name(enum sync_state s)
{
	switch (s) {
	case SYNC_LOST:
		return "lost";
	case SYNC_SYNCING:
		return "syncing";
	case SYNC_SYNCED:
		return "synced";
	}
	return "lost";
}

/* The table in the configuration's order of ports, whose devices the page does not carry. */
json_t *
show_ports(const struct config *c, const struct node_status *s)
{
	json_t *list = json_array();

	for (uint16_t i = 0; i < s->n_ports && i < IFACES_MAX; i++) {
		const struct port_status *p = &s->ports[i];
		const struct conf_iface *f = conf_iface_by_name(c->rev.model, p->name);

		json_array_append_new(list,
			json_pack("{s:s, s:s, s:b, s:i, s:i, s:b, s:b, s:b, s:b, s:I, s:I, s:I}",
				"name", p->name, "device",
				f ? f->dev[c->rev.model->ha.node_type] : "", "sync", p->sync,
				"index", p->index, "weight", p->weight, "present", p->present,
				"carrier", p->carrier, "heard", p->heard, "two_way", p->two_way,
				"heartbeats_heard", (json_int_t)p->heartbeats_heard,
				"heartbeats_sent", (json_int_t)p->heartbeats_sent, "rtt_us",
				(json_int_t)p->rtt_us));
	}
	return list;
}

/* State sync's own word is the freshest; nothing counts when it is not there. */
struct sync_report
show_sync_report(const struct config *c)
{
	struct sync_report none = {.state = SYNC_LOST};
	struct sync_status y;

	if (c->links.peer[PROC_STATESYNC].fd < 0 || !pages_sync_status(c, &y) || !y.running)
		return none;
	return y.report;
}

json_t *
show_sync(const struct config *c)
{
	struct sync_report r = show_sync_report(c);
	struct sync_status y = {0};
	json_t *o = json_pack("{s:b, s:s, s:i, s:I, s:I, s:I}", "enabled", c->rev.sync.enabled,
		"state", sync_state_name(r.state), "percent", r.percent, "lag_ms",
		(json_int_t)r.lag_ms, "flows", (json_int_t)r.flows, "peer_flows",
		(json_int_t)r.peer_flows);

	/* how long ago both tables were found alike */
	pages_sync_status(c, &y);
	if (y.equal_at.ns > 0)
		json_object_set_new(o, "equal_seconds_ago",
			json_integer((json_int_t)(instant_sub(loop_now(), y.equal_at) / NS_PER_S)));
	json_object_set_new(o, "neighbours", json_integer(y.neighbours));
	json_object_set_new(o, "set_elements", json_integer(y.set_elements));
	return o;
}

static json_t *
show_hash(const uint8_t hash[8])
{
	char hex[17];

	return json_string(sodium_bin2hex(hex, sizeof(hex), hash, 8));
}

static json_t *
show_peer(const struct node_status *s, struct instant now)
{
	const struct claim *p = &s->peer_claim;
	bool silent = pages_engine_silent(s, now); /* what it said of the peer is old, too */
	json_t *o = json_pack("{s:s}", "state", peer_state_name(silent ? PEER_UNKNOWN : s->peer));

	/* The page's own clock, unless it has stopped: between two publications nothing ages. */
	if (!silent)
		now = s->now;
	json_object_set_new(o, "role",
		!p->valid ? json_string("unknown")
			  : json_string(p->role == ROLE_ACTIVE || p->role == ROLE_DRAINING
						? "active"
						: "inactive"));
	json_object_set_new(
		o, "quality", p->valid ? json_integer(quality_of(&p->terms)) : json_null());
	json_object_set_new(o, "age_ms",
		s->peer_heard.ns > 0
			? json_integer((json_int_t)(instant_sub(now, s->peer_heard) / NS_PER_MS))
			: json_null());
	if (!p->valid)
		return o;
	json_object_set_new(o, "node", json_string(node_type_name(p->type)));
	json_object_set_new(o, "state_of_role", json_string(role_name(p->role)));
	json_object_set_new(o, "term", json_integer((json_int_t)p->term));
	json_object_set_new(o, "forced", json_boolean(p->forced));
	json_object_set_new(o, "able", json_boolean(p->able));
	json_object_set_new(o, "revision", json_integer(p->revision));
	json_object_set_new(o, "hash", show_hash(p->hash));
	return o;
}

static void alarm_add(json_t *list, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
alarm_add(json_t *list, const char *fmt, ...)
{
	char text[ALARM_TEXT];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_array_append_new(list, json_string(text));
}

/* A NIC that is not there is told by apply.c in better words. */
static bool
apply_told(const struct config *c, const char *iface)
{
	for (size_t i = 0; i < c->apply.report.n_problems; i++)
		if (strcmp(c->apply.report.problems[i].iface, iface) == 0)
			return true;
	return false;
}

static void
port_alarms(const struct config *c, json_t *list, const struct node_status *s)
{
	for (uint16_t i = 0; i < s->n_ports && i < IFACES_MAX; i++) {
		const struct port_status *p = &s->ports[i];

		if (!p->present && !apply_told(c, p->name))
			alarm_add(list, "interface %s does not exist", p->name);
		else if (p->present && !p->carrier)
			alarm_add(list, "interface %s has no carrier", p->name);
		else if (p->present && !p->ready)
			alarm_add(list,
				"interface %s: its tw-%s is missing or down: it serves nobody "
				"until "
				"that is mended (see log)",
				p->name, p->name);
		else if (p->one_way && p->heard)
			alarm_add(list, "the peer does not hear us on %s", p->name);
		else if (p->one_way)
			alarm_add(list,
				"the peer is not heard on %s, though both nodes have carrier there",
				p->name);
	}
}

/* Frames that tell of a fault, in the words of their events: once for each kind. */
static void
frame_alarms(const struct config *c, json_t *list, const struct node_status *s)
{
	struct note_with with = {.conf = &c->rev.ha};

	for (unsigned i = 0, next; i < s->n_alarms && i < FRAME_ALARMS_MAX; i = next) {
		char text[ALARM_TEXT], also[ALARM_TEXT / 4] = "";
		size_t len = 0;

		note_fmt(&s->alarms[i], &with, text, sizeof(text));
		for (next = i + 1; next < s->n_alarms && s->alarms[next].id == s->alarms[i].id;
			next++) {
			int64_t port = s->alarms[next].arg[0];

			if (port < s->n_ports && len < sizeof(also))
				len += (size_t)snprintf(also + len, sizeof(also) - len, "%s%s",
					len ? ", " : "; also on ", s->ports[port].name);
		}
		alarm_add(list, "%s%s", text, also);
	}
}

static void
stranger_alarms(const struct config *c, json_t *list, struct instant now)
{
	for (unsigned i = 0; i < SYNC_IFACES_MAX; i++) {
		const struct stranger_wire *w = &c->strangers.wires[i];
		const char *const texts[NOTE_TEXTS] = {w->iface};
		struct note_with with = {.texts = texts};
		struct note n = {.id = NOTE_ETHERTYPE_DIFFERS,
			.arg = {0, w->ethertype, c->rev.ha.ethertype}};
		char text[ALARM_TEXT];

		if (!stranger_shown(w, now))
			continue;
		note_fmt(&n, &with, text, sizeof(text));
		alarm_add(list, "%s", text);
	}
}

/* What an administrator must not overlook. */
static json_t *
show_alarms(const struct config *c, const struct node_status *s, struct instant now)
{
	const struct claim *p = &s->peer_claim;
	json_t *list = json_array();
	struct sync_status y;

	if (!s->configured)
		alarm_add(list, "the engine has no configuration yet");
	else if (pages_engine_silent(s, now))
		alarm_add(list, "the engine does not answer, for %lld ms now%s",
			(long long)(instant_sub(now, s->now) / NS_PER_MS),
			pages_lease_lapsed(s) ? ": its gate has closed by itself" : "");
	if (!c->apply.rules_loaded)
		alarm_add(list, "the rules are not loaded: see log");
	for (size_t i = 0; i < c->apply.report.n_problems; i++)
		alarm_add(list, "%s%s%s", c->apply.report.problems[i].iface,
			c->apply.report.problems[i].iface[0] ? ": " : "",
			c->apply.report.problems[i].text);
	if (s->forced)
		alarm_add(list, "this device is FORCED to be active (for debugging only)");
	if (p->valid && p->forced)
		alarm_add(list, "the peer is FORCED to be active (for debugging only)");
	if (s->hold)
		alarm_add(list, "roles are held for another %lld s: too many changes",
			(long long)(instant_sub(s->hold_until, now) / NS_PER_S));
	if (s->scared)
		alarm_add(list, "the peer was taken for dead several times of late, and lived: see "
				"log -explain TW1109");
	show_commit_alarms(c, list);
	if (p->valid && memcmp(p->hash, c->rev.ha.hash, sizeof(p->hash)) != 0)
		alarm_add(list, "the peer runs another configuration (revision %u, here %u)",
			p->revision, c->rev.number);
	if (p->valid && p->type == s->type)
		alarm_add(list, "both nodes have NodeType %s",
			s->type == NODE_MASTER ? "Master" : "Slave");
	frame_alarms(c, list, s);
	if (s->peer != PEER_ALIVE)
		stranger_alarms(c, list, now);
	if (pages_sync_status(c, &y) && y.table_full)
		alarm_add(list,
			"the connection table is full: %s; raise sysctl "
			"net.netfilter.nf_conntrack_max",
			s->role == ROLE_ACTIVE
				? "new connections are refused"
				: "not all connections of the active node are held here");
	port_alarms(c, list, s);
	return list;
}

static json_t *
show_detection(const struct node_status *s)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "interval_ms",
		(json_int_t)s->interval_ms, "failover_ms", (json_int_t)s->failover_ms,
		"detection_ms", (json_int_t)s->detection_ms, "lease_ms", (json_int_t)s->lease_ms,
		"overslept", (json_int_t)s->overslept, "worst_oversleep_us",
		(json_int_t)(s->worst_oversleep_ns / NS_PER_US), "takeovers",
		(json_int_t)s->takeovers);
}

static const char *
engine_name(const struct node_status *s, struct instant now)
{
	if (!s->configured)
		return "starting";
	return pages_engine_silent(s, now) ? "silent" : "running";
}

/* Since when the node is what it is: a lapsed lease ends a role without the engine's doing. */
static struct instant
ha_since(const struct config *c, const struct node_status *s)
{
	if (pages_lease_lapsed(s))
		return s->lease_until;
	return s->role_since.ns > 0 ? s->role_since : c->started;
}

static void
ha_status(struct config *c, struct answer *out)
{
	struct instant now = loop_now();
	struct node_status s;
	bool active;
	int64_t since;

	pages_node_status(c, &s);
	active = (s.role == ROLE_ACTIVE || s.role == ROLE_DRAINING) && s.position != GATE_CLOSED;
	since = instant_sub(now, ha_since(c, &s)) / NS_PER_S;
	out->data = json_pack("{s:s, s:b, s:s, s:s, s:s, s:I, s:I, s:I}", "node",
		node_type_name(c->rev.model->ha.node_type), "enabled", c->rev.model->ha.enabled,
		"role", active ? "active" : "inactive", "state", role_name(s.role), "engine",
		engine_name(&s, now), "term", (json_int_t)s.term, "active_seconds",
		(json_int_t)(active ? since : 0), "role_seconds", (json_int_t)since);
	json_object_set_new(out->data, "forced", json_boolean(s.forced));
	json_object_set_new(out->data, "hold", json_boolean(s.hold));
	json_object_set_new(out->data, "quality", json_integer(quality_of(&s.me.terms)));
	json_object_set_new(out->data, "reason",
		json_string(!s.configured                  ? "the engine has no configuration yet"
			    : pages_engine_silent(&s, now) ? "the engine does not answer"
							   : why_text(s.why)));
	json_object_set_new(out->data, "gate_open", json_boolean(s.position == GATE_OPEN));
	json_object_set_new(out->data, "position", json_string(position_name(s.position)));
	json_object_set_new(out->data, "revision", json_integer(c->rev.number));
	json_object_set_new(out->data, "hash", show_hash(c->rev.ha.hash));
	json_object_set_new(out->data, "configuration", show_commit(c));
	json_object_set_new(out->data, "peer", show_peer(&s, now));
	json_object_set_new(out->data, "sync", show_sync(c));
	json_object_set_new(out->data, "detection", show_detection(&s));
	json_object_set_new(out->data, "interfaces", show_ports(c, &s));
	json_object_set_new(out->data, "alarms", show_alarms(c, &s, now));
}

static void
ha_command(struct config *c, enum command cmd, struct answer *out)
{
	int r = links_command(c, cmd, &out->wait_id);

	out->code = ANSWER_WAIT;
	out->wait_cmd = cmd;
	if (r < 0) {
		answer_fail(out, ANSWER_FAILED, -1, "the engine cannot be asked: %s",
			r == -ENOTCONN ? "it is not running just now" : strerror(-r));
		answer_hint(out, "try again in a moment; see log");
	}
}

static void
ha_force(struct config *c, const struct control_request *rq, struct answer *out)
{
	if (rq->n_args == 2 && strcmp(rq->args[1], "active") == 0)
		ha_command(c, CMD_FORCE, out);
	else if (rq->n_args == 2 && strcmp(rq->args[1], "none") == 0)
		ha_command(c, CMD_UNFORCE, out);
	else
		answer_fail(out, ANSWER_USAGE, 1, "-force needs one of: active, none");
}

void
cmd_ha(struct config *c, const struct control_request *rq, struct answer *out)
{
	const char *what = rq->n_args > 0 ? rq->args[0] : "";

	if (rq->n_args == 0)
		ha_status(c, out);
	else if (strcmp(what, "-force") == 0)
		ha_force(c, rq, out);
	else if (strcmp(what, "-resolve") == 0)
		cmd_ha_resolve(c, rq, out);
	else if (rq->n_args > 1)
		answer_fail(out, ANSWER_USAGE, 1, "%.64s: one word too many", rq->args[1]);
	else if (strcmp(what, "quality") == 0)
		cmd_ha_quality(c, rq, out);
	else if (strcmp(what, "why") == 0)
		cmd_ha_why(c, rq, out);
	else if (strcmp(what, "-activate") == 0)
		ha_command(c, CMD_ACTIVATE, out);
	else if (strcmp(what, "-deactivate") == 0)
		ha_command(c, CMD_DEACTIVATE, out);
	else
		answer_fail(out, ANSWER_USAGE, 0, "%.64s: ha does not know this word", what);
}
