/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tw-probe: how well is this machine, and are the links of any use? It asks the hosts of
 * LinkMonitors (monitors.c, ways.c), hears from its keeper (keeper.c) what the hardware says, and
 * tells the engine. It decides nothing: weighing is core/quality's, roles are the engine's.
 */
#pragma once
#include "core/quality/monitor.h"
#include "daemon/child.h"
#include "sys/reach_frame.h"

#define PROBE_TELL_NS (1 * NS_PER_S)    /* repeats, for an engine that was started again */
#define PROBE_LOOK_NS (100 * NS_PER_MS) /* devices, addresses and the gate are looked at again */
#define PROBE_BUDGET  64                /* answers of one socket before others get their turn */

/* How a host can be asked through a port, by one family. */
enum way_kind {
	WAY_NONE,
	WAY_OWN,    /* from the private address, by the NIC */
	WAY_SHARED, /* from the shared address, by tw-*: only while the gate is open */
	WAY_BARE,   /* without an address, by the NIC: hosts on the link only */
};

struct probe;

struct way {
	struct probe *probe;
	const struct probe_port *port;
	uint8_t family;          /* 4 or 6 */
	bool use_link, use_echo; /* some host needs it */
	enum way_kind kind;      /* WAY_NONE: nothing is open */
	char dev[DEV_NAME_MAX];
	int ifindex;
	uint8_t mac[6];
	struct ip_addr src;
	struct loop_fd link, echo; /* fd -1 = closed */
};

struct probe {
	struct loop loop;
	struct loop_timer timer;
	struct child_links links;
	struct loop_fd keeper;
	const struct engine_page *engine;
	struct health_page *page;
	int nic_fd; /* to ask for devices by */
	bool configured;
	struct probe_conf conf;
	struct way ways[MONITOR_PORTS_MAX][2];
	struct monitor monitors[MONITORS_MAX];
	bool blind_told[MONITORS_MAX];
	uint16_t echo_id;
	uint8_t cookie[8];
	unsigned tokens; /* probes that may still be sent in this window */
	struct instant window, looked, told;
	struct health_status status;
	struct health last; /* told to the engine */
	bool stale;         /* the engine, or the page, has to be told */
};

/* main.c: to the engine and into the page, when something changed or a second has passed. */
void probe_tell(struct probe *p, struct instant now);
/* An event for people, into the ring in the page. */
void probe_note(struct probe *p, enum note_id id, int64_t a, int64_t b);

/* ways.c */
void ways_configure(struct probe *p);
/* Opens, closes and changes what devices, addresses and the gate ask for; tells the monitors. */
void ways_look(struct probe *p, struct instant now);
void ways_close(struct probe *p);
/* Sends one probe. 0 or -errno. */
int way_ask(struct way *w, const struct probe_host *h, const struct reach_token *t);

/* monitors.c */
/* A new configuration; `warm`: the page holds what an earlier process knew. */
void monitors_configure(struct probe *p, const struct probe_conf *conf, bool warm);
/* Asks and judges what is due. */
void monitors_run(struct probe *p, struct instant now);
struct instant monitors_deadline(const struct probe *p, struct instant now);
/* Answers, as ways.c reads them. False: to no probe of ours. */
bool monitors_echo(struct probe *p, const struct way *w, const struct ip_addr *from,
	const struct reach_token *t, struct instant now);
bool monitors_link(
	struct probe *p, const struct way *w, const struct ip_addr *from, struct instant now);
/* Fills in what the page shows of monitors, and health.monitors_lost. */
void monitors_report(struct probe *p, struct instant now);

/*
 * keeper.c: forks the process that looks after the hardware; it lives as long as this one. Returns
 * the socket on which its IPC_FINDINGs come and IPC_PROBE_CONF goes, or -errno.
 */
int keeper_start(const char *state);
