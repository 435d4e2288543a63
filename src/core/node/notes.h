/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Notes: log events as data. The core and the engine only fill in this struct; config turns it into
 * a line with note_fmt(). The list in notes.c gives each its severity and text.
 */
#pragma once
#include <stddef.h>
#include "base/log.h"
#include "base/time.h"

enum note_id {
	NOTE_ROLE,       /* a = old role, b = new role, c = term, d = enum why */
	NOTE_PEER_ALIVE, /* a = first time (0/1) */
	NOTE_PEER_DEAD,  /* a = ms of silence, b = enum peer_end */
	NOTE_PEER_RESTARTED,
	NOTE_CONFLICT,     /* a = my term, b = peer's term, c = won (0/1), d = step of rank */
	NOTE_OVERSLEPT,    /* a = ms */
	NOTE_LEASE_LAPSED, /* a = ms since the peer last echoed */
	NOTE_CUT_OFF,
	NOTE_LINK,    /* a = port, b = carrier, c = present */
	NOTE_QUALITY, /* a = old, b = new */
	NOTE_HOLD,    /* a = seconds */
	NOTE_HOLD_ENDED,
	NOTE_FORCED,          /* a = on/off */
	NOTE_SWITCH_REFUSED,  /* a = enum refusal */
	NOTE_SAME_TYPE,       /* peer has our NodeType */
	NOTE_KEY_DIFFERS,     /* a = port */
	NOTE_VERSION_DIFFERS, /* a = port, b = its version */
	NOTE_FOREIGN_CLUSTER, /* a = port: our ClusterID, not our key, not the peer */
	NOTE_WIRING,          /* a = port, b = interface index it was sent on */
	NOTE_CONF_DIFFERS,    /* a = my revision, b = peer's */
	NOTE_ONE_WAY,         /* a = port, b = 1 begins, 0 ends */
	NOTE_STOPPING,
	_NOTE_MAX,
};

struct note {
	enum note_id id;
	struct instant at;
	int64_t arg[4];
};

struct ha_conf;

/* "notice" … for people and scripts. */
enum log_level note_level(const struct note *n);
const char *note_name(enum note_id id); /* "role_changed" */
/* One line of English that says what, on what evidence, and what to do. conf (or NULL) names ports.
 */
void note_fmt(const struct note *n, const struct ha_conf *conf, char *buf, size_t size);
