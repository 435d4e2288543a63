/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netapply: NICs and macvlans. A macvlan comes up only with both gate programs seen in place. */
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sys/gate.h"
#include "sys/netapply_int.h"

/* What stood on a device that is gone went with it; the name may come back with other contents. */
void
netapply_forget_lost(struct netapply_ctx *c)
{
	struct owned *o = &c->na->owned;

	for (size_t i = o->n; i-- > 0;) {
		const struct owned_entry *e = o->e[i];
		char dev[OWNED_KEY_MAX];

		if (e->kind == OWNED_SYSCTL)
			continue;
		snprintf(dev, sizeof(dev), "%s", e->key);
		dev[strcspn(dev, " ")] = '\0';
		if (!rtnl_link_by_name(&c->links, dev)) {
			char key[OWNED_KEY_MAX];

			memcpy(key, e->key, sizeof(key));
			owned_remove(o, e->kind, key);
		}
	}
}

static bool
is_ours(const struct netapply_ctx *c, const char *name)
{
	return owned_find(&c->na->owned, OWNED_LINK, name) != NULL;
}

/* Still what the plan wants, settings aside that can be changed in place. */
static bool
fits(const struct netapply_ctx *c, const struct rtnl_link *l)
{
	const struct plan_link *p = netapply_link(c, l->name);
	const struct rtnl_link *nic = p ? rtnl_link_by_name(&c->links, p->lower) : NULL;

	return nic && strcmp(l->kind, "macvlan") == 0 && l->macvlan_mode == MACVLAN_MODE_BRIDGE &&
	       !l->lower_elsewhere && l->lower == nic->ifindex;
}

static void
remove_link(struct netapply_ctx *c, const char *name, int ifindex)
{
	gate_set_port(c->na->ports_fd, ifindex, NULL);
	if (netapply_done(c, rtnl_del_link(&c->na->rtnl, ifindex), name, "removing %s", name))
		owned_remove(&c->na->owned, OWNED_LINK, name);
	c->stale = true;
}

void
netapply_remove_links(struct netapply_ctx *c)
{
	for (size_t i = 0; i < c->links.n; i++) {
		const struct rtnl_link *l = &c->links.v[i];

		if (!is_ours(c, l->name))
			continue;
		if (strcmp(l->kind, "macvlan") != 0)
			owned_remove(
				&c->na->owned, OWNED_LINK, l->name); /* another took the name */
		else if (!fits(c, l))
			remove_link(c, l->name, l->ifindex);
	}
}

/* Sets a NIC up when it first appears. Later an administrator may have it down: that is a fault to
 * fail over from, not one to mend. */
static void
raise_nic(struct netapply_ctx *c, const struct rtnl_link *l)
{
	struct owned *o = &c->na->owned;
	const struct owned_entry *seen = owned_find(o, OWNED_NIC, l->name);
	bool up = (l->flags & IFF_UP) != 0;
	char value[32];
	int r;

	if (seen && atoi(seen->value) == l->ifindex)
		return;
	owned_remove(o, OWNED_NIC, l->name);
	owned_remove(o, OWNED_MTU, l->name);
	snprintf(value, sizeof(value), "%d %s", l->ifindex, up ? "up" : "down");
	r = owned_add(o, OWNED_NIC, l->name, value);
	if (r < 0)
		netapply_problem(c, l->name, "noting the state of %s: %s", l->name, strerror(-r));
	else if (!up)
		netapply_done(c, rtnl_set_link_up(&c->na->rtnl, l->ifindex, true), l->name,
			"setting %s up", l->name);
	c->stale |= !up;
}

static void
set_nic_mtu(struct netapply_ctx *c, const struct rtnl_link *l, uint32_t mtu)
{
	char value[16];
	int r;

	if (l->mtu == mtu)
		return;
	snprintf(value, sizeof(value), "%u", l->mtu);
	r = owned_add(&c->na->owned, OWNED_MTU, l->name, value);
	if (r < 0) {
		netapply_problem(c, l->name, "noting the MTU of %s: %s", l->name, strerror(-r));
		return;
	}
	netapply_done(c, rtnl_set_link_mtu(&c->na->rtnl, l->ifindex, mtu), l->name,
		"setting the MTU of %s to %u", l->name, mtu);
	c->stale = true;
}

/* The MTU that a NIC had before a plan wanted another one. */
static void
restore_mtu(struct netapply_ctx *c, const struct rtnl_link *l)
{
	const struct owned_entry *e = owned_find(&c->na->owned, OWNED_MTU, l->name);
	uint32_t mtu = e ? (uint32_t)strtoul(e->value, NULL, 10) : 0;

	if (!e)
		return;
	if (l->mtu != mtu) {
		netapply_done(c, rtnl_set_link_mtu(&c->na->rtnl, l->ifindex, mtu), l->name,
			"setting the MTU of %s back to %u", l->name, mtu);
		c->stale = true;
	}
	owned_remove(&c->na->owned, OWNED_MTU, l->name);
}

void
netapply_prepare_nics(struct netapply_ctx *c)
{
	for (size_t i = 0; i < c->plan->n_nics; i++) {
		const struct plan_nic *n = &c->plan->nics[i];
		const struct rtnl_link *l = rtnl_link_by_name(&c->links, n->dev);

		if (!l) {
			netapply_problem(c, n->dev,
				"network device %s is not there; check MasterDevice, SlaveDevice "
				"and the "
				"machine",
				n->dev);
			continue;
		}
		netapply_sysctls(c, n->dev);
		raise_nic(c, l);
		if (n->mtu)
			set_nic_mtu(c, l, n->mtu);
		else
			restore_mtu(c, l);
	}
}

