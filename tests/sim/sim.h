/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The simulated world: two machines, their wires, and the checkers that watch. The core under test
 * is reached through core/node/node.h only; everything else here is a model of what surrounds it.
 */
#pragma once
#include "base/prng.h"
#include "clock.h"
#include "heap.h"
#include "plan.h"

#define PACKETS_MAX  8192
#define RECORDS_MAX  64
#define PACKET_BYTES 320
#define QUEUE_MAX    512 /* frames in a socket's buffer */
#define RING_MAX     256 /* frames in the NIC of a paused virtual machine */
#define INBOX_MAX    64
#define PAUSES_MAX   16
#define NEVER        INT64_MAX

struct packet {
	uint8_t port; /* that it comes in on */
	uint8_t out;  /* that it went out on: another one when cables are swapped */
	uint8_t from, kind;
	bool copy;   /* came before: proves nothing */
	bool forged; /* nobody said it */
	uint16_t len;
	uint32_t next;
	unsigned life;                        /* process of the sender */
	unsigned heard_life, heard_challenge; /* what its hello can echo (contact.c) */
	unsigned challenge;
	unsigned sealed_for; /* process that can read it */
	int64_t sent;
	int64_t said;    /* when the step was that made it: a stall may lie between the two */
	int64_t arrived; /* receiver's clock */
	uint8_t bytes[PACKET_BYTES];
};

/* One direction of one wire. Counters, since faults overlap. */
struct wire {
	int cut;
	int loss, duplicate, reorder, replay; /* sums of per cent */
	int64_t delay_ns;
	struct prng random;
};

struct net {
	struct wire wire[PORTS][2]; /* [port][sender] */
	int unplugged[2][PORTS];    /* > 0: no carrier at this end */
	int unready[2][PORTS];      /* > 0: its tw-* is down */
	int removed[2][PORTS];      /* > 0: no NIC */
	int switched_off[PORTS];
	uint8_t jack[2][PORTS];       /* the wire that each port is plugged into */
	int64_t slow_ns[2][PORTS];    /* from carrier until the switch port forwards */
	int64_t forward_at[2][PORTS]; /* real time from which it does */
	bool had_carrier[2][PORTS];
	struct prng outside;
	unsigned n_records;
	struct packet record[RECORDS_MAX]; /* some of what went over the wires */
	uint32_t free;
	struct packet packet[PACKETS_MAX];
};

struct gate {
	int64_t open_until, drain_until; /* the stored words, node's clock */
	int64_t open_end, drain_end;     /* the same in real time, as things stand */
	int64_t last_unicast;            /* node's clock; 0 = none while draining */
	int64_t opened, decided; /* real time of the store that opened it; of the step before */
	int64_t role_since;      /* node's clock: of the role that opened it */
	int64_t drain_stored;    /* real time of the store that began draining, 0 = not */
};

/* State sync's stand-in of one node. */
struct syncer {
	enum sync_part part;
	struct sync_report report;
	int64_t linked_since, told_at;
	uint64_t barrier_term;
	int lost; /* > 0: told to report the peer lost */
	int gone; /* > 0: its process does not live */
};

struct frame_queue {
	uint32_t packet[QUEUE_MAX];
	unsigned head, n;
};

struct machine {
	struct node *core;
	struct ha_conf conf;
	struct simclock clock;
	struct prng random;
	bool powered, up;   /* the machine has power; its engine lives */
	unsigned life;      /* number of the process, 0 = none yet */
	int64_t life_began; /* real time */
	bool warm, stopping;
	bool aged;          /* has begun with what the plan says of its first process */
	int frozen, paused; /* counters, since faults overlap */
	bool deaf;          /* paused, and its NIC keeps nothing */
	bool running_clock; /* paused, and its clock runs on */
	/* the engine's loop */
	bool busy;          /* between a step and its last action */
	size_t action;      /* next action to carry out */
	bool paid;          /* the time that this action takes has passed */
	bool exiting;       /* said ACT_EXIT */
	unsigned boot_left; /* events that must be told before any other */
	bool postponed;     /* something came due while it could not run */
	int64_t wake_at;
	uint32_t wake_generation;
	int64_t slept_at; /* node's clock when it last found its sockets empty */
	struct frame_queue queue, ring;
	struct event inbox[INBOX_MAX];
	unsigned inbox_n;
	struct actions actions;
	/* surroundings */
	struct gate gate;
	struct syncer syncer;
	int64_t slow_gate_ns, slow_announce_ns, barrier_ns;
	uint8_t disks;
	int monitor_lost[MONITORS]; /* counters, since faults overlap */
	struct {
		int64_t from, to; /* real time; to = NEVER while it lasts */
		int64_t clock;    /* where its clock stood */
	} pause[PAUSES_MAX];
	unsigned n_pauses;
	/* what it said last, as the checkers see it */
	enum role role;
	enum why why;
	uint64_t term;
	bool forced;
	struct node_status status;
	uint64_t ticks, frames_sent;
	uint32_t least_interval_ms; /* that this process ever had */
	int64_t stepped;            /* real time of the last step */
};

