/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Watches switch ports and says who spoke as the cluster, and when. One packet socket for all ports
 * keeps one order over them; only what comes in from a port is seen, that is, what the machine
 * behind it sent. For each port: frames in all and from a shared MAC (02:c1:…), with the time of
 * the first and the last; heartbeats; and frames that carry a shared address as source but another
 * MAC, apart for ARP and neighbour discovery (which would poison the neighbours) and for data
 * (which a draining node may send). For each segment: every move of the shared MAC from one port to
 * another.
 */
#include "traffic.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip6.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define PORTS_MAX   32
#define MOVES_MAX   512
#define SHARED_MAX  16
#define SNAP        128
#define BATCH       128
#define SOURCES_MAX 12

struct source {
	uint8_t mac[6];
	uint64_t frames;
};

struct port_figures {
	uint64_t frames, shared, heartbeats, wrong_arp, wrong_data;
	int64_t first_ns, last_ns; /* of shared frames, 0 = none */
	struct source sources[SOURCES_MAX];
};

struct port {
	const char *name;
	char segment[16];
	unsigned ifindex;
	struct port_figures f;
};

struct move {
	int64_t ns;
	const struct port *port;
};

struct watch {
	int fd;
	unsigned ethertype;
	struct port ports[PORTS_MAX];
	unsigned n_ports;
	uint8_t shared4[SHARED_MAX][4], shared6[SHARED_MAX][16];
	unsigned n_shared4, n_shared6;
	struct move moves[MOVES_MAX];
	unsigned n_moves;
	uint64_t moves_lost, missed;
};

static void
add_port(struct watch *w, const char *arg)
{
	const char *slash = strchr(arg, '/');
	struct port *p = &w->ports[w->n_ports];

	if (slash == NULL || w->n_ports == PORTS_MAX)
		die("SEGMENT/PORT is wanted: %s", arg);
	snprintf(p->segment, sizeof(p->segment), "%.*s", (int)(slash - arg), arg);
	p->name = slash + 1;
	p->ifindex = if_nametoindex(p->name);
	if (p->ifindex == 0)
		die("%s: %s", p->name, strerror(errno));
	w->n_ports++;
}

static void
add_shared(struct watch *w, const char *list)
{
	char *copy = strdup(list), *save = NULL;

	for (char *a = strtok_r(copy, ",", &save); a != NULL; a = strtok_r(NULL, ",", &save)) {
		if (w->n_shared4 < SHARED_MAX &&
			inet_pton(AF_INET, a, w->shared4[w->n_shared4]) == 1)
			w->n_shared4++;
		else if (w->n_shared6 < SHARED_MAX &&
			 inet_pton(AF_INET6, a, w->shared6[w->n_shared6]) == 1)
			w->n_shared6++;
		else
			die("no address: %s", a);
	}
	free(copy);
}

/* The kernel drops what is not from our ports: the bridge itself and the clients' ports. */
static void
attach_filter(const struct watch *w)
{
	struct sock_filter f[PORTS_MAX + 3];
	struct sock_fprog prog = {.filter = f};
	unsigned n = w->n_ports;

	f[0] = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_IFINDEX));
	for (unsigned i = 0; i < n; i++)
		f[1 + i] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JEQ | BPF_K, w->ports[i].ifindex, (uint8_t)(n - i), 0);
	f[1 + n] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	f[2 + n] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SNAP);
	prog.len = (unsigned short)(n + 3);
	if (setsockopt(w->fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0)
		die("filter: %s", strerror(errno));
}

static void
watch_open(struct watch *w)
{
	struct sockaddr_ll any = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int on = 1;

	w->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (w->fd < 0)
		die("packet socket: %s", strerror(errno));
	socket_prepare(w->fd, 64 << 20);
	if (setsockopt(w->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) < 0)
		die("packet socket: %s", strerror(errno));
	attach_filter(w);
	if (bind(w->fd, (struct sockaddr *)&any, sizeof(any)) < 0)
		die("packet socket: %s", strerror(errno));
}

