/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is carried beside flows: its bytes, the table of neighbours, and both against the real
 * kernel in a network namespace of this process's own (made with ip and nft).
 */
#include <errno.h>
#include <linux/netlink.h>
#include <linux/neighbour.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include "core/sync/neighbour.h"
#include "core/sync/stream.h"
#include "sys/neighsync.h"
#include "sys/nftsets.h"

static bool have_namespace;

static int
enter_namespace(void **state)
{
	have_namespace = unshare(CLONE_NEWNET) == 0 && system("nft list tables >/dev/null") == 0;
	return 0;
}

#define need_namespace()                                                                           \
	do {                                                                                       \
		if (!have_namespace)                                                               \
			skip();                                                                    \
	} while (0)

static struct ip_addr
address(const char *text)
{
	struct ip_addr a;

	assert_true(ip_parse(text, strlen(text), &a));
	return a;
}

static struct side_neigh
neighbour(const char *text, uint8_t last)
{
	return (struct side_neigh){
		.iface = "lan", .addr = address(text), .mac = {6, 0, 0, 0, 0, last}};
}

static struct side_elem
element(uint32_t n)
{
	struct side_elem e = {.set = 77, .timeout_ms = 600000, .left_ms = 300000, .key_len = 4};

	memcpy(e.key, &n, 4);
	return e;
}

/* The encoder writes what the decoder reads; any cut or longer record is refused. */
static void
check_round(const struct side_record *rec)
{
	uint8_t buf[SIDE_MAX + 1] = {0}, again[SIDE_MAX];
	struct side_record twin;
	size_t len = side_encode(rec, buf);

	assert_in_range(len, 1, SIDE_MAX);
	assert_int_equal(side_decode(buf, len, &twin), SIDE_OK);
	assert_int_equal(side_encode(&twin, again), len);
	assert_memory_equal(buf, again, len);
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(side_decode(buf, cut, &twin), SIDE_REJECT);
	assert_int_equal(side_decode(buf, len + 1, &twin), SIDE_REJECT);
}

static void
test_rounds(void **state)
{
	struct side_record rec = {.what = SIDE_NEIGH};

	rec.neigh = neighbour("10.1.0.9", 1);
	check_round(&rec);
	rec.neigh = neighbour("fe80::9", 1);
	rec.neigh.router = true;
	check_round(&rec);
	check_round(&(struct side_record){.what = SIDE_NEIGH_END});
	rec = (struct side_record){.what = SIDE_ELEM, .elem = element(5)};
	check_round(&rec);
	rec.elem.key_len = SIDE_KEY_MAX;
	rec.elem.n_exprs = SIDE_EXPRS_MAX;
	rec.elem.expr[0] = (struct side_expr){.kind = SIDE_COUNTER, .a = 3, .b = 1ull << 40};
	rec.elem.expr[1] = (struct side_expr){
		.kind = SIDE_LIMIT, .a = 10, .b = 60, .burst = 5, .type = 1, .flags = 1};
	check_round(&rec);
	assert_true(side_encode(&rec, (uint8_t[SIDE_MAX]){0}) < SIDE_MAX);
}

