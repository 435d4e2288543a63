/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looks after the hardware, in a process of its own beside tw-probe: each check runs in a forked
 * worker with a time limit and with no more rights than it needs, so that a disk or a sensor that
 * never answers holds up nothing. A worker that does not end is killed; while it is still there,
 * as in a kernel that waits for a dead disk, there is no second one of its kind.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/capability.h>
#include "daemon/supertell.h"
#include "daemon/probe/probe.h"
#include "sys/hardware.h"
#include "sys/ipcsock.h"
#include "sys/sandbox.h"

#define CAPS_MAX 2
#define SMARTCTL "/usr/sbin/smartctl"

struct keeper;

struct check {
	const char *name; /* also of the process: tw-probe-NAME */
	enum health_part part;
	int64_t period_ns, limit_ns;
	void (*fn)(const struct keeper *k, struct finding *out);
	bool confined; /* to the system calls of `kind` */
	enum sandbox_kind kind;
	size_t n_caps;
	int caps[CAPS_MAX];
};

struct task {
	struct keeper *keeper;
	const struct check *check;
	pid_t pid; /* 0 = no worker */
	struct loop_fd sock;
	struct instant started, next;
	bool late, answered;
	struct finding found;
};

enum {
	CHECK_STATE_DIR,
	CHECK_SMART,
	CHECK_TPM,
	CHECK_POWER,
	CHECK_FANS,
	CHECK_TEMPERATURE,
	CHECK_WATCHDOG,
	CHECK_N
};

struct keeper {
	const char *state;
	bool tpm;
	struct loop loop;
	struct loop_timer timer;
	struct loop_fd main, signals;
	struct task tasks[CHECK_N];
};

static void
check_state_dir(const struct keeper *k, struct finding *out)
{
	hw_state_dir(k->state, out);
}

static void
check_smart(const struct keeper *k, struct finding *out)
{
	hw_smart("", k->state, SMARTCTL, out);
}

static void
check_tpm(const struct keeper *k, struct finding *out)
{
	(void)k;
	hw_tpm("", out);
}

static void
check_power(const struct keeper *k, struct finding *out)
{
	(void)k;
	hw_power("", out);
}

static void
check_fans(const struct keeper *k, struct finding *out)
{
	(void)k;
	hw_fans("", out);
}

static void
check_temperature(const struct keeper *k, struct finding *out)
{
	(void)k;
	hw_temperature("", out);
}

static void
check_watchdog(const struct keeper *k, struct finding *out)
{
	const struct finding *last = &k->tasks[CHECK_WATCHDOG].found;

	hw_watchdog("", last->value != HEALTH_UNKNOWN, out);
}

#define S *NS_PER_S

static const struct check checks[CHECK_N] = {
	[CHECK_STATE_DIR] = {"state", HEALTH_DISKS, 10 S, 20 S, check_state_dir, true,
		SANDBOX_WRITER, 0, {0}},
	[CHECK_SMART] = {"smart", HEALTH_DISKS, 60 S, 20 S, check_smart, false, SANDBOX_READER, 2,
		{CAP_SYS_RAWIO, CAP_SYS_ADMIN}},
	[CHECK_TPM] = {"tpm", HEALTH_TPM, 60 S, 5 S, check_tpm, true, SANDBOX_READER, 1,
		{CAP_DAC_OVERRIDE}},
	[CHECK_POWER] = {"power", HEALTH_POWER, 10 S, 5 S, check_power, true, SANDBOX_READER, 0,
		{0}},
	[CHECK_FANS] = {"fans", HEALTH_FANS, 10 S, 5 S, check_fans, true, SANDBOX_READER, 0, {0}},
	[CHECK_TEMPERATURE] = {"heat", HEALTH_TEMPERATURE, 10 S, 5 S, check_temperature, true,
		SANDBOX_READER, 0, {0}},
	[CHECK_WATCHDOG] = {"watch", HEALTH_WATCHDOG, 30 S, 5 S, check_watchdog, true,
		SANDBOX_READER, 0, {0}},
};

