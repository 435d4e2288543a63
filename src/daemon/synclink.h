/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames on the sync interfaces, sealed, and the session with the peer: for state sync and for
 * config, each with kinds of frame and keys of its own. What the frames carry is
 * core/sync/stream.h's business.
 */
#pragma once
#include "core/hb/session.h"
#include "core/ipc/ipc.h"
#include "core/sync/stream.h"
#include "sys/loop.h"
#include "sys/packet.h"

#define SYNC_LINKS     2
#define LINK_SILENT_NS NS_PER_S /* nothing authentic for so long: the link is lost */

struct link_dev {
	char name[DEV_NAME_MAX];
	uint16_t index;
	struct packet_sock sock;
	struct loop_fd fd;
	bool carrier;
	struct instant heard; /* something authentic came in here */
};

struct link_counts {
	uint64_t sent, received, bytes_sent, refused[_REJECT_MAX], drops;
};

typedef void link_payload_fn(
	void *arg, enum frame_kind kind, const uint8_t *payload, size_t len, struct instant now);

struct link {
	struct loop *loop;
	enum session_purpose purpose;
	uint8_t kind0; /* what is FRAME_SYNC_HELLO on this side of the file is this on the wire */
	struct session session;
	uint16_t ethertype;
	struct conf_ha ha; /* for conf_shared_mac() only: cluster_id */
	unsigned n_devs;
	struct link_dev dev[SYNC_LINKS];
	struct instant heard;    /* anything authentic from the peer */
	struct instant expected; /* a beginning, or a carrier: the peer may well be there now */
	int64_t silence_ns;      /* InitialSilence; 0 = never quiet */
	struct instant hello_at; /* next hello of our own accord */
	struct instant answered; /* last hello in answer to something */
	struct instant all_at;   /* next ACK that goes out on every device */
	struct link_counts count;
	link_payload_fn *on_payload;
	void (*on_session)(void *arg, struct instant now);
	void *arg;
};

/* purpose: SESSION_SYNC or SESSION_CONFIG. */
void link_init(struct link *l, struct loop *loop, enum session_purpose purpose);
/* New devices, key or cluster: starts over with a session of its own. */
void link_configure(struct link *l, const struct ipc_sync_conf *c);
void link_close(struct link *l);
/* Every 250 ms: opens what has appeared, closes what has gone, looks at carriers. */
void link_check(struct link *l);
/* Room for records and stream header in one frame, by the devices' MTU. */
uint16_t link_payload_max(const struct link *l);
/* Seals and sends a payload. */
void link_send(struct link *l, struct instant now, enum frame_kind kind, const uint8_t *payload,
	size_t len);
/* Sends a hello when it is time; returns when to be called again. */
struct instant link_poll(struct link *l, struct instant now);
/* How long nothing is to be sent of our own accord, 0 = speak (core/sync/quiet.h). */
int64_t link_quiet(const struct link *l, struct instant now);
/* Begins another session: the present one makes no sense to the peer, or shall not to us. */
void link_restart(struct link *l, const struct ipc_sync_conf *c);
bool link_up(const struct link *l); /* some device has carrier */
static inline bool
link_reachable(const struct link *l, struct instant now)
{
	return l->session.established && instant_sub(now, l->heard) < LINK_SILENT_NS;
}
