/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The statements that lead from one candidate to another. Deletions first, so that names are free;
 * order matters only for types with a position (rules): there the objects that can stay where they
 * are (a longest run that is in the same order on both sides) stay, and only the others are moved.
 */
#include <string.h>
#include "core/conf/show.h"

/* An object of an ordered type in the list as it is while the statements are carried out. */
struct diff_place {
	struct diff_place *prev, *next;
	size_t rank; /* in `from`, 1-based; 0 = new */
	bool stays;
	bool passed; /* will be moved, and lies before the objects that are settled already */
};

struct order {
	struct diff_place head; /* next = first */
	struct diff_place *last;
};

static bool
same_value(const struct candidate_value *x, const struct candidate_value *y)
{
	if (!x || !y || x->n != y->n)
		return x == y;
	for (size_t i = 0; i < x->n; i++)
		if (strcmp(x->items[i].text, y->items[i].text) != 0)
			return false;
	return true;
}

/* The `set` that makes `from` equal `to`; either may be NULL for a singleton never set. */
static void
diff_object(
	struct text *t, const struct conf_object *from, const struct conf_object *to, size_t place)
{
	const struct conf_object *o = to ? to : from;
	bool begun = false;

	for (size_t i = 0; i < o->type->n_props; i++) {
		const struct schema_prop *p = &o->type->props[i];
		const struct candidate_value *x = from ? from->values[i] : NULL;
		const struct candidate_value *y = to ? to->values[i] : NULL;
		struct candidate_item item;
		struct candidate_value at = {&item, 1, 0, 0};

		if (p->position && place) {
			item.text = arena_printf(t->a, "%zu", place);
			y = &at;
		} else if (same_value(x, y)) {
			continue;
		}
		if (!begun)
			show_head(t, "set", o);
		begun = true;
		show_prop(t, p, y);
	}
	if (begun)
		text_put(t, "\n");
}

static void
diff_deletions(struct text *t, const struct conf_candidate *from, const struct conf_candidate *to,
	const struct schema_type *st)
{
	candidate_each (from, schema_type_id(st), o) {
		if (candidate_get(to, st, o->name))
			continue;
		show_head(t, "delete", o);
		text_put(t, "\n");
	}
}

static void
diff_singleton(struct text *t, const struct conf_candidate *from, const struct conf_candidate *to,
	const struct schema_type *st)
{
	const struct conf_object *x = candidate_get(from, st, ""), *y = candidate_get(to, st, "");

	if (x || y)
		diff_object(t, x, y, 0);
}

static void
diff_unordered(struct text *t, const struct conf_candidate *from, const struct conf_candidate *to,
	const struct schema_type *st)
{
	candidate_each (to, schema_type_id(st), o) {
		const struct conf_object *x = candidate_get(from, st, o->name);

		if (x)
			diff_object(t, x, o, 0);
		else
			show_object(t, o, SHOW_ALL, 0);
	}
}

/* Marks a longest increasing run of ranks among p[n] (patience sorting). */
static void
mark_stays(struct arena *a, struct diff_place **p, size_t n)
{
	size_t *tail = arena_array(a, size_t, n + 1), *before = arena_array(a, size_t, n + 1);
	size_t longest = 0;

	for (size_t i = 0; i < n; i++) {
		size_t lo = 0, hi = longest;

		while (lo < hi) {
			size_t mid = (lo + hi) / 2;

			if (p[tail[mid]]->rank < p[i]->rank)
				lo = mid + 1;
			else
				hi = mid;
		}
		before[i] = lo ? tail[lo - 1] : n;
		tail[lo] = i;
		if (lo == longest)
			longest++;
	}
	for (size_t i = longest ? tail[longest - 1] : n; i < n; i = before[i])
		p[i]->stays = true;
}

static void
order_unlink(struct order *l, struct diff_place *p)
{
	p->prev->next = p->next;
	*(p->next ? &p->next->prev : &l->last) = p->prev;
}

static void
order_insert(struct order *l, struct diff_place *p, struct diff_place *after)
{
	p->prev = after;
	p->next = after->next;
	*(after->next ? &after->next->prev : &l->last) = p;
	after->next = p;
}

