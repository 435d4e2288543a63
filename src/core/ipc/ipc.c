/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Encoding of the messages between our processes. */
#include "base/wire.h"
#include "core/ipc/ipc.h"

static struct wr
begin(enum ipc_type type, uint8_t *buf, size_t size)
{
	struct wr w = wr_init(buf, size);

	wr_u8(&w, IPC_VERSION);
	wr_u8(&w, type);
	return w;
}

static size_t
finish(const struct wr *w)
{
	return w->bad ? 0 : wr_len(w);
}

static bool
open_msg(struct rd *r, enum ipc_type type, const uint8_t *msg, size_t len)
{
	*r = rd_init(msg, len);
	return rd_u8(r) == IPC_VERSION && rd_u8(r) == type;
}

/* A boolean is exactly 0 or 1. */
static bool
rd_bool(struct rd *r)
{
	uint8_t v = rd_u8(r);

	if (v > 1)
		r->bad = true;
	return v;
}

/* A number below max. */
static uint8_t
rd_enum(struct rd *r, unsigned max)
{
	uint8_t v = rd_u8(r);

	if (v >= max)
		r->bad = true;
	return v;
}

int
ipc_type(const uint8_t *msg, size_t len)
{
	if (len < 2 || msg[0] != IPC_VERSION || msg[1] < IPC_SETUP || msg[1] > IPC_LINKS)
		return -1;
	return msg[1];
}

size_t
ipc_encode_plain(enum ipc_type type, uint8_t *buf, size_t size)
{
	struct wr w = begin(type, buf, size);

	return finish(&w);
}

size_t
ipc_encode_link(const struct ipc_link *m, uint8_t *buf, size_t size)
{
	struct wr w = begin(IPC_LINK, buf, size);

	wr_u8(&w, m->proc);
	return finish(&w);
}

bool
ipc_decode_link(const uint8_t *msg, size_t len, struct ipc_link *out)
{
	struct rd r;

	if (!open_msg(&r, IPC_LINK, msg, len))
		return false;
	out->proc = rd_enum(&r, _PROC_MAX);
	return rd_done(&r);
}

size_t
ipc_encode_shutdown(const struct ipc_shutdown *m, uint8_t *buf, size_t size)
{
	struct wr w = begin(IPC_SHUTDOWN, buf, size);

	wr_u32(&w, m->seconds);
	return finish(&w);
}

bool
ipc_decode_shutdown(const uint8_t *msg, size_t len, struct ipc_shutdown *out)
{
	struct rd r;

	if (!open_msg(&r, IPC_SHUTDOWN, msg, len))
		return false;
	out->seconds = rd_u32(&r);
	return rd_done(&r);
}

size_t
ipc_encode_ha_conf(const struct ha_conf *m, uint8_t *buf, size_t size)
{
	struct wr w = begin(IPC_HA_CONF, buf, size);

	wr_u8(&w, m->enabled);
	wr_u8(&w, m->type);
	wr_u16(&w, m->cluster_id);
	wr_u16(&w, m->ethertype);
	wr_u32(&w, m->interval_ms);
	wr_u32(&w, m->failover_ms);
	wr_u32(&w, m->initial_silence_ms);
	wr_u32(&w, m->garp_period_s);
	wr_u8(&w, m->prefer);
	wr_u8(&w, m->unique_shared_mac);
	wr_u32(&w, m->revision);
	wr_bytes(&w, m->hash, sizeof(m->hash));
	wr_bytes(&w, m->key, sizeof(m->key));
	wr_u16(&w, m->n_ports);
	for (unsigned i = 0; i < m->n_ports; i++) {
		wr_str(&w, m->ports[i].name);
		wr_str(&w, m->ports[i].dev);
		wr_u16(&w, m->ports[i].index);
		wr_u16(&w, m->ports[i].weight);
		wr_u8(&w, m->ports[i].sync);
		wr_u8(&w, m->ports[i].heartbeats);
	}
	wr_u8(&w, m->lacp_members_weight);
	wr_u8(&w, m->failover_members_weight);
	wr_u16(&w, m->n_monitors);
	for (unsigned i = 0; i < m->n_monitors; i++) {
		wr_str(&w, m->monitors[i].name);
		wr_u16(&w, m->monitors[i].index);
		wr_u16(&w, m->monitors[i].weight);
		wr_u32(&w, m->monitors[i].ping_ms);
	}
	return finish(&w);
}

