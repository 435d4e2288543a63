/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Storage of a candidate: lists by type, one hash table over (space, name). */
#include <assert.h>
#include <string.h>
#include "core/conf/candidate.h"
#include "core/conf/value.h"

#define CHUNK_MAX 512 /* objects; then it becomes two */

/* A run of neighbours in a list, so that the n-th object is found without walking the whole list.
 */
struct candidate_chunk {
	struct candidate_chunk *next;
	struct conf_object *first; /* NULL when empty */
	size_t n;
};

struct candidate_list {
	struct conf_object *first, *last;
	struct candidate_chunk *chunks;
	size_t n;
};

struct candidate_index {
	struct candidate_list list[_TYPE_MAX];
	struct conf_object **bucket;
	size_t n_buckets, n_hashed; /* buckets: a power of two */
	unsigned run;               /* conf_parse() calls so far */
};

static size_t
hash(enum schema_space space, const char *name)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ (uint64_t)space;

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
	return (size_t)(h ^ (h >> 29));
}

static void
index_grow(struct arena *a, struct candidate_index *x)
{
	size_t n = x->n_buckets ? x->n_buckets * 2 : 64;
	struct conf_object **bucket = arena_array(a, struct conf_object *, n);

	for (size_t i = 0; i < x->n_buckets; i++) {
		for (struct conf_object *o = x->bucket[i], *next; o; o = next) {
			size_t h = hash(o->type->space, o->name) & (n - 1);

			next = o->chain;
			o->chain = bucket[h];
			bucket[h] = o;
		}
	}
	x->bucket = bucket;
	x->n_buckets = n;
}

static struct conf_object *
find_any(const struct conf_candidate *c, enum schema_space space, const char *name)
{
	struct conf_object *o;

	if (!c->index || !c->index->n_buckets)
		return NULL;
	o = c->index->bucket[hash(space, name) & (c->index->n_buckets - 1)];
	while (o && (o->type->space != space || strcmp(o->name, name) != 0))
		o = o->chain;
	return o;
}

struct conf_object *
candidate_first(const struct conf_candidate *c, enum schema_id type)
{
	return c->index ? c->index->list[type].first : NULL;
}

size_t
candidate_count(const struct conf_candidate *c, enum schema_id type)
{
	return c->index ? c->index->list[type].n : 0;
}

struct conf_object *
candidate_find(const struct conf_candidate *c, enum schema_space space, const char *name)
{
	struct conf_object *o = find_any(c, space, name);

	return o && o->state == OBJECT_LIVE ? o : NULL;
}

struct conf_object *
candidate_get(const struct conf_candidate *c, const struct schema_type *t, const char *name)
{
	struct conf_object *o;

	if (t->singleton)
		return candidate_first(c, schema_type_id(t));
	o = candidate_find(c, t->space, name);
	return o && o->type == t ? o : NULL;
}

struct conf_object *
candidate_find_gone(const struct conf_candidate *c, enum schema_space space, const char *name)
{
	struct conf_object *o = find_any(c, space, name);

	if (!o || o->state == OBJECT_LIVE)
		return NULL;
	return o->state == OBJECT_DELETED || o->run == c->index->run ? o : NULL;
}

void
candidate_begin(struct arena *a, struct conf_candidate *c)
{
	if (!c->index)
		c->index = arena_new(a, struct candidate_index);
	c->index->run++;
}

static void
chunk_split(struct arena *a, struct candidate_chunk *k)
{
	struct candidate_chunk *rest = arena_new(a, struct candidate_chunk);
	struct conf_object *o = k->first;

	for (size_t i = 0; i < k->n / 2; i++)
		o = o->next;
	rest->first = o;
	rest->n = k->n - k->n / 2;
	rest->next = k->next;
	k->n /= 2;
	k->next = rest;
	for (size_t i = 0; i < rest->n; i++, o = o->next)
		o->chunk = rest;
}

/* Links o in front of `next`, or at the end when that is NULL. */
static void
list_insert(
	struct arena *a, struct candidate_list *l, struct conf_object *o, struct conf_object *next)
{
	struct candidate_chunk *k;

	if (!l->chunks)
		l->chunks = arena_new(a, struct candidate_chunk);
	k = next ? next->chunk : l->last ? l->last->chunk : l->chunks;
	o->next = next;
	o->prev = next ? next->prev : l->last;
	*(o->prev ? &o->prev->next : &l->first) = o;
	*(next ? &next->prev : &l->last) = o;
	l->n++;
	o->chunk = k;
	if (!k->n || k->first == next)
		k->first = o;
	if (++k->n > CHUNK_MAX)
		chunk_split(a, k);
}

