/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libnftables: one context per call, so that nothing of an earlier ruleset is remembered. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
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

int
nft_apply(const char *text, char *err, size_t err_size)
{
	return run(text, false, err, err_size);
}

int
nft_check(const char *text, char *err, size_t err_size)
{
	return run(text, true, err, err_size);
}

int
nft_delete_table(char *err, size_t err_size)
{
	return run("add table inet " TW_NFT_TABLE "\ndelete table inet " TW_NFT_TABLE "\n", false,
		err, err_size);
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
	if (nft_run_cmd_from_buffer(nft, "list counters table inet " TW_NFT_TABLE))
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
