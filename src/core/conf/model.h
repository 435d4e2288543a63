/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One configuration, checked and resolved: every reference followed, every default filled in. Made
 * by conf_check() (check.h), immutable afterwards, owned by one arena. Everything that consumes a
 * configuration (ruleset compiler, network plan, engine, commands) reads this and nothing else.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/ip.h"
#include "core/limits.h"
#include "core/sync/except.h"

enum node_type { NODE_MASTER, NODE_SLAVE }; /* index into every [2] below */
enum active_if_equal { PREFER_AUTOMATIC, PREFER_MASTER, PREFER_SLAVE };

struct conf_ha {
	bool enabled;
	uint16_t cluster_id;
	enum node_type node_type;
	uint16_t ethertype;
	uint32_t interval_ms, failover_ms; /* after Profile */
	uint32_t initial_silence_s;
	uint32_t garp_period_s; /* 0 = never */
	bool sync;
	uint32_t sync_buffer_kb, sync_burst, sync_after_s;
	struct sync_except sync_except;
	bool unique_shared_mac;
	bool deactivate_before_reconf;
	uint32_t reconf_failover_time_s;
	enum active_if_equal active_if_equal;
	bool lacp_members_weight, failover_members_weight, tpm_included;
};

struct conf_iface {
	const char *name;
	uint16_t index;     /* 1…IFACES_MAX: goes into the shared MAC and every frame */
	const char *dev[2]; /* kernel name on master, slave */
	bool sync;          /* named by SyncInterface: no tw-*, no addresses, no rules */
	bool heartbeats;
	uint16_t weight;                /* 0 for sync interfaces */
	uint32_t mtu;                   /* 0 = leave alone */
	const struct ip_prefix *shared; /* IPv4 and IPv6, in order of the configuration */
	size_t n_shared;
	bool has_private4, has_private6; /* false: localhost */
	struct ip_prefix private4[2], private6[2];
};

struct conf_route {
	const char *name;
	const struct conf_iface *iface;
	struct ip_prefix net;   /* host bits clear */
	struct ip_addr gateway; /* family 0: directly connected */
	uint32_t metric;
};

/* A set of addresses of either family: sorted, disjoint ranges. */
struct addr_set {
	const struct ip_range *r;
	size_t n;
	bool any4, any6; /* every address of the family; its ranges are then left out */
};

enum iface_match { IFACE_ANY, IFACE_CORE, IFACE_ONE };

struct iface_ref {
	enum iface_match kind;
	const struct conf_iface *iface; /* IFACE_ONE */
};

struct port_range {
	uint16_t lo, hi;
};

/* Who reads the control connections of a service, so that its data connections can pass. */
enum conf_helper { HELPER_NONE, HELPER_FTP, HELPER_TFTP, _HELPER_MAX };

/* One thing a service matches; a service is a list of these (ServiceGroup flattened). */
struct service_match {
	enum { MATCH_ANY, MATCH_PROTO, MATCH_PORTS, MATCH_ICMP } kind;
	uint8_t proto;                  /* PROTO, PORTS: IP protocol; ICMP: 1 or 58 */
	const struct port_range *sport; /* PORTS; n = 0: all */
	size_t n_sport;
	const struct port_range *dport;
	size_t n_dport;
	const uint8_t *types; /* ICMP; n = 0: all */
	size_t n_types;
	enum conf_helper helper; /* PORTS with destination ports only */
};

struct conf_service {
	const char *name;
	const struct service_match *match;
	size_t n_match;
};

enum rule_action { RULE_ALLOW, RULE_DROP, RULE_REJECT, RULE_NAT, RULE_SAT };

/* The word that a configuration has for it: check-rule.c. */
const char *conf_action_name(enum rule_action a);

struct conf_rule {
	const char *name;
	uint32_t index; /* 1…n: position, first match wins */
	enum rule_action action;
	struct iface_ref src_iface, dst_iface;
	struct addr_set src, dst;
	const struct conf_service *service;
	bool log;
	struct ip_addr nat_sender;  /* NAT, SAT: family 0 = the shared address of the outgoing
				       interface  (NAT) or no translation of the source (SAT) */
	struct ip_addr sat_ip;      /* SAT: family 0 = keep */
	struct port_range sat_port; /* SAT: lo = 0: keep */
	unsigned line;              /* where it was written, for messages */
};

enum mgmt_access { MGMT_HTTPS = 1, MGMT_SSH = 2, MGMT_METRICS = 4 };

struct conf_mgmt {
	const char *name;
	struct iface_ref iface; /* ANY or ONE */
	struct addr_set from;
	unsigned access; /* enum mgmt_access bits */
};

#define MONITOR_WEIGHT 100 /* of a LinkMonitor with neither Interface nor Weight */

struct conf_monitor_host {
	struct ip_addr addr;
	const struct conf_iface *iface; /* it is asked through this one */
	bool on_link;                   /* no router in between */
};

/* A LinkMonitor; place = its bit in struct health. */
struct conf_monitor {
	const char *name;
	const struct conf_iface *iface; /* is lost with it; NULL: it counts by itself */
	uint16_t weight;                /* without iface: its own, 0 = never counts */
	uint16_t max_loss;
	uint32_t ping_ms, grace_s;
	const struct conf_monitor_host *hosts; /* 1…MONITOR_HOSTS_MAX */
	size_t n_hosts;
};

struct conf_settings {
	uint32_t validation_timeout_s;
	uint32_t max_connections; /* 0 = automatic */
	uint32_t high_buffers;    /* 0 = automatic */
	uint16_t https_port;
};

struct conf_model {
	const char *device_name;
	struct conf_ha ha;
	struct conf_settings settings;
	const struct conf_iface *ifaces; /* sorted by index */
	size_t n_ifaces;
	const struct conf_route *routes;
	size_t n_routes;
	const struct conf_rule *rules; /* in order of evaluation */
	size_t n_rules;
	const struct conf_monitor *monitors; /* 0…MONITORS_MAX */
	size_t n_monitors;
	const struct conf_mgmt *mgmt;
	size_t n_mgmt;
	uint8_t hash[32]; /* BLAKE2b over the canonical text of everything both nodes share */
};

static inline const struct conf_iface *
conf_iface_by_name(const struct conf_model *m, const char *name)
{
	for (size_t i = 0; i < m->n_ifaces; i++)
		if (__builtin_strcmp(m->ifaces[i].name, name) == 0)
			return &m->ifaces[i];
	return NULL;
}

/* The shared MAC of an interface: 02:c1:HH:LL:II:ii; `group` gives the heartbeat's form 03:…. */
static inline void
conf_shared_mac(const struct conf_ha *ha, uint16_t index, bool group, uint8_t mac[6])
{
	uint16_t ii = ha->unique_shared_mac || group ? index : 0;

	mac[0] = group ? 0x03 : 0x02;
	mac[1] = 0xc1;
	mac[2] = (uint8_t)(ha->cluster_id >> 8);
	mac[3] = (uint8_t)ha->cluster_id;
	mac[4] = (uint8_t)(ii >> 8);
	mac[5] = (uint8_t)ii;
}
