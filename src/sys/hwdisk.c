/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state folder's file system, and the disk under it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>
#include "sys/hardware.h"

#define TRIAL      ".probe" /* file in the state folder */
#define ROOM_MIN   (16u << 20)
#define ROOM_SHARE 20 /* at least a twentieth must be free */
#define STACK_MAX  8  /* disks on disks: md, dm, partitions */
#define ANSWER_MAX 65536

/* 0 or -errno. */
static int
try_to_write(const char *state)
{
	static const char data[] = "twinwall\n";
	char path[PATH_MAX];
	int fd, r = 0;

	if ((size_t)snprintf(path, sizeof(path), "%s/" TRIAL, state) >= sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	errno = 0;
	if (write(fd, data, sizeof(data) - 1) != (ssize_t)sizeof(data) - 1)
		r = errno ? -errno : -ENOSPC;
	if (!r && fsync(fd) < 0)
		r = -errno;
	close(fd);
	if (unlink(path) < 0 && !r)
		r = -errno;
	return r;
}

void
hw_state_dir(const char *state, struct finding *out)
{
	struct statvfs fs;
	uint64_t room, all;
	int r;

	out->value = 0;
	if (statvfs(state, &fs) < 0) {
		hw_text(out, "state folder: %s", strerror(errno));
		return;
	}
	if (fs.f_flag & ST_RDONLY) {
		hw_text(out, "state folder: its file system is read-only");
		return;
	}
	r = try_to_write(state);
	if (r < 0) {
		hw_text(out, "state folder: cannot be written: %s", strerror(-r));
		return;
	}
	room = (uint64_t)fs.f_bavail * fs.f_frsize;
	all = (uint64_t)fs.f_blocks * fs.f_frsize;
	out->value = 100;
	if (room >= ROOM_MIN && room >= all / ROOM_SHARE)
		return;
	out->value = 50;
	hw_text(out, "state folder: only %llu MB free of %llu", (unsigned long long)(room >> 20),
		(unsigned long long)(all >> 20));
}

/* Below what lies on other disks: the first of them. False: nothing below. */
static bool
first_slave(const char *dir, char *name, size_t size)
{
	char path[PATH_MAX];
	struct dirent *e;
	bool found = false;
	DIR *d;

	if ((size_t)snprintf(path, sizeof(path), "%s/slaves", dir) >= sizeof(path))
		return false;
	d = opendir(path);
	while (d && !found && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			found = (size_t)snprintf(name, size, "%s", e->d_name) < size;
	if (d)
		closedir(d);
	return found;
}

bool
hw_disk_of(const char *root, const char *path, char *name, size_t size)
{
	char link[PATH_MAX], dir[PATH_MAX], file[PATH_MAX + 16];
	struct stat st;

	if (stat(path, &st) < 0 || major(st.st_dev) == 0)
		return false;
	snprintf(link, sizeof(link), "%s/sys/dev/block/%u:%u", root, major(st.st_dev),
		minor(st.st_dev));
	for (unsigned depth = 0; depth < STACK_MAX; depth++) {
		char below[NAME_MAX + 1];

		if (!realpath(link, dir))
			return false;
		snprintf(file, sizeof(file), "%s/partition", dir);
		if (access(file, F_OK) == 0) { /* a partition lies in its disk's folder */
			char *slash = strrchr(dir, '/');

			*slash = '\0';
		}
		if (!first_slave(dir, below, sizeof(below))) {
			/* without hardware below it is a loop, RAM or network disk */
			snprintf(file, sizeof(file), "%s/device", dir);
			return access(file, F_OK) == 0 &&
			       (size_t)snprintf(name, size, "%s", strrchr(dir, '/') + 1) < size;
		}
		snprintf(link, sizeof(link), "%s/sys/class/block/%s", root, below);
	}
	return false;
}

void
hw_smart_judge(const char *disk, const char *json, size_t len, struct finding *out)
{
	json_t *root = json_loadb(json, len, 0, NULL);
	json_t *passed = json_object_get(json_object_get(root, "smart_status"), "passed");

	if (json_is_boolean(passed)) {
		out->value = json_is_true(passed) ? 100 : 0;
		if (!json_is_true(passed))
			hw_text(out, "disk %.32s: S.M.A.R.T. foresees its failure", disk);
	}
	json_decref(root);
}

/* Between fork and exec. */
static void
exec_smartctl(const char *smartctl, const char *dev, int out)
{
	int null = open("/dev/null", O_RDWR);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(null, 2) < 0)
		_exit(127);
	execl(smartctl, "smartctl", "-H", "-j", dev, (char *)NULL);
	_exit(127);
}

/* All that it prints, up to `size`; -errno. */
static ssize_t
run_smartctl(const char *smartctl, const char *dev, char *buf, size_t size)
{
	int fds[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		exec_smartctl(smartctl, dev, fds[1]);
	close(fds[1]);
	while (pid > 0 && len < size && (n = read(fds[0], buf + len, size - len)) > 0)
		len += (size_t)n;
	close(fds[0]);
	if (pid > 0)
		waitpid(pid, &status, 0);
	return pid > 0 ? (ssize_t)len : -ECHILD;
}

void
hw_smart(const char *root, const char *path, const char *smartctl, struct finding *out)
{
	static char answer[ANSWER_MAX];
	char disk[NAME_MAX + 1], dev[NAME_MAX + 8];
	ssize_t n;

	out->value = HEALTH_UNKNOWN;
	if (access(smartctl, X_OK) < 0 || !hw_disk_of(root, path, disk, sizeof(disk)))
		return;
	snprintf(dev, sizeof(dev), "/dev/%s", disk);
	n = run_smartctl(smartctl, dev, answer, sizeof(answer));
	if (n > 0)
		hw_smart_judge(disk, answer, (size_t)n, out);
}
