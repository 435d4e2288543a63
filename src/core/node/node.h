/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One node's whole high-availability logic, pure: no clock, I/O, allocation or randomness of its
 * own. The engine (daemon/engine) and the simulator (tests/sim) drive the same functions.
 *
 * Contract: after every node_step() carry out the actions in order; call again at each event and,
 * with EV_TICK, at node_deadline() at the latest. Before an EV_TICK, tell all frames that have
 * arrived. EV_CONF comes first, then one EV_LINK per port.
 */
#pragma once
#include "core/node/event.h"
#include "core/node/status.h"

struct node;

struct node_seed {
	uint8_t random[32]; /* fresh for every process start: session, nonces */
	bool warm; /* the engine was restarted on a machine that kept running: links were up
		      all the time, so silence for twice the detection time is enough */
};

size_t node_size(void); /* memory for one node, to be aligned to 16 */
void node_init(struct node *n, const struct node_seed *seed);
void node_step(struct node *n, const struct event *ev, struct actions *out);
struct instant node_deadline(const struct node *n);
void node_status(const struct node *n, struct instant now, struct node_status *out);
/* Asserts what must hold between any two steps; for tests and debug builds. */
void node_check_invariants(const struct node *n);
