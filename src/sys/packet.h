/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Raw Ethernet sockets for our EtherType, one per interface and process. A socket filter lets in
 * only the kinds of frame (core/hb/frame.h) that the process handles, so bulk never wakes the
 * engine.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/time.h"

#define PACKET_BATCH 32
#define PACKET_SIZE  1600

struct packet_sock {
	int fd; /* -1 = closed */
	int ifindex;
	uint16_t ethertype;
	uint8_t group[6]; /* where frames go to and come from */
};

struct packet_in {
	const uint8_t *data; /* Ethernet payload */
	size_t len;
	struct instant stamp; /* kernel's receive time, CLOCK_REALTIME; 0 = none */
	uint8_t source[6];
};

/*
 * Opens on ifindex for frames of `ethertype` sent to `group`, kinds in [kind_min, kind_max]. rcvbuf
 * in bytes. 0 or -errno. Non-blocking.
 */
int packet_open(struct packet_sock *p, int ifindex, uint16_t ethertype, const uint8_t group[6],
	uint8_t kind_min, uint8_t kind_max, int rcvbuf);
void packet_close(struct packet_sock *p);
/* Sends one frame to the group. 0 or -errno (-ENETDOWN, -ENOBUFS: lost, as on any wire). */
int packet_send(const struct packet_sock *p, const uint8_t *payload, size_t len);
/*
 * Reads up to `max` (≤ PACKET_BATCH) frames in one system call into a static buffer that the next
 * call overwrites. Returns how many, or -errno.
 */
int packet_recv(const struct packet_sock *p, struct packet_in *in, unsigned max);
/* Frames that the kernel dropped since the last call, because nobody read them in time. */
uint32_t packet_drops(const struct packet_sock *p);
