/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LinkMonitor: when hosts are asked and lost; the bytes of questions and answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "core/quality/monitor.h"
#include "sys/reach_frame.h"

#define MS(n) ((struct instant){(n)*NS_PER_MS})

/* A monitor and a world in which its hosts answer after rtt_ms, as long as they are there. */
struct world {
	struct probe_monitor conf;
	struct monitor m;
	int64_t now_ms;
	int64_t rtt_ms[MONITOR_HOSTS_MAX];
	int64_t gone_ms[MONITOR_HOSTS_MAX], back_ms[MONITOR_HOSTS_MAX]; /* away in [gone, back) */
	struct {
		unsigned host;
		uint32_t seq;
		int64_t at_ms;
	} way[4096]; /* answers under way */
	unsigned n_way, asked[MONITOR_HOSTS_MAX];
	int64_t lost_ms, well_ms; /* when the monitor changed last */
	unsigned unanswered;      /* by the first host, when it was lost */
	bool lost;
};

static struct world w;

static void
setup(unsigned hosts, unsigned max_loss, unsigned ping_ms, unsigned grace_ms)
{
	memset(&w, 0, sizeof(w));
	w.conf = (struct probe_monitor){.max_loss = (uint16_t)max_loss,
		.ping_ms = ping_ms,
		.grace_ms = grace_ms,
		.n_hosts = (uint8_t)hosts};
	w.now_ms = 1000;
	monitor_init(&w.m, &w.conf, MS(w.now_ms));
	for (unsigned i = 0; i < hosts; i++) {
		w.rtt_ms[i] = 1;
		w.gone_ms[i] = w.back_ms[i] = INT64_MAX;
		monitor_set_way(&w.m, i, true, true, MS(w.now_ms));
	}
}

static bool
there(unsigned host, int64_t at_ms)
{
	return at_ms < w.gone_ms[host] || at_ms >= w.back_ms[host];
}

static void
step(void)
{
	bool lost;

	for (unsigned i = 0; i < w.n_way;) {
		if (w.way[i].at_ms > w.now_ms) {
			i++;
			continue;
		}
		if (there(w.way[i].host, w.way[i].at_ms))
			monitor_answered(&w.m, w.way[i].host, w.way[i].seq, MS(w.now_ms));
		w.way[i] = w.way[--w.n_way];
	}
	monitor_judge(&w.m, MS(w.now_ms));
	for (unsigned h = 0; h < w.conf.n_hosts; h++) {
		if (!monitor_is_due(&w.m, h, MS(w.now_ms)))
			continue;
		w.asked[h]++;
		assert_true(w.n_way < 4096);
		w.way[w.n_way].host = h;
		w.way[w.n_way].seq = monitor_asked(&w.m, h, MS(w.now_ms));
		w.way[w.n_way++].at_ms = there(h, w.now_ms) ? w.now_ms + w.rtt_ms[h] : INT64_MAX;
	}
	lost = monitor_is_lost(&w.m, MS(w.now_ms));
	if (lost != w.lost)
		*(lost ? &w.lost_ms : &w.well_ms) = w.now_ms;
	if (lost && !w.lost)
		w.unanswered = w.m.hosts[0].unanswered;
	w.lost = lost;
	assert_true(monitor_deadline(&w.m, MS(w.now_ms)).ns > MS(w.now_ms).ns);
}

/* Until t; every millisecond, so that a wrong deadline cannot hide. */
static void
run(int64_t until_ms)
{
	for (; w.now_ms < until_ms; w.now_ms++)
		step();
}

