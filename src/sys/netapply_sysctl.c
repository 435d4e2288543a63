/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netapply: kernel settings. What a setting was before is in the journal before it is changed,
 * except for those of tw-*, which die with the link.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sys/netapply_int.h"
#include "sys/sysctl.h"

#define ALL_FORWARDING "net/ipv6/conf/all/forwarding"

struct saved {
	char path[OWNED_KEY_MAX];
	char value[16];
};

/* Every device's forwarding setting of IPv6, "default" included. */
static size_t
save_forwarding(struct arena *a, struct saved **out)
{
	DIR *d = opendir("/proc/sys/net/ipv6/conf");
	const struct dirent *e;
	size_t n = 0;

	*out = NULL;
	if (!d)
		return 0;
	while ((e = readdir(d))) {
		struct saved s;
		int len =
			snprintf(s.path, sizeof(s.path), "net/ipv6/conf/%s/forwarding", e->d_name);

		if (e->d_name[0] == '.' || strcmp(e->d_name, "all") == 0 || len < 0 ||
			(size_t)len >= sizeof(s.path) ||
			sysctl_read(s.path, s.value, sizeof(s.value)) < 0)
			continue;
		*out = arena_grow(a, *out, n, sizeof(s));
		(*out)[n++] = s;
	}
	closedir(d);
	return n;
}

/*
 * IPv6 forwards only when conf/all/forwarding says so, and writing that one overwrites the setting
 * of every device, turning hosts' interfaces into routers' ones (no router advertisements
 * accepted). Devices keep what they had: which of them forward is the business of the plan and of
 * others.
 */
static int
set_all_forwarding(struct netapply_ctx *c, const char *value)
{
	struct saved *s;
	size_t n = save_forwarding(&c->tmp, &s);
	int r = sysctl_set(ALL_FORWARDING, value);

	for (size_t i = 0; r == 1 && i < n; i++)
		sysctl_set(s[i].path, s[i].value); /* a device may just have gone */
	return r;
}

static int
set(struct netapply_ctx *c, const char *path, const char *value)
{
	if (strcmp(path, ALL_FORWARDING) == 0)
		return set_all_forwarding(c, value);
	return sysctl_set(path, value);
}

/* All previous values go into the journal before the first is changed: some settings change others.
 */
void
netapply_note_sysctls(struct netapply_ctx *c)
{
	for (size_t i = 0; i < c->plan->n_sysctls; i++) {
		const struct plan_sysctl *s = &c->plan->sysctls[i];
		char now[OWNED_VALUE_MAX];
		int r;

		if (netapply_link(c, s->dev) || owned_find(&c->na->owned, OWNED_SYSCTL, s->path) ||
			sysctl_read(s->path, now, sizeof(now)) < 0)
			continue;
		r = owned_add(&c->na->owned, OWNED_SYSCTL, s->path, now);
		if (r < 0)
			netapply_problem(
				c, s->dev, "noting the setting %s: %s", s->path, strerror(-r));
	}
}

/* A kernel without IPv6 has no switch to turn it off, nor has one without automatic helpers. */
static bool
is_moot(const struct plan_sysctl *s, int r)
{
	const char *name = strrchr(s->path, '/');

	return r == -ENOENT && name &&
	       ((strcmp(name, "/disable_ipv6") == 0 && strcmp(s->value, "1") == 0) ||
		       strcmp(name, "/nf_conntrack_helper") == 0);
}

void
netapply_sysctls(struct netapply_ctx *c, const char *dev)
{
	for (size_t i = 0; i < c->plan->n_sysctls; i++) {
		const struct plan_sysctl *s = &c->plan->sysctls[i];
		int r;

		if (!s->value || strcmp(s->dev, dev) != 0)
			continue;
		r = set(c, s->path, s->value);
		if (r > 0)
			c->rep->changes++;
		else if (r < 0 && !is_moot(s, r))
			netapply_problem(c, dev, "setting %s to %s: %s%s", s->path, s->value,
				strerror(-r),
				r == -ENOENT ? " (is the kernel module loaded?)" : "");
	}
}

static bool
is_planned(const struct netapply_ctx *c, const char *path)
{
	for (size_t i = 0; i < c->plan->n_sysctls; i++)
		if (strcmp(c->plan->sysctls[i].path, path) == 0)
			return true;
	return false;
}

static int
by_seq(const void *a, const void *b)
{
	const struct owned_entry *x = a, *y = b;

	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

void
netapply_restore_sysctls(struct netapply_ctx *c)
{
	struct owned *o = &c->na->owned;
	struct owned_entry *old = NULL;
	size_t n = 0;

	for (size_t i = 0; i < o->n; i++) {
		if (o->e[i]->kind != OWNED_SYSCTL || is_planned(c, o->e[i]->key))
			continue;
		old = arena_grow(&c->tmp, old, n, sizeof(*old));
		old[n++] = *o->e[i];
	}
	if (n)
		qsort(old, n, sizeof(*old), by_seq);
	for (size_t i = 0; i < n; i++) {
		int r = set(c, old[i].key, old[i].value);

		if (r > 0)
			c->rep->changes++;
		if (r < 0 && r != -ENOENT)
			netapply_problem(c, "", "putting %s back to %s: %s", old[i].key,
				old[i].value, strerror(-r));
		else
			owned_remove(o, OWNED_SYSCTL, old[i].key);
	}
}
