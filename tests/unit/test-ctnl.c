/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ctnetlink against the real kernel, in a network namespace of this process's own: flows with every
 * kind of translation go in and come out the same, events say what happened, conflicts are told
 * apart.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include "sync-gen.h"
#include "sys/ctnl.h"

#define MANY 100000

static struct ctnl_batch batch;
static struct ctnl_query query = {.fd = -1};
static bool have_namespace;

static int
enter_namespace(void **state)
{
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		return 0;
	if (ctnl_batch_open(&batch) < 0 || ctnl_query_open(&query) < 0)
		return -1;
	fd = open("/proc/sys/net/netfilter/nf_conntrack_events", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "1", 1) != 1)
		return -1;
	close(fd);
	have_namespace = true;
	return 0;
}

#define need_namespace()                                                                           \
	do {                                                                                       \
		if (!have_namespace)                                                               \
			skip();                                                                    \
	} while (0)

static struct flow
base_flow(bool v6, uint8_t proto, uint32_t i)
{
	struct flow f;

	memset(&f, 0, sizeof(f));
	f.family = v6 ? 6 : 4;
	f.proto = proto;
	if (v6) {
		memcpy(f.orig.src, (uint8_t[16]){0x20, 1, 0xd, 0xb8, 1}, 16);
		memcpy(f.orig.dst, (uint8_t[16]){0x20, 1, 0xd, 0xb8, 2}, 16);
		memcpy(f.orig.src + 12, &i, 4);
	} else {
		memcpy(f.orig.src,
			(uint8_t[]){10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}, 4);
		memcpy(f.orig.dst, (uint8_t[]){192, 0, 2, 7}, 4);
	}
	switch (flow_shape(proto)) {
	case FLOW_PORTS:
		f.orig.sport = 40000;
		f.orig.dport = 443;
		break;
	case FLOW_ICMP:
		f.orig.sport = 321;
		f.orig.dport = (uint16_t)((v6 ? 128 : 8) << 8);
		break;
	case FLOW_PLAIN:
		break;
	}
	assert_true(flow_invert(f.family, proto, &f.orig, &f.reply));
	f.has = FLOW_REPLY | FLOW_STATUS;
	f.status = FLOW_SEEN_REPLY | FLOW_ASSURED;
	if (proto == IPPROTO_TCP) {
		f.has |= FLOW_TCP;
		f.tcp.state = 3;
		f.tcp.flags[0] = f.tcp.flags[1] = 3;
		f.tcp.scale[0] = 7;
		f.tcp.scale[1] = 9;
	}
	if (proto == IPPROTO_SCTP) {
		f.has |= FLOW_SCTP;
		f.sctp.state = 4;
		f.sctp.vtag[0] = 0x11223344;
		f.sctp.vtag[1] = 0x55667788;
	}
	return f;
}

static int
one(enum ctnl_op op, const struct flow *f, uint32_t timeout_s)
{
	int r;

	assert_true(ctnl_batch_add(&batch, op, f, timeout_s));
	r = ctnl_batch_run(&batch);
	assert_true(r == 0 || r == 1);
	return batch.result[0];
}

static void
assert_flow(const struct flow *want, const struct flow *got)
{
	assert_int_equal(got->family, want->family);
	assert_int_equal(got->proto, want->proto);
	assert_memory_equal(&got->orig, &want->orig, sizeof(want->orig));
	assert_memory_equal(&got->reply, &want->reply, sizeof(want->reply));
	assert_int_equal(got->status, want->status);
	assert_int_equal(got->zone, want->zone);
	assert_int_equal(got->zone_dir, want->zone_dir);
	assert_int_equal(got->mark, want->mark);
	assert_int_equal(got->has & FLOW_TCP, want->has & FLOW_TCP);
	assert_memory_equal(&got->tcp, &want->tcp, sizeof(want->tcp));
	assert_int_equal(got->sctp.state, want->sctp.state);
	assert_memory_equal(got->sctp.vtag, want->sctp.vtag, sizeof(want->sctp.vtag));
	assert_memory_equal(got->adjust, want->adjust, sizeof(want->adjust));
}

