/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Datagrams to journald. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "sys/journal.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

struct out {
	char *buf;
	unsigned at, size;
};

static void
put(struct out *o, const char *s, size_t len)
{
	if (o->at + len <= o->size)
		memcpy(o->buf + o->at, s, len);
	o->at += (unsigned)len; /* past size: does not fit */
}

/* A newline ends the field, so none may be in the value. The first n bytes become capitals. */
static void
put_field(struct out *o, const char *prefix, const char *text, size_t len, size_t n_capitals)
{
	put(o, prefix, strlen(prefix));
	for (size_t i = 0; i < len; i++) {
		char c = i < n_capitals ? (char)toupper((unsigned char)text[i]) : text[i];

		put(o, c == '\n' ? " " : &c, 1);
	}
	put(o, "\n", 1);
}

unsigned
journal_format(int priority, const char *identifier, const char *message, const char *const *fields,
	unsigned n, char *buf, unsigned size)
{
	struct out o = {.buf = buf, .size = size};
	char number[16];

	put_field(&o, "MESSAGE=", message, strlen(message), 0);
	snprintf(number, sizeof(number), "%d", priority);
	put_field(&o, "PRIORITY=", number, strlen(number), 0);
	put_field(&o, "SYSLOG_IDENTIFIER=", identifier, strlen(identifier), 0);
	for (unsigned i = 0; i < n; i++)
		for (const char *p = fields[i]; *p;) {
			size_t len = strcspn(p, "\n");

			put_field(&o, "TWINWALL_", p, len, strcspn(p, "="));
			p += len + (p[len] == '\n');
		}
	return o.at <= size ? o.at : 0;
}

/* Is standard error the journal's stream? Its device and inode stand in the environment. */
static bool
is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	uintmax_t dev, ino;
	struct stat st;

	return stream && sscanf(stream, "%" SCNuMAX ":%" SCNuMAX, &dev, &ino) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

bool
journal_send(int priority, const char *identifier, const char *message, const char *const *fields,
	unsigned n)
{
	static const struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET};
	static int fd = -1, asked;
	int saved = errno;
	char buf[4096];
	unsigned len;
	bool sent;

	if (!asked) {
		asked = 1;
		if (is_journal())
			fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	}
	if (fd < 0)
		return false;
	len = journal_format(priority, identifier, message, fields, n, buf, sizeof(buf));
	sent = len > 0 && sendto(fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL,
				  (const struct sockaddr *)&to, sizeof(to)) == (ssize_t)len;
	errno = saved;
	return sent;
}
