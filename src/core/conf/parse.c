/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Statements into a candidate. A statement is carried out as a whole or, when anything in it is
 * wrong, not at all; the ones after it are read all the same. Whether what it refers to exists is
 * the business of conf_check().
 */
#include <string.h>
#include "core/conf/builtin.h"
#include "core/conf/candidate.h"
#include "core/conf/errors.h"
#include "core/conf/lex.h"
#include "core/conf/value.h"

#define SCRATCH_MAX (1u << 20) /* bytes of lexed words kept before they are given back */

struct parse {
	struct arena *a;      /* what stays */
	struct arena scratch; /* words of the present lines */
	struct conf_candidate *cand;
	struct conf_errors *errors;
	unsigned budget; /* of suggestions */
	bool bad;
};

/* One statement. */
struct statement {
	struct parse *p;
	const struct lex_line *l;
	const char *title; /* of the object, for errors */
	const struct schema_type *type;
	const char *name;
	size_t n_head; /* words before the properties */
	bool bad;
};

static void __attribute__((format(printf, 4, 5)))
refuse(struct statement *st, unsigned column, const char *property, const char *fmt, ...)
{
	struct error_place at = {st->l->line, column, arena_strdup(st->p->a, st->title), property};
	va_list ap;

	st->bad = st->p->bad = true;
	va_start(ap, fmt);
	errors_add_va(st->p->a, st->p->errors, false, &at, fmt, ap);
	va_end(ap);
}

static const char *
quote(struct statement *st, const char *text)
{
	return errors_quote(&st->p->scratch, text);
}

static const struct schema_type *
statement_type(struct statement *st)
{
	const struct lex_word *w = &st->l->words[1];
	struct suggest s = suggest_init(w->text, &st->p->budget);
	const struct schema_type *t = schema_type_find(w->text);

	if (t && !w->assign)
		return t;
	schema_each_type (each)
		suggest_offer(&s, each->name);
	refuse(st, w->column, NULL, "unknown type %s%s", quote(st, w->text),
		suggest_text(&st->p->scratch, &s));
	return NULL;
}

/* Type, name and title. False when the statement makes no sense beyond them. */
static bool
statement_head(struct statement *st, const char *verb)
{
	const struct lex_line *l = st->l;

	if (l->n_words < 2) {
		refuse(st, l->words[0].column, NULL, "a type is missing after '%s'", verb);
		return false;
	}
	st->type = statement_type(st);
	if (!st->type)
		return false;
	st->title = st->type->name;
	st->name = "";
	st->n_head = 2;
	if (st->type->singleton)
		return true;
	if (l->n_words < 3 || l->words[2].assign) {
		refuse(st, l->words[1].column, NULL, "a name is missing: %s %s NAME …", verb,
			st->type->name);
		return false;
	}
	st->name = l->words[2].text;
	st->n_head = 3;
	st->title = arena_printf(
		&st->p->scratch, "%s %.*s", st->type->name, (int)errors_cut(st->name), st->name);
	return true;
}

static const struct schema_prop *
statement_prop(struct statement *st, const struct lex_word *w)
{
	const struct schema_prop *p = schema_prop_find(st->type, w->text);
	struct suggest s = suggest_init(w->text, &st->p->budget);

	if (p)
		return p;
	schema_each_prop (st->type, each)
		suggest_offer(&s, each->name);
	refuse(st, w->column, NULL, "%s has no property %s%s", st->type->name, quote(st, w->text),
		suggest_text(&st->p->scratch, &s));
	return NULL;
}

/* The values of one property; NULL after an error. */
static const struct candidate_value *
statement_value(struct statement *st, const struct schema_prop *p, const struct lex_word *w)
{
	struct arena *a = st->p->a;
	struct candidate_value *v;
	struct candidate_item *items;
	bool bad = false;

	if (w->n_items > 1 && !p->list) {
		refuse(st, w->items[1].column, p->name, "takes one value, not a list");
		return NULL;
	}
	if (p->list_max && w->n_items > p->list_max) {
		refuse(st, w->items[p->list_max].column, p->name, "takes at most %u values",
			p->list_max);
		return NULL;
	}
	v = arena_new(a, struct candidate_value);
	items = arena_array(a, struct candidate_item, w->n_items);
	for (size_t i = 0; i < w->n_items; i++) {
		const char *message = NULL, *text = w->items[i].text;
		const char *canon = value_canon(&st->p->scratch, p, text, &message);

		if (!canon) {
			refuse(st, w->items[i].column, p->name, "%s", message);
			bad = true;
			continue;
		}
		items[i].text = arena_strdup(a, canon);
		items[i].column = w->items[i].column;
	}
	*v = (struct candidate_value){items, w->n_items, st->l->line, w->column};
	return bad ? NULL : v;
}