static void
flows_come_back(void **state)
{
	static const struct {
		const char *name;
		bool v6;
		uint8_t proto;
		unsigned nat; /* enum flow_nat bits */
		bool port;    /* translate the port, too */
	} table[] = {
		{"tcp", false, IPPROTO_TCP, 0, false},
		{"tcp snat", false, IPPROTO_TCP, FLOW_SNAT, false},
		{"tcp snat port", false, IPPROTO_TCP, FLOW_SNAT, true},
		{"tcp dnat port", false, IPPROTO_TCP, FLOW_DNAT, true},
		{"tcp both", false, IPPROTO_TCP, FLOW_SNAT | FLOW_DNAT, true},
		{"udp snat", false, IPPROTO_UDP, FLOW_SNAT, true},
		{"udp dnat", false, IPPROTO_UDP, FLOW_DNAT, false},
		{"icmp", false, IPPROTO_ICMP, 0, false},
		{"icmp snat", false, IPPROTO_ICMP, FLOW_SNAT, false},
		{"icmp snat id", false, IPPROTO_ICMP, FLOW_SNAT, true},
		{"icmp dnat", false, IPPROTO_ICMP, FLOW_DNAT, false},
		{"sctp snat", false, IPPROTO_SCTP, FLOW_SNAT, true},
		{"gre snat", false, IPPROTO_GRE, FLOW_SNAT, false},
		{"esp snat", false, IPPROTO_ESP, FLOW_SNAT, false},
		{"udplite", false, IPPROTO_UDPLITE, 0, false},
		{"tcp6", true, IPPROTO_TCP, 0, false},
		{"tcp6 snat port", true, IPPROTO_TCP, FLOW_SNAT, true},
		{"udp6 dnat port", true, IPPROTO_UDP, FLOW_DNAT, true},
		{"icmp6 snat id", true, IPPROTO_ICMPV6, FLOW_SNAT, true},
		{"sctp6", true, IPPROTO_SCTP, 0, false},
	};

	need_namespace();
	for (uint32_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct flow f = base_flow(table[i].v6, table[i].proto, i), got;
		bool icmp = flow_shape(f.proto) == FLOW_ICMP;
		int r;

		if (table[i].nat & FLOW_SNAT)
			f.reply.dst[3] ^= 0x55;
		if (table[i].nat & FLOW_SNAT && table[i].port)
			*(icmp ? &f.reply.sport : &f.reply.dport) = 1025;
		if (table[i].nat & FLOW_DNAT)
			f.reply.src[3] ^= 0xaa;
		if (table[i].nat & FLOW_DNAT && table[i].port)
			f.reply.sport = 8080;
		assert_int_equal(flow_nat(&f), table[i].nat);
		r = one(CTNL_CREATE, &f, 86400);
		if (r)
			fail_msg("%s: %s", table[i].name, strerror(-r));
		r = ctnl_get(&query, &f, &got);
		if (r)
			fail_msg("%s: get: %s", table[i].name, strerror(-r));
		print_message("%s\n", table[i].name);
		assert_flow(&f, &got);
		assert_true(got.timeout_s > 86390 && got.timeout_s <= 86400);
		assert_int_equal(one(CTNL_CREATE, &f, 86400), -EEXIST);
		assert_int_equal(one(CTNL_RETIME, &f, 100), 0);
		assert_int_equal(ctnl_get(&query, &f, &got), 0);
		assert_true(got.timeout_s <= 100 && got.timeout_s > 90);
		assert_int_equal(one(CTNL_DELETE, &f, 0), 0);
		assert_int_equal(ctnl_get(&query, &f, &got), -ENOENT);
		assert_int_equal(one(CTNL_DELETE, &f, 0), -ENOENT);
		assert_int_equal(one(CTNL_UPDATE, &f, 10), -ENOENT);
	}
}

