/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decoder of control requests (docs/design/control.md): one line of JSON,
 * {"v":1,"cmd":"ha","args":["-activate"]}. Pure: bytes in, request or a named reason out.
 */
#pragma once
#include <jansson.h>
#include <stddef.h>
#include "core/ctl/command.h"

enum control_reject {
	CONTROL_OK,
	CONTROL_TOO_LONG,
	CONTROL_NOT_JSON,
	CONTROL_NOT_REQUEST, /* not an object with "cmd" as a text */
	CONTROL_VERSION,
	CONTROL_ARGS,    /* not a list of texts, or too many */
	CONTROL_BYTES,   /* control characters in a text */
	CONTROL_SESSION, /* "session" is no short text */
	_CONTROL_MAX,
};

struct control_request {
	json_t *root; /* owns the texts */
	const char *cmd;
	const char *args[CTL_ARGS_MAX];
	size_t n_args;
	const char *session; /* whose edits are meant; NULL = those of the user */
	const char *who;     /* asks, for the log; set by the server, NULL = unknown */
};

/* line[len] without the newline. Anything but CONTROL_OK leaves nothing to free. */
enum control_reject control_decode(const char *line, size_t len, struct control_request *out);
void control_request_fini(struct control_request *rq);

const char *control_reject_name(enum control_reject r); /* "not_json" */
const char *control_reject_text(enum control_reject r); /* for the answer */
