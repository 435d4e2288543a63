/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading, checking and making the cluster key. */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "daemon/config/key.h"

#define KEY_NAME        "cluster.key"
#define KEY_TEXT_MAX    256
#define KEY_BASE64      sodium_base64_VARIANT_ORIGINAL
#define KEY_BASE64_SIZE sodium_base64_ENCODED_LEN(CLUSTER_KEY_LEN, KEY_BASE64)

static int
key_create(const struct store *s, const char *state_dir, uint8_t *key, char *err, size_t err_size)
{
	char text[KEY_BASE64_SIZE + 1];
	size_t len;
	int r;

	randombytes_buf(key, CLUSTER_KEY_LEN);
	sodium_bin2base64(text, sizeof(text), key, CLUSTER_KEY_LEN, KEY_BASE64);
	len = strlen(text);
	text[len++] = '\n';
	r = store_write_file(s->dir, KEY_NAME, text, len, 0600);
	sodium_memzero(text, sizeof(text));
	if (r < 0) {
		snprintf(err, err_size, "%s/" KEY_NAME ": cannot be made: %s", state_dir,
			strerror(-r));
		return r;
	}
	return KEY_CREATED;
}

/* The file's text into buf. 0 or -errno with err filled in. */
static int
key_read(const char *state_dir, int fd, char *buf, size_t size, char *err, size_t err_size)
{
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		snprintf(err, err_size, "%s/" KEY_NAME ": is not a regular file", state_dir);
		return -EINVAL;
	}
	if (st.st_mode & 077) {
		snprintf(err, err_size,
			"%s/" KEY_NAME ": others may read or write it (mode %04o): chmod 0600; if "
			"somebody may have read it, make a new key on one node and copy it to the "
			"other",
			state_dir, (unsigned)st.st_mode & 07777);
		return -EPERM;
	}
	n = read(fd, buf, size - 1);
	if (n < 0) {
		int r = -errno;

		snprintf(err, err_size, "%s/" KEY_NAME ": %s", state_dir, strerror(-r));
		return r;
	}
	buf[n] = '\0';
	return 0;
}

int
key_load(const struct store *s, const char *state_dir, uint8_t key[CLUSTER_KEY_LEN], char *err,
	size_t err_size)
{
	char text[KEY_TEXT_MAX];
	size_t len = 0;
	int fd, r;

	fd = openat(s->dir, KEY_NAME, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return key_create(s, state_dir, key, err, err_size);
	if (fd < 0) {
		r = -errno;
		snprintf(err, err_size, "%s/" KEY_NAME ": %s", state_dir, strerror(-r));
		return r;
	}
	r = key_read(state_dir, fd, text, sizeof(text), err, err_size);
	close(fd);
	if (r == 0 && (sodium_base642bin(key, CLUSTER_KEY_LEN, text, strlen(text), " \t\r\n", &len,
			       NULL, KEY_BASE64) != 0 ||
			      len != CLUSTER_KEY_LEN)) {
		snprintf(err, err_size,
			"%s/" KEY_NAME
			": does not hold 32 bytes in base64: copy the other node's key here; if "
			"that one has none either, remove this file, start, and copy the new key "
			"there",
			state_dir);
		r = -EBADMSG;
	}
	sodium_memzero(text, sizeof(text));
	if (r < 0)
		sodium_memzero(key, CLUSTER_KEY_LEN);
	return r;
}
