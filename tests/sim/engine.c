/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine's loop as the core sees it: it sleeps until something arrives or the deadline passes,
 * gets the processor a little later, tells one event at a time (all frames before a tick) and
 * carries out the actions one after the other. It can be held up anywhere between two of them.
 */
#include <assert.h>
#include <string.h>
#include "sim.h"

#define BOOT_POLL_NS (5 * NS_PER_US) /* a loop whose deadline has passed does not sleep */

static void
wake_at(struct world *w, int node, int64_t t)
{
	struct machine *m = &w->m[node];

	m->wake_at = t;
	heap_push(&w->heap, t, node, HAP_WAKE, ++m->wake_generation);
}

/* How long a waiting process waits for the processor: short, rarely long, never so long as a fault.
 */
static int64_t
latency(struct world *w, struct machine *m)
{
	const struct setup *s = &w->plan->setup;
	int64_t ns = prng_range(&m->random, s->latency_lo_ns, s->latency_hi_ns);

	if (prng_u64(&m->random) % 200 == 0)
		ns += prng_range(&m->random, 0, m->conf.interval_ms * NS_PER_MS / 4);
	return ns;
}

void
engine_arrived(struct world *w, int node)
{
	struct machine *m = &w->m[node];
	int64_t t;

	if (!m->up || m->busy || (m->queue.n == 0 && m->inbox_n == 0))
		return;
	if (!machine_runs(m)) {
		m->postponed = true;
		return;
	}
	t = w->now + latency(w, m);
	if (t < m->wake_at)
		wake_at(w, node, t);
}

void
engine_tell(struct world *w, int node, const struct event *ev)
{
	struct machine *m = &w->m[node];

	/* a reader that is stopped for long makes its writers drop */
	if (!m->up || m->inbox_n == INBOX_MAX)
		return;
	m->inbox[m->inbox_n++] = *ev;
	engine_arrived(w, node);
}

/* Everything told: wait for the deadline. */
static void
sleep_or_go_on(struct world *w, int node)
{
	struct machine *m = &w->m[node];
	int64_t t;

	if (m->queue.n > 0 || m->inbox_n > 0) {
		wake_at(w, node, w->now);
		return;
	}
	m->slept_at = simclock_at(&m->clock, w->now);
	t = simclock_when(&m->clock, node_deadline(m->core).ns);
	if (t == NEVER)
		m->wake_at = NEVER;
	else if (t <= w->now)
		wake_at(w, node, w->now + BOOT_POLL_NS);
	else
		wake_at(w, node, t + latency(w, m));
}

static void
note_said(struct world *w, int node, const struct note *n)
{
	char text[256];

	expect_noted(w, node, n);
	if (w->trace == TRACE_NONE)
		return;
	note_fmt(n, &(struct note_with){.conf = &w->m[node].conf}, text, sizeof(text));
	trace_line(w, TRACE_CHANGES, node, "note", "%s", text);
}

static void
send_frame(struct world *w, int node, const struct action *a)
{
	struct machine *m = &w->m[node];
	const uint8_t *data = m->actions.bytes + a->send.offset;

	if (a->send.port >= m->conf.n_ports || a->send.len < 30 || a->send.len > PACKET_BYTES ||
		a->send.offset + (size_t)a->send.len > sizeof(m->actions.bytes)) {
		world_fail(w, "frame-form", "%c sends %u bytes on port %u", 'a' + node, a->send.len,
			a->send.port);
		return;
	}
	w->stats.frames++;
	m->frames_sent++;
	trace_line(w, TRACE_ALL, node, "send", "%s kind %u", m->conf.ports[a->send.port].name,
		data[3]);
	safety_sent(w, node, a->send.port, data, a->send.len);
	net_send(w, node, a->send.port, data, a->send.len);
}

