/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The benchmark's flows: each has a number, from which its addresses follow and which can be told
 * from them. TCP, 4096 clients in 10.64.0.0/20, 256 servers at a time in 198.18.0.0/16, port 443,
 * all translated to one source address; neighbours in number have nothing else in common.
 */
#pragma once
#include "core/sync/flow.h"

#define FLOWS_CLIENTS UINT32_C(0x0a400000)
#define FLOWS_SERVERS UINT32_C(0xc6120000)
#define FLOWS_SHARED  UINT32_C(0xcb007101) /* 203.0.113.1 */
#define FLOWS_PORT    443
#define FLOWS_MAX     (UINT32_C(1) << 23)

#define FLOWS_LOW    15 /* bits of the number that are in the source port */
#define FLOWS_SPREAD UINT32_C(12345)

struct flow_ends {
	uint32_t client, server;
	uint16_t sport;
};

static inline struct flow_ends
flow_ends(uint32_t number)
{
	uint32_t low = number & ((1u << FLOWS_LOW) - 1), high = number >> FLOWS_LOW;

	return (struct flow_ends){
		.client = FLOWS_CLIENTS + (number * UINT32_C(2654435761) >> 20),
		.server = FLOWS_SERVERS + ((low * 167 & 0xff) << 8) + high,
		.sport = (uint16_t)(1024 + (low * FLOWS_SPREAD & ((1u << FLOWS_LOW) - 1))),
	};
}

/* The number of the flow to this server with this source port, FLOWS_MAX = none of ours. */
static inline uint32_t
flow_number(uint32_t server, uint16_t sport)
{
	uint32_t inverse = FLOWS_SPREAD, low;

	for (unsigned i = 0; i < 4; i++) /* Newton: modulo 2^32 */
		inverse *= 2 - FLOWS_SPREAD * inverse;
	low = (sport - UINT32_C(1024)) * inverse & ((1u << FLOWS_LOW) - 1);
	if (server >> 16 != FLOWS_SERVERS >> 16 || sport < 1024 ||
		(low * 167 & 0xff) != (server >> 8 & 0xff))
		return FLOWS_MAX;
	return (server & 0xff) << FLOWS_LOW | low;
}
