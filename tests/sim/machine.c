/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machines and processes: what starts, stops and stalls them. The gate outlives the process. */
#include <stdlib.h>
#include <string.h>
#include "sim.h"

/* A port's number on the wire; any will do as long as both nodes agree. */
static uint16_t
port_index(unsigned port)
{
	return (uint16_t)(port + 1);
}

static void
conf_fill(const struct setup *s, int node, struct ha_conf *c)
{
	const struct node_setup *n = &s->node[node];

	*c = (struct ha_conf){.enabled = n->enabled,
		.type = n->type,
		.cluster_id = n->cluster,
		.ethertype = HA_ETHERTYPE_DEFAULT,
		.interval_ms = n->interval_ms,
		.failover_ms = n->failover_ms,
		.initial_silence_ms = n->silence_ms,
		.garp_period_s = 60,
		.prefer = s->prefer,
		.unique_shared_mac = true,
		.revision = 1,
		.n_ports = (uint16_t)s->n_ports};
	memset(c->key, n->key, sizeof(c->key));
	for (unsigned i = 0; i < s->n_ports; i++) {
		struct ha_port *p = &c->ports[i];

		snprintf(p->name, sizeof(p->name), "%s", s->port[i].name);
		snprintf(p->dev, sizeof(p->dev), "%s", s->port[i].name);
		p->index = port_index(i);
		p->weight = s->port[i].weight;
		p->sync = s->port[i].sync;
		p->heartbeats = true;
	}
	c->n_monitors = (uint16_t)s->n_monitors;
	for (unsigned i = 0; i < s->n_monitors; i++) {
		struct ha_monitor *m = &c->monitors[i];

		snprintf(m->name, sizeof(m->name), "%s", s->monitor[i].name);
		m->index = s->monitor[i].port < 0 ? 0 : port_index((unsigned)s->monitor[i].port);
		m->weight = s->monitor[i].weight;
		m->ping_ms = 1000;
	}
}

int64_t
machine_detection_ns(const struct world *w)
{
	uint32_t a = w->m[A].conf.failover_ms, b = w->m[B].conf.failover_ms;

	return (a > b ? a : b) * NS_PER_MS;
}

int64_t
machine_least_detection_ns(const struct world *w)
{
	int64_t now = machine_detection_ns(w);

	return w->now < w->timers_until && w->timers_before < now ? w->timers_before : now;
}

int64_t
machine_interval_ns(const struct world *w)
{
	uint32_t a = w->m[A].conf.interval_ms, b = w->m[B].conf.interval_ms;

	return (a > b ? a : b) * NS_PER_MS;
}

bool
machine_runs(const struct machine *m)
{
	return m->powered && m->up && m->frozen == 0 && m->paused == 0;
}

void
machine_init(struct world *w, int node)
{
	struct machine *m = &w->m[node];
	struct node *core = m->core;

	memset(m, 0, offsetof(struct machine, actions));
	memset(&m->gate, 0, sizeof(*m) - offsetof(struct machine, gate));
	m->core = core;
	m->random.state = w->plan->setup.random * 77 + (uint64_t)node;
	m->clock = (struct simclock){
		.node = w->plan->setup.node[node].boot_ns, .ppm = w->plan->setup.node[node].ppm};
	m->wake_at = NEVER;
	m->barrier_ns = w->plan->setup.barrier_ns;
	m->disks = 100;
	conf_fill(&w->plan->setup, node, &m->conf);
}

static void
queue_clear(struct world *w, struct frame_queue *q)
{
	for (; q->n > 0; q->n--, q->head = (q->head + 1) % QUEUE_MAX)
		net_release(w, q->packet[q->head]);
}

/* The other end of a direct cable notices that this machine has power or not. */
static void
neighbours_notice(struct world *w, int node)
{
	for (unsigned p = 0; p < w->plan->setup.n_ports; p++)
		if (w->plan->setup.port[p].sync)
			engine_link_changed(w, !node, p);
}

void
machine_configure(struct world *w, int node)
{
	engine_tell(w, node, &(struct event){.kind = EV_CONF, .conf = &w->m[node].conf});
}

void
machine_start(struct world *w, int node, bool warm)
{
	struct machine *m = &w->m[node];
	struct node_seed seed = {.warm = warm};

	if (!m->powered || m->up)
		return;
	m->up = true;
	m->life++;
	m->life_began = w->now;
	m->warm = warm;
	m->stopping = m->exiting = false;
	m->inbox_n = 0;
	m->role = ROLE_SILENT;
	m->term = 0;
	m->ticks = m->frames_sent = 0;
	m->least_interval_ms = m->conf.interval_ms;
	m->slept_at = simclock_at(&m->clock, w->now);
	for (size_t i = 0; i < sizeof(seed.random); i++)
		seed.random[i] = (uint8_t)prng_u64(&m->random);
	node_init(m->core, &seed);
	contact_born(w, node);
	if (!warm)
		m->syncer = (struct syncer){.lost = m->syncer.lost, .gone = m->syncer.gone};
	gate_store(w, node, 0, 0);
	m->gate.role_since = -1;
	safety_born(w, node);
	trace_line(w, TRACE_CHANGES, node, "start", "%s", warm ? "warm" : "cold");
	m->boot_left = 1 + w->plan->setup.n_ports;
	machine_configure(w, node);
	engine_links(w, node);
	engine_health_changed(w, node);
	agree_restarted(w);
	heap_push(&w->heap, w->now + NS_PER_MS, node, HAP_SYNC, m->life);
	liveness_disturbed(w, liveness_after_start_ns(w, node, warm));
}

