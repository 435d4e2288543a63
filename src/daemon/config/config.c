/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Start, order and end of the config process. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "daemon/config/config.h"
#include "core/ctl/command.h"
#include "daemon/config/control.h"
#include "daemon/config/edit.h"
#include "daemon/config/trial.h"
#include "sys/ipcsock.h"

#define SETUP_WAIT_MS 5000

void
config_in_force(struct config *c)
{
	int r;

	c->in_force = true;
	eventlog_add(&c->log, NOTE_CONF_IN_FORCE, ARG(c->rev.number));
	links_tell_conf(c);
	r = links_tell_ready(c);
	if (r < 0)
		eventlog_add(&c->log, NOTE_CANNOT_TELL, ARG(PROC_SUPERVISOR), ARG(-r));
}

void
config_stop(struct config *c)
{
	c->stop = true;
	loop_stop(&c->loop, 0);
}

void
config_reply(struct config *c, uint32_t id, enum refusal refusal)
{
	if (c->control)
		control_reply(c->control, id, refusal);
}

void
config_engine_gone(struct config *c)
{
	if (c->control)
		control_engine_gone(c->control);
}

/* The first message: the descriptors to work with. 0 or -errno. */
static int
wait_setup(int fds[SETUP_CONFIG_N])
{
	struct pollfd p = {.fd = SETUP_FD, .events = POLLIN};
	uint8_t buf[IPC_MSG_MAX];
	size_t n_fds = SETUP_CONFIG_N;
	int n;

	if (poll(&p, 1, SETUP_WAIT_MS) <= 0)
		return -ETIMEDOUT;
	n = ipcsock_recv(SETUP_FD, buf, sizeof(buf), fds, &n_fds);
	if (n < 0)
		return n;
	if (n == 0 || ipc_type(buf, (size_t)n) != IPC_SETUP || n_fds != SETUP_CONFIG_N)
		return -EPROTO;
	return 0;
}

/* When the supervisor began, in ns since boot; this process may be younger after a restart. */
static int64_t
service_start(void)
{
	char path[32], line[1024], *p;
	unsigned long long ticks = 0;
	struct timespec now;
	FILE *f;

	clock_gettime(CLOCK_BOOTTIME, &now);
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)getppid());
	f = fopen(path, "re");
	/* Field 22 counted from the end of the name, which may hold anything. */
	if (f && fgets(line, sizeof(line), f) && (p = strrchr(line, ')')) &&
		sscanf(p + 1,
			" %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
			"%*s %*s %llu",
			&ticks) != 1)
		ticks = 0;
	if (f)
		fclose(f);
	if (!ticks)
		return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
	return (int64_t)(ticks * (unsigned long long)(NS_PER_S / sysconf(_SC_CLK_TCK)));
}

static int
config_load(struct config *c)
{
	int r = store_open(&c->store, c->opts->state);

	if (r < 0) {
		eventlog_add(&c->log, NOTE_STORE_FAILED, ARG(c->opts->state), ARG(strerror(-r)));
		return r;
	}
	return trial_load(c);
}

/* Everything that must be there before the loop turns. 0 or -errno (logged). */
static int
config_open(struct config *c, const int *fds)
{
	int r = loop_init(&c->loop);

	if (r < 0) {
		eventlog_add(&c->log, NOTE_CONFIG_FAILED, ARG("event loop"), ARG(strerror(-r)));
		return r;
	}
	links_init(c, SETUP_FD);
	r = pages_open(c, fds[SETUP_CONFIG_ENGINE_PAGE], fds[SETUP_CONFIG_SYNC_PAGE],
		fds[SETUP_CONFIG_HEALTH_PAGE]);
	if (r < 0) {
		eventlog_add(&c->log, NOTE_CONFIG_FAILED, ARG("status pages"), ARG(strerror(-r)));
		return r;
	}
	if (mkdir(c->opts->run, 0755) < 0 && errno != EEXIST)
		eventlog_add(&c->log, NOTE_CONFIG_FAILED, ARG(c->opts->run), ARG(strerror(errno)));
	notes_open(c);
	r = apply_open(c, fds);
	if (r < 0)
		return r;
	herald_open(c);
	strangers_open(c);
	edits_open(c);
	trial_open(c);
	c->control = control_open(c, c->opts->run);
	if (!c->control) {
		r = -errno;
		eventlog_add(&c->log, NOTE_CONFIG_FAILED, ARG("control socket"), ARG(strerror(-r)));
	}
	return r;
}

static void
config_close(struct config *c)
{
	if (c->control)
		control_close(c->control);
	c->control = NULL;
	trial_close(c);
	edits_close(c);
	herald_close(c);
	strangers_close(c);
	links_fini(c);
	notes_close(c);
	pages_close(c);
	apply_close(c);
	loop_fini(&c->loop);
}

static int
config_run(struct config *c)
{
	int fds[SETUP_CONFIG_N], r = wait_setup(fds), status;

	if (r < 0) {
		eventlog_add(&c->log, NOTE_CONFIG_FAILED, ARG("no setup from the supervisor"),
			ARG(strerror(-r)));
		return 1;
	}
	r = eventlog_open(&c->log, fds[SETUP_CONFIG_LOG_PAGE]);
	if (r < 0)
		eventlog_add(&c->log, NOTE_CONFIG_FAILED, ARG("log"), ARG(strerror(-r)));
	notes_poll(c, loop_now()); /* the supervisor's first words */
	if (config_load(c) < 0)
		return CONFIG_EXIT_INVALID;
	if (config_open(c, fds) < 0)
		return 1;
	apply_start(c);
	status = loop_run(&c->loop);
	if (c->stop)
		apply_remove(c);
	config_close(c);
	return status < 0 ? 1 : status;
}

int
config_main(const struct daemon_opts *o)
{
	static struct config c;
	int status;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN); /* Ctrl-C reaches the supervisor as well, which ends us in order */
	c.opts = o;
	c.started = loop_now();
	c.service_started_ns = service_start();
	eventlog_init(&c.log);
	if (sodium_init() < 0) {
		eventlog_add(&c.log, NOTE_CONFIG_FAILED, ARG("libsodium"), ARG("does not start"));
		return 1;
	}
	status = config_run(&c);
	revision_fini(&c.rev);
	store_close(&c.store);
	eventlog_fini(&c.log);
	return status;
}