bool
ipc_decode_ha_conf(const uint8_t *msg, size_t len, struct ha_conf *out)
{
	struct rd r;

	*out = (struct ha_conf){0};
	if (!open_msg(&r, IPC_HA_CONF, msg, len))
		return false;
	out->enabled = rd_bool(&r);
	out->type = rd_enum(&r, NODE_SLAVE + 1);
	out->cluster_id = rd_u16(&r);
	out->ethertype = rd_u16(&r);
	out->interval_ms = rd_u32(&r);
	out->failover_ms = rd_u32(&r);
	out->initial_silence_ms = rd_u32(&r);
	out->garp_period_s = rd_u32(&r);
	out->prefer = rd_enum(&r, PREFER_SLAVE + 1);
	out->unique_shared_mac = rd_bool(&r);
	out->revision = rd_u32(&r);
	rd_bytes(&r, out->hash, sizeof(out->hash));
	rd_bytes(&r, out->key, sizeof(out->key));
	out->n_ports = rd_u16(&r);
	if (r.bad || out->n_ports > IFACES_MAX || out->interval_ms < 1 ||
		out->interval_ms > 60000 || out->failover_ms < out->interval_ms ||
		out->failover_ms > 600000)
		return false;
	for (unsigned i = 0; i < out->n_ports; i++) {
		rd_str(&r, out->ports[i].name, sizeof(out->ports[i].name));
		rd_str(&r, out->ports[i].dev, sizeof(out->ports[i].dev));
		out->ports[i].index = rd_u16(&r);
		out->ports[i].weight = rd_u16(&r);
		out->ports[i].sync = rd_bool(&r);
		out->ports[i].heartbeats = rd_bool(&r);
	}
	out->lacp_members_weight = rd_bool(&r);
	out->failover_members_weight = rd_bool(&r);
	out->n_monitors = rd_u16(&r);
	if (r.bad || out->n_monitors > MONITORS_MAX)
		return false;
	for (unsigned i = 0; i < out->n_monitors; i++) {
		rd_str(&r, out->monitors[i].name, sizeof(out->monitors[i].name));
		out->monitors[i].index = rd_u16(&r);
		out->monitors[i].weight = rd_u16(&r);
		out->monitors[i].ping_ms = rd_u32(&r);
	}
	return rd_done(&r);
}

size_t
ipc_encode_command(const struct ipc_command *m, uint8_t *buf, size_t size)
{
	struct wr w = begin(IPC_COMMAND, buf, size);

	wr_u8(&w, m->cmd);
	wr_u32(&w, m->id);
	wr_u8(&w, m->force);
	return finish(&w);
}

bool
ipc_decode_command(const uint8_t *msg, size_t len, struct ipc_command *out)
{
	struct rd r;

	if (!open_msg(&r, IPC_COMMAND, msg, len))
		return false;
	out->cmd = rd_enum(&r, CMD_ANNOUNCE + 1);
	out->id = rd_u32(&r);
	out->force = rd_bool(&r);
	return rd_done(&r);
}

size_t
ipc_encode_reply(const struct ipc_reply *m, uint8_t *buf, size_t size)
{
	struct wr w = begin(IPC_REPLY, buf, size);

	wr_u32(&w, m->id);
	wr_u8(&w, m->refusal);
	return finish(&w);
}

bool
ipc_decode_reply(const uint8_t *msg, size_t len, struct ipc_reply *out)
{
	struct rd r;

	if (!open_msg(&r, IPC_REPLY, msg, len))
		return false;
	out->id = rd_u32(&r);
	out->refusal = rd_enum(&r, _REFUSE_MAX);
	return rd_done(&r);
}

static void
put_except(struct wr *w, const struct sync_except *x)
{
	wr_u8(w, x->n_nets);
	for (unsigned i = 0; i < x->n_nets; i++) {
		wr_u8(w, x->nets[i].lo.family);
		wr_bytes(w, x->nets[i].lo.b, sizeof(x->nets[i].lo.b));
		wr_bytes(w, x->nets[i].hi.b, sizeof(x->nets[i].hi.b));
	}
	wr_u8(w, x->n_services);
	for (unsigned i = 0; i < x->n_services; i++) {
		wr_u8(w, x->services[i].proto);
		wr_u16(w, x->services[i].lo);
		wr_u16(w, x->services[i].hi);
	}
}

