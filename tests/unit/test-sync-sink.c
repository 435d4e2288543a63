/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the peer says, into the real kernel of a namespace of this process's own: replacing,
 * conflicts, several words about one flow in one batch, and who is believed when this node is
 * active, too.
 */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "daemon/statesync/statesync.h"
#include "sync-gen.h"

static struct ctnl_query query = {.fd = -1};
static struct aging aging;
static struct flow_own here;
static struct sink sink;
static bool have_namespace;

static int
enter_namespace(void **state)
{
	if (unshare(CLONE_NEWNET) < 0)
		return 0;
	aging_defaults(&aging);
	if (ctnl_query_open(&query) < 0 || sink_open(&sink, &query, &aging, &here) < 0)
		return -1;
	have_namespace = true;
	return 0;
}

static int
empty_table(void **state)
{
	if (!have_namespace)
		return 0;
	sink.senior = false;
	sink.occupied = 0;
	sink.lifetime_s = AGING_LONG_S;
	sink.count = (struct sink_counts){0};
	sink.trouble = (struct sink_trouble){0};
	return 0;
}

#define need_namespace()                                                                           \
	do {                                                                                       \
		if (!have_namespace)                                                               \
			skip();                                                                    \
	} while (0)

/* Client number i to one server, translated to one address. */
static struct flow
client(uint8_t proto, unsigned i, uint16_t port)
{
	struct flow f;

	memset(&f, 0, sizeof(f));
	f.family = 4;
	f.proto = proto;
	memcpy(f.orig.src, (uint8_t[]){10, 0, (uint8_t)(i >> 8), (uint8_t)i}, 4);
	memcpy(f.orig.dst, (uint8_t[]){192, 0, 2, 1}, 4);
	f.orig.sport = 5000;
	f.orig.dport = 443;
	flow_invert(4, proto, &f.orig, &f.reply);
	memcpy(f.reply.dst, (uint8_t[]){203, 0, 113, 1}, 4);
	f.reply.dport = port;
	f.has = FLOW_REPLY | FLOW_STATUS;
	f.status = FLOW_SEEN_REPLY;
	if (proto == IPPROTO_TCP) {
		f.has |= FLOW_TCP;
		f.tcp.state = 3;
		f.tcp.flags[0] = f.tcp.flags[1] = 3;
		f.tcp.scale[0] = f.tcp.scale[1] = 7;
	}
	return f;
}

static struct flow
kernel_has(const struct flow *f)
{
	struct flow got;

	assert_int_equal(ctnl_get(&query, f, &got), 0);
	return got;
}

static void
assert_gone(const struct flow *f)
{
	struct flow got;

	assert_int_equal(ctnl_get(&query, f, &got), -ENOENT);
}

static void
forget(const struct flow *f)
{
	sink_record(&sink, SYNC_DESTROY, f);
	sink_flush(&sink);
	assert_gone(f);
}

static void
a_life(void **state)
{
	struct flow f = client(IPPROTO_TCP, 1, 1025), got;

	need_namespace();
	sink_record(&sink, SYNC_NEW, &f);
	assert_int_equal(sink.count.inserted, 0); /* not before the flush */
	sink_flush(&sink);
	got = kernel_has(&f);
	assert_memory_equal(&got.reply, &f.reply, sizeof(f.reply));
	assert_true(got.timeout_s > AGING_LONG_S - 10);
	f.tcp.state = 4;
	sink.lifetime_s = AGING_LONG_S + 100;
	sink_record(&sink, SYNC_UPDATE, &f);
	sink_flush(&sink);
	got = kernel_has(&f);
	assert_int_equal(got.tcp.state, 4);
	assert_true(got.timeout_s > AGING_LONG_S + 90);
	forget(&f);
	assert_int_equal(sink.count.inserted + sink.count.updated + sink.count.deleted, 3);
	forget(&f);
	assert_int_equal(sink.count.missing, 1);
	assert_int_equal(sink.count.failed, 0);
}

