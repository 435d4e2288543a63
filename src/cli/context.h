/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The place that `cc` has gone to: a type, or an object of it, which the next commands then leave
 * out. Pure.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "core/ctl/command.h"

struct context {
	char type[64], name[80]; /* "" = none */
	bool singleton;          /* the type has no names: it is an object by itself */
};

/*
 * words[n] as they are to be sent, into out[CTL_ARGS_MAX + 1]; *shift tells how many were put
 * behind the command word. Returns their number. A command that names the type by itself is left
 * alone.
 */
size_t context_apply(const struct context *c, const char *const *words, size_t n, const char **out,
	size_t *shift);
