/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fixed sizes shared by more than one module. */
#pragma once

#define IFACES_MAX        255 /* cluster and sync interfaces of one configuration */
#define IFACE_NAME_MAX    13  /* object name with NUL: "tw-" and 12 bytes make IFNAMSIZ */
#define DEV_NAME_MAX      16  /* IFNAMSIZ */
#define FULL_RATE_PATHS   8   /* interfaces with a heartbeat in every interval */
#define MONITORS_MAX      64  /* LinkMonitor objects of one configuration: bits of struct health */
#define MONITOR_HOSTS_MAX 16  /* hosts of one of them */
#define MONITOR_PORTS_MAX 64  /* interfaces that all of them ask through */
#define HEALTH_TEXT_MAX   240 /* what a probe found, with NUL */
#define CLUSTER_KEY_LEN   32
#define FRAME_MAX         1500 /* Ethernet payload of any frame of ours */

#define HA_ETHERTYPE_DEFAULT 0xc157
#define GATE_DRAIN_MAX_MS    50 /* longest drain of a planned switch */
#define GATE_QUIET_MS        2  /* a draining gate that saw nothing for this long may close */

/* What marks kernel objects as ours. */
#define TW_RTPROT     117         /* rtm_protocol / IFA_PROTO / FRA_PROTOCOL */
#define TW_NODE_TABLE 29815       /* routing table of the private addresses */
#define TW_MARK       0x80000000u /* entered through tw-*: reserved packet mark bit */
#define TW_MAIN_TABLE 254         /* RT_TABLE_MAIN */
#define TW_RULE_MARK  800         /* ip rule preferences */
#define TW_RULE_FROM  900
#define TW_RULE_LOCAL 1000
#define TW_NFT_TABLE  "twinwall" /* table inet */