/* Who could read whom, and what was delivered: the checkers' own book-keeping (contact.c). */
struct delivery {
	int64_t last;       /* real time, -1 = never */
	int64_t newest;     /* when the newest was said: what was said before it proves nothing */
	unsigned life;      /* … of this process */
	int64_t recent[16]; /* a ring of the last ones that the NIC did not throw away */
	unsigned n;
	int64_t run_began; /* since when there was no gap of 2.5 intervals */
	struct {
		int64_t from, to;
	} gap[16]; /* the last gaps of 2.5 intervals and more */
	unsigned n_gaps;
};

struct contact {
	struct {
		unsigned heard_life[PORTS], heard_challenge[PORTS]; /* newest hello told there */
		unsigned challenge;
		unsigned peer; /* life of the peer that it can read, 0 = none */
	} node[2];
	struct delivery read[2]; /* readable frames, by sender */
	struct delivery raw[2];  /* any frame of the living process */
};

enum exemption {
	EXEMPT_PARTITION,   /* every path was cut in the way the documents describe */
	EXEMPT_PAUSE,       /* a machine whose clock had stood still */
	EXEMPT_NEVER_HEARD, /* one-way since its start */
	EXEMPT_STRANGERS,   /* different keys or clusters: not one cluster */
	_EXEMPT_MAX,
};

struct stats {
	uint64_t runs, steps, frames, events;
	int64_t virtual_ns;
	uint64_t became_active[_WHY_MAX], left_active[_WHY_MAX];
	uint64_t exempt[_EXEMPT_MAX];
	int64_t exempt_worst_ns[_EXEMPT_MAX];
	uint64_t takeovers, switches;
	int64_t takeover_worst_ns, takeover_sum_ns, switch_worst_ns, drain_worst_ns;
	int64_t takeover_worst_intervals; /* in thousandths of the detection time */
	uint64_t takeover_worst_seed;
	uint64_t agreed, common_faults; /* comparisons of rank; faults that struck both alike */
	unsigned churn_worst;           /* most gains of the role for one cause, in thousandths */
};

struct safety {
	bool both;
	int64_t both_since;
	int later; /* which node's gate opened second */
	enum exemption kind;
	bool judged;
	bool strangers;          /* a pause, and then they had no session */
	int64_t told_new[2];     /* when each was told a frame sent after both were open */
	int64_t lease_max_ns;    /* the longest lease that any configuration of this run allows */
	int64_t same_term_since; /* both claim active with one term, NEVER = not */
	uint64_t session[2], counter[2]; /* of the last frame sent */
	struct {
		int64_t window; /* real time */
		unsigned n;
	} sent[2][PORTS];
};

struct liveness {
	int64_t settle_at;  /* from here on the outcome must be there */
	int64_t cause_at;   /* until here changes of role have a cause */
	int lossy;          /* > 0: frames are being lost or late: anything may happen */
	int64_t down_since; /* the active node was felled then, in a quiet time; -1 = not */
	int64_t felled_at;  /* … in the step that goes on */
	int felled;
	int kept; /* the active node whose standby was felled in a quiet time, -1 = none */
	int64_t disturbed_at;
	bool calm_switch; /* nothing but one command has happened since all was quiet */
	int64_t command_at;
	uint32_t command_id;
	bool command_open;
	int command_node;
	unsigned command_life;
	int64_t mute_since;      /* the node that was asked cannot hear the other since then */
	int64_t strangers_since; /* both directions deliver and yet no session, NEVER = not */
};

#define MINUTE_MOVES 4 /* one more than a hold allows */