static void
get_except(struct rd *r, struct sync_except *x)
{
	x->n_nets = rd_enum(r, SYNC_EXCEPT_MAX + 1);
	for (unsigned i = 0; !r->bad && i < x->n_nets; i++) {
		x->nets[i].lo.family = x->nets[i].hi.family = rd_u8(r);
		r->bad |= x->nets[i].lo.family != 4 && x->nets[i].lo.family != 6;
		rd_bytes(r, x->nets[i].lo.b, sizeof(x->nets[i].lo.b));
		rd_bytes(r, x->nets[i].hi.b, sizeof(x->nets[i].hi.b));
	}
	x->n_services = rd_enum(r, SYNC_EXCEPT_MAX + 1);
	for (unsigned i = 0; !r->bad && i < x->n_services; i++) {
		x->services[i].proto = rd_u8(r);
		x->services[i].lo = rd_u16(r);
		x->services[i].hi = rd_u16(r);
	}
}

size_t
ipc_encode_sync_conf(const struct ipc_sync_conf *m, uint8_t *buf, size_t size)
{
	struct wr w = begin(IPC_SYNC_CONF, buf, size);

	wr_u8(&w, m->enabled);
	wr_u8(&w, m->type);
	wr_u16(&w, m->cluster_id);
	wr_u16(&w, m->ethertype);
	wr_bytes(&w, m->key, sizeof(m->key));
	wr_u8(&w, m->n_devs);
	for (unsigned i = 0; i < m->n_devs; i++) {
		wr_str(&w, m->devs[i].dev);
		wr_u16(&w, m->devs[i].index);
	}
	wr_u32(&w, m->buffer_kb);
	wr_u32(&w, m->burst);
	wr_u32(&w, m->after_s);
	put_except(&w, &m->except);
	wr_u32(&w, m->silence_s);
	wr_u16(&w, m->n_own);
	for (unsigned i = 0; i < m->n_own; i++) {
		wr_u8(&w, m->own[i].family);
		wr_bytes(&w, m->own[i].b, sizeof(m->own[i].b));
	}
	return finish(&w);
}

bool
ipc_decode_sync_conf(const uint8_t *msg, size_t len, struct ipc_sync_conf *out)
{
	struct rd r;

	*out = (struct ipc_sync_conf){0};
	if (!open_msg(&r, IPC_SYNC_CONF, msg, len))
		return false;
	out->enabled = rd_bool(&r);
	out->type = rd_enum(&r, NODE_SLAVE + 1);
	out->cluster_id = rd_u16(&r);
	out->ethertype = rd_u16(&r);
	rd_bytes(&r, out->key, sizeof(out->key));
	out->n_devs = rd_enum(&r, 3);
	for (unsigned i = 0; !r.bad && i < out->n_devs; i++) {
		rd_str(&r, out->devs[i].dev, sizeof(out->devs[i].dev));
		out->devs[i].index = rd_u16(&r);
	}
	out->buffer_kb = rd_u32(&r);
	out->burst = rd_u32(&r);
	out->after_s = rd_u32(&r);
	get_except(&r, &out->except);
	out->silence_s = rd_u32(&r);
	out->n_own = rd_u16(&r);
	if (r.bad || out->n_own > SYNC_OWN_ADDRS_MAX)
		return false;
	for (unsigned i = 0; i < out->n_own; i++) {
		out->own[i].family = rd_u8(&r);
		if (out->own[i].family != 4 && out->own[i].family != 6)
			return false;
		rd_bytes(&r, out->own[i].b, sizeof(out->own[i].b));
	}
	return rd_done(&r);
}

size_t
ipc_encode_sync_part(const struct ipc_sync_part *m, uint8_t *buf, size_t size)
{
	struct wr w = begin(IPC_SYNC_PART, buf, size);

	wr_u8(&w, m->part);
	wr_u64(&w, m->term);
	wr_u8(&w, m->alone);
	return finish(&w);
}

bool
ipc_decode_sync_part(const uint8_t *msg, size_t len, struct ipc_sync_part *out)
{
	struct rd r;

	if (!open_msg(&r, IPC_SYNC_PART, msg, len))
		return false;
	out->part = rd_enum(&r, SYNC_BARRIER + 1);
	out->term = rd_u64(&r);
	out->alone = rd_bool(&r);
	return rd_done(&r);
}

size_t
ipc_encode_sync_report(const struct sync_report *m, uint8_t *buf, size_t size)
{
	struct wr w = begin(IPC_SYNC_REPORT, buf, size);

	wr_u8(&w, m->state);
	wr_u8(&w, m->percent);
	wr_u32(&w, m->lag_ms);
	wr_u32(&w, m->flows);
	wr_u32(&w, m->peer_flows);
	wr_u64(&w, m->flushed_term);
	return finish(&w);
}

