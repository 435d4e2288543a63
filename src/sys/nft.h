/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Our table in the kernel's nftables, by libnftables: replace it, take it away, read its counters.
 * Knows nothing of rules; the text comes from core/rules. A library of its own (sysnft), because
 * libnftables is GPL-2.0-only and must not reach a program that links anything incompatible; only
 * the config process has it.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

/*
 * Carries out `text` (as for nft -f) as one transaction: all of it or nothing. 0, or -EINVAL with
 * nft's own words in err[err_size] (line and column of the text included, cut when too long).
 */
int nft_apply(const char *text, char *err, size_t err_size);
/* Like nft_apply(), but the kernel only says whether it would accept the text. */
int nft_check(const char *text, char *err, size_t err_size);
/* Removes table inet twinwall with everything in it; no error when it is not there. */
int nft_delete_table(char *err, size_t err_size);

/*
 * Calls fn for every named counter of our table: "rule/NAME", "management/NAME", "drop/REASON". The
 * comment is the name as configured, or "". 0, -ENOENT when the table is not loaded, -EIO when the
 * answer could not be understood. Counters begin at 0 whenever the ruleset is replaced.
 */
typedef void nft_counter_fn(
	void *ctx, const char *name, const char *comment, uint64_t packets, uint64_t bytes);
int nft_counters(nft_counter_fn *fn, void *ctx);
