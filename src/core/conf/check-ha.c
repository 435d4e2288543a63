/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HighAvailability, Device and Settings: values that must fit together, and their defaults. */
#include <string.h>
#include "core/conf/checks.h"
#include "core/conf/value.h"

/* By enum of Profile: interval and failover time in ms. */
static const uint32_t profiles[3][2] = {{10, 50}, {2, 10}, {100, 500}};

static void
fill_timers(struct check *c, const struct conf_object *o, struct conf_ha *ha)
{
	int profile = candidate_word(o, "Profile");
	const char *at;

	ha->interval_ms = candidate_uint(o, "HeartbeatInterval");
	ha->failover_ms = candidate_uint(o, "HAFailoverTime");
	if (!ha->interval_ms)
		ha->interval_ms = profiles[profile][0];
	if (!ha->failover_ms)
		ha->failover_ms = profiles[profile][1];
	ha->initial_silence_s = candidate_uint(o, "InitialSilence");
	if (ha->failover_ms >= 3 * ha->interval_ms)
		return;
	at = candidate_value(o, "HAFailoverTime") ? "HAFailoverTime" : "HeartbeatInterval";
	check_fail(c, o, at, 0,
		"HAFailoverTime (%u ms) must be at least three times HeartbeatInterval (%u ms), or "
		"single lost frames cause takeovers",
		ha->failover_ms, ha->interval_ms);
}

static void
fill_ha(const struct conf_object *o, struct conf_ha *ha)
{
	int type = candidate_word(o, "NodeType");

	ha->enabled = candidate_bool(o, "Enabled");
	ha->cluster_id = (uint16_t)candidate_uint(o, "ClusterID");
	ha->node_type = type == 1 ? NODE_SLAVE : NODE_MASTER;
	value_ethertype(candidate_text(o, "HASyncProtocol"), &ha->ethertype);
	ha->garp_period_s = candidate_uint(o, "SendGratuitousARP");
	ha->sync = candidate_bool(o, "Sync");
	ha->sync_buffer_kb = candidate_uint(o, "SyncBufferSize");
	ha->sync_burst = candidate_uint(o, "SyncPacketMaxBurst");
	ha->sync_after_s = candidate_uint(o, "SyncAfter");
	ha->unique_shared_mac = candidate_bool(o, "UseUniqueSharedMAC");
	ha->deactivate_before_reconf = candidate_bool(o, "DeactivateBeforeReconf");
	ha->reconf_failover_time_s = candidate_uint(o, "ReconfFailoverTime");
	ha->active_if_equal = (enum active_if_equal)candidate_word(o, "ActiveIfEqual");
	ha->lacp_members_weight = candidate_bool(o, "LACPMembersHaveWeight");
	ha->failover_members_weight = candidate_bool(o, "FailoverMembersHaveWeight");
	ha->tpm_included = candidate_bool(o, "TPMQualityIncluded");
}

/* What only matters when there is a second node. */
static void
check_enabled(struct check *c, const struct conf_object *o, const struct conf_ha *ha)
{
	uint32_t weights = 0, others = 0;

	if (!candidate_value(o, "SyncInterface"))
		check_fail(c, o, "SyncInterface", ITEM_NONE,
			"must be given when Enabled=Yes: the interface that joins the two nodes");
	if (!candidate_value(o, "NodeType"))
		check_fail(c, o, "NodeType", ITEM_NONE,
			"must be given when Enabled=Yes: Master on one node, Slave on the other");
	if (ha->cluster_id == 0)
		check_warn(c, o, "ClusterID", 0,
			"0 is everybody's default: a second cluster on the same wires would have "
			"the same MAC addresses; choose another number");
	if (!ha->unique_shared_mac)
		check_warn(c, o, "UseUniqueSharedMAC", 0,
			"all interfaces share one MAC address, which confuses some switches in "
			"ways that are hard to find");
	if (ha->sync && ha->sync_after_s)
		check_warn(c, o, "SyncAfter", 0,
			"connections younger than %u s are not kept on the other node: a takeover "
			"ends them",
			ha->sync_after_s);
	for (size_t i = 0; i < c->n_ifaces; i++) {
		weights += c->ifaces[i].weight;
		others += !c->ifaces[i].sync;
	}
	if (others && !weights)
		check_warn(c, o, NULL, ITEM_NONE,
			"the Weight of every interface is 0: losing one never lowers the quality");
}

static const struct conf_object *
singleton(struct check *c, enum schema_id id)
{
	return candidate_add(c->a, c->cand, &schema_types[id], "", OBJECT_LIVE);
}

void
check_ha(struct check *c)
{
	/* Without a `set` the object comes into being here, empty: all defaults. */
	const struct conf_object *ha = singleton(c, TYPE_HA), *s = singleton(c, TYPE_SETTINGS);
	struct conf_settings *settings = &c->m->settings;

	fill_ha(ha, &c->m->ha);
	fill_timers(c, ha, &c->m->ha);
	if (c->m->ha.enabled)
		check_enabled(c, ha, &c->m->ha);
	c->m->device_name = candidate_text(singleton(c, TYPE_DEVICE), "Name");
	settings->validation_timeout_s = candidate_uint(s, "ValidationTimeout");
	settings->max_connections = candidate_uint(s, "MaxConnections");
	settings->high_buffers = candidate_uint(s, "HighBuffers");
	settings->https_port = (uint16_t)candidate_uint(s, "HTTPSPort");
}
