/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The inside of struct node, shared by the files of core/node only. */
#pragma once
#include "core/elect/elect.h"
#include "core/elect/lease.h"
#include "core/hb/detect.h"
#include "core/hb/heartbeat.h"
#include "core/hb/session.h"
#include "core/node/node.h"
#include "core/quality/quality.h"

#define SETTLE_NS       (500 * NS_PER_MS) /* links quiet for this long: settled */
#define HELLO_INTERVALS 5                 /* between two hellos while nobody answers */
#define HELLO_PAUSE_MS  30                /* longest between two answers to hellos on a wire */
#define SLOW_DIVISOR    10                /* ports beyond FULL_RATE_PATHS: every tenth heartbeat */
#define ALARM_OVER_NS   (60 * NS_PER_S)   /* a complaint after so long a pause is a new one */
#define ALARM_AGAIN_NS  (3600 * NS_PER_S) /* one that goes on is told again */
#define ANNOUNCE_STEPS  6

/* Events about frames: TW1401 and those behind it, in the order of the catalogue. */
#define NOTE_FRAMES (NOTE_CLUSTER_DIFFERS - NOTE_VERSION_DIFFERS + 1)

/* One kind of frames that had to be refused on a port. */
struct frame_alarm {
	struct instant seen, told; /* the last one; the last event of it. 0 = never */
	uint64_t mac;              /* of its sender */
	uint32_t number;           /* what the event says of it beside */
};

#define NODE_CONF_DIFFERS_NS (10 * NS_PER_S) /* an activation takes so long on both nodes */
#define NODE_SCARES          3 /* times that the peer was taken for dead and lived … */
#define NODE_SCARES_NS       (600 * NS_PER_S) /* … within this time are too many */

struct node_port {
	bool present, carrier, ready;
	bool full_rate;
	uint8_t members, members_up;
	bool monitor_lost;            /* a LinkMonitor that counts as this interface */
	struct instant carrier_since; /* of the present carrier */
	bool proven;                  /* frames have passed since then */
	bool one_way;                 /* for long: heartbeats do not pass in both directions */
	struct instant bad_since;     /* … not in both since then, 0 = they do */
	struct instant heard;         /* last heartbeat of the twin, 0 = never */
	struct frame_alarm alarms[NOTE_FRAMES];
	uint64_t n_heard, n_sent;
	uint64_t heard_session, heard_challenge; /* of the newest hello here: what ours echoes */
	bool hello_due;
	struct instant last_hello;
	uint32_t rtt_us;
};

struct node_peer {
	enum peer_state state;
	bool goodbye;
	bool quiet; /* as judged on the last tick; the next frame ends it (elect/lease.h) */
	bool known; /* has been alive since this process started */
	bool type_noted;
	struct claim claim;        /* .valid only of the present session */
	uint8_t hears[32], up[32]; /* bits of its newest heartbeat, beside the claim */
	uint64_t claim_counter;    /* newest frame that a claim was taken from */
	struct instant sent;       /* its newest send time (its clock), this session */
	struct instant sent_heard; /* … and when that came in */
	struct instant echoed;     /* my newest send time that it has echoed, this session */
	struct instant comeback;   /* when it was last first heard */
	bool presumed;             /* dead, by silence alone; no other process has spoken since */
	struct instant scares[NODE_SCARES]; /* came back from that: newest first */
};

/* HAFailoverTime where it has changed; the rest is in conf and in the peer's claim. */
struct node_timers {
	uint32_t longer_ms; /* what it was before it became shorter */
	struct instant longer_until;
	struct instant since; /* when it changed */
	uint32_t known_ms; /* what the newest frame said that the peer has echoed; 0 = none has */
};

struct node_gate {
	struct instant open_until, drain_until;
	struct instant last_unicast;
};

struct node {
	bool configured, warm, stopping, exited;
	struct ha_conf conf;
	struct session session;
	struct detect detect;
	struct elect elect;
	struct node_peer peer;
	struct node_gate gate;
	struct node_timers timers;
	struct quality_terms present, noted; /* not settled; as last told to people */
	struct quality_settled settled[_QUALITY_TERMS];
	bool able;
	struct instant conf_differs_since; /* the last moment at which they did not */
	bool hold_noted, conf_diff_noted, conflict_noted, scares_noted;
	struct node_port ports[IFACES_MAX];

	struct instant links_changed, next_heartbeat, last_heartbeat, next_hello;
	uint64_t beats, hello_rounds;
	struct instant every_path_until; /* the slow ports send with every heartbeat, too */
	struct claim published;
	bool has_published;

	unsigned announce_step; /* next of the schedule; ANNOUNCE_STEPS = done */
	struct instant announce_base, announce_next;

	struct health health;
	struct sync_report sync;
	bool sync_reported;
	enum sync_part sync_part; /* as last told, and its term */
	uint64_t sync_term;

	uint64_t sent, heard, takeovers;
	struct refused_counts refused;
	struct role_change changes[8];
	uint8_t n_changes;
};

/* node.c */
struct elect_in node_facts(const struct node *n, struct instant now);
struct action *node_act(struct actions *out, enum action_kind kind);

/* timers.c */
int64_t node_interval_ns(const struct node *n);  /* the larger of both nodes' settings */
int64_t node_detection_ns(const struct node *n); /* the larger */
int64_t node_lease_ns(const struct node *n);     /* 0.8 of what the peer is sure to wait */
int64_t node_initial_silence_ns(const struct node *n);
void node_timers_set(struct node *n, const struct ha_conf *c, struct instant now);
void node_timers_echoed(struct node *n); /* the peer has echoed a frame */

/* tell.c */
void node_note(struct actions *out, enum note_id id, struct instant at, int64_t a, int64_t b,
	int64_t c, int64_t d);
void node_note_args(struct actions *out, enum note_id id, struct instant at, const int64_t *args,
	unsigned n_args);
void node_tell_role(const struct role_change *c, struct actions *out);
bool node_scared(const struct node *n, struct instant now); /* too often of late */
void node_tell_peer_lost(const struct node *n, struct instant now, struct actions *out);
/* Two active nodes: before the role machine ends it. */
void node_tell_conflict(struct node *n, struct instant now, struct actions *out);
/* What is told when it begins and when it ends. */
void node_tell_conditions(struct node *n, struct instant now, struct actions *out);

/* fitness.c */
void node_take_health(
	struct node *n, const struct health *h, struct instant now, struct actions *out);
void node_judge_fitness(struct node *n, struct instant now, struct actions *out);
struct quality_terms node_settled_terms(const struct node *n);
struct instant node_fitness_deadline(const struct node *n);
struct quality_iface node_port_counts(const struct node *n, unsigned port);
int64_t node_dwell_ns(const struct node *n);
int64_t node_patience_ns(const struct node *n, unsigned port); /* silence that is none */
bool node_port_heard(const struct node *n, unsigned port, struct instant now);
bool node_port_hears(const struct node *n, unsigned port); /* the peer hears us there */
void node_forget_one_way(struct node *n); /* while this node slept nothing was to be heard */

/* receive.c */
void node_receive(struct node *n, const struct event *ev, struct actions *out);

/* publish.c */
void node_publish(struct node *n, struct instant now, bool tick, struct actions *out);
void node_say_goodbye(struct node *n, struct instant now, struct actions *out);
struct instant node_publish_deadline(const struct node *n);

/* announce schedule, publish.c */
void node_announce_restart(struct node *n, struct instant now);
void node_announce(struct node *n, struct instant now, struct actions *out);
