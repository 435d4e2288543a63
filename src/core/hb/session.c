/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions: handshake, keys, sealing, replay window. All cryptography is libsodium's. */
#include <assert.h>
#include <sodium.h>
#include "base/wire.h"
#include "core/hb/session.h"

_Static_assert(FRAME_TAG == crypto_aead_chacha20poly1305_ietf_ABYTES, "tag");
_Static_assert(FRAME_TAG == crypto_aead_xchacha20poly1305_ietf_ABYTES, "tag");
_Static_assert(FRAME_NONCE == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce");

#define HELLO_PLAIN 33 /* session, challenge, echoed session, echoed challenge, established */

/* Random bytes that nobody outside can guess and a simulator can repeat: ChaCha20 over the seed. */
static void
random_bytes(struct session *s, uint8_t *out, size_t len)
{
	uint8_t nonce[crypto_stream_chacha20_NONCEBYTES];
	struct wr w = wr_init(nonce, sizeof(nonce));

	wr_u64(&w, s->random_block++);
	crypto_stream_chacha20(out, len, nonce, s->random_key);
}

/* Never 0, which stands for "none". */
static uint64_t
random_u64(struct session *s)
{
	uint64_t v = 0;

	while (!v)
		random_bytes(s, (uint8_t *)&v, sizeof(v));
	return v;
}

/* key = BLAKE2b(master; label, a, b) */
static void
derive(const uint8_t master[SESSION_KEY], const char *label, uint64_t a, uint64_t b,
	uint8_t key[SESSION_KEY])
{
	uint8_t in[64];
	struct wr w = wr_init(in, sizeof(in));

	wr_str(&w, label);
	wr_u64(&w, a);
	wr_u64(&w, b);
	assert(!w.bad);
	crypto_generichash(key, SESSION_KEY, in, wr_len(&w), master, SESSION_KEY);
}

void
session_init(struct session *s, enum session_purpose purpose, const uint8_t seed[32])
{
	*s = (struct session){.purpose = purpose};
	memcpy(s->random_key, seed, sizeof(s->random_key));
	s->me = random_u64(s);
	s->challenge = random_u64(s);
}

static void
forget_peer(struct session *s)
{
	s->established = false;
	s->peer = s->heard_session = s->heard_challenge = 0;
	sodium_memzero(s->key_in, sizeof(s->key_in));
	sodium_memzero(s->key_out, sizeof(s->key_out));
}

void
session_set_key(struct session *s, uint16_t cluster, const uint8_t key[CLUSTER_KEY_LEN])
{
	uint8_t master[SESSION_KEY], id[SESSION_KEY];
	static const char *const labels[] = {[SESSION_ENGINE] = "engine",
		[SESSION_SYNC] = "statesync",
		[SESSION_CONFIG] = "config"};

	derive(key, labels[s->purpose], cluster, 0, master);
	if (s->key_id && s->cluster == cluster &&
		sodium_memcmp(master, s->master, sizeof(master)) == 0)
		return;
	memcpy(s->master, master, sizeof(master));
	derive(master, "hello", 0, 0, s->hello_key);
	derive(key, "key id", 0, 0, id);
	s->key_id =
		(uint32_t)id[0] << 24 | (uint32_t)id[1] << 16 | (uint32_t)id[2] << 8 | id[3] | 1;
	s->cluster = cluster;
	forget_peer(s);
	/* back to an earlier key must not mean back to earlier sessions: recordings of those exist
	 */
	s->me = random_u64(s);
	s->challenge = random_u64(s);
	sodium_memzero(master, sizeof(master));
}

size_t
session_hello(struct session *s, uint8_t kind, uint16_t index, uint8_t *buf)
{
	struct frame_header h = {.version = FRAME_VERSION,
		.kind = kind,
		.cluster = s->cluster,
		.index = index,
		.key_id = s->key_id,
		.session = s->me,
		.counter = 0,
		.sealed_len = FRAME_NONCE + HELLO_PLAIN + FRAME_TAG};
	uint8_t plain[HELLO_PLAIN];
	struct wr w = wr_init(plain, sizeof(plain));
	uint8_t *nonce = buf + FRAME_HEADER;

	wr_u64(&w, s->me);
	wr_u64(&w, s->challenge);
	wr_u64(&w, s->heard_session);
	wr_u64(&w, s->heard_challenge);
	wr_u8(&w, s->established && s->peer == s->heard_session);
	assert(!w.bad && wr_room(&w) == 0);
	frame_header_encode(&h, buf);
	random_bytes(s, nonce, FRAME_NONCE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + FRAME_NONCE, NULL, plain, sizeof(plain),
		buf, FRAME_HEADER, NULL, nonce, s->hello_key);
	return SESSION_HELLO_LEN;
}

static void
counter_nonce(uint64_t counter, uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES])
{
	struct wr w = wr_init(nonce, crypto_aead_chacha20poly1305_ietf_NPUBBYTES);

	wr_u32(&w, 0);
	wr_u64(&w, counter);
}

