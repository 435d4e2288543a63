/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What surrounds the engine: the gate's words and their meaning, the traffic that a draining gate
 * sees, and a stand-in for state sync.
 */
#include "sim.h"

#define GATE_LOOK_NS (500 * NS_PER_US)
#define SYNC_LOOK_NS (50 * NS_PER_MS)

void
gate_refresh(struct world *w, int node)
{
	struct machine *m = &w->m[node];

	m->gate.open_end = simclock_when(&m->clock, m->gate.open_until);
	m->gate.drain_end = simclock_when(&m->clock, m->gate.drain_until);
}

enum gate_position
gate_position(const struct world *w, int node, int64_t t)
{
	const struct machine *m = &w->m[node];

	if (!m->powered || m->paused > 0 || t >= m->gate.open_end)
		return GATE_CLOSED;
	return t < m->gate.drain_end ? GATE_DRAINING : GATE_OPEN;
}

void
gate_store(struct world *w, int node, int64_t open_until, int64_t drain_until)
{
	struct machine *m = &w->m[node];
	enum gate_position before = gate_position(w, node, w->now), after;

	m->gate.open_until = open_until;
	m->gate.drain_until = drain_until;
	gate_refresh(w, node);
	after = gate_position(w, node, w->now);
	if (after == before)
		return;
	trace_line(w, TRACE_CHANGES, node, "gate", "%s -> %s", position_words[before],
		position_words[after]);
	/* a renewal that comes late opens a gate that had lapsed meanwhile, but nobody decided to
	 * open */
	if (after == GATE_OPEN && m->gate.role_since != m->status.role_since.ns) {
		m->gate.opened = w->now;
		m->gate.decided = m->stepped;
		m->gate.role_since = m->status.role_since.ns;
	}
	if (after == GATE_DRAINING) {
		m->gate.drain_stored = w->now;
		m->gate.last_unicast = 0;
		heap_push(&w->heap, w->now + GATE_LOOK_NS, node, HAP_GATE, m->life);
	}
}

void
gate_look(struct world *w, int node, uint32_t life)
{
	struct machine *m = &w->m[node];
	int64_t moved = simclock_at(&m->clock, w->fdb_moved);

	if (!m->up || m->life != life || gate_position(w, node, w->now) != GATE_DRAINING)
		return;
	if (w->plan->setup.traffic_ns > 0 && w->fdb == node)
		m->gate.last_unicast = simclock_at(&m->clock, w->now) -
				       prng_range(&m->random, 0, w->plan->setup.traffic_ns);
	else if (w->plan->setup.traffic_ns > 0 && w->fdb_moved > m->gate.drain_stored)
		m->gate.last_unicast = moved;
	if (machine_runs(m)) {
		struct event ev = {.kind = EV_GATE};

		ev.last_unicast.ns = m->gate.last_unicast;
		engine_tell(w, node, &ev);
	}
	heap_push(&w->heap, w->now + GATE_LOOK_NS, node, HAP_GATE, life);
}

void
traffic_announced(struct world *w, int node)
{
	/* what a closed or draining gate lets out does not carry the shared MAC */
	if (gate_position(w, node, w->now) != GATE_OPEN || w->fdb == node)
		return;
	trace_line(w, TRACE_CHANGES, node, "announce", "the switches send to %c now", 'a' + node);
	w->fdb = node;
	w->fdb_moved = w->now;
}

/* Both state sync processes live and hear each other. */
static bool
syncer_linked(const struct world *w)
{
	const struct machine *m = w->m;

	return m[A].up && m[B].up && m[A].paused == 0 && m[B].paused == 0 && net_passes(w, 0, A) &&
	       net_passes(w, 0, B) && m[A].syncer.lost == 0 && m[B].syncer.lost == 0 &&
	       m[A].syncer.gone == 0 && m[B].syncer.gone == 0 && !contact_strangers(w);
}

static void
syncer_report(struct world *w, int node)
{
	struct syncer *s = &w->m[node].syncer;
	struct event ev = {.kind = EV_SYNC, .sync = s->report};

	s->told_at = w->now;
	engine_tell(w, node, &ev);
}

void
syncer_told(struct world *w, int node, enum sync_part part, uint64_t term)
{
	struct syncer *s = &w->m[node].syncer;

	if (part != SYNC_BARRIER) {
		s->part = part;
		return;
	}
	if (s->gone)
		return; /* nobody there to answer; the part is told again to the next process */
	s->barrier_term = term;
	if (w->m[node].barrier_ns >= 0)
		heap_push(
			&w->heap, w->now + w->m[node].barrier_ns, node, HAP_FLUSH, w->m[node].life);
}

void
syncer_flushed(struct world *w, int node, uint32_t life)
{
	struct syncer *s = &w->m[node].syncer;

	if (!w->m[node].up || w->m[node].life != life || s->gone || !s->barrier_term)
		return;
	if (!syncer_linked(w)) {
		heap_push(&w->heap, w->now + SYNC_LOOK_NS, node, HAP_FLUSH, life);
		return;
	}
	s->report.flushed_term = s->barrier_term;
	syncer_report(w, node);
}

void
syncer_gone(struct world *w, int node, int more)
{
	struct syncer *s = &w->m[node].syncer;

	if (s->gone + more < 0)
		return;
	s->gone += more;
	s->linked_since = 0;
	s->barrier_term = 0;
	/* the last report stands until a new process says that it has nothing */
	s->report = (struct sync_report){.state = SYNC_LOST};
	if (s->gone == 0 && w->m[node].up)
		syncer_report(w, node);
}

void
syncer_look(struct world *w, int node, uint32_t life)
{
	struct machine *m = &w->m[node];
	struct syncer *s = &m->syncer;
	enum sync_state before = s->report.state;
	int64_t needed = w->plan->setup.sync_time_ns;

	if (!m->up || m->life != life)
		return;
	heap_push(&w->heap, w->now + SYNC_LOOK_NS, node, HAP_SYNC, life);
	if (s->gone)
		return;
	if (!syncer_linked(w)) {
		s->linked_since = 0;
		s->report.state = SYNC_LOST;
		s->report.percent = 0;
	} else {
		if (s->linked_since == 0)
			s->linked_since = w->now;
		s->report.state = w->now - s->linked_since < needed ? SYNC_SYNCING : SYNC_SYNCED;
		s->report.percent = (uint8_t)(s->report.state == SYNC_SYNCED
						      ? 100
						      : (w->now - s->linked_since) * 99 / needed);
	}
	s->report.flows = 1000 + (uint32_t)(w->now / NS_PER_S) * 10;
	s->report.peer_flows = s->report.state == SYNC_LOST ? 0 : s->report.flows;
	if (s->report.state != before || w->now - s->told_at >= NS_PER_S)
		syncer_report(w, node);
}
