/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control socket RUN/control.sock: one JSON line in, one JSON line out, several clients.
 * Bounded in clients and bytes; a slow or broken client is waited for by nobody and is closed.
 */
#pragma once
#include <stdint.h>
#include "core/node/event.h"

#define CONTROL_CLIENTS_MAX    32
#define CONTROL_ANSWER_MAX     (16u << 20) /* bytes of one answer */
#define CONTROL_COMMAND_WAIT_S 5           /* for the engine's reply */
#define CONTROL_STALL_S        10          /* a client that takes nothing for so long is closed */
#define CONTROL_IDLE_S         10 /* may be closed for a new one when all places are taken */

struct config;
struct control;

/* Listens; mode 0600 from the first moment. NULL with errno set. A socket file that nobody listens
 * on is replaced. */
struct control *control_open(struct config *c, const char *run_dir);
void control_close(struct control *ctl);

struct answer;

/* The end of a command that waits for something else than the engine; takes answer->data. */
void control_answer(struct control *ctl, uint32_t id, struct answer *answer);
void control_reply(struct control *ctl, uint32_t id, enum refusal refusal);
void control_engine_gone(struct control *ctl);
/* Requests refused, by enum control_reject. */
const uint64_t *control_refused(const struct control *ctl);
