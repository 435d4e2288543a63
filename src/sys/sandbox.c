/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Confinement of engine, statesync, probe and its workers. */
#include <cap-ng.h>
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include "sys/sandbox.h"

#define CAPS_MAX 8

int
sandbox_caps_only(const int *caps, size_t n)
{
	bool have[CAPS_MAX] = {false};

	if (n > CAPS_MAX || capng_get_caps_process())
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		have[i] = capng_have_capability(CAPNG_PERMITTED, (unsigned)caps[i]);
	capng_clear(CAPNG_SELECT_BOTH);
	for (size_t i = 0; i < n; i++)
		if (have[i] && capng_update(CAPNG_ADD,
				       CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET,
				       (unsigned)caps[i]))
			return -EPERM;
	return capng_apply(CAPNG_SELECT_BOTH) ? -EPERM : 0;
}

int
sandbox_caps(void)
{
	static const int caps[] = {CAP_NET_ADMIN, CAP_NET_RAW};

	return sandbox_caps_only(caps, 2);
}

/* What both need: sockets, event loop, memory, the end. */
static const int common[] = {
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(recvmsg),
	SCMP_SYS(recvmmsg),
	SCMP_SYS(recvfrom),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendmmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(socket),
	SCMP_SYS(bind),
	SCMP_SYS(getsockname),
	SCMP_SYS(setsockopt),
	SCMP_SYS(getsockopt),
	SCMP_SYS(close),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(mmap),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(brk),
	SCMP_SYS(futex),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(tgkill),
	SCMP_SYS(getrandom),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(lseek),
};

/* State sync also reads counters and writes sysctls through descriptors opened before. */
static const int statesync_only[] = {
	SCMP_SYS(pread64),
	SCMP_SYS(pwrite64),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(openat),
	SCMP_SYS(ioctl),
};

static const int probe_only[] = {
	SCMP_SYS(ioctl),
};

static const int reader[] = {
	SCMP_SYS(openat),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(close),
	SCMP_SYS(lseek),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(getdents64),
	SCMP_SYS(fcntl),
	SCMP_SYS(sendmsg),
	SCMP_SYS(brk),
	SCMP_SYS(mmap),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(futex),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(tgkill),
	SCMP_SYS(getrandom),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(restart_syscall),
};

static const int writer_only[] = {
	SCMP_SYS(statfs),
	SCMP_SYS(fstatfs),
	SCMP_SYS(fsync),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
};

#define ALLOW(ctx, list) allow(ctx, list, sizeof(list) / sizeof((list)[0]))

static int
allow(scmp_filter_ctx ctx, const int *calls, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);

		if (r < 0)
			return r;
	}
	return 0;
}

int
sandbox_syscalls(enum sandbox_kind kind)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int r;

	if (!ctx)
		return -ENOMEM;
	if (kind == SANDBOX_READER || kind == SANDBOX_WRITER)
		r = ALLOW(ctx, reader);
	else
		r = ALLOW(ctx, common);
	if (!r && kind == SANDBOX_STATESYNC)
		r = ALLOW(ctx, statesync_only);
	if (!r && kind == SANDBOX_PROBE)
		r = ALLOW(ctx, probe_only);
	if (!r && kind == SANDBOX_WRITER)
		r = ALLOW(ctx, writer_only);
	if (!r)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r;
}

int
sandbox_priority(int priority)
{
	struct sched_param sp = {.sched_priority = priority};

	return sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &sp) < 0 ? -errno : 0;
}

/*
 * What is to be locked from now on counts against a limit once the right to lock is given up, and a
 * library that cannot get memory for the filter crashes: no limit, or only what is there now.
 */
int
sandbox_realtime(int priority)
{
	static const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
	int future = setrlimit(RLIMIT_MEMLOCK, &none) == 0 ? MCL_FUTURE : 0;

	if (mlockall(MCL_CURRENT | future) < 0)
		return -errno;
	return sandbox_priority(priority);
}
