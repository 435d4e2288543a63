/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hears frames of our own form that come under another EtherType: a peer whose HASyncProtocol
 * differs is silent to every other socket. Nothing in such a frame is believed but its EtherType.
 */
#pragma once
#include <stdint.h>

/*
 * A socket on ifindex that becomes readable with a frame to `group` that begins with our magic and
 * whose EtherType is not `own`. fd or -errno. Sees every frame of the interface: not for busy ones.
 * While it is open the NIC passes all multicast to every socket.
 */
int stranger_open(int ifindex, const uint8_t group[6], uint16_t own);
/* The EtherType of the next such frame; 0 = none left, -errno = the socket is unusable. */
int stranger_read(int fd);
