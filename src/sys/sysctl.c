/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading and writing of files below /proc/sys. */
#include "sys/sysctl.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int
open_setting(const char *path, int mode)
{
	char full[256];
	int n = snprintf(full, sizeof(full), "/proc/sys/%s", path), fd;

	if (n < 0 || (size_t)n >= sizeof(full))
		return -ENAMETOOLONG;
	fd = open(full, mode | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int
sysctl_read(const char *path, char *buf, size_t size)
{
	int fd = open_setting(path, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, buf, size);
	if (n < 0) {
		n = -errno;
		close(fd);
		return (int)n;
	}
	close(fd);
	if ((size_t)n >= size)
		return -EMSGSIZE;
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return 0;
}

int
sysctl_write(const char *path, const char *value)
{
	int fd = open_setting(path, O_WRONLY), r = 0;
	ssize_t n;

	if (fd < 0)
		return fd;
	n = write(fd, value, strlen(value));
	if (n < 0)
		r = -errno;
	else if ((size_t)n != strlen(value))
		r = -EIO;
	close(fd);
	return r;
}

int
sysctl_set(const char *path, const char *value)
{
	char now[128];
	int r = sysctl_read(path, now, sizeof(now));

	if (r < 0)
		return r;
	if (strcmp(now, value) == 0)
		return 0;
	r = sysctl_write(path, value);
	return r < 0 ? r : 1;
}
