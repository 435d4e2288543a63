/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What state sync carries beside flows, as bytes: neighbour entries and elements of nft sets. Each
 * is the content of one SYNC_SIDE record (codec.h) and can be read by itself.
 *
 * Nothing here names anything of the peer's kernel that the receiver does not have: an interface is
 * the name of a cluster interface, a set is a number made of all that must be alike (side_set_id).
 * The decoder trusts nothing. A kind that it does not know is no error: a newer peer may say more.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/ip.h"
#include "core/limits.h"

#define SIDE_MAX        190                         /* bytes of one record: fits into any frame */
#define SIDE_KEY_MAX    64                          /* the kernel's limit */
#define SIDE_EXPRS_MAX  2                           /* same */
#define SIDE_TIMEOUT_MS (400ull * 24 * 3600 * 1000) /* longer ones are not carried */

enum side_what {
	SIDE_NEIGH = 1, /* a neighbour entry of the sender's */
	SIDE_NEIGH_END, /* all of them have been told */
	SIDE_ELEM,      /* an element of a set */
	_SIDE_MAX,
};

struct side_neigh {
	char iface[IFACE_NAME_MAX]; /* "lan" stands for its link tw-lan */
	struct ip_addr addr;
	uint8_t mac[6];
	bool router; /* IPv6: it says that it is one */
};

enum side_expr_kind {
	SIDE_COUNTER = 1, /* a = packets, b = bytes */
	SIDE_LIMIT,       /* a = rate, b = seconds; the kernel does not tell what is left of it */
	SIDE_QUOTA,       /* a = bytes, b = of which used */
	SIDE_LAST,        /* a = milliseconds since, with `flags` = 1 */
	_SIDE_EXPR_MAX,
};

/* Stateful expression of an element. */
struct side_expr {
	enum side_expr_kind kind;
	uint64_t a, b;
	uint32_t burst; /* SIDE_LIMIT */
	uint8_t type;   /* SIDE_LIMIT: 0 = packets, 1 = bytes */
	uint8_t flags;  /* 1 = inverted ("over"); SIDE_LAST: there was one */
};

struct side_elem {
	uint64_t set; /* side_set_id() */
	uint64_t timeout_ms, left_ms;
	uint8_t key_len, n_exprs;
	uint8_t key[SIDE_KEY_MAX];
	struct side_expr expr[SIDE_EXPRS_MAX];
};

struct side_record {
	enum side_what what;
	struct side_neigh neigh; /* SIDE_NEIGH */
	struct side_elem elem;   /* SIDE_ELEM */
};

enum side_result {
	SIDE_OK,
	SIDE_UNKNOWN, /* a kind that this version does not know */
	SIDE_REJECT,  /* what an encoder would not write */
};

/* Into buf[SIDE_MAX]; returns the length, 0 = it cannot be expressed. */
size_t side_encode(const struct side_record *rec, uint8_t *buf);
enum side_result side_decode(const uint8_t *data, size_t len, struct side_record *rec);

/* An address and a MAC that a host can have; others are neither sent nor believed. */
bool side_neigh_sane(const struct side_neigh *n);

/*
 * What makes two sets the same set on both nodes: family (NFPROTO_*), table, name, type and length
 * (bytes) of the key.
 */
uint64_t side_set_id(
	uint8_t family, const char *table, const char *name, uint32_t key_type, uint32_t key_len);
