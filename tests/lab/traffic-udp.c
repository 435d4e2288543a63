/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One end of a UDP stream in both directions. The client sends to the server; the server learns the
 * client's (translated) address from what arrives and sends its own stream there, so that both
 * directions cross the firewall in one tracked connection. Each end judges what it receives.
 *
 * A sender that woke late leaves slots out instead of catching up with a burst: sequence numbers
 * count packets sent, so this never looks like loss.
 */
#include "traffic.h"
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define UDP_MAGIC    0x54575544u
#define UDP_SIZE_MAX 1400
#define SEEN_WINDOW  8192 /* how far behind a late packet is still recognised */
#define BATCH        64

struct udp_packet {
	uint32_t magic;
	uint32_t session; /* of the sender's process */
	uint64_t seq;
};

struct udp_figures {
	uint64_t sent, send_errors, slots_skipped;
	uint64_t received, late, twice;
	int64_t lost;      /* a packet counted as lost before the mark may arrive after it */
	uint64_t burst;    /* longest run of lost packets */
	int64_t gap_ns;    /* longest time between two arrivals */
	int64_t outage_ns; /* the same, counting only gaps in which something was lost */
	uint64_t source_changes;
};

struct udp_end {
	int fd;
	bool server, has_peer;
	struct sockaddr_storage peer;
	socklen_t peer_len;
	uint32_t session, peer_session;
	uint64_t tx_seq, rx_top; /* rx_top: highest sequence number seen, 0 = none */
	int64_t last_arrival;
	uint64_t seen[SEEN_WINDOW / 64];
	struct udp_figures f;
	uint8_t out[UDP_SIZE_MAX];
	size_t size;
};

static bool
seen_test_set(struct udp_end *u, uint64_t seq, bool value)
{
	uint64_t *word = &u->seen[seq % SEEN_WINDOW / 64], bit = UINT64_C(1) << seq % 64;
	bool was = (*word & bit) != 0;

	*word = value ? *word | bit : *word & ~bit;
	return was;
}

static void
count_arrival(struct udp_end *u, uint64_t seq, int64_t at)
{
	struct udp_figures *f = &u->f;

	f->received++;
	if (u->rx_top != 0 && seq <= u->rx_top) {
		if (seq + SEEN_WINDOW > u->rx_top && !seen_test_set(u, seq, true)) {
			f->late++;
			f->lost--;
		} else {
			f->twice++;
		}
		return;
	}
	if (u->rx_top != 0) {
		uint64_t missing = seq - u->rx_top - 1;
		int64_t gap = at - u->last_arrival;

		for (uint64_t s = u->rx_top + 1; s < seq && s <= u->rx_top + SEEN_WINDOW; s++)
			seen_test_set(u, s, false);
		f->lost += (int64_t)missing;
		if (missing > f->burst)
			f->burst = missing;
		if (gap > f->gap_ns)
			f->gap_ns = gap;
		if (missing > 0 && gap > f->outage_ns)
			f->outage_ns = gap;
	}
	seen_test_set(u, seq, true);
	u->rx_top = seq;
	u->last_arrival = at;
}

static void
take_packet(struct udp_end *u, const uint8_t *data, size_t len, struct msghdr *m)
{
	struct udp_packet p;

	if (len < sizeof(p))
		return;
	memcpy(&p, data, sizeof(p));
	if (p.magic != UDP_MAGIC)
		return;
	if (p.session != u->peer_session) { /* a new process at the other end */
		u->peer_session = p.session;
		u->rx_top = 0;
	}
	if (u->server) {
		if (u->has_peer && (u->peer_len != m->msg_namelen ||
					   memcmp(&u->peer, m->msg_name, m->msg_namelen) != 0))
			u->f.source_changes++;
		memcpy(&u->peer, m->msg_name, m->msg_namelen);
		u->peer_len = m->msg_namelen;
		u->has_peer = true;
	}
	count_arrival(u, p.seq, arrival_ns(m));
}

