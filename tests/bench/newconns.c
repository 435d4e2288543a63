/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * New connections as fast as one core makes them: frames from standard input are sent round after
 * round, each time from another source port, so that every one is the first packet of a connection.
 * On a veth the other end takes each frame in before the call returns, so the time is that of the
 * whole way through the node.
 *
 * Usage: tw-newconns SECONDS MAX; a frame is a line INTERFACE HEX (IPv4, no options, TCP or UDP).
 * Prints the number of frames and the nanoseconds.
 */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FRAMES_MAX  20000
#define FRAME_LEN   128
#define BATCH       32
#define SOURCE_PORT 34 /* offset in the frame */
#define PORTS       59999

struct template
{
	struct sockaddr_ll to;
	uint8_t frame[FRAME_LEN];
	unsigned len;
};

static struct template templates[FRAMES_MAX];

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static unsigned
read_templates(void)
{
	char iface[32], hex[2 * FRAME_LEN + 1];
	unsigned n = 0, byte;

	while (n < FRAMES_MAX && scanf("%31s %256s", iface, hex) == 2) {
		struct template *t = &templates[n++];

		t->to = (struct sockaddr_ll){
			.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(iface)};
		for (; t->len < FRAME_LEN && sscanf(hex + 2 * t->len, "%2x", &byte) == 1; t->len++)
			t->frame[t->len] = (uint8_t)byte;
		if (!t->to.sll_ifindex || t->len < SOURCE_PORT + 8)
			return 0;
	}
	return n;
}

/* Fills one batch. Frames can be alike but for the port, which repeats only after PORTS others. */
static void
fill(struct mmsghdr *m, struct iovec *iov, uint64_t sent, unsigned n)
{
	for (unsigned i = 0; i < BATCH; i++, sent++) {
		struct template *t = &templates[sent % n];
		uint16_t port = htons((uint16_t)(1024 + sent % PORTS));

		memcpy(t->frame + SOURCE_PORT, &port, sizeof(port));
		iov[i] = (struct iovec){t->frame, t->len};
		m[i].msg_hdr = (struct msghdr){.msg_name = &t->to,
			.msg_namelen = sizeof(t->to),
			.msg_iov = &iov[i],
			.msg_iovlen = 1};
	}
}

int
main(int argc, char **argv)
{
	double seconds = argc == 3 ? atof(argv[1]) : 0;
	uint64_t max = argc == 3 ? strtoull(argv[2], NULL, 0) : 0, sent = 0;
	int fd = socket(AF_PACKET, SOCK_RAW, 0);
	unsigned n = read_templates();
	struct mmsghdr m[BATCH];
	struct iovec iov[BATCH];
	int64_t start = now_ns();

	if (argc != 3 || fd < 0 || n < BATCH) {
		fprintf(stderr, "usage: tw-newconns SECONDS MAX; at least %d frames\n", BATCH);
		return 2;
	}
	while (sent < max && (double)(now_ns() - start) < seconds * 1e9) {
		int r;

		fill(m, iov, sent, n);
		r = sendmmsg(fd, m, BATCH, 0);
		if (r < 0) {
			perror("sendmmsg");
			return 1;
		}
		sent += (unsigned)r;
	}
	printf("%llu %lld\n", (unsigned long long)sent, (long long)(now_ns() - start));
	return 0;
}
