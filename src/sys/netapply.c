/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The order of a run. What is ours is known from the journal and from protocol numbers; removing is
 * running with an empty plan. Reasons for the order: docs/design/gate.md.
 */
#include "sys/netapply.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "sys/netapply_int.h"

int
netapply_open(struct netapply *na, const char *run_dir, int prog_in, int prog_out, int ports_fd)
{
	char path[512];
	int r, n = snprintf(path, sizeof(path), "%s/owned", run_dir);

	*na = (struct netapply){.prog_in = prog_in, .prog_out = prog_out, .ports_fd = ports_fd};
	if (n < 0 || (size_t)n >= sizeof(path))
		return -ENAMETOOLONG;
	r = rtnl_open(&na->rtnl);
	if (r < 0)
		return r;
	r = owned_open(&na->owned, path);
	if (r < 0)
		rtnl_close(&na->rtnl);
	return r;
}

void
netapply_close(struct netapply *na)
{
	for (size_t i = 0; i < na->n_groups; i++)
		if (na->groups[i].fd >= 0)
			close(na->groups[i].fd);
	free(na->groups);
	na->groups = NULL;
	na->n_groups = 0;
	owned_close(&na->owned);
	rtnl_close(&na->rtnl);
}

const struct plan_nic *
netapply_nic(const struct netapply_ctx *c, const char *dev)
{
	for (size_t i = 0; i < c->plan->n_nics; i++)
		if (strcmp(c->plan->nics[i].dev, dev) == 0)
			return &c->plan->nics[i];
	return NULL;
}

const struct plan_link *
netapply_link(const struct netapply_ctx *c, const char *dev)
{
	for (size_t i = 0; i < c->plan->n_links; i++)
		if (strcmp(c->plan->links[i].name, dev) == 0)
			return &c->plan->links[i];
	return NULL;
}

const struct rtnl_link *
netapply_usable(const struct netapply_ctx *c, const char *dev)
{
	const struct plan_link *l = netapply_link(c, dev);

	if (l && !c->link_ok[l - c->plan->links])
		return NULL;
	return rtnl_link_by_name(&c->links, dev);
}

static void
add_problem(struct netapply_ctx *c, const char *dev, const char *text)
{
	struct netapply_report *rep = c->rep;
	const struct plan_nic *nic = netapply_nic(c, dev);
	struct netapply_problem *p;

	rep->problems =
		arena_grow(rep->arena, rep->problems, rep->n_problems, sizeof(rep->problems[0]));
	p = &rep->problems[rep->n_problems++];
	if (nic)
		memcpy(p->iface, nic->iface, sizeof(p->iface));
	else if (strncmp(dev, "tw-", 3) == 0)
		snprintf(p->iface, sizeof(p->iface), "%s", dev + 3);
	p->text = arena_strdup(rep->arena, text);
	p->missing = nic && !rtnl_link_by_name(&c->links, dev);
}

void
netapply_problem(struct netapply_ctx *c, const char *dev, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	add_problem(c, dev, text);
}

bool
netapply_done(struct netapply_ctx *c, int r, const char *dev, const char *fmt, ...)
{
	char what[160], text[400];
	va_list ap;

	if (r >= 0) {
		c->rep->changes++;
		return true;
	}
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	snprintf(text, sizeof(text), "%s: %s", what, c->na->rtnl.error);
	add_problem(c, dev, text);
	return false;
}

static int
look_again(struct netapply_ctx *c)
{
	if (!c->stale)
		return 0;
	c->stale = false;
	return rtnl_dump_links(&c->na->rtnl, &c->tmp, &c->links);
}

/*
 * First what must hold before any shared address exists (settings, policy rules), then the links
 * from NIC to macvlan to addresses to up to routes, and at last, in the opposite order, what is
 * ours and no longer wanted. Only links go at the very beginning: their names may be wanted again.
 */
static int
run_steps(struct netapply_ctx *c)
{
	int r;

	netapply_remove_links(c);
	if ((r = look_again(c)) < 0)
		return r;
	netapply_forget_lost(c);
	netapply_note_sysctls(c);
	netapply_sysctls(c, "");
	if ((r = netapply_add_rules(c)) < 0)
		return r;
	netapply_prepare_nics(c);
	if ((r = look_again(c)) < 0)
		return r;
	netapply_make_links(c);
	if ((r = look_again(c)) < 0 || (r = netapply_add_addrs(c)) < 0)
		return r;
	netapply_raise_links(c);
	if ((r = look_again(c)) < 0 || (r = netapply_routes(c)) < 0)
		return r;
	if ((r = netapply_remove_addrs(c)) < 0 || (r = netapply_remove_rules(c)) < 0)
		return r;
	netapply_restore_sysctls(c);
	netapply_restore_nics(c);
	netapply_join_groups(c);
	r = netapply_foreign_addrs(c);
	return r < 0 ? r : netapply_foreign_routes(c);
}

int
netapply_run(struct netapply *na, const struct netplan *plan, struct netapply_report *rep)
{
	struct netapply_ctx c = {.na = na, .plan = plan, .rep = rep, .stale = true};
	size_t before = rep->n_problems;
	int r;

	c.link_ok = arena_array(&c.tmp, bool, plan->n_links + 1);
	r = look_again(&c);
	if (r == 0)
		r = run_steps(&c);
	arena_free(&c.tmp);
	return r < 0 ? r : rep->n_problems > before;
}

int
netapply_remove(struct netapply *na, struct netapply_report *rep)
{
	static const struct netplan nothing;

	return netapply_run(na, &nothing, rep);
}