static void
test_refusals(void **state)
{
	static const char *const addrs[] = {"0.0.0.0", "127.0.0.1", "224.0.0.5", "255.255.255.255",
		"240.0.0.1", "0.1.2.3", "::", "::1", "ff02::1"};
	struct side_record rec = {.what = SIDE_NEIGH}, twin;
	uint8_t buf[SIDE_MAX];

	for (size_t i = 0; i < sizeof(addrs) / sizeof(addrs[0]); i++) {
		rec.neigh = neighbour(addrs[i], 1);
		assert_int_equal(side_encode(&rec, buf), 0);
	}
	rec.neigh = neighbour("10.0.0.1", 1);
	rec.neigh.mac[0] = 1; /* a group's */
	assert_int_equal(side_encode(&rec, buf), 0);
	memset(rec.neigh.mac, 0, 6);
	assert_int_equal(side_encode(&rec, buf), 0);
	rec = (struct side_record){.what = SIDE_ELEM, .elem = element(1)};
	rec.elem.left_ms = rec.elem.timeout_ms + 1;
	assert_int_equal(side_encode(&rec, buf), 0);
	rec.elem.left_ms = 0;
	assert_int_equal(side_encode(&rec, buf), 0);
	rec.elem = element(1);
	rec.elem.timeout_ms = SIDE_TIMEOUT_MS + 1;
	assert_int_equal(side_encode(&rec, buf), 0);
	rec.elem = element(1);
	rec.elem.n_exprs = 1;
	rec.elem.expr[0] = (struct side_expr){.kind = SIDE_LIMIT, .a = 0, .b = 1};
	assert_int_equal(side_encode(&rec, buf), 0);
	/* what a newer peer may say */
	assert_int_equal(side_decode((uint8_t[]){200, 1, 2}, 3, &twin), SIDE_UNKNOWN);
	assert_int_equal(side_decode((uint8_t[]){0}, 1, &twin), SIDE_REJECT);
}

/* In a frame among others; one that is too long or empty is refused. */
static void
test_in_frames(void **state)
{
	uint8_t data[SIDE_MAX], buf[512];
	struct sync_record rec = {.kind = SYNC_CONTROL,
		.control.type = SYNC_SIDE,
		.side = {.len = SIDE_MAX, .data = data}};
	struct sync_record term = {.kind = SYNC_CONTROL, .control = {.type = SYNC_TERM, .term = 9}};
	struct sync_encoder e;
	struct sync_decoder d;
	size_t len;

	memset(data, 0x5a, sizeof(data));
	sync_encode_begin(&e, buf, sizeof(buf));
	assert_int_equal(sync_encode_control(&e, &rec), SYNC_ENCODED);
	assert_int_equal(sync_encode_control(&e, &term), SYNC_ENCODED);
	assert_int_equal(sync_encode_control(&e, &rec), SYNC_ENCODED);
	assert_int_equal(sync_encode_control(&e, &rec), SYNC_FULL);
	len = sync_encode_len(&e);
	sync_decode_begin(&d, buf, len);
	assert_int_equal(sync_decode_next(&d, &rec), SYNC_OK);
	assert_int_equal(rec.control.type, SYNC_SIDE);
	assert_int_equal(rec.side.len, SIDE_MAX);
	assert_memory_equal(rec.side.data, data, SIDE_MAX);
	assert_int_equal(sync_decode_next(&d, &rec), SYNC_OK);
	assert_int_equal(rec.control.term, 9);
	assert_int_equal(sync_decode_next(&d, &rec), SYNC_OK);
	assert_int_equal(sync_decode_next(&d, &rec), SYNC_END);
	for (unsigned bad = 0; bad < 3; bad++) {
		buf[1] = bad == 0 ? 0 : bad == 1 ? SIDE_MAX + 1 : SIDE_MAX;
		sync_decode_begin(&d, buf, bad == 2 ? SIDE_MAX + 1 : len);
		assert_int_equal(sync_decode_next(&d, &rec),
			bad == 2 ? SYNC_REJECT_SHORT : SYNC_REJECT_VALUE);
	}
}

/* Every record fits into an empty frame of the smallest MTU, and none uses the reserve. */
static void
test_stream(void **state)
{
	struct stream_conf c = {.frames = 64, .burst = 10, .payload_max = STREAM_DATA_HEADER + 201};
	void *mem = malloc(stream_memory(&c));
	uint8_t data[SIDE_MAX] = {1};
	struct sync_record term = {.kind = SYNC_CONTROL, .control = {.type = SYNC_TERM}};
	struct stream s;
	unsigned n = 0;

	stream_init(&s, &c, mem);
	while (stream_put_side(&s, data, SIDE_MAX, INSTANT_ZERO))
		n++;
	assert_int_equal(n, 64 - STREAM_RESERVE);
	assert_int_equal(s.count.overflow, 0);
	assert_true(stream_put_control(&s, &term, INSTANT_ZERO));
	free(mem);
}

