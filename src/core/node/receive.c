/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames in: filter, authenticate, judge the wire, believe. */
#include <string.h>
#include "core/node/impl.h"

/* Frames of this kind come in here: told when that begins, and again if it goes on for long. */
static void
complain(struct node *n, const struct event *ev, enum note_id id, uint32_t number,
	struct actions *out)
{
	struct frame_alarm *a = &n->ports[ev->frame.port].alarms[id - NOTE_VERSION_DIFFERS];
	bool begins = !a->seen.ns || instant_sub(ev->now, a->seen) >= ALARM_OVER_NS;

	a->seen = ev->now;
	a->mac = ev->frame.source;
	a->number = number;
	if (!begins && instant_sub(ev->now, a->told) < ALARM_AGAIN_NS)
		return;
	a->told = ev->now;
	node_note(out, id, ev->now, ev->frame.port, (int64_t)a->mac, number, n->conf.cluster_id);
}

static void
refuse(struct node *n, enum frame_reject r, const struct frame_header *h, const struct event *ev,
	struct actions *out)
{
	const struct ha_port *c = &n->conf.ports[ev->frame.port];
	bool alive = n->peer.state == PEER_ALIVE;

	n->refused.count[r]++;
	switch (r) {
	case REJECT_VERSION:
		complain(n, ev, NOTE_VERSION_DIFFERS, h->version, out);
		break;
	case REJECT_KEY:
		complain(n, ev, alive ? NOTE_FOREIGN_CLUSTER : NOTE_KEY_DIFFERS, 0, out);
		break;
	case REJECT_WIRING:
		complain(n, ev, NOTE_WIRING, h->index, out);
		break;
	case REJECT_SESSION:
		/* the peer does not know that this process is new, or the reverse */
		n->ports[ev->frame.port].hello_due = true;
		break;
	case REJECT_CLUSTER:
		/* on a shared network that is no fault; on the sync interface it may be the peer */
		if (c->sync && !alive)
			complain(n, ev, NOTE_CLUSTER_DIFFERS, h->cluster, out);
		break;
	case REJECT_SEAL:
		if (!n->peer.sent.ns)
			break; /* sealed for the process that was here before: the peer learns of
				  this one */
		complain(n, ev, NOTE_FORGED, 0, out);
		break;
	case REJECT_OWN:
		complain(n, ev, NOTE_LOOP, 0, out);
		break;
	case FRAME_OK:
	case REJECT_TRUNCATED:
	case REJECT_MAGIC:
	case REJECT_KIND:
	case REJECT_REPLAY:
	case REJECT_CONTENT:
	case REJECT_PORT:
	case _REJECT_MAX:
		break;
	}
}

/* Another process speaks for the peer now: nothing that the old one said counts any more. */
static void
peer_restarted(struct node *n, struct instant now, struct actions *out)
{
	n->peer.claim = (struct claim){0};
	n->peer.claim_counter = 0;
	n->peer.sent = n->peer.echoed = INSTANT_ZERO;
	n->peer.comeback = now;
	n->peer.goodbye = n->peer.presumed = false;
	n->timers.known_ms = 0;
	/* it listens for a moment only if it was started again on a machine that kept running */
	n->next_heartbeat = instant_min(n->next_heartbeat, now);
	if (n->peer.known)
		node_note(out, NOTE_PEER_RESTARTED, now, 0, 0, 0, 0);
}

static void
measure_rtt(struct node_port *p, const struct heartbeat *hb, struct instant heard)
{
	int64_t rtt = instant_sub(heard, hb->echo) / NS_PER_US - hb->echo_age_us;

	if (!hb->echo.ns || rtt < 0 || rtt > 10 * NS_PER_S / NS_PER_US)
		return;
	p->rtt_us = p->rtt_us ? (uint32_t)((p->rtt_us * UINT64_C(7) + (uint64_t)rtt) / 8)
			      : (uint32_t)rtt;
}

/*
 * The standby speaks right after the active node, so that its echo is young when it arrives: that
 * is worth most of an interval of the active node's lease. At most twice the usual rate.
 */
static void
fall_into_step(struct node *n, struct instant now, const struct claim *peer)
{
	if (peer->role == ROLE_ACTIVE && n->elect.role != ROLE_ACTIVE &&
		instant_sub(now, n->last_heartbeat) * 2 >= n->conf.interval_ms * NS_PER_MS)
		n->next_heartbeat = instant_min(n->next_heartbeat, now);
}

/*
 * The first frame after a silence stands for an echo, since the peer's own may be as old as its
 * sleep. But not for more than the peer itself counts: it may open when it has counted to the
 * detection time. One that has counted so far already was parted from this node, see election.md.
 */
static struct instant
stands_for_echo(const struct node *n, const struct heartbeat *hb, struct instant heard)
{
	int64_t silence = hb->silence_us * NS_PER_US;

	return silence < node_detection_ns(n) ? instant_add(heard, -silence) : heard;
}