static void
plan(struct keeper *k)
{
	struct instant at = INSTANT_NEVER;

	for (unsigned i = 0; i < CHECK_N; i++) {
		const struct task *t = &k->tasks[i];

		if (!t->pid)
			at = instant_min(at, t->next);
		else if (!t->late)
			at = instant_min(at, instant_add(t->started, t->check->limit_ns));
	}
	loop_timer(&k->loop, &k->timer, at);
}

/* A part may have several checks: the worst counts. */
static void
tell(struct keeper *k, enum health_part part)
{
	struct finding all = {.part = part, .value = HEALTH_UNKNOWN};
	uint8_t msg[512];

	for (unsigned i = 0; i < CHECK_N; i++) {
		const struct task *t = &k->tasks[i];

		if (t->check->part != part)
			continue;
		all.late |= t->late;
		if (t->found.value < all.value)
			all.value = t->found.value;
		if (t->found.text[0])
			hw_text(&all, "%s", t->found.text);
	}
	ipcsock_send(k->main.fd, msg, ipc_encode_finding(&all, msg, sizeof(msg)), NULL, 0);
}

/* A task without an answer of its worker. */
static void
give_up(struct task *t, const char *why)
{
	t->found = (struct finding){.part = t->check->part, .value = HEALTH_UNKNOWN};
	hw_text(&t->found, "the check '%s' %s", t->check->name, why);
	tell(t->keeper, t->check->part);
}

static void
read_answer(struct task *t)
{
	struct finding f;
	uint8_t msg[512];
	int n = ipcsock_recv(t->sock.fd, msg, sizeof(msg), NULL, NULL);

	if (n > 0 && !t->late && ipc_decode_finding(msg, (size_t)n, &f) &&
		f.part == t->check->part) {
		t->answered = true;
		t->found = f;
		tell(t->keeper, f.part);
	}
}

static void
on_answer(struct loop_fd *f, uint32_t events)
{
	struct task *t = f->arg;

	(void)events;
	read_answer(t);
	loop_mod_fd(&t->keeper->loop, f, 0); /* its end comes by SIGCHLD */
}

/* The worker's life. */
static void
work(const struct task *t, int sock)
{
	struct finding out = {.part = t->check->part, .value = HEALTH_UNKNOWN};
	uint8_t msg[512];
	char name[16];
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(name, sizeof(name), "tw-probe-%s", t->check->name);
	prctl(PR_SET_NAME, name);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (sandbox_caps_only(t->check->caps, t->check->n_caps) < 0 ||
		(t->check->confined && sandbox_syscalls(t->check->kind) < 0))
		_exit(2);
	t->check->fn(t->keeper, &out);
	ipcsock_send(sock, msg, ipc_encode_finding(&out, msg, sizeof(msg)), NULL, 0);
	_exit(0);
}

static void
start(struct task *t, struct instant now)
{
	struct keeper *k = t->keeper;
	pid_t me = getpid();
	int fds[2];

	t->started = now;
	t->late = t->answered = false;
	t->next = instant_add(now, t->check->period_ns);
	if (ipcsock_pair(fds) < 0)
		return;
	t->pid = fork();
	if (t->pid == 0) {
		setpgid(0, 0); /* with what it starts itself */
		if (getppid() == me)
			work(t, fds[1]);
		_exit(1);
	}
	close(fds[1]);
	if (t->pid < 0 || loop_add_fd(&k->loop, &t->sock, fds[0], EPOLLIN) < 0)
		close(fds[0]);
	if (t->pid < 0) {
		t->pid = 0;
		give_up(t, "cannot be started");
		return;
	}
	setpgid(t->pid, t->pid);
}

static void
ended(struct task *t)
{
	int fd = t->sock.fd;

	if (fd >= 0) {
		read_answer(t);
		loop_del_fd(&t->keeper->loop, &t->sock);
		close(fd);
		t->sock.fd = -1;
	}
	t->pid = 0;
	if (!t->answered && !t->late)
		give_up(t, "ended without an answer");
	t->late = false;
}

