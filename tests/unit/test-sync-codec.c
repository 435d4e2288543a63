/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flows to bytes and back: every random flow survives, sizes are what is promised, junk is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "core/sync/except.h"
#include "sync-gen.h"

#define BATCH 1441

/* What a record of this kind keeps of a flow. */
static struct flow
kept(enum sync_kind kind, const struct flow *f)
{
	struct flow k = *f;

	if (kind == SYNC_NEW && !k.mark)
		k.has &= ~(uint32_t)FLOW_MARK;
	if (!(k.has & FLOW_STATUS))
		k.status = 0;
	if (kind == SYNC_NEW)
		return k;
	k.has &= ~(uint32_t)FLOW_REPLY;
	memset(&k.reply, 0, sizeof(k.reply));
	k.has &= ~(uint32_t)FLOW_MASTER;
	k.master_proto = 0;
	memset(&k.master, 0, sizeof(k.master));
	if (kind == SYNC_UPDATE)
		return k;
	memset(&k, 0, sizeof(k));
	k.family = f->family;
	k.proto = f->proto;
	k.zone = f->zone;
	k.zone_dir = f->zone_dir;
	k.orig = f->orig;
	return k;
}

static void
assert_same(const struct flow *a, const struct flow *b)
{
	assert_int_equal(a->family, b->family);
	assert_int_equal(a->proto, b->proto);
	assert_int_equal(a->has, b->has);
	assert_int_equal(a->zone, b->zone);
	assert_int_equal(a->zone_dir, b->zone_dir);
	assert_memory_equal(&a->orig, &b->orig, sizeof(a->orig));
	assert_memory_equal(&a->reply, &b->reply, sizeof(a->reply));
	assert_int_equal(a->status, b->status);
	assert_int_equal(a->timeout_s, b->timeout_s);
	assert_int_equal(a->mark, b->mark);
	assert_memory_equal(&a->tcp, &b->tcp, sizeof(a->tcp));
	assert_int_equal(a->sctp.state, b->sctp.state);
	assert_memory_equal(a->sctp.vtag, b->sctp.vtag, sizeof(a->sctp.vtag));
	assert_memory_equal(a->adjust, b->adjust, sizeof(a->adjust));
	assert_memory_equal(a->labels, b->labels, sizeof(a->labels));
	assert_string_equal(a->helper, b->helper);
	assert_int_equal(a->master_proto, b->master_proto);
	assert_memory_equal(&a->master, &b->master, sizeof(a->master));
}

static void
random_flows_survive(void **state)
{
	static struct flow put[BATCH];
	static enum sync_kind kind[BATCH];

	for (unsigned seed = 1; seed <= 3000; seed++) {
		struct prng p = {seed};
		uint8_t buf[BATCH];
		struct sync_encoder e;
		struct sync_decoder d;
		struct sync_record rec;
		unsigned n = 0;

		sync_encode_begin(&e, buf, (size_t)prng_range(&p, 200, BATCH));
		for (;;) {
			put[n] = gen_flow(&p);
			kind[n] = (enum sync_kind)prng_range(&p, SYNC_NEW, SYNC_DESTROY);
			if (sync_encode_flow(&e, kind[n], &put[n]) != SYNC_ENCODED)
				break;
			n++;
		}
		assert_int_equal(e.n, n);
		sync_decode_begin(&d, buf, sync_encode_len(&e));
		for (unsigned i = 0; i < n; i++) {
			struct flow want = kept(kind[i], &put[i]);

			assert_int_equal(sync_decode_next(&d, &rec), SYNC_OK);
			assert_int_equal(rec.kind, kind[i]);
			assert_same(&want, &rec.flow);
		}
		assert_int_equal(sync_decode_next(&d, &rec), SYNC_END);
	}
}