static void
everything_else_comes_back(void **state)
{
	struct flow f = base_flow(false, IPPROTO_TCP, 9), got;

	need_namespace();
	f.zone = 12;
	f.zone_dir = FLOW_ZONE_ORIG;
	f.has |= FLOW_MARK | FLOW_ADJUST;
	f.mark = 0xdeadbeef;
	f.adjust[0] = (struct flow_adjust){1, 2, 3};
	f.adjust[1] = (struct flow_adjust){4, 5, UINT32_MAX};
	assert_int_equal(one(CTNL_CREATE, &f, 500), 0);
	assert_int_equal(ctnl_get(&query, &f, &got), 0);
	assert_flow(&f, &got);
	f.zone_dir = FLOW_ZONE_BOTH;
	assert_int_equal(one(CTNL_CREATE, &f, 500), -EEXIST); /* its direction is zone 12 as well */
	f.zone_dir = FLOW_ZONE_ORIG;
	f.tcp.state = 4;
	f.tcp.flags[0] |= 4;
	f.has &= ~(uint32_t)FLOW_MARK;
	assert_int_equal(one(CTNL_UPDATE, &f, 600), 0);
	assert_int_equal(ctnl_get(&query, &f, &got), 0);
	assert_flow(&f, &got);
	assert_int_equal(one(CTNL_DELETE, &f, 0), 0);
}

/* A flow without an answer yet is liberal, because the kernel does not take its scale alone. */
static void
half_open_connections_are_liberal_for_now(void **state)
{
	struct flow f = base_flow(false, IPPROTO_TCP, 77), got;
	uint8_t msg[CTNL_MSG_MAX];
	size_t len;

	need_namespace();
	f.tcp.state = 1;
	f.tcp.flags[1] = 0;
	f.tcp.scale[1] = 0;
	f.status = 0;
	len = ctnl_build(CTNL_CREATE, &f, 60, 1, msg, sizeof(msg));
	/* attribute TCP_FLAGS_ORIGINAL (4): flags 3 and liberal, mask f */
	assert_non_null(memmem(msg, len, "\x06\x00\x04\x00\x0b\x0f", 6));
	assert_int_equal(one(CTNL_CREATE, &f, 60), 0);
	f.tcp.state = 2;
	f.tcp.flags[1] = 3;
	f.tcp.scale[1] = 5;
	f.status = FLOW_SEEN_REPLY;
	len = ctnl_build(CTNL_UPDATE, &f, 60, 1, msg, sizeof(msg));
	assert_non_null(memmem(msg, len, "\x06\x00\x04\x00\x03\x0f", 6));
	assert_int_equal(one(CTNL_UPDATE, &f, 60), 0);
	assert_int_equal(ctnl_get(&query, &f, &got), 0);
	assert_flow(&f, &got);
	assert_int_equal(one(CTNL_DELETE, &f, 0), 0);
}

/* Another flow has the translated tuple: creation says EEXIST, update ENOENT, and it can be found.
 */
static void
taken_tuples_are_told_apart(void **state)
{
	struct flow a = base_flow(false, IPPROTO_UDP, 1), b = base_flow(false, IPPROTO_UDP, 2), got;

	need_namespace();
	memcpy(a.reply.dst, (uint8_t[]){203, 0, 113, 1}, 4);
	b.reply = a.reply;
	assert_int_equal(one(CTNL_CREATE, &a, 60), 0);
	assert_int_equal(one(CTNL_CREATE, &b, 60), -EEXIST);
	assert_int_equal(one(CTNL_UPDATE, &b, 60), -ENOENT);
	assert_int_equal(one(CTNL_DELETE_REPLY, &b, 0), 0);
	assert_int_equal(ctnl_get(&query, &a, &got), -ENOENT);
	assert_int_equal(one(CTNL_CREATE, &b, 60), 0);
	assert_int_equal(one(CTNL_DELETE, &b, 0), 0);
}

