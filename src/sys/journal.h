/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * journald's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): one datagram with fields. Used
 * only when standard error is the journal (JOURNAL_STREAM in sd_journal_print(3)'s sense), so that
 * no line comes twice.
 */
#pragma once
#include <stdbool.h>

/*
 * Sends message with a syslog priority and the process's name; each of the n texts in fields holds
 * lines "name=value\n", which become TWINWALL_NAME=value. False: standard error is not the journal,
 * or it does not listen.
 */
bool journal_send(int priority, const char *identifier, const char *message,
	const char *const *fields, unsigned n);
/* The datagram itself; its length, or 0 when size is too small. */
unsigned journal_format(int priority, const char *identifier, const char *message,
	const char *const *fields, unsigned n, char *buf, unsigned size);