static void
controls_survive(void **state)
{
	const struct sync_record put[] = {
		{.control = {.type = SYNC_BULK_REQUEST, .id = 7}},
		{.control = {.type = SYNC_BULK_BEGIN, .id = 8, .count = 1000000}},
		{.control = {.type = SYNC_BULK_END, .id = 8, .count = 999999}},
		{.control = {.type = SYNC_BULK_DONE, .id = UINT32_MAX}},
		{.control = {.type = SYNC_TERM, .term = UINT64_MAX - 1}},
		{.control = {.type = SYNC_INCOMPLETE}},
		{.control = {.type = SYNC_BULK_BEGIN, .id = 9, .count = 5, .partial = true}},
		{.control = {.type = SYNC_SCAN, .id = 3, .log2 = 18, .key = UINT64_MAX - 2}},
		{.control = {.type = SYNC_SUMS, .id = 3, .page = 8191}, .bytes = {1, 2, [127] = 3}},
		{.control = {.type = SYNC_BUCKETS, .page = 255}, .bytes = {[0] = 9, [127] = 7}},
		{.control = {.type = SYNC_VERDICT, .id = 3, .count = 12, .unsettled = 99}},
		{.control = {.type = SYNC_OWN, .id = 0, .count = 0}},
		{.control = {.type = SYNC_OWN, .id = 7, .count = 7}, .bytes = {4, [118] = 8}},
	};
	struct sync_record rec;
	struct sync_encoder e;
	struct sync_decoder d;
	uint8_t buf[600];

	sync_encode_begin(&e, buf, sizeof(buf));
	for (size_t i = 0; i < sizeof(put) / sizeof(put[0]); i++)
		assert_int_equal(sync_encode_control(&e, &put[i]), SYNC_ENCODED);
	sync_decode_begin(&d, buf, sync_encode_len(&e));
	for (size_t i = 0; i < sizeof(put) / sizeof(put[0]); i++) {
		assert_int_equal(sync_decode_next(&d, &rec), SYNC_OK);
		assert_int_equal(rec.control.type, put[i].control.type);
		assert_true(rec.control.id == put[i].control.id);
		assert_true(rec.control.count == put[i].control.count);
		assert_true(rec.control.term == put[i].control.term);
		assert_true(rec.control.key == put[i].control.key);
		assert_true(rec.control.unsettled == put[i].control.unsettled);
		assert_int_equal(rec.control.page, put[i].control.page);
		assert_int_equal(rec.control.log2, put[i].control.log2);
		assert_int_equal(rec.control.partial, put[i].control.partial);
		assert_memory_equal(rec.bytes, put[i].bytes, sizeof(rec.bytes));
	}
	assert_int_equal(sync_decode_next(&d, &rec), SYNC_END);
}

/* A TCP flow of client i to server i through source translation, as the kernel reports it first. */
static struct flow
tcp_nat(uint32_t i, bool spread)
{
	struct flow f;

	memset(&f, 0, sizeof(f));
	f.family = 4;
	f.proto = IPPROTO_TCP;
	memcpy(f.orig.src, (uint8_t[]){10, 1, spread ? (uint8_t)(i * 7) : 0, (uint8_t)(i * 13)}, 4);
	memcpy(f.orig.dst,
		(uint8_t[]){(uint8_t)(1 + i * 37 % 200), (uint8_t)(i * 91), (uint8_t)(i * 3), 9},
		4);
	f.orig.sport = (uint16_t)(32768 + i * 101);
	f.orig.dport = 443;
	flow_invert(4, IPPROTO_TCP, &f.orig, &f.reply);
	memcpy(f.reply.dst, (uint8_t[]){203, 0, 113, 1}, 4);
	f.has = FLOW_REPLY | FLOW_TCP | FLOW_STATUS;
	f.tcp.state = 1;
	f.tcp.flags[0] = 3;
	f.tcp.scale[0] = 7;
	return f;
}

/*
 * The promise: at most 48 bytes on the link for one more TCP connection with translation, all the
 * way to ESTABLISHED (three events), frame overheads included, with a server never seen before.
 */
static void
size_of_a_connection(void **state)
{
	for (unsigned spread = 0; spread < 2; spread++) {
		size_t bytes = 0, flows = 0;
		uint8_t buf[BATCH];
		struct sync_encoder e;

		sync_encode_begin(&e, buf, sizeof(buf));
		for (uint32_t i = 0;; i++) {
			struct flow f = tcp_nat(i, spread);

			if (sync_encode_flow(&e, SYNC_NEW, &f) != SYNC_ENCODED)
				break;
			f.tcp.state = 2;
			f.tcp.flags[1] = 3;
			f.tcp.scale[1] = 7;
			f.status = FLOW_SEEN_REPLY;
			if (sync_encode_flow(&e, SYNC_UPDATE, &f) != SYNC_ENCODED)
				break;
			f.tcp.state = 3;
			f.status |= FLOW_ASSURED;
			if (sync_encode_flow(&e, SYNC_UPDATE, &f) != SYNC_ENCODED)
				break;
			flows++;
			bytes = sync_encode_len(&e);
		}
		/* Ethernet header, clear header, seal, stream header */
		bytes += 14 + 30 + 16 + 13;
		print_message("%s clients: %.1f bytes a connection\n", spread ? "spread" : "near",
			(double)bytes / (double)flows);
		assert_true(bytes <= 48 * flows);
	}
}

