/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line's end of the control socket: one request, one answer, one line each. */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXIT_DONE        0
#define EXIT_REFUSED     1
#define EXIT_USAGE       2
#define EXIT_UNREACHABLE 3

struct client {
	const char *run;     /* folder of the socket */
	const char *session; /* whose edits are meant; NULL = those of the user */
	int fd;              /* -1: not connected */
	char error[512];     /* why the last call failed: what and what to check */
	char *buf;           /* bytes read and not used yet */
	size_t len, size;
};

void client_init(struct client *c, const char *run);
void client_fini(struct client *c);

/*
 * Connects, sends one command, waits for its answer, closes: a shell that sits idle holds no place.
 * Returns the answer object (to be decref'd), or NULL with c->error filled in: the daemon cannot be
 * reached.
 */
json_t *client_call(struct client *c, const char *cmd, const char *const *args, size_t n_args);
