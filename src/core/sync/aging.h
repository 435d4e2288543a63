/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Timeouts: the node that forwards decides when a flow has ended. On the standby a flow lives
 * nearly for ever until told otherwise, and its remaining time doubles as a mark of when it was
 * last confirmed: every bulk has a lifetime of its own, so that after the bulk those that it did
 * not confirm stand out in the kernel's own table, and nothing has to be remembered here.
 */
#pragma once
#include "base/time.h"
#include "core/sync/flow.h"

#define AGING_LONG_S  1728000u /* 20 days: beyond every timeout of the kernel, fits at any HZ */
#define AGING_STEP_S  10u      /* between the lifetimes of one bulk and the next */
#define AGING_BULKS   32u      /* then the lifetimes begin again */
#define AGING_SLACK_S 5u

/* Lifetime of what bulk number `bulk` and the deltas after it confirm. */
static inline uint32_t
aging_lifetime(uint32_t bulk)
{
	return AGING_LONG_S + AGING_STEP_S * (bulk % AGING_BULKS);
}

/*
 * A flow with remaining_s left was not confirmed since bulk number `bulk` began, elapsed_ns ago.
 * Only for flows that a standby holds for its peer.
 */
bool aging_unconfirmed(uint32_t remaining_s, uint32_t bulk, int64_t elapsed_ns);

/* The kernel's own timeouts, by protocol and state. */
enum aging_kind {
	AGING_GENERIC,
	AGING_ICMP,
	AGING_ICMPV6,
	AGING_UDP,
	AGING_UDP_STREAM,
	AGING_GRE,
	AGING_GRE_STREAM,
	AGING_TCP,                  /* + state 1…9 - 1 */
	AGING_SCTP = AGING_TCP + 9, /* + state 1…8 - 1 */
	_AGING_MAX = AGING_SCTP + 8,
};

struct aging {
	uint32_t timeout_s[_AGING_MAX];
};

/* File name below /proc/sys/net/netfilter/ ("nf_conntrack_udp_timeout"), NULL = has none. */
const char *aging_name(enum aging_kind k);
/* The kernel's defaults. */
void aging_defaults(struct aging *a);
/* What the kernel would give this flow at its next packet. */
uint32_t aging_timeout(const struct aging *a, const struct flow *f);
