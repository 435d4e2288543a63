/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the probes know of this machine: told by tw-probe to the engine (IPC_HEALTH), which hands it
 * to node_step() (EV_HEALTH). Values, never judgements: core/quality weighs them.
 */
#pragma once
#include <stdint.h>
#include "core/limits.h"

/* Parts of the machine that are probed (S155–S158). */
enum health_part {
	HEALTH_DISKS,
	HEALTH_TPM,
	HEALTH_POWER,
	HEALTH_FANS,
	HEALTH_TEMPERATURE,
	HEALTH_WATCHDOG,
	_HEALTH_MAX,
};

#define HEALTH_UNKNOWN 255 /* not fitted, cannot be asked, or did not answer: not counted */

struct health {
	uint8_t value[_HEALTH_MAX]; /* 0 (useless) … 100 (well), or HEALTH_UNKNOWN */
	uint64_t monitors_lost; /* bit i: LinkMonitor i of ha_conf has lost more than half of its
				   hosts */
};

const char *health_part_name(enum health_part p); /* "disks" */