/* The place among place_max that Index asks for; 0 = none. */
static size_t
statement_place(struct statement *st, const struct schema_prop *p, const struct lex_word *w,
	size_t place_max)
{
	const struct candidate_value *v = w->n_items ? statement_value(st, p, w) : NULL;
	uint64_t place = 0;

	if (!v || !value_uint(v->items[0].text, UINT32_MAX, &place))
		return 0;
	if (place > place_max)
		refuse(st, w->column, p->name,
			"%s is beyond the end, there would be only %zu: leave it out for the last "
			"place",
			v->items[0].text, place_max);
	return (size_t)place;
}

/*
 * All Property=Value words into values[]; *given tells which were there (a value of NULL then takes
 * the property back to its default). Returns the place asked for, or 0.
 */
static size_t
statement_props(
	struct statement *st, const struct candidate_value **values, bool *given, size_t place_max)
{
	size_t place = 0;

	for (size_t i = st->n_head; i < st->l->n_words; i++) {
		const struct lex_word *w = &st->l->words[i];
		const struct schema_prop *p;
		size_t k;

		if (!w->assign) {
			refuse(st, w->column, NULL, "%s: expected Property=Value",
				quote(st, w->text));
			continue;
		}
		p = statement_prop(st, w);
		if (!p)
			continue;
		k = (size_t)(p - st->type->props);
		if (given[k]) {
			refuse(st, w->column, p->name, "given twice");
			continue;
		}
		given[k] = true;
		if (p->position)
			place = statement_place(st, p, w, place_max);
		else
			values[k] = w->n_items ? statement_value(st, p, w) : NULL;
	}
	return place;
}

static void
statement_apply(struct statement *st, struct conf_object *o,
	const struct candidate_value *const *values, const bool *given, size_t place)
{
	for (size_t i = 0; i < st->type->n_props; i++)
		if (given[i] && !st->type->props[i].position)
			o->values[i] = values[i];
	if (place)
		candidate_place(st->p->a, st->p->cand, o, place);
}

/* Whether the name is free for a new object. */
static bool
name_is_free(struct statement *st, unsigned column)
{
	const char *why = value_name_error(&st->p->scratch, st->type, st->name);
	const struct conf_object *o;

	if (why) {
		refuse(st, column, NULL, "%s", why);
		return false;
	}
	if (builtin_is_name(st->type->space, st->name)) {
		refuse(st, column, NULL, "'%s' is always there and can't be defined", st->name);
		return false;
	}
	o = candidate_find(st->p->cand, st->type->space, st->name);
	if (o && o->type == st->type)
		refuse(st, column, NULL, "exists already (line %u): change it with 'set'", o->line);
	else if (o)
		refuse(st, column, NULL, "the name is taken by %s %s (line %u)", o->type->name,
			o->name, o->line);
	return !o;
}

static void
statement_add(struct statement *st)
{
	const struct candidate_value **values;
	unsigned column;
	struct conf_object *o;
	bool *given, free;
	size_t place;

	if (!statement_head(st, "add"))
		return;
	if (st->type->singleton) {
		refuse(st, st->l->words[1].column, NULL, "is always there: change it with 'set'");
		return;
	}
	column = st->l->words[2].column;
	free = name_is_free(st, column);
	values = arena_array(&st->p->scratch, const struct candidate_value *, st->type->n_props);
	given = arena_array(&st->p->scratch, bool, st->type->n_props);
	place = statement_props(
		st, values, given, candidate_count(st->p->cand, schema_type_id(st->type)) + 1);
	if (st->p->cand->n_objects >= CANDIDATE_OBJECTS_MAX)
		refuse(st, column, NULL, "more than %u objects", CANDIDATE_OBJECTS_MAX);
	if (st->bad || st->l->error) {
		if (free)
			candidate_add(st->p->a, st->p->cand, st->type, st->name, OBJECT_REFUSED);
		return;
	}
	o = candidate_add(st->p->a, st->p->cand, st->type, st->name, OBJECT_LIVE);
	o->line = st->l->line;
	o->column = column;
	statement_apply(st, o, values, given, place);
}

