/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Silence in time that counts. */
#include "core/hb/detect.h"

#define SLEEP_INTERVALS  2 /* a longer gap between two steps is sleep */
#define LISTEN_INTERVALS 2 /* after which the peer gets at least so many to be heard */

void
detect_init(struct detect *d, struct instant now, int64_t interval_ns)
{
	*d = (struct detect){.interval_ns = interval_ns, .last = now};
}

/*
 * Frames that came during a short sleep wait in the sockets and are told in this step, so their
 * absence is evidence; but what the sleep kept from arriving may still come.
 */
static void
overslept(struct detect *d, int64_t gap, int64_t detection_ns)
{
	int64_t most = detection_ns - LISTEN_INTERVALS * d->interval_ns;

	d->overslept++;
	d->overslept_ns = gap - d->interval_ns;
	if (gap >= detection_ns || most < 0) {
		d->counted_ns += d->interval_ns;
		detect_restart(d);
		return;
	}
	d->counted_ns += gap;
	if (detect_silence(d) > most)
		d->heard_ns = d->counted_ns - most;
}

bool
detect_step(struct detect *d, struct instant now, int64_t detection_ns)
{
	int64_t gap = instant_sub(now, d->last);
	bool slept = gap > SLEEP_INTERVALS * d->interval_ns;

	if (gap <= 0)
		return false;
	d->last = now;
	if (slept)
		overslept(d, gap, detection_ns);
	else
		d->counted_ns += gap;
	if (gap - d->interval_ns > d->worst_ns)
		d->worst_ns = gap - d->interval_ns;
	return slept;
}

void
detect_heard(struct detect *d, struct instant now, int64_t age_ns)
{
	/* what came before a sleep that counts anew ended changes nothing: heard_ns is later */
	if (d->counted_ns - age_ns > d->heard_ns)
		d->heard_ns = d->counted_ns - age_ns;
	d->heard = instant_max(d->heard, instant_add(now, -age_ns));
}

void
detect_restart(struct detect *d)
{
	d->heard_ns = d->counted_ns;
}

int64_t
detect_silence(const struct detect *d)
{
	return d->counted_ns - d->heard_ns;
}