static void
cut_batches_are_refused(void **state)
{
	struct prng p = {42};
	uint8_t buf[BATCH];
	struct sync_encoder e;
	struct sync_decoder d;
	struct sync_record rec;
	size_t len;

	sync_encode_begin(&e, buf, sizeof(buf));
	for (unsigned i = 0; i < 5; i++) {
		struct flow f = gen_flow(&p);

		sync_encode_flow(&e, SYNC_NEW, &f);
	}
	len = sync_encode_len(&e);
	for (size_t cut = 0; cut < len; cut++) {
		enum sync_reject r;
		unsigned n = 0;

		sync_decode_begin(&d, buf, cut);
		while ((r = sync_decode_next(&d, &rec)) == SYNC_OK)
			n++;
		assert_true(n < 5);
		assert_int_not_equal(r, SYNC_OK);
	}
}

static void
junk_is_refused_by_name(void **state)
{
	static const struct {
		enum sync_reject why;
		uint8_t len, b[16];
	} table[] = {
		{SYNC_REJECT_KIND, 1, {0x00}},
		{SYNC_REJECT_KIND, 9, {_SYNC_CONTROL_MAX}},
		{SYNC_REJECT_SHORT, 3, {0x01, 0, 0}},
		{SYNC_REJECT_CODE, 10, {0x40, 0x10}},               /* address 1 of none */
		{SYNC_REJECT_CODE, 10, {0x40, 0xf0}},               /* tail of none */
		{SYNC_REJECT_PROTO, 10, {0x40 | 7 << 2, 0, 0, 33}}, /* DCCP */
		{SYNC_REJECT_PROTO, 10, {0x40 | 5 << 2, 0, 0}},     /* no such class */
		{SYNC_REJECT_PROTO, 12,
			{0xc0 | 2 << 2, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 5}}, /* redirect */
		{SYNC_REJECT_KIND, 12, {0xc0, 0, 0x04}}, /* DESTROY with status */
		{SYNC_REJECT_KIND, 12, {0x82, 0, 0x00}}, /* UPDATE with translation */
		{SYNC_REJECT_VALUE, 12,
			{SYNC_BULK_BEGIN, 0, 0, 0, 1, 0, 0, 0, 1, 2}}, /* BEGIN: half partial */
		{SYNC_REJECT_VALUE, 14,
			{SYNC_SCAN, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 7}}, /* few buckets */
		{SYNC_REJECT_VALUE, 14,
			{SYNC_SCAN, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 19}}, /* many */
		{SYNC_REJECT_VALUE, 12, {SYNC_SUMS, 0, 0, 0, 1, 0x20, 0}}, /* beyond all buckets */
		{SYNC_REJECT_VALUE, 12, {SYNC_BUCKETS, 1, 0}},             /* likewise */
		{SYNC_REJECT_VALUE, 12, {SYNC_OWN, 0, 0, 0, 0, 8}},        /* too many in one */
		{SYNC_REJECT_SHORT, 8, {SYNC_SUMS, 0, 0, 0, 1, 0, 0}},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint8_t buf[40] = {0};
		struct sync_decoder d;
		struct sync_record rec;
		enum sync_reject r;

		memcpy(buf, table[i].b, sizeof(table[i].b));
		sync_decode_begin(&d, buf, table[i].why == SYNC_REJECT_SHORT ? table[i].len : 40);
		r = sync_decode_next(&d, &rec);
		if (r != table[i].why)
			fail_msg("row %zu: %s instead of %s", i, sync_reject_name(r),
				sync_reject_name(table[i].why));
		assert_int_not_equal(sync_decode_next(&d, &rec), SYNC_OK);
	}
}

