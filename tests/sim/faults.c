/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Carries out the steps of a plan, and takes back those that last for a time. */
#include "sim.h"

/* A new configuration is known to both nodes after this time at the latest, unless they are cut. */
#define TIMERS_KNOWN_NS (5 * NS_PER_S)

static void
each_wire(struct world *w, const struct step *s, int more)
{
	for (unsigned p = 0; p < w->plan->setup.n_ports; p++) {
		for (unsigned d = 0; d < 2; d++) {
			struct wire *l = &w->net.wire[p][d];

			if (!(s->ports >> p & 1) || !(s->dirs >> d & 1))
				continue;
			switch (s->verb) {
			case DO_CUT:
				l->cut += l->cut + more < 0 ? 0 : more;
				break;
			case DO_HEAL:
				l->cut = l->loss = l->duplicate = l->reorder = l->replay = 0;
				l->delay_ns = 0;
				break;
			case DO_LOSS:
				l->loss += more * (int)s->value;
				break;
			case DO_DUPLICATE:
				l->duplicate += more * (int)s->value;
				break;
			case DO_REORDER:
				l->reorder += more * (int)s->value;
				break;
			case DO_REPLAY:
				l->replay += more * (int)s->value;
				break;
			case DO_DELAY:
				l->delay_ns += more * s->value;
				break;
			default: /* the other verbs are not about wires */
				break;
			}
		}
	}
}

static void
add(int *counter, int more)
{
	if (*counter + more >= 0)
		*counter += more;
}

/* The kernels of both nodes look at a port again. */
static void
port_changed(struct world *w, unsigned port)
{
	engine_link_changed(w, A, port);
	engine_link_changed(w, B, port);
}

/* Both nodes lose or gain the same carrier at the same time. */
static void
port_switched(struct world *w, unsigned port, int more)
{
	add(&w->net.switched_off[port], more);
	engine_links_changed(w, port);
}

static void
each_port(struct world *w, const struct step *s, int more)
{
	bool swap = s->verb == DO_SWAP, slow = s->verb == DO_SLOW_PORT;
	bool outside = s->verb == DO_FOREIGN || s->verb == DO_GARBAGE || s->verb == DO_OLD;

	for (unsigned p = 0; p < w->plan->setup.n_ports; p++) {
		if (!(s->ports >> p & 1) || s->dirs || outside || s->verb == DO_WEIGHT)
			continue;
		if (s->verb == DO_SWITCH_OFF || s->verb == DO_SWITCH_ON) {
			port_switched(w, p, more);
			continue;
		}
		for (int n = 0; n < 2; n++) {
			if (!(s->nodes >> n & 1))
				continue;
			if (s->verb == DO_UNREADY)
				add(&w->net.unready[n][p], more);
			else if (s->verb == DO_REMOVE)
				add(&w->net.removed[n][p], more);
			else if (s->verb == DO_UNPLUG || s->verb == DO_PLUG)
				add(&w->net.unplugged[n][p], more);
			else if (slow)
				w->net.slow_ns[n][p] += more * s->value;
		}
		if (!swap && !slow)
			port_changed(w, p);
	}
}

/* A longer failover time must not bring the detection time below what a lease was made with. */
static void
new_configuration(struct world *w, const struct step *s, int node)
{
	struct ha_conf *c = &w->m[node].conf;

	c->revision++;
	if (s->verb == DO_TIMERS) {
		int64_t before = machine_least_detection_ns(w);

		w->timers_before = before;
		w->timers_until = w->now + TIMERS_KNOWN_NS;
		c->interval_ms = (uint32_t)s->value;
		if (c->interval_ms < w->m[node].least_interval_ms)
			w->m[node].least_interval_ms = c->interval_ms;
		c->failover_ms = (uint32_t)s->value2;
		c->initial_silence_ms = (uint32_t)s->value3;
	} else {
		for (unsigned p = 0; p < c->n_ports; p++)
			if (s->ports >> p & 1 && !c->ports[p].sync)
				c->ports[p].weight = (uint16_t)s->value;
	}
	machine_configure(w, node);
}

static void
give_command(struct world *w, const struct step *s, int node)
{
	struct event ev = {.kind = EV_COMMAND};

	ev.command.cmd = (enum command)s->value;
	ev.command.id = ++w->next_id;
	ev.command.force = s->value2;
	if (!w->m[node].up)
		return;
	liveness_command(w, node, ev.command.id);
	engine_tell(w, node, &ev);
}

/* What a step does to what surrounds its engine */
static void
each_surrounding(struct world *w, const struct step *s, int node, int more)
{
	struct machine *m = &w->m[node];
	bool begins = more > 0;

	switch (s->verb) {
	case DO_SLOW_GATE:
		m->slow_gate_ns += more * s->value;
		break;
	case DO_SLOW_ANNOUNCE:
		m->slow_announce_ns += more * s->value;
		break;
	case DO_DISK:
		m->disks = begins ? (uint8_t)s->value : 100;
		engine_health_changed(w, node);
		break;
	case DO_MONITOR:
		add(&m->monitor_lost[s->value % MONITORS], more);
		engine_health_changed(w, node);
		break;
	case DO_SYNC_RESTART:
		syncer_gone(w, node, more);
		break;
	case DO_BARRIER:
		m->barrier_ns = begins ? s->value : w->plan->setup.barrier_ns;
		break;
	case DO_DRIFT:
		simclock_set(&m->clock, w->now,
			begins ? (int)s->value : w->plan->setup.node[node].ppm, m->clock.standing);
		gate_refresh(w, node);
		break;
	case DO_SYNC_LOST:
		add(&m->syncer.lost, more);
		break;
	default: /* the other verbs are about wires and ports */
		break;
	}
}

