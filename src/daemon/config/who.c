/* SPDX-License-Identifier: GPL-2.0-or-later */
/* unix(7) SO_PEERCRED, and the audit login that sudo and su leave as it was. */
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "daemon/config/who.h"

#define LOGIN_NONE 4294967295u

static void
user_name(unsigned uid, char *buf, size_t size)
{
	char text[1024];
	struct passwd pw, *found = NULL;

	if (getpwuid_r(uid, &pw, text, sizeof(text), &found) == 0 && found)
		snprintf(buf, size, "%s", pw.pw_name);
	else
		snprintf(buf, size, "uid %u", uid);
}

static unsigned
login_of(int pid)
{
	unsigned uid = LOGIN_NONE;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/loginuid", pid);
	f = fopen(path, "re");
	if (f && fscanf(f, "%u", &uid) != 1)
		uid = LOGIN_NONE;
	if (f)
		fclose(f);
	return uid;
}

void
who_fmt(int fd, char *buf, size_t size)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	char user[64], login[64];
	unsigned uid;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0) {
		snprintf(buf, size, "?");
		return;
	}
	user_name(cred.uid, user, sizeof(user));
	uid = login_of(cred.pid);
	if (uid == LOGIN_NONE || uid == cred.uid) {
		snprintf(buf, size, "%s (pid %d)", user, (int)cred.pid);
		return;
	}
	user_name(uid, login, sizeof(login));
	snprintf(buf, size, "%s (%s, pid %d)", user, login, (int)cred.pid);
}

void
who_user(const char *who, char *buf, size_t size)
{
	const char *open = strstr(who, " ("), *end;

	end = open ? open : who + strlen(who);
	if (open && strncmp(open, " (pid ", 6) != 0) {
		who = open + 2;
		end = strchrnul(who, ',');
	}
	snprintf(buf, size, "%.*s", (int)(end - who), who);
}
