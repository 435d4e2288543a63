/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a line asks of a packet, one dimension at a time, as ranges of numbers. */
#include "core/rules/tree.h"

int
dim_cmp(const struct dim_value *a, const struct dim_value *b)
{
	if (a->hi != b->hi)
		return a->hi < b->hi ? -1 : 1;
	return a->lo == b->lo ? 0 : a->lo < b->lo ? -1 : 1;
}

struct dim_value
dim_next(const struct dim_value *v)
{
	struct dim_value n = {v->hi + (v->lo == UINT64_MAX), v->lo + 1};

	return v->hi == UINT64_MAX && v->lo == UINT64_MAX ? *v : n;
}

struct dim_value
dim_prev(const struct dim_value *v)
{
	return (struct dim_value){v->hi - (v->lo == 0), v->lo - 1};
}

static struct dim_value
address_value(const struct ip_addr *a)
{
	struct dim_value v = {0};

	for (unsigned i = 0; i < ip_bytes(a->family); i++) {
		v.hi = v.hi << 8 | v.lo >> 56;
		v.lo = v.lo << 8 | a->b[i];
	}
	return v;
}

static size_t
address_ranges(
	const struct line *l, const struct addr_set *s, uint8_t family, struct dim_range *out)
{
	size_t n = 0;

	if (l->family != family || (family == 4 ? s->any4 : s->any6))
		return 0;
	for (size_t i = 0; i < s->n; i++) {
		if (s->r[i].lo.family != family)
			continue;
		if (out)
			out[n] = (struct dim_range){
				address_value(&s->r[i].lo), address_value(&s->r[i].hi)};
		n++;
	}
	return n;
}

static size_t
number_range(uint64_t lo, uint64_t hi, struct dim_range *out, size_t n)
{
	if (out)
		out[n] = (struct dim_range){{0, lo}, {0, hi}};
	return n + 1;
}

static size_t
port_ranges(const struct port_range *r, size_t n, struct dim_range *out)
{
	for (size_t i = 0; i < n; i++)
		number_range(r[i].lo, r[i].hi, out, i);
	return n;
}

size_t
dim_ranges(const struct line *l, enum dim d, struct dim_range *out)
{
	const struct conf_rule *r = l->rule->r;
	size_t n = 0;

	switch (d) {
	case DIM_FAMILY: /* always asked for: it tells all lines apart at once */
		if (l->family != 6)
			n = number_range(4, 4, out, n);
		if (l->family != 4)
			n = number_range(6, 6, out, n);
		return n;
	case DIM_PROTO:
		for (size_t i = 0; i < l->n_protos; i++)
			n = number_range(l->protos[i], l->protos[i], out, n);
		return n;
	case DIM_SADDR4:
	case DIM_SADDR6:
		return address_ranges(l, &r->src, d == DIM_SADDR4 ? 4 : 6, out);
	case DIM_DADDR4:
	case DIM_DADDR6:
		return address_ranges(l, &r->dst, d == DIM_DADDR4 ? 4 : 6, out);
	case DIM_SPORT:
		return port_ranges(l->sport, l->n_sport, out);
	case DIM_DPORT:
		return port_ranges(l->dport, l->n_dport, out);
	case _DIM_MAX:
		break;
	}
	return 0;
}
