/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The quality factor. */
#include "core/quality/quality.h"
#include "core/quality/health.h"

uint8_t
quality_ifaces(const struct quality_iface *ifaces, unsigned n, bool *any_up)
{
	uint64_t sum = 0, up = 0;

	for (unsigned i = 0; i < n; i++) {
		sum += ifaces[i].weight;
		if (ifaces[i].up)
			up += ifaces[i].weight;
	}
	*any_up = sum == 0 || up > 0;
	return sum == 0 ? 100 : (uint8_t)(up * 100 / sum);
}

void
quality_settle(struct quality_settled *q, uint8_t now_value, struct instant now, bool immediate)
{
	if (immediate || now_value <= q->value) {
		*q = (struct quality_settled){.value = now_value};
		return;
	}
	if (now_value != q->present) {
		q->present = now_value;
		q->present_at = now;
	}
	/* a candidate that got worse meanwhile starts again: only what lasted the whole time counts
	 */
	if (!q->candidate_at.ns || now_value < q->candidate) {
		q->candidate = now_value;
		q->candidate_at = now;
	}
	if (instant_sub(now, q->candidate_at) >= QUALITY_DWELL_NS) {
		q->value = q->candidate;
		/* what came on top of it has waited since it came, not since now */
		q->candidate = q->present;
		q->candidate_at = q->present > q->value ? q->present_at : INSTANT_ZERO;
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
