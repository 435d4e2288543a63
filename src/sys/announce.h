/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tells the network where the shared addresses live: gratuitous ARP requests (RFC 5227 §3, RFC 5944
 * §4.6) and unsolicited neighbour advertisements with override and router flag (RFC 4861 §7.2.6),
 * sent on tw-* through the gate. Frames are built when asked, sent in batches, and never block.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/ip.h"

#define ANNOUNCE_FRAME_MAX 86
#define ANNOUNCE_BATCH     64

/* Builds one announcement of addr by mac; returns its length (60 or 86 bytes). */
size_t announce_build(
	const uint8_t mac[6], const struct ip_addr *addr, uint8_t frame[ANNOUNCE_FRAME_MAX]);

struct announce_item {
	int ifindex; /* of tw-X */
	const uint8_t *mac;
	const struct ip_addr *addr;
};

/* An AF_PACKET socket that receives nothing. fd or -errno. */
int announce_open(void);
/* Sends up to ANNOUNCE_BATCH items; returns how many were taken (≥ 1 when n > 0): those that an
 * interface refused are lost, the schedule repeats them. */
unsigned announce_send(int fd, const struct announce_item *items, unsigned n);
