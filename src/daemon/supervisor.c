/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The supervisor: loads the gate once, starts engine, statesync, config and probe, introduces them
 * to each other, starts again what dies, and ends them in order. It holds the gate's page only to
 * shut it when the engine is dead.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include "daemon/setup.h"
#include "daemon/supertell.h"
#include "sys/gate.h"
#include "sys/ipcsock.h"
#include "sys/loop.h"
#include "sys/sandbox.h"

#define STOP_PATIENCE_NS (5 * NS_PER_S)  /* each stage of an orderly end */
#define RESPAWN_QUICK_NS (10 * NS_PER_S) /* dying again within this time … */
#define RESPAWN_WAIT_NS  (1 * NS_PER_S)  /* … waits so long before the next start */

enum stage { RUNNING, STOPPING_ENGINE, STOPPING_OTHERS };

struct child {
	struct supervisor *sup;
	enum proc proc;
	pid_t pid; /* 0 = not running */
	struct loop_fd fd;
	struct loop_timer respawn;
	struct instant started;
	unsigned quick_deaths;
};

struct supervisor {
	const struct daemon_opts *opts;
	struct loop loop;
	struct loop_fd signals;
	struct loop_timer patience, restart;
	struct gate_fds gate;
	volatile struct gate_words *words;
	int engine_page, sync_page, log_page, health_page, lock;
	struct log_page *log; /* NULL until it is there */
	struct child children[_PROC_MAX];
	enum stage stage;
	bool again; /* start anew instead of ending */
	int status;
};

static const char *const role_name_of[_PROC_MAX] = {
	[PROC_SUPERVISOR] = "supervisor",
	[PROC_ENGINE] = "engine",
	[PROC_STATESYNC] = "statesync",
	[PROC_CONFIG] = "config",
	[PROC_PROBE] = "probe",
};

static void spawn(struct supervisor *s, enum proc proc);
static void stop_engine(struct supervisor *s);

/* systemd's readiness protocol (sd_notify(3)): one datagram. */
static void
notify_systemd(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd;

	if (!path || strlen(path) >= sizeof(un.sun_path))
		return;
	strcpy(un.sun_path, path);
	if (un.sun_path[0] == '@')
		un.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&un,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
	close(fd);
}

static int
send_plain(struct child *c, enum ipc_type type)
{
	uint8_t msg[16];

	if (!c->pid)
		return -ESRCH;
	return ipcsock_send(c->fd.fd, msg, ipc_encode_plain(type, msg, sizeof(msg)), NULL, 0);
}

static int
send_setup(struct supervisor *s, enum proc proc, int fd)
{
	int fds[IPC_FDS_MAX];
	uint8_t msg[16];
	size_t n = 0;

	switch (proc) {
	case PROC_ENGINE:
		fds[n++] = s->gate.map;
		fds[n++] = s->engine_page;
		break;
	case PROC_STATESYNC:
		fds[n++] = s->sync_page;
		fds[n++] = s->engine_page;
		break;
	case PROC_CONFIG:
		fds[n++] = s->gate.prog_in;
		fds[n++] = s->gate.prog_out;
		fds[n++] = s->gate.ports;
		fds[n++] = s->engine_page;
		fds[n++] = s->sync_page;
		fds[n++] = s->log_page;
		fds[n++] = s->health_page;
		break;
	case PROC_PROBE:
		fds[n++] = s->engine_page;
		fds[n++] = s->health_page;
		break;
	case PROC_SUPERVISOR:
	case _PROC_MAX:
		break;
	}
	return ipcsock_send(fd, msg, ipc_encode_plain(IPC_SETUP, msg, sizeof(msg)), fds, n);
}

