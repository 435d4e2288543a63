/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What rtnetlink does not tell of a team: its mode, and which ports its daemon has switched off.
 * Generic netlink, family "team". Allocates nothing and never blocks. To be opened when a team
 * exists: asking for the family earlier would make the kernel look for a module.
 */
#pragma once
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdint.h>

enum team_event_kind {
	TEAM_MODE, /* of the team `ifindex`: mode */
	TEAM_PORT, /* the port `ifindex`: enabled */
};

struct team_event {
	enum team_event_kind kind;
	int ifindex;
	char mode[32];
	bool enabled;
};

typedef void (*teamwatch_cb)(void *ctx, const struct team_event *ev);

#define TEAMWATCH_BUF 16384

struct teamwatch {
	int fd; /* readable: call teamwatch_read(); to be polled level-triggered; -1 = closed */
	uint16_t family;
	uint32_t seq;
	uint8_t buf[TEAMWATCH_BUF] __attribute__((aligned(8)));
};

/* Opens and subscribes. 0, or -errno; -ENOENT: this kernel has no teams now. */
int teamwatch_open(struct teamwatch *w);
void teamwatch_close(struct teamwatch *w);
/* Asks for mode and ports of one team; they arrive in teamwatch_read(). 0 or -errno. */
int teamwatch_ask(struct teamwatch *w, int ifindex);
/* Reads what is there (a bounded amount). 0; 1 = news were lost, ask for every team again; -errno =
 * the socket is unusable: close, open again. */
int teamwatch_read(struct teamwatch *w, teamwatch_cb cb, void *ctx);

/* One message → events. False: of another family, or malformed. For tests. */
bool teamwatch_parse(const struct nlmsghdr *nlh, uint16_t family, teamwatch_cb cb, void *ctx);
