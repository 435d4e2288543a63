/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conf_check(): runs the parts in order and puts the model together. Here stands what all parts
 * use: errors at the place of a value, and references by name.
 */
#include <sodium.h>
#include <string.h>
#include "core/conf/builtin.h"
#include "core/conf/checks.h"

#define USERS_MAX 8 /* users of a deleted object that are named */

static void __attribute__((format(printf, 6, 0))) report(struct check *c, bool warning,
	const struct conf_object *o, const char *prop, size_t item, const char *fmt, va_list ap)
{
	const struct candidate_value *v = prop ? candidate_value(o, prop) : NULL;
	struct error_place at = {o->line, o->column, candidate_title(c->a, o), prop};

	if (v) {
		at.line = v->line;
		at.column = item < v->n ? v->items[item].column : v->column;
	}
	errors_add_va(c->a, c->errors, warning, &at, fmt, ap);
}

void
check_fail(struct check *c, const struct conf_object *o, const char *prop, size_t item,
	const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(c, false, o, prop, item, fmt, ap);
	va_end(ap);
}

void
check_warn(struct check *c, const struct conf_object *o, const char *prop, size_t item,
	const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(c, true, o, prop, item, fmt, ap);
	va_end(ap);
}

/* Remembers o as a user of something deleted. */
static void
note_gone(struct check *c, const struct conf_object *o, const char *prop, struct conf_object *gone)
{
	struct check_gone *g = gone->resolved;

	if (!g) {
		g = arena_new(c->a, struct check_gone);
		g->o = gone;
		g->users = "";
		g->next = c->gone;
		gone->resolved = c->gone = g;
	}
	if (++g->n_users <= USERS_MAX)
		g->users = arena_printf(c->a, "%s%s%s (%s)", g->users, g->users[0] ? ", " : "",
			candidate_title(c->a, o), prop);
}

static void
report_gone(struct check *c)
{
	for (const struct check_gone *g = c->gone; g; g = g->next) {
		const char *more = g->n_users <= USERS_MAX ? ""
							   : arena_printf(c->a, " and %zu more",
								     g->n_users - USERS_MAX);

		check_fail(c, g->o, NULL, ITEM_NONE, "was deleted, but is still used by %s%s",
			g->users, more);
		g->o->resolved = NULL;
	}
}

/* What the user may have meant by a name that is not there. */
static const char *
missing_hint(
	struct check *c, const struct schema_prop *p, enum schema_space space, const char *name)
{
	struct suggest s = suggest_init(name, &c->suggestions);
	size_t len;

	if (errors_full(c->errors))
		return "";
	if (space == SPACE_ADDRESS && candidate_find(c->cand, SPACE_IFACE, name))
		return arena_printf(c->a, "; it is an interface, its network is %s_net", name);
	if (space == SPACE_IFACE && builtin_derived(name, &len) != DERIVED_NONE) {
		const char *iface = arena_strndup(c->a, name, len);

		if (candidate_find(c->cand, SPACE_IFACE, iface))
			return arena_printf(c->a, ", did you mean '%s'?", iface);
	}
	for (size_t i = 0; p->words && p->words[i]; i++)
		suggest_offer(&s, p->words[i]);
	for (size_t i = 0; space == SPACE_ADDRESS && builtin_address_at(i); i++)
		suggest_offer(&s, builtin_address_at(i)->name);
	for (size_t i = 0; space == SPACE_SERVICE && builtin_service_at(i); i++)
		suggest_offer(&s, builtin_service_at(i)->service.name);
	for (size_t i = 0; p->derived && i < c->n_ifaces && !suggest_done(&s); i++) {
		suggest_offer(&s, arena_printf(c->a, "%s_ip", c->ifaces[i].name));
		suggest_offer(&s, arena_printf(c->a, "%s_net", c->ifaces[i].name));
	}
	schema_each_type (t) {
		if (!(p->refs & (1u << schema_type_id(t))))
			continue;
		candidate_each (c->cand, schema_type_id(t), o) {
			if (suggest_done(&s))
				break;
			suggest_offer(&s, o->name);
		}
	}
	return suggest_text(c->a, &s);
}

void
check_missing(struct check *c, const struct conf_object *o, const char *prop, size_t item,
	enum schema_space space, const char *name)
{
	const struct schema_prop *p = schema_prop_find(o->type, prop);
	struct conf_object *gone = candidate_find_gone(c->cand, space, name);

	if (gone && gone->state == OBJECT_DELETED) {
		note_gone(c, o, prop, gone);
		return;
	}
	if (gone && errors_count(c->errors)) /* its `add` is among them */
		return;
	check_fail(c, o, prop, item, "no %s is called %s%s", schema_space_text(space),
		errors_quote(c->a, name), missing_hint(c, p, space, name));
}