/* The object to be changed or deleted; NULL with an error when there is none. */
static struct conf_object *
statement_object(struct statement *st)
{
	enum schema_space space = st->type->space;
	unsigned column = st->l->words[st->n_head - 1].column;
	struct conf_object *o = candidate_get(st->p->cand, st->type, st->name);
	struct suggest s = suggest_init(st->name, &st->p->budget);
	const struct conf_object *other;

	if (o)
		return o;
	other = candidate_find_gone(st->p->cand, space, st->name);
	if (other && other->state == OBJECT_REFUSED) { /* its `add` was an error already */
		st->bad = true;
		return NULL;
	}
	other = candidate_find(st->p->cand, space, st->name);
	if (builtin_is_name(space, st->name)) {
		refuse(st, column, NULL, "'%s' is always there and can't be changed", st->name);
	} else if (other) {
		refuse(st, column, NULL, "'%s' is of type %s", st->name, other->type->name);
	} else {
		candidate_each (st->p->cand, schema_type_id(st->type), each) {
			if (suggest_done(&s))
				break;
			suggest_offer(&s, each->name);
		}
		refuse(st, column, NULL, "no %s is called %s%s", st->type->name,
			quote(st, st->name), suggest_text(&st->p->scratch, &s));
	}
	return NULL;
}

static void
statement_set(struct statement *st)
{
	const struct candidate_value **values;
	struct conf_object *o = NULL;
	bool *given;
	size_t place;

	if (!statement_head(st, "set"))
		return;
	if (!st->type->singleton) {
		o = statement_object(st);
		if (!o)
			return;
	}
	values = arena_array(&st->p->scratch, const struct candidate_value *, st->type->n_props);
	given = arena_array(&st->p->scratch, bool, st->type->n_props);
	place = statement_props(
		st, values, given, candidate_count(st->p->cand, schema_type_id(st->type)));
	if (st->l->n_words == st->n_head)
		refuse(st, st->l->words[0].column, NULL,
			"nothing to set: Property=Value is missing");
	if (st->bad || st->l->error)
		return;
	if (!o)
		o = candidate_get(st->p->cand, st->type, "");
	if (!o) {
		o = candidate_add(st->p->a, st->p->cand, st->type, "", OBJECT_LIVE);
		o->line = st->l->line;
		o->column = st->l->words[1].column;
	}
	statement_apply(st, o, values, given, place);
}

static void
statement_delete(struct statement *st)
{
	struct conf_object *o;

	if (!statement_head(st, "delete"))
		return;
	if (st->type->singleton) {
		refuse(st, st->l->words[1].column, NULL,
			"can't be deleted; 'set %s Property=' takes a property back to its default",
			st->type->name);
		return;
	}
	if (st->l->n_words > st->n_head)
		refuse(st, st->l->words[st->n_head].column, NULL,
			"nothing may follow the name in 'delete'");
	o = statement_object(st);
	if (!o || st->bad || st->l->error)
		return;
	candidate_delete(st->p->cand, o);
	o->line = st->l->line;
	o->column = st->l->words[2].column;
}

static void
parse_line(struct parse *p, const struct lex_line *l)
{
	static const struct {
		const char *verb;
		void (*run)(struct statement *st);
	} verbs[] = {{"add", statement_add}, {"set", statement_set}, {"delete", statement_delete}};
	struct statement st = {.p = p, .l = l, .title = ""};
	struct suggest s;
	size_t i;

	if (l->n_words) {
		s = suggest_init(l->words[0].text, &p->budget);
		for (i = 0; i < 3; i++) {
			if (strcmp(verbs[i].verb, l->words[0].text) == 0)
				break;
			suggest_offer(&s, verbs[i].verb);
		}
		if (i == 3)
			refuse(&st, l->words[0].column, NULL,
				"%s: a statement begins with add, set or delete%s",
				quote(&st, l->words[0].text), suggest_text(&p->scratch, &s));
		else if (!l->error || l->n_words > 2)
			verbs[i].run(&st);
	}
	if (l->error)
		refuse(&st, l->error_column, NULL, "%s", l->error);
}

bool
conf_parse(struct arena *a, const char *text, size_t len, struct conf_candidate *cand,
	struct conf_errors *errors)
{
	struct parse p = {.a = a, .cand = cand, .errors = errors, .budget = SUGGEST_BUDGET};
	struct lexer lx = lex_init(text, len);
	struct lex_line l;

	candidate_begin(a, cand);
	if (len > CANDIDATE_TEXT_MAX) {
		errors_add(a, errors, false, &(struct error_place){0}, "more than %u MB of text",
			CANDIDATE_TEXT_MAX >> 20);
		return false;
	}
	while (lex_next(&lx, &p.scratch, &l)) {
		parse_line(&p, &l);
		if (p.scratch.used > SCRATCH_MAX)
			arena_free(&p.scratch);
	}
	arena_free(&p.scratch);
	return !p.bad;
}
