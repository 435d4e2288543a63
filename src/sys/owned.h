/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The journal of what we changed in this network namespace: RUN/owned, one line per thing, written
 * before the change is made, so that a later run of the daemon can tell its own from others' and
 * put things back. It dies with the machine (boot id and namespace stand in its first line: a
 * journal of another boot or namespace is empty).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum owned_kind {
	OWNED_LINK,   /* key = link; value = "" */
	OWNED_ADDR,   /* key = "dev address/len"; value = "" */
	OWNED_SYSCTL, /* key = path below /proc/sys; value = what it was before */
	OWNED_NIC, /* key = NIC, value = "ifindex up" or "ifindex down": as it was when first seen
		    */
	OWNED_MTU, /* key = NIC, value = MTU it had before */
	_OWNED_MAX,
};

#define OWNED_KEY_MAX   128
#define OWNED_VALUE_MAX 64

struct owned_entry {
	enum owned_kind kind;
	unsigned seq; /* rises in order of adding */
	char key[OWNED_KEY_MAX];
	char value[OWNED_VALUE_MAX];
};

struct owned {
	int fd;
	char path[256];
	unsigned seq;
	size_t lines;           /* written since the file was last tidied */
	struct owned_entry **e; /* sorted by kind, key */
	size_t n, cap;
};

/* Reads (and tidies) the journal at path, or starts an empty one. 0 or -errno. */
int owned_open(struct owned *o, const char *path);
void owned_close(struct owned *o);

const struct owned_entry *owned_find(const struct owned *o, enum owned_kind kind, const char *key);
/* Adds and writes; an entry that is there already keeps its value. 0 or -errno. */
int owned_add(struct owned *o, enum owned_kind kind, const char *key, const char *value);
/* Forgets; no error when it is not there. */
int owned_remove(struct owned *o, enum owned_kind kind, const char *key);
