/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The quality factor. */
#include <assert.h>
#include "core/quality/quality.h"

/* Divisible by every number of members up to 16, so that shares of a weight are whole numbers. */
#define SHARES UINT64_C(720720)

/* docs/design/election.md prints the same table; their sum is below 100. */
static const uint8_t weights[_QUALITY_TERMS] = {
	[QUALITY_DISKS] = 25,
	[QUALITY_TPM] = 10,
	[QUALITY_POWER] = 20,
	[QUALITY_FANS] = 10,
	[QUALITY_TEMPERATURE] = 10,
	[QUALITY_WATCHDOG] = 6,
	[QUALITY_SYNC] = 9,
	[QUALITY_CONF] = 9,
};

_Static_assert(QUALITY_WATCHDOG - QUALITY_DISKS == HEALTH_WATCHDOG - HEALTH_DISKS &&
		       _HEALTH_MAX == HEALTH_WATCHDOG + 1,
	"the probed parts are terms in the same order");

uint8_t
quality_weight(enum quality_term t)
{
	return weights[t];
}

const char *
quality_term_name(enum quality_term t)
{
	switch (t) {
	case QUALITY_IFACES:
		return "interfaces";
	case QUALITY_DISKS:
	case QUALITY_TPM:
	case QUALITY_POWER:
	case QUALITY_FANS:
	case QUALITY_TEMPERATURE:
	case QUALITY_WATCHDOG:
		return health_part_name((enum health_part)(t - QUALITY_DISKS));
	case QUALITY_SYNC:
		return "state sync";
	case QUALITY_CONF:
		return "configuration";
	case _QUALITY_TERMS:
		break;
	}
	return "?";
}

/* A term counts when `other` knows it, too. */
static uint8_t
quality_where_known(const struct quality_terms *t, const struct quality_terms *other)
{
	unsigned lost = 0; /* hundredths of a point, less than 10000 */

	for (unsigned i = 0; i < _QUALITY_TERMS; i++)
		if (t->value[i] <= 100 && other->value[i] <= 100)
			lost += weights[i] * (100u - t->value[i]);
	return (uint8_t)(t->value[QUALITY_IFACES] * (10000u - lost) / 10000u);
}

uint8_t
quality_of(const struct quality_terms *t)
{
	return quality_where_known(t, t);
}

void
quality_of_both(
	const struct quality_terms *a, const struct quality_terms *b, uint8_t *qa, uint8_t *qb)
{
	*qa = quality_where_known(a, b);
	*qb = quality_where_known(b, a);
}

int
quality_compare(const struct quality_terms *a, const struct quality_terms *b)
{
	uint8_t qa, qb;

	quality_of_both(a, b, &qa, &qb);
	if (qa > qb + (a->carrier > b->carrier ? 0 : QUALITY_MARGIN))
		return 1;
	if (qb > qa + (b->carrier > a->carrier ? 0 : QUALITY_MARGIN))
		return -1;
	return 0;
}

bool
quality_links_decide(const struct quality_terms *better, const struct quality_terms *worse)
{
	struct quality_terms forgiven = *worse;

	if (forgiven.value[QUALITY_IFACES] < worse->carrier)
		forgiven.value[QUALITY_IFACES] = worse->carrier;
	for (unsigned i = QUALITY_IFACES + 1; i < _QUALITY_TERMS; i++)
		if (worse->value[i] <= 100)
			forgiven.value[i] = 100;
	return better->carrier > worse->carrier && quality_compare(better, &forgiven) > 0;
}

uint8_t
quality_ifaces(const struct quality_iface *ifaces, unsigned n)
{
	uint64_t sum = 0, up = 0;

	for (unsigned i = 0; i < n; i++) {
		unsigned members = ifaces[i].members ? ifaces[i].members : 1;

		assert(ifaces[i].up <= members);
		sum += ifaces[i].weight;
		up += ifaces[i].weight * SHARES * ifaces[i].up / members;
	}
	return sum == 0 ? 100 : (uint8_t)(up * 100 / (sum * SHARES));
}

bool
quality_any_up(const struct quality_iface *ifaces, unsigned n)
{
	bool weighted = false;

	for (unsigned i = 0; i < n; i++) {
		if (ifaces[i].weight && ifaces[i].up)
			return true;
		weighted |= ifaces[i].weight > 0;
	}
	return !weighted;
}

/* For the order of values. */
static unsigned
worth(uint8_t value)
{
	return value > 100 ? 100 : value;
}

void
quality_settle(struct quality_settled *q, uint8_t now_value, struct instant now, bool immediate)
{
	if (immediate || worth(now_value) <= worth(q->value)) {
		*q = (struct quality_settled){.value = now_value};
		return;
	}
	if (now_value != q->present) {
		q->present = now_value;
		q->present_at = now;
	}
	/* a candidate that got worse meanwhile starts again: only what lasted the whole time counts
	 */
	if (!q->candidate_at.ns || worth(now_value) < worth(q->candidate)) {
		q->candidate = now_value;
		q->candidate_at = now;
	}
	if (instant_sub(now, q->candidate_at) >= QUALITY_DWELL_NS) {
		q->value = q->candidate;
		/* what came on top of it has waited since it came, not since now */
		q->candidate = q->present;
		q->candidate_at =
			worth(q->present) > worth(q->value) ? q->present_at : INSTANT_ZERO;
	}
}

struct instant
quality_deadline(const struct quality_settled *q)
{
	return q->candidate_at.ns ? instant_add(q->candidate_at, QUALITY_DWELL_NS) : INSTANT_NEVER;
}

const char *
health_part_name(enum health_part p)
{
	switch (p) {
	case HEALTH_DISKS:
		return "disks";
	case HEALTH_TPM:
		return "TPM";
	case HEALTH_POWER:
		return "power supplies";
	case HEALTH_FANS:
		return "fans";
	case HEALTH_TEMPERATURE:
		return "temperature";
	case HEALTH_WATCHDOG:
		return "watchdog";
	case _HEALTH_MAX:
		break;
	}
	return "?";
}
