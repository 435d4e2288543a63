/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The candidate: objects with their properties as canonical text, each with the place where it was
 * written. A list for each type in order (which for rules is the order of evaluation), and a hash
 * table by name. Values are never changed in place, only replaced.
 */
#pragma once
#include "core/conf/check.h"
#include "core/conf/schema.h"

#define CANDIDATE_OBJECTS_MAX 100000
#define CANDIDATE_TEXT_MAX    (16u << 20) /* bytes of one conf_parse() */

struct candidate_item {
	const char *text; /* canonical (value.h) */
	unsigned column;
};

struct candidate_value {
	const struct candidate_item *items;
	size_t n; /* at least 1 */
	unsigned line, column;
};

enum candidate_state {
	OBJECT_LIVE,
	OBJECT_DELETED, /* remembered, so that those who still use it can be named */
	OBJECT_REFUSED, /* an `add` with errors: references to it are no second error */
};

struct conf_object {
	struct conf_object *prev, *next; /* live objects of the same type */
	struct conf_object *chain;       /* hash table */
	struct candidate_chunk *chunk;   /* of the list */
	const struct schema_type *type;
	const char *name;      /* "" for singletons */
	unsigned line, column; /* of the statement that made or deleted it */
	enum candidate_state state;
	unsigned run;                          /* conf_parse() call that refused it */
	const struct candidate_value **values; /* by index of the property; NULL = not set */
	void *resolved;                        /* belongs to conf_check() */
	uint8_t visit;                         /* belongs to conf_check() */
	unsigned depth;                        /* belongs to conf_check() */
	struct diff_place *place;              /* belongs to candidate_diff() */
};

struct conf_object *candidate_first(const struct conf_candidate *c, enum schema_id type);
#define candidate_each(c, id, o)                                                                   \
	for (struct conf_object *o = candidate_first(c, id); o; o = o->next)
size_t candidate_count(const struct conf_candidate *c, enum schema_id type);

/* The live object; name "" for a singleton. NULL when there is none. */
struct conf_object *candidate_find(
	const struct conf_candidate *c, enum schema_space space, const char *name);
struct conf_object *candidate_get(
	const struct conf_candidate *c, const struct schema_type *t, const char *name);
/* A deleted object of that name, or one whose `add` was refused in the latest conf_parse(). */
struct conf_object *candidate_find_gone(
	const struct conf_candidate *c, enum schema_space space, const char *name);

/*
 * Editing, for the parser and for conf_check(). add: the name must be free, except for a singleton
 * already there, which is returned. place: 1-based among its type; false when there are fewer.
 */
void candidate_begin(struct arena *a, struct conf_candidate *c); /* a new conf_parse() */
struct conf_object *candidate_add(struct arena *a, struct conf_candidate *c,
	const struct schema_type *t, const char *name, enum candidate_state state);
void candidate_delete(struct conf_candidate *c, struct conf_object *o);
bool candidate_place(
	struct arena *a, struct conf_candidate *c, struct conf_object *o, size_t place);

/*
 * Values by the name of the property, which the schema must have. Without a value the schema's
 * default stands in; text is NULL and numbers are 0 when there is no default either.
 */
const struct candidate_value *candidate_value(const struct conf_object *o, const char *prop);
const char *candidate_text(const struct conf_object *o, const char *prop); /* first item */
bool candidate_bool(const struct conf_object *o, const char *prop);
uint32_t candidate_uint(const struct conf_object *o, const char *prop);
int candidate_word(const struct conf_object *o, const char *prop); /* index, -1 = not set */

/* "EthernetInterface lan" */
const char *candidate_title(struct arena *a, const struct conf_object *o);

/*
 * Statements that turn candidate `from` into candidate `to`, in an order in which they can be
 * given;
 * "" when nothing differs.
 */
const char *candidate_diff(
	struct arena *a, const struct conf_candidate *from, const struct conf_candidate *to);

/* The part of it that concerns one object; "" when it is alike in both. name "" for a singleton. */
const char *candidate_diff_object(struct arena *a, const struct conf_candidate *from,
	const struct conf_candidate *to, const struct schema_type *type, const char *name);

/*
 * Two edits of one base: the statements that bring the first onto the second, when they touch
 * different objects. Otherwise NULL, and *conflicts names what both have touched: "IPRule a, IPRule
 * *"; the latter is the order, which is touched by whoever moves a rule.
 */
const char *candidate_merge(struct arena *a, const struct conf_candidate *base,
	const struct conf_candidate *mine, const struct conf_candidate *theirs,
	const char **conflicts);

/* Text of the properties that both nodes share, and of those of this node only; together the whole.
 */
const char *candidate_show_shared(struct arena *a, const struct conf_candidate *c);
const char *candidate_show_local(struct arena *a, const struct conf_candidate *c);

/*
 * The objects that refer to `name` of that space, "IPRule a (SourceInterface), Route b
 * (Interface)"; at most `max` of them are written out, then "and N more". NULL when there are none.
 * An interface counts as used through X_ip and the like, too.
 */
const char *candidate_users(struct arena *a, const struct conf_candidate *c,
	enum schema_space space, const char *name, size_t max);

/* The whole text with one object, and every reference to it, under another name. */
const char *candidate_show_renamed(struct arena *a, const struct conf_candidate *c,
	const struct schema_type *type, const char *name, const char *new_name);
