/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Command arp: neighbours of the cluster's interfaces, shared addresses, announcing. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "daemon/config/commands.h"
#include "sys/neighdump.h"

static json_t *
show_mac(const uint8_t mac[6])
{
	char text[18];

	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		mac[3], mac[4], mac[5]);
	return json_string(text);
}

static json_t *
arp_shared(const struct conf_model *m, const struct ip_addr *only)
{
	json_t *list = json_array();
	char text[IP_TEXT_MAX];
	uint8_t mac[6];

	for (size_t i = 0; i < m->n_ifaces; i++) {
		const struct conf_iface *f = &m->ifaces[i];

		conf_shared_mac(&m->ha, f->index, false, mac);
		for (size_t k = 0; k < f->n_shared; k++)
			if (!only || ip_equal(only, &f->shared[k].addr))
				json_array_append_new(
					list, json_pack("{s:s, s:s, s:o}", "interface", f->name,
						      "address", ip_fmt(&f->shared[k].addr, text),
						      "mac", show_mac(mac)));
	}
	return list;
}

/* Devices that belong to the configuration: tw-X and the NICs of this node. */
static bool
arp_ours(const struct conf_model *m, const char *dev)
{
	for (size_t i = 0; i < m->n_ifaces; i++) {
		const struct conf_iface *f = &m->ifaces[i];

		if (strcmp(f->dev[m->ha.node_type], dev) == 0 ||
			(strncmp(dev, "tw-", 3) == 0 && strcmp(f->name, dev + 3) == 0))
			return true;
	}
	return false;
}

static int
arp_neighbours(const struct conf_model *m, const struct ip_addr *only, json_t *list)
{
	struct arena a = ARENA_INIT;
	struct neigh_list found;
	char text[IP_TEXT_MAX];
	int r = neighdump(&a, &found);

	for (size_t i = 0; r == 0 && i < found.n; i++) {
		const struct neigh *n = &found.v[i];

		if (!arp_ours(m, n->dev) || (only && !ip_equal(only, &n->addr)))
			continue;
		json_t *o = json_pack("{s:s, s:s, s:s}", "interface", n->dev, "address",
			ip_fmt(&n->addr, text), "state", neigh_state_name(n->state));

		if (n->has_mac)
			json_object_set_new(o, "mac", show_mac(n->mac));
		json_array_append_new(list, o);
	}
	arena_free(&a);
	return r;
}

static void
arp_show(struct config *c, const struct ip_addr *only, struct answer *out)
{
	json_t *list = json_array();
	int r = arp_neighbours(c->rev.model, only, list);

	if (r < 0) {
		json_decref(list);
		answer_fail(
			out, ANSWER_FAILED, -1, "the neighbours cannot be read: %s", strerror(-r));
		return;
	}
	out->data = json_pack(
		"{s:o, s:o}", "shared", arp_shared(c->rev.model, only), "neighbours", list);
}

static void
arp_notify(struct config *c, struct answer *out)
{
	int r = links_command(c, CMD_ANNOUNCE, &out->wait_id);

	out->code = ANSWER_WAIT;
	out->wait_cmd = CMD_ANNOUNCE;
	if (r < 0)
		answer_fail(out, ANSWER_FAILED, -1, "the engine cannot be asked: %s",
			r == -ENOTCONN ? "it is not running just now" : strerror(-r));
}

void
cmd_arp(struct config *c, const struct control_request *rq, struct answer *out)
{
	struct ip_addr only;

	if (rq->n_args == 1 && strcmp(rq->args[0], "-notify") == 0)
		arp_notify(c, out);
	else if (rq->n_args == 0 || strcmp(rq->args[0], "-show") != 0)
		answer_fail(
			out, ANSWER_USAGE, rq->n_args ? 0 : -1, "arp needs one of: -show, -notify");
	else if (rq->n_args > 2)
		answer_fail(out, ANSWER_USAGE, 2, "%.64s: one word too many", rq->args[2]);
	else if (rq->n_args == 2 && !ip_parse(rq->args[1], strlen(rq->args[1]), &only))
		answer_fail(out, ANSWER_USAGE, 1, "%.64s: is no address", rq->args[1]);
	else
		arp_show(c, rq->n_args == 2 ? &only : NULL, out);
}
