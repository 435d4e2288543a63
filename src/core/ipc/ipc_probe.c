/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Encoding of what goes to tw-probe and within it. */
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

/* Family, then 4 or 16 bytes: a full configuration has more than a thousand addresses. */
static void
wr_addr(struct wr *w, const struct ip_addr *a)
{
	wr_u8(w, a->family);
	wr_bytes(w, a->b, a->family ? ip_bytes(a->family) : 0);
}

static void
rd_addr(struct rd *r, struct ip_addr *a, bool may_be_none)
{
	a->family = rd_u8(r);
	if (a->family == 4 || a->family == 6)
		rd_bytes(r, a->b, ip_bytes(a->family));
	else if (a->family != 0 || !may_be_none)
		r->bad = true;
}

size_t
ipc_encode_probe_conf(const struct probe_conf *m, uint8_t *buf, size_t size)
{
	struct wr w = begin(IPC_PROBE_CONF, buf, size);

	wr_u8(&w, m->tpm);
	wr_u16(&w, m->n_ports);
	for (unsigned i = 0; i < m->n_ports; i++) {
		const struct probe_port *p = &m->ports[i];

		wr_str(&w, p->name);
		wr_str(&w, p->dev);
		for (unsigned f = 0; f < 2; f++) {
			wr_addr(&w, &p->own[f]);
			wr_addr(&w, &p->shared[f]);
		}
	}
	wr_u16(&w, m->n_monitors);
	for (unsigned i = 0; i < m->n_monitors; i++) {
		const struct probe_monitor *p = &m->monitors[i];

		wr_str(&w, p->name);
		wr_u16(&w, p->max_loss);
		wr_u32(&w, p->ping_ms);
		wr_u32(&w, p->grace_ms);
		wr_u8(&w, p->n_hosts);
		for (unsigned h = 0; h < p->n_hosts; h++) {
			wr_addr(&w, &p->hosts[h].addr);
			wr_u8(&w, p->hosts[h].port);
			wr_u8(&w, p->hosts[h].on_link);
		}
	}
	return finish(&w);
}

static bool
rd_monitor(struct rd *r, struct probe_monitor *p, unsigned n_ports)
{
	rd_str(r, p->name, sizeof(p->name));
	p->max_loss = rd_u16(r);
	p->ping_ms = rd_u32(r);
	p->grace_ms = rd_u32(r);
	p->n_hosts = rd_u8(r);
	if (r->bad || p->max_loss < 1 || p->max_loss > MONITOR_LOSS_MAX ||
		p->ping_ms < MONITOR_PING_MIN_MS || p->ping_ms > MONITOR_PING_MAX_MS ||
		p->n_hosts < 1 || p->n_hosts > MONITOR_HOSTS_MAX)
		return false;
	for (unsigned i = 0; i < p->n_hosts; i++) {
		rd_addr(r, &p->hosts[i].addr, false);
		p->hosts[i].port = rd_u8(r);
		p->hosts[i].on_link = rd_bool(r);
		if (p->hosts[i].port >= n_ports)
			return false;
	}
	return !r->bad;
}

bool
ipc_decode_probe_conf(const uint8_t *msg, size_t len, struct probe_conf *out)
{
	struct rd r;

	*out = (struct probe_conf){0};
	if (!open_msg(&r, IPC_PROBE_CONF, msg, len))
		return false;
	out->tpm = rd_bool(&r);
	out->n_ports = rd_u16(&r);
	if (r.bad || out->n_ports > MONITOR_PORTS_MAX)
		return false;
	for (unsigned i = 0; i < out->n_ports; i++) {
		struct probe_port *p = &out->ports[i];

		rd_str(&r, p->name, sizeof(p->name));
		rd_str(&r, p->dev, sizeof(p->dev));
		for (unsigned f = 0; f < 2; f++) {
			rd_addr(&r, &p->own[f], true);
			rd_addr(&r, &p->shared[f], true);
			if ((p->own[f].family && p->own[f].family != (f ? 6 : 4)) ||
				(p->shared[f].family && p->shared[f].family != (f ? 6 : 4)))
				return false;
		}
	}
	out->n_monitors = rd_u16(&r);
	if (r.bad || out->n_monitors > MONITORS_MAX)
		return false;
	for (unsigned i = 0; i < out->n_monitors; i++)
		if (!rd_monitor(&r, &out->monitors[i], out->n_ports))
			return false;
	return rd_done(&r);
}

size_t
ipc_encode_finding(const struct finding *m, uint8_t *buf, size_t size)
{
	struct wr w = begin(IPC_FINDING, buf, size);

	wr_u8(&w, m->part);
	wr_u8(&w, m->value);
	wr_u8(&w, m->late);
	wr_str(&w, m->text);
	return finish(&w);
}

bool
ipc_decode_finding(const uint8_t *msg, size_t len, struct finding *out)
{
	struct rd r;

	if (!open_msg(&r, IPC_FINDING, msg, len))
		return false;
	out->part = rd_u8(&r);
	out->value = rd_u8(&r);
	out->late = rd_bool(&r);
	rd_str(&r, out->text, sizeof(out->text));
	return rd_done(&r) && out->part < _HEALTH_MAX &&
	       (out->value <= 100 || out->value == HEALTH_UNKNOWN);
}
