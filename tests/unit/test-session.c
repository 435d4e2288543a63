/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions: handshake under loss and replay, keys, sealing, replay window; the frame header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "core/hb/session.h"

static const uint8_t key1[CLUSTER_KEY_LEN] = {1}, key2[CLUSTER_KEY_LEN] = {2};

static void
start(struct session *s, uint8_t seed, const uint8_t *key)
{
	uint8_t bytes[32] = {seed};

	session_init(s, SESSION_ENGINE, bytes);
	session_set_key(s, 7, key);
}

/* Carries one hello from a to b; returns what b made of it. */
static enum session_news
carry_hello(struct session *a, struct session *b)
{
	uint8_t buf[SESSION_HELLO_LEN];
	enum session_news news = SESSION_NOTHING;
	struct frame_header h;
	size_t len = session_hello(a, FRAME_HELLO, 3, buf);

	assert_int_equal(session_filter(b, buf, len, &h), FRAME_OK);
	assert_int_equal(session_open_hello(b, &h, buf, &news), FRAME_OK);
	return news;
}

static void
shake_hands(struct session *a, struct session *b)
{
	for (int i = 0; i < 4 && !(a->peer == b->me && b->peer == a->me); i++) {
		carry_hello(a, b);
		carry_hello(b, a);
	}
	assert_true(a->established && a->peer == b->me);
	assert_true(b->established && b->peer == a->me);
}

static enum frame_reject
carry(struct session *a, struct session *b, const char *text, char *got, size_t size)
{
	uint8_t buf[256];
	struct frame_header h;
	size_t len, out_len;
	enum frame_reject r;

	len = session_seal(
		a, FRAME_HEARTBEAT, 3, (const uint8_t *)text, strlen(text) + 1, buf, sizeof(buf));
	assert_true(len > 0);
	r = session_filter(b, buf, len, &h);
	if (r == FRAME_OK)
		r = session_open(b, &h, buf, (uint8_t *)got, size, &out_len);
	return r;
}

static void
test_handshake(void **state)
{
	struct session a, b;
	char got[64];

	start(&a, 1, key1);
	start(&b, 2, key1);
	assert_int_equal(carry_hello(&a, &b), SESSION_ANSWER);
	assert_false(b.established);
	assert_int_equal(carry_hello(&b, &a), SESSION_NEW_PEER);
	assert_int_equal(carry_hello(&a, &b), SESSION_NEW_PEER);
	assert_int_equal(carry_hello(&b, &a), SESSION_NOTHING);
	assert_int_equal(carry(&a, &b, "to b", got, sizeof(got)), FRAME_OK);
	assert_string_equal(got, "to b");
	assert_int_equal(carry(&b, &a, "to a", got, sizeof(got)), FRAME_OK);
	assert_string_equal(got, "to a");
}

/* A recorded hello of a dead process must neither replace the session nor make its frames valid. */
static void
test_replayed_hello_changes_nothing(void **state)
{
	uint8_t hello[SESSION_HELLO_LEN], frame[256], plain[64];
	struct session a, b, a2;
	struct frame_header h;
	enum session_news news;
	size_t frame_len, len;
	char got[64];

	start(&a, 1, key1);
	start(&b, 2, key1);
	carry_hello(&a, &b);
	carry_hello(&b, &a);
	session_hello(&a, FRAME_HELLO, 3, hello); /* the very one that made b take a over */
	carry_hello(&a, &b);
	frame_len = session_seal(&a, FRAME_HEARTBEAT, 3, plain, 10, frame, sizeof(frame));
	start(&a2, 9, key1);
	shake_hands(&a2, &b);
	assert_true(b.peer == a2.me);

	assert_int_equal(session_filter(&b, hello, sizeof(hello), &h), FRAME_OK);
	assert_int_equal(session_open_hello(&b, &h, hello, &news), FRAME_OK);
	assert_int_equal(news, SESSION_ANSWER);
	assert_true(b.established && b.peer == a2.me);
	assert_int_equal(session_filter(&b, frame, frame_len, &h), FRAME_OK);
	assert_int_equal(session_open(&b, &h, frame, plain, sizeof(plain), &len), REJECT_SESSION);
	assert_int_equal(carry(&a2, &b, "goes on", got, sizeof(got)), FRAME_OK);
}

static void
test_restart_takes_over(void **state)
{
	struct session a, b, b2;
	char got[64];

	start(&a, 1, key1);
	start(&b, 2, key1);
	shake_hands(&a, &b);
	start(&b2, 3, key1);
	assert_int_equal(carry_hello(&b2, &a), SESSION_ANSWER);
	assert_true(a.peer == b.me); /* until the new one has echoed a's challenge */
	carry_hello(&a, &b2);
	assert_int_equal(carry_hello(&b2, &a), SESSION_NEW_PEER);
	assert_int_equal(carry(&b, &a, "old", got, sizeof(got)), REJECT_SESSION);
	assert_int_equal(carry(&b2, &a, "new", got, sizeof(got)), FRAME_OK);
}