static void
close_pair(const int fds[2])
{
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* A new socket between two children; each learns who is at the other end. */
static void
introduce(struct child *a, struct child *b)
{
	struct child *ends[2] = {a, b};
	int fds[2] = {-1, -1}, r;

	if (!a->pid || !b->pid)
		return;
	r = ipcsock_pair(fds);
	for (int i = 0; !r && i < 2; i++) {
		struct ipc_link m = {.proc = ends[!i]->proc};
		uint8_t msg[16];

		r = ipcsock_send(
			ends[i]->fd.fd, msg, ipc_encode_link(&m, msg, sizeof(msg)), &fds[i], 1);
	}
	if (r < 0)
		SUPER_TELL(a->sup->log, NOTE_PROCESS_APART, a->proc, b->proc, -r);
	close_pair(fds);
}

/* State sync and probe have nothing to say to each other. */
static bool
have_to_talk(enum proc a, enum proc b)
{
	return !(a == PROC_PROBE && b == PROC_STATESYNC) &&
	       !(a == PROC_STATESYNC && b == PROC_PROBE);
}

static void
introduce_to_all(struct supervisor *s, enum proc proc)
{
	for (enum proc other = PROC_ENGINE; other < _PROC_MAX; other++)
		if (other != proc && have_to_talk(proc, other))
			introduce(&s->children[proc], &s->children[other]);
}

static void
on_child_message(struct loop_fd *f, uint32_t events)
{
	struct child *c = f->arg;
	struct supervisor *s = c->sup;
	struct ipc_shutdown shut;
	uint8_t msg[256];
	int n;

	(void)events;
	n = ipcsock_recv(f->fd, msg, sizeof(msg), NULL, NULL);
	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		loop_mod_fd(&s->loop, f, 0); /* SIGCHLD tells the rest */
		return;
	}
	switch (ipc_type(msg, (size_t)n)) {
	case IPC_READY:
		notify_systemd("READY=1");
		break;
	case IPC_SHUTDOWN:
		if (s->stage == RUNNING && ipc_decode_shutdown(msg, (size_t)n, &shut)) {
			SUPER_TELL(s->log, NOTE_RESTART_ASKED, shut.seconds);
			loop_timer(&s->loop, &s->restart,
				instant_add(loop_now(), shut.seconds * NS_PER_S));
		}
		break;
	case IPC_STOPPED:
		break; /* it exits now */
	}
}

/*
 * The engine has the last processor to itself, as far as our own processes go: a walk through the
 * flow table keeps a processor in the kernel for ten milliseconds and more, and real-time priority
 * does not interrupt it there. With a single processor there is nothing to share out.
 */
static void
choose_processor(enum proc proc)
{
	cpu_set_t all, mine;
	int last = -1;

	if (sched_getaffinity(0, sizeof(all), &all) < 0 || CPU_COUNT(&all) < 2)
		return;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &all))
			last = cpu;
	CPU_ZERO(&mine);
	if (proc == PROC_ENGINE) {
		CPU_SET(last, &mine);
	} else {
		mine = all;
		CPU_CLR(last, &mine);
	}
	sched_setaffinity(0, sizeof(mine), &mine);
}

/* In the child between fork and exec: only what is safe there. */
static void
exec_child(const struct supervisor *s, enum proc proc, int fd, bool warm, pid_t parent)
{
	const struct daemon_opts *o = s->opts;
	const char *argv[] = {"twinwalld", "--role", role_name_of[proc], "--etc", o->etc, "--state",
		o->state, "--run", o->run, warm ? "--warm" : NULL, NULL};
	sigset_t none;

	setpgid(0,
		0); /* Ctrl-C on a terminal is the supervisor's business: it ends them in order */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1); /* it died before the signal was asked for */
	choose_processor(proc);
	if (proc == PROC_ENGINE) /* its start, too, must not wait for those who keep busy */
		sandbox_priority(ENGINE_PRIORITY);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(fd, SETUP_FD) < 0 || (fd == SETUP_FD && fcntl(fd, F_SETFD, 0) < 0))
		_exit(1);
	execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
	_exit(127);
}

static void
spawn(struct supervisor *s, enum proc proc)
{
	struct child *c = &s->children[proc];
	bool warm = c->started.ns != 0;
	pid_t parent = getpid(), pid;
	int fds[2] = {-1, -1}, r;

	r = ipcsock_pair(fds);
	if (!r)
		r = send_setup(s, proc, fds[0]);
	pid = r ? -1 : fork();
	if (pid == 0)
		exec_child(s, proc, fds[1], warm, parent);
	if (pid < 0) {
		SUPER_TELL(s->log, NOTE_PROCESS_FAILED, proc, r ? -r : errno);
		close_pair(fds);
		loop_timer(&s->loop, &c->respawn, instant_add(loop_now(), RESPAWN_WAIT_NS));
		return;
	}
	close(fds[1]);
	c->pid = pid;
	c->started = loop_now();
	loop_add_fd(&s->loop, &c->fd, fds[0], EPOLLIN);
	if (warm)
		SUPER_TELL(s->log, NOTE_PROCESS_RUNS, proc, pid);
	introduce_to_all(s, proc);
}

