/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From command word to function, answers as JSON, and the texts of refusals. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "daemon/config/commands.h"

static command_fn *const handlers[_CTL_MAX] = {
	[CTL_HA] = cmd_ha,
	[CTL_STAT] = cmd_stat,
	[CTL_ARP] = cmd_arp,
	[CTL_CONNECTIONS] = cmd_connections,
	[CTL_RULES] = cmd_rules,
	[CTL_SHOW] = cmd_show,
	[CTL_LOG] = cmd_log,
	[CTL_SHUTDOWN] = cmd_shutdown,
	[CTL_HELP] = cmd_help,
	[CTL_ADD] = cmd_statement,
	[CTL_SET] = cmd_statement,
	[CTL_DELETE] = cmd_statement,
	[CTL_RENAME] = cmd_rename,
	[CTL_CC] = cmd_cc,
	[CTL_CHANGES] = cmd_changes,
	[CTL_ACTIVATE] = cmd_activate,
	[CTL_COMMIT] = cmd_commit,
	[CTL_CANCEL] = cmd_cancel,
	[CTL_REJECT] = cmd_reject,
	[CTL_MERGE] = cmd_merge,
	[CTL_HISTORY] = cmd_history,
	[CTL_ROLLBACK] = cmd_rollback,
};

void
answer_fail(struct answer *out, enum answer_code code, int arg, const char *fmt, ...)
{
	va_list ap;

	out->code = code;
	out->arg = arg;
	va_start(ap, fmt);
	vsnprintf(out->error, sizeof(out->error), fmt, ap);
	va_end(ap);
}

void
answer_hint(struct answer *out, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(out->hint, sizeof(out->hint), fmt, ap);
	va_end(ap);
}

void
answer_text(struct answer *out, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	out->code = ANSWER_OK;
	out->data = json_pack("{s:s}", "text", text);
}

bool
arg_number(const char *s, uint32_t lo, uint32_t hi, uint32_t *out)
{
	unsigned long v = 0;

	if (!*s || strlen(s) > 10 || strspn(s, "0123456789") != strlen(s))
		return false;
	v = strtoul(s, NULL, 10);
	if (v < lo || v > hi)
		return false;
	*out = (uint32_t)v;
	return true;
}

const char *
time_fmt(int64_t wall_ns, char *buf)
{
	time_t t = (time_t)(wall_ns / NS_PER_S);
	struct tm tm;

	if (!localtime_r(&t, &tm) || !strftime(buf, 32, "%Y-%m-%dT%H:%M:%S%z", &tm))
		snprintf(buf, 32, "?");
	return buf;
}

int64_t
time_wall(struct instant at)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec - instant_sub(loop_now(), at);
}

const char *
node_type_name(enum node_type t)
{
	return t == NODE_MASTER ? "master" : "slave";
}

void
commands_run(struct config *c, const struct control_request *rq, struct answer *out)
{
	const struct ctl_command *cmd = ctl_command_find(rq->cmd);

	memset(out, 0, sizeof(*out));
	out->arg = -1;
	if (!cmd) {
		answer_fail(out, ANSWER_USAGE, -1, "%.64s: no such command", rq->cmd);
		answer_hint(out, "help lists the commands");
	} else if (cmd->later != CTL_NOW) {
		answer_fail(out, ANSWER_LATER, -1, "%s: not in this version", cmd->name);
	} else {
		handlers[cmd->id](c, rq, out);
	}
	if (out->code == ANSWER_USAGE && cmd && !out->hint[0])
		answer_hint(out, "usage: %s %s", cmd->name, cmd->usage);
	if (out->code == ANSWER_OK && !out->data)
		answer_fail(out, ANSWER_FAILED, -1, "out of memory"); /* jansson gave up */
}

static const char *const done_text[] = {
	[CMD_ACTIVATE] = "This device is ACTIVE now (will forward traffic)",
	[CMD_DEACTIVATE] = "This device is INACTIVE now (will not forward traffic)",
	[CMD_FORCE] = "This device is forced to be active (debugging); end: ha -force none",
	[CMD_UNFORCE] = "This device is not forced any more",
	[CMD_ANNOUNCE] = "The shared addresses are being announced",
};

