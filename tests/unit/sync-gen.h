/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random flows for the tests of state sync: plausible ones that an encoder may be given. */
#pragma once
#include <netinet/in.h>
#include <string.h>
#include "base/prng.h"
#include "core/sync/codec.h"

static inline void
gen_addr(struct prng *p, bool v6, uint8_t a[16])
{
	memset(a, 0, 16);
	if (!v6) {
		/* a few networks, so that addresses meet again */
		a[0] = prng_chance(p, 50) ? 10 : (uint8_t)prng_range(p, 1, 223);
		a[1] = (uint8_t)prng_range(p, 0, 1);
		a[2] = (uint8_t)prng_range(p, 0, 2);
		a[3] = (uint8_t)prng_u64(p);
		return;
	}
	a[0] = 0x20;
	a[1] = 0x01;
	a[7] = (uint8_t)prng_range(p, 0, 2);
	for (unsigned i = 8; i < 16; i++)
		a[i] = prng_chance(p, 50) ? (uint8_t)prng_u64(p) : 0;
}

static inline uint16_t
gen_port(struct prng *p)
{
	static const uint16_t common[] = {80, 443, 53, 22, 0, 65535};

	return prng_chance(p, 50) ? common[prng_u64(p) % 6] : (uint16_t)prng_u64(p);
}

static inline void
gen_extras(struct prng *p, struct flow *f)
{
	if (prng_chance(p, 15)) {
		f->has |= FLOW_MARK;
		f->mark = (uint32_t)prng_u64(p) | 1;
	}
	if (prng_chance(p, 10)) {
		f->has |= FLOW_TIMEOUT;
		f->timeout_s = (uint32_t)prng_u64(p);
	}
	if (prng_chance(p, 10)) {
		f->has |= FLOW_LABELS;
		for (unsigned i = 0; i < FLOW_LABELS_LEN; i++)
			f->labels[i] = (uint8_t)prng_u64(p);
	}
	if (prng_chance(p, 10)) {
		f->has |= FLOW_HELPER;
		strcpy(f->helper, prng_chance(p, 50) ? "ftp" : "abcdefghijklmno");
	}
	if (prng_chance(p, 10)) {
		f->has |= FLOW_MASTER;
		f->master_proto = prng_chance(p, 50) ? IPPROTO_TCP : IPPROTO_UDP;
		gen_addr(p, f->family == 6, f->master.src);
		gen_addr(p, f->family == 6, f->master.dst);
		f->master.sport = gen_port(p);
		f->master.dport = gen_port(p);
	}
	if (prng_chance(p, 15)) {
		f->zone = (uint16_t)prng_range(p, 1, 65535);
		f->zone_dir = (uint8_t)prng_range(p, 0, _FLOW_ZONE_MAX - 1);
	}
	if (f->proto == IPPROTO_TCP && prng_chance(p, 10)) {
		f->has |= FLOW_ADJUST;
		for (unsigned i = 0; i < 2; i++)
			f->adjust[i] = (struct flow_adjust){(uint32_t)prng_u64(p),
				(uint32_t)prng_u64(p), (uint32_t)prng_u64(p)};
	}
}

static inline void
gen_state(struct prng *p, struct flow *f)
{
	if (f->proto == IPPROTO_TCP && prng_chance(p, 90)) {
		f->has |= FLOW_TCP;
		f->tcp.state = (uint8_t)prng_range(p, 0, FLOW_TCP_STATES - 1);
		for (unsigned i = 0; i < 2; i++) {
			f->tcp.flags[i] = (uint8_t)prng_range(p, 0, 7);
			f->tcp.scale[i] = (uint8_t)prng_range(p, 0, FLOW_SCALE_MAX);
		}
	}
	if (f->proto == IPPROTO_SCTP) {
		f->has |= FLOW_SCTP;
		f->sctp.state = (uint8_t)prng_range(p, 0, FLOW_SCTP_STATES - 1);
		f->sctp.vtag[0] = (uint32_t)prng_u64(p);
		f->sctp.vtag[1] = (uint32_t)prng_u64(p);
	}
	if (prng_chance(p, 80)) {
		f->has |= FLOW_STATUS;
		f->status = (uint32_t)prng_u64(p) & FLOW_STATUS_MASK;
	}
}

static inline struct flow
gen_flow(struct prng *p)
{
	static const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP,
		IPPROTO_SCTP, IPPROTO_GRE, IPPROTO_UDPLITE, IPPROTO_ESP, 89};
	struct flow f;
	bool v6 = prng_chance(p, 30);

	memset(&f, 0, sizeof(f));
	f.family = v6 ? 6 : 4;
	f.proto = protos[prng_u64(p) % sizeof(protos)];
	gen_addr(p, v6, f.orig.src);
	gen_addr(p, v6, f.orig.dst);
	if (flow_shape(f.proto) == FLOW_PORTS) {
		f.orig.sport = gen_port(p);
		f.orig.dport = gen_port(p);
	} else if (f.proto == IPPROTO_ICMP) {
		f.proto = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
		f.orig.sport = gen_port(p);
		f.orig.dport = (uint16_t)((v6 ? 128 : 8) << 8);
	}
	flow_invert(f.family, f.proto, &f.orig, &f.reply);
	f.has = FLOW_REPLY;
	if (prng_chance(p, 50))
		gen_addr(p, v6, f.reply.dst);
	if (prng_chance(p, 20))
		gen_addr(p, v6, f.reply.src);
	if (prng_chance(p, 30) && flow_shape(f.proto) == FLOW_PORTS)
		f.reply.dport = gen_port(p);
	if (prng_chance(p, 20) && flow_shape(f.proto) != FLOW_PLAIN)
		f.reply.sport = gen_port(p);
	gen_state(p, &f);
	gen_extras(p, &f);
	return f;
}
