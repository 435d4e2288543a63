/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a child process of twinwalld begins: what the supervisor hands to each, and the pages that
 * engine, statesync and probe publish for config to read.
 */
#pragma once
#include <stdatomic.h>
#include "base/seqlock.h"
#include "core/ipc/ipc.h"
#include "core/node/status.h"
#include "daemon/logpage.h"

/* Every child is `twinwalld --role NAME` with this descriptor as its socket to the supervisor. */
#define SETUP_FD 3

/*
 * SCHED_FIFO priorities. The supervisor's counts when the engine is dead: whoever keeps the
 * processors busy at normal priority must not put off its next start.
 */
#define ENGINE_PRIORITY     50
#define SUPERVISOR_PRIORITY 10

struct daemon_opts {
	const char *etc, *state, *run;
	bool warm; /* --warm: a child that the supervisor started again (node_seed.warm) */
};

/* Descriptors in IPC_SETUP, in this order. */
enum setup_engine { SETUP_ENGINE_GATE_MAP, SETUP_ENGINE_PAGE, SETUP_ENGINE_N };
enum setup_statesync { SETUP_STATESYNC_PAGE, SETUP_STATESYNC_ENGINE_PAGE, SETUP_STATESYNC_N };
enum setup_probe { SETUP_PROBE_ENGINE_PAGE, SETUP_PROBE_PAGE, SETUP_PROBE_N };
enum setup_config {
	SETUP_CONFIG_GATE_IN, /* BPF programs, to be attached to each tw-* */
	SETUP_CONFIG_GATE_OUT,
	SETUP_CONFIG_GATE_PORTS, /* BPF map: tw-* ifindex → the NIC's own MAC */
	SETUP_CONFIG_ENGINE_PAGE,
	SETUP_CONFIG_SYNC_PAGE,
	SETUP_CONFIG_LOG_PAGE,
	SETUP_CONFIG_HEALTH_PAGE,
	SETUP_CONFIG_N,
};

/* Of the engine's packet sockets: doubled by the kernel, some 170 frames, within a budget. */
#define ENGINE_RCVBUF (64 << 10)

/*
 * Written by the engine only: the status with every change and ten times a second, the gate's words
 * with every renewal, so that a reader knows by its own clock what an engine that hangs no longer
 * says.
 */
struct engine_page {
	_Atomic int64_t open_until, drain_until; /* as in the gate, as struct instant */
	_Atomic int64_t open_last; /* since then the gate has been open at no time; written before
				      it opens */
	struct seqlock lock;
	struct node_status status;
	_Atomic uint64_t flooded;       /* windows in which a port delivered more than its budget */
	_Atomic uint64_t flood_dropped; /* frames that the kernel dropped meanwhile */
	struct note_ring notes;
};

/* Counters of state sync since its start; names as shown by `stat`. */
struct sync_status {
	struct sync_report report;
	bool running, link_up, session;
	enum sync_part part;
	uint64_t events, event_overruns, flows_sent, flows_inserted, flows_updated, flows_deleted;
	uint64_t insert_failed, conflicts, frames_sent, frames_received, bytes_sent, retransmits;
	uint64_t bulks_sent, bulks_received, buffer_full, refused, filtered;
	uint64_t not_carried;    /* flows of kinds that are not synchronised */
	uint64_t updates_missed; /* of flows that are not in this node's table, and ought to be */
	uint64_t expects_sent, expects_held, expects_failed; /* expected connections (FTP data) */
	bool table_full; /* new flows are refused; on the standby: some of the peer's */

	/* Both tables beside each other: core/sync/compare.h. */
	uint64_t comparisons, buckets_differed, comparisons_abandoned;
	uint64_t repairs_sent, repairs_received;
	uint64_t flows_repaired, flows_left_over; /* missing, wrongly there: on this node */
	uint32_t buckets, buckets_unsettled;      /* of the last comparison */
	struct instant equal_at;                  /* last one without a difference, 0 = none */

	/* Beside flows: entries held or told now, sets that take part, and counters of both. */
	uint32_t neighbours, sets, set_elements;
	uint64_t neighbours_sent, neighbours_written, neighbours_failed;
	uint64_t elements_sent, elements_written, elements_failed;
	uint64_t elements_unknown; /* of sets that this node does not have, or not alike */
};

struct sync_page {
	struct seqlock lock;
	struct sync_status status;
	int64_t expiry_s; /* state sync's own note for its successor: see core/sync/aging.h */
	struct note_ring notes;
};

/* What the probes of one part of the machine found. */
struct health_finding {
	uint8_t value;              /* as in struct health */
	bool late;                  /* a check does not end: it is not counted */
	struct instant at;          /* of the newest answer; 0 = none yet */
	char text[HEALTH_TEXT_MAX]; /* "fan2 of nct6775: 0 rpm, at least 300"; "" = nothing to say
				     */
};

enum health_host_state {
	HOST_NOT_ASKED, /* no address to ask from */
	HOST_UNSEEN,    /* never answered since the configuration was applied: does not count */
	HOST_ANSWERS,
	HOST_LOST,
};

struct health_host {
	struct ip_addr addr;
	enum health_host_state state;
	uint32_t rtt_us;     /* of the newest answer, 0 = none yet */
	uint32_t unanswered; /* probes since the newest answer */
};

struct health_monitor {
	char name[IFACE_NAME_MAX]; /* of the object, cut; place = bit = place in conf_model.monitors
				    */
	bool lost;
	struct instant changed;     /* when it was lost or came back; 0 = never */
	struct instant grace_until; /* not lost before */
	uint8_t n_hosts;
	struct health_host hosts[MONITOR_HOSTS_MAX];
};

/* Everything that tw-probe knows; the notes it leaves to its successor, too. */
struct health_status {
	struct instant now; /* when it was published: every second, and with every change */
	struct health health;
	struct health_finding parts[_HEALTH_MAX];
	uint64_t probes, answers, refused; /* counters; refused: no answer to a probe of ours */
	uint16_t n_monitors;
	struct health_monitor monitors[MONITORS_MAX];
};

/* Written by tw-probe only. */
struct health_page {
	struct note_ring notes;
	struct seqlock lock;
	struct health_status status;
};

/*
 * config: the configuration, its store or the cluster key cannot be used. Every error has been
 * logged and nothing was applied; starting again would not help: the supervisor ends with 1.
 */
#define CONFIG_EXIT_INVALID 3

/* Entry points; each runs until IPC_STOP or the end of the supervisor and returns the exit status.
 */
int supervisor_main(const struct daemon_opts *o);
int engine_main(const struct daemon_opts *o);
int statesync_main(const struct daemon_opts *o);
int config_main(const struct daemon_opts *o);
int probe_main(const struct daemon_opts *o);
/* twinwalld --check FILE: prints every error, 0 or 1. */
int check_main(const char *file);
