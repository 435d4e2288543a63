/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules that can never decide anything, because an earlier one always matches first. */
#pragma once
#include "base/arena.h"
#include "core/conf/model.h"

/* by[i] = the first earlier rule that matches whatever rule i matches, NULL = none; by[m->n_rules]
 * is the caller's. */
void rules_shadowed(const struct conf_model *m, const struct conf_rule **by);