static void
results_belong_to_their_message(void **state)
{
	struct flow f[6];

	need_namespace();
	for (uint32_t i = 0; i < 6; i++)
		f[i] = base_flow(false, IPPROTO_UDP, 100 + i);
	assert_int_equal(one(CTNL_CREATE, &f[1], 60), 0);
	assert_int_equal(one(CTNL_CREATE, &f[5], 60), 0);
	for (unsigned i = 0; i < 6; i++)
		assert_true(ctnl_batch_add(&batch, CTNL_CREATE, &f[i], 60));
	assert_int_equal(ctnl_batch_run(&batch), 2);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(batch.result[i], i == 1 || i == 5 ? -EEXIST : 0);
	for (unsigned i = 0; i < 6; i++)
		assert_true(ctnl_batch_add(&batch, CTNL_DELETE, &f[i], 0));
	assert_int_equal(ctnl_batch_run(&batch), 0);
}

struct seen {
	unsigned kinds[_SYNC_KIND_MAX];
	struct flow last;
};

static void
on_flow(void *arg, enum sync_kind kind, const struct flow *f)
{
	struct seen *s = arg;

	s->kinds[kind]++;
	s->last = *f;
}

static void
events_of_others_only(void **state)
{
	struct ctnl_events ev = {.fd = -1};
	struct ctnl_batch other;
	struct flow f = base_flow(false, IPPROTO_TCP, 5);
	struct seen s = {0};

	need_namespace();
	assert_int_equal(ctnl_batch_open(&other), 0);
	assert_int_equal(ctnl_events_open(&ev, 1 << 20, batch.portid), 0);
	assert_int_equal(one(CTNL_CREATE, &f, 60), 0);
	assert_int_equal(ctnl_events_read(&ev, on_flow, &s), 0);
	f.tcp.state = 8;
	assert_true(ctnl_batch_add(&other, CTNL_UPDATE, &f, 60));
	assert_int_equal(ctnl_batch_run(&other), 0);
	assert_int_equal(ctnl_events_read(&ev, on_flow, &s), 1);
	assert_int_equal(s.kinds[SYNC_UPDATE], 1);
	assert_flow(&f, &s.last);
	assert_true(ctnl_batch_add(&other, CTNL_DELETE, &f, 60));
	assert_int_equal(ctnl_batch_run(&other), 0);
	assert_true(ctnl_batch_add(&other, CTNL_CREATE, &f, 60));
	assert_int_equal(ctnl_batch_run(&other), 0);
	assert_int_equal(ctnl_events_read(&ev, on_flow, &s), 2);
	assert_int_equal(s.kinds[SYNC_DESTROY], 1);
	assert_int_equal(s.kinds[SYNC_NEW], 1);
	assert_flow(&f, &s.last);
	assert_int_equal(one(CTNL_DELETE, &f, 0), 0);
	ctnl_events_close(&ev);
	free(ev.buf);
	ctnl_batch_close(&other);
}

static void
lost_events_are_noticed(void **state)
{
	struct ctnl_events ev = {.fd = -1};
	struct ctnl_batch other;
	struct seen s = {0};
	int r;

	need_namespace();
	assert_int_equal(ctnl_batch_open(&other), 0);
	assert_int_equal(ctnl_events_open(&ev, 16384, batch.portid), 0);
	for (uint32_t i = 0; i < 1000; i++) {
		struct flow f = base_flow(false, IPPROTO_UDP, i);

		assert_true(ctnl_batch_add(&other, CTNL_CREATE, &f, 1));
		if (other.n == CTNL_BATCH || i == 999)
			assert_int_equal(ctnl_batch_run(&other), 0);
	}
	while ((r = ctnl_events_read(&ev, on_flow, &s)) != 0)
		assert_true(r > 0 || r == -ENOBUFS);
	assert_true(ev.overruns >= 1);
	assert_true(s.kinds[SYNC_NEW] < 1000);
	for (uint32_t i = 0; i < 1000; i++) {
		struct flow f = base_flow(false, IPPROTO_UDP, i);

		one(CTNL_DELETE, &f, 0);
	}
	ctnl_events_close(&ev);
	free(ev.buf);
	ctnl_batch_close(&other);
}

