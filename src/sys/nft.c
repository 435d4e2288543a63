/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libnftables: one context per call, so that nothing of an earlier ruleset is remembered.
 *
 * A table deleted and made again in one transaction is replaced atomically as far as its rules go,
 * but not its sets: measured on Linux 6.18, interval sets of the new table answer "not in it" for a
 * while after the new rules are in force, and maps of the old one before the old rules are out of
 * force (together 3 ms for 650 lines, during which what depends on them is dropped). So rules
 * change places while no set is made or unmade: the new table is loaded asleep (flag dormant), then
 * one transaction wakes it and puts the old one to sleep. For an instant both are awake; a packet
 * then passes what both let pass. This is done twice, so that the table has its proper name in the
 * end.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jansson.h>
#include <nftables/libnftables.h>
#include "core/limits.h"
#include "sys/nft.h"

static void
copy_error(struct nft_ctx *ctx, char *err, size_t err_size)
{
	const char *text = nft_ctx_get_error_buffer(ctx);

	if (err_size)
		snprintf(err, err_size, "%s", text && *text ? text : "nftables: unknown error");
}

static int
run(const char *text, bool dry_run, char *err, size_t err_size)
{
	struct nft_ctx *ctx = nft_ctx_new(NFT_CTX_DEFAULT);
	int r = -ENOMEM;

	if (err_size)
		err[0] = '\0';
	if (!ctx || nft_ctx_buffer_error(ctx) || nft_ctx_buffer_output(ctx)) {
		if (err_size)
			snprintf(err, err_size, "nftables: cannot start");
		goto out;
	}
	nft_ctx_set_dry_run(ctx, dry_run);
	r = nft_run_cmd_from_buffer(ctx, text) ? -EINVAL : 0;
	if (r)
		copy_error(ctx, err, err_size);
out:
	if (ctx)
		nft_ctx_free(ctx);
	return r;
}

#define WORD_TABLE "table inet " TW_NFT_TABLE
#define WORD_SPARE "table inet " TW_NFT_TABLE "-next"
#define ASLEEP     "{ flags dormant; }" /* `add` without it wakes a table that is there */

/* The ruleset as a table of another name (or its own), asleep. Line numbers stay. */
static char *
sleeping(const char *text, const char *table)
{
	static const char opening[] = "\n" WORD_TABLE " {";
	const char *body = strstr(text, opening), *comment = strchr(text, '\n');
	char *s = NULL;

	if (!body || !comment || comment >= body ||
		asprintf(&s, "\nadd %s " ASLEEP "\ndelete %s\n\n%s { flags dormant; %s", table,
			table, table, body + strlen(opening)) < 0)
		return NULL;
	return s;
}

static int
load_asleep(const char *text, const char *table, char *err, size_t err_size)
{
	char *s = sleeping(text, table);
	int r;

	if (!s) {
		snprintf(err, err_size, "this is not a ruleset for " WORD_TABLE);
		return -EINVAL;
	}
	r = run(s, false, err, err_size);
	free(s);
	return r;
}

/* A spare table is there only when a replacement was cut short (power, kill) or is going on. */
static bool
has_spare(void)
{
	struct nft_ctx *ctx = nft_ctx_new(NFT_CTX_DEFAULT);
	bool found = false;

	if (ctx && !nft_ctx_buffer_error(ctx) && !nft_ctx_buffer_output(ctx) &&
		!nft_run_cmd_from_buffer(ctx, "list tables"))
		found = strstr(nft_ctx_get_output_buffer(ctx), WORD_SPARE "\n") != NULL;
	if (ctx)
		nft_ctx_free(ctx);
	return found;
}

/* Our table awake and alone: the end of a replacement, also of one that was cut short. */
static int
settle(char *err, size_t err_size)
{
	int r = run("add " WORD_TABLE "\nadd " WORD_SPARE " " ASLEEP "\n", false, err, err_size);

	return r ? r : run("delete " WORD_SPARE "\n", false, err, err_size);
}

int
nft_apply(const char *text, char *err, size_t err_size)
{
	int r = has_spare() ? settle(err, err_size) : 0;

	if (r)
		return r;
	r = load_asleep(text, WORD_SPARE, err, err_size);
	if (r)
		return r;
	r = run("add " WORD_SPARE "\nadd " WORD_TABLE " " ASLEEP "\n", false, err, err_size);
	if (!r)
		r = load_asleep(text, WORD_TABLE, err, err_size);
	if (r) { /* the old one again */
		settle(NULL, 0);
		return r;
	}
	return settle(err, err_size);
}

int
nft_check(const char *text, char *err, size_t err_size)
{
	return run(text, true, err, err_size);
}

int
nft_delete_table(char *err, size_t err_size)
{
	return run("add " WORD_TABLE "\ndelete " WORD_TABLE "\nadd " WORD_SPARE " " ASLEEP
		   "\ndelete " WORD_SPARE "\n",
		false, err, err_size);
}

/* Looks at one element of the list: {"counter": {"name": …, "packets": …}}; others are passed over.
 */
static void
report_counter(json_t *element, nft_counter_fn *fn, void *ctx)
{
	json_t *counter = json_object_get(element, "counter");
	const char *name = json_string_value(json_object_get(counter, "name"));
	const char *comment = json_string_value(json_object_get(counter, "comment"));

	if (name)
		fn(ctx, name, comment ? comment : "",
			(uint64_t)json_integer_value(json_object_get(counter, "packets")),
			(uint64_t)json_integer_value(json_object_get(counter, "bytes")));
}

int
nft_counters(nft_counter_fn *fn, void *ctx)
{
	struct nft_ctx *nft = nft_ctx_new(NFT_CTX_DEFAULT);
	json_t *root = NULL, *list;
	int r = -ENOMEM;

	if (!nft || nft_ctx_buffer_error(nft) || nft_ctx_buffer_output(nft))
		goto out;
	nft_ctx_output_set_flags(nft, NFT_CTX_OUTPUT_JSON);
	r = -ENOENT;
	if (nft_run_cmd_from_buffer(nft, "list counters " WORD_TABLE))
		goto out;
	r = -EIO;
	root = json_loads(nft_ctx_get_output_buffer(nft), 0, NULL);
	list = json_object_get(root, "nftables");
	if (!json_is_array(list))
		goto out;
	for (size_t i = 0; i < json_array_size(list); i++)
		report_counter(json_array_get(list, i), fn, ctx);
	r = 0;
out:
	json_decref(root);
	if (nft)
		nft_ctx_free(nft);
	return r;
}