static bool
is_shared4(const struct watch *w, const uint8_t *a)
{
	for (unsigned i = 0; i < w->n_shared4; i++)
		if (memcmp(w->shared4[i], a, 4) == 0)
			return true;
	return false;
}

static bool
is_shared6(const struct watch *w, const uint8_t *a)
{
	for (unsigned i = 0; i < w->n_shared6; i++)
		if (memcmp(w->shared6[i], a, 16) == 0)
			return true;
	return false;
}

static void
judge_source(const struct watch *w, struct port_figures *f, const uint8_t *d, size_t len)
{
	unsigned type = (unsigned)d[12] << 8 | d[13];
	const uint8_t *ip = d + 14;

	if (type == ETHERTYPE_ARP && len >= 14 + 28) {
		f->wrong_arp += is_shared4(w, ip + 14);
	} else if (type == ETHERTYPE_IP && len >= 14 + 20) {
		f->wrong_data += is_shared4(w, ip + 12);
	} else if (type == ETHERTYPE_IPV6 && len >= 14 + 40) {
		bool nd = ip[6] == IPPROTO_ICMPV6 && len >= 14 + 40 + 24 &&
			  (ip[40] == ND_NEIGHBOR_SOLICIT || ip[40] == ND_NEIGHBOR_ADVERT);

		if (nd)
			f->wrong_arp += is_shared6(w, ip + 8) ||
					(ip[40] == ND_NEIGHBOR_ADVERT && is_shared6(w, ip + 48));
		else
			f->wrong_data += is_shared6(w, ip + 8);
	}
}

static void
count_source(struct port_figures *f, const uint8_t *mac)
{
	for (unsigned i = 0; i < SOURCES_MAX; i++) {
		struct source *s = &f->sources[i];

		if (s->frames != 0 && memcmp(s->mac, mac, 6) != 0)
			continue;
		memcpy(s->mac, mac, 6);
		s->frames++;
		return;
	}
}

static void
note_move(struct watch *w, const struct port *p, int64_t at)
{
	for (unsigned i = w->n_moves; i > 0; i--)
		if (strcmp(w->moves[i - 1].port->segment, p->segment) == 0) {
			if (w->moves[i - 1].port == p)
				return;
			break;
		}
	if (w->n_moves == MOVES_MAX)
		w->moves_lost++;
	else
		w->moves[w->n_moves++] = (struct move){at, p};
}

static void
take_frame(struct watch *w, const uint8_t *d, size_t len, struct msghdr *m)
{
	const struct sockaddr_ll *from = m->msg_name;
	struct port *p = NULL;

	for (unsigned i = 0; i < w->n_ports; i++)
		if (w->ports[i].ifindex == (unsigned)from->sll_ifindex)
			p = &w->ports[i];
	if (p == NULL || len < 14)
		return;
	p->f.frames++;
	count_source(&p->f, d + 6);
	p->f.heartbeats += ((unsigned)d[12] << 8 | d[13]) == w->ethertype;
	if (d[6] == 0x02 && d[7] == 0xc1) {
		int64_t at = arrival_ns(m);

		p->f.shared++;
		if (p->f.first_ns == 0)
			p->f.first_ns = at;
		p->f.last_ns = at;
		note_move(w, p, at);
	} else {
		judge_source(w, &p->f, d, len);
	}
}

static void
receive_all(struct watch *w)
{
	static uint8_t data[BATCH][SNAP], control[BATCH][128];
	static struct sockaddr_ll from[BATCH];
	struct mmsghdr msgs[BATCH];
	struct iovec iov[BATCH];
	int n;

	do {
		for (unsigned i = 0; i < BATCH; i++) {
			iov[i] = (struct iovec){data[i], SNAP};
			msgs[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
				.msg_namelen = sizeof(from[i]),
				.msg_iov = &iov[i],
				.msg_iovlen = 1,
				.msg_control = control[i],
				.msg_controllen = sizeof(control[i])};
		}
		n = recvmmsg(w->fd, msgs, BATCH, MSG_DONTWAIT, NULL);
		for (int i = 0; i < n; i++)
			take_frame(w, data[i], msgs[i].msg_len, &msgs[i].msg_hdr);
	} while (n == BATCH);
}

