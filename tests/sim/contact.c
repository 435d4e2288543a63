/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who can read whom: the checkers' own model of the handshake, kept from the frames that really
 * went over the simulated wires. Hellos carry the sender's challenge and echo the one it heard
 * last; who gets his own present challenge back can read the sender from then on, and draws a new
 * one.
 */
#include <string.h>
#include "sim.h"
#include "core/hb/frame.h"

static void
delivery_clear(struct delivery *d)
{
	*d = (struct delivery){.last = -1, .run_began = NEVER};
}

void
contact_init(struct world *w)
{
	memset(&w->contact, 0, sizeof(w->contact));
	for (int i = 0; i < 2; i++) {
		delivery_clear(&w->contact.read[i]);
		delivery_clear(&w->contact.raw[i]);
	}
}

bool
contact_strangers(const struct world *w)
{
	const struct node_setup *n = w->plan->setup.node;

	return n[A].key != n[B].key || n[A].cluster != n[B].cluster || !n[A].enabled ||
	       !n[B].enabled;
}

void
contact_born(struct world *w, int node)
{
	memset(&w->contact.node[node], 0, sizeof(w->contact.node[node]));
	w->contact.node[node].challenge = 1;
	/* what went to or came from the process before is of no use to this one */
	for (int i = 0; i < 2; i++) {
		w->contact.read[i].run_began = NEVER;
		w->contact.raw[i].run_began = NEVER;
	}
}

void
contact_sent(const struct world *w, int node, struct packet *p)
{
	p->heard_life = w->contact.node[node].heard_life[p->out];
	p->heard_challenge = w->contact.node[node].heard_challenge[p->out];
	p->challenge = w->contact.node[node].challenge;
	p->sealed_for = w->contact.node[node].peer;
}

bool
contact_reads(const struct world *w, int node, const struct packet *p)
{
	const struct machine *m = &w->m[node];

	/* what comes in on another port than its twin's is no path */
	return m->up && !p->copy && p->port == p->out && p->kind != FRAME_HELLO &&
	       p->life == w->m[!node].life && p->sealed_for == m->life &&
	       w->contact.node[node].peer == p->life;
}

static void
delivered(struct world *w, struct delivery *d, bool kept)
{
	int64_t limit = machine_interval_ns(w) * 5 / 2;

	if (d->last < 0 || d->run_began == NEVER || w->now - d->last >= limit) {
		unsigned i = d->n_gaps++ % 16;

		d->gap[i].from = d->last;
		d->gap[i].to = w->now;
		d->run_began = w->now;
	}
	d->last = w->now;
	if (kept)
		d->recent[d->n++ % 16] = w->now;
}

void
contact_arrived(struct world *w, int node, const struct packet *p)
{
	bool kept = w->m[node].paused == 0 || !w->m[node].deaf;

	struct delivery *read = &w->contact.read[p->from];
	bool fresh = p->life != read->life || p->said > read->newest;

	if (contact_reads(w, node, p) && fresh) {
		read->life = p->life;
		read->newest = p->said;
		delivered(w, read, kept);
	}
	if (!p->copy && p->port == p->out && w->m[node].up && p->life == w->m[p->from].life)
		delivered(w, &w->contact.raw[p->from], kept);
}

void
contact_told(struct world *w, int node, const struct packet *p)
{
	struct machine *m = &w->m[node];

	if (p->forged || p->kind != FRAME_HELLO || contact_strangers(w))
		return;
	/* an own hello, played back: the process knows its own ones, not those of its forerunners
	 */
	if (p->from == node) {
		if (p->life != m->life && p->port == p->out)
			w->contact.node[node].heard_life[p->port] = 0;
		return;
	}
	if (p->port == p->out) {
		w->contact.node[node].heard_life[p->port] = p->life;
		w->contact.node[node].heard_challenge[p->port] = p->challenge;
	}
	if (p->heard_life == m->life && p->heard_challenge == w->contact.node[node].challenge &&
		w->contact.node[node].peer != p->life) {
		w->contact.node[node].peer = p->life;
		w->contact.node[node].challenge++;
	}
}