/* Both nodes taken together: do they agree, and keep still? */
struct agreement {
	int64_t moved_at[MINUTE_MOVES]; /* rank's own moves, newest first; -1 = none */
	unsigned gains, causes; /* times that a node became active, and reasons to, since all was
				   quiet */
	int64_t differ_since;   /* a node's claim is not what the other believes, NEVER = it is */
	int keeper;             /* the same fault struck both: who was active; -1 = none */
};

struct expecting {
	bool met[EXPECTS_MAX], failed[EXPECTS_MAX];
	int64_t dark_since;          /* no gate passes anything, NEVER = one does */
	int64_t noted[2][_NOTE_MAX]; /* real time of the last, -1 = never */
	int64_t changed;             /* last change of role */
	int64_t replied;
	enum refusal reply;
};

struct verdict {
	bool failed;
	int64_t at;
	char rule[40];
	char text[300];
};

enum trace_level { TRACE_NONE, TRACE_CHANGES, TRACE_ALL };

struct world {
	int64_t now;
	const struct plan *plan;
	uint64_t seed; /* 0 = a scenario */
	struct heap heap;
	struct net net;
	struct machine m[2];
	struct contact contact;
	int fdb;           /* which node the switches send the shared MAC to, -1 = nobody yet */
	int64_t fdb_moved; /* real time */
	int64_t watched;   /* gate positions were looked at up to here */
	uint32_t next_id;
	int64_t timers_before,
		timers_until; /* detection time before a change; until when it may hold */
	struct safety safety;
	struct liveness liveness;
	struct agreement agreement;
	struct expecting expecting;
	struct verdict verdict;
	struct stats stats;
	enum trace_level trace;
};