static double
now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
many_flows_in_batches(void **state)
{
	struct ctnl_walk walk = {.fd = -1};
	struct seen s = {0};
	uint32_t count = 0;
	double t0, t1;
	int r;

	need_namespace();
	t0 = now_s();
	for (uint32_t i = 0; i < MANY; i++) {
		struct flow f = base_flow(false, IPPROTO_TCP, i);

		memcpy(f.reply.dst, (uint8_t[]){203, 0, (uint8_t)(i >> 16), 1}, 4);
		f.orig.sport = f.reply.dport = (uint16_t)i;
		assert_true(ctnl_batch_add(&batch, CTNL_CREATE, &f, 300));
		if (batch.n == CTNL_BATCH || i == MANY - 1)
			assert_int_equal(ctnl_batch_run(&batch), 0);
	}
	t1 = now_s();
	print_message("insert with translation: %.2f us a flow\n", (t1 - t0) * 1e6 / MANY);
	assert_int_equal(ctnl_count(&query, &count), 0);
	assert_int_equal(count, MANY);
	t0 = now_s();
	do { /* somebody on this machine may resize the table, which is everybody's */
		s = (struct seen){0};
		assert_int_equal(ctnl_walk_start(&walk), 0);
		while ((r = ctnl_walk_next(&walk, on_flow, &s)) == 1)
			;
	} while (r == -ESTALE);
	t1 = now_s();
	assert_int_equal(r, 0);
	assert_int_equal(s.kinds[SYNC_NEW], MANY);
	print_message("walk: %.2f us a flow\n", (t1 - t0) * 1e6 / MANY);
	ctnl_walk_stop(&walk);
	free(walk.buf);
	for (uint32_t i = 0; i < MANY; i++) {
		struct flow f = base_flow(false, IPPROTO_TCP, i);

		f.orig.sport = (uint16_t)i;
		assert_true(ctnl_batch_add(&batch, CTNL_DELETE, &f, 0));
		if (batch.n == CTNL_BATCH || i == MANY - 1)
			assert_int_equal(ctnl_batch_run(&batch), 0);
	}
	assert_int_equal(ctnl_count(&query, &count), 0);
	assert_int_equal(count, 0);
}

/* The longest message there is fits. */
static void
messages_fit(void **state)
{
	struct prng p = {1};
	uint8_t msg[CTNL_MSG_MAX];
	size_t longest = 0;

	for (unsigned i = 0; i < 20000; i++) {
		struct flow f = gen_flow(&p), got;
		enum sync_kind kind;
		size_t len = ctnl_build(CTNL_CREATE, &f, 5, 1, msg, sizeof(msg));

		assert_true(len > 0);
		longest = len > longest ? len : longest;
		assert_int_equal(ctnl_parse(msg, len, &kind, &got), CTNL_FLOW);
		assert_memory_equal(&got.orig, &f.orig, sizeof(f.orig));
		assert_int_equal(ctnl_build(CTNL_CREATE, &f, 5, 1, msg, len - 1), 0);
	}
	print_message("longest message: %zu bytes\n", longest);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_fit),
		cmocka_unit_test(flows_come_back),
		cmocka_unit_test(everything_else_comes_back),
		cmocka_unit_test(half_open_connections_are_liberal_for_now),
		cmocka_unit_test(taken_tuples_are_told_apart),
		cmocka_unit_test(results_belong_to_their_message),
		cmocka_unit_test(events_of_others_only),
		cmocka_unit_test(lost_events_are_noticed),
		cmocka_unit_test(many_flows_in_batches),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
