/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Command connections: one walk through the kernel's connection table, of which a page is shown.
 * Both directions as the kernel has them: what differs from the mirror image is translation.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include "daemon/config/commands.h"
#include "sys/ctnl.h"

#define LIMIT_DEFAULT 50
#define LIMIT_MAX     10000
#define WALK_WAIT_MS  1000 /* for one part: the kernel answers at once */

struct wanted {
	bool filter;
	struct ip_range addresses;
	uint32_t limit, skip;
	uint64_t total; /* that match */
	json_t *list;
};

static const char *
protocol_name(uint8_t proto, char *buf, size_t size)
{
	static const struct {
		uint8_t proto;
		const char *name;
	} names[] = {{IPPROTO_TCP, "tcp"}, {IPPROTO_UDP, "udp"}, {IPPROTO_ICMP, "icmp"},
		{IPPROTO_ICMPV6, "icmpv6"}, {IPPROTO_SCTP, "sctp"}, {IPPROTO_GRE, "gre"},
		{IPPROTO_UDPLITE, "udplite"}, {IPPROTO_DCCP, "dccp"}, {IPPROTO_ESP, "esp"},
		{IPPROTO_AH, "ah"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].proto == proto)
			return names[i].name;
	snprintf(buf, size, "%u", proto);
	return buf;
}

/* The kernel's names, as in /proc/net/nf_conntrack. */
static const char *
flow_state(const struct flow *f)
{
	static const char *const tcp[FLOW_TCP_STATES] = {"NONE", "SYN_SENT", "SYN_RECV",
		"ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE",
		"SYN_SENT2"};

	if ((f->has & FLOW_TCP) && f->tcp.state < FLOW_TCP_STATES)
		return tcp[f->tcp.state];
	if (!(f->status & FLOW_SEEN_REPLY))
		return "UNREPLIED";
	return f->status & FLOW_ASSURED ? "ASSURED" : "REPLIED";
}

static struct ip_addr
flow_address(const struct flow *f, const uint8_t b[16])
{
	struct ip_addr a = {.family = f->family};

	memcpy(a.b, b, ip_bytes(f->family));
	return a;
}

static bool
wanted_address(const struct wanted *w, const struct flow *f, const uint8_t b[16])
{
	struct ip_addr a = flow_address(f, b);

	return ip_range_contains(&w->addresses, &a);
}

static bool
wanted_flow(const struct wanted *w, const struct flow *f)
{
	return !w->filter || wanted_address(w, f, f->orig.src) ||
	       wanted_address(w, f, f->orig.dst) || wanted_address(w, f, f->reply.src) ||
	       wanted_address(w, f, f->reply.dst);
}

static json_t *
show_tuple(const struct flow *f, const struct flow_tuple *t)
{
	struct ip_addr src = flow_address(f, t->src), dst = flow_address(f, t->dst);
	char a[IP_TEXT_MAX], b[IP_TEXT_MAX];
	json_t *o = json_pack("{s:s, s:s}", "src", ip_fmt(&src, a), "dst", ip_fmt(&dst, b));

	switch (flow_shape(f->proto)) {
	case FLOW_PORTS:
		json_object_set_new(o, "sport", json_integer(t->sport));
		json_object_set_new(o, "dport", json_integer(t->dport));
		break;
	case FLOW_ICMP:
		json_object_set_new(o, "icmp_id", json_integer(t->sport));
		json_object_set_new(o, "icmp_type", json_integer(t->dport >> 8));
		json_object_set_new(o, "icmp_code", json_integer(t->dport & 0xff));
		break;
	case FLOW_PLAIN:
		break;
	}
	return o;
}

static void
connections_flow(void *arg, enum sync_kind kind, const struct flow *f)
{
	struct wanted *w = arg;
	char proto[8];

	(void)kind;
	if (!wanted_flow(w, f))
		return;
	w->total++;
	if (w->total <= w->skip || json_array_size(w->list) >= w->limit)
		return;
	json_array_append_new(
		w->list, json_pack("{s:s, s:s, s:I, s:b, s:I, s:o, s:o}", "protocol",
				 protocol_name(f->proto, proto, sizeof(proto)), "state",
				 flow_state(f), "timeout_s", (json_int_t)f->timeout_s, "nat",
				 flow_nat(f) != 0, "mark", (json_int_t)f->mark, "original",
				 show_tuple(f, &f->orig), "reply", show_tuple(f, &f->reply)));
}

/* 0 or -errno. */
static int
connections_walk(struct wanted *w)
{
	static _Alignas(8) uint8_t buf[CTNL_CHUNK]; /* instead of one that the walk would make */
	struct ctnl_walk walk = {.fd = -1, .buf = buf};
	int r = ctnl_walk_start(&walk);

	if (r < 0)
		return r;
	do {
		r = ctnl_walk_next(&walk, connections_flow, w);
		if (r == -EAGAIN) {
			struct pollfd p = {.fd = walk.fd, .events = POLLIN};

			r = poll(&p, 1, WALK_WAIT_MS) > 0 ? 1 : -ETIMEDOUT;
		}
	} while (r > 0);
	ctnl_walk_stop(&walk);
	return r;
}

static bool
connections_address(const char *s, struct wanted *w)
{
	struct ip_prefix prefix;

	w->filter = true;
	if (ip_prefix_parse(s, strlen(s), &prefix)) {
		w->addresses = ip_prefix_range(&prefix);
		return true;
	}
	return ip_range_parse(s, strlen(s), &w->addresses);
}

/* Index of the argument that is wrong, or -1. */
static int
connections_args(const struct control_request *rq, struct wanted *w)
{
	for (size_t i = 0; i < rq->n_args; i++) {
		uint32_t *number = strcmp(rq->args[i], "-limit") == 0  ? &w->limit
				   : strcmp(rq->args[i], "-skip") == 0 ? &w->skip
								       : NULL;

		if (number) {
			bool limit = number == &w->limit;

			if (++i == rq->n_args || !arg_number(rq->args[i], limit ? 1 : 0,
							 limit ? LIMIT_MAX : UINT32_MAX, number))
				return (int)i - (i == rq->n_args);
		} else if (w->filter || !connections_address(rq->args[i], w)) {
			return (int)i;
		}
	}
	return -1;
}

void
cmd_connections(struct config *c, const struct control_request *rq, struct answer *out)
{
	struct wanted w = {.limit = LIMIT_DEFAULT};
	int bad = connections_args(rq, &w), r;

	(void)c;
	if (bad >= 0) {
		answer_fail(out, ANSWER_USAGE, bad,
			"%.64s: is no address, or the option's number is missing", rq->args[bad]);
		return;
	}
	w.list = json_array();
	r = connections_walk(&w);
	if (r < 0) {
		json_decref(w.list);
		answer_fail(
			out, ANSWER_FAILED, -1, "the connections cannot be read: %s", strerror(-r));
		return;
	}
	out->data = json_pack("{s:I, s:I, s:I, s:o}", "total", (json_int_t)w.total, "skip",
		(json_int_t)w.skip, "limit", (json_int_t)w.limit, "connections", w.list);
}
