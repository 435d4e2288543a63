/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a node publishes of itself: made by node_status(), shown by ha, ha why, ha quality, metrics.
 */
#pragma once
#include "base/time.h"
#include "core/elect/claim.h"
#include "core/node/event.h"

enum gate_position { GATE_CLOSED, GATE_OPEN, GATE_DRAINING };

struct port_status {
	char name[IFACE_NAME_MAX];
	uint16_t index, weight;
	bool sync, present, carrier;
	bool ready;   /* its tw-* is up */
	bool heard;   /* heartbeats from the peer's twin within detection time */
	bool two_way; /* … and the twin hears us */
	bool one_way; /* both nodes have carrier, and for long it was not two_way: counts as lost */
	bool proven;  /* frames have passed since its carrier came */
	bool peer_up; /* the twin has carrier and is proven */
	bool monitor_lost;           /* by a LinkMonitor that counts as this interface */
	struct quality_iface counts; /* in the interface part */
	uint64_t heartbeats_heard, heartbeats_sent;
	uint32_t rtt_us; /* smoothed, 0 = unknown */
};

#define FRAME_ALARMS_MAX 16

/* Frames refused, by reason; names in hb/frame.h. */
struct refused_counts {
	uint64_t count[16];
};

/* The last change of role with everything it was decided on. */
struct role_change {
	struct instant at;
	enum role from, to;
	uint64_t term;
	enum why why;
	uint8_t step; /* of rank, 0 = rank was not asked */
	bool had_peer;
	uint32_t silence_ms; /* peer's silence on every path */
	uint16_t paths, paths_heard;
	struct claim me, peer;
};

struct node_status {
	bool configured, enabled;
	enum node_type type;
	enum role role;
	enum why why; /* of the last change */
	uint64_t term;
	enum gate_position position;
	struct instant now, role_since, lease_until;
	bool forced, hold;
	bool scared; /* the peer was taken for dead too often of late, and lived */
	struct instant hold_until;
	enum peer_state peer;
	struct instant peer_heard;
	struct claim me, peer_claim;  /* peer_claim.valid says whether there is one */
	struct quality_terms present; /* terms that are not settled: what is true now */
	uint64_t monitors_lost;       /* as in struct health */
	struct sync_report sync;
	uint32_t interval_ms, failover_ms;
	uint32_t detection_ms, lease_ms; /* in force with this peer */
	uint64_t sent, heard, overslept, takeovers;
	int64_t worst_oversleep_ns;
	struct refused_counts refused;
	/* Refused of late, and somebody must do something; equal kinds are neighbours. */
	struct note alarms[FRAME_ALARMS_MAX];
	uint8_t n_alarms;
	struct role_change changes[8]; /* [0] the newest */
	uint8_t n_changes;
	uint16_t n_ports;
	struct port_status ports[IFACES_MAX];
};
