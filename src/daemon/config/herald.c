/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Announces private addresses that netapply has just put on a NIC: with new hardware, or when a
 * node takes the other node type, they move to another MAC, and neighbours would send to the old
 * one until their entry expires. Shared addresses are the engine's, not these.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "daemon/config/config.h"
#include "sys/announce.h"

#define ROUNDS   3        /* frames get lost, and neighbours ignore what comes within a second */
#define ROUND_NS NS_PER_S /* … of their entry's last change */

/* True: sent, or not yet possible; false: the NIC is gone, and the address with it. */
static bool
herald_call(struct herald *h, struct herald_item *it)
{
	struct announce_item item = {.addr = &it->addr};
	uint8_t mac[6];
	int r = announce_nic(h->fd, it->dev, &item.ifindex, mac);

	if (r < 0)
		return false;
	if (r == ANNOUNCE_NO_CARRIER)
		return true;
	item.mac = mac;
	announce_send(h->fd, &item, 1);
	it->left--;
	return true;
}

static void
herald_round(struct loop_timer *t, struct instant now)
{
	struct config *c = t->arg;
	struct herald *h = &c->herald;
	unsigned kept = 0;

	for (unsigned i = 0; i < h->n; i++) {
		struct herald_item it = h->items[i];

		if (herald_call(h, &it) && it.left > 0)
			h->items[kept++] = it;
	}
	h->n = kept;
	if (kept)
		loop_timer(&c->loop, t, instant_add(now, ROUND_NS));
}

void
herald_fresh(struct config *c, const struct netapply_report *rep)
{
	struct herald *h = &c->herald;

	if (h->fd < 0 || rep->n_fresh == 0)
		return;
	for (size_t i = 0; i < rep->n_fresh; i++) {
		struct herald_item *it = NULL;

		for (unsigned k = 0; k < h->n && !it; k++)
			if (strcmp(h->items[k].dev, rep->fresh[i].dev) == 0 &&
				ip_equal(&h->items[k].addr, &rep->fresh[i].addr))
				it = &h->items[k];
		if (!it && h->n == HERALD_MAX)
			break;
		if (!it)
			it = &h->items[h->n++];
		memcpy(it->dev, rep->fresh[i].dev, sizeof(it->dev));
		it->addr = rep->fresh[i].addr;
		it->left = ROUNDS;
	}
	loop_timer(&c->loop, &h->timer, loop_now());
}

void
herald_open(struct config *c)
{
	struct herald *h = &c->herald;

	h->n = 0;
	h->timer.fn = herald_round;
	h->timer.arg = c;
	h->fd = announce_open();
	if (h->fd < 0)
		eventlog_add(&c->log, NOTE_HERALD_FAILED, ARG(strerror(-h->fd)));
}

void
herald_close(struct config *c)
{
	loop_timer_stop(&c->loop, &c->herald.timer);
	if (c->herald.fd >= 0)
		close(c->herald.fd);
	c->herald.fd = -1;
}
