/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Expected connections: as bytes, and against the real kernel in a network namespace of this
 * process's own. Skips what needs the kernel where it has no FTP helper.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>
#include "sync-gen.h"
#include "sys/ctnl.h"

static struct ctnl_batch batch, other;
static struct ctnl_query query = {.fd = -1};
static bool have_helper;

static struct expect
gen_expect(struct prng *p)
{
	static const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_GRE, IPPROTO_SCTP};
	struct expect x;
	bool v6 = prng_chance(p, 40);

	memset(&x, 0, sizeof(x));
	x.family = v6 ? 6 : 4;
	x.proto = protos[prng_u64(p) % sizeof(protos)];
	x.master_proto = protos[prng_u64(p) % sizeof(protos)];
	gen_addr(p, v6, x.tuple.src);
	gen_addr(p, v6, x.tuple.dst);
	x.tuple.sport = gen_port(p);
	x.tuple.dport = gen_port(p);
	gen_addr(p, v6, x.mask.src);
	x.mask.sport = gen_port(p);
	gen_addr(p, v6, x.master.src);
	gen_addr(p, v6, x.master.dst);
	x.master.sport = gen_port(p);
	x.master.dport = gen_port(p);
	x.flags = (uint32_t)prng_range(p, 0, EXPECT_FLAGS_MASK);
	x.class = (uint32_t)prng_range(p, 0, EXPECT_CLASSES - 1);
	x.nat = prng_chance(p, 50);
	if (x.nat) {
		x.nat_dir = (uint8_t)prng_range(p, 0, 1);
		gen_addr(p, v6, x.saved.src);
		x.saved.sport = gen_port(p);
	}
	if (prng_chance(p, 50))
		strcpy(x.helper, prng_chance(p, 50) ? "ftp" : "abcdefghijklmno");
	if (prng_chance(p, 50))
		strcpy(x.fn, prng_chance(p, 50) ? "nat-follow-master"
						: "abcdefghijklmnopqrstuvwxyz01234");
	return x;
}

static void
bytes_come_back(void **state)
{
	for (unsigned seed = 1; seed <= 5000; seed++) {
		struct prng p = {seed};
		struct expect x = gen_expect(&p);
		struct sync_encoder e;
		struct sync_decoder d;
		struct sync_record rec;
		uint8_t buf[512];

		for (enum sync_kind kind = SYNC_EXPECT; kind <= SYNC_UNEXPECT; kind++) {
			sync_encode_begin(&e, buf, sizeof(buf));
			assert_int_equal(sync_encode_expect(&e, kind, &x), SYNC_ENCODED);
			sync_decode_begin(&d, buf, sync_encode_len(&e));
			assert_int_equal(sync_decode_next(&d, &rec), SYNC_OK);
			assert_int_equal(rec.kind, kind);
			assert_true(expect_same(&rec.expect, &x));
			if (kind == SYNC_EXPECT)
				assert_memory_equal(&rec.expect, &x, sizeof(x));
			assert_int_equal(sync_decode_next(&d, &rec), SYNC_END);
			for (size_t cut = 1; cut < sync_encode_len(&e); cut++) {
				sync_decode_begin(&d, buf, cut);
				assert_int_not_equal(sync_decode_next(&d, &rec), SYNC_OK);
			}
		}
		sync_encode_begin(&e, buf, 20);
		assert_int_equal(sync_encode_expect(&e, SYNC_EXPECT, &x), SYNC_FULL);
		assert_int_equal(sync_encode_len(&e), 0);
	}
}

static void
junk_is_refused(void **state)
{
	struct prng p = {7};
	struct expect x = gen_expect(&p);
	struct {
		size_t at;
		uint8_t value;
	} bad[] = {
		{1, 0x80}, /* reserved bits */
		{1, 0x04}, /* a direction of no translation */
		{2, 1},    /* ICMP has no ports */
	};

	x.family = 4;
	x.nat = false;
	x.nat_dir = 0;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct sync_encoder e;
		struct sync_decoder d;
		struct sync_record rec;
		uint8_t buf[512];

		sync_encode_begin(&e, buf, sizeof(buf));
		assert_int_equal(sync_encode_expect(&e, SYNC_EXPECT, &x), SYNC_ENCODED);
		buf[bad[i].at] = bad[i].value;
		sync_decode_begin(&d, buf, sync_encode_len(&e));
		assert_int_equal(sync_decode_next(&d, &rec), SYNC_REJECT_VALUE);
	}
}

