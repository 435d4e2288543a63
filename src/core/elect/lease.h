/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Until when may the gate stay open? Anchored in what the peer has echoed, so that the gate is shut
 * before a peer that stopped hearing this node can open its own (docs/design/gate.md).
 */
#pragma once
#include "core/elect/claim.h"
#include "base/time.h"

struct lease_in {
	struct instant now;
	enum peer_state peer_state;
	bool quiet; /* lease_peer_quiet() at a tick, and nothing was heard since */
	struct instant
		echoed; /* send time of the newest own frame that the peer has echoed; 0 = none */
	struct instant
		comeback; /* when the peer was first heard again: stands for an echo at first */
	int64_t lease_ns;
};

struct instant lease_until(const struct lease_in *in);
/*
 * Nothing from the peer for two and a half intervals of awake time: more than loss of a frame or
 * two. To be judged on ticks only, when every frame that had arrived was told: a node that has just
 * overslept would take its own sleep for the peer's silence.
 */
bool lease_peer_quiet(int64_t silence_ns, int64_t interval_ns);
