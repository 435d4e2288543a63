/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The quality factor, 0…100: how fit this node is to be active. A pure function of its terms, each
 * 0 (useless) … 100 (well) or unknown. Terms are recomputed from present facts, never counted up
 * and down; nodes publish them, so that both compare the same (docs/design/election.md).
 *
 *   quality = floor(interfaces · (100 − Σ weight · (100 − value) / 100) / 100)
 *
 * over the other terms with their fixed weights, which together stay below 100: nothing but the
 * loss of interfaces makes a node useless. What is unknown takes nothing away.
 */
#pragma once
#include "base/time.h"
#include "core/limits.h"
#include "core/quality/health.h"

#define QUALITY_DWELL_NS (3 * NS_PER_S) /* an improvement counts after it lasted this long */
#define QUALITY_MARGIN   5              /* a node must be better by more than so many points */
#define QUALITY_UNKNOWN  HEALTH_UNKNOWN

enum quality_term {
	QUALITY_IFACES, /* factor, not weighted; S147–S150, S159–S162 */
	QUALITY_DISKS,  /* from here on as enum health_part; S155–S158 */
	QUALITY_TPM,
	QUALITY_POWER,
	QUALITY_FANS,
	QUALITY_TEMPERATURE,
	QUALITY_WATCHDOG,
	QUALITY_SYNC, /* of a standby: how much of the active node's flow table it has */
	QUALITY_CONF, /* of a standby: runs the active node's configuration */
	_QUALITY_TERMS,
};

/* What a node publishes. */
struct quality_terms {
	uint8_t carrier; /* interface part as links alone make it, as if no probe found anything;
			    not damped */
	uint8_t value[_QUALITY_TERMS]; /* settled; QUALITY_IFACES is never unknown */
};

/* Points that the term takes when it is 0; 0 = a factor. */
uint8_t quality_weight(enum quality_term t);
const char *quality_term_name(enum quality_term t); /* "disks" */

uint8_t quality_of(const struct quality_terms *t);
/* Both qualities over those terms that both nodes know. */
void quality_of_both(
	const struct quality_terms *a, const struct quality_terms *b, uint8_t *qa, uint8_t *qb);
/*
 * > 0: a is better, < 0: b is. By more than QUALITY_MARGIN, or by anything when its links are
 * better, too.
 */
int quality_compare(const struct quality_terms *a, const struct quality_terms *b);
/*
 * Is `better` better by its links alone: even if no probe had found anything wrong with `worse`?
 * Then it is no question of who noticed a fault first.
 */
bool quality_links_decide(const struct quality_terms *better, const struct quality_terms *worse);

/* An entry of the interface part: an interface, or a LinkMonitor with a weight of its own. */
struct quality_iface {
	uint16_t weight; /* 0 = not counted */
	uint8_t members; /* pieces that share the weight; 0 counts as 1 (S149–S154) */
	uint8_t up;      /* of them */
};

/*
 * floor(Σ weight · up / members · 100 / Σ weight), 100 when nothing is weighted. Exact for up to 16
 * members.
 */
uint8_t quality_ifaces(const struct quality_iface *ifaces, unsigned n);
/* A weighted interface is up, or nothing is weighted. */
bool quality_any_up(const struct quality_iface *ifaces, unsigned n);

/* One term: worse counts at once, better after the dwell time; unknown is as good as 100. */
struct quality_settled {
	uint8_t value;
	uint8_t candidate;           /* better value that waits */
	struct instant candidate_at; /* since when; 0 = none waits */
	uint8_t present;             /* the newest value that was better */
	struct instant present_at;   /* since when */
};

/* Feeds the present value; `immediate` (while starting) takes it without dwell. */
void quality_settle(
	struct quality_settled *q, uint8_t now_value, struct instant now, bool immediate);
/* When the waiting improvement will count; INSTANT_NEVER = none waits. */
struct instant quality_deadline(const struct quality_settled *q);
