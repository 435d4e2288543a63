/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a run is made of: the set-up of two nodes and their wires, the steps (faults, repairs and
 * commands with their times), and what is expected. A scenario file is the text of a plan; the
 * generator makes plans from seeds; the shrinker leaves steps out. Nothing here runs anything.
 */
#pragma once
#include <stdio.h>
#include "core/node/node.h"

#define PORTS       12 /* more than FULL_RATE_PATHS */
#define MONITORS    4
#define STEPS_MAX   256
#define EXPECTS_MAX 128

enum { A, B };           /* index of a node */
enum { A_TO_B, B_TO_A }; /* index of a direction: the index of the sender */

struct node_setup {
	enum node_type type;
	uint16_t cluster;
	uint8_t key; /* repeated to make a cluster key */
	bool enabled;
	uint32_t interval_ms, failover_ms, silence_ms;
	int ppm;
	int64_t boot_ns;        /* what its clock shows at time 0 */
	unsigned newer;         /* bytes that a later version says at the end of its heartbeats */
	uint64_t term, counter; /* what its first process begins with: up for very long */
};

struct setup {
	char title[100];
	uint64_t random; /* seed for jitter, loss and latencies */
	unsigned n_ports;
	struct {
		char name[IFACE_NAME_MAX];
		uint16_t weight;
		bool sync;
	} port[PORTS];
	unsigned n_monitors;
	struct {
		char name[IFACE_NAME_MAX];
		int port; /* that is lost with it, -1 = none */
		uint16_t weight;
	} monitor[MONITORS];
	struct node_setup node[2];
	enum active_if_equal prefer;
	int64_t delay_ns, jitter_ns;          /* of every wire */
	int64_t latency_lo_ns, latency_hi_ns; /* until a waiting engine gets the processor */
	int64_t barrier_ns;                   /* until state sync answers a barrier, -1 = never */
	int64_t traffic_ns;                   /* between two packets to the shared MAC, 0 = none */
	int64_t sync_time_ns;                 /* from the first contact to a complete flow table */
	int64_t probe_ns;                     /* longest until the probes notice something */
	int64_t end_ns;
};

enum verb {
	DO_POWER_OFF, /* undo: power on, a cold start */
	DO_POWER_ON,
	DO_CRASH,      /* the engine dies, the supervisor closes its gate; undo: warm restart */
	DO_CRASH_ALL,  /* the supervisor, too: the gate lapses; undo: cold start */
	DO_START,      /* cold start of the process */
	DO_RESTART,    /* warm start of the process */
	DO_STOP,       /* SIGTERM; undo: cold start */
	DO_FREEZE,     /* the process does not run, its clock does */
	DO_PAUSE,      /* the virtual machine and its clock stand still; arriving frames wait */
	DO_PAUSE_DEAF, /* … and arriving frames are lost */
	DO_PAUSE_JUMP, /* … its clock runs on: it jumps as the machine sees it */
	DO_JUMP,       /* value = ns by which the clock jumps */
	DO_CUT,        /* frames vanish, carrier stays; undo: heal */
	DO_HEAL,
	DO_LOSS,      /* value = per cent */
	DO_DUPLICATE, /* value = per cent */
	DO_REORDER,   /* value = per cent of frames that are late by up to three intervals */
	DO_REPLAY,    /* value = per cent of frames that come again after seconds */
	DO_DELAY,     /* value = ns on top */
	DO_UNPLUG,    /* carrier lost at one end; undo: plug */
	DO_PLUG,
	DO_REMOVE,     /* the NIC itself is gone; undo: it is back */
	DO_UNREADY,    /* its tw-* is down, the NIC works; undo: up */
	DO_SLOW_PORT,  /* value = ns after carrier returns until the switch port forwards */
	DO_SWAP,       /* the cables of two ports of one node change places */
	DO_SWITCH_OFF, /* carrier lost at both ends; undo: on */
	DO_SWITCH_ON,
	DO_COMMAND,       /* value = enum command, value2 = force */
	DO_SLOW_GATE,     /* value = ns until a gate store takes effect */
	DO_SLOW_ANNOUNCE, /* value = ns that sending announcements takes */
	DO_BARRIER,       /* value = ns until a barrier is answered, -1 = never */
	DO_DRIFT,         /* value = ppm */
	DO_SYNC_LOST,     /* state sync reports the peer lost */
	DO_SYNC_RESTART,  /* state sync's process is gone; undo: a new one, with nothing */
	DO_FOREIGN, /* another cluster with our ClusterID and its own key speaks on the ports */
	DO_GARBAGE, /* damaged, cut and invented frames come in on the ports */
	DO_OLD,     /* recorded frames come again, also those of earlier processes */
	DO_DISK,    /* value = health of the disks, HEALTH_UNKNOWN: nobody can tell */
	DO_MONITOR, /* value = which LinkMonitor is lost */
	DO_TIMERS, /* a new configuration: value = interval, value2 = failover, value3 = silence, ms
		    */
	DO_WEIGHT, /* a new configuration: value = weight of the ports */
	_VERB_MAX,
};

