/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Presence and carrier of network devices as they change, from rtnetlink. Allocates nothing after
 * linkwatch_open() and never blocks: the engine reads it in its loop. A lost message (ENOBUFS)
 * leads to a new dump by itself.
 */
#pragma once
#include <stdbool.h>
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
	uint32_t seq; /* of the dump under way */
	bool dumping, told, again; /* under way; its beginning told; another one needed after it */
	uint8_t buf[LINKWATCH_BUF] __attribute__((aligned(8)));
};

/* Opens, subscribes and asks for the first dump; events arrive in linkwatch_read(). 0 or -errno. */
int linkwatch_open(struct linkwatch *w);
/* Reads what is there (a bounded amount) and calls cb for each event, in order. 0, or -errno when
 * the socket is unusable: close, open again. */
int linkwatch_read(struct linkwatch *w, linkwatch_cb cb, void *ctx);
void linkwatch_close(struct linkwatch *w);
