/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Command ha why: how the present role came about. */
#include <stdio.h>
#include <string.h>
#include "core/elect/rank.h"
#include "daemon/config/commands.h"

static const char *
prefer_name(enum active_if_equal p)
{
	switch (p) {
	case PREFER_AUTOMATIC:
		return "Automatic";
	case PREFER_MASTER:
		return "Master";
	case PREFER_SLAVE:
		return "Slave";
	}
	return "?";
}

/* Indexed by enum rank_step; the numbers are those of docs/design/election.md. */
static const char *const step_texts[] = {
	[RANK_EQUAL] = "the claims cannot be told apart",
	[RANK_ABLE] = "able: only one node has a working gate, a configuration and an interface up",
	[RANK_FORCED] = "forced: one node was told to be active (ha -force active)",
	[RANK_QUALITY] =
		"quality: higher by more than the margin, or by any points with better links",
	[RANK_PREFERENCE] = "preference: ActiveIfEqual names this node type",
	[RANK_PRESENT_ACTIVE] = "present active: the one that forwards keeps the role",
	[RANK_FLOWS] = "flows: of two actives, the one with more connections when it became active",
	[RANK_MASTER] = "master: all else being equal, NodeType decides",
};

/* Names as people know them; every row of the comparison, in the order of the ranking. */
static json_t *
why_claim(const struct claim *c)
{
	json_t *o;

	if (!c->valid)
		return json_null();
	o = json_pack("{s:b, s:b, s:i, s:i, s:s, s:s, s:I, s:I, s:s}", "able", c->able, "forced",
		c->forced, "quality", quality_of(&c->terms), "interface part", c->terms.carrier,
		"active if equal", prefer_name(c->prefer), "role", role_name(c->role), "term",
		(json_int_t)c->term, "flows when active", (json_int_t)c->flows_when_active, "node",
		node_type_name(c->type));
	json_object_set_new(o, "settled", json_boolean(c->settled));
	json_object_set_new(o, "hold", json_boolean(c->hold));
	json_object_set_new(o, "flows", json_integer((json_int_t)c->flows));
	json_object_set_new(o, "sync percent", json_integer(c->sync_percent));
	json_object_set_new(o, "revision", json_integer((json_int_t)c->revision));
	return o;
}

static void
why_evidence(const struct role_change *r, char *buf, size_t size)
{
	if (!r->had_peer)
		snprintf(buf, size, "no peer had been heard (%u paths listened to)", r->paths);
	else
		snprintf(buf, size, "the peer was heard on %u of %u paths, last heard %u ms before",
			r->paths_heard, r->paths, r->silence_ms);
}

static json_t *
why_change(const struct role_change *r, struct instant now)
{
	char time[32], evidence[160];
	json_t *o;

	why_evidence(r, evidence, sizeof(evidence));
	o = json_pack("{s:s, s:I, s:s, s:s, s:I, s:s, s:s, s:i, s:b, s:I, s:i, s:i}", "time",
		time_fmt(time_wall(r->at), time), "ago_s",
		(json_int_t)(instant_sub(now, r->at) / NS_PER_S), "from", role_name(r->from), "to",
		role_name(r->to), "term", (json_int_t)r->term, "why", why_text(r->why), "evidence",
		evidence, "step", r->step, "had_peer", r->had_peer, "silence_ms",
		(json_int_t)r->silence_ms, "paths", r->paths, "paths_heard", r->paths_heard);
	if (r->step > 0 && r->step < sizeof(step_texts) / sizeof(step_texts[0]))
		json_object_set_new(o, "step_text", json_string(step_texts[r->step]));
	json_object_set_new(o, "me", why_claim(&r->me));
	json_object_set_new(o, "peer", why_claim(&r->peer));
	return o;
}

void
cmd_ha_why(struct config *c, const struct control_request *rq, struct answer *out)
{
	struct instant now = loop_now();
	json_t *list = json_array();
	struct node_status s;

	(void)rq;
	pages_node_status(c, &s);
	for (uint8_t i = 0; i < s.n_changes && i < sizeof(s.changes) / sizeof(s.changes[0]); i++)
		json_array_append_new(list, why_change(&s.changes[i], now));
	out->data = json_pack("{s:s, s:I, s:s, s:o}", "role", role_name(s.role), "term",
		(json_int_t)s.term, "reason", why_text(s.why), "changes", list);
}
