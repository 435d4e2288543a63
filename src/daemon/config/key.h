/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The cluster key: STATE/cluster.key, 32 random bytes in base64, readable by its owner only. */
#pragma once
#include <stdint.h>
#include "core/limits.h"
#include "sys/store.h"

enum key_outcome {
	KEY_CREATED = 1, /* there was none: a fresh one was made and must be copied to the peer */
};

/*
 * Reads the key, or makes one. 0, KEY_CREATED, or -errno with a sentence in err that names the file
 * and what to do. The caller wipes key.
 */
int key_load(const struct store *s, const char *state_dir, uint8_t key[CLUSTER_KEY_LEN], char *err,
	size_t err_size);
