/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One tracked connection as state sync sees it: between the kernel's netlink attributes (sys/ctnl)
 * and the bytes on the sync link (codec.h). Addresses are in network order, IPv4 in the first four
 * bytes with zeros behind; ports are plain numbers. Copies are short-lived: there is no table of
 * them.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/ip.h"

/* What of struct flow is known, beyond family, proto, orig and zone. */
enum flow_has {
	FLOW_REPLY = 1 << 0,
	FLOW_TCP = 1 << 1,
	FLOW_SCTP = 1 << 2,
	FLOW_TIMEOUT = 1 << 3,
	FLOW_MARK = 1 << 4,
	FLOW_LABELS = 1 << 5,
	FLOW_ADJUST = 1 << 6,
	FLOW_HELPER = 1 << 7,
	FLOW_STATUS = 1 << 8,
	FLOW_MASTER = 1 << 9,
};

/* The kernel's IPS_* bits that are carried. */
#define FLOW_SEEN_REPLY  0x2
#define FLOW_ASSURED     0x4
#define FLOW_EXPECTED    0x1 /* for an update only: not on the wire */
#define FLOW_STATUS_MASK (FLOW_SEEN_REPLY | FLOW_ASSURED)

/* The kernel's IP_CT_TCP_FLAG_* bits that are carried. */
#define FLOW_TCP_WSCALE     0x1
#define FLOW_TCP_FLAGS_MASK 0x7 /* window scale, SACK permitted, close initiated */

#define FLOW_TCP_STATES  10 /* enum tcp_conntrack, 0…9 */
#define FLOW_SCTP_STATES 9  /* enum sctp_conntrack, 0…8: the kernel need not check */
#define FLOW_SCALE_MAX   14 /* RFC 7323 §2.3 */
#define FLOW_LABELS_LEN  16
#define FLOW_HELPER_LEN  16 /* NF_CT_HELPER_NAME_LEN, with NUL */

/*
 * One direction. ICMP: sport = identifier, dport = type << 8 | code. GRE: the keys. Protocols
 * without ports: both 0.
 */
struct flow_tuple {
	uint8_t src[16], dst[16];
	uint16_t sport, dport;
};

enum flow_zone { FLOW_ZONE_BOTH, FLOW_ZONE_ORIG, FLOW_ZONE_REPLY, _FLOW_ZONE_MAX };

struct flow_adjust { /* TCP sequence numbers of one direction */
	uint32_t pos, before, after;
};

struct flow {
	uint8_t family; /* 4 or 6 */
	uint8_t proto;  /* IP protocol */
	uint8_t zone_dir;
	uint16_t zone; /* 0 = none */
	uint32_t has;  /* enum flow_has bits */
	struct flow_tuple orig, reply;
	uint32_t status; /* FLOW_SEEN_REPLY, FLOW_ASSURED */
	uint32_t timeout_s, mark;
	uint64_t start_ns; /* when it began, by the kernel's clock; 0 = not told. Never on the wire
			    */
	struct {
		uint8_t state, scale[2], flags[2]; /* [0] original direction, [1] reply */
	} tcp;
	struct {
		uint8_t state;
		uint32_t vtag[2];
	} sctp;
	struct flow_adjust adjust[2];
	uint8_t labels[FLOW_LABELS_LEN];
	char helper[FLOW_HELPER_LEN];
	uint8_t master_proto;     /* of the flow that announced this one … */
	struct flow_tuple master; /* … and its original direction; same family and zone */
};

enum flow_shape { FLOW_PORTS, FLOW_ICMP, FLOW_PLAIN };

/* How the kernel identifies connections of this protocol. */
enum flow_shape flow_shape(uint8_t proto);

/* Flows of this protocol are not carried: their state cannot be restored (DCCP). */
bool flow_proto_excluded(uint8_t proto);

/*
 * What the reply looks like when nothing is translated. False when there is no such thing (an ICMP
 * type that nobody answers).
 */
bool flow_invert(uint8_t family, uint8_t proto, const struct flow_tuple *t, struct flow_tuple *out);

enum flow_nat { FLOW_SNAT = 1, FLOW_DNAT = 2 };
/* enum flow_nat bits: in what the reply tuple differs from the inverse of the original one. */
unsigned flow_nat(const struct flow *f);

/* Same connection: family, protocol, zone and original tuple. */
bool flow_same(const struct flow *a, const struct flow *b);
/* A hash over what flow_same() compares. Keyed, because strangers choose the ports. */
uint64_t flow_hash(const struct flow *f, uint64_t key);
/* Over the reply tuple, which says the translation; `key` may be the flow_hash(). */
uint64_t flow_hash_reply(const struct flow *f, uint64_t key);

/* The node's own addresses, as a hash set of fixed size. */
#define FLOW_OWN_SLOTS 4096
struct flow_own {
	size_t n;
	uint64_t
		used[FLOW_OWN_SLOTS / 64]; /* bit per slot: most questions end here, in the cache */
	struct ip_addr slot[FLOW_OWN_SLOTS];
};

void flow_own_clear(struct flow_own *o);
/* False when full (never with SYNC_OWN_ADDRS_MAX addresses). */
bool flow_own_add(struct flow_own *o, const struct ip_addr *a);
bool flow_own_has(const struct flow_own *o, const struct ip_addr *a);

/*
 * The flow begins or ends on this node, or never leaves a link, so that it is nothing to the peer:
 * its client is own or its real server (after translation) is own; loopback, link-local, multicast.
 * A flow through a shared address that is translated to another machine is not local.
 */
bool flow_is_local(const struct flow *f, const struct flow_own *own);
/* The peer has such a flow: not local, and of a kind that can be told and created. */
bool flow_is_carried(const struct flow *f, const struct flow_own *own);
/* Loopback, link-local, multicast, broadcast, unspecified: nothing that is ever forwarded. */
bool flow_addr_stays(const struct ip_addr *a);