static void
carry_out(struct world *w, int node, const struct action *a)
{
	struct machine *m = &w->m[node];

	switch (a->kind) {
	case ACT_GATE:
		safety_stored(w, node, simclock_at(&m->clock, w->now), a->gate.open_until.ns,
			a->gate.drain_until.ns);
		gate_store(w, node, a->gate.open_until.ns, a->gate.drain_until.ns);
		break;
	case ACT_SEND:
		send_frame(w, node, a);
		break;
	case ACT_ANNOUNCE:
		traffic_announced(w, node);
		break;
	case ACT_SYNC:
		trace_line(w, TRACE_CHANGES, node, "sync", "part %d term %llu", a->sync.part,
			(unsigned long long)a->sync.term);
		syncer_told(w, node, a->sync.part, a->sync.term);
		break;
	case ACT_NOTE:
		note_said(w, node, &a->note);
		break;
	case ACT_REPLY:
		trace_line(w, TRACE_CHANGES, node, "reply", "%s",
			a->reply.refusal < _REFUSE_MAX && refusal_words[a->reply.refusal]
				? refusal_words[a->reply.refusal]
				: "?");
		liveness_reply(w, node, a->reply.id, a->reply.refusal);
		expect_replied(w, a->reply.refusal);
		break;
	case ACT_EXIT:
		safety_exited(w, node);
		m->exiting = true;
		break;
	}
}

/* Time that passes before an action: hardly any, but the processor may be taken away in between. */
static int64_t
action_ns(struct machine *m, const struct action *a)
{
	uint64_t r = prng_u64(&m->random);
	int64_t ns = a->kind == ACT_GATE       ? m->slow_gate_ns
		     : a->kind == ACT_ANNOUNCE ? m->slow_announce_ns
					       : 0;

	if (r % 256 == 0)
		ns += (int64_t)(r >> 32) % (m->conf.interval_ms * NS_PER_MS / 8);
	return ns;
}

void
engine_act(struct world *w, int node)
{
	struct machine *m = &w->m[node];

	if (!machine_runs(m)) {
		m->postponed = true;
		return;
	}
	while (m->action < m->actions.n && !w->verdict.failed) {
		const struct action *a = &m->actions.a[m->action];
		int64_t ns = m->paid ? 0 : action_ns(m, a);

		if (ns > 0) {
			m->paid = true;
			heap_push(&w->heap, w->now + ns, node, HAP_ACT, m->life);
			return;
		}
		m->paid = false;
		m->action++;
		carry_out(w, node, a);
	}
	m->busy = false;
	safety_acted(w, node);
	if (m->exiting)
		machine_die(w, node, false);
	else
		sleep_or_go_on(w, node);
}

/* What the node publishes, for the checkers. */
static void
observe(struct world *w, int node)
{
	struct machine *m = &w->m[node];
	enum role before = m->role;

	node_status(m->core, (struct instant){simclock_at(&m->clock, w->now)}, &m->status);
	m->role = m->status.role;
	m->why = m->status.why;
	m->forced = m->status.forced;
	if (m->role != before) {
		trace_line(w, TRACE_CHANGES, node, "role", "%s -> %s: %s", role_name(before),
			role_name(m->role), why_text(m->why));
		liveness_role(w, node, before, m->role);
		agree_role(w, node, before, m->role);
		w->expecting.changed = w->now;
	}
	safety_stepped(w, node);
	agree_stepped(w);
}

static void
step(struct world *w, int node, struct event *ev)
{
	struct machine *m = &w->m[node];

	ev->now.ns = simclock_at(&m->clock, w->now);
	m->stepped = w->now;
	m->actions.n = 0;
	m->actions.n_bytes = 0;
	age_step(w, node, ev, &m->actions);
	if (ev->kind == EV_CONF && !m->aged) {
		m->aged = true;
		age_begin(w, node);
	}
	node_check_invariants(m->core);
	assert(m->actions.n <= ACTIONS_MAX);
	w->stats.steps++;
	m->busy = true;
	m->action = 0;
	m->paid = false;
	observe(w, node);
	engine_act(w, node);
}

static void
tell_frame(struct world *w, int node)
{
	struct machine *m = &w->m[node];
	struct frame_queue *q = &m->queue;
	uint32_t i = q->packet[q->head];
	struct packet *p = &w->net.packet[i];
	int64_t now = simclock_at(&m->clock, w->now), age = now - p->arrived;
	struct event ev = {.kind = EV_FRAME};

	q->head = (q->head + 1) % QUEUE_MAX;
	q->n--;
	if (age > now - m->slept_at)
		age = now - m->slept_at;
	ev.frame.port = p->port;
	ev.frame.data = p->bytes;
	ev.frame.len = p->len;
	ev.frame.age_ns = age < 0 ? 0 : age;
	trace_line(w, TRACE_ALL, node, "frame", "%s kind %u age %lldus",
		m->conf.ports[p->port].name, p->kind, (long long)(ev.frame.age_ns / NS_PER_US));
	contact_told(w, node, p);
	safety_told(w, node, p);
	step(w, node, &ev);
	net_release(w, i);
}