/* run.c */
struct world *world_new(void);
void world_free(struct world *w);
/* Runs a plan from beginning to end or to the first violation; the outcome is in w->verdict. */
void world_run(struct world *w, const struct plan *p, uint64_t seed, enum trace_level trace);
void world_fail(struct world *w, const char *rule, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* net.c */
void net_init(struct world *w);
bool net_carrier(const struct world *w, int node, unsigned port);
/* The interface can carry the cluster's traffic. */
bool net_ready(const struct world *w, int node, unsigned port);
/* Whether frames get through to the twin of this port at all, loss apart. */
bool net_passes(const struct world *w, unsigned port, int from);
/* The cables of two ports of a node change places. */
void net_swap(struct world *w, int node, uint32_t ports);
/* Looks for carriers that have returned: some switch ports forward only later. */
void net_carriers(struct world *w);
/* A frame that none of the two sent just now arrives at a node's port. */
void net_inject(struct world *w, int node, unsigned port, const struct packet *p);
void net_send(struct world *w, int from, unsigned port, const uint8_t *data, size_t len);
void net_arrive(struct world *w, int node, uint32_t packet);
void net_release(struct world *w, uint32_t packet);

/* contact.c */
void contact_init(struct world *w);
void contact_born(struct world *w, int node);
void contact_sent(const struct world *w, int node, struct packet *p);
void contact_arrived(struct world *w, int node, const struct packet *p);
void contact_told(struct world *w, int node, const struct packet *p);
/* Different keys or clusters, or one that runs alone: never to hear each other. */
bool contact_strangers(const struct world *w);
/* Could this process read that frame? */
bool contact_reads(const struct world *w, int node, const struct packet *p);

/* outside.c: third parties on the wires */
void outside_speak(struct world *w, size_t step);

/* age.c: what is different from a node that was just built and just started */
void age_begin(struct world *w, int node);
void age_step(const struct world *w, int node, const struct event *ev, struct actions *out);

/* machine.c: power, processes, and what stops them */
void machine_init(struct world *w, int node);
void machine_power_on(struct world *w, int node);
void machine_power_off(struct world *w, int node);
void machine_start(struct world *w, int node, bool warm);
void machine_die(struct world *w, int node, bool close_gate);
void machine_freeze(struct world *w, int node, int more);
void machine_pause(struct world *w, int node, int more, enum verb how);
void machine_jump(struct world *w, int node, int64_t ns);
bool machine_runs(const struct machine *m); /* the process lives and gets the processor */
int64_t machine_detection_ns(const struct world *w);
/* The smaller of the present detection time and the one before a change that may not be known yet.
 */
int64_t machine_least_detection_ns(const struct world *w);
int64_t machine_interval_ns(const struct world *w);
void machine_configure(struct world *w, int node);

/* engine.c: the loop that drives the core */
void engine_tell(struct world *w, int node, const struct event *ev);
void engine_arrived(struct world *w, int node); /* something waits to be told */
void engine_wake(struct world *w, int node, uint32_t generation);
void engine_act(struct world *w, int node);
void engine_resume(struct world *w, int node);
void engine_look(struct world *w, int node);  /* its clock has jumped: is the deadline past? */
void engine_links(struct world *w, int node); /* reports every port, after a start */
void engine_link_changed(struct world *w, int node, unsigned port);
/* Both lose or gain the same carrier: they are told at nearly the same time. */
void engine_links_changed(struct world *w, unsigned port);
void engine_link(struct world *w, int node, unsigned port);
void engine_health_changed(struct world *w, int node);
void engine_health(struct world *w, int node);

/* env.c: gate, traffic and state sync around the engine */
void gate_store(struct world *w, int node, int64_t open_until, int64_t drain_until);
void gate_refresh(struct world *w, int node); /* after the clock's rate has changed */
enum gate_position gate_position(const struct world *w, int node, int64_t t);
void gate_look(struct world *w, int node, uint32_t life);
void traffic_announced(struct world *w, int node);
void syncer_told(struct world *w, int node, enum sync_part part, uint64_t term);
void syncer_look(struct world *w, int node, uint32_t life);
void syncer_flushed(struct world *w, int node, uint32_t life);
void syncer_gone(struct world *w, int node, int more);

/* faults.c */
void fault_begin(struct world *w, size_t step);
void fault_end(struct world *w, size_t step);

/* watch.c: positions of both gates between two happenings */
void watch_until(struct world *w, int64_t t);

/* check_safety.c */
void safety_init(struct world *w);
void safety_segment(struct world *w, int64_t from, int64_t to, const enum gate_position pos[2]);
void safety_stored(
	struct world *w, int node, int64_t now_node, int64_t open_until, int64_t drain_until);
void safety_stepped(struct world *w, int node);
void safety_acted(struct world *w, int node);
void safety_born(struct world *w, int node);
void safety_sent(struct world *w, int node, unsigned port, const uint8_t *data, size_t len);
void safety_told(struct world *w, int node, const struct packet *p);
void safety_exited(struct world *w, int node);

/* check_liveness.c */
void liveness_init(struct world *w);
/* Something happened from outside: outcomes may change, at the latest after `settle_ns`. */
void liveness_disturbed(struct world *w, int64_t settle_ns);
void liveness_segment(struct world *w, int64_t from, int64_t to, const enum gate_position pos[2]);
void liveness_role(struct world *w, int node, enum role from, enum role to);
void liveness_felled(struct world *w, int node);
void liveness_command(struct world *w, int node, uint32_t id);
void liveness_reply(struct world *w, int node, uint32_t id, enum refusal refusal);
int64_t liveness_after_start_ns(const struct world *w, int node, bool warm);
/* What more than one file of checkers asks. */
int64_t liveness_base_ns(const struct world *w);
bool liveness_hears(const struct world *w, int from); /* some wire from there delivers */
bool liveness_sessions(const struct world *w);
bool liveness_healthy(const struct world *w, int node);
bool liveness_cut_off(const struct world *w, int node);

/* check_agree.c */
void agree_init(struct world *w);
void agree_begins(struct world *w, const struct step *s); /* before a step is carried out */
void agree_disturbed(struct world *w);
void agree_restarted(struct world *w); /* what a node knew of the last minute is gone */
void agree_role(struct world *w, int node, enum role from, enum role to);
void agree_stepped(struct world *w);

/* expect.c */
void expect_init(struct world *w);
void expect_segment(struct world *w, int64_t from, int64_t to, const enum gate_position pos[2]);
void expect_noted(struct world *w, int node, const struct note *n);
void expect_replied(struct world *w, enum refusal refusal);
void expect_finish(struct world *w);

/* trace.c */
void trace_line(const struct world *w, enum trace_level level, int node, const char *what,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* stats.c */
void stats_add(struct stats *to, const struct stats *s);
void stats_print(const struct stats *s, FILE *f);
extern const char *const exemption_words[_EXEMPT_MAX];

/* shrink.c: leaves steps out while the same rule is still broken; prints a scenario. 0, or 1 when
   the plan does not fail. */
int shrink(struct plan *p, FILE *f);