/* However the loss falls between two probes: MaxLoss · PingInterval, and not before it could be. */
static void
test_time_to_loss(void **state)
{
	static const struct {
		unsigned max_loss, ping_ms;
	} rows[] = {{7, 250}, {1, 250}, {2, 250}, {3, 50}, {100, 50}, {5, 1000}, {1, 60000}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t limit = (int64_t)rows[i].max_loss * rows[i].ping_ms;

		for (int64_t at = 0; at < rows[i].ping_ms; at += rows[i].ping_ms / 10 + 1) {
			int64_t start = 1000 + 3 * rows[i].ping_ms + at;

			setup(1, rows[i].max_loss, rows[i].ping_ms, 0);
			w.gone_ms[0] = start;
			run(start + limit + 12);
			if (!w.lost)
				fail_msg("row %zu, %lld ms behind a probe", i, (long long)at);
			assert_in_range(w.lost_ms - start, 0, limit + 10);
			assert_int_equal(w.unanswered, rows[i].max_loss); /* not one less */
		}
	}
}

static void
test_one_answer_brings_it_back(void **state)
{
	setup(1, 7, 250, 0);
	w.gone_ms[0] = 3000;
	w.back_ms[0] = 20000;
	run(20300);
	assert_false(w.lost);
	assert_in_range(w.well_ms, 20000, 20252);
	assert_int_equal(w.m.hosts[0].rtt_us, 1000);
	/* while it was lost it was asked no more often than every PingInterval */
	assert_in_range(w.asked[0], 70, 80);
}

static void
test_fewer_losses_are_none(void **state)
{
	setup(1, 7, 250, 0);
	w.gone_ms[0] = 3000;
	w.back_ms[0] = 4400; /* six probes are in vain */
	run(8000);
	assert_int_equal(w.lost_ms, 0);
}

/* Longer than the interval, but shorter than all of them: late answers are answers. */
static void
test_slow_answers(void **state)
{
	setup(1, 7, 250, 0);
	w.rtt_ms[0] = 900;
	run(20000);
	assert_int_equal(w.lost_ms, 0);
	assert_true(w.m.hosts[0].seen);
	w.gone_ms[0] = w.now_ms;
	run(w.now_ms + 7 * 250 + 10);
	assert_true(w.lost);
}

static void
test_host_that_never_was_there(void **state)
{
	setup(1, 7, 250, 0);
	w.gone_ms[0] = 0;
	w.back_ms[0] = 60000;
	run(60000);
	assert_false(w.lost);
	assert_int_equal(w.lost_ms, 0);
	w.gone_ms[0] = 62000;
	w.back_ms[0] = INT64_MAX;
	run(65000);
	assert_true(w.lost);
}

/* Half of the counting ones is not more than half; who never answered is not among them. */
static void
test_majority(void **state)
{
	static const struct {
		unsigned hosts, silent, gone;
		bool lost;
	} rows[] = {{1, 0, 1, true}, {2, 0, 1, false}, {2, 0, 2, true}, {3, 0, 1, false},
		{3, 0, 2, true}, {4, 0, 2, false}, {4, 0, 3, true}, {4, 2, 1, false},
		{4, 2, 2, true}, {4, 3, 1, true}, {16, 0, 8, false}, {16, 0, 9, true},
		{16, 16, 0, false}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		setup(rows[i].hosts, 3, 100, 0);
		for (unsigned h = 0; h < rows[i].silent; h++)
			w.gone_ms[h] = 0;
		for (unsigned h = rows[i].silent; h < rows[i].silent + rows[i].gone; h++)
			w.gone_ms[h] = 2000;
		run(4000);
		if (w.lost != rows[i].lost)
			fail_msg("row %zu", i);
	}
}

static void
test_grace(void **state)
{
	setup(1, 7, 250, 45000);
	w.gone_ms[0] = 2000;
	run(45999);
	assert_false(w.lost);
	assert_true(w.m.hosts[0].lost); /* it is noted … */
	run(46010);
	assert_true(w.lost); /* … and counts afterwards */
	assert_in_range(w.lost_ms, 46000, 46001);
}

