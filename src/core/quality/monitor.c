/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When hosts are asked, when they are lost. */
#include <string.h>
#include "core/quality/monitor.h"

static int64_t
last_wait(const struct probe_monitor *c)
{
	int64_t half = c->ping_ms * NS_PER_MS / 2;

	return half < MONITOR_LAST_WAIT_NS ? half : MONITOR_LAST_WAIT_NS;
}

/*
 * From one probe to the next. When answers fail to come the next ones are sent a little earlier, so
 * that the last of them has had its time to be answered when MaxLoss intervals are over.
 */
static int64_t
period(const struct probe_monitor *c, const struct monitor_host *h)
{
	int64_t ns = c->ping_ms * NS_PER_MS;

	if (c->max_loss == 1)
		return ns - last_wait(c);
	if (!h->seen || h->lost || !h->unanswered)
		return ns;
	return ns - last_wait(c) / (c->max_loss - 1);
}

static struct instant
sent_at(const struct monitor_host *h)
{
	return h->sent[h->seq % MONITOR_RING];
}

static void
schedule(struct monitor *m, struct monitor_host *h)
{
	h->next = instant_add(h->planned, period(m->conf, h));
}

void
monitor_init(struct monitor *m, const struct probe_monitor *c, struct instant now)
{
	memset(m, 0, sizeof(*m));
	m->conf = c;
	m->grace_until = instant_add(now, c->grace_ms * NS_PER_MS);
	for (unsigned i = 0; i < c->n_hosts; i++)
		m->hosts[i].next = INSTANT_NEVER;
}

void
monitor_restore(struct monitor *m, unsigned host, bool seen, bool lost)
{
	m->hosts[host].seen = seen;
	m->hosts[host].lost = seen && lost;
}

void
monitor_set_way(struct monitor *m, unsigned host, bool can, bool anew, struct instant now)
{
	struct monitor_host *h = &m->hosts[host];
	int64_t spread = m->conf->ping_ms * NS_PER_MS * host / m->conf->n_hosts;

	if (can == h->can_ask && !(can && anew))
		return;
	/* what was said of it from elsewhere, or long ago, says nothing now; but a way that merely
	 * changed does not make a lost host well */
	if (can && !h->can_ask && h->seq)
		h->lost = false;
	h->can_ask = can;
	h->answered = h->seq;
	h->unanswered = 0;
	h->next = can ? instant_add(now, spread) : INSTANT_NEVER;
}

bool
monitor_is_due(const struct monitor *m, unsigned host, struct instant now)
{
	return m->hosts[host].can_ask && instant_reached(now, m->hosts[host].next);
}

uint32_t
monitor_asked(struct monitor *m, unsigned host, struct instant now)
{
	struct monitor_host *h = &m->hosts[host];

	if (++h->seq == 0) { /* after some decades */
		h->seq = 1;
		h->answered = 0;
	}
	if (h->unanswered < UINT32_MAX)
		h->unanswered++;
	h->sent[h->seq % MONITOR_RING] = now;
	h->planned = h->next;
	if (instant_sub(now, h->next) >= m->conf->ping_ms * NS_PER_MS / 2)
		h->planned = now; /* that late, nothing is made up for */
	schedule(m, h);
	return h->seq;
}

bool
monitor_answered(struct monitor *m, unsigned host, uint32_t seq, struct instant now)
{
	struct monitor_host *h = &m->hosts[host];
	int64_t rtt;

	if (seq > h->seq || seq <= h->answered || h->seq - seq >= MONITOR_RING)
		return false;
	rtt = instant_sub(now, h->sent[seq % MONITOR_RING]) / NS_PER_US;
	h->rtt_us = rtt < 0 ? 0 : rtt > UINT32_MAX ? UINT32_MAX : (uint32_t)rtt;
	h->answered = seq;
	h->unanswered = h->seq - seq;
	h->seen = true;
	h->lost = false;
	schedule(m, h);
	return true;
}

/* When the host will be lost if nothing comes; NEVER = not with the probes sent so far. */
static struct instant
loss_at(const struct monitor *m, const struct monitor_host *h)
{
	if (!h->can_ask || !h->seen || h->lost || h->unanswered < m->conf->max_loss)
		return INSTANT_NEVER;
	return instant_add(sent_at(h), last_wait(m->conf));
}

bool
monitor_judge(struct monitor *m, struct instant now)
{
	bool any = false;

	for (unsigned i = 0; i < m->conf->n_hosts; i++) {
		struct monitor_host *h = &m->hosts[i];

		if (!instant_reached(now, loss_at(m, h)))
			continue;
		h->lost = any = true;
		schedule(m, h);
	}
	return any;
}

bool
monitor_is_lost(const struct monitor *m, struct instant now)
{
	unsigned counting = 0, lost = 0;

	for (unsigned i = 0; i < m->conf->n_hosts; i++) {
		if (!m->hosts[i].can_ask || !m->hosts[i].seen)
			continue;
		counting++;
		lost += m->hosts[i].lost;
	}
	return instant_reached(now, m->grace_until) && 2 * lost > counting;
}

bool
monitor_is_blind(const struct monitor *m)
{
	for (unsigned i = 0; i < m->conf->n_hosts; i++)
		if (m->hosts[i].can_ask)
			return false;
	return true;
}

struct instant
monitor_deadline(const struct monitor *m, struct instant now)
{
	struct instant at = instant_before(now, m->grace_until) ? m->grace_until : INSTANT_NEVER;

	for (unsigned i = 0; i < m->conf->n_hosts; i++) {
		at = instant_min(at, m->hosts[i].next);
		at = instant_min(at, loss_at(m, &m->hosts[i]));
	}
	return at;
}
