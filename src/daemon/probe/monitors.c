/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LinkMonitors: core/quality/monitor.h driven by the clock and by what comes in. */
#include <string.h>
#include "daemon/probe/probe.h"

#define WINDOW_NS (100 * NS_PER_MS)
/* What the configuration may ask for, and a half for probes that hurry. */
#define WINDOW_TOKENS (MONITOR_RATE_MAX * 3 / 2 / 10)

/* The page is about this very configuration. */
static bool
page_fits(const struct health_status *s, const struct probe_conf *c)
{
	if (s->n_monitors != c->n_monitors)
		return false;
	for (unsigned i = 0; i < c->n_monitors; i++) {
		const struct health_monitor *a = &s->monitors[i];
		const struct probe_monitor *b = &c->monitors[i];

		if (strcmp(a->name, b->name) != 0 || a->n_hosts != b->n_hosts)
			return false;
		for (unsigned h = 0; h < b->n_hosts; h++)
			if (!ip_equal(&a->hosts[h].addr, &b->hosts[h].addr))
				return false;
	}
	return true;
}

/* What an earlier process knew is still true: a host that was lost is not well by our restart. */
static void
restore(struct probe *p)
{
	for (unsigned i = 0; i < p->conf.n_monitors; i++) {
		const struct health_monitor *from = &p->status.monitors[i];
		struct monitor *m = &p->monitors[i];

		m->grace_until = from->grace_until;
		for (unsigned h = 0; h < m->conf->n_hosts; h++)
			monitor_restore(m, h,
				from->hosts[h].state == HOST_ANSWERS ||
					from->hosts[h].state == HOST_LOST,
				from->hosts[h].state == HOST_LOST);
	}
}

void
monitors_configure(struct probe *p, const struct probe_conf *conf, bool warm)
{
	struct instant now = loop_now();

	if (p->configured && memcmp(&p->conf, conf, sizeof(*conf)) == 0)
		return; /* config was restarted, or changed what is no concern of ours */
	ways_close(p);
	p->conf = *conf;
	warm = warm && !p->configured && page_fits(&p->status, conf);
	for (unsigned i = 0; i < conf->n_monitors; i++)
		monitor_init(&p->monitors[i], &p->conf.monitors[i], now);
	if (warm)
		restore(p);
	else
		memset(p->status.monitors, 0, sizeof(p->status.monitors));
	memset(p->blind_told, 0, sizeof(p->blind_told));
	ways_configure(p);
	p->configured = true;
	p->looked = INSTANT_ZERO;
	p->stale = true;
}

static void
ask(struct probe *p, unsigned monitor, unsigned host, struct instant now)
{
	struct monitor *m = &p->monitors[monitor];
	const struct probe_host *h = &m->conf->hosts[host];
	struct reach_token t = {.monitor = (uint16_t)monitor, .host = (uint16_t)host};

	memcpy(t.cookie, p->cookie, sizeof(t.cookie));
	t.seq = monitor_asked(m, host, now);
	p->status.probes++;
	way_ask(&p->ways[h->port][h->addr.family == 6], h, &t); /* not sent is not answered */
}

static void
tell_blind(struct probe *p, unsigned i)
{
	if (p->blind_told[i] || !monitor_is_blind(&p->monitors[i]))
		return;
	p->blind_told[i] = true;
	probe_note(p, NOTE_MONITOR_BLIND, i, 0);
}

void
monitors_run(struct probe *p, struct instant now)
{
	if (instant_sub(now, p->window) >= WINDOW_NS) {
		p->window = now;
		p->tokens = WINDOW_TOKENS;
	}
	if (instant_sub(now, p->looked) >= PROBE_LOOK_NS) {
		p->looked = now;
		ways_look(p, now);
		for (unsigned i = 0; i < p->conf.n_monitors; i++)
			tell_blind(p, i);
	}
	for (unsigned i = 0; i < p->conf.n_monitors; i++) {
		struct monitor *m = &p->monitors[i];

		monitor_judge(m, now);
		for (unsigned h = 0; h < m->conf->n_hosts && p->tokens > 0; h++) {
			if (!monitor_is_due(m, h, now))
				continue;
			p->tokens--;
			ask(p, i, h, now);
		}
	}
}

struct instant
monitors_deadline(const struct probe *p, struct instant now)
{
	struct instant at = INSTANT_NEVER;

	if (p->conf.n_monitors)
		at = instant_add(p->looked, PROBE_LOOK_NS);
	for (unsigned i = 0; i < p->conf.n_monitors; i++)
		at = instant_min(at, monitor_deadline(&p->monitors[i], now));
	return p->tokens ? at : instant_max(at, instant_add(p->window, WINDOW_NS));
}

bool
monitors_echo(struct probe *p, const struct way *w, const struct ip_addr *from,
	const struct reach_token *t, struct instant now)
{
	const struct probe_host *h;

	if (memcmp(t->cookie, p->cookie, sizeof(t->cookie)) != 0 ||
		t->monitor >= p->conf.n_monitors || t->host >= p->conf.monitors[t->monitor].n_hosts)
		return false;
	h = &p->conf.monitors[t->monitor].hosts[t->host];
	if (h->on_link || &p->conf.ports[h->port] != w->port || !ip_equal(&h->addr, from))
		return false;
	if (!monitor_answered(&p->monitors[t->monitor], t->host, t->seq, now))
		return false;
	p->status.answers++;
	return true;
}

/* An answer of this kind has no number: it answers the newest question of everybody who asked. */
bool
monitors_link(struct probe *p, const struct way *w, const struct ip_addr *from, struct instant now)
{
	bool any = false;

	for (unsigned i = 0; i < p->conf.n_monitors; i++) {
		const struct probe_monitor *c = &p->conf.monitors[i];

		for (unsigned h = 0; h < c->n_hosts; h++) {
			struct monitor *m = &p->monitors[i];

			if (!c->hosts[h].on_link || &p->conf.ports[c->hosts[h].port] != w->port ||
				!ip_equal(&c->hosts[h].addr, from))
				continue;
			if (monitor_answered(m, h, m->hosts[h].seq, now))
				p->status.answers++;
			any = true;
		}
	}
	return any;
}

static enum health_host_state
host_state(const struct monitor_host *h)
{
	if (!h->can_ask)
		return HOST_NOT_ASKED;
	return !h->seen ? HOST_UNSEEN : h->lost ? HOST_LOST : HOST_ANSWERS;
}

void
monitors_report(struct probe *p, struct instant now)
{
	struct health_status *s = &p->status;

	s->health.monitors_lost = 0;
	s->n_monitors = p->conf.n_monitors;
	for (unsigned i = 0; i < p->conf.n_monitors; i++) {
		struct health_monitor *to = &s->monitors[i];
		const struct monitor *m = &p->monitors[i];
		bool lost = monitor_is_lost(m, now);

		memcpy(to->name, m->conf->name, sizeof(to->name));
		if (lost != to->lost)
			to->changed = now;
		to->lost = lost;
		s->health.monitors_lost |= (uint64_t)lost << i;
		to->grace_until = m->grace_until;
		to->n_hosts = m->conf->n_hosts;
		for (unsigned h = 0; h < to->n_hosts; h++) {
			const struct monitor_host *mh = &m->hosts[h];
			struct health_host *th = &to->hosts[h];

			th->addr = m->conf->hosts[h].addr;
			if (host_state(mh) != th->state)
				p->stale = true;
			th->state = host_state(mh);
			th->rtt_us = mh->rtt_us;
			th->unanswered = mh->unanswered;
		}
	}
}