static void
messages_come_back(void **state)
{
	struct prng p = {1};

	for (unsigned i = 0; i < 5000; i++) {
		struct expect x = gen_expect(&p), got;
		uint8_t msg[CTNL_MSG_MAX];
		enum sync_kind kind;
		size_t len = ctnl_build_expect(CTNL_EXPECT_CREATE, &x, 0, 1, msg, sizeof(msg));

		assert_true(len > 0);
		assert_int_equal(ctnl_parse_expect(msg, len, &kind, &got), CTNL_EXPECT);
		assert_int_equal(kind, SYNC_EXPECT);
		assert_memory_equal(&got, &x, sizeof(x));
		assert_int_equal(ctnl_build_expect(CTNL_EXPECT_CREATE, &x, 0, 1, msg, len - 1), 0);
		len = ctnl_build_expect(CTNL_EXPECT_DELETE, &x, 0, 1, msg, sizeof(msg));
		assert_int_equal(ctnl_parse_expect(msg, len, &kind, &got), CTNL_IGNORED);
		len = ctnl_build_expect(CTNL_EXPECT_RETIME, &x, 77, 1, msg, sizeof(msg));
		assert_int_equal(ctnl_parse_expect(msg, len, &kind, &got), CTNL_EXPECT);
		assert_int_equal(got.timeout_s, 77);
	}
}

/* An FTP control connection with source translation and a PORT command behind it. */
static struct flow
master_flow(void)
{
	struct flow f;

	memset(&f, 0, sizeof(f));
	f.family = 4;
	f.proto = IPPROTO_TCP;
	memcpy(f.orig.src, (uint8_t[]){10, 1, 0, 10}, 4);
	memcpy(f.orig.dst, (uint8_t[]){192, 0, 2, 7}, 4);
	f.orig.sport = 40000;
	f.orig.dport = 21;
	flow_invert(4, IPPROTO_TCP, &f.orig, &f.reply);
	memcpy(f.reply.dst, (uint8_t[]){203, 0, 113, 1}, 4);
	f.has = FLOW_REPLY | FLOW_STATUS | FLOW_TCP | FLOW_HELPER | FLOW_ADJUST;
	f.status = FLOW_SEEN_REPLY | FLOW_ASSURED;
	f.tcp.state = 3;
	strcpy(f.helper, "ftp");
	f.adjust[0] = (struct flow_adjust){1000, 0, 2};
	return f;
}

static struct expect
data_expected(void)
{
	struct expect x;

	memset(&x, 0, sizeof(x));
	x.family = 4;
	x.proto = x.master_proto = IPPROTO_TCP;
	memcpy(x.tuple.src, (uint8_t[]){192, 0, 2, 7}, 4);
	memcpy(x.tuple.dst, (uint8_t[]){203, 0, 113, 1}, 4);
	x.tuple.dport = 50001;
	memcpy(x.mask.src, (uint8_t[]){255, 255, 255, 255}, 4);
	x.master = master_flow().orig;
	x.nat = true;
	x.nat_dir = 1;
	x.saved.sport = 50000;
	strcpy(x.helper, "ftp");
	strcpy(x.fn, "nat-follow-master");
	return x;
}

static int
flow_op(struct ctnl_batch *b, enum ctnl_op op, const struct flow *f)
{
	assert_true(ctnl_batch_add(b, op, f, 600));
	assert_true(ctnl_batch_run(b) >= 0);
	return b->result[0];
}