struct step {
	int64_t at, span; /* ns; span 0 = is not undone by itself */
	enum verb verb;
	uint8_t nodes; /* bits: 1 = a, 2 = b */
	uint8_t dirs;  /* bits: 1 = a->b, 2 = b->a */
	uint32_t ports;
	int64_t value, value2, value3;
};

enum condition {
	EXPECT_ROLE,  /* value = enum role */
	EXPECT_DOWN,  /* the process does not run */
	EXPECT_GATE,  /* value = enum gate_position */
	EXPECT_SEES,  /* value = enum peer_state */
	EXPECT_NOTE,  /* value = enum note_id, said since `at` */
	EXPECT_REPLY, /* value = enum refusal, given since `at` */
	EXPECT_ANY_REFUSAL,
	EXPECT_BOTH_OPEN,
	EXPECT_NEVER_BOTH, /* in the whole run, not even where the rules exempt it */
	EXPECT_ONE_OPEN,   /* exactly one gate is open */
	EXPECT_STEADY,     /* no change of role */
	EXPECT_OUTAGE,     /* value = ns: no longer time without any gate open or draining */
};

struct expect {
	int64_t at;
	int64_t within; /* ns: true at some moment of this time */
	int64_t during; /* ns: true all this time; at most one of the two is set */
	enum condition cond;
	uint8_t node;
	int64_t value;
	unsigned line;
};

struct plan {
	struct setup setup;
	size_t n_steps;
	struct step step[STEPS_MAX]; /* in order of time */
	size_t n_expects;
	struct expect expect[EXPECTS_MAX];
};

/* scenario.c */
void plan_default(struct plan *p);
/* Reads a scenario file. 0, or -1 with "file:line: message" on standard error. */
int plan_read(struct plan *p, const char *path);
/* Brings steps into order of time; steps of equal time keep their order. */
void plan_sort(struct plan *p);

/* print.c: the text of a plan. */
void plan_print(const struct plan *p, FILE *f);
void step_fmt(const struct plan *p, const struct step *s, char *buf, size_t size);
void expect_fmt(const struct expect *e, char *buf, size_t size);
void span_fmt(int64_t ns, char *buf, size_t size);

/* gen.c */
void plan_generate(struct plan *p, uint64_t seed);

/* Words of the scenario language, shared by reading and printing. */
struct verb_word {
	const char *word;
	const char *args; /* n node, p ports, d direction, % per cent, t time, b time or never, c
			     command, # number, i three times, m a LinkMonitor */
};
extern const struct verb_word verb_words[_VERB_MAX];
extern const char *const command_words[5];
extern const char *const refusal_words[_REFUSE_MAX];
extern const char *const position_words[3];
