/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is the peer dead, or did I sleep? A gap between two steps that is longer than two intervals is
 * sleep. After one that is shorter than the detection time this node listens for two intervals more
 * before it judges; after a longer one silence is counted anew (docs/design/detection.md).
 */
#pragma once
#include "base/time.h"

struct detect {
	int64_t interval_ns;  /* this node's: it steps at least that often */
	struct instant last;  /* last step */
	int64_t counted_ns;   /* time that counts, since start */
	int64_t heard_ns;     /* counted_ns when the peer was last heard */
	struct instant heard; /* when that was, 0 = never */
	uint64_t overslept;   /* how often */
	int64_t overslept_ns, worst_ns;
};

void detect_init(struct detect *d, struct instant now, int64_t interval_ns);
/* Begins a step at `now`. True when this node overslept; overslept_ns then says how long. */
bool detect_step(struct detect *d, struct instant now, int64_t detection_ns);
/* Something authentic came from the peer, age_ns ago. */
void detect_heard(struct detect *d, struct instant now, int64_t age_ns);
/* Starts counting silence from now. */
void detect_restart(struct detect *d);
/* Counted time since the peer was last heard. */
int64_t detect_silence(const struct detect *d);
