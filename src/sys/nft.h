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
 * Replaces our table by the ruleset `text` (rules_compile()): all of it or nothing, and no packet
 * is lost or let through meanwhile; how, and why one transaction is not enough for that, stands in
 * nft.c. 0, or -EINVAL with nft's own words in err[err_size] (lines counted as in text, cut when
 * too long); then the old ruleset is in force as before. Counters begin at 0.
 */
int nft_apply(const char *text, char *err, size_t err_size);
/* Whether nft and the kernel would accept `text`, any commands for nft -f. Result as nft_apply().
 */
int nft_check(const char *text, char *err, size_t err_size);
/* Removes table inet twinwall with everything in it; no error when it is not there. */
int nft_delete_table(char *err, size_t err_size);

/*
 * Calls fn for every named counter of our table: "rule/NAME", "management/NAME", "drop/REASON". The
 * comment is the name as configured, or "". 0, -ENOENT when the table is not loaded, -EIO when the
 * answer could not be understood.
 */
typedef void nft_counter_fn(
	void *ctx, const char *name, const char *comment, uint64_t packets, uint64_t bytes);
int nft_counters(nft_counter_fn *fn, void *ctx);
