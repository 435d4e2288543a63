/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is the peer dead, or did I sleep? Silence is counted in time that this node was awake: a gap
 * between two steps that is longer than two intervals is sleep, and silence is counted anew from
 * its end: what was not heard while this node slept is no evidence (docs/design/detection.md).
 */
#pragma once
#include "base/time.h"

struct detect {
	int64_t interval_ns;    /* this node's: it steps at least that often */
	struct instant last;    /* last step */
	int64_t awake_ns;       /* awake time since start */
	int64_t heard_awake_ns; /* awake_ns when the peer was last heard */
	struct instant heard;   /* when that was, 0 = never */
	uint64_t overslept;     /* how often */
	int64_t overslept_ns, worst_ns;
};

void detect_init(struct detect *d, struct instant now, int64_t interval_ns);
/* Begins a step at `now`. True when this node overslept; overslept_ns then says how long. */
bool detect_step(struct detect *d, struct instant now);
/* Something authentic came from the peer, age_ns ago. */
void detect_heard(struct detect *d, struct instant now, int64_t age_ns);
/* Starts counting silence from now. */
void detect_restart(struct detect *d);
/* Awake time since the peer was last heard. */
int64_t detect_silence(const struct detect *d);
