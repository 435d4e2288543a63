/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The config process: loads the committed configuration, keeps the kernel as it says, hands engine
 * and state sync their parts, and serves the control socket. It decides nothing about roles and may
 * be slow: no heartbeat ever waits for it. Files: load.c (configuration), apply.c (kernel),
 * herald.c (announcing private addresses), links.c (other processes), serve.c (for the engine),
 * trial.c and channel.c (revisions on both nodes), edit.c (edits that are not activated),
 * pages.c (what they publish), notes.c (their events), eventlog.c (the log), strangers.c (who
 * speaks another EtherType), control.c (socket), commands.c and cmd_*.c.
 */
#pragma once
#include "base/arena.h"
#include "core/commit/commit.h"
#include "core/conf/check.h"
#include "core/node/conf.h"
#include "core/netplan/netplan.h"
#include "daemon/config/eventlog.h"
#include "daemon/setup.h"
#include "sys/linkwatch.h"
#include "sys/loop.h"
#include "sys/netapply.h"
#include "sys/nftwatch.h"
#include "sys/store.h"

/* One configuration with all that is made from it; immutable once loaded. */
struct revision {
	struct arena arena;
	uint32_t number;
	struct commit_id id; /* the same on both nodes */
	struct conf_candidate cand;
	const struct conf_model *model;
	const struct netplan *plan;
	const char *ruleset;       /* for nft */
	struct ha_conf ha;         /* holds the cluster key: wiped with the revision */
	struct ipc_sync_conf sync; /* same */
};

/*
 * load.c: number 0 = the kept one. 0, or -errno after every error was logged: nothing may be
 * applied then.
 */
int revision_load(struct revision *rev, uint32_t number, const struct store *store,
	const struct daemon_opts *o, struct eventlog *log);
/*
 * From an edited text. 0, or -errno with the errors listed (warnings in any case), which lie in the
 * revision's arena: revision_fini() in any case.
 */
int revision_make(struct revision *rev, uint32_t number, const char *text, size_t len,
	const struct store *store, const struct daemon_opts *o, struct eventlog *log,
	struct conf_errors *errors);
/* As it is stored and sent. */
const char *revision_text(struct arena *a, const struct commit_head *head, const char *statements);
void revision_fini(struct revision *rev);
/* hand.c: what engine, state sync and probe are told of a configuration. */
void hand_ha_conf(struct ha_conf *out, const struct revision *rev, const uint8_t *key);
/* What the engine announces: every address on a tw-*, as the plan has it. */
void hand_addresses(struct ipc_addresses *out, const struct revision *rev);
void hand_sync_conf(struct ipc_sync_conf *out, const struct revision *rev, const uint8_t *key);
void hand_probe_conf(struct probe_conf *out, const struct conf_model *m);

struct config;

/* The kernel's side of the configuration in force. */
struct apply {
	struct netapply net;
	struct linkwatch watch;
	struct loop_fd watch_fd;
	struct nftwatch rules_watch;
	struct loop_fd rules_fd;
	struct instant rules_told; /* when a change by others was logged last */
	struct loop_timer timer;   /* the next run */
	int64_t pause_ns;          /* between a link event and the run that it leads to */
	struct instant changed_at; /* last run that changed something and left problems */
	bool rules_loaded;
	char rules_error[256];         /* why not, as logged last */
	struct arena arena;            /* of report */
	struct netapply_report report; /* of the last run: present problems, for commands */
};

/* apply.c. setup_fds as in IPC_SETUP. 0 or -errno (logged). */
int apply_open(struct config *c, const int *setup_fds);
/*
 * Puts c->rev into force: rules first, then links and addresses; goes on by itself with every link
 * event. Calls config_in_force() when the rules are in the kernel and the links are as far as the
 * NICs allow, now or later.
 */
void apply_start(struct config *c);
/*
 * Puts another revision into force; c->rev is the old one until then, and *next is the old one
 * afterwards. 0, or -errno with a reason: the old one is in force as before.
 */
int apply_change(struct config *c, struct revision *next, char *why, size_t size);
/* The same without a way back: what does not work is tried again until it does. */
void apply_force(struct config *c, struct revision *next);
/* Removes everything from the kernel. */
void apply_remove(struct config *c);
void apply_close(struct config *c);

/* Sockets to the other processes. */
struct links {
	struct loop_fd peer[_PROC_MAX]; /* fd -1 = not there */
	bool owed[_PROC_MAX];           /* has not been told the present configuration yet */
	bool held;                      /* trial.c says when the others are told */
	struct loop_timer retry;
	uint32_t next_id;
};

