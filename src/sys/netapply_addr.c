/* SPDX-License-Identifier: GPL-2.0-or-later */
/* netapply: addresses, and the multicast groups that go with them. */
#include <errno.h>
#include <linux/if_addr.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "sys/netapply_int.h"

static void
addr_key(char key[OWNED_KEY_MAX], const char *dev, const struct ip_prefix *p)
{
	char text[IP_TEXT_MAX];

	snprintf(key, OWNED_KEY_MAX, "%s %s", dev, ip_prefix_fmt(p, text));
}

static bool
same_prefix(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return a->len == b->len && ip_equal(&a->addr, &b->addr);
}

static bool
is_planned(const struct netapply_ctx *c, const char *dev, const struct ip_prefix *p)
{
	for (size_t i = 0; i < c->plan->n_addrs; i++)
		if (strcmp(c->plan->addrs[i].dev, dev) == 0 &&
			same_prefix(&c->plan->addrs[i].prefix, p))
			return true;
	return false;
}

/* The same address with another prefix length is wanted here; IPv6 cannot have both at once. */
static bool
is_reshaped(const struct netapply_ctx *c, const char *dev, const struct ip_addr *a)
{
	for (size_t i = 0; i < c->plan->n_addrs; i++)
		if (strcmp(c->plan->addrs[i].dev, dev) == 0 &&
			ip_equal(&c->plan->addrs[i].prefix.addr, a))
			return true;
	return false;
}

/* The protocol goes with the address when its device is renamed; the journal serves kernels that
 * know no such protocol (before 5.18). */
static bool
is_ours(const struct netapply_ctx *c, const struct rtnl_addr *a, const char *key)
{
	return a->proto == TW_RTPROT || owned_find(&c->na->owned, OWNED_ADDR, key);
}

/* Removes ours that the plan does not have: only the reshaped ones, or all. */
static int
remove_stale(struct netapply_ctx *c, bool only_reshaped)
{
	struct rtnl_addrs have;
	int r = rtnl_dump_addrs(&c->na->rtnl, &c->tmp, &have);

	for (size_t i = 0; r == 0 && i < have.n; i++) {
		const struct rtnl_addr *a = &have.v[i];
		const struct rtnl_link *l = rtnl_link_by_index(&c->links, a->ifindex);
		char key[OWNED_KEY_MAX];
		int err;

		if (!l || is_planned(c, l->name, &a->prefix) ||
			(only_reshaped && !is_reshaped(c, l->name, &a->prefix.addr)))
			continue;
		addr_key(key, l->name, &a->prefix);
		if (!is_ours(c, a, key))
			continue;
		err = rtnl_del_addr(&c->na->rtnl, a);
		if (err == -EADDRNOTAVAIL ||
			netapply_done(c, err, l->name, "removing the address %s", key))
			owned_remove(&c->na->owned, OWNED_ADDR, key);
	}
	return r;
}

static void
note_fresh(struct netapply_ctx *c, const struct plan_addr *p)
{
	struct netapply_report *rep = c->rep;
	struct netapply_fresh *f;

	if (!netapply_nic(c, p->dev))
		return;
	rep->fresh = arena_grow(rep->arena, rep->fresh, rep->n_fresh, sizeof(rep->fresh[0]));
	f = &rep->fresh[rep->n_fresh++];
	snprintf(f->dev, sizeof(f->dev), "%s", p->dev);
	f->addr = p->prefix.addr;
}

static void
add_addr(struct netapply_ctx *c, const struct plan_addr *p, const struct rtnl_link *l)
{
	struct rtnl_addr a = {.ifindex = l->ifindex, .prefix = p->prefix, .proto = TW_RTPROT};
	char key[OWNED_KEY_MAX], text[IP_TEXT_MAX];
	int r;

	if (p->prefix.addr.family == 6)
		a.flags |= IFA_F_NODAD;
	if (p->noprefixroute)
		a.flags |= IFA_F_NOPREFIXROUTE;
	addr_key(key, p->dev, &p->prefix);
	r = owned_add(&c->na->owned, OWNED_ADDR, key, "");
	if (r < 0) {
		netapply_problem(c, p->dev, "noting the address %s: %s", key, strerror(-r));
		return;
	}
	r = rtnl_add_addr(&c->na->rtnl, &a);
	if (netapply_done(
		    c, r, p->dev, "address %s on %s", ip_prefix_fmt(&p->prefix, text), p->dev))
		note_fresh(c, p);
	else
		owned_remove(&c->na->owned, OWNED_ADDR, key);
}

int
netapply_add_addrs(struct netapply_ctx *c)
{
	struct rtnl_addrs have;
	int r = remove_stale(c, true);

	if (r == 0)
		r = rtnl_dump_addrs(&c->na->rtnl, &c->tmp, &have);
	for (size_t k = 0; r == 0 && k < c->plan->n_addrs; k++) {
		const struct plan_addr *p = &c->plan->addrs[k];
		const struct rtnl_link *l = netapply_usable(c, p->dev);
		char key[OWNED_KEY_MAX];
		const struct rtnl_addr *there = NULL;

		for (size_t i = 0; l && i < have.n && !there; i++)
			if (have.v[i].ifindex == l->ifindex &&
				same_prefix(&have.v[i].prefix, &p->prefix))
				there = &have.v[i];
		if (l && !there)
			add_addr(c, p, l);
		addr_key(key, p->dev, &p->prefix);
		if (there && !is_ours(c, there, key))
			netapply_problem(c, p->dev,
				"%s stands there already and was not put there by Twinwall; take "
				"it out "
				"of the system's network configuration, its routes disturb ours",
				key);
	}
	return r;
}

