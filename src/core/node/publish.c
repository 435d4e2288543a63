/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames out: heartbeats by the clock and at once when the claim changes, hellos, goodbyes,
 * announcements by their schedule. */
#include <assert.h>
#include <string.h>
#include "core/node/impl.h"

static bool
port_usable(const struct node *n, unsigned port)
{
	return n->conf.ports[port].heartbeats && n->ports[port].present && n->ports[port].carrier;
}

#define ORDERS_KEPT 64 /* actions of a step that are kept free for other orders than frames */

/* NULL when a step has no room for more frames: the ports in front, the fast ones, go first. */
static uint8_t *
send_room(struct actions *out, size_t len)
{
	if (out->n >= ACTIONS_MAX - ORDERS_KEPT || sizeof(out->bytes) - out->n_bytes < len)
		return NULL;
	return out->bytes + out->n_bytes;
}

static void
send_frame(struct node *n, struct actions *out, unsigned port, size_t len)
{
	struct action *a = node_act(out, ACT_SEND);

	a->send.port = (uint16_t)port;
	a->send.len = (uint16_t)len;
	a->send.offset = (uint32_t)out->n_bytes;
	out->n_bytes += len;
	n->sent++;
	n->ports[port].n_sent++;
}

static uint32_t
us_of(int64_t ns)
{
	return ns / NS_PER_US > UINT32_MAX ? UINT32_MAX : (uint32_t)(ns / NS_PER_US);
}

/*
 * How much of the detection time is used up: the peer's lease must end before this node may open
 * alone. A silent node listens on, at least until InitialSilence is over.
 */
static int64_t
silence_used(const struct node *n, struct instant now)
{
	int64_t silence = detect_silence(&n->detect), initial, listened, left;

	if (n->elect.role != ROLE_SILENT)
		return silence;
	initial = node_initial_silence_ns(n);
	listened = instant_sub(now, n->elect.silent_since);
	left = node_detection_ns(n) - (initial - listened);
	return left < 0 ? 0 : left < silence ? left : silence;
}

static struct heartbeat
heartbeat_now(const struct node *n, struct instant now, const struct claim *claim)
{
	struct heartbeat hb = {.sent = now, .echo = n->peer.sent, .claim = *claim};

	if (hb.echo.ns)
		hb.echo_age_us = us_of(instant_sub(now, n->peer.sent_heard));
	hb.silence_us = us_of(silence_used(n, now));
	for (unsigned i = 0; i < n->conf.n_ports; i++) {
		if (node_port_heard(n, i, now))
			heartbeat_set_bit(hb.heard, n->conf.ports[i].index);
		if (port_usable(n, i) && n->ports[i].proven)
			heartbeat_set_bit(hb.up, n->conf.ports[i].index);
	}
	return hb;
}

/* On every usable port; the slow ones only when `all`. `kind` heartbeat or goodbye. */
static void
send_heartbeats(struct node *n, struct instant now, enum frame_kind kind, const struct claim *claim,
	bool all, struct actions *out)
{
	struct heartbeat hb = heartbeat_now(n, now, claim);
	uint8_t plain[HEARTBEAT_MAX];
	size_t len = heartbeat_encode(&hb, plain, sizeof(plain));

	assert(len > 0);
	for (unsigned i = 0; i < n->conf.n_ports; i++) {
		size_t size = FRAME_HEADER + len + FRAME_TAG;
		uint8_t *buf = send_room(out, size);

		if (!port_usable(n, i) || !(all || n->ports[i].full_rate) || !buf)
			continue;
		if (session_seal(&n->session, (uint8_t)kind, n->conf.ports[i].index, plain, len,
			    buf, size))
			send_frame(n, out, i, size);
	}
}

/* Between two hellos on a wire. A peer whose timers are shorter must not think that it is alone. */
static int64_t
hello_pause_ns(const struct node *n)
{
	return (n->conf.interval_ms < HELLO_PAUSE_MS ? n->conf.interval_ms : HELLO_PAUSE_MS) *
	       NS_PER_MS;
}

/* Where one is due, or on every wire, but no more often than that, whoever asks. */
static void
send_hellos(struct node *n, struct instant now, bool all, struct actions *out)
{
	bool slow_too = all && n->hello_rounds++ % SLOW_DIVISOR == 0;

	for (unsigned i = 0; i < n->conf.n_ports; i++) {
		uint8_t *buf = send_room(out, SESSION_HELLO_LEN);
		struct node_port *p = &n->ports[i];
		bool due = p->hello_due && instant_sub(now, p->last_hello) >= hello_pause_ns(n);

		if (!port_usable(n, i) || !buf || !((all && (p->full_rate || slow_too)) || due))
			continue;
		n->session.heard_session = p->heard_session;
		n->session.heard_challenge = p->heard_challenge;
		send_frame(n, out, i,
			session_hello(&n->session, FRAME_HELLO, n->conf.ports[i].index, buf));
		p->hello_due = false;
		p->last_hello = now;
	}
}

/*
 * The slow ports are for the day when the fast ones fail. That day begins when the peer falls
 * silent or stops echoing, long before it would be declared dead, and lasts until a fast path works
 * both ways again.
 */
