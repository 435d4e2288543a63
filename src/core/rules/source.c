/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Anti-spoofing: which source addresses may enter by which interface. The answer of a routing table
 * that looks at the source (longest prefix wins), worked out beforehand and written as one interval
 * set per interface and family. Not the kernel's rp_filter, which is off on purpose: a node has
 * every network twice, on tw-* and on the NIC (docs/design/gate.md).
 */
#include <stdlib.h>
#include <string.h>
#include "core/rules/parts.h"

#define NOBODY SIZE_MAX

struct prefix_owner {
	struct ip_range range;
	uint8_t len;
	size_t iface; /* index into compiler.ifaces, or NOBODY */
};

struct owners {
	struct arena *a;
	struct prefix_owner *p;
	size_t n;
};

struct ranges {
	struct ip_range *r;
	size_t n;
};

/* Never the source of a packet from outside, unless an interface's network says otherwise. */
static const char *const martians[] = {"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3",
	"::/96", "::ffff:0.0.0.0/96", "fe80::/10", "ff00::/8"};

static void
add_prefix(struct owners *o, const struct ip_prefix *p, uint8_t family, size_t iface)
{
	if (p->addr.family != family)
		return;
	o->p = arena_grow(o->a, o->p, o->n, sizeof(*o->p));
	o->p[o->n++] = (struct prefix_owner){ip_prefix_range(p), p->len, iface};
}

static void
add_host(struct owners *o, const struct ip_addr *addr, uint8_t family)
{
	struct ip_prefix p = {*addr, (uint8_t)(ip_bytes(addr->family) * 8)};

	add_prefix(o, &p, family, NOBODY);
}

static void
add_interface(struct compiler *c, struct owners *o, uint8_t family, size_t i)
{
	const struct conf_iface *f = c->ifaces[i].iface;

	for (size_t k = 0; k < f->n_shared; k++) {
		add_prefix(o, &f->shared[k], family, i);
		add_host(o, &f->shared[k].addr, family);
	}
	for (unsigned node = 0; node < 2; node++) {
		if (f->has_private4) {
			add_prefix(o, &f->private4[node], family, i);
			add_host(o, &f->private4[node].addr, family);
		}
		if (f->has_private6) {
			add_prefix(o, &f->private6[node], family, i);
			add_host(o, &f->private6[node].addr, family);
		}
	}
	for (size_t k = 0; k < c->m->n_routes; k++)
		if (c->m->routes[k].iface == f)
			add_prefix(o, &c->m->routes[k].net, family, i);
}

/* By first address, the wider one first; among equal ones NOBODY last, so that it wins. */
static int
cmp_owner(const void *va, const void *vb)
{
	const struct prefix_owner *a = va, *b = vb;
	int d = ip_cmp(&a->range.lo, &b->range.lo);

	if (d)
		return d;
	if (a->len != b->len)
		return a->len < b->len ? -1 : 1;
	return a->iface == b->iface ? 0 : a->iface < b->iface ? -1 : 1;
}

/* The next address; false when there is none. */
static bool
step_up(struct ip_addr *a)
{
	for (unsigned i = ip_bytes(a->family); i-- > 0;)
		if (++a->b[i])
			return true;
	return false;
}

static bool
step_down(struct ip_addr *a)
{
	for (unsigned i = ip_bytes(a->family); i-- > 0;)
		if (a->b[i]--)
			return true;
	return false;
}

/* Prefixes that lie in each other: equal ones stand together as one level. */
struct sweep {
	struct owners *o;
	struct arena *a;
	struct ranges *accepted; /* by interface */
	struct ip_addr pos;      /* everything below is decided */
	bool done;               /* the last address of the family is decided */
};

/* Adds [lo, hi], which begins behind everything accepted so far or has just been accepted. */
static void
accept(struct arena *a, struct ranges *to, struct ip_addr lo, struct ip_addr hi)
{
	struct ip_addr before = lo;

	if (to->n && ip_cmp(&to->r[to->n - 1].hi, &hi) >= 0)
		return;
	if (to->n && step_down(&before) && ip_equal(&to->r[to->n - 1].hi, &before)) {
		to->r[to->n - 1].hi = hi;
		return;
	}
	to->r = arena_grow(a, to->r, to->n, sizeof(*to->r));
	to->r[to->n++] = (struct ip_range){lo, hi};
}

