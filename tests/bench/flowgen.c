/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flows for the state sync benchmark, in the network namespace in which it runs:
 *
 *   inject FIRST COUNT RATE   entries in the kernel's table, ESTABLISHED: one event each
 *   packets FIRST COUNT RATE  SYN, SYN-ACK, ACK a millisecond apart through the devices cli and
 * srv: three events each delete FIRST COUNT RATE   ends them dump                      every flow
 * as two words: number | TCP state << 32, and when it began lag NETNS FIRST COUNT MS  one flow
 * every MS milliseconds; how long until NETNS has it, in µs pass FIRST STEP COUNT     after a line
 * of input: how long until a packet of each flow passes, in ms
 *
 * RATE is flows a second, 0 = as fast as can be. But for dump: it says "ready", does it, answers
 * with one line of JSON, and waits for the end of its input, so that its own processor time can
 * still be read. SIGTERM ends the making early and in order. Not a test and not installed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libmnl/libmnl.h>
#include <linux/if_tun.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include "base/time.h"
#include "base/wire.h"
#include "flows.h"
#include "sys/ctnl.h"

#define TICK_NS     NS_PER_MS
#define LIFETIME_S  100000 /* what the kernel gives comes with the first packet */
#define POLL_NS     (200 * NS_PER_US)
#define LAG_MAX_NS  (10 * NS_PER_S)
#define PASS_MAX_NS (120 * NS_PER_S)
#define PASS_MAX    1024
#define SYN         0x02
#define ACK         0x10

static volatile sig_atomic_t stop;

struct gen {
	uint32_t first, count, rate;
	struct ctnl_batch batch;
	int cli, srv;                 /* the tun devices */
	uint32_t syns, answers, acks; /* tcp: how far each of them has come; others: acks only */
	uint64_t failed;
};

/* Makes what is due up to flow number first + due; how many are done altogether. */
typedef uint32_t gen_step(struct gen *g, uint32_t due);

static void
on_term(int number)
{
	(void)number;
	stop = 1;
}