bool
ipc_decode_sync_report(const uint8_t *msg, size_t len, struct sync_report *out)
{
	struct rd r;

	if (!open_msg(&r, IPC_SYNC_REPORT, msg, len))
		return false;
	out->state = rd_enum(&r, SYNC_SYNCED + 1);
	out->percent = rd_enum(&r, 101);
	out->lag_ms = rd_u32(&r);
	out->flows = rd_u32(&r);
	out->peer_flows = rd_u32(&r);
	out->flushed_term = rd_u64(&r);
	return rd_done(&r);
}

size_t
ipc_encode_addresses(const struct ipc_addresses *m, uint8_t *buf, size_t size)
{
	struct wr w = begin(IPC_ADDRESSES, buf, size);

	wr_u16(&w, m->n);
	for (unsigned i = 0; i < m->n; i++) {
		wr_u16(&w, m->a[i].index);
		wr_u8(&w, m->a[i].addr.family);
		wr_bytes(&w, m->a[i].addr.b, sizeof(m->a[i].addr.b));
	}
	return finish(&w);
}

bool
ipc_decode_addresses(const uint8_t *msg, size_t len, struct ipc_addresses *out)
{
	struct rd r;

	*out = (struct ipc_addresses){0};
	if (!open_msg(&r, IPC_ADDRESSES, msg, len))
		return false;
	out->n = rd_u16(&r);
	if (out->n > ANNOUNCE_ADDRS_MAX)
		return false;
	for (unsigned i = 0; i < out->n; i++) {
		out->a[i].index = rd_u16(&r);
		out->a[i].addr.family = rd_u8(&r);
		if (out->a[i].addr.family != 4 && out->a[i].addr.family != 6)
			return false;
		rd_bytes(&r, out->a[i].addr.b, sizeof(out->a[i].addr.b));
	}
	return rd_done(&r);
}

size_t
ipc_encode_health(const struct health *m, uint8_t *buf, size_t size)
{
	struct wr w = begin(IPC_HEALTH, buf, size);

	wr_bytes(&w, m->value, sizeof(m->value));
	wr_u64(&w, m->monitors_lost);
	return finish(&w);
}

bool
ipc_decode_health(const uint8_t *msg, size_t len, struct health *out)
{
	struct rd r;

	if (!open_msg(&r, IPC_HEALTH, msg, len))
		return false;
	rd_bytes(&r, out->value, sizeof(out->value));
	for (unsigned i = 0; i < _HEALTH_MAX; i++)
		if (out->value[i] > 100 && out->value[i] != HEALTH_UNKNOWN)
			return false;
	out->monitors_lost = rd_u64(&r);
	return rd_done(&r);
}

size_t
ipc_encode_open(enum ipc_type type, const struct ipc_open *m, uint8_t *buf, size_t size)
{
	struct wr w = begin(type, buf, size);

	wr_u16(&w, m->index);
	wr_u32(&w, m->ifindex);
	wr_u16(&w, m->ethertype);
	wr_bytes(&w, m->group, sizeof(m->group));
	return finish(&w);
}

bool
ipc_decode_open(const uint8_t *msg, size_t len, struct ipc_open *out)
{
	struct rd r;

	if (!open_msg(&r, IPC_OPEN, msg, len) && !open_msg(&r, IPC_OPENED, msg, len))
		return false;
	out->index = rd_u16(&r);
	out->ifindex = rd_u32(&r);
	out->ethertype = rd_u16(&r);
	rd_bytes(&r, out->group, sizeof(out->group));
	return rd_done(&r) && out->ifindex > 0 && out->ifindex <= INT32_MAX;
}

size_t
ipc_encode_links(const struct ipc_links *m, uint8_t *buf, size_t size)
{
	struct wr w = begin(IPC_LINKS, buf, size);

	wr_u8(&w, m->stage);
	wr_bytes(&w, m->data, m->len);
	return finish(&w);
}

bool
ipc_decode_links(const uint8_t *msg, size_t len, struct ipc_links *out)
{
	struct rd r;

	if (!open_msg(&r, IPC_LINKS, msg, len))
		return false;
	out->stage = rd_enum(&r, _LINKS_MAX);
	out->data = r.p;
	out->len = rd_left(&r);
	return !r.bad && (out->stage == LINKS_PART) == (out->len > 0);
}
