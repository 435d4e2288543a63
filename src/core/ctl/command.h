/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The commands of the control protocol, as data: the one table behind `help`, the check of a
 * request's command word, and the command line. What a command does stands in daemon/config.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define CTL_VERSION     1     /* "v" of every request */
#define CTL_REQUEST_MAX 65536 /* bytes of one request without its newline */
#define CTL_ARGS_MAX    256   /* arguments of one request */
#define CTL_SESSION_MAX 64    /* name of a session, with NUL */
#define CTL_SOCKET      "control.sock"

enum ctl_id {
	CTL_HA,
	CTL_STAT,
	CTL_ARP,
	CTL_CONNECTIONS,
	CTL_RULES,
	CTL_SHOW,
	CTL_LOG,
	CTL_SHUTDOWN,
	CTL_HELP,
	CTL_ADD,
	CTL_SET,
	CTL_DELETE,
	CTL_RENAME,
	CTL_CC,
	CTL_CHANGES,
	CTL_ACTIVATE,
	CTL_COMMIT,
	CTL_CANCEL,
	CTL_REJECT,
	CTL_MERGE,
	CTL_HISTORY,
	CTL_ROLLBACK,
	CTL_BACKUP,
	CTL_RESTORE,
	CTL_WIZARD,
	CTL_PING,
	CTL_TECHSUPPORT,
	_CTL_MAX,
};

/* Why a command that the table knows is refused by this version. */
enum ctl_later {
	CTL_NOW,
	CTL_LATER,
};

struct ctl_command {
	enum ctl_id id;
	const char *name;
	const char *usage;   /* arguments, without the name; "" = none */
	const char *summary; /* one line, no full stop */
	const char *text;    /* lines for `help COMMAND`, or "" */
	enum ctl_later later;
};

/* All commands in the order in which `help` lists them; ctl_commands[i].id == i. */
extern const struct ctl_command ctl_commands[_CTL_MAX];

/* The command of that exact name, or NULL. */
const struct ctl_command *ctl_command_find(const char *name);