static void
on_signal(struct loop_fd *f, uint32_t events)
{
	struct keeper *k = f->arg;
	struct signalfd_siginfo si;
	pid_t pid;

	(void)events;
	while (read(f->fd, &si, sizeof(si)) == sizeof(si))
		;
	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		for (unsigned i = 0; i < CHECK_N; i++)
			if (k->tasks[i].pid == pid)
				ended(&k->tasks[i]);
	plan(k);
}

static void
on_timer(struct loop_timer *timer, struct instant now)
{
	struct keeper *k = timer->arg;

	for (unsigned i = 0; i < CHECK_N; i++) {
		struct task *t = &k->tasks[i];

		if (!t->pid && instant_reached(now, t->next)) {
			if (i == CHECK_TPM && !k->tpm)
				t->next = INSTANT_NEVER;
			else
				start(t, now);
		} else if (t->pid && !t->late &&
			   instant_sub(now, t->started) >= t->check->limit_ns) {
			t->late = true;
			kill(-t->pid, SIGKILL);
			give_up(t, "does not end");
		}
	}
	plan(k);
}

static void
on_main(struct loop_fd *f, uint32_t events)
{
	static uint8_t msg[IPC_MSG_MAX];
	static struct probe_conf conf;
	struct keeper *k = f->arg;
	struct task *tpm = &k->tasks[CHECK_TPM];
	int n = ipcsock_recv(f->fd, msg, sizeof(msg), NULL, NULL);

	(void)events;
	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		loop_stop(&k->loop, 0); /* tw-probe has ended */
		return;
	}
	if (!ipc_decode_probe_conf(msg, (size_t)n, &conf) || conf.tpm == k->tpm)
		return;
	k->tpm = conf.tpm;
	tpm->next = loop_now();
	tpm->found = (struct finding){.part = HEALTH_TPM, .value = HEALTH_UNKNOWN};
	tell(k, HEALTH_TPM);
	plan(k);
}

static int
prepare(struct keeper *k, int sock)
{
	sigset_t set;
	int fd, r = loop_init(&k->loop);

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (r < 0 || fd < 0)
		return r < 0 ? r : -errno;
	k->signals.fn = on_signal;
	k->main.fn = on_main;
	k->timer.fn = on_timer;
	k->signals.arg = k->main.arg = k->timer.arg = k;
	for (unsigned i = 0; i < CHECK_N; i++) {
		struct task *t = &k->tasks[i];

		t->keeper = k;
		t->check = &checks[i];
		t->sock.fd = -1;
		t->sock.fn = on_answer;
		t->sock.arg = t;
		t->found = (struct finding){.part = t->check->part, .value = HEALTH_UNKNOWN};
	}
	r = loop_add_fd(&k->loop, &k->signals, fd, EPOLLIN);
	return r < 0 ? r : loop_add_fd(&k->loop, &k->main, sock, EPOLLIN);
}

static int
keeper_main(const char *state, int sock)
{
	/* what its workers are given, and the right to take it away */
	static const int caps[] = {CAP_DAC_OVERRIDE, CAP_SYS_RAWIO, CAP_SYS_ADMIN, CAP_SETPCAP};
	static struct keeper keeper;
	int r;

	keeper.state = state;
	close(SETUP_FD);
	r = prepare(&keeper, sock);
	if (r < 0) {
		child_unable(NULL, PROC_PROBE, -r); /* the ring is the other process's */
		return 1;
	}
	r = sandbox_caps_only(caps, sizeof(caps) / sizeof(caps[0]));
	if (r < 0)
		SUPER_TELL(NULL, NOTE_NO_CONFINEMENT, PROC_PROBE, -r);
	plan(&keeper);
	loop_run(&keeper.loop);
	return 0;
}

int
keeper_start(const char *state)
{
	pid_t parent = getpid(), pid;
	int fds[2], r = ipcsock_pair(fds);

	if (r < 0)
		return r;
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "tw-probe-keeper");
		log_init("tw-probe-keeper");
		close(fds[0]);
		_exit(getppid() == parent ? keeper_main(state, fds[1]) : 1);
	}
	close(fds[1]);
	if (pid < 0) {
		r = -errno;
		close(fds[0]);
		return r;
	}
	return fds[0];
}
