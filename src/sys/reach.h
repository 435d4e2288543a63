/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sockets to ask hosts by (reach_frame.h has the bytes), each bound to one device, so that a flood
 * on one wire drowns the answers of that wire only. Non-blocking. Needs CAP_NET_RAW.
 */
#pragma once
#include "sys/reach_frame.h"

/*
 * ARP replies (family 4) or neighbour advertisements (6) to this device, nothing else. fd or
 * -errno.
 */
int reach_open_link(uint8_t family, int ifindex);
/* Echo replies with this id, to `src` and by this device only. fd or -errno. */
int reach_open_echo(uint8_t family, const char *dev, const struct ip_addr *src, uint16_t id);
/* 0 or -errno (-ENETDOWN, -ENOBUFS …: as good as lost). */
int reach_send_link(
	int fd, int ifindex, const struct ip_addr *target, const uint8_t *frame, size_t len);
int reach_send_echo(int fd, const struct ip_addr *target, const uint8_t *msg, size_t len);
/* Length of one answer, -EAGAIN when there is none. *from: who sent it; family 0 on a link socket.
 */
int reach_recv(int fd, uint8_t *buf, size_t size, struct ip_addr *from);
