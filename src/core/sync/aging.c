/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Timeouts of the kernel by protocol and state; the standby's marks. */
#include <netinet/in.h>
#include "core/sync/aging.h"

static const struct {
	const char *name;
	uint32_t default_s;
} table[_AGING_MAX] = {
	[AGING_GENERIC] = {"nf_conntrack_generic_timeout", 600},
	[AGING_ICMP] = {"nf_conntrack_icmp_timeout", 30},
	[AGING_ICMPV6] = {"nf_conntrack_icmpv6_timeout", 30},
	[AGING_UDP] = {"nf_conntrack_udp_timeout", 30},
	[AGING_UDP_STREAM] = {"nf_conntrack_udp_timeout_stream", 120},
	[AGING_GRE] = {"nf_conntrack_gre_timeout", 30},
	[AGING_GRE_STREAM] = {"nf_conntrack_gre_timeout_stream", 180},
	[AGING_TCP + 0] = {"nf_conntrack_tcp_timeout_syn_sent", 120},
	[AGING_TCP + 1] = {"nf_conntrack_tcp_timeout_syn_recv", 60},
	[AGING_TCP + 2] = {"nf_conntrack_tcp_timeout_established", 432000},
	[AGING_TCP + 3] = {"nf_conntrack_tcp_timeout_fin_wait", 120},
	[AGING_TCP + 4] = {"nf_conntrack_tcp_timeout_close_wait", 60},
	[AGING_TCP + 5] = {"nf_conntrack_tcp_timeout_last_ack", 30},
	[AGING_TCP + 6] = {"nf_conntrack_tcp_timeout_time_wait", 120},
	[AGING_TCP + 7] = {"nf_conntrack_tcp_timeout_close", 10},
	[AGING_TCP + 8] = {NULL, 120}, /* SYN_SENT2: simultaneous open */
	[AGING_SCTP + 0] = {"nf_conntrack_sctp_timeout_closed", 10},
	[AGING_SCTP + 1] = {"nf_conntrack_sctp_timeout_cookie_wait", 3},
	[AGING_SCTP + 2] = {"nf_conntrack_sctp_timeout_cookie_echoed", 3},
	[AGING_SCTP + 3] = {"nf_conntrack_sctp_timeout_established", 210},
	[AGING_SCTP + 4] = {"nf_conntrack_sctp_timeout_shutdown_sent", 3},
	[AGING_SCTP + 5] = {"nf_conntrack_sctp_timeout_shutdown_recd", 3},
	[AGING_SCTP + 6] = {"nf_conntrack_sctp_timeout_shutdown_ack_sent", 3},
	[AGING_SCTP + 7] = {"nf_conntrack_sctp_timeout_heartbeat_sent", 30},
};

int64_t
aging_expiry(struct instant now, int64_t last_s)
{
	int64_t fresh_s = now.ns / NS_PER_S + AGING_LONG_S;

	return fresh_s > last_s + AGING_STEP_S ? fresh_s : last_s + AGING_STEP_S;
}

uint32_t
aging_lifetime(struct instant now, int64_t expiry_s)
{
	int64_t left_s = expiry_s - now.ns / NS_PER_S;

	return left_s > 1 ? (uint32_t)left_s : 1;
}

bool
aging_unconfirmed(struct instant now, uint32_t remaining_s, int64_t expiry_s)
{
	return now.ns / NS_PER_S + remaining_s < expiry_s - AGING_SLACK_S;
}

bool
aging_needs_refresh(struct instant now, int64_t expiry_s)
{
	return expiry_s - now.ns / NS_PER_S < AGING_LONG_S / 2;
}

const char *
aging_name(enum aging_kind k)
{
	return table[k].name;
}

void
aging_defaults(struct aging *a)
{
	for (unsigned i = 0; i < _AGING_MAX; i++)
		a->timeout_s[i] = table[i].default_s;
}

static unsigned
kind_of(const struct flow *f)
{
	bool stream = f->status & FLOW_ASSURED;

	switch (f->proto) {
	case IPPROTO_TCP:
		return f->has & FLOW_TCP && f->tcp.state >= 1 && f->tcp.state <= 9
			       ? AGING_TCP + f->tcp.state - 1u
			       : AGING_TCP + 2u;
	case IPPROTO_SCTP:
		return f->has & FLOW_SCTP && f->sctp.state >= 1 && f->sctp.state <= 8
			       ? AGING_SCTP + f->sctp.state - 1u
			       : AGING_SCTP + 3u;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		return stream ? AGING_UDP_STREAM : AGING_UDP;
	case IPPROTO_GRE:
		return stream ? AGING_GRE_STREAM : AGING_GRE;
	case IPPROTO_ICMP:
		return AGING_ICMP;
	case IPPROTO_ICMPV6:
		return AGING_ICMPV6;
	default:
		return AGING_GENERIC;
	}
}

uint32_t
aging_timeout(const struct aging *a, const struct flow *f)
{
	return a->timeout_s[kind_of(f)];
}
