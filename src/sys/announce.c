/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Gratuitous ARP and unsolicited NA. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include "base/wire.h"
#include "sys/announce.h"

static size_t
build_arp(const uint8_t mac[6], const struct ip_addr *addr, uint8_t *frame)
{
	static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, none[6];
	struct wr w = wr_init(frame, 60);

	memset(frame, 0, 60);
	wr_bytes(&w, broadcast, 6);
	wr_bytes(&w, mac, 6);
	wr_u16(&w, ETH_P_ARP);
	wr_u16(&w, 1); /* Ethernet */
	wr_u16(&w, ETH_P_IP);
	wr_u8(&w, 6);
	wr_u8(&w, 4);
	wr_u16(&w, 1); /* request: understood by everybody, also by those who ignore replies */
	wr_bytes(&w, mac, 6);
	wr_bytes(&w, addr->b, 4);
	wr_bytes(&w, none, 6);
	wr_bytes(&w, addr->b, 4);
	return 60;
}

static uint16_t
checksum(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

#define NA_ROUTER   0x80000000u /* RFC 4861 §4.4 */
#define NA_OVERRIDE 0x20000000u

static size_t
build_na(const uint8_t mac[6], const struct ip_addr *addr, bool router, uint8_t *frame)
{
	static const uint8_t all_nodes[16] = {0xff, 0x02, [15] = 1};
	static const uint8_t all_nodes_mac[6] = {0x33, 0x33, 0, 0, 0, 1};
	struct wr w = wr_init(frame, ANNOUNCE_FRAME_MAX);
	uint16_t sum;

	wr_bytes(&w, all_nodes_mac, 6);
	wr_bytes(&w, mac, 6);
	wr_u16(&w, ETH_P_IPV6);
	wr_u32(&w, 6u << 28);
	wr_u16(&w, 32); /* payload */
	wr_u8(&w, IPPROTO_ICMPV6);
	wr_u8(&w, 255); /* hop limit: RFC 4861 §7.1.2 */
	wr_bytes(&w, addr->b, 16);
	wr_bytes(&w, all_nodes, 16);
	wr_u8(&w, 136); /* neighbour advertisement */
	wr_u8(&w, 0);
	wr_u16(&w, 0); /* checksum, below */
	wr_u32(&w, router ? NA_ROUTER | NA_OVERRIDE : NA_OVERRIDE);
	wr_bytes(&w, addr->b, 16);
	wr_u8(&w, 2); /* option: target link-layer address */
	wr_u8(&w, 1);
	wr_bytes(&w, mac, 6);
	/* pseudo header (RFC 8200 §8.1): both addresses, length, next header */
	sum = checksum(frame + 22, 32 + 32, 32 + IPPROTO_ICMPV6);
	frame[14 + 40 + 2] = (uint8_t)(sum >> 8);
	frame[14 + 40 + 3] = (uint8_t)sum;
	return wr_len(&w);
}

size_t
announce_build(const uint8_t mac[6], const struct ip_addr *addr, bool router,
	uint8_t frame[ANNOUNCE_FRAME_MAX])
{
	return addr->family == 4 ? build_arp(mac, addr, frame) : build_na(mac, addr, router, frame);
}

int
announce_open(void)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

int
announce_nic(int fd, const char *dev, int *ifindex, uint8_t mac[6])
{
	struct ifreq rq;
	bool running;

	memset(&rq, 0, sizeof(rq));
	snprintf(rq.ifr_name, sizeof(rq.ifr_name), "%s", dev);
	if (ioctl(fd, SIOCGIFINDEX, &rq) < 0)
		return -errno;
	*ifindex = rq.ifr_ifindex;
	if (ioctl(fd, SIOCGIFFLAGS, &rq) < 0)
		return -errno;
	running = (rq.ifr_flags & IFF_UP) && (rq.ifr_flags & IFF_RUNNING);
	if (ioctl(fd, SIOCGIFHWADDR, &rq) < 0)
		return -errno;
	memcpy(mac, rq.ifr_hwaddr.sa_data, 6);
	return running ? 0 : ANNOUNCE_NO_CARRIER;
}

unsigned
announce_send(int fd, const struct announce_item *items, unsigned n)
{
	uint8_t frames[ANNOUNCE_BATCH][ANNOUNCE_FRAME_MAX];
	struct sockaddr_ll to[ANNOUNCE_BATCH];
	struct mmsghdr mm[ANNOUNCE_BATCH];
	struct iovec iov[ANNOUNCE_BATCH];
	int sent;

	if (n > ANNOUNCE_BATCH)
		n = ANNOUNCE_BATCH;
	for (unsigned i = 0; i < n; i++) {
		iov[i].iov_base = frames[i];
		iov[i].iov_len =
			announce_build(items[i].mac, items[i].addr, items[i].router, frames[i]);
		to[i] = (struct sockaddr_ll){.sll_family = AF_PACKET,
			.sll_protocol = htons(items[i].addr->family == 4 ? ETH_P_ARP : ETH_P_IPV6),
			.sll_ifindex = items[i].ifindex,
			.sll_halen = 6};
		memcpy(to[i].sll_addr, frames[i], 6);
		mm[i] = (struct mmsghdr){.msg_hdr = {.msg_name = &to[i],
						 .msg_namelen = sizeof(to[i]),
						 .msg_iov = &iov[i],
						 .msg_iovlen = 1}};
	}
	sent = n ? sendmmsg(fd, mm, n, MSG_DONTWAIT) : 0;
	return sent > 0 ? (unsigned)sent : n ? 1 : 0;
}
