/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Control socket server on the process's loop. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "daemon/config/commands.h"
#include "daemon/config/control.h"
#include "daemon/config/who.h"

#define CLIENT_BATCH 16 /* requests of one client that are served in a row */

struct control_client {
	struct control *ctl;
	struct loop_fd fd; /* -1: free place */
	char *in;          /* CTL_REQUEST_MAX + 1 bytes */
	size_t in_len;
	char *out; /* answer that is being sent, or NULL */
	size_t out_len, out_done;
	bool eof;         /* nothing more will come */
	bool closing;     /* close as soon as the answer is out */
	uint32_t wait_id; /* of the reply, 0 = none */
	bool wait_engine; /* the engine's */
	enum command wait_cmd;
	struct loop_timer timer; /* end of waiting: for the reply, or for the client to read */
	struct instant used;
	char who[128];   /* who_fmt() */
	char asked[128]; /* of a command that waits: its words */
};

struct control {
	struct config *c;
	struct loop_fd listen;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct control_client clients[CONTROL_CLIENTS_MAX];
	uint64_t refused[_CONTROL_MAX];
};

static void
client_close(struct control_client *cl)
{
	int fd = cl->fd.fd;

	loop_timer_stop(&cl->ctl->c->loop, &cl->timer);
	loop_del_fd(&cl->ctl->c->loop, &cl->fd);
	close(fd);
	cl->fd.fd = -1;
	free(cl->in);
	free(cl->out);
	cl->in = cl->out = NULL;
}

/* Queues an answer and starts to send it. Takes answer->data. */
static void
client_answer(struct control_client *cl, struct answer *answer)
{
	json_t *root = answer_json(answer);
	char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
	size_t len = text ? strlen(text) : 0;

	json_decref(root);
	if (len > CONTROL_ANSWER_MAX) {
		free(text);
		text = strdup(
			"{\"ok\":false,\"code\":\"failed\",\"error\":\"the answer is too long\"}");
		len = text ? strlen(text) : 0;
	}
	if (!text) {
		cl->closing = true; /* out of memory: the client sees the end */
		return;
	}
	text[len] = '\n'; /* takes the place of the terminator */
	cl->out = text;
	cl->out_len = len + 1;
	cl->out_done = 0;
	loop_timer(
		&cl->ctl->c->loop, &cl->timer, instant_add(loop_now(), CONTROL_STALL_S * NS_PER_S));
}

/* What goes to the engine changes something: who wanted it? */
static void
client_asked(struct control_client *cl, const struct control_request *rq)
{
	int n = snprintf(cl->asked, sizeof(cl->asked), "%s", rq->cmd);

	for (size_t i = 0; i < rq->n_args && n < (int)sizeof(cl->asked); i++)
		n += snprintf(cl->asked + n, sizeof(cl->asked) - (size_t)n, " %s", rq->args[i]);
	eventlog_add(&cl->ctl->c->log, NOTE_OPERATOR, ARG(cl->who), ARG(cl->asked));
}

static void
client_request(struct control_client *cl, const char *line, size_t len)
{
	struct control_request rq;
	struct answer answer = {.arg = -1};
	enum control_reject r = control_decode(line, len, &rq);

	if (r != CONTROL_OK) {
		cl->ctl->refused[r]++;
		cl->closing = true; /* what follows garbage is no request either */
		answer_fail(&answer, ANSWER_USAGE, -1, "%s", control_reject_text(r));
		client_answer(cl, &answer);
		return;
	}
	rq.who = cl->who;
	commands_run(cl->ctl->c, &rq, &answer);
	if (answer.code == ANSWER_WAIT)
		client_asked(cl, &rq);
	control_request_fini(&rq);
	if (answer.code != ANSWER_WAIT) {
		client_answer(cl, &answer);
		return;
	}
	cl->wait_id = answer.wait_id;
	cl->wait_cmd = answer.wait_cmd;
	cl->wait_engine = answer.wait_s == 0;
	loop_timer(&cl->ctl->c->loop, &cl->timer,
		instant_add(loop_now(),
			(answer.wait_s ? answer.wait_s : CONTROL_COMMAND_WAIT_S) * NS_PER_S));
}

/* Takes one line from what was read, if there is a whole one. False: more must be read. */
static bool
client_take_line(struct control_client *cl)
{
	char *nl = memchr(cl->in, '\n', cl->in_len);
	size_t len = nl ? (size_t)(nl - cl->in) : cl->in_len, used = nl ? len + 1 : len;

	if (!nl && cl->in_len <= CTL_REQUEST_MAX && !(cl->eof && cl->in_len > 0))
		return false;
	client_request(cl, cl->in, len);
	cl->in_len -= used;
	memmove(cl->in, cl->in + used, cl->in_len);
	return true;
}