int
netapply_remove_addrs(struct netapply_ctx *c)
{
	return remove_stale(c, false);
}

/* The kernel gives itself link-local ones as it pleases; they lead nowhere. */
static bool
is_link_local6(const struct ip_addr *a)
{
	return a->family == 6 && a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

int
netapply_foreign_addrs(struct netapply_ctx *c)
{
	struct rtnl_addrs have;
	int r = rtnl_dump_addrs(&c->na->rtnl, &c->tmp, &have);

	for (size_t i = 0; r == 0 && i < have.n; i++) {
		const struct rtnl_addr *a = &have.v[i];
		const struct rtnl_link *l = rtnl_link_by_index(&c->links, a->ifindex);
		char key[OWNED_KEY_MAX], text[IP_TEXT_MAX];

		if (!l || (!netapply_nic(c, l->name) && !netapply_link(c, l->name)))
			continue;
		addr_key(key, l->name, &a->prefix);
		if (is_planned(c, l->name, &a->prefix) || is_ours(c, a, key) ||
			is_link_local6(&a->prefix.addr))
			continue;
		netapply_problem(c, l->name,
			"address %s on %s is not of this configuration: the node answers for it "
			"even while inactive, and its route leads past the gate; take it out of "
			"the system's network configuration",
			ip_prefix_fmt(&a->prefix, text), l->name);
	}
	return r;
}

static uint64_t
hash_group(uint64_t h, const struct ip_addr *a)
{
	for (size_t i = 0; i < 16; i++)
		h = (h ^ a->b[i]) * UINT64_C(0x100000001b3);
	return h;
}

static struct netapply_groups *
groups_of(struct netapply *na, const char *dev)
{
	struct netapply_groups *g;
	void *p;

	for (size_t i = 0; i < na->n_groups; i++)
		if (strcmp(na->groups[i].dev, dev) == 0)
			return &na->groups[i];
	p = realloc(na->groups, (na->n_groups + 1) * sizeof(*na->groups));
	if (!p)
		return NULL;
	na->groups = p;
	g = &na->groups[na->n_groups++];
	*g = (struct netapply_groups){.fd = -1};
	snprintf(g->dev, sizeof(g->dev), "%s", dev);
	return g;
}

/* Joins all of a NIC's groups with a new socket; whoever closes the old one afterwards leaves the
 * groups that are no longer wanted, and no others. */
static int
join_all(struct netapply_ctx *c, const struct rtnl_link *l)
{
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < c->plan->n_groups; i++) {
		struct ipv6_mreq m = {.ipv6mr_interface = (unsigned)l->ifindex};

		if (strcmp(c->plan->groups[i].dev, l->name) != 0)
			continue;
		memcpy(&m.ipv6mr_multiaddr, c->plan->groups[i].group.b, 16);
		if (setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &m, sizeof(m)) < 0) {
			int err = -errno;

			close(fd);
			return err;
		}
	}
	return fd;
}

static void
join_on(struct netapply_ctx *c, const struct rtnl_link *l, uint64_t hash)
{
	struct netapply_groups *g = groups_of(c->na, l->name);
	int fd;

	if (!g || (g->fd >= 0 && g->ifindex == l->ifindex && g->hash == hash))
		return;
	fd = join_all(c, l);
	if (fd < 0) {
		netapply_problem(c, l->name,
			"joining the multicast groups of the shared IPv6 addresses on %s: %s; "
			"behind "
			"a switch that snoops MLD, a takeover may go unnoticed",
			l->name, strerror(-fd));
		return;
	}
	if (g->fd >= 0)
		close(g->fd);
	g->fd = fd;
	g->ifindex = l->ifindex;
	g->hash = hash;
	c->rep->changes++;
}

void
netapply_join_groups(struct netapply_ctx *c)
{
	struct netapply *na = c->na;

	for (size_t k = 0; k < c->plan->n_nics; k++) {
		const char *dev = c->plan->nics[k].dev;
		const struct rtnl_link *l = rtnl_link_by_name(&c->links, dev);
		uint64_t hash = 0;

		for (size_t i = 0; i < c->plan->n_groups; i++)
			if (strcmp(c->plan->groups[i].dev, dev) == 0)
				hash = hash_group(hash + 1, &c->plan->groups[i].group);
		if (l && hash)
			join_on(c, l, hash);
	}
	for (size_t i = na->n_groups; i-- > 0;) {
		bool wanted = false;

		for (size_t k = 0; k < c->plan->n_groups; k++)
			wanted |= strcmp(c->plan->groups[k].dev, na->groups[i].dev) == 0;
		if (wanted)
			continue;
		if (na->groups[i].fd >= 0)
			close(na->groups[i].fd);
		na->groups[i] = na->groups[--na->n_groups];
	}
}
