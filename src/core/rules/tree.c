/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Builds the search tree. A node starts with all its lines and takes layers off them: the dimension
 * that tells most lines apart, for those lines that ask for few of its values; what is left is told
 * apart by the next layer, and in the end stands in the node itself. A layer's values are grouped
 * so that each group has a handful of lines; where one value has many, it gets a node of its own.
 *
 * A line is in a layer once for each group that it reaches into, and SPREAD_MAX bounds the sum: so
 * the tree stays a small multiple of the list.
 */
#include <stdlib.h>
#include "core/rules/tree.h"

#define LEAF_LINES 5   /* so many are asked one by one */
#define SPREAD_MAX 100 /* percent: lines in all groups of a layer, of those of the node */
#define REACH_MAX  64  /* groups; a line that is in more stays out of a layer */
#define DEPTH_MAX  6   /* of nodes; nft allows 16 jumps from the hook on */
#define TOTAL_MAX  4   /* times as many lines in the tree as in the list; then no more layers */

#define NONE UINT32_MAX

/* A list of lines, as indexes into builder.lines, ascending. */
struct list {
	uint32_t *i;
	size_t n;
};

/* A group of neighbouring values and the lines that ask for any of them. */
struct group {
	struct dim_range range;
	struct list lines;
	size_t same; /* index of an earlier group with the same long list, or its own */
};

/* One possible layer. */
struct cut {
	enum dim dim;
	struct list in, out; /* taken into the layer, left for others */
	struct group *groups;
	size_t n_groups;
	uint64_t cost; /* lines that are left for a packet, on the average */
	struct arena a;
};

struct builder {
	struct arena *a;
	const struct line *const *lines;
	size_t room;         /* lines that may still be written into the tree */
	uint32_t remembered; /* the earliest rule of a line that is not direct, so far */
};

/*
 * What surrounds a node. before: the earliest rule that may have been remembered when the node is
 * entered. after: the earliest rule that is looked at later. NONE: no such rule.
 */
struct surroundings {
	uint32_t before, after;
};

static struct list
list_new(struct arena *a, size_t max)
{
	return (struct list){arena_array(a, uint32_t, max), 0};
}

static int
value_sort(const void *a, const void *b)
{
	return dim_cmp(a, b);
}

/* Where intervals begin: at the first value of each range and behind the last one. */
struct points {
	struct dim_value *v;
	size_t n;
};

static bool
is_highest(const struct dim_value *v)
{
	return v->hi == UINT64_MAX && v->lo == UINT64_MAX;
}

static struct points
points_of(const struct builder *b, struct arena *a, const struct list *l, enum dim d)
{
	struct points p = {NULL, 0};
	struct dim_range *r;
	size_t n = 0, max = 0, k;

	for (size_t i = 0; i < l->n; i++) {
		k = dim_ranges(b->lines[l->i[i]], d, NULL);
		n += k;
		max = k > max ? k : max;
	}
	p.v = arena_array(a, struct dim_value, 2 * n + 1);
	r = arena_array(a, struct dim_range, max + 1);
	n = 0;
	for (size_t i = 0; i < l->n; i++) {
		k = dim_ranges(b->lines[l->i[i]], d, r);
		for (size_t j = 0; j < k; j++) {
			p.v[n++] = r[j].lo;
			if (!is_highest(&r[j].hi))
				p.v[n++] = dim_next(&r[j].hi);
		}
	}
	if (n)
		qsort(p.v, n, sizeof(*p.v), value_sort);
	for (size_t i = 0; i < n; i++)
		if (!p.n || dim_cmp(&p.v[p.n - 1], &p.v[i]) != 0)
			p.v[p.n++] = p.v[i];
	return p;
}

