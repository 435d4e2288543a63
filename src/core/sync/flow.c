/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flows: inverse tuples, translation, identity, what is the node's own. */
#include <string.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include "core/sync/flow.h"

enum flow_shape
flow_shape(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_SCTP:
	case IPPROTO_DCCP:
	case IPPROTO_GRE:
		return FLOW_PORTS;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return FLOW_ICMP;
	default:
		return FLOW_PLAIN;
	}
}

bool
flow_proto_excluded(uint8_t proto)
{
	return proto == IPPROTO_DCCP;
}

/* The type that answers `type`, or -1 (Linux: nf_conntrack_proto_icmp.c, _icmpv6.c). */
static int
icmp_answer(uint8_t proto, uint8_t type)
{
	static const struct {
		uint8_t proto, a, b;
	} pairs[] = {
		{IPPROTO_ICMP, 8, 0},       /* echo */
		{IPPROTO_ICMP, 13, 14},     /* timestamp */
		{IPPROTO_ICMP, 15, 16},     /* information */
		{IPPROTO_ICMP, 17, 18},     /* address mask */
		{IPPROTO_ICMPV6, 128, 129}, /* echo */
		{IPPROTO_ICMPV6, 139, 140}, /* node information */
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		if (pairs[i].proto != proto)
			continue;
		if (pairs[i].a == type)
			return pairs[i].b;
		if (pairs[i].b == type)
			return pairs[i].a;
	}
	return -1;
}

bool
flow_invert(uint8_t family, uint8_t proto, const struct flow_tuple *t, struct flow_tuple *out)
{
	struct flow_tuple r;
	int type;

	(void)family;
	memcpy(r.src, t->dst, sizeof(r.src));
	memcpy(r.dst, t->src, sizeof(r.dst));
	r.sport = t->dport;
	r.dport = t->sport;
	if (flow_shape(proto) == FLOW_ICMP) {
		type = icmp_answer(proto, (uint8_t)(t->dport >> 8));
		if (type < 0)
			return false;
		r.sport = t->sport;
		r.dport = (uint16_t)(type << 8 | (t->dport & 0xff));
	}
	*out = r;
	return true;
}

unsigned
flow_nat(const struct flow *f)
{
	struct flow_tuple plain;
	bool icmp = flow_shape(f->proto) == FLOW_ICMP;
	unsigned nat = 0;

	if (!(f->has & FLOW_REPLY) || !flow_invert(f->family, f->proto, &f->orig, &plain))
		return 0;
	if (memcmp(plain.dst, f->reply.dst, sizeof(plain.dst)) != 0)
		nat |= FLOW_SNAT;
	if (memcmp(plain.src, f->reply.src, sizeof(plain.src)) != 0)
		nat |= FLOW_DNAT;
	if (plain.sport != f->reply.sport)
		nat |= icmp ? FLOW_SNAT : FLOW_DNAT; /* the identifier counts as source */
	if (plain.dport != f->reply.dport && !icmp)
		nat |= FLOW_SNAT;
	return nat;
}

bool
flow_same(const struct flow *a, const struct flow *b)
{
	return a->family == b->family && a->proto == b->proto && a->zone == b->zone &&
	       a->zone_dir == b->zone_dir && memcmp(&a->orig, &b->orig, sizeof(a->orig)) == 0;
}

/* Multiply and fold: one 64×64→128 bit product per step, as wyhash does. */
static uint64_t
mix(uint64_t a, uint64_t b)
{
	unsigned __int128 p = (unsigned __int128)(a ^ UINT64_C(0xa0761d6478bd642f)) *
			      (b ^ UINT64_C(0xe7037ed1a0b428db));

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static uint64_t
hash_addresses(const struct flow *f, const struct flow_tuple *t, uint64_t key)
{
	uint64_t w[4], h;

	memcpy(w, t->src, 16);
	memcpy(w + 2, t->dst, 16);
	h = mix(key ^ w[0], w[2] ^ key);
	return f->family == 6 ? mix(h ^ w[1], w[3] ^ key) : h;
}

uint64_t
flow_hash(const struct flow *f, uint64_t key)
{
	return mix(hash_addresses(f, &f->orig, key) ^
			   ((uint64_t)f->zone << 16 | (uint64_t)f->zone_dir << 8 | f->proto),
		((uint64_t)f->orig.sport << 32 | (uint64_t)f->orig.dport << 8 | f->family) ^ key);
}

uint64_t
flow_hash_reply(const struct flow *f, uint64_t key)
{
	return mix(hash_addresses(f, &f->reply, key),
		((uint64_t)f->reply.sport << 16 | f->reply.dport) ^ key);
}

void
flow_own_clear(struct flow_own *o)
{
	memset(o, 0, sizeof(*o));
}

static unsigned
own_slot(uint8_t family, const uint8_t *b)
{
	uint64_t w[2] = {0};

	memcpy(w, b, ip_bytes(family));
	return (unsigned)(mix(w[0], w[1]) % FLOW_OWN_SLOTS);
}

static bool
own_used(const struct flow_own *o, unsigned i)
{
	return o->used[i / 64] >> i % 64 & 1;
}

static bool
own_has(const struct flow_own *o, uint8_t family, const uint8_t *b)
{
	if (o->n == 0)
		return false;
	for (unsigned i = own_slot(family, b);; i = (i + 1) % FLOW_OWN_SLOTS) {
		if (!own_used(o, i))
			return false;
		if (o->slot[i].family == family && memcmp(o->slot[i].b, b, ip_bytes(family)) == 0)
			return true;
	}
}

bool
flow_own_has(const struct flow_own *o, const struct ip_addr *a)
{
	return own_has(o, a->family, a->b);
}

bool
flow_own_add(struct flow_own *o, const struct ip_addr *a)
{
	unsigned i = own_slot(a->family, a->b);

	if (own_has(o, a->family, a->b))
		return true;
	if (o->n >= FLOW_OWN_SLOTS / 2)
		return false;
	while (own_used(o, i))
		i = (i + 1) % FLOW_OWN_SLOTS;
	o->used[i / 64] |= UINT64_C(1) << i % 64;
	o->slot[i] = *a;
	o->n++;
	return true;
}

static bool
stays_on_link(uint8_t family, const uint8_t *b)
{
	static const uint8_t zero16[16], loop6[16] = {[15] = 1};

	if (family == 4)
		return b[0] == 127 || b[0] == 0 || b[0] >= 224 || (b[0] == 169 && b[1] == 254);
	return b[0] == 0xff || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80) ||
	       memcmp(b, zero16, 16) == 0 || memcmp(b, loop6, 16) == 0;
}

bool
flow_is_local(const struct flow *f, const struct flow_own *own)
{
	const uint8_t *server = f->has & FLOW_REPLY ? f->reply.src : f->orig.dst;

	return stays_on_link(f->family, f->orig.src) || stays_on_link(f->family, f->orig.dst) ||
	       own_has(own, f->family, f->orig.src) || own_has(own, f->family, server);
}

bool
flow_is_carried(const struct flow *f, const struct flow_own *own)
{
	struct flow_tuple plain;

	return f->has & FLOW_REPLY && !flow_is_local(f, own) &&
	       flow_invert(f->family, f->proto, &f->orig, &plain);
}

bool
flow_addr_stays(const struct ip_addr *a)
{
	return stays_on_link(a->family, a->b);
}
