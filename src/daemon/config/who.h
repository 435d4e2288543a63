/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is at the other end of the control socket, for the log. */
#pragma once
#include <stddef.h>

/* "root (alice, pid 123)": user, who logged in when that is another, process. "?" when unknown. */
void who_fmt(int fd, char *buf, size_t size);
/* The person's name in that: "alice", else "root". */
void who_user(const char *who, char *buf, size_t size);