/* What to do when the engine did not do it; why is refusal_text(). */
static const char *const refusal_hints[_REFUSE_MAX] = {
	[REFUSE_PEER_NOT_ALIVE] =
		"a switch needs both nodes: look at the other one and at the cables (ha, log)",
	[REFUSE_PEER_NOT_ABLE] = "it has no weighted interface up, no configuration in force, or "
				 "this node's NodeType: run ha and log there",
	[REFUSE_PEER_WORSE] = "ha quality on both nodes shows what the other node lacks",
	[REFUSE_NOT_ABLE] = "it has no weighted interface up, no configuration in force, or the "
			    "other node's NodeType: see ha quality and log",
	[REFUSE_ALREADY_FORCED] = "end that first, on that node: ha -force none",
	[REFUSE_NOT_SYNCED] = "they would be lost: wait until ha shows HA state sync: 100%",
	[REFUSE_TIMEOUT] = "the roles stay as they are; see log on both nodes, then try again",
	[REFUSE_BUSY] = "try again in a second",
	[REFUSE_NOT_ENABLED] = "a single firewall is always active: set HighAvailability "
			       "Enabled=Yes on both nodes",
	[REFUSE_NOT_ACTIVE] =
		"only the active node announces the shared addresses: run arp -notify there",
	[REFUSE_WORSE] = "ha quality on both nodes shows what this node lacks",
	[REFUSE_PEER_NOT_SYNCED] = "they would be lost: wait until ha shows HA state sync: 100%",
	[REFUSE_SYNC_LOST] = "waiting does not help: mend the sync link (cable, carrier of the "
			     "sync interface, the service on the other node). When the role must "
			     "move all the same, stop the service on the active node",
};

void
commands_finish(enum command cmd, enum refusal refusal, struct answer *out)
{
	memset(out, 0, sizeof(*out));
	out->arg = -1;
	if (refusal == REFUSE_NONE) {
		answer_text(out, "%s", done_text[cmd]);
		return;
	}
	answer_fail(out, ANSWER_REFUSED, -1, "refused: %s", refusal_text(refusal));
	answer_hint(out, "%s", refusal_hints[refusal]);
}

json_t *
answer_json(struct answer *out)
{
	static const char *const codes[_ANSWER_MAX] = {[ANSWER_USAGE] = "usage",
		[ANSWER_REFUSED] = "refused",
		[ANSWER_FAILED] = "failed",
		[ANSWER_LATER] = "later"};
	json_t *o;

	if (out->code == ANSWER_OK)
		return json_pack("{s:b, s:o}", "ok", 1, "data", out->data);
	o = json_pack("{s:b, s:s, s:s}", "ok", 0, "code", codes[out->code], "error", out->error);
	if (out->hint[0])
		json_object_set_new(o, "hint", json_string(out->hint));
	if (out->arg >= 0)
		json_object_set_new(o, "arg", json_integer(out->arg));
	return o;
}

void
cmd_shutdown(struct config *c, const struct control_request *rq, struct answer *out)
{
	uint32_t seconds = 0;
	int r;

	if (rq->n_args > 1 || (rq->n_args == 1 && !arg_number(rq->args[0], 0, 3600, &seconds))) {
		answer_fail(out, ANSWER_USAGE, 0, "SECONDS is a number from 0 to 3600");
		return;
	}
	r = links_shutdown(c, seconds);
	if (r < 0) {
		answer_fail(
			out, ANSWER_FAILED, -1, "the supervisor cannot be told: %s", strerror(-r));
		return;
	}
	eventlog_add(&c->log, NOTE_OPERATOR_SHUTDOWN, ARG(rq->who ? rq->who : "?"), ARG(seconds));
	if (seconds)
		answer_text(out, "The service hands over and restarts in %u seconds", seconds);
	else
		answer_text(out, "The service hands over and restarts now");
}