/* links.c */
void links_init(struct config *c, int supervisor_fd);
void links_fini(struct config *c);
/* Tells the others the configuration in force, now or as soon as they are there. */
void links_tell_conf(struct config *c);
/* IPC_READY. */
int links_tell_ready(struct config *c);
int links_shutdown(struct config *c, uint32_t seconds);
/* Sends a command; *id names it in the reply. 0, or -errno (-ENOTCONN: no engine). */
int links_command(struct config *c, enum command cmd, uint32_t *id);

/* serve.c: IPC_OPEN and IPC_LOOK. */
void serve_engine(struct config *c, const uint8_t *msg, size_t len);

/* Shared memory of engine, state sync and probe, read only. */
struct pages {
	struct engine_page *engine;
	struct sync_page *sync;
	struct health_page *health;
};

/* pages.c: 0 or -errno. */
int pages_open(struct config *c, int engine_fd, int sync_fd, int health_fd);
void pages_close(struct config *c);
/*
 * A consistent copy, with position and lease_until as the gate is now, whatever the engine said of
 * them last. False: nothing published yet, or the writer died at work.
 */
bool pages_node_status(const struct config *c, struct node_status *out);
bool pages_sync_status(const struct config *c, struct sync_status *out);
/* What the probes know; as of out->now, which is older than a second when tw-probe does not run. */
bool pages_health_status(const struct config *c, struct health_status *out);
/* The gate has closed by itself under a role that would hold it open. */
bool pages_lease_lapsed(const struct node_status *s);
/* The engine does not answer: it has not published for long, or left a lapsed lease alone. */
bool pages_engine_silent(const struct node_status *s, struct instant now);

#define HERALD_MAX (2 * IFACES_MAX) /* an address of each family */

/* Private addresses that are new on their NIC. */
struct herald_item {
	char dev[DEV_NAME_MAX];
	struct ip_addr addr;
	uint8_t left; /* announcements still to be sent */
};

struct herald {
	int fd; /* -1 = none */
	struct loop_timer timer;
	unsigned n;
	struct herald_item items[HERALD_MAX];
};

/* herald.c */
void herald_open(struct config *c);
void herald_close(struct config *c);
/* Announces what a run of netapply has put on NICs, now and some times more. */
void herald_fresh(struct config *c, const struct netapply_report *rep);

#define SYNC_IFACES_MAX 2

/* A sync interface that is listened to for frames of ours under another EtherType. */
struct stranger_wire {
	struct loop_fd fd; /* -1 = not now */
	int ifindex;       /* of its NIC */
	char iface[IFACE_NAME_MAX];
	uint16_t ethertype;        /* of the last such frame */
	struct instant seen, told; /* … when it came, and when one was logged; 0 = never */
};

struct strangers {
	struct loop_timer timer;
	struct stranger_wire wires[SYNC_IFACES_MAX];
};

/* strangers.c */
void strangers_open(struct config *c);
void strangers_close(struct config *c);
/* One was heard of late. */
bool stranger_shown(const struct stranger_wire *w, struct instant now);

struct control;

/* notes.c: events of the other processes. */
void notes_open(struct config *c);
void notes_close(struct config *c);
void notes_poll(struct config *c, struct instant now);

struct config {
	const struct daemon_opts *opts;
	struct loop loop;
	struct eventlog log;
	struct store store;
	struct revision rev;
	struct apply apply;
	struct trial *trial; /* commit.h: how revisions come and go */
	struct edits *edits; /* edit.h: what administrators have not activated yet */
	bool in_force;       /* rev is in the kernel */
	bool stop;           /* IPC_STOP came */
	struct links links;
	struct pages pages;
	struct loop_timer notes;
	bool engine_hangs;                           /* as told */
	char findings[_HEALTH_MAX][HEALTH_TEXT_MAX]; /* of the probes, as told */
	struct instant findings_read;
	struct strangers strangers;
	struct herald herald;
	struct control *control;
	struct instant started;
	int64_t service_started_ns; /* CLOCK_BOOTTIME of the supervisor's start */
};

/* config.c */
void config_in_force(struct config *c);
void config_stop(struct config *c); /* IPC_STOP */
void config_reply(struct config *c, uint32_t id, enum refusal refusal);
/* The engine that was asked is gone: answers everything that waits for it. */
void config_engine_gone(struct config *c);
