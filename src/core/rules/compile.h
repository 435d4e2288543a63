/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Compiles a configuration's rules to one nftables transaction (docs/design/ruleset.md). */
#pragma once
#include "base/arena.h"
#include "core/conf/helper.h"

/*
 * Text for `nft -f`: replaces table inet twinwall as a whole, atomically. Names tw-* for cluster
 * interfaces and the device names of node `self` for the NICs. `helpers`: which the kernel has, as
 * 1 << enum conf_helper. Never fails: a model is complete.
 */
const char *rules_compile(
	struct arena *a, const struct conf_model *m, enum node_type self, unsigned helpers);

/* A text of its own that nft accepts when the kernel has this helper, and loads it, and only then.
 */
const char *rules_helper_probe(struct arena *a, enum conf_helper h);
