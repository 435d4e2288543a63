/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Control request decoder. Unknown fields are let pass: a newer client may send them. */
#include <string.h>
#include "daemon/config/control_decode.h"

/* Log lines and terminals must not be steered by what stands in a request. */
static bool
text_clean(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

static enum control_reject
decode_args(const json_t *args, struct control_request *out)
{
	const json_t *v;
	size_t i;

	if (!args)
		return CONTROL_OK;
	if (!json_is_array(args) || json_array_size(args) > CTL_ARGS_MAX)
		return CONTROL_ARGS;
	json_array_foreach (args, i, v) {
		if (!json_is_string(v))
			return CONTROL_ARGS;
		if (!text_clean(json_string_value(v)))
			return CONTROL_BYTES;
		out->args[out->n_args++] = json_string_value(v);
	}
	return CONTROL_OK;
}

static enum control_reject
decode_session(const json_t *v, struct control_request *out)
{
	if (!v)
		return CONTROL_OK;
	if (!json_is_string(v) || !json_string_length(v) ||
		json_string_length(v) >= CTL_SESSION_MAX)
		return CONTROL_SESSION;
	out->session = json_string_value(v);
	return text_clean(out->session) ? CONTROL_OK : CONTROL_BYTES;
}

static enum control_reject
decode_root(struct control_request *out)
{
	enum control_reject r;
	const json_t *v;

	if (!json_is_object(out->root))
		return CONTROL_NOT_REQUEST;
	v = json_object_get(out->root, "v");
	if (!json_is_integer(v) || json_integer_value(v) != CTL_VERSION)
		return CONTROL_VERSION;
	v = json_object_get(out->root, "cmd");
	if (!json_is_string(v) || !json_string_length(v))
		return CONTROL_NOT_REQUEST;
	out->cmd = json_string_value(v);
	if (!text_clean(out->cmd))
		return CONTROL_BYTES;
	r = decode_session(json_object_get(out->root, "session"), out);
	return r != CONTROL_OK ? r : decode_args(json_object_get(out->root, "args"), out);
}

enum control_reject
control_decode(const char *line, size_t len, struct control_request *out)
{
	enum control_reject r;
	json_error_t err;

	memset(out, 0, sizeof(*out));
	if (len > CTL_REQUEST_MAX)
		return CONTROL_TOO_LONG;
	out->root = json_loadb(line, len, JSON_REJECT_DUPLICATES, &err);
	if (!out->root)
		return CONTROL_NOT_JSON;
	r = decode_root(out);
	if (r != CONTROL_OK)
		control_request_fini(out);
	return r;
}

void
control_request_fini(struct control_request *rq)
{
	json_decref(rq->root);
	memset(rq, 0, sizeof(*rq));
}

struct reject_words {
	const char *name, *text;
};

static const struct reject_words reject_words[_CONTROL_MAX] = {
	[CONTROL_OK] = {"ok", ""},
	[CONTROL_TOO_LONG] = {"too_long", "the request is longer than 65536 bytes"},
	[CONTROL_NOT_JSON] = {"not_json", "the request is not one line of JSON"},
	[CONTROL_NOT_REQUEST] = {"not_request",
		"the request is not an object with the command in \"cmd\""},
	[CONTROL_VERSION] = {"version", "the request's version \"v\" is not 1"},
	[CONTROL_ARGS] = {"args", "\"args\" is not a list of at most 256 texts"},
	[CONTROL_BYTES] = {"bytes", "the request holds control characters"},
	[CONTROL_SESSION] = {"session", "\"session\" is not a text of 1 to 63 bytes"},
};

const char *
control_reject_name(enum control_reject r)
{
	return reject_words[r].name;
}

const char *
control_reject_text(enum control_reject r)
{
	return reject_words[r].text;
}