/* The process that was taken for dead speaks again: it, or the way to it, had stood still. */
static void
count_scare(struct node *n, struct instant now)
{
	struct instant *s = n->peer.scares;

	if (!n->peer.presumed)
		return;
	n->peer.presumed = false;
	memmove(&s[1], &s[0], (NODE_SCARES - 1) * sizeof(s[0]));
	s[0] = now;
}

static void
believe(struct node *n, const struct event *ev, const struct frame_header *h,
	const struct heartbeat *hb, struct actions *out)
{
	struct instant heard = instant_add(ev->now, -ev->frame.age_ns);
	struct node_port *p = &n->ports[ev->frame.port];
	bool goodbye = h->kind == FRAME_GOODBYE, fresh = instant_before(n->peer.sent, hb->sent);

	n->heard++;
	p->n_heard++;
	p->heard = instant_max(p->heard, heard);
	measure_rtt(p, hb, heard);
	if (h->counter > n->peer.claim_counter) {
		n->peer.claim_counter = h->counter;
		n->peer.claim = hb->claim;
		memcpy(n->peer.hears, hb->heard, sizeof(n->peer.hears));
		memcpy(n->peer.up, hb->up, sizeof(n->peer.up));
	}
	fall_into_step(n, ev->now, &hb->claim);
	if (fresh) {
		n->peer.sent = hb->sent;
		n->peer.sent_heard = heard;
	}
	/* an echo from the future cannot be one */
	if (!instant_before(ev->now, hb->echo))
		n->peer.echoed = instant_max(n->peer.echoed, hb->echo);
	node_timers_echoed(n);
	if (goodbye && h->counter >= n->peer.claim_counter) {
		n->peer.goodbye = true;
		return;
	}
	if (n->peer.goodbye)
		return; /* a straggler that left before the goodbye */
	if (!fresh)
		return; /* said before what was heard already: a slow wire is no sign of life */
	detect_heard(&n->detect, ev->now, ev->frame.age_ns);
	n->peer.quiet = false;
	if (n->peer.state != PEER_ALIVE) {
		node_note(
			out, n->peer.known ? NOTE_PEER_BACK : NOTE_PEER_ALIVE, ev->now, 0, 0, 0, 0);
		count_scare(n, ev->now);
		n->peer.state = PEER_ALIVE;
		n->peer.known = true;
		n->peer.comeback = stands_for_echo(n, hb, heard);
		n->next_heartbeat = instant_min(n->next_heartbeat, ev->now);
		/* it may have been active meanwhile, and have given way before it could say so */
		if (n->elect.role == ROLE_ACTIVE)
			node_announce_restart(n, ev->now);
	}
}

static enum frame_reject
receive_hello(
	struct node *n, const struct event *ev, const struct frame_header *h, struct actions *out)
{
	struct node_port *p = &n->ports[ev->frame.port];
	enum session_news news = SESSION_NOTHING;
	enum frame_reject r;

	r = session_open_hello(&n->session, h, ev->frame.data, &news);
	if (r != FRAME_OK)
		return r;
	/* a swapped cable makes the wire bad, not what was said: the peer's process is a new one */
	if (news == SESSION_NEW_PEER)
		peer_restarted(n, ev->now, out);
	if (h->index != n->conf.ports[ev->frame.port].index)
		return REJECT_WIRING;
	/* answered on its own wire: old hellos that somebody plays there spoil that wire only */
	p->heard_session = n->session.heard_session;
	p->heard_challenge = n->session.heard_challenge;
	switch (news) {
	case SESSION_NEW_PEER:
	case SESSION_ANSWER:
		p->hello_due = true;
		break;
	case SESSION_NOTHING:
		break;
	}
	return FRAME_OK;
}

static enum frame_reject
receive_sealed(
	struct node *n, const struct event *ev, const struct frame_header *h, struct actions *out)
{
	uint8_t plain[FRAME_MAX];
	struct heartbeat hb;
	enum frame_reject r;
	size_t len;

	r = session_open(&n->session, h, ev->frame.data, plain, sizeof(plain), &len);
	if (r != FRAME_OK)
		return r;
	if (h->index != n->conf.ports[ev->frame.port].index)
		return REJECT_WIRING;
	if (!heartbeat_decode(plain, len, &hb))
		return REJECT_CONTENT;
	believe(n, ev, h, &hb, out);
	return FRAME_OK;
}

void
node_receive(struct node *n, const struct event *ev, struct actions *out)
{
	struct frame_header h = {0};
	enum frame_reject r;

	if (ev->frame.port >= n->conf.n_ports || !n->conf.ports[ev->frame.port].heartbeats) {
		n->refused.count[REJECT_PORT]++;
		return;
	}
	r = session_filter(&n->session, ev->frame.data, ev->frame.len, &h);
	if (r == FRAME_OK) {
		if (h.kind == FRAME_HELLO)
			r = receive_hello(n, ev, &h, out);
		else if (h.kind == FRAME_HEARTBEAT || h.kind == FRAME_GOODBYE)
			r = receive_sealed(n, ev, &h, out);
		else
			r = REJECT_KIND;
	}
	if (r != FRAME_OK)
		refuse(n, r, &h, ev, out);
}
