/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Command rules: the IP rules in their order with what their counters say. A rule is asked for the
 * first packet of a connection only, so its packets are its hits; the bytes are theirs.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "daemon/config/commands.h"
#include "sys/nft.h"

struct rule_count {
	const struct conf_rule *rule;
	uint64_t packets, bytes;
};

struct rule_counts {
	struct rule_count *by_name; /* sorted: 10 000 counters are looked up */
	size_t n;
	json_t *other;   /* drop reasons, management */
	json_t *no_rule; /* what no rule matched; NULL: not known */
};

static int
count_find(const void *name, const void *count)
{
	return strcmp(name, ((const struct rule_count *)count)->rule->name);
}

static int
count_by_name(const void *a, const void *b)
{
	return strcmp(((const struct rule_count *)a)->rule->name,
		((const struct rule_count *)b)->rule->name);
}

static int
count_by_index(const void *a, const void *b)
{
	uint32_t x = ((const struct rule_count *)a)->rule->index;
	uint32_t y = ((const struct rule_count *)b)->rule->index;

	return (x > y) - (x < y);
}

static void
rules_counter(void *ctx, const char *name, const char *comment, uint64_t packets, uint64_t bytes)
{
	struct rule_counts *rc = ctx;
	struct rule_count *count;

	if (strcmp(name, "drop/no-rule") == 0)
		rc->no_rule = json_pack(
			"{s:I, s:I}", "packets", (json_int_t)packets, "bytes", (json_int_t)bytes);
	if (strncmp(name, "rule/", 5) != 0) {
		json_array_append_new(
			rc->other, json_pack("{s:s, s:I, s:I}", "name", name, "packets",
					   (json_int_t)packets, "bytes", (json_int_t)bytes));
		return;
	}
	count = bsearch(comment, rc->by_name, rc->n, sizeof(*rc->by_name), count_find);
	if (count) {
		count->packets += packets;
		count->bytes += bytes;
	}
}

static json_t *
rules_list(const struct rule_counts *rc, const char *only)
{
	json_t *list = json_array();

	qsort(rc->by_name, rc->n, sizeof(*rc->by_name), count_by_index);
	for (size_t i = 0; i < rc->n; i++) {
		const struct rule_count *k = &rc->by_name[i];

		if (!only || strcmp(only, k->rule->name) == 0)
			json_array_append_new(list,
				json_pack("{s:I, s:s, s:s, s:I, s:I, s:I}", "index",
					(json_int_t)k->rule->index, "name", k->rule->name, "action",
					conf_action_name(k->rule->action), "hits",
					(json_int_t)k->packets, "packets", (json_int_t)k->packets,
					"bytes", (json_int_t)k->bytes));
	}
	return list;
}

void
cmd_rules(struct config *c, const struct control_request *rq, struct answer *out)
{
	const struct conf_model *m = c->rev.model;
	struct rule_counts rc = {.n = m->n_rules};
	struct arena a = ARENA_INIT;
	json_t *list;
	int r;

	if (rq->n_args > 1 && strcmp(rq->args[0], "test") == 0) {
		cmd_rules_test(c, rq, out);
		return;
	}
	if (rq->n_args > 1) {
		answer_fail(out, ANSWER_USAGE, 1, "%.64s: one word too many", rq->args[1]);
		return;
	}
	rc.by_name = arena_array(&a, struct rule_count, rc.n + 1);
	for (size_t i = 0; i < rc.n; i++)
		rc.by_name[i].rule = &m->rules[i];
	qsort(rc.by_name, rc.n, sizeof(*rc.by_name), count_by_name);
	rc.other = json_array();
	r = nft_counters(rules_counter, &rc);
	list = rules_list(&rc, rq->n_args == 1 ? rq->args[0] : NULL);
	if (r < 0) {
		answer_fail(out, ANSWER_FAILED, -1, "the counters cannot be read: %s",
			r == -ENOENT ? "the rules are not loaded (see log)" : strerror(-r));
	} else if (rq->n_args == 1 && json_array_size(list) == 0) {
		answer_fail(out, ANSWER_REFUSED, 0, "IPRule %.64s: no such rule", rq->args[0]);
	} else {
		out->data = json_pack("{s:O, s:O}", "rules", list, "other", rc.other);
		if (rq->n_args == 0 && rc.no_rule)
			json_object_set(out->data, "no_rule", rc.no_rule);
	}
	json_decref(rc.no_rule);
	json_decref(list);
	json_decref(rc.other);
	arena_free(&a);
}
