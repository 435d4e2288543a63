/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Building questions, reading answers. */
#include <net/ethernet.h>
#include <netinet/in.h>
#include <string.h>
#include "base/wire.h"
#include "sys/reach_frame.h"

#define ARP_ETHERNET 1
#define ARP_REQUEST  1
#define ARP_REPLY    2
#define ICMP_REPLY   0
#define ICMP_ASK     8
#define ICMP6_ASK    128
#define ICMP6_REPLY  129
#define ND_SOLICIT   135
#define ND_ADVERT    136
#define TOKEN_LEN    16

static uint16_t
checksum(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	if (len % 2)
		sum += (uint32_t)p[len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

size_t
reach_build_arp(const uint8_t mac[6], const struct ip_addr *src, const struct ip_addr *target,
	uint8_t out[REACH_FRAME_MAX])
{
	static const uint8_t none[6];
	struct wr w = wr_init(out, REACH_FRAME_MAX);

	wr_u16(&w, ARP_ETHERNET);
	wr_u16(&w, ETHERTYPE_IP);
	wr_u8(&w, 6);
	wr_u8(&w, 4);
	wr_u16(&w, ARP_REQUEST);
	wr_bytes(&w, mac, 6);
	wr_bytes(&w, src->family ? src->b : none, 4);
	wr_bytes(&w, none, 6);
	wr_bytes(&w, target->b, 4);
	return wr_len(&w);
}

/* RFC 4291, appendix A: modified EUI-64. */
static struct ip_addr
link_local(const uint8_t mac[6])
{
	struct ip_addr a = {.family = 6,
		.b = {0xfe, 0x80, [8] = mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4],
			mac[5]}};

	return a;
}

static void
solicited_group(const struct ip_addr *target, uint8_t group[16])
{
	static const uint8_t start[13] = {0xff, 0x02, [11] = 1, 0xff};

	memcpy(group, start, 13);
	memcpy(group + 13, target->b + 13, 3);
}

size_t
reach_build_ns(const uint8_t mac[6], const struct ip_addr *src, const struct ip_addr *target,
	uint8_t out[REACH_FRAME_MAX])
{
	struct ip_addr from = src->family ? *src : link_local(mac);
	struct wr w = wr_init(out, REACH_FRAME_MAX);
	uint8_t group[16];
	uint16_t sum;

	solicited_group(target, group);
	wr_u32(&w, 6u << 28);
	wr_u16(&w, 32); /* payload */
	wr_u8(&w, IPPROTO_ICMPV6);
	wr_u8(&w, 255);
	wr_bytes(&w, from.b, 16);
	wr_bytes(&w, group, 16);
	wr_u8(&w, ND_SOLICIT);
	wr_u8(&w, 0);
	wr_u16(&w, 0); /* checksum, below */
	wr_u32(&w, 0);
	wr_bytes(&w, target->b, 16);
	wr_u8(&w, 1); /* option: source link-layer address */
	wr_u8(&w, 1);
	wr_bytes(&w, mac, 6);
	/* pseudo header (RFC 8200 §8.1): both addresses, length, next header */
	sum = checksum(out + 8, 32 + 32, 32 + IPPROTO_ICMPV6);
	out[42] = (uint8_t)(sum >> 8);
	out[43] = (uint8_t)sum;
	return wr_len(&w);
}

size_t
reach_build_echo(
	uint8_t family, uint16_t id, const struct reach_token *token, uint8_t out[REACH_FRAME_MAX])
{
	struct wr w = wr_init(out, REACH_FRAME_MAX);
	uint16_t sum;

	wr_u8(&w, family == 4 ? ICMP_ASK : ICMP6_ASK);
	wr_u8(&w, 0);
	wr_u16(&w, 0);
	wr_u16(&w, id);
	wr_u16(&w, token->seq & 0xffff);
	wr_bytes(&w, token->cookie, sizeof(token->cookie));
	wr_u16(&w, token->monitor);
	wr_u16(&w, token->host);
	wr_u32(&w, token->seq);
	sum = family == 4 ? checksum(out, wr_len(&w), 0) : 0;
	out[2] = (uint8_t)(sum >> 8);
	out[3] = (uint8_t)sum;
	return wr_len(&w);
}

void
reach_link_dest(const struct ip_addr *target, uint8_t mac[6])
{
	uint8_t group[16];

	if (target->family == 4) {
		memset(mac, 0xff, 6);
		return;
	}
	solicited_group(target, group);
	mac[0] = mac[1] = 0x33;
	memcpy(mac + 2, group + 12, 4);
}

bool
reach_parse_arp(const uint8_t *p, size_t len, const uint8_t mac[6], struct ip_addr *from)
{
	static const uint8_t head[8] = {0, ARP_ETHERNET, 8, 0, 6, 4, 0, ARP_REPLY};

	if (len < 28 || memcmp(p, head, sizeof(head)) != 0 || memcmp(p + 18, mac, 6) != 0)
		return false;
	*from = (struct ip_addr){.family = 4};
	memcpy(from->b, p + 14, 4);
	return true;
}

bool
reach_parse_na(const uint8_t *p, size_t len, struct ip_addr *from)
{
	size_t payload;

	if (len < 40 + 24 || p[0] >> 4 != 6)
		return false;
	payload = (size_t)p[4] << 8 | p[5];
	if (payload < 24 || payload > len - 40 || p[6] != IPPROTO_ICMPV6 || p[7] != 255 ||
		p[40] != ND_ADVERT || p[41] != 0)
		return false;
	/* a right checksum makes the sum all ones, and its complement 0 */
	if (checksum(p + 8, 32 + payload, (uint32_t)payload + IPPROTO_ICMPV6) != 0)
		return false;
	*from = (struct ip_addr){.family = 6};
	memcpy(from->b, p + 48, 16);
	return true;
}

bool
reach_parse_echo(
	uint8_t family, const uint8_t *p, size_t len, uint16_t id, struct reach_token *token)
{
	struct rd r;

	if (family == 4) { /* the kernel has judged the checksums */
		size_t head = len >= 20 ? (size_t)(p[0] & 15) * 4 : 0;

		if (head < 20 || len < head)
			return false;
		p += head;
		len -= head;
	}
	if (len < 8 + TOKEN_LEN || p[0] != (family == 4 ? ICMP_REPLY : ICMP6_REPLY) || p[1] != 0 ||
		((unsigned)p[4] << 8 | p[5]) != id)
		return false;
	r = rd_init(p + 8, len - 8);
	rd_bytes(&r, token->cookie, sizeof(token->cookie));
	token->monitor = rd_u16(&r);
	token->host = rd_u16(&r);
	token->seq = rd_u32(&r);
	return rd_done(&r);
}