/* A repair touches nothing that is as it should be: what the kernel keeps with it stays. */
static void
a_repair_touches_only_what_is_wrong(void **state)
{
	struct flow f[4], got;

	need_namespace();
	for (unsigned i = 0; i < 4; i++)
		f[i] = client(IPPROTO_TCP, 20 + i, (uint16_t)(2000 + i));
	sink_record(&sink, SYNC_NEW, &f[0]); /* there, and right */
	f[0].tcp.state = 4;
	f[1].reply.dport = 2999; /* there, and wrong */
	sink_record(&sink, SYNC_NEW, &f[1]);
	f[1].reply.dport = 2001;
	got = f[2]; /* missing, while another one has its translated tuple */
	got.orig.sport++;
	sink_record(&sink, SYNC_NEW, &got);
	sink_flush(&sink); /* and the last one is simply missing */
	sink.count = (struct sink_counts){0};
	sink.occupied = 255;
	sink.mends = true;
	sink.lifetime_s = AGING_LONG_S + 100;
	for (unsigned i = 0; i < 4; i++)
		sink_record(&sink, SYNC_NEW, &f[i]);
	sink_flush(&sink);
	sink.mends = false;
	for (unsigned i = 0; i < 4; i++) {
		struct flow now = kernel_has(&f[i]);

		assert_memory_equal(&now.reply, &f[i].reply, sizeof(now.reply));
		assert_int_equal(now.tcp.state, f[i].tcp.state);
		assert_true(now.timeout_s > AGING_LONG_S + 90);
	}
	assert_gone(&got);
	assert_int_equal(sink.count.updated, 1);
	assert_int_equal(sink.count.replaced, 1);
	assert_int_equal(sink.count.mended, 2);
	assert_int_equal(sink.count.conflicts, 1);
	assert_int_equal(sink.count.failed, 0);
	for (unsigned i = 0; i < 4; i++)
		forget(&f[i]);
}

/* The same flow with another translation: what was there is wrong, and an update could not mend it.
 */
static void
new_replaces(void **state)
{
	struct flow f = client(IPPROTO_UDP, 2, 1025), got;

	need_namespace();
	sink_record(&sink, SYNC_NEW, &f);
	sink_flush(&sink);
	for (unsigned round = 0; round < 40; round++) { /* both ways of replacing */
		f.reply.dport = (uint16_t)(2000 + round);
		sink_record(&sink, SYNC_NEW, &f);
		sink_flush(&sink);
		got = kernel_has(&f);
		assert_memory_equal(&got.reply, &f.reply, sizeof(f.reply));
	}
	assert_true(sink.occupied > 200);
	assert_int_equal(sink.count.replaced, 40);
	assert_int_equal(sink.count.failed, 0);
	forget(&f);
}

static void
the_peer_wins_a_taken_tuple(void **state)
{
	struct flow mine = client(IPPROTO_UDP, 3, 1025), peers = client(IPPROTO_UDP, 4, 1025);

	need_namespace();
	sink_record(&sink, SYNC_NEW, &mine);
	sink_record(&sink, SYNC_NEW, &peers);
	sink_flush(&sink);
	assert_gone(&mine);
	kernel_has(&peers);
	assert_int_equal(sink.count.conflicts, 1);
	assert_int_equal(sink.count.failed, 0);
	forget(&peers);
}

static void
several_words_in_one_batch(void **state)
{
	struct flow f = client(IPPROTO_TCP, 5, 1025), got;

	need_namespace();
	sink_record(&sink, SYNC_NEW, &f);
	sink_flush(&sink);
	/* exists, then ends: must not come back by mending the first */
	sink_record(&sink, SYNC_NEW, &f);
	sink_record(&sink, SYNC_DESTROY, &f);
	sink_flush(&sink);
	assert_gone(&f);
	sink_record(&sink, SYNC_NEW, &f);
	sink_flush(&sink);
	/* exists, then changes twice: the last word stands */
	sink_record(&sink, SYNC_NEW, &f);
	f.tcp.state = 4;
	sink_record(&sink, SYNC_UPDATE, &f);
	f.tcp.state = 7;
	f.reply.dport = 1025;
	sink_record(&sink, SYNC_UPDATE, &f);
	sink_flush(&sink);
	got = kernel_has(&f);
	assert_int_equal(got.tcp.state, 7);
	/* ends and begins anew with another port, all in one */
	sink_record(&sink, SYNC_DESTROY, &f);
	f.reply.dport = 3333;
	f.tcp.state = 1;
	sink_record(&sink, SYNC_NEW, &f);
	sink_flush(&sink);
	got = kernel_has(&f);
	assert_int_equal(got.tcp.state, 1);
	assert_int_equal(got.reply.dport, 3333);
	forget(&f);
	assert_int_equal(sink.count.failed, 0);
}