/* No address to ask from: unknown is not lost. With a new way everything has its time again. */
static void
test_ways(void **state)
{
	setup(1, 4, 100, 0);
	run(2000);
	w.gone_ms[0] = 2000;
	run(2500);
	assert_true(w.lost);
	monitor_set_way(&w.m, 0, false, false, MS(w.now_ms));
	assert_true(monitor_is_blind(&w.m));
	assert_false(monitor_is_lost(&w.m, MS(w.now_ms)));
	assert_true(monitor_deadline(&w.m, MS(w.now_ms)).ns == INT64_MAX);
	monitor_set_way(&w.m, 0, true, true, MS(w.now_ms));
	assert_false(monitor_is_lost(&w.m, MS(w.now_ms)));
	run(w.now_ms + 4 * 100 + 110);
	assert_true(w.lost);
	/* another device, and what was lost is still lost until somebody answers */
	monitor_set_way(&w.m, 0, true, true, MS(w.now_ms));
	assert_true(monitor_is_lost(&w.m, MS(w.now_ms)));
	monitor_set_way(&w.m, 0, true, false, MS(w.now_ms));
	/* an answer to what was asked before the change does not count */
	assert_false(monitor_answered(&w.m, 0, w.m.hosts[0].seq, MS(w.now_ms)));
	w.gone_ms[0] = INT64_MAX;
	run(w.now_ms + 210);
	assert_false(w.lost);
}

static void
test_forged_numbers(void **state)
{
	struct instant now;

	setup(1, 7, 250, 0);
	run(3000);
	now = MS(w.now_ms);
	assert_false(monitor_answered(&w.m, 0, w.m.hosts[0].seq + 1, now));
	assert_false(monitor_answered(&w.m, 0, UINT32_MAX, now));
	assert_false(monitor_answered(&w.m, 0, 0, now));
	assert_false(monitor_answered(&w.m, 0, w.m.hosts[0].answered, now));
	for (unsigned i = 0; i < MONITOR_RING + 2; i++)
		monitor_asked(&w.m, 0, now);
	assert_false(monitor_answered(&w.m, 0, w.m.hosts[0].seq - MONITOR_RING, now));
	assert_true(monitor_answered(&w.m, 0, w.m.hosts[0].seq - MONITOR_RING + 1, now));
}

static void
test_restored(void **state)
{
	setup(2, 7, 250, 0);
	memset(&w.m.hosts, 0, sizeof(w.m.hosts));
	monitor_restore(&w.m, 0, true, true);
	monitor_restore(&w.m, 1, false, true);
	monitor_set_way(&w.m, 0, true, true, MS(1000));
	monitor_set_way(&w.m, 1, true, true, MS(1000));
	assert_true(monitor_is_lost(&w.m, MS(1000))); /* a restart makes nobody well */
	run(1300);
	assert_false(w.lost);
}

static const uint8_t mac[6] = {6, 0, 0, 0, 10, 1};

static void
test_arp(void **state)
{
	struct ip_addr none = {0}, me = {.family = 4, .b = {10, 1, 0, 2}};
	struct ip_addr host = {.family = 4, .b = {10, 1, 0, 10}}, from;
	uint8_t f[REACH_FRAME_MAX], dest[6];

	assert_int_equal(reach_build_arp(mac, &none, &host, f), 28);
	assert_memory_equal(f,
		"\x00\x01\x08\x00\x06\x04\x00\x01\x06\x00\x00\x00\x0a\x01\x00\x00\x00\x00"
		"\x00\x00\x00\x00\x00\x00\x0a\x01\x00\x0a",
		28);
	assert_int_equal(reach_build_arp(mac, &me, &host, f), 28);
	assert_memory_equal(f + 14, me.b, 4);
	reach_link_dest(&host, dest);
	assert_memory_equal(dest, "\xff\xff\xff\xff\xff\xff", 6);
	assert_false(reach_parse_arp(f, 28, mac, &from)); /* a question */
	f[7] = 2;
	memcpy(f + 14, host.b, 4);
	memcpy(f + 18, mac, 6);
	assert_true(reach_parse_arp(f, 46, mac, &from) && ip_equal(&from, &host));
	assert_false(reach_parse_arp(f, 27, mac, &from));
	f[18] ^= 1; /* to somebody else */
	assert_false(reach_parse_arp(f, 28, mac, &from));
}

