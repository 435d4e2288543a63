/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control socket's server with real sockets: a child process serves, this one is its clients
 * and its engine. Everything that a client may do wrong must leave the others unharmed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "core/ctl/command.h"
#include "daemon/config/config.h"
#include "daemon/config/control.h"
#include "sys/ipcsock.h"

#define WAIT_MS 10000

struct place {
	char dir[64];
	pid_t server;
	int supervisor, engine; /* our ends */
};

static void
serve(const struct place *p, int supervisor)
{
	static struct config c;
	static const struct daemon_opts opts = {.etc = "/nowhere/etc", .state = "/nowhere/state"};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	c.opts = &opts;
	eventlog_init(&c.log);
	if (loop_init(&c.loop) < 0)
		_exit(10);
	links_init(&c, supervisor);
	c.control = control_open(&c, p->dir);
	if (!c.control)
		_exit(11);
	loop_run(&c.loop);
	control_close(c.control);
	c.control = NULL;
	links_fini(&c);
	loop_fini(&c.loop);
	eventlog_fini(&c.log);
	exit(c.stop ? 0 : 12);
}

static int
place_connect(const struct place *p)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd;

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/control.sock", p->dir);
	for (unsigned i = 0; i < WAIT_MS; i++) { /* until it listens */
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
			return fd;
		close(fd);
		usleep(1000);
	}
	fail_msg("nobody listens");
	return -1;
}

static int
setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	struct ipc_link link = {.proc = PROC_ENGINE};
	int sup[2], eng[2];
	uint8_t msg[16];

	strcpy(p->dir, "/tmp/tw-ctl-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	assert_int_equal(ipcsock_pair(sup), 0);
	assert_int_equal(ipcsock_pair(eng), 0);
	p->server = fork();
	if (p->server == 0) {
		close(sup[0]);
		close(eng[0]);
		close(eng[1]);
		serve(p, sup[1]);
	}
	close(sup[1]);
	assert_int_equal(
		ipcsock_send(sup[0], msg, ipc_encode_link(&link, msg, sizeof(msg)), &eng[1], 1), 0);
	close(eng[1]);
	p->supervisor = sup[0];
	p->engine = eng[0];
	*state = p;
	close(place_connect(p));
	return 0;
}

static int
teardown(void **state)
{
	struct place *p = *state;
	uint8_t msg[16];
	char path[128];
	int status;

	ipcsock_send(p->supervisor, msg, ipc_encode_plain(IPC_STOP, msg, sizeof(msg)), NULL, 0);
	assert_int_equal(waitpid(p->server, &status, 0), p->server);
	assert_int_equal(status, 0);
	close(p->supervisor);
	close(p->engine);
	snprintf(path, sizeof(path), "%s/control.sock", p->dir);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(rmdir(p->dir), 0);
	free(p);
	return 0;
}

static void
put(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* One answer line without its newline; NULL at the end of the connection. */
static json_t *
answer(int fd)
{
	size_t size = 1 << 20, len = 0;
	char *buf = malloc(size);
	json_error_t err;
	json_t *o = NULL;

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		assert_true(len < size);
		assert_int_equal(poll(&p, 1, WAIT_MS), 1);
		if (recv(fd, buf + len, 1, 0) != 1)
			break;
		if (buf[len++] != '\n')
			continue;
		o = json_loadb(buf, len, 0, &err);
		assert_non_null(o);
		break;
	}
	free(buf);
	return o;
}

static void
expect(int fd, bool ok, const char *code)
{
	json_t *o = answer(fd);

	assert_non_null(o);
	assert_int_equal(json_is_true(json_object_get(o, "ok")), ok);
	if (code)
		assert_string_equal(json_string_value(json_object_get(o, "code")), code);
	json_decref(o);
}

static void
expect_end(int fd)
{
	assert_null(answer(fd));
	close(fd);
}

static const char help[] = "{\"v\":1,\"cmd\":\"help\"}\n";

