/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Presence and carrier of network devices as they change, from rtnetlink. Allocates nothing after
 * linkwatch_open() and never blocks: the engine reads it in its loop. A lost message (ENOBUFS)
 * leads to a new dump by itself.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/quality/aggregate.h"

enum link_event_kind {
	LINK_CHANGED, /* exists, with what the event says; new, or something about it changed */
	LINK_GONE, /* ifindex (and last name) no longer exists; also: moved to another namespace */
	LINK_DUMP_BEGINS, /* everything that exists follows … */
	LINK_DUMP_ENDS,   /* … and what was not told since LINK_DUMP_BEGINS does not exist */
};

struct link_event {
	enum link_event_kind kind;
	int ifindex;
	char name[DEV_NAME_MAX];
	unsigned flags; /* IFF_* */
	bool up;        /* administratively */
	bool carrier; /* up, and able to send and receive now: IFF_LOWER_UP and operstate up/unknown
		       */
	bool has_address;
	uint8_t address[6]; /* has_address: Ethernet address */
	uint32_t mtu;
	int vlan_of; /* the device that this VLAN stands on, 0 = no VLAN, or of another namespace */
	struct aggregate_link aggregate; /* as aggregate, as member; LINK_CHANGED only */
};

typedef void (*linkwatch_cb)(void *ctx, const struct link_event *ev);

#define LINKWATCH_BUF 32768

struct linkwatch {
	int fd;       /* readable: call linkwatch_read(); to be polled level-triggered */
	bool handed;  /* dumps are made elsewhere: linkwatch_hand() */
	uint32_t seq; /* of the dump under way */
	bool dumping, told, again; /* under way; its beginning told; another one needed after it */
	uint8_t buf[LINKWATCH_BUF] __attribute__((aligned(8)));
};

/* Opens, subscribes and asks for the first dump; events arrive in linkwatch_read(). 0 or -errno. */
int linkwatch_open(struct linkwatch *w);
/* Reads what is there (a bounded amount) and calls cb for each event, in order. 0, or -errno when
 * the socket is unusable: close, open again. */
int linkwatch_read(struct linkwatch *w, linkwatch_cb cb, void *ctx);

/*
 * A dump takes the kernel's lock over all links, so that who must not wait has it made by another
 * process: that one calls linkwatch_dump(), which passes on what the kernel wrote, piece by piece
 * (data NULL: forget all so far, it begins anew), and leaves the socket at the end of the dump; the
 * pieces and the socket go to the first one, which feeds on the pieces and reads the socket. Its
 * linkwatch_read() returns -ENOBUFS when news were lost: all of this is needed again.
 */
typedef void (*linkwatch_raw_cb)(void *ctx, const void *data, size_t len);
/* Waits for at most a second. 0, w->fd is to be handed over; or -errno, w is closed. */
int linkwatch_dump(struct linkwatch *w, size_t piece_max, linkwatch_raw_cb cb, void *ctx);
void linkwatch_feed(struct linkwatch *w, const void *data, size_t len, linkwatch_cb cb, void *ctx);
/* Goes on with this socket, which is w's from now on; closes the one before. */
void linkwatch_hand(struct linkwatch *w, int fd);
void linkwatch_close(struct linkwatch *w);