static bool
fast_paths_fail(const struct node *n, struct instant now)
{
	int64_t patience = node_interval_ns(n) * 5 / 2;

	if (n->peer.state != PEER_ALIVE)
		return false;
	if (detect_silence(&n->detect) > patience || instant_sub(now, n->peer.echoed) > patience)
		return true;
	for (unsigned i = 0; i < n->conf.n_ports; i++)
		if (n->ports[i].full_rate && node_port_hears(n, i) && n->ports[i].heard.ns &&
			instant_sub(now, n->ports[i].heard) <= patience)
			return false;
	return true;
}

/* The parts of a claim that the peer acts on: a change is told at once. */
static bool
claim_urgent(const struct claim *a, const struct claim *b)
{
	return a->role != b->role || a->term != b->term || a->want != b->want ||
	       a->grant != b->grant || a->grant_flushed != b->grant_flushed ||
	       a->refused != b->refused || a->yield != b->yield || a->forced != b->forced ||
	       a->able != b->able || a->settled != b->settled || a->hold != b->hold ||
	       memcmp(&a->terms, &b->terms, sizeof(a->terms)) != 0;
}

/*
 * The standby speaks when it hears the active node (fall_into_step()); its own clock fires a little
 * late then, or the two could pass each other on the wire for ever, each with an old echo.
 */
static int64_t
patience_ns(const struct node *n)
{
	int64_t interval = n->conf.interval_ms * NS_PER_MS;
	bool follows = n->elect.role != ROLE_ACTIVE && n->peer.state == PEER_ALIVE &&
		       n->peer.claim.valid && n->peer.claim.role == ROLE_ACTIVE;

	return follows ? interval + interval / 4 : interval;
}

void
node_publish(struct node *n, struct instant now, bool tick, struct actions *out)
{
	int64_t interval = n->conf.interval_ms * NS_PER_MS;
	struct elect_in in = node_facts(n, now);
	struct claim claim = elect_claim(&n->elect, &in);
	bool due = tick && instant_reached(now, n->next_heartbeat);
	bool first = n->session.established && !n->has_published, all, every_path;

	if (due) {
		n->beats++;
		n->last_heartbeat = now;
		n->next_heartbeat = instant_add(n->next_heartbeat, patience_ns(n));
		if (instant_before(n->next_heartbeat, now))
			n->next_heartbeat = instant_add(now, interval);
	}
	if (due && fast_paths_fail(n, now))
		n->every_path_until = instant_add(now, 2 * node_detection_ns(n));
	every_path = instant_before(now, n->every_path_until);
	if (n->session.established && (due || first || claim_urgent(&claim, &n->published))) {
		send_heartbeats(n, now, FRAME_HEARTBEAT, &claim,
			first || every_path || (due && n->beats % SLOW_DIVISOR == 0), out);
		n->published = claim;
		n->has_published = true;
	}
	all = !n->session.established && instant_reached(now, n->next_hello);
	if (all)
		n->next_hello = instant_add(now, HELLO_INTERVALS * interval);
	send_hellos(n, now, all, out);
}

void
node_say_goodbye(struct node *n, struct instant now, struct actions *out)
{
	struct elect_in in = node_facts(n, now);
	struct claim claim = elect_claim(&n->elect, &in);

	if (!n->session.established)
		return;
	for (int copies = 0; copies < 3; copies++)
		send_heartbeats(n, now, FRAME_GOODBYE, &claim, copies == 2, out);
}

struct instant
node_publish_deadline(const struct node *n)
{
	struct instant at = n->next_heartbeat;

	for (unsigned i = 0; i < n->conf.n_ports; i++)
		if (n->ports[i].hello_due && port_usable(n, i))
			at = instant_min(
				at, instant_add(n->ports[i].last_hello, hello_pause_ns(n)));
	if (!n->session.established)
		at = instant_min(at, n->next_hello);
	return at;
}

/* Offsets from the moment of becoming active; then every SendGratuitousARP seconds. */
static const int64_t announce_ms[ANNOUNCE_STEPS] = {0, 100, 300, 1000, 3000, 10000};

void
node_announce_restart(struct node *n, struct instant now)
{
	n->announce_step = 0;
	n->announce_base = n->announce_next = now;
}

void
node_announce(struct node *n, struct instant now, struct actions *out)
{
	if (n->elect.role != ROLE_ACTIVE) {
		n->announce_next = INSTANT_NEVER;
		return;
	}
	if (!instant_reached(now, n->announce_next))
		return;
	node_act(out, ACT_ANNOUNCE)->announce.port = PORT_ALL;
	if (n->announce_step < ANNOUNCE_STEPS)
		n->announce_step++;
	if (n->announce_step < ANNOUNCE_STEPS)
		n->announce_next =
			instant_add(n->announce_base, announce_ms[n->announce_step] * NS_PER_MS);
	else
		n->announce_next = n->conf.garp_period_s
					   ? instant_add(now, n->conf.garp_period_s * NS_PER_S)
					   : INSTANT_NEVER;
	if (instant_before(n->announce_next, now))
		n->announce_next = now;
}
