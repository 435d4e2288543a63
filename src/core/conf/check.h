/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From statements to a configuration in two steps: conf_parse() makes a candidate (objects with
 * their properties as text, known to the schema), conf_check() follows every reference and makes
 * the immutable model. Both list every error, not only the first; each carries where and what.
 */
#pragma once
#include "base/arena.h"
#include "core/conf/model.h"

struct conf_error {
	bool warning;
	unsigned line, column; /* 1-based; 0 = not from a line */
	const char *object;    /* "EthernetInterface lan", or "" */
	const char *property;  /* "IPAddress", or "" */
	const char *message;   /* what is wrong, and what to do */
};

struct conf_errors {
	struct conf_error *e;
	size_t n, n_warnings; /* n counts warnings, too */
};

struct candidate_index;

/*
 * All objects as written: what show, diff, backup and the store work on. Zeroed = empty. Objects
 * and their values: candidate.h. One arena serves a candidate for its whole life.
 */
struct conf_candidate {
	struct candidate_index *index; /* by type and by name */
	size_t n_objects;
};

/*
 * Parses statements from text[len] into cand (which may hold objects already). Errors are appended.
 * A statement with an error changes nothing; the others are carried out. Returns true when this
 * text added no error.
 */
bool conf_parse(struct arena *a, const char *text, size_t len, struct conf_candidate *cand,
	struct conf_errors *errors);

/*
 * Resolves the candidate. Node-local properties (Device Name, NodeType) come from the candidate as
 * well. Fills in what is assigned automatically (EthernetInterface MACIndex) as ordinary properties
 * of the candidate, so that the stored text holds them. Returns NULL when `errors` holds any error
 * that is not a warning, those of conf_parse() included. `a` is the arena of the candidate: the
 * model points into it (edits of the candidate afterwards leave the model alone).
 */
const struct conf_model *conf_check(
	struct arena *a, struct conf_candidate *cand, struct conf_errors *errors);

/* By line and column; errors without a line last. */
void conf_errors_sort(struct arena *a, struct conf_errors *errors);

/* "file:line:column: error: EthernetInterface lan, IPAddress: message" */
const char *conf_error_fmt(struct arena *a, const char *file, const struct conf_error *e);

/* The candidate as statements that conf_parse() reads back; type/name NULL = all. */
const char *conf_show(
	struct arena *a, const struct conf_candidate *cand, const char *type, const char *name);
