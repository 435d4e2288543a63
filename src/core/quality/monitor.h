/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * LinkMonitor: hosts that are asked again and again, and what their silence means. Pure: says when
 * to ask, is told what was asked and answered, and judges. Frames and sockets are not its concern.
 *
 * A host is lost when MaxLoss probes in a row stay unanswered, at the latest MaxLoss · PingInterval
 * after the last one that it answered was sent; one answer brings it back. It counts after its
 * first answer, so that a host that never was there lowers nothing. A monitor is lost when more
 * than half of its counting hosts are, but never during its grace period.
 */
#pragma once
#include "base/ip.h"
#include "base/time.h"
#include "core/limits.h"

#define MONITOR_LOSS_MAX    100
#define MONITOR_PING_MIN_MS 50
#define MONITOR_PING_MAX_MS 60000
#define MONITOR_GRACE_MAX_S 3600
#define MONITOR_RATE_MAX    2000 /* probes a second, all monitors together */

/* An interface that hosts are asked through. [0] IPv4, [1] IPv6; family 0 = there is none. */
struct probe_port {
	char name[IFACE_NAME_MAX];
	char dev[DEV_NAME_MAX];   /* NIC of this node */
	struct ip_addr own[2];    /* private address of this node */
	struct ip_addr shared[2]; /* first shared address */
};

struct probe_host {
	struct ip_addr addr;
	uint8_t port; /* into probe_conf.ports */
	bool on_link; /* asked by ARP or neighbour solicitation, else by ICMP echo */
};

struct probe_monitor {
	char name[IFACE_NAME_MAX]; /* of the object, cut */
	uint16_t max_loss;
	uint32_t ping_ms, grace_ms;
	uint8_t n_hosts;
	struct probe_host hosts[MONITOR_HOSTS_MAX];
};

/* The part of a configuration that tw-probe needs (IPC_PROBE_CONF); place = bit in struct health.
 */
struct probe_conf {
	bool tpm; /* TPMQualityIncluded */
	uint16_t n_ports;
	struct probe_port ports[MONITOR_PORTS_MAX];
	uint16_t n_monitors;
	struct probe_monitor monitors[MONITORS_MAX];
};

#define MONITOR_RING 32 /* probes that may be on their way to one host */

/* The last probe before a host is lost has this long to be answered, or half a PingInterval. */
#define MONITOR_LAST_WAIT_NS (100 * NS_PER_MS)

struct monitor_host {
	bool can_ask; /* there is an address to ask from */
	bool seen;    /* has answered since the configuration was applied: counts */
	bool lost;
	uint32_t seq;           /* of the newest probe; 0 = none yet */
	uint32_t answered;      /* newest probe that was answered */
	uint32_t unanswered;    /* probes since that one */
	uint32_t rtt_us;        /* of the newest answer */
	struct instant next;    /* when to ask; NEVER = not now */
	struct instant planned; /* when the newest probe was to be sent: delays do not add up */
	struct instant sent[MONITOR_RING]; /* by seq % MONITOR_RING */
};

struct monitor {
	const struct probe_monitor *conf;
	struct instant grace_until;
	struct monitor_host hosts[MONITOR_HOSTS_MAX];
};

/* Everything anew; c must stay. Nobody can be asked yet. */
void monitor_init(struct monitor *m, const struct probe_monitor *c, struct instant now);
/* What an earlier process knew of a host; the grace period is the caller's to restore. */
void monitor_restore(struct monitor *m, unsigned host, bool seen, bool lost);
/*
 * The host can, or cannot, be asked; `anew`: through another device or from another address, so
 * that what was asked before can no longer be answered.
 */
void monitor_set_way(struct monitor *m, unsigned host, bool can, bool anew, struct instant now);
/* The host is to be asked now. */
bool monitor_is_due(const struct monitor *m, unsigned host, struct instant now);
/* It was asked (or the sending failed, which is a loss as well); returns the probe's number. */
uint32_t monitor_asked(struct monitor *m, unsigned host, struct instant now);
/* An answer to probe `seq`. False: too old, never asked, or answered before. */
bool monitor_answered(struct monitor *m, unsigned host, uint32_t seq, struct instant now);
/* Judges what has become overdue. True when a host was lost. */
bool monitor_judge(struct monitor *m, struct instant now);
/* More than half of those that count are lost, and the grace period is over. */
bool monitor_is_lost(const struct monitor *m, struct instant now);
/* None of the hosts can be asked. */
bool monitor_is_blind(const struct monitor *m);
/* When monitor_judge() or a probe is due, or the grace period ends. */
struct instant monitor_deadline(const struct monitor *m, struct instant now);