/* Index of a value that is one of the points. */
static size_t
point_find(const struct points *p, const struct dim_value *v)
{
	size_t lo = 0, hi = p->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (dim_cmp(&p->v[mid], v) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The intervals [*from, *to) that a range is made of. */
static void
range_intervals(const struct points *p, const struct dim_range *r, size_t *from, size_t *to)
{
	struct dim_value end = dim_next(&r->hi);

	*from = point_find(p, &r->lo);
	*to = is_highest(&r->hi) ? p->n : point_find(p, &end);
}

/*
 * About how many groups a line will be in, when `step` intervals make one; 0: it does not ask. More
 * than REACH_MAX is all the same.
 */
static size_t
line_reach(struct arena *a, const struct points *p, size_t step, const struct line *l, enum dim d)
{
	size_t n = dim_ranges(l, d, NULL), from, to, reach = 0;
	struct dim_range one, *r = n > 1 ? arena_array(a, struct dim_range, n) : &one;

	n = dim_ranges(l, d, r);
	for (size_t i = 0; i < n; i++) {
		range_intervals(p, &r[i], &from, &to);
		reach += (to - 1) / step - from / step + 1;
	}
	return reach < REACH_MAX ? reach : REACH_MAX;
}

/*
 * Divides the lines: into the layer go those that will be in few groups, as many as SPREAD_MAX
 * allows.
 */
static void
divide(const struct builder *b, struct cut *c, const struct list *all)
{
	struct points p = points_of(b, &c->a, all, c->dim);
	size_t *reach = arena_array(&c->a, size_t, all->n), count[REACH_MAX + 1] = {0};
	size_t room = all->n * SPREAD_MAX / 100 + LEAF_LINES, most = 1, step;

	step = p.n * LEAF_LINES / all->n + 1;
	for (size_t i = 0; i < all->n; i++) {
		reach[i] = line_reach(&c->a, &p, step, b->lines[all->i[i]], c->dim);
		count[reach[i]]++;
	}
	for (; most < REACH_MAX && most * count[most] <= room; most++)
		room -= most * count[most];
	c->in = list_new(&c->a, all->n);
	c->out = list_new(&c->a, all->n);
	for (size_t i = 0; i < all->n; i++) {
		bool in =
			reach[i] &&
			(reach[i] < most || (reach[i] == most && room >= most && most < REACH_MAX));
		struct list *to = in ? &c->in : &c->out;

		room -= in && reach[i] == most ? most : 0;
		to->i[to->n++] = all->i[i];
	}
}

/* The lines of every interval, by counting first. */
static struct list *
fill_intervals(const struct builder *b, struct cut *c, const struct points *p)
{
	struct list *at = arena_array(&c->a, struct list, p->n + 1);
	size_t from, to, max = 0, total = 0;
	uint32_t *room = NULL;
	struct dim_range *r;

	for (size_t i = 0; i < c->in.n; i++) {
		size_t n = dim_ranges(b->lines[c->in.i[i]], c->dim, NULL);

		max = n > max ? n : max;
	}
	r = arena_array(&c->a, struct dim_range, max + 1);
	for (unsigned pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < c->in.n; i++) {
			size_t n = dim_ranges(b->lines[c->in.i[i]], c->dim, r);

			for (size_t j = 0; j < n; j++) {
				range_intervals(p, &r[j], &from, &to);
				for (size_t k = from; k < to; k++, total += !pass)
					if (pass)
						at[k].i[at[k].n++] = c->in.i[i];
					else
						at[k].n++;
			}
		}
		if (pass)
			break;
		room = arena_array(&c->a, uint32_t, total + 1);
		for (size_t k = 0; k < p->n; k++) {
			at[k].i = room;
			room += at[k].n;
			at[k].n = 0;
		}
	}
	return at;
}

/* Both in one, ascending, each once. False: more than `max`. */
static bool
list_unite(const struct list *x, const struct list *y, size_t max, struct list *out)
{
	size_t i = 0, k = 0;

	out->n = 0;
	while (i < x->n || k < y->n) {
		uint32_t v;

		if (out->n == max)
			return false;
		if (k == y->n || (i < x->n && x->i[i] <= y->i[k]))
			v = x->i[i];
		else
			v = y->i[k];
		i += i < x->n && x->i[i] == v;
		k += k < y->n && y->i[k] == v;
		out->i[out->n++] = v;
	}
	return true;
}

static bool
list_same(const struct list *x, const struct list *y)
{
	if (x->n != y->n)
		return false;
	for (size_t i = 0; i < x->n; i++)
		if (x->i[i] != y->i[i])
			return false;
	return true;
}

/* Addresses and ports: neighbours can share a node, since its lines are asked in full anyway. */
static bool
may_group(enum dim d)
{
	return d != DIM_FAMILY && d != DIM_PROTO;
}

static void
group_close(struct cut *c)
{
	struct group *g = &c->groups[c->n_groups - 1];

	g->same = c->n_groups - 1;
	for (size_t i = 0; g->lines.n > LEAF_LINES && i < c->n_groups - 1; i++) {
		if (!list_same(&c->groups[i].lines, &g->lines))
			continue;
		g->same = c->groups[i].same;
		break;
	}
}

/* Joins neighbouring intervals while they have few lines together. */
static void
group_intervals(struct cut *c, const struct points *p, const struct list *at)
{
	uint32_t buf[LEAF_LINES];
	struct list both = {buf, 0};

	c->groups = arena_array(&c->a, struct group, p->n + 1);
	for (size_t k = 0; k < p->n; k++) {
		struct group *g = c->n_groups ? &c->groups[c->n_groups - 1] : NULL;
		struct dim_value hi = {UINT64_MAX, UINT64_MAX};

		if (!at[k].n)
			continue; /* nobody asks for these: in no group, or within one */
		if (k + 1 < p->n)
			hi = dim_prev(&p->v[k + 1]);
		if (g && may_group(c->dim) && list_unite(&g->lines, &at[k], LEAF_LINES, &both)) {
			struct list l = list_new(&c->a, both.n);

			for (; l.n < both.n; l.n++)
				l.i[l.n] = both.i[l.n];
			g->lines = l;
			g->range.hi = hi;
			continue;
		}
		if (g)
			group_close(c);
		c->groups[c->n_groups++] = (struct group){.range = {p->v[k], hi}, .lines = at[k]};
	}
	if (c->n_groups)
		group_close(c);
}

static void
cut_make(const struct builder *b, struct cut *c, const struct list *all)
{
	uint64_t sum = 0, squares = 0;
	struct points p;

	divide(b, c, all);
	p = points_of(b, &c->a, &c->in, c->dim);
	group_intervals(c, &p, fill_intervals(b, c, &p));
	for (size_t i = 0; i < c->n_groups; i++) {
		sum += c->groups[i].lines.n;
		squares += (uint64_t)c->groups[i].lines.n * c->groups[i].lines.n;
	}
	c->cost = (sum ? squares / sum : 0) + c->out.n;
}

/*
 * The best layer for these lines. False: none that is worth it. When there are lines of one family
 * only, IPv4 and IPv6 are told apart before anything else.
 */
static bool
cut_best(const struct builder *b, const struct list *all, struct cut *best)
{
	bool only4 = false, only6 = false;

	*best = (struct cut){.cost = UINT64_MAX};
	for (size_t i = 0; i < all->n; i++) {
		only4 |= b->lines[all->i[i]]->family == 4;
		only6 |= b->lines[all->i[i]]->family == 6;
	}
	for (unsigned d = 0; d < _DIM_MAX; d++) {
		struct cut c = {.dim = (enum dim)d};

		if ((d == DIM_FAMILY) != (only4 && only6))
			continue;
		cut_make(b, &c, all);
		if (c.cost < best->cost) {
			arena_free(&best->a);
			*best = c;
		} else {
			arena_free(&c.a);
		}
	}
	if (best->dim == DIM_FAMILY ||
		(best->cost * 5 <= all->n * 4 && best->cost + LEAF_LINES <= all->n))
		return true;
	arena_free(&best->a);
	return false;
}

static uint32_t
rule_of(const struct builder *b, uint32_t line)
{
	return b->lines[line]->rule->r->index;
}

static uint32_t
least(uint32_t x, uint32_t y)
{
	return x < y ? x : y;
}

static struct tree_line *
lines_new(struct builder *b, const struct list *l, struct surroundings s)
{
	struct tree_line *t = arena_array(b->a, struct tree_line, l->n);

	for (size_t i = 0; i < l->n; i++) {
		uint32_t rule = rule_of(b, l->i[i]);

		t[i] = (struct tree_line){b->lines[l->i[i]], s.before < rule, s.after >= rule};
		if (!t[i].direct)
			b->remembered = least(b->remembered, rule);
	}
	b->room -= l->n < b->room ? l->n : b->room;
	return t;
}

static struct tree_node *node_build(
	struct builder *b, const struct list *all, struct surroundings s, unsigned depth);

static void
layer_build(struct builder *b, struct tree_layer *layer, const struct cut *c, struct surroundings s,
	unsigned depth)
{
	layer->dim = c->dim;
	layer->n = c->n_groups;
	layer->e = arena_array(b->a, struct tree_entry, c->n_groups);
	for (size_t i = 0; i < c->n_groups; i++) {
		const struct group *g = &c->groups[i];

		layer->e[i].range = g->range;
		layer->e[i].node = g->same < i ? layer->e[g->same].node
					       : node_build(b, &g->lines, s, depth + 1);
	}
}

/* Takes layers off the list; what is left of it comes back. Returns how many layers. */
static size_t
take_layers(const struct builder *b, struct list *rest, struct cut *cuts, unsigned depth)
{
	size_t n = 0;

	while (rest->n > LEAF_LINES && n < TREE_LAYERS_MAX && depth < DEPTH_MAX && b->room) {
		if (!cut_best(b, rest, &cuts[n]))
			break;
		*rest = cuts[n++].out;
	}
	return n;
}

static struct tree_node *
node_build(struct builder *b, const struct list *all, struct surroundings s, unsigned depth)
{
	struct tree_node *node = arena_new(b->a, struct tree_node);
	struct cut cuts[TREE_LAYERS_MAX];
	uint32_t after[TREE_LAYERS_MAX], earliest = NONE, outer = b->remembered;
	struct list rest = *all, first;

	b->remembered = NONE;
	node->n_layers = take_layers(b, &rest, cuts, depth);
	for (size_t i = 0; i < node->n_layers; i++)
		earliest = least(earliest, rule_of(b, cuts[i].in.i[0]));
	first = (struct list){rest.i, 0};
	while (node->n_layers && first.n < rest.n && rule_of(b, rest.i[first.n]) <= earliest)
		first.n++;
	node->n_first = first.n;
	node->first = lines_new(b, &first, s);
	rest.i += first.n;
	rest.n -= first.n;
	earliest = rest.n ? least(s.after, rule_of(b, rest.i[0])) : s.after;
	for (size_t i = node->n_layers; i-- > 0;) {
		after[i] = earliest;
		earliest = least(earliest, rule_of(b, cuts[i].in.i[0]));
	}
	for (size_t i = 0; i < node->n_layers; i++) {
		struct surroundings inner = {s.before, after[i]};

		layer_build(b, &node->layers[i], &cuts[i], inner, depth);
		s.before = least(s.before, b->remembered);
	}
	node->n_last = rest.n;
	node->last = lines_new(b, &rest, s);
	b->remembered = least(b->remembered, outer);
	for (size_t i = 0; i < node->n_layers; i++)
		arena_free(&cuts[i].a);
	return node;
}

void
tree_build(struct arena *a, struct tree *t, const struct line *const *lines, size_t n)
{
	struct arena scratch = ARENA_INIT;
	struct builder b = {.a = a, .lines = lines, .room = TOTAL_MAX * n, .remembered = NONE};
	struct list all = list_new(&scratch, n);

	for (; all.n < n; all.n++)
		all.i[all.n] = (uint32_t)all.n;
	t->root = node_build(&b, &all, (struct surroundings){NONE, NONE}, 0);
	t->remembers = b.remembered != NONE;
	arena_free(&scratch);
}
