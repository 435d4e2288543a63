/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Safety: never are both gates open, a drain is short, nothing opens without the role, and frames
 * go out only as documented. The exemptions that the documents make for both being open are
 * computed from what the simulated network and clocks really did, and counted.
 */
#include <string.h>
#include "sim.h"
#include "base/wire.h"
#include "core/hb/frame.h"

#define PROCESSING_NS (2 * NS_PER_MS) /* from being told to having stored */

void
safety_init(struct world *w)
{
	w->safety = (struct safety){.same_term_since = NEVER};
}

void
safety_born(struct world *w, int node)
{
	w->safety.counter[node] = 0;
}

/* How long this machine's clock has stood still since it showed `since`. */
static int64_t
stood_still(const struct world *w, int node, int64_t since, int64_t t)
{
	const struct machine *m = &w->m[node];
	int64_t sum = 0;

	for (unsigned i = 0; i < m->n_pauses && i < PAUSES_MAX; i++)
		if (m->pause[i].clock >= since)
			sum += (m->pause[i].to < t ? m->pause[i].to : t) - m->pause[i].from;
	return sum;
}

/*
 * Are both open because of a pause? Either the node has only just resumed, or its gate would be
 * closed had its clock run on. Allowed until it has been told what the other sent since that one
 * opened.
 */
static bool
excused_by_pause(const struct world *w, int node, int64_t from, int64_t to)
{
	const struct safety *s = &w->safety;
	const struct machine *m = &w->m[node];
	int64_t anchor = m->gate.open_until - s->lease_max_ns, resumed;

	if (m->n_pauses == 0)
		return false;
	resumed = m->pause[(m->n_pauses - 1) % PAUSES_MAX].to;
	if (s->both_since - resumed > machine_interval_ns(w) * 5 / 2 &&
		simclock_at(&m->clock, from) + stood_still(w, node, anchor, from) <
			m->gate.open_until)
		return false;
	return s->told_new[node] == NEVER || to <= s->told_new[node] + PROCESSING_NS +
							     machine_interval_ns(w) / 4 +
							     m->slow_gate_ns;
}

/* A gap of 2.5 intervals in what came through that reached into from…to. */
static bool
had_gap(const struct world *w, const struct delivery *d, int64_t from, int64_t to)
{
	int64_t least = machine_interval_ns(w) * 5 / 2, first;

	least -= least / 1000;
	if (d->last < 0 || to - d->last >= least)
		return true;
	first = d->n_gaps > 16 ? d->n_gaps - 16 : 0;
	for (int64_t i = first; i < d->n_gaps; i++)
		if (d->gap[i % 16].to >= from && d->gap[i % 16].from <= to &&
			d->gap[i % 16].to - d->gap[i % 16].from >= least)
			return true;
	return false;
}

/* The last delivery up to t; -1 = none. */
static int64_t
last_before(const struct delivery *d, int64_t t)
{
	int64_t best = -1;

	for (unsigned i = 0; i < 16 && i < d->n; i++)
		if (d->recent[i] <= t && d->recent[i] > best)
			best = d->recent[i];
	/* all that are remembered came later */
	return best < 0 && d->n > 0 ? t : best;
}

/* Was the network cut at `since` as documented, so that the later one could not know better? */
static bool
excused_by_network(struct world *w, int64_t since)
{
	const struct contact *c = &w->contact;
	int later = w->safety.later;
	const struct delivery *to_later = &c->read[!later], *to_first = &c->read[later];
	int64_t detection = machine_least_detection_ns(w), last;

	/* a process that has not met the other one yet knows its own times only */
	if (c->node[later].peer == 0)
		detection = w->m[later].conf.failover_ms * NS_PER_MS;
	/* what came between the decision and its store could not be known */
	if (since == w->m[later].gate.opened)
		since = w->m[later].gate.decided;
	last = last_before(to_later, since);
	if (last >= 0 && since - last < detection - detection / 1000)
		return false;
	/* … and waits by them: the other one's lease may be longer */
	if (c->node[later].peer == 0 && w->m[A].conf.failover_ms != w->m[B].conf.failover_ms)
		return true;
	return had_gap(w, to_first, last < 0 ? 0 : last, since);
}

