/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine: drives core/node with frames, link events and time, and carries out its actions.
 * Wiring only; every decision is the core's. Runs at real-time priority with locked memory; its
 * loop allocates nothing, logs nothing and makes no system call that can block: what may wait for a
 * lock in the kernel is config's to do (ask.c).
 */
#pragma once
#include "core/hb/budget.h"
#include "core/node/node.h"
#include "daemon/child.h"
#include "sys/announce.h"
#include "sys/gate.h"
#include "sys/linkwatch.h"
#include "sys/loop.h"
#include "sys/packet.h"
#include "sys/teamwatch.h"

#define ENGINE_PUBLISH_NS (100 * NS_PER_MS)
#define ENGINE_ASK_NS     NS_PER_S /* config has that long to answer, then the engine helps itself */

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
	bool missed;        /* the NIC, as people were told */
	uint8_t shared_mac[6];
	struct instant asked;      /* config is to open the socket, since then; 0 = no */
	struct instant looked;     /* when the socket was last read */
	struct instant flood_told; /* when a flood here was last told, 0 = never */
	bool readable;             /* it has frames */
	bool asleep;               /* budget spent: not polled until the window ends */
};

struct engine {
	struct loop loop;
	struct loop_timer timer;
	struct child_links links; /* to supervisor, config, state sync, probe */
	struct loop_fd linkwatch_fd;
	struct linkwatch linkwatch;
	struct loop_fd teamwatch_fd;
	struct teamwatch teamwatch; /* open when there is a team */
	struct aggregates aggregates;
	struct node *node;
	struct actions actions;
	struct ha_conf conf;
	bool configured, exiting;
	struct engine_port ports[IFACES_MAX];
	struct budget budget;       /* of frames, for the ports */
	struct instant links_asked; /* config is to look at the links, since then; 0 = no */
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
/* Reads the sockets that have something, or all of them once more; as far as the budgets go. */
void engine_wire_read(struct engine *e, bool all);
void engine_wire_window(struct engine *e); /* a new budget for everybody, when its time has come */
void engine_wire_tell(struct engine *e, uint16_t port);
/* Where this port is to listen and speak; false: nowhere. */
bool engine_wire_wants(const struct engine *e, uint16_t port, struct ipc_open *out);
/* This is its socket from now on. */
void engine_wire_adopt(struct engine *e, uint16_t port, const struct packet_sock *sock);
void engine_wire_link(void *engine, const struct link_event *ev); /* a linkwatch_cb */

/* ask.c: what may wait in the kernel, config does for us */
void engine_ask_init(struct engine *e);
void engine_ask_close(struct engine *e, int fd);       /* a packet socket; closes it here */
void engine_ask_open(struct engine *e, uint16_t port); /* engine_wire_adopt() follows */
void engine_ask_links(struct engine *e);               /* how every link is */
void engine_ask_again(struct engine *e); /* helps itself where config does not answer */
void engine_take_opened(struct engine *e, const uint8_t *msg, size_t len, int fd); /* IPC_OPENED */
void engine_take_links(struct engine *e, const uint8_t *msg, size_t len, int fd);  /* IPC_LINKS */

/* members.c: aggregates and their members */
void engine_members_init(struct engine *e);
void engine_members_link(struct engine *e, const struct link_event *ev); /* tells what changed */
struct aggregate_count engine_members_of(const struct engine *e, uint16_t port);

/* act.c: actions and messages out */
void engine_act(struct engine *e);
/* Tells the page that the gate is closed. */
void engine_gate_closed(struct engine *e);
void engine_announce_more(struct engine *e);
void engine_tell_sync(struct engine *e);
void engine_publish(struct engine *e, bool now);
