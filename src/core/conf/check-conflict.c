/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The addresses of all interfaces side by side: none may be there twice, whether shared or private;
 * networks that overlap are pointed out.
 */
#include <string.h>
#include "core/conf/checks.h"
#include "core/conf/sort.h"

struct held_list {
	struct check_held *h;
	size_t n;
};

static int
cmp_addr(const void *x, const void *y)
{
	const struct check_held *a = x, *b = y;

	return ip_cmp(&a->p.addr, &b->p.addr);
}

/* By network, the wider first. */
static int
cmp_net(const void *x, const void *y)
{
	const struct check_held *a = x, *b = y;
	struct ip_addr na = ip_prefix_net(&a->p), nb = ip_prefix_net(&b->p);
	int d = ip_cmp(&na, &nb);

	return d ? d : (int)a->p.len - (int)b->p.len;
}

static void
collect_one(struct check *c, struct held_list *l, const struct check_held *h)
{
	l->h = arena_grow(c->a, l->h, l->n, sizeof(*l->h));
	l->h[l->n++] = *h;
}

static void
collect(struct check *c, struct held_list *l)
{
	for (size_t i = 0; i < c->n_ifaces; i++) {
		const struct conf_iface *f = &c->ifaces[i];
		size_t at[2] = {0, 0};

		for (size_t k = 0; k < f->n_shared; k++) {
			bool six = f->shared[k].addr.family == 6;
			struct check_held h = {f->shared[k], c->iface_objects[i],
				six ? "IP6Address" : "IPAddress", at[six]++, false, 0};

			collect_one(c, l, &h);
		}
		for (unsigned node = 0; node < 2; node++) {
			struct check_held h4 = {
				f->private4[node], c->iface_objects[i], "PrivateIP", 0, true, node};
			struct check_held h6 = {f->private6[node], c->iface_objects[i],
				"PrivateIP6", 0, true, node};

			if (f->has_private4)
				collect_one(c, l, &h4);
			if (f->has_private6)
				collect_one(c, l, &h6);
		}
	}
}

/* "the shared address of lan", "the master's private address on lan" */
static const char *
held_text(struct arena *a, const struct check_held *h)
{
	if (!h->private)
		return arena_printf(a, "a shared address of %s", h->o->name);
	return arena_printf(
		a, "the %s's private address on %s", h->node ? "slave" : "master", h->o->name);
}

static void
check_same(struct check *c, const struct check_held *a, const struct check_held *b)
{
	char buf[IP_TEXT_MAX];

	if (a->private && b->private && a->o == b->o)
		return; /* Master and Slave alike: reported at the IP4HAAddress */
	check_fail(c, b->o, b->prop, b->item, "%s is %s already", ip_fmt(&b->p.addr, buf),
		held_text(c->a, a));
}

static void
check_overlap(struct check *c, const struct held_list *l)
{
	const struct check_held *stack[130]; /* nested networks: fewer than prefix lengths */
	const struct conf_object *told[2] = {NULL, NULL}; /* one warning for a pair of interfaces */
	size_t depth = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct check_held *h = &l->h[i];
		struct ip_addr net = ip_prefix_net(&h->p);
		const struct check_held *outer;
		char b1[IP_TEXT_MAX], b2[IP_TEXT_MAX];

		while (depth && !ip_prefix_contains(&stack[depth - 1]->p, &net))
			depth--;
		outer = depth ? stack[depth - 1] : NULL;
		if (outer && outer->o != h->o && (told[0] != outer->o || told[1] != h->o)) {
			told[0] = outer->o;
			told[1] = h->o;
			check_warn(c, h->o, h->prop, h->item,
				"the network of %s overlaps that of %s on %s",
				ip_prefix_fmt(&h->p, b1), ip_prefix_fmt(&outer->p, b2),
				outer->o->name);
		}
		if (!outer || cmp_net(outer, h) != 0)
			stack[depth++] = h;
	}
}

const struct check_held *
check_held_find(const struct check *c, const struct ip_addr *a)
{
	size_t lo = 0, hi = c->n_held;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (ip_cmp(&c->held[mid].p.addr, a) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < c->n_held && ip_equal(&c->held[lo].p.addr, a) ? &c->held[lo] : NULL;
}

void
check_conflicts(struct check *c)
{
	struct held_list l = {0}, by_net;

	collect(c, &l);
	sort_stable(c->a, l.h, l.n, sizeof(*l.h), cmp_addr);
	for (size_t i = 1; i < l.n; i++)
		if (ip_equal(&l.h[i - 1].p.addr, &l.h[i].p.addr))
			check_same(c, &l.h[i - 1], &l.h[i]);
	c->held = l.h;
	c->n_held = l.n;
	by_net = (struct held_list){arena_array(c->a, struct check_held, l.n), l.n};
	if (l.n)
		memcpy(by_net.h, l.h, l.n * sizeof(*l.h));
	sort_stable(c->a, by_net.h, l.n, sizeof(*l.h), cmp_net);
	check_overlap(c, &by_net);
}
