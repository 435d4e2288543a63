/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SOCK_SEQPACKET sockets between our processes: whole messages with descriptors beside them. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Two connected, non-blocking, close-on-exec ends. 0 or -errno. */
int ipcsock_pair(int fds[2]);
/* Never blocks. 0, or -errno (-EAGAIN: the other side does not read). Closes nothing. */
int ipcsock_send(int fd, const void *msg, size_t len, const int *fds, size_t n_fds);
/* Length of the message, 0 at the end of the connection, -errno (-EAGAIN: nothing there). Received
 * descriptors are close-on-exec; *n_fds holds the room before and the number after. */
int ipcsock_recv(int fd, void *buf, size_t size, int *fds, size_t *n_fds);
