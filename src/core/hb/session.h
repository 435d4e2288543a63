/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who is speaking, and is it now? A session is a random number that a process draws when it starts.
 * Two processes that have seen each other's session derive one key per direction from the cluster
 * key and both sessions, so frames of any earlier pair of processes are worthless.
 *
 * Handshake: a hello is sealed with a static key and carries the sender's session and challenge,
 * and echoes the receiver's. A session is taken over as the peer's only when its hello echoes my
 * *current* challenge, which is drawn anew after each take-over: replayed hellos change nothing.
 * Until then the old session of the peer stays in force. A hello is never a sign of life.
 *
 * Engine, state sync and config use one struct session each, for different purposes and with
 * different keys. Pure: random bytes come from a stream seeded at start.
 */
#pragma once
#include "core/hb/frame.h"
#include "core/limits.h"

#define SESSION_KEY       32
#define SESSION_WINDOW    1024 /* frames that may arrive out of order; multiple of 64 */
#define SESSION_HELLO_LEN (FRAME_HEADER + FRAME_NONCE + 33 + FRAME_TAG)

enum session_purpose { SESSION_ENGINE, SESSION_SYNC, SESSION_CONFIG };

struct session {
	enum session_purpose purpose;
	uint16_t cluster;
	uint32_t key_id; /* tells different cluster keys apart, reveals nothing */
	uint8_t master[SESSION_KEY], hello_key[SESSION_KEY];
	uint8_t random_key[SESSION_KEY];
	uint64_t random_block;

	uint64_t me;        /* my session */
	uint64_t challenge; /* what a new peer session must echo */
	uint64_t counter;   /* last counter sent, over all interfaces */

	bool established; /* peer, key_* and window below are valid */
	uint64_t peer;    /* the peer's session */
	uint8_t key_out[SESSION_KEY], key_in[SESSION_KEY];
	uint64_t newest; /* highest counter received */
	uint64_t window[SESSION_WINDOW / 64];

	uint64_t heard_session; /* of the newest hello: what my next hello echoes */
	uint64_t heard_challenge;
};

/* A received hello, after its seal was checked. */
enum session_news {
	SESSION_NOTHING,  /* nothing changed, and the sender has a session with us */
	SESSION_ANSWER,   /* the sender needs a hello from us */
	SESSION_NEW_PEER, /* a new session was taken over (the peer (re)started): answer, too */
};

/* Draws a session from seed[32]. */
void session_init(struct session *s, enum session_purpose purpose, const uint8_t seed[32]);
/* (Re)sets cluster and key; keeps the own session, drops the peer's when something changed. */
void session_set_key(struct session *s, uint16_t cluster, const uint8_t key[CLUSTER_KEY_LEN]);

/* Fills buf[SESSION_HELLO_LEN] with a hello of `kind` for interface `index`; returns its length. */
size_t session_hello(struct session *s, uint8_t kind, uint16_t index, uint8_t *buf);

/*
 * Seals payload[len] as a frame of `kind` into buf[size]. Returns the frame's length, or 0 without
 * an established session or room for FRAME_HEADER + len + FRAME_TAG.
 */
size_t session_seal(struct session *s, uint8_t kind, uint16_t index, const uint8_t *payload,
	size_t len, uint8_t *buf, size_t size);

/* Checks header, cluster, key and own loop: the part of the work that needs no cryptography. */
enum frame_reject session_filter(
	const struct session *s, const uint8_t *frame, size_t len, struct frame_header *h);

/* For hello kinds, after session_filter(). *news is set with FRAME_OK only. */
enum frame_reject session_open_hello(struct session *s, const struct frame_header *h,
	const uint8_t *frame, enum session_news *news);

/*
 * For all other kinds, after session_filter(): authenticates and decrypts into out[size], refuses
 * replays. *out_len is set with FRAME_OK only. REJECT_SESSION: answer with a hello (at a limited
 * rate).
 */
enum frame_reject session_open(struct session *s, const struct frame_header *h,
	const uint8_t *frame, uint8_t *out, size_t size, size_t *out_len);