static void
report_port(const struct port *p, bool first)
{
	const struct port_figures *f = &p->f;
	const char *comma = "";

	printf("%s\"%s\":{\"segment\":\"%s\",\"frames\":%ju,\"shared\":%ju,\"first_ns\":%jd,"
	       "\"last_ns\":%jd,\"heartbeats\":%ju,\"wrong_arp\":%ju,\"wrong_data\":%ju,"
	       "\"sources\":{",
		first ? "" : ",", p->name, p->segment, (uintmax_t)f->frames, (uintmax_t)f->shared,
		(intmax_t)f->first_ns, (intmax_t)f->last_ns, (uintmax_t)f->heartbeats,
		(uintmax_t)f->wrong_arp, (uintmax_t)f->wrong_data);
	for (unsigned i = 0; i < SOURCES_MAX && f->sources[i].frames > 0; i++) {
		const uint8_t *m = f->sources[i].mac;

		printf("%s\"%02x:%02x:%02x:%02x:%02x:%02x\":%ju", comma, m[0], m[1], m[2], m[3],
			m[4], m[5], (uintmax_t)f->sources[i].frames);
		comma = ",";
	}
	printf("}}");
}

static void
report(struct watch *w, const char *name)
{
	struct tpacket_stats st = {0};
	socklen_t len = sizeof(st);

	if (getsockopt(w->fd, SOL_PACKET, PACKET_STATISTICS, &st, &len) == 0)
		w->missed += st.tp_drops;
	report_begin(name);
	printf(",\"missed\":%ju,\"moves_lost\":%ju,\"ports\":{", (uintmax_t)w->missed,
		(uintmax_t)w->moves_lost);
	for (unsigned i = 0; i < w->n_ports; i++)
		report_port(&w->ports[i], i == 0);
	printf("},\"moves\":[");
	for (unsigned i = 0; i < w->n_moves; i++)
		printf("%s{\"segment\":\"%s\",\"port\":\"%s\",\"ns\":%jd}", i == 0 ? "" : ",",
			w->moves[i].port->segment, w->moves[i].port->name,
			(intmax_t)w->moves[i].ns);
	printf("]");
	report_end();
}

/* The last holder of each segment is kept: the next frame of another port is a move. */
static void
start_anew(struct watch *w)
{
	struct move keep[PORTS_MAX];
	unsigned n = 0;

	for (unsigned i = w->n_moves; i > 0 && n < PORTS_MAX; i--) {
		bool known = false;

		for (unsigned k = 0; k < n; k++)
			known |= strcmp(keep[k].port->segment, w->moves[i - 1].port->segment) == 0;
		if (!known)
			keep[n++] = w->moves[i - 1];
	}
	memcpy(w->moves, keep, n * sizeof(keep[0]));
	w->n_moves = n;
	w->moves_lost = w->missed = 0;
	for (unsigned i = 0; i < w->n_ports; i++)
		w->ports[i].f = (struct port_figures){0};
}

int
capture(const struct traffic_opts *o)
{
	static struct watch w;
	struct ctl ctl = {0};
	int ep = epoll_new();

	w.ethertype = o->ethertype;
	for (int i = 0; i < o->n_args; i++)
		add_port(&w, o->args[i]);
	add_shared(&w, o->shared);
	watch_open(&w);
	epoll_watch(ep, w.fd, EPOLLIN, 0);
	puts("{\"ready\":true}");
	fflush(stdout);
	for (;;) {
		struct epoll_event ev[2];
		int n = epoll_wait(ep, ev, 2, -1);

		receive_all(&w);
		for (int i = 0; i < n; i++) {
			enum ctl_cmd cmd;

			if (ev[i].data.u64 != UINT64_MAX)
				continue;
			while ((cmd = ctl_next(&ctl)) != CTL_NONE) {
				if (cmd == CTL_QUIT)
					return 0;
				receive_all(&w);
				report(&w, ctl.name);
				if (cmd == CTL_MARK)
					start_anew(&w);
			}
		}
	}
}