/* What a step does to one node when it begins (more = 1) or ends (-1). */
static void
each_node(struct world *w, const struct step *s, int node, int more)
{
	struct machine *m = &w->m[node];
	bool begins = more > 0;

	switch (s->verb) {
	case DO_POWER_OFF:
		begins ? machine_power_off(w, node) : machine_power_on(w, node);
		break;
	case DO_POWER_ON:
		machine_power_on(w, node);
		break;
	case DO_CRASH:
	case DO_CRASH_ALL:
		if (begins)
			machine_die(w, node, s->verb == DO_CRASH);
		else
			machine_start(w, node, s->verb == DO_CRASH);
		break;
	case DO_START:
	case DO_RESTART:
		machine_start(w, node, s->verb == DO_RESTART);
		break;
	case DO_STOP:
		if (begins && m->up && !m->stopping) {
			m->stopping = true;
			engine_tell(w, node, &(struct event){.kind = EV_STOP});
		} else if (!begins) {
			machine_start(w, node, false);
		}
		break;
	case DO_FREEZE:
		machine_freeze(w, node, more);
		break;
	case DO_PAUSE:
	case DO_PAUSE_DEAF:
	case DO_PAUSE_JUMP:
		machine_pause(w, node, more, s->verb);
		break;
	case DO_JUMP:
		if (begins)
			machine_jump(w, node, s->value);
		break;
	case DO_SWAP:
		net_swap(w, node, s->ports);
		for (unsigned p = 0; p < w->plan->setup.n_ports; p++)
			port_changed(w, p);
		break;
	case DO_COMMAND:
		give_command(w, s, node);
		break;
	case DO_TIMERS:
	case DO_WEIGHT:
		new_configuration(w, s, node);
		break;
	default:
		each_surrounding(w, s, node, more);
		break;
	}
}

/* Steps while which frames may be lost or late as chance wills: nothing can be demanded of it. */
static bool
is_lossy(const struct world *w, const struct step *s)
{
	/* a few lost frames among several paths change nothing */
	return (s->verb == DO_LOSS && (s->value > 3 || w->plan->setup.n_ports < 2)) ||
	       s->verb == DO_DELAY || s->verb == DO_REORDER || s->verb == DO_SLOW_GATE ||
	       s->verb == DO_SLOW_ANNOUNCE || s->verb == DO_OLD;
}

/* After carrier comes back somewhere, a node that had none listens for InitialSilence. */
static int64_t
settle_ns(const struct world *w, const struct step *s, int more)
{
	bool up = s->verb == DO_PLUG || s->verb == DO_SWITCH_ON ||
		  (more < 0 && (s->verb == DO_UNPLUG || s->verb == DO_SWITCH_OFF ||
				       s->verb == DO_REMOVE || s->verb == DO_SWAP));
	int64_t a = liveness_after_start_ns(w, A, false), b = liveness_after_start_ns(w, B, false);

	if (s->verb == DO_STOP)
		return 2 * NS_PER_S; /* it tries to hand over for a second */
	if (s->verb == DO_TIMERS)
		return TIMERS_KNOWN_NS;
	if (!up)
		return 0;
	return a > b ? a : b;
}

static void
apply(struct world *w, const struct step *s, int more)
{
	int sign = s->verb == DO_PLUG || s->verb == DO_SWITCH_ON ? -more : more;
	char text[200];

	step_fmt(w->plan, s, text, sizeof(text));
	trace_line(w, TRACE_CHANGES, -1, more > 0 ? "begin" : "end", "%s", text);
	agree_begins(w, s);
	each_wire(w, s, more);
	each_port(w, s, sign);
	for (int n = 0; n < 2; n++)
		if (s->nodes >> n & 1)
			each_node(w, s, n, more);
	net_carriers(w);
	if (more > 0 && (s->verb == DO_FOREIGN || s->verb == DO_GARBAGE || s->verb == DO_OLD))
		outside_speak(w, (size_t)(s - w->plan->step));
	if (is_lossy(w, s))
		w->liveness.lossy += more;
	if (s->verb != DO_COMMAND)
		liveness_disturbed(w, settle_ns(w, s, more));
}

void
fault_begin(struct world *w, size_t step)
{
	const struct step *s = &w->plan->step[step];

	apply(w, s, 1);
	if (s->span > 0)
		heap_push(&w->heap, w->now + s->span, -1, HAP_UNDO, (uint32_t)step);
}

void
fault_end(struct world *w, size_t step)
{
	apply(w, &w->plan->step[step], -1);
}
