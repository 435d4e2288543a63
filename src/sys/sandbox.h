/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a process may still do after its start: capabilities (libcap-ng), system calls (libseccomp),
 * real-time priority. A refused system call returns EPERM; it does not kill, since a firewall must
 * not die of a libc update.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum sandbox_kind {
	SANDBOX_ENGINE,
	SANDBOX_STATESYNC,
	SANDBOX_PROBE,
	SANDBOX_READER, /* reads files and says what it found on a socket that is open */
	SANDBOX_WRITER, /* the same, and writes files */
};

/* Keeps CAP_NET_ADMIN and CAP_NET_RAW, drops all others for good. 0 or
 * -errno. */
int sandbox_caps(void);
/* Keeps of these (CAP_…) what it has, at most 8, and nothing else; n = 0: nothing. 0 or -errno. */
int sandbox_caps_only(const int *caps, size_t n);
/* From now on only the system calls of that kind of process. 0 or -errno. */
int sandbox_syscalls(enum sandbox_kind kind);
/* SCHED_FIFO with this priority and all memory locked, present and future. 0 or -errno. */
int sandbox_realtime(int priority);
/* SCHED_FIFO with this priority; children of this process begin as usual. 0 or -errno. */
int sandbox_priority(int priority);