static enum exemption
kind_of_partition(const struct world *w)
{
	const struct contact *c = &w->contact;

	if ((w->m[A].up && w->m[B].up) &&
		(c->node[A].peer != w->m[B].life || c->node[B].peer != w->m[A].life))
		return EXEMPT_NEVER_HEARD;
	return EXEMPT_PARTITION;
}

/* Both directions work again: how long that may last. */
static bool
healed_too_long(const struct world *w, int64_t t)
{
	const struct delivery *d = w->contact.read;
	int64_t limit = machine_interval_ns(w) * 5 / 2, since = w->safety.both_since;

	for (int i = 0; i < 2; i++) {
		if (d[i].run_began == NEVER || t - d[i].last >= limit)
			return false;
		if (d[i].run_began > since)
			since = d[i].run_began;
	}
	return t - since > 2 * machine_detection_ns(w);
}

/*
 * With wires that work the exposure after a pause is one interval and the way of one frame; two
 * more when the other one has restarted meanwhile, since there must be a session before anything is
 * read.
 */
static void
check_pause(struct world *w, int64_t to)
{
	const struct setup *s = &w->plan->setup;
	int64_t limit = machine_interval_ns(w) * 3 / 2 + s->delay_ns + s->jitter_ns +
			4 * s->latency_hi_ns + w->m[A].slow_gate_ns + w->m[B].slow_gate_ns;
	bool met =
		w->contact.node[A].peer == w->m[B].life && w->contact.node[B].peer == w->m[A].life;
	int64_t since = w->safety.both_since;
	bool works = w->liveness.lossy == 0 && machine_runs(&w->m[A]) && machine_runs(&w->m[B]);

	for (unsigned p = 0; p < s->n_ports; p++)
		works = works && net_passes(w, p, A) && net_passes(w, p, B);
	if (w->liveness.disturbed_at > since)
		since = w->liveness.disturbed_at;
	if (!met)
		w->safety.strangers = true;
	if (w->safety.strangers)
		limit += 2 * machine_interval_ns(w);
	if (works && to - since > limit)
		world_fail(w, "pause-long", "both gates are open since %.6f after a pause",
			(double)w->safety.both_since / 1e9);
}

static void
judge_both_open(struct world *w, int64_t from, int64_t to)
{
	struct safety *s = &w->safety;

	if (contact_strangers(w)) {
		s->kind = EXEMPT_STRANGERS;
		return;
	}
	if (!s->judged && (excused_by_pause(w, A, from, to) || excused_by_pause(w, B, from, to))) {
		s->kind = EXEMPT_PAUSE;
		check_pause(w, to);
		if (to - s->both_since <= machine_detection_ns(w))
			return;
		/* no word for so long: the wires are cut, too, and that is what counts from here */
		s->judged = true;
		s->kind = kind_of_partition(w);
	}
	if (!s->judged) {
		s->judged = true;
		s->kind = kind_of_partition(w);
		if (!excused_by_network(w, s->both_since))
			world_fail(w, "both-open",
				"both gates are open since %.6f (%c opened second), until %.6f at "
				"least, and the network does not excuse it",
				(double)s->both_since / 1e9, 'a' + s->later, (double)to / 1e9);
	}
	if (healed_too_long(w, to))
		world_fail(w, "conflict-lasts",
			"both gates are open since %.6f, both directions deliver since long",
			(double)s->both_since / 1e9);
}

static void
end_both_open(struct world *w, int64_t t)
{
	struct safety *s = &w->safety;

	if (!s->both)
		return;
	s->both = false;
	w->stats.exempt[s->kind]++;
	if (t - s->both_since > w->stats.exempt_worst_ns[s->kind])
		w->stats.exempt_worst_ns[s->kind] = t - s->both_since;
	trace_line(w, TRACE_CHANGES, -1, "both open", "for %.3f ms: %s",
		(double)(t - s->both_since) / 1e6, exemption_words[s->kind]);
}

