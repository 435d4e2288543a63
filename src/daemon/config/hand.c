/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of a configuration goes to engine, state sync and probe: fixed-size structs for ipc.h. */
#include <stdio.h>
#include <string.h>
#include "daemon/config/config.h"

static void
hand_port(struct ha_conf *out, const struct conf_iface *f, enum node_type self)
{
	struct ha_port *p = &out->ports[out->n_ports++];

	strncpy(p->name, f->name, sizeof(p->name) - 1);
	strncpy(p->dev, f->dev[self], sizeof(p->dev) - 1);
	p->index = f->index;
	p->weight = f->weight;
	p->sync = f->sync;
	p->heartbeats = f->heartbeats;
}

static void
hand_monitors(struct ha_conf *out, const struct conf_model *m)
{
	for (size_t i = 0; i < m->n_monitors; i++) {
		const struct conf_monitor *from = &m->monitors[i];
		struct ha_monitor *to = &out->monitors[out->n_monitors++];

		snprintf(to->name, sizeof(to->name), "%.*s", IFACE_NAME_MAX - 1, from->name);
		to->index = from->iface ? from->iface->index : 0;
		to->weight = from->weight;
		to->ping_ms = from->ping_ms;
	}
}

void
hand_ha_conf(struct ha_conf *out, const struct revision *rev, const uint8_t *key)
{
	const struct conf_model *m = rev->model;
	const struct conf_ha *ha = &m->ha;

	memset(out, 0, sizeof(*out));
	out->enabled = ha->enabled;
	out->type = ha->node_type;
	out->cluster_id = ha->cluster_id;
	out->ethertype = ha->ethertype;
	out->interval_ms = ha->interval_ms;
	out->failover_ms = ha->failover_ms;
	out->initial_silence_ms = ha->initial_silence_s * 1000;
	out->garp_period_s = ha->garp_period_s;
	out->prefer = ha->active_if_equal;
	out->unique_shared_mac = ha->unique_shared_mac;
	out->lacp_members_weight = ha->lacp_members_weight;
	out->failover_members_weight = ha->failover_members_weight;
	out->revision = rev->number;
	memcpy(out->hash, m->hash, sizeof(out->hash));
	memcpy(out->key, key, sizeof(out->key));
	for (int sync = 1; sync >= 0; sync--)
		for (size_t i = 0; i < m->n_ifaces; i++)
			if (m->ifaces[i].sync == (sync == 1))
				hand_port(out, &m->ifaces[i], ha->node_type);
	hand_monitors(out, m);
}

/* More addresses than there is room for are left out: their flows are carried needlessly, no more.
 */
static void
hand_own(struct ipc_sync_conf *out, const struct ip_addr *a)
{
	for (uint16_t i = 0; i < out->n_own; i++)
		if (ip_equal(&out->own[i], a))
			return;
	if (out->n_own < SYNC_OWN_ADDRS_MAX)
		out->own[out->n_own++] = *a;
}

static void
hand_iface_own(struct ipc_sync_conf *out, const struct conf_iface *f)
{
	for (size_t i = 0; i < f->n_shared; i++)
		hand_own(out, &f->shared[i].addr);
	for (unsigned node = 0; node < 2; node++) {
		if (f->has_private4)
			hand_own(out, &f->private4[node].addr);
		if (f->has_private6)
			hand_own(out, &f->private6[node].addr);
	}
}

void
hand_sync_conf(struct ipc_sync_conf *out, const struct revision *rev, const uint8_t *key)
{
	const struct conf_model *m = rev->model;
	const struct conf_ha *ha = &m->ha;

	memset(out, 0, sizeof(*out));
	out->enabled = ha->enabled && ha->sync;
	out->type = ha->node_type;
	out->cluster_id = ha->cluster_id;
	out->ethertype = ha->ethertype;
	memcpy(out->key, key, sizeof(out->key));
	out->buffer_kb = ha->sync_buffer_kb;
	out->burst = ha->sync_burst;
	out->after_s = ha->sync_after_s;
	out->except = ha->sync_except;
	out->silence_s = ha->initial_silence_s;
	for (size_t i = 0; i < m->n_ifaces; i++) {
		const struct conf_iface *f = &m->ifaces[i];

		if (f->sync && out->n_devs < 2) {
			strncpy(out->devs[out->n_devs].dev, f->dev[ha->node_type],
				DEV_NAME_MAX - 1);
			out->devs[out->n_devs++].index = f->index;
		}
		hand_iface_own(out, f);
	}
}

/* The interface that a "tw-NAME" stands for, or NULL. */
static const struct conf_iface *
hand_iface_of(const struct conf_model *m, const char *dev)
{
	return strncmp(dev, "tw-", 3) == 0 ? conf_iface_by_name(m, dev + 3) : NULL;
}

void
hand_addresses(struct ipc_addresses *out, const struct revision *rev)
{
	const struct netplan *plan = rev->plan;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < plan->n_addrs && out->n < ANNOUNCE_ADDRS_MAX; i++) {
		const struct conf_iface *f = hand_iface_of(rev->model, plan->addrs[i].dev);

		if (!f)
			continue;
		out->a[out->n].index = f->index;
		out->a[out->n++].addr = plan->addrs[i].prefix.addr;
	}
}

static struct ip_addr
hand_shared(const struct conf_iface *f, uint8_t family)
{
	for (size_t i = 0; i < f->n_shared; i++)
		if (f->shared[i].addr.family == family)
			return f->shared[i].addr;
	return (struct ip_addr){0};
}

/* The place of an interface among those that monitors ask through. */
static uint8_t
hand_probe_port(struct probe_conf *out, const struct conf_iface *f, enum node_type self)
{
	struct probe_port *p;
	uint8_t i = 0;

	while (i < out->n_ports && strcmp(out->ports[i].name, f->name) != 0)
		i++;
	if (i < out->n_ports)
		return i;
	p = &out->ports[out->n_ports++];
	strncpy(p->name, f->name, sizeof(p->name) - 1);
	strncpy(p->dev, f->dev[self], sizeof(p->dev) - 1);
	if (f->has_private4)
		p->own[0] = f->private4[self].addr;
	if (f->has_private6)
		p->own[1] = f->private6[self].addr;
	p->shared[0] = hand_shared(f, 4);
	p->shared[1] = hand_shared(f, 6);
	return i;
}

void
hand_probe_conf(struct probe_conf *out, const struct conf_model *m)
{
	memset(out, 0, sizeof(*out));
	out->tpm = m->ha.tpm_included;
	for (size_t i = 0; i < m->n_monitors; i++) {
		const struct conf_monitor *from = &m->monitors[i];
		struct probe_monitor *to = &out->monitors[out->n_monitors++];

		snprintf(to->name, sizeof(to->name), "%.*s", IFACE_NAME_MAX - 1, from->name);
		to->max_loss = from->max_loss;
		to->ping_ms = from->ping_ms;
		to->grace_ms = from->grace_s * 1000;
		for (size_t h = 0; h < from->n_hosts; h++) {
			struct probe_host *host = &to->hosts[to->n_hosts++];

			host->addr = from->hosts[h].addr;
			host->on_link = from->hosts[h].on_link;
			host->port = hand_probe_port(out, from->hosts[h].iface, m->ha.node_type);
		}
	}
}