static void
test_set_id(void **state)
{
	uint64_t id = side_set_id(2, "filter", "blocked", 7, 4);

	assert_true(id == side_set_id(2, "filter", "blocked", 7, 4));
	assert_true(id != side_set_id(1, "filter", "blocked", 7, 4));
	assert_true(id != side_set_id(2, "filterb", "locked", 7, 4));
	assert_true(id != side_set_id(2, "filter", "blocked", 8, 4));
	assert_true(id != side_set_id(2, "filter", "blocked", 7, 16));
}

static unsigned n_gone;

static void
gone(void *arg, const struct side_neigh *n)
{
	n_gone++;
}

static void
test_table(void **state)
{
	static struct neighbours t;
	struct side_neigh n = neighbour("10.0.0.0", 1);

	neighbours_init(&t, (uint8_t[16]){1, 2, 3});
	for (uint32_t i = 0; i < NEIGHBOURS_MAX; i++) {
		n.addr.b[2] = (uint8_t)(i >> 8);
		n.addr.b[3] = (uint8_t)i;
		assert_true(neighbours_put(&t, &n, (struct instant){i % 2 ? 100 : 200}));
	}
	n = neighbour("10.1.0.0", 1);
	assert_false(neighbours_put(&t, &n, (struct instant){300})); /* full */
	n = neighbour("10.0.0.7", 9);
	assert_true(neighbours_put(&t, &n, (struct instant){300})); /* known: a new MAC */
	assert_int_equal(t.n, NEIGHBOURS_MAX);
	assert_int_equal(t.v[7].n.mac[5], 9);
	strcpy(n.iface, "wan"); /* the same address elsewhere is another one */
	assert_false(neighbours_put(&t, &n, (struct instant){300}));
	neighbours_expire(&t, (struct instant){200}, gone, NULL);
	assert_int_equal(n_gone, NEIGHBOURS_MAX / 2 - 1);
	assert_int_equal(t.n, NEIGHBOURS_MAX / 2 + 1);
	assert_true(neighbours_put(&t, &n, (struct instant){300}));
	neighbours_expire(&t, (struct instant){300}, gone, NULL);
	assert_int_equal(t.n, 2);
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(t.v[i].n.mac[5], 9);
}

/* Neighbours in the kernel */

static struct neigh found;
static unsigned n_found;

static void
find_neigh(void *arg, const struct neigh *n)
{
	if (!ip_equal(&n->addr, arg))
		return;
	found = *n;
	n_found++;
}

static bool
lookup(const char *text)
{
	struct neighwalk w = {.fd = -1};
	struct ip_addr a = address(text);
	int r;

	n_found = 0;
	assert_int_equal(neighwalk_start(&w, a.family), 0);
	while ((r = neighwalk_next(&w, find_neigh, &a)) == 1)
		;
	assert_int_equal(r, 0);
	neighwalk_stop(&w);
	free(w.buf);
	assert_true(n_found <= 1);
	return n_found == 1;
}