static void
list_remove(struct candidate_list *l, struct conf_object *o)
{
	struct candidate_chunk *k = o->chunk;

	if (k->first == o)
		k->first = k->n > 1 ? o->next : NULL;
	k->n--;
	*(o->prev ? &o->prev->next : &l->first) = o->next;
	*(o->next ? &o->next->prev : &l->last) = o->prev;
	o->prev = o->next = NULL;
	l->n--;
}

/* The object at a place, counted from 1; NULL when there are fewer. */
static struct conf_object *
list_at(const struct candidate_list *l, size_t place)
{
	const struct candidate_chunk *k = l->chunks;
	struct conf_object *o;

	while (k && place > k->n) {
		place -= k->n;
		k = k->next;
	}
	if (!k)
		return NULL;
	for (o = k->first; place > 1; place--)
		o = o->next;
	return o;
}

struct conf_object *
candidate_add(struct arena *a, struct conf_candidate *c, const struct schema_type *t,
	const char *name, enum candidate_state state)
{
	struct candidate_index *x;
	struct conf_object *o;

	if (!c->index)
		candidate_begin(a, c);
	x = c->index;
	o = t->singleton ? candidate_first(c, schema_type_id(t)) : find_any(c, t->space, name);
	if (o && t->singleton)
		return o;
	if (!o) {
		o = arena_new(a, struct conf_object);
		o->name = t->singleton ? "" : arena_strdup(a, name);
		o->type = t;
		if (!t->singleton) {
			size_t h;

			if (x->n_hashed >= x->n_buckets)
				index_grow(a, x);
			h = hash(t->space, name) & (x->n_buckets - 1);
			o->chain = x->bucket[h];
			x->bucket[h] = o;
			x->n_hashed++;
		}
	}
	assert(!o->prev && !o->next && o->type->space == t->space);
	o->type = t;
	o->state = state;
	o->run = x->run;
	o->values = arena_array(a, const struct candidate_value *, t->n_props);
	if (state == OBJECT_LIVE) {
		list_insert(a, &x->list[schema_type_id(t)], o, NULL);
		c->n_objects++;
	}
	return o;
}

void
candidate_delete(struct conf_candidate *c, struct conf_object *o)
{
	struct candidate_index *x = c->index;

	assert(o->state == OBJECT_LIVE && !o->type->singleton);
	list_remove(&x->list[schema_type_id(o->type)], o);
	o->state = OBJECT_DELETED;
	o->resolved = NULL;
	c->n_objects--;
}

bool
candidate_place(struct arena *a, struct conf_candidate *c, struct conf_object *o, size_t place)
{
	struct candidate_list *l = &c->index->list[schema_type_id(o->type)];

	assert(o->state == OBJECT_LIVE);
	if (place < 1 || place > l->n)
		return false;
	list_remove(l, o);
	list_insert(a, l, o, list_at(l, place));
	return true;
}

static size_t
prop_index(const struct conf_object *o, const char *prop)
{
	const struct schema_prop *p = schema_prop_find(o->type, prop);

	assert(p);
	return (size_t)(p - o->type->props);
}

const struct candidate_value *
candidate_value(const struct conf_object *o, const char *prop)
{
	return o->values[prop_index(o, prop)];
}

const char *
candidate_text(const struct conf_object *o, const char *prop)
{
	size_t i = prop_index(o, prop);

	return o->values[i] ? o->values[i]->items[0].text : o->type->props[i].dflt;
}

bool
candidate_bool(const struct conf_object *o, const char *prop)
{
	const char *text = candidate_text(o, prop);

	return text && strcmp(text, "Yes") == 0;
}

uint32_t
candidate_uint(const struct conf_object *o, const char *prop)
{
	const char *text = candidate_text(o, prop);
	uint64_t v = 0;

	if (text && !value_uint(text, UINT32_MAX, &v))
		v = 0; /* the word that stands for 0 */
	return (uint32_t)v;
}

int
candidate_word(const struct conf_object *o, const char *prop)
{
	size_t i = prop_index(o, prop);
	const char *text = candidate_text(o, prop);

	return text ? value_word(o->type->props[i].words, text) : -1;
}

const char *
candidate_title(struct arena *a, const struct conf_object *o)
{
	return o->type->singleton ? o->type->name
				  : arena_printf(a, "%s %s", o->type->name, o->name);
}
