/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Control socket client: blocking, with a time limit. */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "cli/client.h"
#include "core/ctl/command.h"

#define ANSWER_MAX     (64u << 20)
#define ANSWER_WAIT_MS 15000
#define BOTH_WAIT_MS   200000 /* of commands that both nodes carry out */

void
client_init(struct client *c, const char *run)
{
	*c = (struct client){.run = run, .fd = -1};
}

static void
client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->len = 0;
}

void
client_fini(struct client *c)
{
	client_close(c);
	free(c->buf);
	c->buf = NULL;
	c->size = 0;
}

static void __attribute__((format(printf, 2, 3)))
client_fail(struct client *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->error, sizeof(c->error), fmt, ap);
	va_end(ap);
	client_close(c);
}

static void
client_connect_error(struct client *c, int err)
{
	if (err == EACCES || err == EPERM)
		client_fail(c,
			"no permission for %s/" CTL_SOCKET
			": only its owner (root) may control Twinwall; try sudo",
			c->run);
	else if (err == ENOENT)
		client_fail(c,
			"%s/" CTL_SOCKET
			" does not exist: twinwalld is not running, or runs with another "
			"folder (twinwall --run DIR); see: systemctl status twinwall",
			c->run);
	else if (err == ECONNREFUSED)
		client_fail(c,
			"nobody listens on %s/" CTL_SOCKET
			": twinwalld has ended or is just starting; see: systemctl status twinwall",
			c->run);
	else
		client_fail(c, "%s/" CTL_SOCKET ": %s", c->run, strerror(err));
}

static int
client_connect(struct client *c)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int n = snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/" CTL_SOCKET, c->run);

	if (n < 0 || (size_t)n >= sizeof(sa.sun_path)) {
		client_fail(c, "%s: the name of the folder is too long for a socket", c->run);
		return -ENAMETOOLONG;
	}
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		int err = errno;

		client_connect_error(c, err);
		return -err;
	}
	return 0;
}

/* 0, or -errno: the connection is gone. */
static int
client_send(struct client *c, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Room for more bytes; false when the answer is longer than anything sensible. */
static bool
client_grow(struct client *c)
{
	size_t size = c->size ? c->size * 2 : 65536;
	char *buf;

	if (c->len < c->size)
		return true;
	if (size > ANSWER_MAX || !(buf = realloc(c->buf, size)))
		return false;
	c->buf = buf;
	c->size = size;
	return true;
}

/* Reads until a whole line is there. Its length, or <0 with error set. */
static ssize_t
client_read_line(struct client *c, int wait_ms)
{
	int64_t deadline = now_ms() + wait_ms;
	size_t seen = 0;

	for (;;) {
		struct pollfd p = {.fd = c->fd, .events = POLLIN};
		char *nl = c->len > seen ? memchr(c->buf + seen, '\n', c->len - seen) : NULL;
		int64_t left = deadline - now_ms();
		ssize_t n;

		if (nl)
			return nl - c->buf;
		seen = c->len;
		if (!client_grow(c)) {
			client_fail(c, "the answer is too long");
			return -EMSGSIZE;
		}
		if (left <= 0 || poll(&p, 1, (int)left) == 0) {
			client_fail(c,
				"twinwalld does not answer on %s/" CTL_SOCKET " (waited %d s)",
				c->run, wait_ms / 1000);
			return -ETIMEDOUT;
		}
		n = recv(c->fd, c->buf + c->len, c->size - c->len, MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0) {
			client_fail(c, "twinwalld closed the connection on %s/" CTL_SOCKET, c->run);
			return -EPIPE;
		}
		c->len += (size_t)n;
	}
}

static char *
client_request(const struct client *c, const char *cmd, const char *const *args, size_t n_args)
{
	json_t *list = json_array(), *root;
	char *text;

	for (size_t i = 0; i < n_args; i++)
		json_array_append_new(list, json_string(args[i]));
	root = json_pack("{s:i, s:s, s:o}", "v", CTL_VERSION, "cmd", cmd, "args", list);
	if (!root)
		return NULL;
	if (c->session)
		json_object_set_new(root, "session", json_string(c->session));
	text = json_dumps(root, JSON_COMPACT);
	json_decref(root);
	return text;
}

json_t *
client_call(struct client *c, const char *cmd, const char *const *args, size_t n_args)
{
	bool both = strcmp(cmd, "activate") == 0 || strcmp(cmd, "commit") == 0 ||
		    strcmp(cmd, "rollback") == 0;
	char *text = client_request(c, cmd, args, n_args);
	json_error_t err;
	json_t *answer = NULL;
	ssize_t line;

	c->error[0] = '\0';
	if (!text || strlen(text) > CTL_REQUEST_MAX) {
		client_fail(c, "the command is too long, or is not UTF-8");
		goto out;
	}
	if (client_connect(c) < 0)
		goto out;
	/* A refused connection is told in an answer that was sent before our request arrived: when
	 * sending fails there may still be something to read. */
	if (client_send(c, text, strlen(text)) == 0)
		(void)client_send(c, "\n", 1);
	line = client_read_line(c, both ? BOTH_WAIT_MS : ANSWER_WAIT_MS);
	if (line < 0)
		goto out;
	answer = json_loadb(c->buf, (size_t)line, 0, &err);
	if (!json_is_object(answer)) {
		json_decref(answer);
		answer = NULL;
		client_fail(c, "the answer on %s/" CTL_SOCKET " is not understood: other version?",
			c->run);
	}
out:
	client_close(c);
	free(text);
	return answer;
}