/* The list after the deletions, and in it who stays. */
static void
order_init(struct arena *a, struct order *l, const struct conf_candidate *from,
	const struct conf_candidate *to, const struct schema_type *st)
{
	size_t n = 0, max = candidate_count(to, schema_type_id(st));
	struct diff_place **common = arena_array(a, struct diff_place *, max + 1);
	size_t rank = 0;

	*l = (struct order){0};
	l->last = &l->head;
	candidate_each (to, schema_type_id(st), o)
		o->place = arena_new(a, struct diff_place);
	candidate_each (from, schema_type_id(st), o) {
		const struct conf_object *y = candidate_get(to, st, o->name);

		if (!y)
			continue;
		y->place->rank = ++rank;
		order_insert(l, y->place, l->last);
	}
	candidate_each (to, schema_type_id(st), o)
		if (o->place->rank)
			common[n++] = o->place;
	mark_stays(a, common, n);
}

/*
 * Settles the objects one after the other: `after` is the last settled one and `place` its place in
 * the list as it is at that moment, from 1. Only forward steps: the whole takes linear time.
 */
static void
diff_ordered(struct text *t, const struct conf_candidate *from, const struct conf_candidate *to,
	const struct schema_type *st)
{
	struct diff_place *after;
	struct order l;
	size_t place = 0;

	order_init(t->a, &l, from, to, st);
	after = &l.head;
	candidate_each (to, schema_type_id(st), o) {
		const struct conf_object *x = candidate_get(from, st, o->name);
		struct diff_place *p = o->place;

		if (x && (p->stays || p->prev == after)) {
			for (struct diff_place *q = after->next; q != p; q = q->next) {
				q->passed = true;
				place++;
			}
			diff_object(t, x, o, 0);
		} else if (x) {
			order_unlink(&l, p);
			place -= p->passed;
			diff_object(t, x, o, place + 1);
			order_insert(&l, p, after);
		} else {
			show_object(t, o, SHOW_ALL, after == l.last ? 0 : place + 1);
			order_insert(&l, p, after);
		}
		after = p;
		place++;
	}
}

const char *
candidate_diff(struct arena *a, const struct conf_candidate *from, const struct conf_candidate *to)
{
	struct text t = {.a = a};

	for (size_t i = _TYPE_MAX; i-- > 0;)
		if (!schema_types[i].singleton)
			diff_deletions(&t, from, to, &schema_types[i]);
	schema_each_type (st) {
		bool ordered = false;

		schema_each_prop (st, p)
			ordered = ordered || p->position;
		if (st->singleton)
			diff_singleton(&t, from, to, st);
		else if (ordered)
			diff_ordered(&t, from, to, st);
		else
			diff_unordered(&t, from, to, st);
	}
	return text_end(&t);
}

/* Its place in its list, from 1; 0 when its type has no order. */
static size_t
place_of(const struct conf_object *o)
{
	size_t place = 1;
	bool ordered = false;

	schema_each_prop (o->type, p)
		ordered = ordered || p->position;
	for (const struct conf_object *x = o->prev; x; x = x->prev)
		place++;
	return ordered ? place : 0;
}

static const char *
name_before(const struct conf_object *o)
{
	return o->prev ? o->prev->name : "";
}

const char *
candidate_diff_object(struct arena *a, const struct conf_candidate *from,
	const struct conf_candidate *to, const struct schema_type *type, const char *name)
{
	const struct conf_object *x = candidate_get(from, type, name);
	const struct conf_object *y = candidate_get(to, type, name);
	size_t n = candidate_count(from, schema_type_id(type)), place = y ? place_of(y) : 0;
	struct text t = {.a = a};

	if (type->singleton) {
		if (x || y)
			diff_object(&t, x, y, 0);
	} else if (x && !y) {
		show_head(&t, "delete", x);
		text_put(&t, "\n");
	} else if (x) {
		bool moved = place && strcmp(name_before(x), name_before(y)) != 0;

		diff_object(&t, x, y, !moved ? 0 : place < n ? place : n);
	} else if (y) {
		show_object(&t, y, SHOW_ALL, place <= n ? place : 0);
	}
	return text_end(&t);
}