size_t
session_seal(struct session *s, uint8_t kind, uint16_t index, const uint8_t *payload, size_t len,
	uint8_t *buf, size_t size)
{
	struct frame_header h = {.version = FRAME_VERSION,
		.kind = kind,
		.cluster = s->cluster,
		.index = index,
		.key_id = s->key_id,
		.session = s->me};
	uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];

	if (!s->established || len + FRAME_TAG > UINT16_MAX ||
		size < FRAME_HEADER + len + FRAME_TAG)
		return 0;
	h.counter = ++s->counter;
	h.sealed_len = (uint16_t)(len + FRAME_TAG);
	frame_header_encode(&h, buf);
	counter_nonce(h.counter, nonce);
	crypto_aead_chacha20poly1305_ietf_encrypt(
		buf + FRAME_HEADER, NULL, payload, len, buf, FRAME_HEADER, NULL, nonce, s->key_out);
	return FRAME_HEADER + len + FRAME_TAG;
}

enum frame_reject
session_filter(const struct session *s, const uint8_t *frame, size_t len, struct frame_header *h)
{
	enum frame_reject r = frame_header_decode(frame, len, h);

	if (r == REJECT_VERSION && h->cluster != s->cluster)
		return REJECT_CLUSTER;
	if (r != FRAME_OK)
		return r;
	if (h->cluster != s->cluster)
		return REJECT_CLUSTER;
	if (h->key_id != s->key_id)
		return REJECT_KEY;
	if (h->session == s->me)
		return REJECT_OWN;
	return FRAME_OK;
}

static void
take_over_peer(struct session *s, uint64_t peer)
{
	const char *label = s->purpose == SESSION_ENGINE ? "heartbeat" : "sync";

	s->established = true;
	s->peer = peer;
	s->newest = 0;
	memset(s->window, 0, sizeof(s->window));
	derive(s->master, label, s->me, peer, s->key_out);
	derive(s->master, label, peer, s->me, s->key_in);
	s->challenge = random_u64(s);
}

enum frame_reject
session_open_hello(struct session *s, const struct frame_header *h, const uint8_t *frame,
	enum session_news *news)
{
	uint8_t plain[HELLO_PLAIN] = {0};
	const uint8_t *nonce = frame + FRAME_HEADER;
	uint64_t peer, challenge, echoed_session, echoed_challenge;
	struct rd r = rd_init(plain, sizeof(plain));
	bool has_us, fresh;

	if (h->sealed_len != FRAME_NONCE + HELLO_PLAIN + FRAME_TAG)
		return REJECT_CONTENT;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, nonce + FRAME_NONCE,
		    HELLO_PLAIN + FRAME_TAG, frame, FRAME_HEADER, nonce, s->hello_key) != 0)
		return REJECT_SEAL;
	peer = rd_u64(&r);
	challenge = rd_u64(&r);
	echoed_session = rd_u64(&r);
	echoed_challenge = rd_u64(&r);
	has_us = rd_u8(&r) & 1;
	if (peer != h->session || peer == 0 || challenge == 0)
		return REJECT_CONTENT;
	s->heard_session = peer;
	s->heard_challenge = challenge;
	fresh = echoed_session == s->me && echoed_challenge == s->challenge;
	if (fresh && !(s->established && s->peer == peer)) {
		take_over_peer(s, peer);
		*news = SESSION_NEW_PEER;
	} else if (s->established && s->peer == peer && has_us && echoed_session == s->me) {
		*news = SESSION_NOTHING;
	} else {
		*news = SESSION_ANSWER;
	}
	return FRAME_OK;
}

/*
 * RFC 4303 §3.4.3 style window: newest counter and a ring of bits behind it. The word that holds
 * the newest is only partly behind it, so one word less than the ring counts.
 */
static bool
window_seen(const struct session *s, uint64_t counter)
{
	if (counter > s->newest)
		return false;
	if (counter == 0 || s->newest - counter >= SESSION_WINDOW - 64)
		return true;
	return s->window[counter / 64 % (SESSION_WINDOW / 64)] >> counter % 64 & 1;
}

static void
window_mark(struct session *s, uint64_t counter)
{
	if (counter > s->newest) {
		uint64_t step = counter / 64 - s->newest / 64;

		if (step > SESSION_WINDOW / 64)
			step = SESSION_WINDOW / 64;
		for (uint64_t i = 0; i < step; i++)
			s->window[(counter / 64 - i) % (SESSION_WINDOW / 64)] = 0;
		s->newest = counter;
	}
	s->window[counter / 64 % (SESSION_WINDOW / 64)] |= UINT64_C(1) << counter % 64;
}

enum frame_reject
session_open(struct session *s, const struct frame_header *h, const uint8_t *frame, uint8_t *out,
	size_t size, size_t *out_len)
{
	uint8_t nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];
	unsigned long long len;

	if (!s->established || h->session != s->peer)
		return REJECT_SESSION;
	if (h->sealed_len - (size_t)FRAME_TAG > size)
		return REJECT_CONTENT;
	if (window_seen(s, h->counter))
		return REJECT_REPLAY;
	counter_nonce(h->counter, nonce);
	if (crypto_aead_chacha20poly1305_ietf_decrypt(out, &len, NULL, frame + FRAME_HEADER,
		    h->sealed_len, frame, FRAME_HEADER, nonce, s->key_in) != 0)
		return REJECT_SEAL;
	window_mark(s, h->counter);
	*out_len = (size_t)len;
	return FRAME_OK;
}