static void
test_mode(void **state)
{
	struct place *p = *state;
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/control.sock", p->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void
test_answers(void **state)
{
	int fd = place_connect(*state);

	put(fd, help);
	expect(fd, true, NULL);
	put(fd, "{\"v\":1,\"cmd\":\"help\",\"args\":[\"IPRule\"]}\n");
	expect(fd, true, NULL);
	put(fd, "{\"v\":1,\"cmd\":\"nothing\"}\n");
	expect(fd, false, "usage");
	put(fd, "{\"v\":1,\"cmd\":\"wizard\"}\n");
	expect(fd, false, "later");
	put(fd, "{\"v\":1,\"cmd\":\"log\",\"args\":[\"0\"]}\n");
	expect(fd, false, "usage");
	put(fd, help); /* still open */
	expect(fd, true, NULL);
	close(fd);
}

/* In pieces, several at once, and without a newline at the end of the connection. */
static void
test_framing(void **state)
{
	int fd = place_connect(*state);

	for (size_t i = 0; i < sizeof(help) - 1; i++)
		assert_int_equal(send(fd, help + i, 1, 0), 1);
	expect(fd, true, NULL);
	for (int i = 0; i < 50; i++)
		put(fd, help);
	for (int i = 0; i < 50; i++)
		expect(fd, true, NULL);
	put(fd, "{\"v\":1,\"cmd\":\"help\"}");
	shutdown(fd, SHUT_WR);
	expect(fd, true, NULL);
	expect_end(fd);
}

static void
test_garbage(void **state)
{
	static const char *const bad[] = {"\n", "x\n", "{\"v\":2,\"cmd\":\"ha\"}\n", "[]\n{}\n"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int fd = place_connect(*state);

		put(fd, bad[i]);
		expect(fd, false, "usage");
		expect_end(fd);
	}
}

static void
test_too_long(void **state)
{
	int fd = place_connect(*state);
	char *text = malloc(CTL_REQUEST_MAX + 2);

	memset(text, 'x', CTL_REQUEST_MAX + 1);
	text[CTL_REQUEST_MAX + 1] = '\0';
	put(fd, text);
	expect(fd, false, "usage");
	expect_end(fd);
	free(text);
}

/* One that never reads its answers, one that left in the middle of a request. */
static void
test_others_unharmed(void **state)
{
	int slow = place_connect(*state), half = place_connect(*state), fd = place_connect(*state);
	struct timeval tv = {.tv_usec = 200000};

	setsockopt(slow, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	while (send(slow, help, sizeof(help) - 1, MSG_NOSIGNAL) > 0)
		; /* until the server takes no more */
	put(half, "{\"v\":1,\"cm");
	for (int i = 0; i < 100; i++) {
		put(fd, help);
		expect(fd, true, NULL);
	}
	close(half);
	put(fd, help);
	expect(fd, true, NULL);
	close(slow);
	put(fd, help);
	expect(fd, true, NULL);
	close(fd);
}

static void
test_places(void **state)
{
	int fd[CONTROL_CLIENTS_MAX], more;

	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		fd[i] = place_connect(*state);
		put(fd[i], help);
		expect(fd[i], true, NULL);
	}
	more = place_connect(*state);
	expect(more, false, "failed");
	expect_end(more);
	close(fd[7]);
	more = place_connect(*state); /* the server sees the end before the new client */
	put(more, help);
	expect(more, true, NULL);
	close(more);
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (i != 7)
			close(fd[i]);
}

static struct ipc_command
engine_asked(const struct place *p)
{
	struct pollfd f = {.fd = p->engine, .events = POLLIN};
	struct ipc_command m;
	uint8_t msg[64];
	int n;

	assert_int_equal(poll(&f, 1, WAIT_MS), 1);
	n = ipcsock_recv(p->engine, msg, sizeof(msg), NULL, NULL);
	assert_true(n > 0);
	assert_true(ipc_decode_command(msg, (size_t)n, &m));
	return m;
}

static void
engine_reply(const struct place *p, uint32_t id, enum refusal refusal)
{
	struct ipc_reply m = {.id = id, .refusal = refusal};
	uint8_t msg[64];

	assert_int_equal(
		ipcsock_send(p->engine, msg, ipc_encode_reply(&m, msg, sizeof(msg)), NULL, 0), 0);
}

static const char activate[] = "{\"v\":1,\"cmd\":\"ha\",\"args\":[\"-activate\"]}\n";

/* Replies go to the one who asked, in any order; others are served meanwhile. */
static void
test_engine(void **state)
{
	struct place *p = *state;
	int a = place_connect(p), b = place_connect(p), c = place_connect(p);
	struct ipc_command first, second;

	put(a, activate);
	first = engine_asked(p);
	assert_int_equal(first.cmd, CMD_ACTIVATE);
	put(b, "{\"v\":1,\"cmd\":\"arp\",\"args\":[\"-notify\"]}\n");
	second = engine_asked(p);
	assert_int_equal(second.cmd, CMD_ANNOUNCE);
	assert_int_not_equal(first.id, second.id);
	put(c, help);
	expect(c, true, NULL);
	engine_reply(p, 0, REFUSE_NONE); /* nobody's */
	engine_reply(p, 4711, REFUSE_NONE);
	engine_reply(p, second.id, REFUSE_NONE);
	expect(b, true, NULL);
	engine_reply(p, first.id, REFUSE_PEER_NOT_ALIVE);
	expect(a, false, "refused");
	engine_reply(p, first.id, REFUSE_NONE); /* twice */
	put(a, help);
	expect(a, true, NULL);
	close(a);
	close(b);
	close(c);
}

/* Every refusal has a reason and a way out, and names the node that it is about. */
static void
test_refusals(void **state)
{
	static const struct {
		const char *says, *not ;
	} words[_REFUSE_MAX] = {
		[REFUSE_PEER_NOT_ALIVE] = {"the other node is", "this node"},
		[REFUSE_PEER_NOT_ABLE] = {"the other node is", "this node is"},
		[REFUSE_PEER_WORSE] = {"the other node's quality is lower", "this node"},
		[REFUSE_NOT_ABLE] = {"this node is", "other node is"},
		[REFUSE_ALREADY_FORCED] = {"the other node is", "this node"},
		[REFUSE_NOT_SYNCED] = {"this node does not", "other node"},
		[REFUSE_TIMEOUT] = {"the other node did not", "this node"},
		[REFUSE_BUSY] = {"another change", "other node"},
		[REFUSE_NOT_ENABLED] = {"not enabled", "other node"},
		[REFUSE_NOT_ACTIVE] = {"this node is not", "other node"},
		[REFUSE_WORSE] = {"this node's quality is lower", "other node"},
		[REFUSE_PEER_NOT_SYNCED] = {"the other node does not", "this node"},
		[REFUSE_SYNC_LOST] = {"waiting does not help", "100%"},
	};
	struct place *p = *state;
	int fd = place_connect(p);
	char text[1100];

	for (int r = REFUSE_NONE + 1; r < _REFUSE_MAX; r++) {
		json_t *o;

		put(fd, activate);
		engine_reply(p, engine_asked(p).id, (enum refusal)r);
		o = answer(fd);
		snprintf(text, sizeof(text), "%s; %s",
			json_string_value(json_object_get(o, "error")),
			json_string_value(json_object_get(o, "hint")));
		assert_true(json_string_length(json_object_get(o, "hint")) > 10);
		assert_non_null(words[r].says);
		if (!strstr(text, words[r].says) || strstr(text, words[r].not ))
			fail_msg("refusal %d: %s", r, text);
		json_decref(o);
	}
	close(fd);
}

/* A client that half-closes gets its answer; one that leaves is forgotten. */
static void
test_leaving(void **state)
{
	struct place *p = *state;
	int a = place_connect(p), b = place_connect(p);
	struct ipc_command first, second;

	put(a, activate);
	first = engine_asked(p);
	shutdown(a, SHUT_WR);
	put(b, activate);
	second = engine_asked(p);
	close(b);
	engine_reply(p, second.id, REFUSE_NONE);
	engine_reply(p, first.id, REFUSE_NONE);
	expect(a, true, NULL);
	expect_end(a);
}

static void
test_engine_gone(void **state)
{
	struct place *p = *state;
	int fd = place_connect(p);

	put(fd, activate);
	engine_asked(p);
	shutdown(p->engine, SHUT_RDWR);
	expect(fd, false, "failed");
	put(fd, activate);
	expect(fd, false, "failed");
	put(fd, help);
	expect(fd, true, NULL);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_mode, setup, teardown),
		cmocka_unit_test_setup_teardown(test_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_framing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_garbage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_long, setup, teardown),
		cmocka_unit_test_setup_teardown(test_others_unharmed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_places, setup, teardown),
		cmocka_unit_test_setup_teardown(test_engine, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_leaving, setup, teardown),
		cmocka_unit_test_setup_teardown(test_engine_gone, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