static int
expect_op(struct ctnl_batch *b, enum ctnl_expect_op op, const struct expect *x, uint32_t timeout_s)
{
	assert_true(ctnl_batch_add_expect(b, op, x, timeout_s));
	assert_true(ctnl_batch_run(b) >= 0);
	return b->result[0];
}

static int
enter_namespace(void **state)
{
	struct flow f = master_flow();
	int fd;

	if (unshare(CLONE_NEWNET) < 0)
		return 0;
	if (ctnl_batch_open(&batch) < 0 || ctnl_batch_open(&other) < 0 ||
		ctnl_query_open(&query) < 0)
		return -1;
	fd = open("/proc/sys/net/netfilter/nf_conntrack_events", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "1", 1) != 1)
		return -1;
	close(fd);
	/* -EAGAIN: the module was loaded just now */
	have_helper =
		flow_op(&batch, CTNL_CREATE, &f) == 0 || flow_op(&batch, CTNL_CREATE, &f) == 0;
	flow_op(&batch, CTNL_DELETE, &f);
	return 0;
}

#define need_helper()                                                                              \
	do {                                                                                       \
		if (!have_helper)                                                                  \
			skip();                                                                    \
	} while (0)

struct seen {
	unsigned flows, kinds[_SYNC_KIND_MAX];
	struct expect last;
};

static void
on_flow(void *arg, enum sync_kind kind, const struct flow *f)
{
	struct seen *s = arg;

	s->flows++;
	assert_int_equal(s->kinds[SYNC_EXPECT], 0); /* flows come first */
}

static void
on_expect(void *arg, enum sync_kind kind, const struct expect *x)
{
	struct seen *s = arg;

	s->kinds[kind]++;
	s->last = *x;
}

static void
on_any_flow(void *arg, enum sync_kind kind, const struct flow *f)
{
}

/* All there is, in this order. */
static struct seen
walk_all(void)
{
	struct ctnl_walk w = {.fd = -1, .on_expect = on_expect};
	struct seen s = {0};
	int r;

	assert_int_equal(ctnl_walk_start(&w), 0);
	while ((r = ctnl_walk_next(&w, on_flow, &s)) == 1)
		;
	assert_int_equal(r, 0);
	ctnl_walk_stop(&w);
	free(w.buf);
	return s;
}

static void
assert_expect(const struct expect *want, const struct expect *got, uint32_t timeout_s)
{
	struct expect a = *want, b = *got;

	assert_in_range(
		b.timeout_s, timeout_s - 200, timeout_s); /* whatever the machine does meanwhile */
	a.timeout_s = b.timeout_s = 0;
	assert_memory_equal(&a, &b, sizeof(a));
}

static void
the_kernel_keeps_all_of_it(void **state)
{
	struct flow f = master_flow(), got;
	struct expect x = data_expected();
	struct seen s;

	need_helper();
	assert_int_equal(expect_op(&batch, CTNL_EXPECT_CREATE, &x, 0), -ENOENT); /* no master */
	assert_int_equal(flow_op(&batch, CTNL_CREATE, &f), 0);
	assert_int_equal(ctnl_get(&query, &f, &got), 0);
	assert_string_equal(got.helper, "ftp");
	assert_memory_equal(got.adjust, f.adjust, sizeof(f.adjust));
	assert_int_equal(expect_op(&batch, CTNL_EXPECT_CREATE, &x, 0), 0);
	assert_int_equal(expect_op(&batch, CTNL_EXPECT_CREATE, &x, 0), -EEXIST);
	s = walk_all();
	assert_int_equal(s.flows, 1);
	assert_int_equal(s.kinds[SYNC_EXPECT], 1);
	assert_expect(&x, &s.last, EXPECT_LIFE_S);
	assert_int_equal(expect_op(&batch, CTNL_EXPECT_RETIME, &x, 1700000), 0);
	s = walk_all();
	assert_expect(&x, &s.last, 1700000);
	assert_int_equal(expect_op(&batch, CTNL_EXPECT_DELETE, &x, 0), 0);
	assert_int_equal(expect_op(&batch, CTNL_EXPECT_DELETE, &x, 0), -ENOENT);
	assert_int_equal(walk_all().kinds[SYNC_EXPECT], 0);
	assert_int_equal(flow_op(&batch, CTNL_DELETE, &f), 0);
}

