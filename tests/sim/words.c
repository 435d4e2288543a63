/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words of scenario files. */
#include "plan.h"

const struct verb_word verb_words[_VERB_MAX] = {
	[DO_POWER_OFF] = {"power-off", "n"},
	[DO_POWER_ON] = {"power-on", "n"},
	[DO_CRASH] = {"crash", "n"},
	[DO_CRASH_ALL] = {"crash-all", "n"},
	[DO_START] = {"start", "n"},
	[DO_RESTART] = {"restart", "n"},
	[DO_STOP] = {"stop", "n"},
	[DO_FREEZE] = {"freeze", "n"},
	[DO_PAUSE] = {"pause", "n"},
	[DO_PAUSE_DEAF] = {"pause-deaf", "n"},
	[DO_PAUSE_JUMP] = {"pause-jump", "n"},
	[DO_JUMP] = {"jump", "nt"},
	[DO_CUT] = {"cut", "dp"},
	[DO_HEAL] = {"heal", "dp"},
	[DO_LOSS] = {"loss", "dp%"},
	[DO_DUPLICATE] = {"duplicate", "dp%"},
	[DO_REORDER] = {"reorder", "dp%"},
	[DO_REPLAY] = {"replay", "dp%"},
	[DO_DELAY] = {"delay", "dpt"},
	[DO_UNPLUG] = {"unplug", "np"},
	[DO_PLUG] = {"plug", "np"},
	[DO_REMOVE] = {"remove", "np"},
	[DO_UNREADY] = {"unready", "np"},
	[DO_SLOW_PORT] = {"slow-port", "npt"},
	[DO_SWAP] = {"swap", "np"},
	[DO_SWITCH_OFF] = {"switch-off", "p"},
	[DO_SWITCH_ON] = {"switch-on", "p"},
	[DO_COMMAND] = {"command", "nc"},
	[DO_SLOW_GATE] = {"slow-gate", "nt"},
	[DO_SLOW_ANNOUNCE] = {"slow-announce", "nt"},
	[DO_BARRIER] = {"barrier", "nb"},
	[DO_DRIFT] = {"drift", "n#"},
	[DO_SYNC_LOST] = {"sync-lost", "n"},
	[DO_SYNC_RESTART] = {"sync-restart", "n"},
	[DO_FOREIGN] = {"foreign", "p"},
	[DO_GARBAGE] = {"garbage", "p"},
	[DO_OLD] = {"old-frames", "p"},
	[DO_DISK] = {"disk", "n%"},
	[DO_MONITOR] = {"monitor-lost", "nm"},
	[DO_TIMERS] = {"timers", "ni"},
	[DO_WEIGHT] = {"weight", "np#"},
};

const char *const command_words[5] = {
	[CMD_ACTIVATE] = "activate",
	[CMD_DEACTIVATE] = "deactivate",
	[CMD_FORCE] = "force",
	[CMD_UNFORCE] = "unforce",
	[CMD_ANNOUNCE] = "announce",
};

const char *const refusal_words[_REFUSE_MAX] = {
	[REFUSE_NONE] = "done",
	[REFUSE_PEER_NOT_ALIVE] = "peer-not-alive",
	[REFUSE_PEER_NOT_ABLE] = "peer-not-able",
	[REFUSE_PEER_WORSE] = "peer-worse",
	[REFUSE_NOT_ABLE] = "not-able",
	[REFUSE_ALREADY_FORCED] = "already-forced",
	[REFUSE_NOT_SYNCED] = "not-synced",
	[REFUSE_TIMEOUT] = "timeout",
	[REFUSE_BUSY] = "busy",
	[REFUSE_NOT_ENABLED] = "not-enabled",
	[REFUSE_NOT_ACTIVE] = "not-active",
	[REFUSE_WORSE] = "worse",
	[REFUSE_PEER_NOT_SYNCED] = "peer-not-synced",
	[REFUSE_SYNC_LOST] = "sync-lost",
};

const char *const position_words[3] = {
	[GATE_CLOSED] = "closed",
	[GATE_OPEN] = "open",
	[GATE_DRAINING] = "draining-gate",
};