static void
test_refusals(void **state)
{
	uint8_t frame[256], plain[64];
	struct session a, b, other_key, other_cluster;
	struct frame_header h;
	char got[64];
	size_t len, n;

	start(&a, 1, key1);
	start(&b, 2, key1);
	start(&other_key, 3, key2);
	start(&other_cluster, 4, key1);
	session_set_key(&other_cluster, 8, key1);
	shake_hands(&a, &b);
	len = session_seal(&a, FRAME_HEARTBEAT, 3, (const uint8_t *)"x", 2, frame, sizeof(frame));
	assert_int_equal(session_filter(&other_key, frame, len, &h), REJECT_KEY);
	assert_int_equal(session_filter(&other_cluster, frame, len, &h), REJECT_CLUSTER);
	assert_int_equal(session_filter(&a, frame, len, &h), REJECT_OWN);
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(session_filter(&b, frame, cut, &h), REJECT_TRUNCATED);
	/* every single flipped bit is noticed, by whatever check comes first */
	for (size_t bit = 0; bit < len * 8; bit++) {
		enum frame_reject r;

		frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
		r = session_filter(&b, frame, len, &h);
		if (r == FRAME_OK)
			r = session_open(&b, &h, frame, plain, sizeof(plain), &n);
		assert_int_not_equal(r, FRAME_OK);
		frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	frame[2] = 99;
	assert_int_equal(session_filter(&b, frame, len, &h), REJECT_VERSION);
	assert_int_equal(h.version, 99);
	frame[2] = FRAME_VERSION;
	assert_int_equal(session_filter(&b, frame, len, &h), FRAME_OK);
	assert_int_equal(session_open(&b, &h, frame, plain, 1, &n), REJECT_CONTENT);
	assert_int_equal(session_open(&b, &h, frame, plain, sizeof(plain), &n), FRAME_OK);
	assert_int_equal(session_open(&b, &h, frame, plain, sizeof(plain), &n), REJECT_REPLAY);
	assert_int_equal(carry(&a, &b, "next", got, sizeof(got)), FRAME_OK);
}

/* Any order within the window is accepted once; anything older is refused. */
static void
test_replay_window(void **state)
{
	enum { N = SESSION_WINDOW - 64 };
	static uint8_t frames[N + 200][64];
	static size_t len[N + 200];
	struct session a, b;
	struct frame_header h;
	uint8_t plain[64];
	size_t n;

	start(&a, 1, key1);
	start(&b, 2, key1);
	shake_hands(&a, &b);
	for (int i = 0; i < N + 200; i++)
		len[i] = session_seal(
			&a, FRAME_HEARTBEAT, 1, plain, 4, frames[i], sizeof(frames[i]));
	for (int round = 0; round < 2; round++)
		for (int i = N - 1; i >= 0; i--) {
			assert_int_equal(session_filter(&b, frames[i], len[i], &h), FRAME_OK);
			assert_int_equal(session_open(&b, &h, frames[i], plain, sizeof(plain), &n),
				round ? REJECT_REPLAY : FRAME_OK);
		}
	assert_int_equal(session_filter(&b, frames[N + 199], len[N + 199], &h), FRAME_OK);
	assert_int_equal(session_open(&b, &h, frames[N + 199], plain, sizeof(plain), &n), FRAME_OK);
	assert_int_equal(session_filter(&b, frames[N], len[N], &h), FRAME_OK);
	assert_int_equal(session_open(&b, &h, frames[N], plain, sizeof(plain), &n), FRAME_OK);
	assert_int_equal(session_filter(&b, frames[10], len[10], &h), FRAME_OK);
	assert_int_equal(session_open(&b, &h, frames[10], plain, sizeof(plain), &n), REJECT_REPLAY);
}

static void
test_purposes_are_apart(void **state)
{
	uint8_t seed[32] = {5}, hello[SESSION_HELLO_LEN];
	struct session engine, sync;
	enum session_news news;
	struct frame_header h;

	start(&engine, 1, key1);
	session_init(&sync, SESSION_SYNC, seed);
	session_set_key(&sync, 7, key1);
	session_hello(&engine, FRAME_HELLO, 1, hello);
	assert_int_equal(session_filter(&sync, hello, sizeof(hello), &h), FRAME_OK);
	assert_int_equal(session_open_hello(&sync, &h, hello, &news), REJECT_SEAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handshake),
		cmocka_unit_test(test_replayed_hello_changes_nothing),
		cmocka_unit_test(test_restart_takes_over),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_replay_window),
		cmocka_unit_test(test_purposes_are_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
