/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the children of the supervisor have in common: the first message with its descriptors, and
 * the sockets to the others, which are replaced whenever one of them is started again.
 */
#pragma once
#include "daemon/setup.h"
#include "sys/loop.h"

struct child_calls {
	/* A message, wiped afterwards, as it may hold a key; fd: the descriptor beside it, now the
	 * callee's, or -1. */
	void (*message)(void *arg, enum proc from, const uint8_t *msg, size_t len, int fd);
	void (*link)(void *arg, enum proc who); /* a new socket to that process; NULL = nothing */
	void (*stop)(void *arg);                /* IPC_STOP */
};

struct child_links {
	struct loop *loop;
	const struct child_calls *calls;
	void *arg;
	struct loop_fd peer[_PROC_MAX]; /* fd -1 = not there */
};

/* Receives IPC_SETUP with exactly n descriptors on SETUP_FD. 0 or -errno (-EPROTO: others). */
int child_setup(int *fds, size_t n);
/*
 * Serves SETUP_FD, and every socket that comes by it, from `loop`. When the supervisor ends the
 * loop is stopped with status 1. 0 or -errno.
 */
int child_open(
	struct child_links *l, struct loop *loop, const struct child_calls *calls, void *arg);
/* This process lacks something, and ends: to its ring, or a line where it has none (NULL). */
void child_unable(struct note_ring *ring, enum proc self, int error);
/* 0 or -errno (-ENOTCONN: nobody there, -EAGAIN: it does not read). */
int child_send(const struct child_links *l, enum proc to, const uint8_t *msg, size_t len);