static void
on_respawn(struct loop_timer *t, struct instant now)
{
	struct child *c = t->arg;

	(void)now;
	if (c->sup->stage == RUNNING && !c->pid)
		spawn(c->sup, c->proc);
}

static void
finish(struct supervisor *s, int status)
{
	loop_stop(&s->loop, status);
}

static bool
all_gone(const struct supervisor *s)
{
	for (enum proc p = PROC_ENGINE; p < _PROC_MAX; p++)
		if (s->children[p].pid)
			return false;
	return true;
}

static void
stop_others(struct supervisor *s)
{
	s->stage = STOPPING_OTHERS;
	for (enum proc p = PROC_ENGINE; p < _PROC_MAX; p++)
		send_plain(&s->children[p], IPC_STOP);
	loop_timer(&s->loop, &s->patience, instant_add(loop_now(), STOP_PATIENCE_NS));
	if (all_gone(s))
		finish(s, s->status);
}

static void
stop_engine(struct supervisor *s)
{
	if (s->stage != RUNNING)
		return;
	notify_systemd("STOPPING=1");
	s->stage = STOPPING_ENGINE;
	loop_timer(&s->loop, &s->patience, instant_add(loop_now(), STOP_PATIENCE_NS));
	if (send_plain(&s->children[PROC_ENGINE], IPC_STOP) < 0)
		stop_others(s);
}

/* Somebody does not end by himself. */
static void
on_patience(struct loop_timer *t, struct instant now)
{
	struct supervisor *s = t->arg;

	(void)now;
	for (enum proc p = PROC_ENGINE; p < _PROC_MAX; p++) {
		if (!s->children[p].pid || (s->stage == STOPPING_ENGINE && p != PROC_ENGINE))
			continue;
		SUPER_TELL(s->log, NOTE_PROCESS_STUCK, p);
		kill(s->children[p].pid, SIGKILL);
	}
}

static void
explain_death(const struct child *c, int wstatus)
{
	if (WIFSIGNALED(wstatus))
		SUPER_TELL(c->sup->log, NOTE_PROCESS_KILLED, c->proc, c->pid, WTERMSIG(wstatus));
	else
		SUPER_TELL(c->sup->log, NOTE_PROCESS_ENDED, c->proc, c->pid, WEXITSTATUS(wstatus));
}

static void
child_died(struct supervisor *s, struct child *c, int wstatus)
{
	int fd = c->fd.fd;
	bool quick = instant_sub(loop_now(), c->started) < RESPAWN_QUICK_NS;

	if (c->proc == PROC_ENGINE)
		gate_close(s->words); /* before anything else: a dead engine forwards nothing */
	loop_del_fd(&s->loop, &c->fd);
	close(fd);
	if (s->stage == RUNNING && c->proc == PROC_CONFIG && WIFEXITED(wstatus) &&
		WEXITSTATUS(wstatus) == CONFIG_EXIT_INVALID) {
		c->pid = 0;
		s->status = 1; /* it has said why */
		stop_engine(s);
		return;
	}
	if (s->stage == RUNNING)
		explain_death(c, wstatus);
	c->pid = 0;
	if (s->stage == STOPPING_ENGINE && c->proc == PROC_ENGINE) {
		stop_others(s);
	} else if (s->stage == STOPPING_OTHERS) {
		if (all_gone(s))
			finish(s, s->status);
	} else if (s->stage == RUNNING) {
		c->quick_deaths = quick ? c->quick_deaths + 1 : 0;
		/* the first time at once; one that dies again and again gets a pause */
		loop_timer(&s->loop, &c->respawn,
			instant_add(loop_now(), c->quick_deaths > 2 ? RESPAWN_WAIT_NS : 0));
	}
}

static void
reap(struct supervisor *s)
{
	int wstatus;
	pid_t pid;

	while ((pid = waitpid(-1, &wstatus, WNOHANG)) > 0)
		for (enum proc p = PROC_ENGINE; p < _PROC_MAX; p++)
			if (s->children[p].pid == pid)
				child_died(s, &s->children[p], wstatus);
}

