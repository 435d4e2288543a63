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
	struct instant heard; /* when anything authentic last came from the peer */
	struct instant
		echoed; /* send time of the newest own frame that the peer has echoed; 0 = none */
	struct instant
		comeback;    /* when the peer was first heard again: stands for an echo at first */
	int64_t interval_ns; /* the larger of both */
	int64_t lease_ns;
};

struct instant lease_until(const struct lease_in *in);
/* Nothing from the peer for two and a half intervals: more than loss of a frame or two. */
bool lease_peer_quiet(struct instant now, struct instant heard, int64_t interval_ns);