static void
local_flows(void **state)
{
	static const struct {
		const char *src, *dst, *reply_src, *reply_dst;
		bool local;
	} table[] = {
		{"10.1.0.5", "192.0.2.1", "192.0.2.1", "203.0.113.1",
			false}, /* through translation */
		{"10.1.0.5", "203.0.113.1", "203.0.113.1", "10.1.0.5", true},   /* to the node */
		{"203.0.113.1", "192.0.2.1", "192.0.2.1", "203.0.113.1", true}, /* from the node */
		{"192.0.2.9", "203.0.113.1", "10.1.0.80", "192.0.2.9",
			false}, /* published server */
		{"192.0.2.9", "198.51.100.7", "203.0.113.1", "192.0.2.9",
			true}, /* redirected to the node */
		{"127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1", true},
		{"10.1.0.5", "224.0.0.251", "224.0.0.251", "10.1.0.5", true},
		{"fe80::1", "2001:db8::1", "2001:db8::1", "fe80::1", true},
		{"2001:db8::5", "2001:db8::1", "2001:db8::1", "2001:db8::5", false},
		{"2001:db8::5", "2001:db8::ff", "2001:db8::ff", "2001:db8::5", true},
	};
	static struct flow_own own;
	struct ip_addr a;

	flow_own_clear(&own);
	assert_true(ip_parse("203.0.113.1", 11, &a) && flow_own_add(&own, &a));
	assert_true(ip_parse("2001:db8::ff", 12, &a) && flow_own_add(&own, &a));
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const char *text[] = {
			table[i].src, table[i].dst, table[i].reply_src, table[i].reply_dst};
		struct flow f = {.proto = IPPROTO_UDP, .has = FLOW_REPLY};
		uint8_t *to[] = {f.orig.src, f.orig.dst, f.reply.src, f.reply.dst};

		for (unsigned j = 0; j < 4; j++) {
			assert_true(ip_parse(text[j], strlen(text[j]), &a));
			memcpy(to[j], a.b, 16);
		}
		f.family = a.family;
		if (flow_is_local(&f, &own) != table[i].local)
			fail_msg("row %zu", i);
	}
}

static void
translation_is_seen(void **state)
{
	struct flow f = {.family = 4, .proto = IPPROTO_ICMP, .has = FLOW_REPLY};

	f.orig = (struct flow_tuple){.src = {1}, .dst = {2}, .sport = 77, .dport = 8 << 8};
	assert_true(flow_invert(4, IPPROTO_ICMP, &f.orig, &f.reply));
	assert_int_equal(f.reply.dport, 0);
	assert_int_equal(flow_nat(&f), 0);
	f.reply.sport = 78;
	assert_int_equal(flow_nat(&f), FLOW_SNAT);
	f.orig.dport = 3 << 8;
	assert_false(flow_invert(4, IPPROTO_ICMP, &f.orig, &f.reply));
	f = tcp_nat(1, false);
	assert_int_equal(flow_nat(&f), FLOW_SNAT);
	f.reply.sport = 8443;
	assert_int_equal(flow_nat(&f), FLOW_SNAT | FLOW_DNAT);
}

/* What the configuration leaves out: by either end, before and after translation, or by service. */
static void
exceptions(void **state)
{
	struct sync_except x = {.n_nets = 1,
		.nets = {{{.family = 4, .b = {10, 9, 0, 0}},
			{.family = 4, .b = {10, 9, 255, 255}}}},
		.n_services = 2,
		.services = {{IPPROTO_UDP, 53, 53}, {IPPROTO_ICMP, 8 << 8, 8 << 8 | 255}}};
	static const struct sync_except none;
	struct flow f = {.family = 4, .proto = IPPROTO_TCP, .has = FLOW_REPLY};
	const uint8_t in[4] = {10, 9, 3, 4}, out[4] = {10, 8, 0, 1};
	struct {
		const uint8_t *src, *dst, *server;
		bool is;
	} rows[] = {{out, out, out, false}, {in, out, out, true}, {out, in, out, true},
		{out, out, in, true}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memcpy(f.orig.src, rows[i].src, 4);
		memcpy(f.orig.dst, rows[i].dst, 4);
		memcpy(f.reply.src, rows[i].server, 4);
		assert_int_equal(flow_is_excepted(&f, &x), rows[i].is);
		assert_false(flow_is_excepted(&f, &none));
	}
	memcpy(f.reply.src, out, 4);
	f.orig.dport = 53;
	assert_false(flow_is_excepted(&f, &x)); /* TCP */
	f.proto = IPPROTO_UDP;
	assert_true(flow_is_excepted(&f, &x));
	f.orig.dport = 54;
	assert_false(flow_is_excepted(&f, &x));
	f.proto = IPPROTO_ICMP;
	f.orig.dport = 8 << 8;
	assert_true(flow_is_excepted(&f, &x));
	f.orig.dport = 13 << 8;
	assert_false(flow_is_excepted(&f, &x));
	f.family = 6; /* the same bytes are another address */
	f.proto = IPPROTO_TCP;
	memcpy(f.orig.src, in, 4);
	assert_false(flow_is_excepted(&f, &x));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exceptions),
		cmocka_unit_test(random_flows_survive),
		cmocka_unit_test(controls_survive),
		cmocka_unit_test(size_of_a_connection),
		cmocka_unit_test(cut_batches_are_refused),
		cmocka_unit_test(junk_is_refused_by_name),
		cmocka_unit_test(local_flows),
		cmocka_unit_test(translation_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