/* "IP4Address or AddressGroup" */
static const char *
types_text(struct arena *a, unsigned refs)
{
	const char *text = "";

	schema_each_type (t) {
		unsigned bit = 1u << schema_type_id(t);

		if (!(refs & bit))
			continue;
		refs &= ~bit;
		text = arena_printf(a, "%s%s%s", text,
			!text[0] ? ""
			: refs   ? ", "
				 : " or ",
			t->name);
	}
	return text;
}

struct conf_object *
check_ref(struct check *c, const struct conf_object *o, const char *prop, size_t item)
{
	const struct schema_prop *p = schema_prop_find(o->type, prop);
	const struct candidate_value *v = candidate_value(o, prop);
	enum schema_space space = schema_prop_space(p);
	struct conf_object *target;

	target = candidate_find(c->cand, space, v->items[item].text);
	if (!target) {
		if (builtin_is_name(space, v->items[item].text))
			check_fail(c, o, prop, item,
				"'%s' can't stand here: must be an object of type %s",
				v->items[item].text, types_text(c->a, p->refs));
		else
			check_missing(c, o, prop, item, space, v->items[item].text);
		return NULL;
	}
	if (!(p->refs & (1u << schema_type_id(target->type)))) {
		check_fail(c, o, prop, item, "'%s' is of type %s: must be of type %s", target->name,
			target->type->name, types_text(c->a, p->refs));
		return NULL;
	}
	return target;
}

bool
resolve_iface(struct check *c, const struct conf_object *o, const char *prop, struct iface_ref *out)
{
	const char *text = candidate_text(o, prop);
	const struct conf_object *target;

	*out = (struct iface_ref){IFACE_ANY, NULL};
	if (!text)
		return false; /* required: reported already */
	if (strcmp(text, "any") == 0 || strcmp(text, "core") == 0) {
		const struct schema_prop *p = schema_prop_find(o->type, prop);

		for (size_t i = 0; p->words && p->words[i]; i++) {
			if (strcmp(p->words[i], text) == 0) {
				out->kind = text[0] == 'c' ? IFACE_CORE : IFACE_ANY;
				return true;
			}
		}
	}
	target = check_ref(c, o, prop, 0);
	if (!target)
		return false;
	*out = (struct iface_ref){IFACE_ONE, target->resolved};
	if (!out->iface->sync)
		return true;
	check_fail(c, o, prop, 0,
		"%s is a sync interface: it is used for nothing but the traffic between the nodes",
		target->name);
	return false;
}

static void
check_required(struct check *c, const struct conf_object *o)
{
	for (size_t i = 0; i < o->type->n_props; i++) {
		const struct schema_prop *p = &o->type->props[i];

		if (p->required && !o->values[i])
			check_fail(c, o, p->name, ITEM_NONE, "must be given: %s", p->help);
	}
}

/* A value that somebody chose, and that nothing obeys. */
static void
check_stored_only(struct check *c, const struct conf_object *o)
{
	for (size_t i = 0; i < o->type->n_props; i++) {
		const struct schema_prop *p = &o->type->props[i];
		const struct candidate_value *v = o->values[i];

		if (p->stored_only && v &&
			(!p->dflt || v->n != 1 || strcmp(v->items[0].text, p->dflt) != 0))
			check_warn(c, o, p->name, 0, STORED_ONLY_TEXT);
	}
}

const struct conf_model *
conf_check(struct arena *a, struct conf_candidate *cand, struct conf_errors *errors)
{
	struct check c = {.a = a, .cand = cand, .errors = errors, .suggestions = SUGGEST_BUDGET};
	const char *shared;

	c.m = arena_new(a, struct conf_model);
	schema_each_type (t) {
		candidate_each (cand, schema_type_id(t), o) {
			o->resolved = NULL;
			o->visit = 0;
			check_required(&c, o);
			check_stored_only(&c, o);
		}
	}
	check_iface_init(&c);
	check_ha(&c);
	check_iface_addrs(&c);
	check_addrs(&c);
	check_conflicts(&c);
	check_services(&c);
	check_except(&c);
	check_routes(&c);
	check_rules(&c);
	check_monitors(&c);
	check_mgmt(&c);
	report_gone(&c);
	if (errors_count(errors))
		return NULL;
	c.m->ifaces = c.ifaces;
	c.m->n_ifaces = c.n_ifaces;
	check_shadowed(&c);
	shared = candidate_show_shared(a, cand);
	crypto_generichash(c.m->hash, sizeof(c.m->hash), (const unsigned char *)shared,
		strlen(shared), NULL, 0);
	return c.m;
}
