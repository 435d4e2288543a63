/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An AF_PACKET socket for every EtherType but ours, with a classic BPF filter on the rest. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/hb/frame.h"
#include "sys/stranger.h"

#define GROUP_HIGH(G)                                                                              \
	((uint32_t)(G)[0] << 24 | (uint32_t)(G)[1] << 16 | (uint32_t)(G)[2] << 8 | (G)[3])
#define GROUP_LOW(G) ((uint32_t)(G)[4] << 8 | (G)[5])
#define FRAMES_KEPT  (16 << 10) /* bytes: one frame is enough to know */

static int
attach_filter(int fd, const uint8_t group[6], uint16_t own)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 9, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, GROUP_HIGH(group), 0, 7),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, GROUP_LOW(group), 0, 5),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, ETH_HLEN),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FRAME_MAGIC, 0, 3),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 2 * ETH_ALEN),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, own, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, ETH_HLEN),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog prog = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0 ? -errno : 0;
}

/* All multicast: the engine, too, is to hear a peer whose ClusterID makes it another group. */
static int
listen_on(int fd, int ifindex)
{
	struct sockaddr_ll ll = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = ifindex};
	struct packet_mreq mreq = {.mr_ifindex = ifindex, .mr_type = PACKET_MR_ALLMULTI};
	int size = FRAMES_KEPT;

	if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &mreq, sizeof(mreq)) < 0 ||
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) < 0 ||
		bind(fd, (struct sockaddr *)&ll, sizeof(ll)) < 0)
		return -errno;
	return 0;
}

int
stranger_open(int ifindex, const uint8_t group[6], uint16_t own)
{
	/* protocol 0: nothing arrives before the filter stands and bind() names the interface */
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), r;

	if (fd < 0)
		return -errno;
	r = attach_filter(fd, group, own);
	if (r == 0)
		r = listen_on(fd, ifindex);
	if (r == 0)
		return fd;
	close(fd);
	return r;
}

int
stranger_read(int fd)
{
	uint8_t head[ETH_HLEN];
	ssize_t n;

	do
		n = recv(fd, head, sizeof(head), MSG_DONTWAIT);
	while ((n >= 0 && n < ETH_HLEN) || (n < 0 && errno == EINTR));
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	return head[2 * ETH_ALEN] << 8 | head[2 * ETH_ALEN + 1];
}
