/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Silence in awake time. */
#include "core/hb/detect.h"

#define SLEEP_INTERVALS 2 /* a longer gap between two steps is sleep */

void
detect_init(struct detect *d, struct instant now, int64_t interval_ns)
{
	*d = (struct detect){.interval_ns = interval_ns, .last = now};
}

bool
detect_step(struct detect *d, struct instant now)
{
	int64_t gap = instant_sub(now, d->last);
	bool slept = gap > SLEEP_INTERVALS * d->interval_ns;

	if (gap <= 0)
		return false;
	d->last = now;
	d->awake_ns += slept ? d->interval_ns : gap;
	if (slept) {
		detect_restart(d);
		d->overslept++;
		d->overslept_ns = gap - d->interval_ns;
	}
	if (gap - d->interval_ns > d->worst_ns)
		d->worst_ns = gap - d->interval_ns;
	return slept;
}

void
detect_heard(struct detect *d, struct instant now, int64_t age_ns)
{
	int64_t awake_age = age_ns < d->interval_ns ? age_ns : d->interval_ns;
	struct instant at = instant_add(now, -age_ns);

	if (d->awake_ns - awake_age > d->heard_awake_ns)
		d->heard_awake_ns = d->awake_ns - awake_age;
	d->heard = instant_max(d->heard, at);
}

void
detect_restart(struct detect *d)
{
	d->heard_awake_ns = d->awake_ns;
}

int64_t
detect_silence(const struct detect *d)
{
	return d->awake_ns - d->heard_awake_ns;
}
