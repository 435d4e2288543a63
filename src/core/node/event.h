/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What goes into node_step() and what comes out. Events are facts with the time at which they are
 * told; actions are orders that the caller carries out in their sequence, before the next event.
 */
#pragma once
#include <stddef.h>
#include "base/time.h"
#include "core/node/conf.h"
#include "core/notes/notes.h"
#include "core/quality/health.h"

enum event_kind {
	EV_TICK,    /* the deadline was reached; every frame that had arrived was told before */
	EV_FRAME,   /* an Ethernet payload of our EtherType came in on a port */
	EV_LINK,    /* presence or carrier of a port's NIC, told at start and at each change */
	EV_CONF,    /* a configuration, the first or a new one */
	EV_COMMAND, /* an operator asks */
	EV_SYNC,    /* state sync reports */
	EV_HEALTH,  /* the probes report: disks, fans, LinkMonitors, … */
	EV_GATE,    /* while draining: when the gate last saw a unicast frame */
	EV_STOP,    /* SIGTERM: hand over, then say ACT_EXIT */
};

enum command { CMD_ACTIVATE, CMD_DEACTIVATE, CMD_FORCE, CMD_UNFORCE, CMD_ANNOUNCE };

enum sync_state { SYNC_LOST, SYNC_SYNCING, SYNC_SYNCED };

struct sync_report {
	enum sync_state state;
	uint8_t percent;
	uint32_t lag_ms;
	uint32_t flows;        /* in this node's table */
	uint32_t peer_flows;   /* in the peer's */
	uint64_t flushed_term; /* every delta up to this term's barrier is in the peer's kernel */
};

struct event {
	struct instant now;
	enum event_kind kind;
	union {
		struct {
			uint16_t port;
			const uint8_t *data;
			size_t len;
			uint64_t source; /* MAC of the sender, 0 = unknown: for people only */
			int64_t age_ns;  /* how long ago the kernel received it, 0…time since last
					   step */
		} frame;
		struct {
			uint16_t port;
			bool present, carrier;
			bool ready; /* its tw-* is up; always true of a sync interface */
			uint8_t members, members_up; /* of an aggregate whose members weigh (S151);
							0 = none */
		} link;
		const struct ha_conf *conf;
		struct {
			enum command cmd;
			uint32_t id; /* given back in ACT_REPLY */
			bool force;  /* CMD_ACTIVATE, CMD_DEACTIVATE: even to an unfit node */
		} command;
		struct sync_report sync;
		struct health health;
		struct instant last_unicast; /* EV_GATE */
	};
};

enum action_kind {
	ACT_GATE,     /* store the gate's words */
	ACT_SEND,     /* send a frame on a port to the cluster's group MAC */
	ACT_ANNOUNCE, /* gratuitous ARP and unsolicited NA on a port, or all */
	ACT_SYNC,     /* tell state sync its part */
	ACT_NOTE,     /* a log event for people (notes.h) */
	ACT_REPLY,    /* the end of a command */
	ACT_EXIT,     /* after EV_STOP: everything is done */
};

#define PORT_ALL UINT16_MAX

/* What state sync is to do. */
enum sync_part {
	SYNC_STANDBY, /* insert what the peer sends */
	SYNC_PREPARE, /* subscribe to events: we may become active within milliseconds */
	SYNC_ACTIVE,  /* send what happens here, as this term */
	SYNC_BARRIER, /* report flushed_term when all up to now is in the peer's kernel */
};

/* The peer did not obey: why a switch was refused, or why it ended otherwise. */
enum refusal {
	REFUSE_NONE,
	REFUSE_PEER_NOT_ALIVE,
	REFUSE_PEER_NOT_ABLE,
	REFUSE_PEER_WORSE,     /* rank would bring the role straight back from the peer */
	REFUSE_NOT_ABLE,       /* this node */
	REFUSE_ALREADY_FORCED, /* the peer is forced */
	REFUSE_NOT_SYNCED,     /* this node's flow table is incomplete */
	REFUSE_TIMEOUT,
	REFUSE_BUSY, /* another command is under way */
	REFUSE_NOT_ENABLED,
	REFUSE_NOT_ACTIVE,      /* this node: CMD_ANNOUNCE */
	REFUSE_WORSE,           /* rank would bring the role straight back from this node */
	REFUSE_PEER_NOT_SYNCED, /* the peer's flow table is incomplete, and is being filled */
	REFUSE_SYNC_LOST,       /* nothing fills it */
	_REFUSE_MAX,
};

const char *refusal_text(enum refusal r); /* "the other node is not alive": tell.c */

struct action {
	enum action_kind kind;
	union {
		struct {
			struct instant open_until;  /* 0 = closed, INSTANT_NEVER = no lease */
			struct instant drain_until; /* while now < this: draining */
		} gate;
		struct {
			uint16_t port;
			uint16_t len;
			uint32_t offset; /* into actions.bytes */
		} send;
		struct {
			uint16_t port; /* or PORT_ALL */
		} announce;
		struct {
			enum sync_part part;
			uint64_t term;
			bool alone; /* SYNC_ACTIVE without the peer's leave */
		} sync;
		struct note note;
		struct {
			uint32_t id;
			enum refusal refusal; /* REFUSE_NONE: done */
		} reply;
	};
};

#define ACTIONS_MAX (IFACES_MAX + 128)

struct actions {
	size_t n;
	struct action a[ACTIONS_MAX];
	size_t n_bytes;
	uint8_t bytes[IFACES_MAX * 320]; /* one frame a port */
};
