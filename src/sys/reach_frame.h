/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Questions to hosts and their answers as bytes: ARP (RFC 826, RFC 5227 §2.1.1), neighbour
 * solicitation and advertisement (RFC 4861 §4.3, §4.4), ICMP and ICMPv6 echo. Pure; what comes in
 * may be anything. Sockets: reach.h.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/ip.h"

#define REACH_FRAME_MAX 128

/* Says in an echo whose it is; comes back in the answer. */
struct reach_token {
	uint8_t cookie[8]; /* of this process: nobody else guesses it */
	uint16_t monitor, host;
	uint32_t seq;
};

/* Ethernet payloads; `src` of family 0: asked without an address of one's own. Length. */
size_t reach_build_arp(const uint8_t mac[6], const struct ip_addr *src,
	const struct ip_addr *target, uint8_t out[REACH_FRAME_MAX]);
/* Without an address it comes from the link-local one that the MAC leads to, which nobody else has:
 * asked from "::" it would look like a second owner to a host that is just starting. */
size_t reach_build_ns(const uint8_t mac[6], const struct ip_addr *src, const struct ip_addr *target,
	uint8_t out[REACH_FRAME_MAX]);
/* An ICMP message; the checksum of ICMPv6 is the kernel's to fill in. */
size_t reach_build_echo(
	uint8_t family, uint16_t id, const struct reach_token *token, uint8_t out[REACH_FRAME_MAX]);

/* The Ethernet address that a question goes to: broadcast, or the solicited-node group. */
void reach_link_dest(const struct ip_addr *target, uint8_t mac[6]);

/* A reply to `mac`: *from says whose. False: something else. */
bool reach_parse_arp(const uint8_t *p, size_t len, const uint8_t mac[6], struct ip_addr *from);
/* An advertisement with the right checksum and hop limit: *from is its target. */
bool reach_parse_na(const uint8_t *p, size_t len, struct ip_addr *from);
/* An echo reply as raw sockets give it (IPv4: with the IP header) under our id. */
bool reach_parse_echo(
	uint8_t family, const uint8_t *p, size_t len, uint16_t id, struct reach_token *token);