static void
check_drain(struct world *w, int node, int64_t to)
{
	const struct machine *m = &w->m[node];
	int64_t drained = to - m->gate.drain_stored - stood_still(w, node, 0, to) +
			  stood_still(w, node, 0, m->gate.drain_stored);
	int64_t limit = GATE_DRAIN_MAX_MS * NS_PER_MS;

	/* 200 ppm slow at most */
	if (drained > limit + limit / 1000)
		world_fail(w, "drain-long", "%c drains since %.6f", 'a' + node,
			(double)m->gate.drain_stored / 1e9);
	if (drained > w->stats.drain_worst_ns)
		w->stats.drain_worst_ns = drained;
}

void
safety_segment(struct world *w, int64_t from, int64_t to, const enum gate_position pos[2])
{
	struct safety *s = &w->safety;

	for (int n = 0; n < 2; n++)
		if (pos[n] == GATE_DRAINING)
			check_drain(w, n, to);
	if (pos[A] == GATE_DRAINING && pos[B] == GATE_DRAINING)
		world_fail(w, "both-drain", "both gates drain");
	if (pos[A] != GATE_OPEN || pos[B] != GATE_OPEN) {
		end_both_open(w, from);
		return;
	}
	if (!s->both) {
		s->both = true;
		s->both_since = from;
		s->later = w->m[A].gate.opened > w->m[B].gate.opened ? A : B;
		s->judged = s->strangers = false;
		s->told_new[A] = s->told_new[B] = NEVER;
	}
	judge_both_open(w, from, to);
}

void
safety_told(struct world *w, int node, const struct packet *p)
{
	struct safety *s = &w->safety;

	if (s->both && s->told_new[node] == NEVER && p->sent >= w->m[!node].gate.opened &&
		contact_reads(w, node, p))
		s->told_new[node] = w->now;
}

void
safety_stored(struct world *w, int node, int64_t now, int64_t open_until, int64_t drain_until)
{
	const struct machine *m = &w->m[node];
	bool opens = open_until > now, drains = drain_until > now;
	int64_t before = m->gate.open_until;
	int64_t limit = drains ? GATE_DRAIN_MAX_MS * NS_PER_MS : w->safety.lease_max_ns;

	if (!opens)
		return;
	if (m->role != ROLE_ACTIVE && m->role != ROLE_DRAINING)
		world_fail(w, "opens-without-role", "%c opens its gate as %d", 'a' + node, m->role);
	if (drains != (m->role == ROLE_DRAINING))
		world_fail(w, "drains-without-role", "%c drains as %d", 'a' + node, m->role);
	if (m->conf.enabled && open_until > now + limit)
		world_fail(w, "lease-long", "%c stores a word %.3f ms ahead", 'a' + node,
			(double)(open_until - now) / 1e6);
	/* judged at the time of the decision: a store that comes late only stores what was right */
	if (before > 0 && before <= m->status.now.ns && m->role == ROLE_ACTIVE &&
		m->status.role_since.ns <= before)
		world_fail(w, "lease-revived", "%c renews a word that has run out %.3f ms ago",
			'a' + node, (double)(now - before) / 1e6);
	if (drains && m->gate.drain_until > now && drain_until > m->gate.drain_until)
		world_fail(w, "drain-renewed", "%c drains longer than it said", 'a' + node);
	if (before <= now && m->syncer.part != SYNC_ACTIVE && m->syncer.part != SYNC_PREPARE)
		world_fail(w, "sync-late", "%c opens before state sync knows", 'a' + node);
}

void
safety_acted(struct world *w, int node)
{
	const struct machine *m = &w->m[node];

	if (m->role != ROLE_ACTIVE && m->role != ROLE_DRAINING &&
		m->gate.open_until > simclock_at(&m->clock, w->now))
		world_fail(w, "open-without-role", "%c is %d and its gate is open", 'a' + node,
			m->role);
}

