/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The search tree over a list of lines (docs/design/ruleset.md#the-tree). It only narrows down
 * which lines are looked at: every line is asked in full in the end, and the lowest one that
 * matches wins. Says nothing about text: chains.c does.
 */
#pragma once
#include "core/rules/parts.h"

/* What a packet can be told apart by. */
enum dim {
	DIM_FAMILY,
	DIM_PROTO,
	DIM_SADDR4,
	DIM_DADDR4,
	DIM_SADDR6,
	DIM_DADDR6,
	DIM_SPORT,
	DIM_DPORT,
	_DIM_MAX,
};

/* A value of a dimension; 64 bits more than most of them need. */
struct dim_value {
	uint64_t hi, lo;
};

struct dim_range {
	struct dim_value lo, hi; /* inclusive */
};

int dim_cmp(const struct dim_value *a, const struct dim_value *b);
/* The next higher value; the highest of all stays. */
struct dim_value dim_next(const struct dim_value *v);
/* The next lower value of one that is not 0. */
struct dim_value dim_prev(const struct dim_value *v);
/*
 * The values that a line asks for, ascending and apart, into out[] (NULL: only counted). 0 = the
 * line does not ask: it may match packets with any value, and those that have none.
 */
size_t dim_ranges(const struct line *l, enum dim d, struct dim_range *out);

/* One line where it is looked at. See `before` and `after` in tree.c. */
struct tree_line {
	const struct line *line;
	bool compare; /* an earlier rule may have been found already: look whether this one is
			 earlier */
	bool direct; /* nothing that is looked at later is earlier: done; else remember it and go on
		      */
};

struct tree_node;

struct tree_entry {
	struct dim_range range;
	struct tree_node *node; /* several entries of a layer can have the same */
};

/* A map from values to nodes; a value that is in no entry leads to nothing. */
struct tree_layer {
	enum dim dim;
	struct tree_entry *e; /* ascending, apart */
	size_t n;
};

#define TREE_LAYERS_MAX 6

/* Looked at in this order: first, layers, last. */
struct tree_node {
	struct tree_line *first, *last;
	size_t n_first, n_last;
	struct tree_layer layers[TREE_LAYERS_MAX];
	size_t n_layers;
	const char *name; /* of its chain: chains.c */
	bool written;
};

struct tree {
	struct tree_node *root;
	bool remembers; /* some line is not direct: look what was remembered in the end */
};

/* lines[n]: ascending by rule. */
void tree_build(struct arena *a, struct tree *t, const struct line *const *lines, size_t n);