/* Gives [pos, hi] to the owners of the level that ends with entry `top`. */
static void
give(struct sweep *s, size_t top, struct ip_addr hi)
{
	const struct prefix_owner *p = s->o->p;

	if (s->done || ip_cmp(&s->pos, &hi) > 0)
		return;
	for (size_t i = top; p[i].iface != NOBODY; i--) {
		accept(s->a, &s->accepted[p[i].iface], s->pos, hi);
		if (i == 0 || p[i - 1].len != p[top].len ||
			!ip_equal(&p[i - 1].range.lo, &p[top].range.lo))
			break;
	}
	s->pos = hi;
	s->done = !step_up(&s->pos);
}

/* accepted[i] = the addresses whose longest prefix belongs to interface i. */
static void
resolve(struct owners *o, struct ranges *accepted)
{
	struct sweep s = {.o = o, .a = o->a, .accepted = accepted};
	size_t *stack = arena_array(o->a, size_t, o->n + 1), depth = 0;

	qsort(o->p, o->n, sizeof(*o->p), cmp_owner);
	for (size_t i = 0; i < o->n; i++) {
		struct ip_addr before = o->p[i].range.lo;

		while (depth && ip_cmp(&o->p[stack[depth - 1]].range.hi, &o->p[i].range.lo) < 0) {
			depth--;
			give(&s, stack[depth], o->p[stack[depth]].range.hi);
		}
		if (depth && step_down(&before))
			give(&s, stack[depth - 1], before);
		if (!s.done && (s.pos.family == 0 || ip_cmp(&s.pos, &o->p[i].range.lo) < 0))
			s.pos = o->p[i].range.lo;
		stack[depth++] = i;
	}
	while (depth) {
		depth--;
		give(&s, stack[depth], o->p[stack[depth]].range.hi);
	}
}

static void
write_set(struct compiler *c, const char *name, uint8_t family, const struct ranges *r)
{
	char buf[IP_TEXT_MAX];

	text_add(&c->out, "\tset %s {\n\t\ttype ipv%u_addr\n\t\tflags interval\n", name, family);
	for (size_t i = 0; i < r->n; i++)
		text_add(&c->out, "%s%s", i ? ",\n\t\t\t" : "\t\telements = { ",
			ip_range_fmt(&r->r[i], buf));
	text_add(&c->out, "%s\t}\n\n", r->n ? " }\n" : "");
}

void
source_sets(struct compiler *c)
{
	for (unsigned v = 0; v < 2; v++) {
		struct owners o = {.a = c->a};
		struct ranges *accepted = arena_array(c->a, struct ranges, c->n_ifaces + 1);
		uint8_t family = v ? 6 : 4;

		for (size_t i = 0; i < sizeof(martians) / sizeof(martians[0]); i++) {
			struct ip_prefix p;

			if (ip_prefix_parse(martians[i], strlen(martians[i]), &p))
				add_prefix(&o, &p, family, NOBODY);
		}
		for (size_t i = 0; i < c->n_ifaces; i++)
			add_interface(c, &o, family, i);
		resolve(&o, accepted);
		for (size_t i = 0; i < c->n_ifaces; i++)
			write_set(c, arena_printf(c->a, "source%u/%s", family, c->ifaces[i].id),
				family, &accepted[i]);
	}
}

void
source_chains(struct compiler *c)
{
	for (size_t i = 0; i < c->n_ifaces; i++) {
		const char *id = c->ifaces[i].id;

		text_add(&c->out,
			"\tchain source/%s {\n"
			"\t\tip saddr @source4/%s accept\n"
			"\t\tip6 saddr @source6/%s accept\n"
			"\t\tgoto source_other\n"
			"\t}\n\n",
			id, id, id);
	}
	text_add(&c->out,
		"\tchain source_other { # on-link only: the kernel forwards neither of the two\n"
		"\t\tip6 saddr fe80::/10 accept\n"
		"\t\tip6 saddr :: icmpv6 type @icmp6_always accept\n"
		"\t\tip saddr 0.0.0.0 counter name \"drop/unspecified\" drop\n"
		"\t\tip saddr @own4 goto source_own\n"
		"\t\tip6 saddr @own6 goto source_own\n"
		"\t\tcounter name \"drop/spoofed\"\n"
		"\t\tlimit rate 5/second burst 10 packets log prefix \"tw:spoofed \"\n"
		"\t\tdrop\n"
		"\t}\n\n"
		"\tchain source_own { # one of the cluster's own addresses, from outside\n"
		"\t\tcounter name \"drop/own-address\"\n"
		"\t\tlimit rate 5/second burst 10 packets log prefix \"tw:own-address \"\n"
		"\t\tdrop\n"
		"\t}\n\n");
}