static void
receive_all(struct udp_end *u)
{
	static uint8_t data[BATCH][UDP_SIZE_MAX], control[BATCH][128];
	static struct sockaddr_storage from[BATCH];
	struct mmsghdr msgs[BATCH];
	struct iovec iov[BATCH];
	int n;

	do {
		for (unsigned i = 0; i < BATCH; i++) {
			iov[i] = (struct iovec){data[i], sizeof(data[i])};
			msgs[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
				.msg_namelen = sizeof(from[i]),
				.msg_iov = &iov[i],
				.msg_iovlen = 1,
				.msg_control = control[i],
				.msg_controllen = sizeof(control[i])};
		}
		n = recvmmsg(u->fd, msgs, BATCH, MSG_DONTWAIT, NULL);
		for (int i = 0; i < n; i++)
			take_packet(u, data[i], msgs[i].msg_len, &msgs[i].msg_hdr);
	} while (n == BATCH);
}

static void
send_one(struct udp_end *u, uint64_t slots)
{
	struct udp_packet p = {UDP_MAGIC, u->session, u->tx_seq + 1};
	ssize_t n;

	u->f.slots_skipped += slots - 1;
	if (!u->has_peer)
		return;
	memcpy(u->out, &p, sizeof(p));
	n = sendto(u->fd, u->out, u->size, MSG_DONTWAIT, (struct sockaddr *)&u->peer, u->peer_len);
	if (n < 0) {
		u->f.send_errors++;
		return;
	}
	u->tx_seq++;
	u->f.sent++;
}

static void
report(const struct udp_end *u, const char *name)
{
	const struct udp_figures *f = &u->f;
	int64_t open_ns = u->rx_top != 0 ? clock_ns() - u->last_arrival : -1;

	report_begin(name);
	printf(",\"sent\":%ju,\"send_errors\":%ju,\"slots_skipped\":%ju,\"received\":%ju,"
	       "\"lost\":%jd,\"late\":%ju,\"twice\":%ju,\"burst\":%ju,\"gap_ms\":%.3f,"
	       "\"outage_ms\":%.3f,\"open_ms\":%.3f,\"source_changes\":%ju",
		(uintmax_t)f->sent, (uintmax_t)f->send_errors, (uintmax_t)f->slots_skipped,
		(uintmax_t)f->received, (intmax_t)f->lost, (uintmax_t)f->late, (uintmax_t)f->twice,
		(uintmax_t)f->burst, (double)f->gap_ns / 1e6, (double)f->outage_ns / 1e6,
		(double)open_ns / 1e6, (uintmax_t)f->source_changes);
	report_end();
}

static void
udp_open(struct udp_end *u, const struct traffic_opts *o)
{
	u->fd = socket(o->addr.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (u->fd < 0)
		die("socket: %s", strerror(errno));
	socket_prepare(u->fd, 8 << 20);
	u->session = (uint32_t)clock_ns() | 1;
	u->size = o->size < sizeof(struct udp_packet) ? sizeof(struct udp_packet) : o->size;
	if (u->size > UDP_SIZE_MAX)
		u->size = UDP_SIZE_MAX;
	if (u->server) {
		if (bind(u->fd, (const struct sockaddr *)&o->addr, o->addr_len) < 0)
			die("bind: %s", strerror(errno));
	} else {
		u->peer = o->addr;
		u->peer_len = o->addr_len;
		u->has_peer = true;
	}
}

int
udp_end(const struct traffic_opts *o, bool server)
{
	static struct udp_end u;
	struct ctl ctl = {0};
	int ep = epoll_new(), timer = timer_new(o->interval_us * INT64_C(1000));

	u.server = server;
	udp_open(&u, o);
	epoll_watch(ep, u.fd, EPOLLIN, (uint64_t)u.fd);
	epoll_watch(ep, timer, EPOLLIN, (uint64_t)timer);
	puts("{\"ready\":true}");
	fflush(stdout);
	for (;;) {
		struct epoll_event ev[4];
		int n = epoll_wait(ep, ev, 4, -1);

		for (int i = 0; i < n; i++) {
			enum ctl_cmd cmd;
			uint64_t slots;

			if (ev[i].data.u64 == (uint64_t)timer && (slots = timer_read(timer)) > 0)
				send_one(&u, slots);
			if (ev[i].data.u64 == (uint64_t)u.fd)
				receive_all(&u);
			if (ev[i].data.u64 != UINT64_MAX)
				continue;
			while ((cmd = ctl_next(&ctl)) != CTL_NONE) {
				if (cmd == CTL_QUIT)
					return 0;
				receive_all(&u);
				report(&u, ctl.name);
				if (cmd == CTL_MARK)
					u.f = (struct udp_figures){0};
			}
		}
	}
}
