/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the commands of the control protocol do. Each takes a request and fills in an answer; the
 * ones that need the engine leave it open, and commands_finish() completes it with the reply.
 */
#pragma once
#include <jansson.h>
#include "daemon/config/config.h"
#include "daemon/config/control_decode.h"

enum answer_code {
	ANSWER_OK,
	ANSWER_WAIT,    /* comes later: from the engine, or by control_answer() */
	ANSWER_USAGE,   /* wrong words */
	ANSWER_REFUSED, /* understood, and not done */
	ANSWER_FAILED,  /* tried, and it did not work */
	ANSWER_LATER,   /* not in this version */
	_ANSWER_MAX,
};

struct answer {
	enum answer_code code;
	json_t *data;          /* ANSWER_OK; owned */
	char error[512];       /* what is wrong */
	char hint[512];        /* what to do, or "" */
	int arg;               /* index of the argument that is wrong, -1 = none */
	uint32_t wait_id;      /* ANSWER_WAIT */
	enum command wait_cmd; /* ANSWER_WAIT for the engine */
	unsigned wait_s;       /* ANSWER_WAIT for something else, so long; 0 = for the engine */
};

/* Runs a decoded request. */
void commands_run(struct config *c, const struct control_request *rq, struct answer *out);
/* The end of a command that waited. */
void commands_finish(enum command cmd, enum refusal refusal, struct answer *out);
/* {"ok":true,"data":…} or {"ok":false,"error":…}; takes out->data. New reference. */
json_t *answer_json(struct answer *out);

/* For the cmd_*.c files. */
void answer_fail(struct answer *out, enum answer_code code, int arg, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void answer_hint(struct answer *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void answer_text(struct answer *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A decimal number in lo…hi as a whole argument. */
bool arg_number(const char *s, uint32_t lo, uint32_t hi, uint32_t *out);
/* Local time of wall-clock nanoseconds, "2026-05-04T13:00:59+0200", in buf[32]. */
const char *time_fmt(int64_t wall_ns, char *buf);
/* Wall-clock time of a moment of this node's monotonic clock. */
int64_t time_wall(struct instant at);

/* cmd_log.c: what an event means; that there is none of that name. */
void answer_event(struct answer *out, enum note_id id);
void answer_no_event(struct answer *out, int arg, const char *word);

typedef void command_fn(struct config *c, const struct control_request *rq, struct answer *out);

command_fn cmd_ha;          /* cmd_ha.c */
command_fn cmd_ha_why;      /* cmd_why.c */
command_fn cmd_ha_quality;  /* cmd_quality.c */
command_fn cmd_stat;        /* cmd_stat.c */
command_fn cmd_arp;         /* cmd_arp.c */
command_fn cmd_connections; /* cmd_connections.c */
command_fn cmd_rules;       /* cmd_rules.c */
command_fn cmd_rules_test;  /* cmd_rules_test.c */
command_fn cmd_help;        /* cmd_help.c */
command_fn cmd_log;         /* cmd_log.c */
command_fn cmd_shutdown;    /* commands.c */
command_fn cmd_statement;   /* cmd_edit.c: add, set, delete */
command_fn cmd_rename;      /* cmd_edit.c … */
command_fn cmd_show;
command_fn cmd_cc;
command_fn cmd_changes;
command_fn cmd_cancel;
command_fn cmd_reject;
command_fn cmd_merge;
command_fn cmd_activate; /* cmd_commit.c … */
command_fn cmd_commit;
command_fn cmd_rollback;
command_fn cmd_history;
command_fn cmd_ha_resolve;

/* Parts that more than one command shows. */
json_t *show_ports(const struct config *c, const struct node_status *s); /* interfaces */
json_t *show_sync(const struct config *c);                               /* state, percent … */
struct sync_report show_sync_report(const struct config *c);
json_t *show_commit(const struct config *c); /* phase, trial, seconds_left … */
void show_commit_alarms(const struct config *c, json_t *list);
const char *node_type_name(enum node_type t); /* "master" */