static void
check_neighbour(const char *text)
{
	struct neighbatch b;
	struct neigh n = {.addr = address(text), .mac = {6, 0, 0, 0, 0, 1}};

	n.ifindex = (int)if_nametoindex("tw-lan");
	assert_int_equal(neighbatch_open(&b), 0);
	assert_false(lookup(text));
	neighbatch_add(&b, NEIGH_LEARN, &n);
	assert_int_equal(neighbatch_run(&b), 0);
	assert_true(lookup(text));
	assert_int_equal(found.state, NUD_STALE);
	assert_int_equal(found.flags, NTF_EXT_LEARNED);
	assert_int_equal(found.protocol, TW_RTPROT);
	assert_int_equal(found.ifindex, n.ifindex);
	assert_memory_equal(found.mac, n.mac, 6);
	n.mac[5] = 2; /* only where nothing is: the kernel's own knowledge stays */
	neighbatch_add(&b, NEIGH_LEARN_NEW, &n);
	assert_int_equal(neighbatch_run(&b), 0);
	assert_true(lookup(text) && found.mac[5] == 1);
	neighbatch_add(&b, NEIGH_LEARN, &n);
	assert_int_equal(neighbatch_run(&b), 0);
	assert_true(lookup(text) && found.mac[5] == 2);
	neighbatch_add(&b, NEIGH_ADOPT, &n);
	assert_int_equal(neighbatch_run(&b), 0);
	assert_true(lookup(text));
	assert_int_equal(found.state, NUD_STALE);
	assert_int_equal(found.flags, 0);
	assert_int_equal(found.mac[5], 2);
	neighbatch_add(&b, NEIGH_FORGET, &n);
	neighbatch_add(&b, NEIGH_FORGET, &n); /* what is gone already is no failure */
	neighbatch_add(&b, NEIGH_ADOPT, &n);
	assert_int_equal(neighbatch_run(&b), 0);
	assert_false(lookup(text) && found.state != NUD_FAILED);
	n.ifindex = 999;
	neighbatch_add(&b, NEIGH_LEARN, &n);
	assert_int_equal(neighbatch_run(&b), 1);
	neighbatch_close(&b);
}

static void
test_kernel_neighbours(void **state)
{
	need_namespace();
	assert_int_equal(
		system("ip link add tw-lan type veth peer name other && ip link set tw-lan up"), 0);
	check_neighbour("10.1.0.9");
	check_neighbour("fd00::9");
}

/* Sets in the kernel */

/* clang-format off */
static const char tables[] =
	"table ip guard {\n"
	"  set blocked { type ipv4_addr; flags dynamic,timeout; timeout 10m; size 1000; }\n"
	"  set pairs { type ipv4_addr . inet_service; flags dynamic,timeout; timeout 1m; }\n"
	"  set fixed { type ipv4_addr; flags timeout; timeout 1m; }\n"
	"  set eternal { type ipv4_addr; flags dynamic; }\n"
	"  map where { type ipv4_addr : ipv4_addr; flags dynamic,timeout; timeout 1m; }\n"
	"}\n"
	"table inet twinwall {\n"
	"  set blocked { type ipv4_addr; flags dynamic,timeout; timeout 9m; }\n"
	"}\n"
	"table inet twinwall-next {\n"
	"  set s { type ipv4_addr; flags dynamic,timeout; timeout 9m; }\n"
	"}\n"
	"table ip6 guard {\n"
	"  set blocked { type ipv6_addr; flags dynamic,timeout; timeout 10m; }\n"
	"}\n";
/* clang-format on */

static bool
nft_load(const char *text)
{
	FILE *p = popen("nft -f -", "w");

	fputs(text, p);
	return pclose(p) == 0;
}

static struct side_elem seen[16];
static unsigned n_seen;

static void
see(void *arg, const struct side_elem *e)
{
	if (n_seen < 16)
		seen[n_seen] = *e;
	n_seen++;
}

static uint32_t
read_set(const struct nftset *set)
{
	struct nftsets_walk w = {.fd = -1};
	int r;

	n_seen = 0;
	assert_int_equal(nftsets_walk_start(&w, set), 0);
	while ((r = nftsets_walk_next(&w, see, NULL)) == 1)
		;
	assert_int_equal(r, 0);
	nftsets_walk_stop(&w);
	free(w.buf);
	return w.skipped;
}

static const struct nftset *
set_named(const struct nftsets *s, uint8_t family, const char *name)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->set[i].family == family && strcmp(s->set[i].name, name) == 0)
			return &s->set[i];
	return NULL;
}