static void
on_signal(struct loop_fd *f, uint32_t events)
{
	struct supervisor *s = f->arg;
	struct signalfd_siginfo si;

	(void)events;
	while (read(f->fd, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGCHLD) {
			reap(s);
		} else if (s->stage == RUNNING) {
			SUPER_TELL(s->log, NOTE_STOPPING, (int64_t)si.ssi_signo);
			stop_engine(s);
		}
	}
}

static void
on_restart(struct loop_timer *t, struct instant now)
{
	struct supervisor *s = t->arg;

	(void)now;
	if (s->stage != RUNNING)
		return;
	s->again = true;
	stop_engine(s);
}

/* One daemon a run directory: the lock lives as long as the supervisor. */
static int
lock_run(struct supervisor *s)
{
	char path[4096];

	if (mkdir(s->opts->run, 0755) < 0 && errno != EEXIST) {
		super_cannot_start("%s: %s", s->opts->run, strerror(errno));
		return -1;
	}
	snprintf(path, sizeof(path), "%s/twinwalld.lock", s->opts->run);
	s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (s->lock < 0) {
		super_cannot_start("%s: %s", path, strerror(errno));
		return -1;
	}
	if (flock(s->lock, LOCK_EX | LOCK_NB) < 0) {
		super_cannot_start(
			"%s is in use by another twinwalld: give this one its own --run folder",
			s->opts->run);
		return -1;
	}
	return 0;
}

static int
make_page(const char *name, size_t size)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd >= 0 && ftruncate(fd, (off_t)size) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int
prepare(struct supervisor *s)
{
	char err[512];
	sigset_t set;
	int fd;

	if (lock_run(s) < 0)
		return -1;
	if (gate_load(&s->gate, err, sizeof(err)) < 0) {
		super_cannot_start("%s", err);
		return -1;
	}
	s->engine_page = make_page("engine", sizeof(struct engine_page));
	s->sync_page = make_page("statesync", sizeof(struct sync_page));
	s->log_page = make_page("log", sizeof(struct log_page));
	s->health_page = make_page("health", sizeof(struct health_page));
	if (s->engine_page < 0 || s->sync_page < 0 || s->health_page < 0 ||
		!(s->log = super_log_map(s->log_page)) || gate_map(s->gate.map, &s->words) < 0 ||
		loop_init(&s->loop) < 0) {
		super_cannot_start("memory, gate or loop: %s", strerror(errno));
		return -1;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	s->signals.fn = on_signal;
	s->signals.arg = s;
	if (fd < 0 || loop_add_fd(&s->loop, &s->signals, fd, EPOLLIN) < 0) {
		super_cannot_start("signals: %s", strerror(errno));
		return -1;
	}
	return 0;
}

/* The same program with the same arguments in this very process: pid and parent stay. */
static int
start_anew(const struct supervisor *s)
{
	const struct daemon_opts *o = s->opts;
	const char *argv[] = {
		"twinwalld", "--etc", o->etc, "--state", o->state, "--run", o->run, NULL};
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	close(s->lock);
	execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
	super_cannot_start("again: %s", strerror(errno));
	return 1;
}

int
supervisor_main(const struct daemon_opts *o)
{
	static struct supervisor sup;
	struct supervisor *s = &sup;
	int r;

	s->opts = o;
	s->signals.fd = -1;
	for (enum proc p = PROC_ENGINE; p < _PROC_MAX; p++) {
		struct child *c = &s->children[p];

		*c = (struct child){.sup = s, .proc = p, .fd = {.fd = -1}};
		c->fd.fn = on_child_message;
		c->fd.arg = c;
		c->respawn.fn = on_respawn;
		c->respawn.arg = c;
	}
	s->patience.fn = on_patience;
	s->patience.arg = s;
	s->restart.fn = on_restart;
	s->restart.arg = s;
	if (prepare(s) < 0)
		return 1;
	SUPER_TELL(s->log, NOTE_STARTS, 0, getpid());
	r = sandbox_priority(SUPERVISOR_PRIORITY);
	if (r < 0)
		SUPER_TELL(s->log, NOTE_NO_REALTIME, PROC_SUPERVISOR, -r);
	for (enum proc p = PROC_ENGINE; p < _PROC_MAX; p++)
		spawn(s, p);
	r = loop_run(&s->loop);
	gate_close(s->words);
	SUPER_TELL(s->log, NOTE_STOPS);
	return s->again && r == 0 ? start_anew(s) : r < 0 ? 1 : r;
}