/* Both active with one term while both hear each other: they would never agree. */
static void
check_terms(struct world *w)
{
	const struct machine *a = &w->m[A], *b = &w->m[B];
	const struct delivery *d = w->contact.read;
	int64_t limit = machine_interval_ns(w) * 5 / 2;
	bool same = a->up && b->up && a->role == ROLE_ACTIVE && b->role == ROLE_ACTIVE &&
		    a->term == b->term && d[A].run_began != NEVER && d[B].run_began != NEVER &&
		    w->now - d[A].last < limit && w->now - d[B].last < limit;

	if (!same)
		w->safety.same_term_since = NEVER;
	else if (w->safety.same_term_since == NEVER)
		w->safety.same_term_since = w->now;
	else if (w->now - w->safety.same_term_since > 2 * machine_detection_ns(w))
		world_fail(w, "same-term", "both are active with term %llu since %.6f",
			(unsigned long long)a->term, (double)w->safety.same_term_since / 1e9);
}

void
safety_stepped(struct world *w, int node)
{
	struct machine *m = &w->m[node];
	int64_t lease = machine_detection_ns(w) * 8 / 10;
	uint64_t expected =
		(uint64_t)((w->now - m->life_began) / (m->least_interval_ms * NS_PER_MS));

	if (lease > w->safety.lease_max_ns)
		w->safety.lease_max_ns = lease;
	if (m->status.term < m->term)
		world_fail(w, "term-falls", "%c had term %llu, has %llu", 'a' + node,
			(unsigned long long)m->term, (unsigned long long)m->status.term);
	m->term = m->status.term;
	/* a drain looks at its gate every half millisecond for 50 ms */
	if (m->ticks > 1000 + 10 * expected)
		world_fail(w, "busy-loop", "%c ticked %llu times", 'a' + node,
			(unsigned long long)m->ticks);
	check_terms(w);
}

void
safety_sent(struct world *w, int node, unsigned port, const uint8_t *data, size_t len)
{
	struct machine *m = &w->m[node];
	struct rd r = rd_init(data, len);
	int64_t window = w->now / (10 * m->conf.interval_ms * NS_PER_MS);
	uint64_t session, counter;
	unsigned kind, index;
	bool form;

	form = rd_u16(&r) == FRAME_MAGIC && rd_u8(&r) == FRAME_VERSION;
	kind = rd_u8(&r);
	form = form && rd_u16(&r) == m->conf.cluster_id;
	index = rd_u16(&r);
	(void)rd_u32(&r);
	session = rd_u64(&r);
	counter = rd_u64(&r);
	if (!form || index != m->conf.ports[port].index || kind < FRAME_HELLO ||
		kind > FRAME_GOODBYE || !m->conf.ports[port].heartbeats)
		world_fail(w, "frame-form", "%c sends a frame of kind %u, index %u on port %u",
			'a' + node, kind, index, port);
	if (!m->conf.enabled || m->exiting)
		world_fail(w, "frame-unasked", "%c sends a frame of kind %u", 'a' + node, kind);
	/* a counter is a nonce: never twice under one session */
	if (kind != FRAME_HELLO && w->safety.counter[node] &&
		(session != w->safety.session[node] || counter <= w->safety.counter[node]))
		world_fail(w, "nonce-reused", "%c sends counter %llu after %llu", 'a' + node,
			(unsigned long long)counter, (unsigned long long)w->safety.counter[node]);
	if (kind != FRAME_HELLO) {
		w->safety.session[node] = session;
		w->safety.counter[node] = counter;
	}
	if (w->safety.sent[node][port].window != window)
		w->safety.sent[node][port].n = 0;
	w->safety.sent[node][port].window = window;
	if (++w->safety.sent[node][port].n > 60)
		world_fail(w, "frame-flood", "%c sends more than 60 frames in ten intervals on %s",
			'a' + node, m->conf.ports[port].name);
}

void
safety_exited(struct world *w, int node)
{
	const struct machine *m = &w->m[node];

	if (!m->stopping || m->gate.open_until > simclock_at(&m->clock, w->now))
		world_fail(w, "exit", "%c exits unasked or with an open gate", 'a' + node);
}