/* False: the client is to be closed. */
static bool
client_send(struct control_client *cl)
{
	ssize_t n = send(cl->fd.fd, cl->out + cl->out_done, cl->out_len - cl->out_done,
		MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	cl->out_done += (size_t)n;
	cl->used = loop_now();
	if (cl->out_done < cl->out_len) {
		loop_timer(&cl->ctl->c->loop, &cl->timer,
			instant_add(cl->used, CONTROL_STALL_S * NS_PER_S));
		return true;
	}
	free(cl->out);
	cl->out = NULL;
	loop_timer_stop(&cl->ctl->c->loop, &cl->timer);
	return true;
}

/* Sends and answers until neither is possible, then waits for the right event. May close. */
static void
client_work(struct control_client *cl)
{
	unsigned done = 0;

	while (!cl->wait_id) {
		if (cl->out && !client_send(cl))
			break;
		if (cl->out) {
			loop_mod_fd(&cl->ctl->c->loop, &cl->fd, EPOLLOUT);
			return;
		}
		if (cl->closing)
			break;
		if (done == CLIENT_BATCH) { /* others first: we are called again at once */
			loop_mod_fd(&cl->ctl->c->loop, &cl->fd, EPOLLOUT);
			return;
		}
		if (!client_take_line(cl)) {
			if (cl->eof)
				break;
			loop_mod_fd(&cl->ctl->c->loop, &cl->fd, EPOLLIN);
			return;
		}
		done++;
	}
	if (!cl->wait_id) {
		client_close(cl);
		return;
	}
	/* Waiting for the engine: only the client's leaving matters, and a half-close is none. */
	loop_mod_fd(&cl->ctl->c->loop, &cl->fd, cl->eof ? 0 : EPOLLRDHUP);
}

static void
client_ready(struct loop_fd *f, uint32_t events)
{
	struct control_client *cl = f->arg;
	ssize_t n;

	if (events & (EPOLLHUP | EPOLLERR)) {
		client_close(cl);
		return;
	}
	if (cl->wait_id) {
		cl->eof = true; /* EPOLLRDHUP: it may still read our answer */
		loop_mod_fd(&cl->ctl->c->loop, &cl->fd, 0);
		return;
	}
	if (!cl->out && (events & EPOLLIN)) {
		n = recv(
			f->fd, cl->in + cl->in_len, CTL_REQUEST_MAX + 1 - cl->in_len, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0) {
			client_close(cl);
			return;
		}
		cl->eof = n == 0;
		cl->in_len += (size_t)n;
		cl->used = loop_now();
	}
	client_work(cl);
}

static void
client_fail(struct control_client *cl, const char *error, const char *hint)
{
	struct answer answer = {.arg = -1};

	cl->wait_id = 0;
	eventlog_add(
		&cl->ctl->c->log, NOTE_OPERATOR_ANSWER, ARG(cl->who), ARG(cl->asked), ARG(error));
	answer_fail(&answer, ANSWER_FAILED, -1, "%s", error);
	answer_hint(&answer, "%s", hint);
	client_answer(cl, &answer);
	client_work(cl);
}

static void
client_timer(struct loop_timer *t, struct instant now)
{
	struct control_client *cl = t->arg;

	(void)now;
	if (cl->wait_id && !cl->wait_engine)
		client_fail(
			cl, "there is no answer yet", "see ha and log for what has become of it");
	else if (cl->wait_id)
		client_fail(cl, "the engine has not answered within 5 seconds",
			"see ha and log for what it is doing; the command may still take effect");
	else
		client_close(cl);
}

/* A free place; when all are taken, that of the client that has been idle longest. */
static struct control_client *
client_place(struct control *ctl)
{
	struct control_client *oldest = NULL;

	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		struct control_client *cl = &ctl->clients[i];

		if (cl->fd.fd < 0)
			return cl;
		if (!cl->wait_id && !cl->out && (!oldest || instant_before(cl->used, oldest->used)))
			oldest = cl;
	}
	if (!oldest || instant_sub(loop_now(), oldest->used) < CONTROL_IDLE_S * NS_PER_S)
		return NULL;
	client_close(oldest);
	return oldest;
}

