/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Timeouts: the node that forwards decides when a flow has ended. On the standby a flow lives
 * nearly for ever until told otherwise, and when it would expire doubles as a mark of what
 * confirmed it: all that one bulk and the deltas after it confirm expires at one instant, and each
 * bulk has a later instant than the one before. After a bulk those that it did not confirm stand
 * out in the kernel's own table, and nothing has to be remembered here.
 */
#pragma once
#include "base/time.h"
#include "core/sync/flow.h"

#define AGING_LONG_S  1728000 /* 20 days: beyond every timeout of the kernel, fits at any HZ */
#define AGING_STEP_S  8       /* between the instants of two bulks, at least */
#define AGING_SLACK_S 4       /* the kernel counts whole seconds, and its answer is a little old */

/* When the flows of a bulk that begins now expire, in seconds since boot; last_s = the one before.
 */
int64_t aging_expiry(struct instant now, int64_t last_s);
/* The timeout that makes a flow expire then. */
uint32_t aging_lifetime(struct instant now, int64_t expiry_s);
/* Not confirmed by the bulk whose flows expire then. Only for flows that a standby holds. */
bool aging_unconfirmed(struct instant now, uint32_t remaining_s, int64_t expiry_s);
/* Long-lived flows are confirmed again in time: half of their life is over. */
bool aging_needs_refresh(struct instant now, int64_t expiry_s);

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