static int64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static void
sleep_until(int64_t ns)
{
	struct timespec ts = {.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

static int64_t
own_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static _Noreturn void
fail(const char *what)
{
	fprintf(stderr, "tw-flowgen: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void
say_ready(void)
{
	puts("ready");
	fflush(stdout);
}

/* Packets do not ask for processor time as a process does: nor shall this. */
static void
be_urgent(void)
{
	struct sched_param p = {.sched_priority = 1};

	sched_setscheduler(0, SCHED_FIFO, &p);
}

static void
put_addr(uint8_t to[16], uint32_t addr)
{
	addr = htonl(addr);
	memcpy(to, &addr, sizeof(addr));
}

static struct flow
make_flow(uint32_t number)
{
	struct flow_ends e = flow_ends(number);
	struct flow f = {.family = 4,
		.proto = IPPROTO_TCP,
		.has = FLOW_REPLY | FLOW_STATUS | FLOW_TCP,
		.status = FLOW_SEEN_REPLY | FLOW_ASSURED,
		.tcp = {.state = 3, .scale = {7, 7}, .flags = {3, 3}}};

	f.orig.sport = f.reply.dport = e.sport;
	f.orig.dport = f.reply.sport = FLOWS_PORT;
	put_addr(f.orig.src, e.client);
	put_addr(f.orig.dst, e.server);
	put_addr(f.reply.src, e.server);
	put_addr(f.reply.dst, FLOWS_SHARED);
	return f;
}

static void
run_batch(struct gen *g)
{
	unsigned n = g->batch.n;
	int r = ctnl_batch_run(&g->batch);

	g->failed += r < 0 ? n : (unsigned)r;
}

static uint32_t
change(struct gen *g, enum ctnl_op op, uint32_t due)
{
	while (g->acks < due) {
		struct flow f = make_flow(g->first + g->acks++);

		if (g->batch.n == CTNL_BATCH)
			run_batch(g);
		if (!ctnl_batch_add(&g->batch, op, &f, LIFETIME_S))
			g->failed++;
	}
	run_batch(g);
	return g->acks;
}

static uint32_t
step_inject(struct gen *g, uint32_t due)
{
	return change(g, CTNL_CREATE, due);
}

static uint32_t
step_delete(struct gen *g, uint32_t due)
{
	return change(g, CTNL_DELETE, due);
}

static uint16_t
checksum(const uint8_t *p, size_t n, uint32_t sum)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void
patch16(uint8_t *at, uint16_t v)
{
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

struct segment {
	uint8_t proto, flags;
	uint32_t src, dst, seq, ack;
	uint16_t sport, dport;
};

static void
put_tcp(struct wr *w, const struct segment *s)
{
	static const uint8_t options[12] = {2, 4, 5, 0xb4, 4, 2, 1, 3, 3, 7, 1, 1};
	size_t opt = s->flags & SYN ? sizeof(options) : 0;

	wr_u32(w, s->seq);
	wr_u32(w, s->ack);
	wr_u16(w, (uint16_t)((20 + opt) / 4 << 12 | s->flags));
	wr_u16(w, 65535);
	wr_u32(w, 0); /* checksum, urgent pointer */
	wr_bytes(w, options, opt);
}

/* An IPv4 packet without data into a tun device. */
static bool
send_segment(int fd, const struct segment *s)
{
	bool tcp = s->proto == IPPROTO_TCP;
	uint8_t p[52];
	struct wr w = wr_init(p, sizeof(p));
	size_t len;

	wr_u16(&w, 0x4500);
	wr_u16(&w, 0);
	wr_u32(&w, 0x4000); /* do not fragment */
	wr_u16(&w, (uint16_t)(64 << 8 | s->proto));
	wr_u16(&w, 0);
	wr_u32(&w, s->src);
	wr_u32(&w, s->dst);
	wr_u16(&w, s->sport);
	wr_u16(&w, s->dport);
	if (tcp)
		put_tcp(&w, s);
	else
		wr_u32(&w, 8 << 16); /* length; no checksum */
	len = wr_len(&w);
	patch16(p + 2, (uint16_t)len);
	patch16(p + 10, checksum(p, 20, 0));
	if (tcp)
		patch16(p + 36, checksum(p + 12, len - 12, IPPROTO_TCP + (uint32_t)len - 20));
	return write(fd, p, len) == (ssize_t)len;
}

/* The packet that its client sends, or its server: as each of them sees the other. */
static bool
send_packet(struct gen *g, uint32_t number, bool client, uint8_t flags)
{
	struct flow_ends e = flow_ends(number);
	uint32_t c = number * 7919, s = number * 104729;
	struct segment up = {.proto = IPPROTO_TCP,
		.src = e.client,
		.dst = e.server,
		.sport = e.sport,
		.dport = FLOWS_PORT,
		.seq = flags & SYN ? c : c + 1,
		.ack = flags & ACK ? s + 1 : 0,
		.flags = flags};
	struct segment down = {.proto = IPPROTO_TCP,
		.src = e.server,
		.dst = FLOWS_SHARED,
		.sport = FLOWS_PORT,
		.dport = e.sport,
		.seq = s,
		.ack = c + 1,
		.flags = flags};

	return client ? send_segment(g->cli, &up) : send_segment(g->srv, &down);
}

/* Handshakes: each packet of a flow one step after the one before. */
static uint32_t
step_tcp(struct gen *g, uint32_t due)
{
	uint32_t answers = g->answers, syns = g->syns;

	for (; g->acks < answers; g->acks++)
		g->failed += !send_packet(g, g->first + g->acks, true, ACK);
	for (; g->answers < syns; g->answers++)
		g->failed += !send_packet(g, g->first + g->answers, false, SYN | ACK);
	for (; g->syns < due; g->syns++)
		g->failed += !send_packet(g, g->first + g->syns, true, SYN);
	return g->acks;
}

static uint32_t
step_udp(struct gen *g, uint32_t due)
{
	for (; g->acks < due; g->acks++) {
		struct flow_ends e = flow_ends(g->first + g->acks);
		struct segment s = {.proto = IPPROTO_UDP,
			.src = e.client,
			.dst = e.server,
			.sport = e.sport,
			.dport = FLOWS_PORT};

		g->failed += !send_segment(g->cli, &s);
	}
	return g->acks;
}

static void
end_of_input(void)
{
	while (getchar() != EOF)
		;
}

static int
make_flows(struct gen *g, gen_step *step)
{
	int64_t start = now_ns(), tick = start, cpu = own_cpu_ns(), end;
	uint32_t done = 0, due = 0;

	say_ready();
	while (done < g->count) {
		uint64_t pace = (uint64_t)(now_ns() - start) * g->rate / NS_PER_S;

		if (stop)
			g->count = due;
		else if (!g->rate)
			due += CTNL_BATCH;
		else
			due = pace < g->count ? (uint32_t)pace : g->count;
		if (due > g->count)
			due = g->count;
		done = step(g, due);
		tick += TICK_NS;
		if (g->rate && done < g->count)
			sleep_until(tick);
	}
	end = now_ns();
	printf("{\"flows\": %" PRIu32 ", \"seconds\": %.6f, \"cpu_us\": %.1f, \"failed\": %" PRIu64
	       ", \"end\": %.6f}\n",
		g->count, (double)(end - start) / NS_PER_S,
		(double)(own_cpu_ns() - cpu) / NS_PER_US, g->failed, (double)end / NS_PER_S);
	fflush(stdout);
	end_of_input();
	return 0;
}

static int
open_tun(const char *name)
{
	struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0)
		fail(name);
	return fd;
}

static void
open_tuns(struct gen *g)
{
	g->cli = open_tun("cli");
	g->srv = open_tun("srv");
}

static void
dump_one(const struct nlmsghdr *h)
{
	uint64_t words[2] = {0};
	enum sync_kind kind;
	struct nlattr *a, *b;
	struct flow f;
	uint32_t server;

	if (ctnl_parse(h, h->nlmsg_len, &kind, &f) != CTNL_FLOW || f.family != 4)
		return;
	memcpy(&server, f.orig.dst, sizeof(server));
	words[0] = flow_number(ntohl(server), f.orig.sport);
	if (words[0] == FLOWS_MAX)
		return;
	words[0] |= (uint64_t)f.tcp.state << 32;
	mnl_attr_for_each (a, h, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(a) != CTA_TIMESTAMP)
			continue;
		mnl_attr_for_each_nested (b, a)
			if (mnl_attr_get_type(b) == CTA_TIMESTAMP_START)
				words[1] = be64toh(mnl_attr_get_u64(b));
	}
	fwrite(words, sizeof(words), 1, stdout);
}

static int
dump(void)
{
	struct {
		struct nlmsghdr h;
		struct nfgenmsg nfg;
	} req = {.h = {.nlmsg_len = sizeof(req),
			 .nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET,
			 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.nfg = {.nfgen_family = AF_INET}};
	static uint8_t buf[1 << 16] __attribute__((aligned(8)));
	uint32_t portid;
	ssize_t n;
	int fd;

	if (ctnl_open(0, &fd, &portid) < 0 || fcntl(fd, F_SETFL, 0) < 0 ||
		send(fd, &req, sizeof(req), 0) < 0)
		fail("dump");
	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
		const struct nlmsghdr *h = (const void *)buf;
		int left = (int)n;

		for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
			if (h->nlmsg_type == NLMSG_DONE)
				return fflush(stdout) ? 1 : 0;
			if (h->nlmsg_type == NLMSG_ERROR) {
				errno = EIO;
				fail("dump");
			}
			dump_one(h);
		}
	}
	fail("dump");
}

/* A socket for questions in another network namespace. */
static void
open_query_in(const char *netns, struct ctnl_query *q)
{
	int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int other = open(netns, O_RDONLY | O_CLOEXEC);

	if (own < 0 || other < 0 || setns(other, CLONE_NEWNET) < 0 || ctnl_query_open(q) < 0 ||
		setns(own, CLONE_NEWNET) < 0)
		fail(netns);
	close(own);
	close(other);
}

/* In µs; -1 = it did not come, -2 = stopped meanwhile. */
static int64_t
one_lag(struct gen *g, struct ctnl_query *there, uint32_t number)
{
	struct flow f = make_flow(number), found;
	int64_t start = now_ns(), ns;

	ctnl_batch_add(&g->batch, CTNL_CREATE, &f, LIFETIME_S);
	run_batch(g);
	do {
		sleep_until(now_ns() + POLL_NS);
		if (ctnl_get(there, &f, &found) == 0)
			return (now_ns() - start) / NS_PER_US;
		ns = now_ns() - start;
	} while (!stop && ns < LAG_MAX_NS);
	return stop ? -2 : -1;
}

static int
measure_lag(struct gen *g, const char *netns, int64_t every_ns)
{
	struct ctnl_query there;
	int64_t at = now_ns();

	open_query_in(netns, &there);
	be_urgent();
	say_ready();
	printf("[");
	for (uint32_t i = 0; i < g->count && !stop; i++) {
		int64_t us = one_lag(g, &there, g->first + i);

		if (us == -2)
			break;
		printf("%s%" PRId64, i ? ", " : "", us);
		at += every_ns;
		sleep_until(at);
	}
	printf("]\n");
	fflush(stdout);
	end_of_input();
	return 0;
}

/* Takes what has come out at srv: true for each of the flows that has passed. */
static unsigned
take_passed(struct gen *g, uint32_t every, bool *passed)
{
	uint8_t p[256];
	unsigned news = 0;
	ssize_t n;

	while ((n = read(g->srv, p, sizeof(p))) > 0) {
		struct rd r = rd_init(p + 12, n < 40 ? 0 : 12);
		uint32_t src = rd_u32(&r), dst = rd_u32(&r), i;
		uint16_t sport = rd_u16(&r);

		if (r.bad || src != FLOWS_SHARED)
			continue;
		i = flow_number(dst, sport) - g->first;
		if (i % every || i / every >= g->count || passed[i / every])
			continue;
		passed[i / every] = true;
		news++;
	}
	return news;
}

static int
measure_pass(struct gen *g, uint32_t every)
{
	bool passed[PASS_MAX] = {false};
	int64_t start, first = 0, last = 0, at;
	unsigned n = 0;

	if (g->count > PASS_MAX || !every)
		return 2;
	open_tuns(g);
	be_urgent();
	say_ready();
	if (getchar() == EOF)
		return 2;
	start = at = now_ns();
	while (n < g->count && !stop && at - start < PASS_MAX_NS) {
		unsigned news;

		for (uint32_t i = 0; i < g->count; i++)
			if (!passed[i])
				send_packet(g, g->first + i * every, true, ACK);
		news = take_passed(g, every, passed);
		n += news;
		last = news ? now_ns() - start : last;
		first = first ? first : last;
		at += TICK_NS;
		if (n < g->count)
			sleep_until(at);
	}
	printf("{\"passed\": %u, \"first_ms\": %.3f, \"last_ms\": %.3f}\n", n,
		(double)first / NS_PER_MS, (double)last / NS_PER_MS);
	return 0;
}

static uint32_t
number(const char *text)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	if (!*text || *end || v > UINT32_MAX) {
		errno = EINVAL;
		fail(text);
	}
	return (uint32_t)v;
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		gen_step *step;
	} makers[] = {{"inject", step_inject}, {"tcp", step_tcp}, {"udp", step_udp},
		{"delete", step_delete}};
	struct sigaction term = {.sa_handler = on_term};
	static struct gen g;

	sigaction(SIGTERM, &term, NULL);
	if (ctnl_batch_open(&g.batch) < 0)
		fail("netlink");
	if (argc == 2 && strcmp(argv[1], "dump") == 0)
		return dump();
	if (argc == 6 && strcmp(argv[1], "lag") == 0) {
		g.first = number(argv[3]);
		g.count = number(argv[4]);
		return measure_lag(&g, argv[2], number(argv[5]) * NS_PER_MS);
	}
	if (argc == 5 && strcmp(argv[1], "pass") == 0) {
		g.first = number(argv[2]);
		g.count = number(argv[4]);
		return measure_pass(&g, number(argv[3]));
	}
	for (size_t i = 0; argc == 5 && i < sizeof(makers) / sizeof(makers[0]); i++) {
		if (strcmp(argv[1], makers[i].name) != 0)
			continue;
		g.first = number(argv[2]);
		g.count = number(argv[3]);
		g.rate = number(argv[4]);
		if (makers[i].step == step_tcp || makers[i].step == step_udp)
			open_tuns(&g);
		if (g.rate)
			be_urgent();
		return make_flows(&g, makers[i].step);
	}
	fprintf(stderr, "usage: tw-flowgen inject|tcp|udp|delete FIRST COUNT RATE | dump |\n"
			"       lag NETNS FIRST COUNT MS | pass FIRST STEP COUNT\n");
	return 2;
}
