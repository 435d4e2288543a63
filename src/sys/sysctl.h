/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kernel settings below /proc/sys, path with '/' ("net/ipv4/conf/lan/rp_filter"). */
#pragma once
#include <stddef.h>

/* Value without the final newline. 0 or -errno (-ENOENT: no such setting, now; -EMSGSIZE). */
int sysctl_read(const char *path, char *buf, size_t size);
/* 0 or -errno. */
int sysctl_write(const char *path, const char *value);
/* 1 = written, 0 = had the value already, -errno. */
int sysctl_set(const char *path, const char *value);
