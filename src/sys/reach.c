/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AF_PACKET (packet(7)) and raw ICMP sockets (raw(7)) with filters. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "sys/reach.h"

#define RCVBUF (32 << 10) /* some tens of answers; a flood is not worth more */

#define FILTER(fd, code) attach(fd, code, sizeof(code) / sizeof((code)[0]))

static int
attach(int fd, struct sock_filter *code, size_t n)
{
	struct sock_fprog prog = {.len = (unsigned short)n, .filter = code};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0 ? -errno : 0;
}

/* Offsets are those of the Ethernet payload: the socket is SOCK_DGRAM. */
static int
filter_link(int fd, uint8_t family)
{
	struct sock_filter arp[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_HOST, 0, 3),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 1), /* a reply */
		BPF_STMT(BPF_RET | BPF_K, 0xffff),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_filter nd[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 5),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 40),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 136, 0, 3), /* an advertisement */
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_HOST, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0xffff),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};

	return family == 4 ? FILTER(fd, arp) : FILTER(fd, nd);
}

static void
small_buffer(int fd)
{
	int size = RCVBUF;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

int
reach_open_link(uint8_t family, int ifindex)
{
	struct sockaddr_ll ll = {.sll_family = AF_PACKET,
		.sll_protocol = htons(family == 4 ? ETHERTYPE_ARP : ETHERTYPE_IPV6),
		.sll_ifindex = ifindex};
	/* protocol 0: nothing arrives before the filter stands */
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), r;

	if (fd < 0)
		return -errno;
	r = filter_link(fd, family);
	if (!r && bind(fd, (struct sockaddr *)&ll, sizeof(ll)) < 0)
		r = -errno;
	if (r) {
		close(fd);
		return r;
	}
	small_buffer(fd);
	return fd;
}

/* Echo replies under our id. IPv4 raw sockets are shown the IP header as well. */
static int
filter_echo(int fd, uint8_t family, uint16_t id)
{
	struct icmp_filter only4 = {.data = ~(1u << ICMP_ECHOREPLY)};
	struct icmp6_filter only6;
	struct sock_filter v4[] = {
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, id, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0xffff),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_filter v6[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, id, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0xffff),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	int r = family == 4 ? FILTER(fd, v4) : FILTER(fd, v6);

	if (r < 0)
		return r;
	memset(&only6, 0xff, sizeof(only6)); /* a set bit keeps a type out */
	only6.data[ICMPV6_ECHO_REPLY >> 5] &= ~(1u << (ICMPV6_ECHO_REPLY & 31));
	r = family == 4 ? setsockopt(fd, SOL_RAW, ICMP_FILTER, &only4, sizeof(only4))
			: setsockopt(fd, SOL_ICMPV6, ICMPV6_FILTER, &only6, sizeof(only6));
	return r < 0 ? -errno : 0;
}

static socklen_t
to_sockaddr(const struct ip_addr *a, struct sockaddr_storage *ss)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;

	memset(ss, 0, sizeof(*ss));
	if (a->family == 4) {
		in->sin_family = AF_INET;
		memcpy(&in->sin_addr, a->b, 4);
		return sizeof(*in);
	}
	in6->sin6_family = AF_INET6;
	memcpy(&in6->sin6_addr, a->b, 16);
	return sizeof(*in6);
}

int
reach_open_echo(uint8_t family, const char *dev, const struct ip_addr *src, uint16_t id)
{
	struct sockaddr_storage ss;
	socklen_t len = to_sockaddr(src, &ss);
	int fd, r;

	fd = socket(family == 4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
		family == 4 ? (int)IPPROTO_ICMP : (int)IPPROTO_ICMPV6);
	if (fd < 0)
		return -errno;
	r = filter_echo(fd, family, id);
	if (!r &&
		(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, dev, (socklen_t)strlen(dev) + 1) < 0 ||
			bind(fd, (struct sockaddr *)&ss, len) < 0))
		r = -errno;
	if (r) {
		close(fd);
		return r;
	}
	small_buffer(fd);
	return fd;
}

int
reach_send_link(int fd, int ifindex, const struct ip_addr *target, const uint8_t *frame, size_t len)
{
	struct sockaddr_ll ll = {.sll_family = AF_PACKET,
		.sll_protocol = htons(target->family == 4 ? ETHERTYPE_ARP : ETHERTYPE_IPV6),
		.sll_ifindex = ifindex,
		.sll_halen = 6};

	reach_link_dest(target, ll.sll_addr);
	if (sendto(fd, frame, len, MSG_DONTWAIT, (struct sockaddr *)&ll, sizeof(ll)) < 0)
		return -errno;
	return 0;
}

int
reach_send_echo(int fd, const struct ip_addr *target, const uint8_t *msg, size_t len)
{
	struct sockaddr_storage ss;
	socklen_t ss_len = to_sockaddr(target, &ss);

	if (sendto(fd, msg, len, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&ss, ss_len) < 0)
		return -errno;
	return 0;
}

int
reach_recv(int fd, uint8_t *buf, size_t size, struct ip_addr *from)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);
	ssize_t n = recvfrom(fd, buf, size, MSG_DONTWAIT, (struct sockaddr *)&ss, &len);

	if (n < 0)
		return -errno;
	*from = (struct ip_addr){0};
	if (ss.ss_family == AF_INET) {
		from->family = 4;
		memcpy(from->b, &((struct sockaddr_in *)&ss)->sin_addr, 4);
	} else if (ss.ss_family == AF_INET6) {
		from->family = 6;
		memcpy(from->b, &((struct sockaddr_in6 *)&ss)->sin6_addr, 16);
	}
	return (int)n;
}
