/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The clear header of every frame of ours, and the reasons to refuse one. The header only filters
 * and counts; it is authenticated as associated data of the sealed part behind it (session.h).
 *
 *  0 magic 'T' 'W'   2 version   3 kind   4 cluster   6 interface index   8 key id (4)
 * 12 session of the sender (8)   20 counter (8)   28 length of the sealed part (2)   30 sealed part
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAGIC   0x5457
#define FRAME_VERSION 1
#define FRAME_HEADER  30
#define FRAME_TAG     16 /* AEAD tag inside the sealed part */
#define FRAME_NONCE   24 /* hello: random nonce in front of its sealed part */

enum frame_kind {
	FRAME_HELLO = 1, /* engine */
	FRAME_HEARTBEAT = 2,
	FRAME_GOODBYE = 3,
	FRAME_SYNC_HELLO = 16, /* state sync: 16 and up */
	FRAME_SYNC_DATA = 17,
	FRAME_SYNC_ACK = 18,
	FRAME_CONF_HELLO = 32, /* config: as state sync, 32 and up */
	FRAME_CONF_DATA = 33,
	FRAME_CONF_ACK = 34,
};

struct frame_header {
	uint8_t version, kind;
	uint16_t cluster, index;
	uint32_t key_id;
	uint64_t session, counter;
	uint16_t sealed_len;
};

/* Why a frame was refused: each is a counter of that name (frame_reject_name()). */
enum frame_reject {
	FRAME_OK,
	REJECT_TRUNCATED,
	REJECT_MAGIC,
	REJECT_VERSION,
	REJECT_KIND,
	REJECT_CLUSTER, /* another cluster on this wire: no fault */
	REJECT_KEY,     /* our cluster id, another key */
	REJECT_OWN,     /* our own frame came back: a loop */
	REJECT_SESSION, /* not the peer's current session: it restarted, or a replay */
	REJECT_SEAL,    /* forged or damaged */
	REJECT_REPLAY,
	REJECT_CONTENT, /* sealed part well-formed for another version only */
	REJECT_WIRING,  /* sent on another interface than it came in on */
	REJECT_PORT,    /* no such interface, or heartbeats off there */
	_REJECT_MAX,
};

const char *frame_reject_name(enum frame_reject r); /* "bad_seal" */

/* Writes the header; buf has FRAME_HEADER bytes. */
void frame_header_encode(const struct frame_header *h, uint8_t *buf);
/*
 * Reads and checks form, magic, version and length (trailing padding is allowed: Ethernet pads). On
 * REJECT_VERSION the header's version field is filled in. cluster and key are for the caller to
 * judge.
 */
enum frame_reject frame_header_decode(const uint8_t *frame, size_t len, struct frame_header *out);