/* A master without a helper cannot have any. */
static void
no_helper_no_expectation(void **state)
{
	struct flow f = master_flow();
	struct expect x = data_expected();

	need_helper();
	f.has &= ~(uint32_t)FLOW_HELPER;
	assert_int_equal(flow_op(&batch, CTNL_CREATE, &f), 0);
	assert_int_equal(expect_op(&batch, CTNL_EXPECT_CREATE, &x, 0), -EOPNOTSUPP);
	assert_int_equal(flow_op(&batch, CTNL_DELETE, &f), 0);
}

static void
events_tell_of_others_only(void **state)
{
	struct ctnl_events ev = {.fd = -1, .on_expect = on_expect};
	struct flow f = master_flow();
	struct expect x = data_expected();
	struct seen s = {0};

	need_helper();
	assert_int_equal(flow_op(&batch, CTNL_CREATE, &f), 0);
	assert_int_equal(ctnl_events_open(&ev, 1 << 20, batch.portid), 0);
	assert_int_equal(expect_op(&batch, CTNL_EXPECT_CREATE, &x, 0), 0);
	assert_int_equal(expect_op(&batch, CTNL_EXPECT_DELETE, &x, 0), 0);
	assert_int_equal(ctnl_events_read(&ev, on_flow, &s), 0);
	assert_int_equal(expect_op(&other, CTNL_EXPECT_CREATE, &x, 0), 0);
	assert_int_equal(ctnl_events_read(&ev, on_flow, &s), 1);
	assert_int_equal(s.kinds[SYNC_EXPECT], 1);
	assert_expect(&x, &s.last, EXPECT_LIFE_S);
	assert_int_equal(flow_op(&other, CTNL_DELETE, &f), 0); /* takes it along */
	while (ctnl_events_read(&ev, on_any_flow, &s) > 0)
		;
	assert_int_equal(s.kinds[SYNC_UNEXPECT], 1);
	assert_true(expect_same(&s.last, &x));
	ctnl_events_close(&ev);
	free(ev.buf);
}

/* A flow that was expected says so: its first packets are related, not new. */
static void
a_related_flow_knows_its_master(void **state)
{
	struct flow f = master_flow(), data, got;

	need_helper();
	memset(&data, 0, sizeof(data));
	data.family = 4;
	data.proto = IPPROTO_TCP;
	data.orig = data_expected().tuple;
	data.orig.sport = 20;
	flow_invert(4, IPPROTO_TCP, &data.orig, &data.reply);
	data.has = FLOW_REPLY | FLOW_TCP | FLOW_MASTER;
	data.tcp.state = 1;
	data.master = f.orig;
	data.master_proto = f.proto;
	assert_int_equal(flow_op(&batch, CTNL_CREATE, &data), -ENOENT);
	assert_int_equal(flow_op(&batch, CTNL_CREATE, &f), 0);
	assert_int_equal(flow_op(&batch, CTNL_CREATE, &data), 0);
	assert_int_equal(ctnl_get(&query, &data, &got), 0);
	assert_true(got.has & FLOW_MASTER);
	assert_memory_equal(&got.master, &f.orig, sizeof(f.orig));
	assert_int_equal(got.master_proto, IPPROTO_TCP);
	assert_int_equal(flow_op(&batch, CTNL_DELETE, &data), 0);
	assert_int_equal(flow_op(&batch, CTNL_DELETE, &f), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_come_back),
		cmocka_unit_test(junk_is_refused),
		cmocka_unit_test(messages_come_back),
		cmocka_unit_test(the_kernel_keeps_all_of_it),
		cmocka_unit_test(no_helper_no_expectation),
		cmocka_unit_test(events_tell_of_others_only),
		cmocka_unit_test(a_related_flow_knows_its_master),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
