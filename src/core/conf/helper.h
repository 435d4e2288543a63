/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Connection tracking helpers: parts of the kernel that read a control connection and expect the
 * data connections announced there. Only those are known here whose data connections can be told
 * apart and that do no harm where a rule asks for them (docs/design/ruleset.md).
 */
#pragma once
#include "core/conf/model.h"

#define HELPERS_ALL (((1u << _HELPER_MAX) - 1) & ~(1u << HELPER_NONE))

/* The kernel's name of it ("ftp"), and the word that a configuration has for it ("FTP"). Not for
 * HELPER_NONE, nor the others. */
const char *helper_name(enum conf_helper h);
const char *helper_word(enum conf_helper h);
/* The protocol of the control connection, and of the data: IPPROTO_TCP or IPPROTO_UDP. */
uint8_t helper_protocol(enum conf_helper h);

/* A rule with this action lets something pass, and so its helpers work. */
bool helper_action(enum rule_action a);
/* What the rules ask for, as 1 << enum conf_helper. */
unsigned helper_used(const struct conf_model *m);
