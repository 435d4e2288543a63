/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames: hostile bytes as they come from the wire, and, where the first byte says so, a sealed
 * part made of them by a peer that has the key (its content must still be bounded).
 */
#include <stdlib.h>
#include <string.h>
#include "core/hb/heartbeat.h"
#include "core/hb/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct session mine, peers;

static void
carry_hello(struct session *a, struct session *b)
{
	uint8_t buf[SESSION_HELLO_LEN];
	enum session_news news;
	struct frame_header h;

	session_hello(a, FRAME_HELLO, 1, buf);
	if (session_filter(b, buf, sizeof(buf), &h) != FRAME_OK ||
		session_open_hello(b, &h, buf, &news) != FRAME_OK)
		abort();
}

static void
prepare(void)
{
	static const uint8_t key[CLUSTER_KEY_LEN] = {1}, seed1[32] = {1}, seed2[32] = {2};

	session_init(&mine, SESSION_ENGINE, seed1);
	session_init(&peers, SESSION_ENGINE, seed2);
	session_set_key(&mine, 7, key);
	session_set_key(&peers, 7, key);
	for (int i = 0; i < 2; i++) {
		carry_hello(&mine, &peers);
		carry_hello(&peers, &mine);
	}
}

static void
take(const uint8_t *frame, size_t len)
{
	uint8_t plain[FRAME_MAX], again[HEARTBEAT_MAX];
	enum session_news news;
	struct frame_header h;
	struct heartbeat hb;
	size_t n;

	if (session_filter(&mine, frame, len, &h) != FRAME_OK)
		return;
	if (h.kind == FRAME_HELLO) {
		(void)session_open_hello(&mine, &h, frame, &news);
		return;
	}
	if (session_open(&mine, &h, frame, plain, sizeof(plain), &n) != FRAME_OK ||
		!heartbeat_decode(plain, n, &hb))
		return;
	/* what was believed says the same again; behind it may stand what a newer version adds */
	len = heartbeat_encode(&hb, again, sizeof(again));
	if (len == 0 || len > n || memcmp(again, plain, len) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t frame[FRAME_MAX];
	size_t len;

	if (!mine.established)
		prepare();
	if (size < 1)
		return 0;
	if (data[0] & 1) {
		len = session_seal(
			&peers, FRAME_HEARTBEAT, 1, data + 1, size - 1, frame, sizeof(frame));
		if (len)
			take(frame, len);
	} else {
		take(data + 1, size - 1);
	}
	return 0;
}