static void
the_senior_believes_itself(void **state)
{
	struct flow f = client(IPPROTO_TCP, 6, 1025), got;
	struct flow peers = client(IPPROTO_TCP, 6, 2222), other = client(IPPROTO_TCP, 7, 1025);

	need_namespace();
	sink_record(&sink, SYNC_NEW, &f);
	sink_flush(&sink);
	sink.senior = true;
	sink_record(&sink, SYNC_NEW, &peers); /* the same flow, told differently */
	sink_record(&sink, SYNC_NEW, &other); /* wants the tuple of mine */
	sink_flush(&sink);
	got = kernel_has(&f);
	assert_int_equal(got.reply.dport, 1025);
	assert_gone(&other);
	assert_int_equal(sink.count.ignored, 2);
	peers.tcp.state = 2; /* older than mine */
	sink_record(&sink, SYNC_UPDATE, &peers);
	sink_flush(&sink);
	got = kernel_has(&f);
	assert_int_equal(got.tcp.state, 3);
	peers.tcp.state = 4; /* further than mine */
	sink_record(&sink, SYNC_UPDATE, &peers);
	sink_flush(&sink);
	got = kernel_has(&f);
	assert_int_equal(got.tcp.state, 4);
	assert_true(got.timeout_s > AGING_LONG_S - 100); /* and its timeout is not touched */
	other = client(IPPROTO_UDP, 8, 4444);
	sink_record(&sink, SYNC_NEW, &other); /* missing here: added, with the kernel's timeout */
	sink_flush(&sink);
	got = kernel_has(&other);
	assert_true(got.timeout_s <= 30);
	sink.senior = false;
	forget(&f);
	forget(&other);
}

static void
status_is_never_taken_away(void **state)
{
	struct flow f = client(IPPROTO_TCP, 9, 1025), got;

	need_namespace();
	f.status = FLOW_SEEN_REPLY | FLOW_ASSURED;
	sink_record(&sink, SYNC_NEW, &f);
	f.status = 0;
	f.tcp.state = 5;
	sink_record(&sink, SYNC_UPDATE, &f);
	sink_flush(&sink);
	got = kernel_has(&f);
	assert_int_equal(got.tcp.state, 5);
	assert_int_equal(got.status, FLOW_SEEN_REPLY | FLOW_ASSURED);
	assert_int_equal(sink.count.failed, 0);
	forget(&f);
}

/* An update that finds no flow: the tables differ, unless the flow is of no concern here. */
static void
an_update_may_find_nothing(void **state)
{
	struct flow f = client(IPPROTO_TCP, 11, 1025);
	struct ip_addr a = {.family = 4};

	need_namespace();
	sink_record(&sink, SYNC_UPDATE, &f);
	sink_flush(&sink);
	assert_int_equal(sink.trouble.unknown, 1);
	assert_int_equal(sink.count.unknown, 1);
	memcpy(a.b, f.orig.src, 4);
	flow_own_add(&here, &a); /* an address of this machine that the peer cannot know */
	sink_record(&sink, SYNC_UPDATE, &f);
	sink_flush(&sink);
	flow_own_clear(&here);
	assert_int_equal(sink.trouble.unknown, 1);
	assert_int_equal(sink.trouble.failed, 0);
}

/* What the kernel refuses is named. */
static void
failures_are_told(void **state)
{
	struct flow f = client(IPPROTO_TCP, 12, 1025);
	int fd = sink.batch.fd;

	need_namespace();
	sink.batch.fd = -1;
	sink_record(&sink, SYNC_NEW, &f);
	sink_record(&sink, SYNC_UPDATE, &f);
	sink_flush(&sink);
	sink.batch.fd = fd;
	assert_int_equal(sink.trouble.failed, 2);
	assert_int_equal(sink.trouble.full, 0);
	assert_int_equal(sink.trouble.error, -EBADF);
}