/* Undoes for NICs that are no longer in the plan. */
void
netapply_restore_nics(struct netapply_ctx *c)
{
	struct owned *o = &c->na->owned;

	for (size_t i = 0; i < c->links.n; i++) {
		const struct rtnl_link *l = &c->links.v[i];
		const struct owned_entry *e = owned_find(o, OWNED_NIC, l->name);

		if (netapply_nic(c, l->name))
			continue;
		restore_mtu(c, l);
		if (!e)
			continue;
		if (strstr(e->value, " down") && atoi(e->value) == l->ifindex &&
			(l->flags & IFF_UP))
			netapply_done(c, rtnl_set_link_up(&c->na->rtnl, l->ifindex, false), l->name,
				"setting %s down again", l->name);
		owned_remove(o, OWNED_NIC, l->name);
	}
}

/* Gate first, then everything else: until both programs are in place the link is down and has a
 * random MAC. */
static bool
gate_link(
	struct netapply_ctx *c, const char *name, int ifindex, const struct rtnl_link *nic, bool up)
{
	struct netapply *na = c->na;
	int r = nic->has_mac ? gate_set_port(na->ports_fd, ifindex, nic->mac) : -EPROTOTYPE;

	if (r == 0)
		r = gate_attached(ifindex, na->prog_in, na->prog_out);
	if (r == 1)
		return true;
	if (r == 0) {
		if (up)
			rtnl_set_link_up(&na->rtnl, ifindex, false);
		r = gate_attach(ifindex, na->prog_in, na->prog_out);
		c->stale = true;
	}
	if (r == 0) {
		c->rep->changes++;
		return true;
	}
	rtnl_set_link_up(&na->rtnl, ifindex, false);
	netapply_problem(c, name, "%s stays down: the gate cannot be put on it (%s)", name,
		r == -EPROTOTYPE ? "its device is not Ethernet" : strerror(-r));
	return false;
}

/* Makes the macvlan, or finds it. Its ifindex, or 0 with the problem noted. */
static int
obtain_link(struct netapply_ctx *c, const struct plan_link *p, const struct rtnl_link *nic)
{
	struct owned *o = &c->na->owned;
	const struct rtnl_link *l = rtnl_link_by_name(&c->links, p->name);
	struct rtnl_links now;
	int r;

	if (l && is_ours(c, p->name))
		return l->ifindex;
	if (l) {
		netapply_problem(c, p->name,
			"a device named %s is there already and was not made by Twinwall; remove "
			"or "
			"rename it",
			p->name);
		return 0;
	}
	r = owned_add(o, OWNED_LINK, p->name, "");
	if (r < 0) {
		netapply_problem(c, p->name, "noting %s: %s", p->name, strerror(-r));
		return 0;
	}
	r = rtnl_add_macvlan(&c->na->rtnl, p->name, nic->ifindex);
	if (!netapply_done(c, r, p->name, "making %s on %s", p->name, p->lower)) {
		owned_remove(o, OWNED_LINK, p->name);
		return 0;
	}
	c->stale = true;
	if (rtnl_dump_links(&c->na->rtnl, &c->tmp, &now) < 0 || !rtnl_link_by_name(&now, p->name))
		return 0; /* gone again: the next run will see why */
	return rtnl_link_by_name(&now, p->name)->ifindex;
}

static bool
make_link(struct netapply_ctx *c, const struct plan_link *p)
{
	const struct rtnl_link *nic = rtnl_link_by_name(&c->links, p->lower);
	const struct rtnl_link *l = rtnl_link_by_name(&c->links, p->name);
	uint32_t mtu;
	int ifindex;

	if (!nic)
		return false; /* reported with the NIC */
	ifindex = obtain_link(c, p, nic);
	if (ifindex == 0)
		return false;
	if (!gate_link(c, p->name, ifindex, nic, l && (l->flags & IFF_UP))) {
		remove_link(c, p->name, ifindex);
		return false;
	}
	if (!l || memcmp(l->mac, p->mac, sizeof(p->mac)) != 0) {
		if (!netapply_done(c, rtnl_set_link_mac(&c->na->rtnl, ifindex, p->mac), p->name,
			    "giving %s the shared MAC", p->name))
			return false;
		c->stale = true;
	}
	mtu = p->mtu && p->mtu < nic->mtu ? p->mtu : nic->mtu;
	if (l ? l->mtu != mtu : mtu != nic->mtu) {
		netapply_done(c, rtnl_set_link_mtu(&c->na->rtnl, ifindex, mtu), p->name,
			"setting the MTU of %s to %u", p->name, mtu);
		c->stale = true;
	}
	netapply_sysctls(c, p->name);
	return true;
}

void
netapply_make_links(struct netapply_ctx *c)
{
	for (size_t i = 0; i < c->plan->n_links; i++)
		c->link_ok[i] = make_link(c, &c->plan->links[i]);
}

void
netapply_raise_links(struct netapply_ctx *c)
{
	for (size_t i = 0; i < c->plan->n_links; i++) {
		const char *name = c->plan->links[i].name;
		const struct rtnl_link *l = netapply_usable(c, name);

		if (!l || (l->flags & IFF_UP))
			continue;
		if (!netapply_done(c, rtnl_set_link_up(&c->na->rtnl, l->ifindex, true), name,
			    "setting %s up", name))
			c->link_ok[i] = false;
		c->stale = true;
	}
}