static uint32_t
sum16(const uint8_t *p, size_t len, uint32_t sum)
{
	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void
test_nd(void **state)
{
	struct ip_addr none = {0}, host = {.family = 6, .b = {0xfd, 1, [14] = 1, 0x10}}, from;
	uint8_t f[REACH_FRAME_MAX], dest[6];
	uint32_t sum;

	assert_int_equal(reach_build_ns(mac, &none, &host, f), 72);
	assert_memory_equal(f + 8, "\xfe\x80\0\0\0\0\0\0\x04\0\0\xff\xfe\0\x0a\x01", 16);
	assert_memory_equal(f + 24, "\xff\x02\0\0\0\0\0\0\0\0\0\x01\xff\0\x01\x10", 16);
	assert_int_equal(sum16(f + 8, 64, 32 + 58), 0xffff);
	reach_link_dest(&host, dest);
	assert_memory_equal(dest, "\x33\x33\xff\x00\x01\x10", 6);
	assert_false(reach_parse_na(f, 72, &from));
	f[40] = 136;
	f[42] = f[43] = 0;
	sum = ~sum16(f + 8, 64, 32 + 58);
	f[42] = (uint8_t)(sum >> 8);
	f[43] = (uint8_t)sum;
	assert_true(reach_parse_na(f, 72, &from) && ip_equal(&from, &host));
	assert_true(reach_parse_na(f, 80, &from)); /* padding behind it */
	assert_false(reach_parse_na(f, 71, &from));
	f[7] = 254; /* came over a router */
	assert_false(reach_parse_na(f, 72, &from));
	f[7] = 255;
	f[50] ^= 1; /* the checksum is wrong */
	assert_false(reach_parse_na(f, 72, &from));
}

static void
test_echo(void **state)
{
	struct reach_token in = {.cookie = {1, 2, 3, 4, 5, 6, 7, 8},
				   .monitor = 63,
				   .host = 15,
				   .seq = 0x12345678},
			   out;
	uint8_t f[REACH_FRAME_MAX], packet[REACH_FRAME_MAX + 20] = {0x45};
	size_t len = reach_build_echo(4, 0xbeef, &in, f);

	assert_int_equal(len, 24);
	assert_memory_equal(f, "\x08\x00", 2);
	assert_memory_equal(f + 4, "\xbe\xef\x56\x78", 4);
	assert_int_equal(sum16(f, len, 0), 0xffff);
	f[0] = 0;
	memcpy(packet + 20, f, len);
	assert_true(reach_parse_echo(4, packet, 20 + len, 0xbeef, &out));
	assert_memory_equal(&in, &out, sizeof(in));
	assert_false(reach_parse_echo(4, packet, 20 + len, 0xbeee, &out));
	assert_false(reach_parse_echo(4, packet, 19 + len, 0xbeef, &out));
	packet[0] = 0x4f; /* options up to the end of the world */
	assert_false(reach_parse_echo(4, packet, 20 + len, 0xbeef, &out));
	len = reach_build_echo(6, 0xbeef, &in, f);
	assert_int_equal(f[0], 128);
	f[0] = 129;
	assert_true(reach_parse_echo(6, f, len, 0xbeef, &out) && out.seq == in.seq);
	assert_false(reach_parse_echo(6, f, len - 1, 0xbeef, &out));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_time_to_loss),
		cmocka_unit_test(test_one_answer_brings_it_back),
		cmocka_unit_test(test_fewer_losses_are_none),
		cmocka_unit_test(test_slow_answers),
		cmocka_unit_test(test_host_that_never_was_there),
		cmocka_unit_test(test_majority),
		cmocka_unit_test(test_grace),
		cmocka_unit_test(test_ways),
		cmocka_unit_test(test_forged_numbers),
		cmocka_unit_test(test_restored),
		cmocka_unit_test(test_arp),
		cmocka_unit_test(test_nd),
		cmocka_unit_test(test_echo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
