/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log lines to standard error, each in one write(2) so that processes do not mix. */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>
#include "base/log.h"

static struct {
	const char *name;
	bool tty;
} sink = {.name = "twinwall"};

void
log_init(const char *name)
{
	int saved = errno;

	sink.name = name;
	sink.tty = isatty(STDERR_FILENO);
	errno = saved;
}

const char *
log_name(void)
{
	return sink.name;
}

void
log_line(enum log_level level, const char *fmt, ...)
{
	char line[1024];
	int saved = errno, n = 0, m;
	va_list ap;

	if (!sink.tty)
		n = snprintf(line, sizeof(line), "<%d>", (int)level);
	n += snprintf(line + n, sizeof(line) - (size_t)n, "%s: ", sink.name);
	va_start(ap, fmt);
	m = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
	va_end(ap);
	if (m > 0)
		n += m;
	if (n > (int)sizeof(line) - 2)
		n = (int)sizeof(line) - 2;
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, (size_t)n) < 0) {
		/* nowhere left to complain */
	}
	errno = saved;
}