static void
a_missing_helper_is_left_out(void **state)
{
	struct flow f = client(IPPROTO_TCP, 10, 1025), got;

	need_namespace();
	f.has |= FLOW_HELPER;
	strcpy(f.helper, "no-such-helper");
	sink_record(&sink, SYNC_NEW, &f);
	sink_flush(&sink);
	got = kernel_has(&f);
	assert_false(got.has & FLOW_HELPER);
	assert_int_equal(sink.count.failed, 0);
	forget(&f);
}

/* What a helper announced has a master, and what becomes of it arrives. */
static void
a_related_flow_lives_on(void **state)
{
	struct flow master = client(IPPROTO_TCP, 13, 1025), f = client(IPPROTO_TCP, 14, 1026), got;

	need_namespace();
	f.status = 0;
	f.has |= FLOW_MASTER;
	f.master = master.orig;
	f.master_proto = IPPROTO_TCP;
	sink_record(&sink, SYNC_NEW, &f); /* before its master: better without than not at all */
	sink_flush(&sink);
	got = kernel_has(&f);
	assert_false(got.has & FLOW_MASTER);
	sink_record(&sink, SYNC_NEW, &master);
	sink_record(&sink, SYNC_NEW, &f);
	sink_flush(&sink);
	got = kernel_has(&f);
	assert_true(got.has & FLOW_MASTER);
	assert_memory_equal(&got.master, &master.orig, sizeof(master.orig));
	f.has &= ~(uint32_t)FLOW_MASTER;
	f.status = FLOW_SEEN_REPLY | FLOW_ASSURED;
	sink_record(&sink, SYNC_UPDATE, &f);
	sink_flush(&sink);
	got = kernel_has(&f);
	assert_int_equal(got.status, f.status);
	assert_true(got.has & FLOW_MASTER);
	assert_int_equal(sink.count.failed, 0);
	forget(&f);
	forget(&master);
}

/* Thousands of random flows, each told twice; what the kernel takes it takes as told. */
static void
random_flows(void **state)
{
	struct prng p = {9};
	unsigned there = 0;

	need_namespace();
	for (unsigned i = 0; i < 3000; i++) {
		struct flow f = gen_flow(&p), got;

		f.has &= ~(uint32_t)(FLOW_HELPER | FLOW_LABELS);
		f.orig.src[3] = (uint8_t)i; /* mostly different ones */
		flow_invert(f.family, f.proto, &f.orig, &f.reply);
		if (f.has & FLOW_TCP && f.tcp.state == 0)
			f.tcp.state = 1;
		sink_record(&sink, SYNC_NEW, &f);
		sink_record(&sink, SYNC_NEW, &f);
		if (i % 100 == 0)
			sink_flush(&sink);
		if (i % 50 == 0 && !f.zone) {
			sink_flush(&sink);
			got = kernel_has(&f);
			assert_int_equal(got.tcp.state, f.tcp.state);
			there++;
		}
	}
	sink_flush(&sink);
	assert_true(there > 30);
	print_message("inserted %lu, replaced %lu, conflicts %lu, failed %lu\n",
		(unsigned long)sink.count.inserted, (unsigned long)sink.count.replaced,
		(unsigned long)sink.count.conflicts, (unsigned long)sink.count.failed);
	assert_true(sink.count.failed < 30);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_life, empty_table),
		cmocka_unit_test_setup(new_replaces, empty_table),
		cmocka_unit_test_setup(a_repair_touches_only_what_is_wrong, empty_table),
		cmocka_unit_test_setup(the_peer_wins_a_taken_tuple, empty_table),
		cmocka_unit_test_setup(several_words_in_one_batch, empty_table),
		cmocka_unit_test_setup(the_senior_believes_itself, empty_table),
		cmocka_unit_test_setup(status_is_never_taken_away, empty_table),
		cmocka_unit_test_setup(an_update_may_find_nothing, empty_table),
		cmocka_unit_test_setup(failures_are_told, empty_table),
		cmocka_unit_test_setup(a_missing_helper_is_left_out, empty_table),
		cmocka_unit_test_setup(a_related_flow_lives_on, empty_table),
		cmocka_unit_test_setup(random_flows, empty_table),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
