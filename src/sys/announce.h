/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tells the network where addresses live: gratuitous ARP requests (RFC 5227 §3, RFC 5944 §4.6) and
 * unsolicited neighbour advertisements with override flag (RFC 4861 §7.2.6); for shared ones, sent
 * on tw-* through the gate, with the router flag as well. Frames are built when asked, sent in
 * batches, and never block.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/ip.h"

#define ANNOUNCE_FRAME_MAX 86
#define ANNOUNCE_BATCH     64

/* Builds one announcement of addr by mac, as a router or not; its length (60 or 86 bytes). */
size_t announce_build(const uint8_t mac[6], const struct ip_addr *addr, bool router,
	uint8_t frame[ANNOUNCE_FRAME_MAX]);

struct announce_item {
	int ifindex; /* of tw-X, or of a NIC */
	const uint8_t *mac;
	const struct ip_addr *addr;
	bool router; /* others route through this address: shared ones */
};

/* An AF_PACKET socket that receives nothing. fd or -errno. */
int announce_open(void);
#define ANNOUNCE_NO_CARRIER 1
/*
 * Index and MAC of the NIC `dev`, on such a socket. 0, ANNOUNCE_NO_CARRIER (what is sent now is
 * lost), or -errno: there is none.
 */
int announce_nic(int fd, const char *dev, int *ifindex, uint8_t mac[6]);
/* Sends up to ANNOUNCE_BATCH items; returns how many were taken (≥ 1 when n > 0): those that an
 * interface refused are lost, the schedule repeats them. */
unsigned announce_send(int fd, const struct announce_item *items, unsigned n);