static void
tell_inbox(struct world *w, int node)
{
	static const char *const word[] = {"tick", "frame", "link", "conf", "command",
		"sync report", "health", "gate report", "stop"};
	struct machine *m = &w->m[node];
	struct event ev = m->inbox[0];

	m->inbox_n--;
	for (unsigned i = 0; i < m->inbox_n; i++)
		m->inbox[i] = m->inbox[i + 1];
	if (m->boot_left > 0)
		m->boot_left--;
	trace_line(w, ev.kind == EV_SYNC || ev.kind == EV_GATE ? TRACE_ALL : TRACE_CHANGES, node,
		"tell", "%s", word[ev.kind]);
	step(w, node, &ev);
}

void
engine_wake(struct world *w, int node, uint32_t generation)
{
	struct machine *m = &w->m[node];

	if (!m->up || generation != m->wake_generation)
		return;
	m->wake_at = NEVER;
	if (!machine_runs(m)) {
		m->postponed = true;
		return;
	}
	if (m->inbox_n > 0 && (m->boot_left > 0 || m->queue.n == 0 || prng_chance(&m->random, 50)))
		tell_inbox(w, node);
	else if (m->queue.n > 0)
		tell_frame(w, node);
	else if (simclock_at(&m->clock, w->now) >= node_deadline(m->core).ns) {
		m->ticks++;
		step(w, node, &(struct event){.kind = EV_TICK});
	} else {
		sleep_or_go_on(w, node);
	}
}

void
engine_look(struct world *w, int node)
{
	struct machine *m = &w->m[node];
	int64_t t = w->now + latency(w, m);

	if (!m->up || m->busy || m->wake_at == NEVER)
		return;
	if (!machine_runs(m))
		m->postponed = true;
	else if (t < m->wake_at)
		wake_at(w, node, t);
}

void
engine_resume(struct world *w, int node)
{
	struct machine *m = &w->m[node];

	if (!machine_runs(m) || !m->postponed)
		return;
	m->postponed = false;
	if (m->busy)
		heap_push(&w->heap, w->now + latency(w, m), node, HAP_ACT, m->life);
	else
		wake_at(w, node, w->now + latency(w, m));
}

static void
tell_link(struct world *w, int node, unsigned port)
{
	struct event ev = {.kind = EV_LINK};

	ev.link.port = (uint16_t)port;
	ev.link.present = w->net.removed[node][port] <= 0;
	ev.link.carrier = net_carrier(w, node, port);
	ev.link.ready = net_ready(w, node, port);
	engine_tell(w, node, &ev);
}

void
engine_links(struct world *w, int node)
{
	for (unsigned p = 0; p < w->plan->setup.n_ports; p++)
		tell_link(w, node, p);
}

void
engine_link_changed(struct world *w, int node, unsigned port)
{
	heap_push(&w->heap, w->now + prng_range(&w->m[node].random, 50, 3000) * NS_PER_US, node,
		HAP_LINK, port);
}

void
engine_links_changed(struct world *w, unsigned port)
{
	int64_t t = w->now + prng_range(&w->m[A].random, 50, 3000) * NS_PER_US;

	for (int n = 0; n < 2; n++)
		heap_push(&w->heap, t + prng_range(&w->m[n].random, 0, 900) * NS_PER_US, n,
			HAP_LINK, port);
}

void
engine_health_changed(struct world *w, int node)
{
	heap_push(&w->heap, w->now + prng_range(&w->m[node].random, 0, w->plan->setup.probe_ns),
		node, HAP_HEALTH, 0);
}

void
engine_health(struct world *w, int node)
{
	struct event ev = {.kind = EV_HEALTH};

	memset(ev.health.value, HEALTH_UNKNOWN, sizeof(ev.health.value));
	ev.health.value[HEALTH_DISKS] = w->m[node].disks;
	for (unsigned i = 0; i < w->plan->setup.n_monitors; i++)
		if (w->m[node].monitor_lost[i] > 0)
			ev.health.monitors_lost |= UINT64_C(1) << i;
	engine_tell(w, node, &ev);
}

void
engine_link(struct world *w, int node, unsigned port)
{
	/* whatever is true by now: the kernel merges changes */
	if (w->m[node].up)
		tell_link(w, node, port);
}