static void
control_turn_away(int fd)
{
	static const char text[] =
		"{\"ok\":false,\"code\":\"failed\",\"error\":\"too many clients of "
		"the control socket\",\"hint\":\"try again in a moment\"}\n";

	(void)!send(fd, text, sizeof(text) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}

static void
control_accept(struct loop_fd *f, uint32_t events)
{
	struct control *ctl = f->arg;
	struct control_client *cl;
	int fd = accept4(f->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)events;
	if (fd < 0)
		return;
	cl = client_place(ctl);
	if (!cl) {
		control_turn_away(fd);
		return;
	}
	*cl = (struct control_client){.ctl = ctl, .fd = {.fd = -1}, .used = loop_now()};
	cl->in = malloc(CTL_REQUEST_MAX + 1);
	cl->fd.fn = client_ready;
	cl->fd.arg = cl;
	cl->timer.fn = client_timer;
	cl->timer.arg = cl;
	who_fmt(fd, cl->who, sizeof(cl->who));
	if (!cl->in || loop_add_fd(&ctl->c->loop, &cl->fd, fd, EPOLLIN) < 0) {
		free(cl->in);
		cl->fd.fd = -1;
		control_turn_away(fd);
	}
}

/* Bound with a umask that nobody can come before, over a socket file of a process that is gone. */
static int
control_listen(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r;
	mode_t mask;

	if (fd < 0)
		return -errno;
	memcpy(sa.sun_path, path, strlen(path) + 1);
	if (unlink(path) < 0 && errno != ENOENT) {
		r = -errno;
		close(fd);
		return r;
	}
	mask = umask(0177);
	r = bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ? -errno : 0;
	umask(mask);
	if (r == 0 && listen(fd, CONTROL_CLIENTS_MAX) < 0)
		r = -errno;
	if (r < 0)
		close(fd);
	return r < 0 ? r : fd;
}

struct control *
control_open(struct config *c, const char *run_dir)
{
	struct control *ctl = calloc(1, sizeof(*ctl));
	int fd;

	if (!ctl)
		return NULL;
	ctl->c = c;
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		ctl->clients[i].fd.fd = -1;
	fd = -ENAMETOOLONG;
	if ((size_t)snprintf(ctl->path, sizeof(ctl->path), "%s/" CTL_SOCKET, run_dir) <
		sizeof(ctl->path))
		fd = control_listen(ctl->path);
	ctl->listen = (struct loop_fd){.fd = -1, .fn = control_accept, .arg = ctl};
	if (fd >= 0 && loop_add_fd(&c->loop, &ctl->listen, fd, EPOLLIN) == 0)
		return ctl;
	if (fd >= 0)
		close(fd);
	free(ctl);
	errno = fd < 0 ? -fd : EIO;
	return NULL;
}

void
control_close(struct control *ctl)
{
	int fd = ctl->listen.fd;

	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (ctl->clients[i].fd.fd >= 0)
			client_close(&ctl->clients[i]);
	loop_del_fd(&ctl->c->loop, &ctl->listen);
	close(fd);
	unlink(ctl->path);
	free(ctl);
}

void
control_answer(struct control *ctl, uint32_t id, struct answer *answer)
{
	for (size_t i = 0; ctl && i < CONTROL_CLIENTS_MAX; i++) {
		struct control_client *cl = &ctl->clients[i];

		if (cl->fd.fd < 0 || !cl->wait_id || cl->wait_id != id)
			continue;
		cl->wait_id = 0;
		eventlog_add(&ctl->c->log, NOTE_OPERATOR_ANSWER, ARG(cl->who), ARG(cl->asked),
			ARG(answer->code == ANSWER_OK ? "done" : answer->error));
		client_answer(cl, answer);
		client_work(cl);
		return;
	}
	json_decref(answer->data); /* he has left */
	answer->data = NULL;
}

void
control_reply(struct control *ctl, uint32_t id, enum refusal refusal)
{
	struct answer answer;

	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		struct control_client *cl = &ctl->clients[i];

		if (cl->fd.fd < 0 || !cl->wait_id || cl->wait_id != id)
			continue;
		commands_finish(cl->wait_cmd, refusal, &answer);
		control_answer(ctl, id, &answer);
		return;
	}
}

void
control_engine_gone(struct control *ctl)
{
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (ctl->clients[i].fd.fd >= 0 && ctl->clients[i].wait_id &&
			ctl->clients[i].wait_engine)
			client_fail(&ctl->clients[i], "the engine was restarted meanwhile",
				"see log, then try again");
}

const uint64_t *
control_refused(const struct control *ctl)
{
	return ctl->refused;
}
