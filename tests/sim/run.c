/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One run: from a plan to a verdict. */
#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "sim.h"

struct world *
world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));

	if (!w)
		abort();
	for (int i = 0; i < 2; i++) {
		/* rounded up as aligned_alloc() wants it */
		w->m[i].core = aligned_alloc(16, (node_size() + 15) / 16 * 16);
		if (!w->m[i].core)
			abort();
	}
	return w;
}

void
world_free(struct world *w)
{
	free(w->m[A].core);
	free(w->m[B].core);
	free(w);
}

void
world_fail(struct world *w, const char *rule, const char *fmt, ...)
{
	struct verdict *v = &w->verdict;
	va_list ap;

	if (v->failed)
		return;
	v->failed = true;
	v->at = w->watched > w->now ? w->watched : w->now;
	snprintf(v->rule, sizeof(v->rule), "%s", rule);
	va_start(ap, fmt);
	vsnprintf(v->text, sizeof(v->text), fmt, ap);
	va_end(ap);
	trace_line(w, TRACE_CHANGES, -1, "VIOLATED", "%s: %s", v->rule, v->text);
}

static void
world_init(struct world *w, const struct plan *p, uint64_t seed, enum trace_level trace)
{
	w->now = w->watched = 0;
	w->plan = p;
	w->seed = seed;
	w->trace = trace;
	w->fdb = -1;
	w->fdb_moved = 0;
	w->next_id = 0;
	w->timers_before = w->timers_until = 0;
	w->verdict = (struct verdict){0};
	w->stats = (struct stats){0};
	heap_init(&w->heap);
	net_init(w);
	contact_init(w);
	machine_init(w, A);
	machine_init(w, B);
	safety_init(w);
	liveness_init(w);
	agree_init(w);
	expect_init(w);
}

static void
happen(struct world *w, const struct hap *h)
{
	int node = hap_node(h);

	switch (h->kind) {
	case HAP_STEP:
		fault_begin(w, h->arg);
		break;
	case HAP_UNDO:
		fault_end(w, h->arg);
		break;
	case HAP_ARRIVE:
		net_arrive(w, node, h->arg);
		break;
	case HAP_WAKE:
		engine_wake(w, node, h->arg);
		break;
	case HAP_ACT:
		if (w->m[node].up && w->m[node].busy && w->m[node].life == h->arg)
			engine_act(w, node);
		break;
	case HAP_GATE:
		gate_look(w, node, h->arg);
		break;
	case HAP_LINK:
		engine_link(w, node, h->arg);
		break;
	case HAP_SYNC:
		syncer_look(w, node, h->arg);
		break;
	case HAP_FLUSH:
		syncer_flushed(w, node, h->arg);
		break;
	case HAP_HEALTH:
		engine_health(w, node);
		break;
	case HAP_FORWARD:
		liveness_disturbed(w, liveness_after_start_ns(w, node, false));
		break;
	case HAP_OUTSIDE:
		outside_speak(w, h->arg);
		break;
	case HAP_LOOK:
		break;
	}
}

void
world_run(struct world *w, const struct plan *p, uint64_t seed, enum trace_level trace)
{
	struct hap h;

	world_init(w, p, seed, trace);
	for (size_t i = 0; i < p->n_steps; i++)
		heap_push(&w->heap, p->step[i].at, -1, HAP_STEP, (uint32_t)i);
	heap_push(&w->heap, p->setup.end_ns, -1, HAP_LOOK, 0);
	while (!w->verdict.failed && heap_pop(&w->heap, &h) && h.t <= p->setup.end_ns) {
		assert(h.t >= w->now);
		watch_until(w, h.t);
		if (w->verdict.failed)
			break;
		w->now = h.t;
		w->stats.events++;
		happen(w, &h);
	}
	if (!w->verdict.failed)
		expect_finish(w);
	w->stats.runs = 1;
	w->stats.virtual_ns = w->now;
}
