/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine: drives core/node with frames, link events and time, and carries out its actions.
 * Wiring only; every decision is the core's. Runs at real-time priority with locked memory; its
 * loop allocates nothing, logs nothing and makes no system call that can block.
 */
#pragma once
#include "core/node/node.h"
#include "daemon/setup.h"
#include "sys/announce.h"
#include "sys/gate.h"
#include "sys/linkwatch.h"
#include "sys/loop.h"
#include "sys/packet.h"
#include "sys/teamwatch.h"

#define ENGINE_RCVBUF     (64 << 10) /* doubled by the kernel: some 170 frames, within a budget */
#define ENGINE_BUDGET     256        /* frames a port in one window: a flood stays on its wire */
#define ENGINE_BUDGET_NS  (10 * NS_PER_MS)
#define ENGINE_PUBLISH_NS (100 * NS_PER_MS)

struct engine;

struct engine_port {
	struct engine *engine;
	struct packet_sock sock;
	struct loop_fd fd;
	int ifindex;                    /* of the NIC, 0 = missing */
	int tw_ifindex;                 /* of tw-NAME, 0 = missing */
	int vlan_of;                    /* when the NIC is a VLAN: what it stands on */
	struct aggregate_count members; /* as the core was told */
	bool carrier, tw_up;
	bool seen, tw_seen; /* in the dump under way */
	uint8_t shared_mac[6];
	struct instant looked; /* when the socket was last read */
	unsigned budget;       /* frames that may still be read in this window */
	bool asleep;           /* budget spent: not polled until the window ends */
};

struct engine {
	struct loop loop;
	struct loop_timer timer;
	struct loop_fd super, links[_PROC_MAX], linkwatch_fd;
	struct linkwatch linkwatch;
	struct loop_fd teamwatch_fd;
	struct teamwatch teamwatch; /* open when there is a team */
	struct aggregates aggregates;
	struct node *node;
	struct actions actions;
	struct ha_conf conf;
	bool configured, exiting;
	struct engine_port ports[IFACES_MAX];
	struct ipc_addresses addresses;
	volatile struct gate_words *gate;
	struct engine_page *page;
	struct instant now, published, window;
	bool page_stale;
	struct ipc_sync_part sync_part; /* told again when state sync was restarted */
	bool sync_part_pending;
	int announce_fd;
	bool announcing;      /* a round of announcements is under way */
	unsigned announce_at; /* next address of it */
	uint16_t announce_port;
};

/* engine.c */
void engine_step(struct engine *e, struct event *ev);

/* wire.c: sockets and links */
void engine_wire_init(struct engine *e);
void engine_wire_configure(struct engine *e, const struct ha_conf *old);
void engine_wire_poll(struct engine *e);   /* reads every socket once more, within the budgets */
void engine_wire_window(struct engine *e); /* a new budget for everybody, when its time has come */
int engine_wire_watch(struct engine *e);   /* opens the link watch; 0 or -errno */
void engine_wire_tell(struct engine *e, uint16_t port);

/* members.c: aggregates and their members */
void engine_members_init(struct engine *e);
void engine_members_link(struct engine *e, const struct link_event *ev); /* tells what changed */
struct aggregate_count engine_members_of(const struct engine *e, uint16_t port);

/* act.c: actions and messages out */
void engine_act(struct engine *e);
void engine_announce_more(struct engine *e);
void engine_tell_sync(struct engine *e);
void engine_publish(struct engine *e, bool now);
