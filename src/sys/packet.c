/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AF_PACKET sockets (packet(7)) with a classic BPF filter on our clear header. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "core/hb/frame.h"
#include "sys/packet.h"

/*
 * SOCK_DGRAM: the filter sees the Ethernet payload. Offsets are those of core/hb/frame.h. Who takes
 * the lowest kinds takes what is no frame of ours as well, to count it.
 */
static int
attach_filter(int fd, uint8_t kind_min, uint8_t kind_max)
{
	uint32_t foreign = kind_min == 0 ? 0xffff : 0;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FRAME_HEADER, 0, 6),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FRAME_MAGIC, 0, 4),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 3),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kind_min, 0, 3),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, kind_max, 2, 0),
		BPF_STMT(BPF_RET | BPF_K, 0xffff),
		BPF_STMT(BPF_RET | BPF_K, foreign),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog prog = {.len = sizeof(code) / sizeof(code[0]), .filter = code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0 ? -errno : 0;
}

/* Receives frames to the group MAC on this interface: heartbeats go to a multicast address. */
static int
join_group(int fd, int ifindex, const uint8_t group[6])
{
	struct packet_mreq mreq = {
		.mr_ifindex = ifindex, .mr_type = PACKET_MR_MULTICAST, .mr_alen = 6};

	memcpy(mreq.mr_address, group, 6);
	if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &mreq, sizeof(mreq)) < 0)
		return -errno;
	return 0;
}

int
packet_open(struct packet_sock *p, int ifindex, uint16_t ethertype, const uint8_t group[6],
	uint8_t kind_min, uint8_t kind_max, int rcvbuf)
{
	struct sockaddr_ll ll = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ethertype), .sll_ifindex = ifindex};
	int fd, r, on = 1;

	/* protocol 0: nothing arrives before the filter stands and bind() names interface and type
	 */
	fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	r = attach_filter(fd, kind_min, kind_max);
	if (!r)
		r = join_group(fd, ifindex, group);
	if (!r && (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0 ||
			  bind(fd, (struct sockaddr *)&ll, sizeof(ll)) < 0))
		r = -errno;
	if (r) {
		close(fd);
		return r;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof(rcvbuf)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
	*p = (struct packet_sock){.fd = fd, .ifindex = ifindex, .ethertype = ethertype};
	memcpy(p->group, group, 6);
	return 0;
}

void
packet_close(struct packet_sock *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

int
packet_send(const struct packet_sock *p, const uint8_t *payload, size_t len)
{
	struct sockaddr_ll ll = {.sll_family = AF_PACKET,
		.sll_protocol = htons(p->ethertype),
		.sll_ifindex = p->ifindex,
		.sll_halen = 6};

	memcpy(ll.sll_addr, p->group, 6);
	if (sendto(p->fd, payload, len, MSG_DONTWAIT, (struct sockaddr *)&ll, sizeof(ll)) < 0)
		return -errno;
	return 0;
}

static struct instant
kernel_stamp(struct msghdr *mh)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		struct timespec ts;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_TIMESTAMPNS)
			continue;
		memcpy(&ts, CMSG_DATA(c), sizeof(ts));
		return (struct instant){ts.tv_sec * NS_PER_S + ts.tv_nsec};
	}
	return INSTANT_ZERO;
}

int
packet_recv(const struct packet_sock *p, struct packet_in *in, unsigned max)
{
	static uint8_t data[PACKET_BATCH][PACKET_SIZE];
	static union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(struct timespec))];
	} control[PACKET_BATCH];
	struct sockaddr_ll from[PACKET_BATCH];
	struct mmsghdr mm[PACKET_BATCH];
	struct iovec iov[PACKET_BATCH];
	int n;

	if (max > PACKET_BATCH)
		max = PACKET_BATCH;
	for (unsigned i = 0; i < max; i++) {
		iov[i] = (struct iovec){.iov_base = data[i], .iov_len = sizeof(data[i])};
		mm[i] = (struct mmsghdr){.msg_hdr = {.msg_name = &from[i],
						 .msg_namelen = sizeof(from[i]),
						 .msg_iov = &iov[i],
						 .msg_iovlen = 1,
						 .msg_control = control[i].buf,
						 .msg_controllen = sizeof(control[i].buf)}};
	}
	n = recvmmsg(p->fd, mm, max, MSG_DONTWAIT, NULL);
	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		in[i].data = data[i];
		in[i].len = mm[i].msg_len;
		in[i].stamp = kernel_stamp(&mm[i].msg_hdr);
		memcpy(in[i].source, from[i].sll_addr, 6);
	}
	return n;
}

uint32_t
packet_drops(const struct packet_sock *p)
{
	struct tpacket_stats st = {0};
	socklen_t len = sizeof(st);

	if (getsockopt(p->fd, SOL_PACKET, PACKET_STATISTICS, &st, &len) < 0)
		return 0;
	return st.tp_drops;
}