void
machine_die(struct world *w, int node, bool close_gate)
{
	struct machine *m = &w->m[node];

	if (!m->up)
		return;
	trace_line(w, TRACE_CHANGES, node, "dead", "%s", close_gate ? "gate closed" : "gate left");
	liveness_felled(w, node);
	m->up = m->busy = m->postponed = m->exiting = false;
	m->wake_at = NEVER;
	m->wake_generation++;
	m->frozen = 0;
	m->inbox_n = 0;
	m->role = ROLE_STOPPED;
	queue_clear(w, &m->queue);
	if (close_gate)
		gate_store(w, node, 0, 0);
	liveness_disturbed(w, 0);
}

void
machine_power_off(struct world *w, int node)
{
	struct machine *m = &w->m[node];

	if (!m->powered)
		return;
	machine_die(w, node, false);
	trace_line(w, TRACE_CHANGES, node, "power", "off");
	m->powered = false;
	gate_store(w, node, 0, 0);
	queue_clear(w, &m->ring);
	m->paused = 0;
	if (!m->running_clock && m->n_pauses &&
		m->pause[(m->n_pauses - 1) % PAUSES_MAX].to == NEVER)
		m->pause[(m->n_pauses - 1) % PAUSES_MAX].to = w->now;
	neighbours_notice(w, node);
}

void
machine_power_on(struct world *w, int node)
{
	struct machine *m = &w->m[node];

	if (m->powered)
		return;
	m->powered = true;
	m->running_clock = false;
	m->n_pauses = 0;
	/* a new boot: the clock begins again, with the machine's own drift */
	if (m->life > 0)
		m->clock.node = prng_range(&m->random, 3, 90) * NS_PER_S;
	m->clock.real = w->now;
	m->clock.standing = false;
	trace_line(w, TRACE_CHANGES, node, "power", "on");
	neighbours_notice(w, node);
	machine_start(w, node, false);
}

/* A process that runs again is told what the links did meanwhile, and may have to listen first. */
static int64_t
after_stall_ns(const struct world *w, int node)
{
	const struct machine *m = &w->m[node];

	for (unsigned i = 0; i < m->inbox_n; i++)
		if (m->inbox[i].kind == EV_LINK)
			return liveness_after_start_ns(w, node, false);
	/* one that was still listening goes on from where its clock stood */
	return m->role == ROLE_SILENT ? liveness_after_start_ns(w, node, m->warm) : 0;
}

void
machine_freeze(struct world *w, int node, int more)
{
	struct machine *m = &w->m[node];

	if (!m->up || m->frozen + more < 0)
		return;
	m->frozen += more;
	trace_line(w, TRACE_CHANGES, node, more > 0 ? "freeze" : "thaw", "%d", m->frozen);
	if (more > 0)
		liveness_felled(w, node);
	liveness_disturbed(w, after_stall_ns(w, node));
	engine_resume(w, node);
}

static void
ring_empty(struct world *w, struct machine *m)
{
	struct frame_queue *q = &m->ring;

	/* the kernel stamps them only now */
	for (; q->n > 0; q->n--, q->head = (q->head + 1) % QUEUE_MAX) {
		uint32_t i = q->packet[q->head];

		w->net.packet[i].arrived = simclock_at(&m->clock, w->now);
		if (m->up && m->queue.n < QUEUE_MAX)
			m->queue.packet[(m->queue.head + m->queue.n++) % QUEUE_MAX] = i;
		else
			net_release(w, i);
	}
}

void
machine_jump(struct world *w, int node, int64_t ns)
{
	struct machine *m = &w->m[node];

	if (!m->powered)
		return;
	simclock_set(&m->clock, w->now, m->clock.ppm, m->clock.standing);
	m->clock.node += ns;
	trace_line(w, TRACE_CHANGES, node, "jump", "%.3f ms", (double)ns / 1e6);
	gate_refresh(w, node);
	agree_restarted(w);
	engine_look(w, node);
	liveness_disturbed(
		w, m->role == ROLE_SILENT ? liveness_after_start_ns(w, node, m->warm) : 0);
}

static void
begin_pause(struct world *w, struct machine *m, enum verb how)
{
	unsigned i = m->n_pauses % PAUSES_MAX;

	m->deaf = how != DO_PAUSE;
	m->running_clock = how == DO_PAUSE_JUMP;
	if (m->running_clock)
		return;
	simclock_set(&m->clock, w->now, m->clock.ppm, true);
	m->pause[i].from = w->now;
	m->pause[i].to = NEVER;
	m->pause[i].clock = m->clock.node;
	m->n_pauses++;
}

static void
end_pause(struct world *w, struct machine *m)
{
	if (!m->running_clock) {
		m->pause[(m->n_pauses - 1) % PAUSES_MAX].to = w->now;
		simclock_set(&m->clock, w->now, m->clock.ppm, false);
	}
	ring_empty(w, m);
}

void
machine_pause(struct world *w, int node, int more, enum verb how)
{
	struct machine *m = &w->m[node];

	if (!m->powered || m->paused + more < 0)
		return;
	m->paused += more;
	trace_line(w, TRACE_CHANGES, node, more > 0 ? "pause" : "resume", "%d", m->paused);
	if (m->paused == 1 && more > 0) {
		liveness_felled(w, node);
		begin_pause(w, m, how);
	} else if (m->paused == 0) {
		end_pause(w, m);
	}
	agree_restarted(w);
	gate_refresh(w, node);
	liveness_disturbed(w, after_stall_ns(w, node));
	engine_resume(w, node);
	engine_arrived(w, node);
}