static void
test_kernel_scan(void **state)
{
	struct nftsets s;

	need_namespace();
	assert_true(nft_load(tables));
	assert_int_equal(nftsets_open(&s), 0);
	assert_int_equal(nftsets_scan(&s), 1);
	assert_int_equal(s.n, 3);
	assert_non_null(set_named(&s, 2, "blocked"));
	assert_non_null(set_named(&s, 2, "pairs"));
	assert_non_null(set_named(&s, 10, "blocked"));
	assert_int_equal(set_named(&s, 2, "blocked")->timeout_ms, 600000);
	assert_int_equal(set_named(&s, 2, "pairs")->key_len, 8);
	assert_ptr_equal(nftsets_find(&s, s.set[1].id), &s.set[1]);
	assert_null(nftsets_find(&s, 1));
	assert_int_equal(nftsets_scan(&s), 0); /* nothing new */
	assert_int_equal(system("nft delete table ip6 guard"), 0);
	assert_int_equal(nftsets_scan(&s), 1);
	assert_int_equal(s.n, 2);
	nftsets_close(&s);
}

static void
check_left(uint64_t left_ms, uint64_t of_ms)
{
	assert_in_range(left_ms, of_ms - 30000, of_ms);
}

static void
test_kernel_elements(void **state)
{
	static struct nftsets_batch b;
	struct nftset bad;
	struct nftsets s;
	struct nftset set;
	struct side_elem e = element(0x0900010a);

	need_namespace();
	assert_int_equal(nftsets_open(&s), 0);
	assert_int_equal(nftsets_scan(&s), 1);
	set = *set_named(&s, 2, "blocked");
	assert_int_equal(nftsets_batch_open(&b), 0);
	e.n_exprs = 2;
	e.expr[0] = (struct side_expr){.kind = SIDE_COUNTER, .a = 3, .b = 99};
	e.expr[1] = (struct side_expr){.kind = SIDE_LIMIT, .a = 7, .b = 60, .burst = 3, .flags = 1};
	nftsets_batch_add(&b, &set, &e, true);
	assert_int_equal(nftsets_batch_run(&b), 0);
	assert_int_equal(read_set(&set), 0);
	assert_int_equal(n_seen, 1);
	assert_memory_equal(seen[0].key, e.key, 4);
	assert_int_equal(seen[0].timeout_ms, 600000);
	check_left(seen[0].left_ms, 300000);
	assert_int_equal(seen[0].n_exprs, 2);
	assert_memory_equal(seen[0].expr, e.expr, sizeof(e.expr));
	/* replaced: a new remaining time, and its own timeout; left alone: as it was */
	e.timeout_ms = 1200000;
	e.left_ms = 900000;
	nftsets_batch_add(&b, &set, &e, true);
	assert_int_equal(nftsets_batch_run(&b), 0);
	read_set(&set);
	assert_int_equal(n_seen, 1);
	assert_int_equal(seen[0].timeout_ms, 1200000);
	check_left(seen[0].left_ms, 900000);
	/* what cannot be done does not hinder the others */
	bad = set;
	strcpy(bad.name, "nosuch");
	for (uint32_t i = 0; i < 10; i++) {
		struct side_elem x = element(i + 1);

		nftsets_batch_add(&b, i % 5 ? &set : &bad, &x, i % 2);
	}
	assert_int_equal(nftsets_batch_run(&b), 2);
	read_set(&set);
	assert_int_equal(n_seen, 9);
	nftsets_batch_add(&b, &bad, &e, true);
	assert_int_equal(nftsets_batch_run(&b), 1);
	/* an element without a timeout is the administrator's own business */
	assert_int_equal(system("nft add element ip guard blocked '{ 9.9.9.9 timeout 0s }'"), 0);
	read_set(&set);
	nftsets_batch_close(&b);
	nftsets_close(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rounds),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_in_frames),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_set_id),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_kernel_neighbours),
		cmocka_unit_test(test_kernel_scan),
		cmocka_unit_test(test_kernel_elements),
	};

	return cmocka_run_group_tests(tests, enter_namespace, NULL);
}
