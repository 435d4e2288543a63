/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Neighbours of the cluster's links. The standby holds the active's as entries that are stale (they
 * are used at once after a takeover, and send nothing before), externally learned (the kernel does
 * not collect them, and a lost carrier does not flush them) and marked as ours.
 *
 * A node that becomes active adds what its kernel has lost meanwhile, never replaces, and gives the
 * entries to the kernel: from then on it asks, corrects and forgets as with any other.
 */
#include <linux/neighbour.h>
#include <net/if.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include "daemon/statesync/statesync.h"

#define PREFIX     "tw-"
#define REWRITE_NS (30 * NS_PER_S) /* a link that went down and came back has lost them */
#define USABLE     (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE)

int
neigh_init(struct statesync *s)
{
	struct neighs *n = &s->side.neighs;
	uint8_t key[16];

	n->walk.fd = -1;
	n->family = 4;
	randombytes_buf(key, sizeof(key));
	neighbours_init(&n->table, key);
	return neighbatch_open(&n->batch);
}

void
neigh_flush(struct statesync *s)
{
	struct neighs *n = &s->side.neighs;
	unsigned count = n->batch.n;
	int r = neighbatch_run(&n->batch);

	n->failed += r < 0 ? count : (unsigned)r;
	n->written += r < 0 ? 0 : count - (unsigned)r;
	n->n_devs = 0; /* names may mean other links next time */
}

/* The link's number by the interface's name; 0 = there is none. */
static int
ifindex_of(struct neighs *n, const char *iface)
{
	char name[DEV_NAME_MAX];
	struct side_dev *d;

	for (unsigned i = 0; i < n->n_devs; i++)
		if (strcmp(n->dev[i].iface, iface) == 0)
			return n->dev[i].ifindex;
	if (n->n_devs == SIDE_DEVS_MAX)
		n->n_devs = 0;
	d = &n->dev[n->n_devs++];
	snprintf(d->iface, sizeof(d->iface), "%s", iface);
	snprintf(name, sizeof(name), PREFIX "%s", iface);
	d->ifindex = (int)if_nametoindex(name);
	return d->ifindex;
}

/* "" when it is not a cluster interface's link. */
static const char *
iface_of(struct neighs *n, int ifindex)
{
	char name[IF_NAMESIZE];
	struct side_dev *d;

	for (unsigned i = 0; i < n->n_devs; i++)
		if (n->dev[i].ifindex == ifindex)
			return n->dev[i].iface;
	if (n->n_devs == SIDE_DEVS_MAX)
		n->n_devs = 0;
	d = &n->dev[n->n_devs++];
	*d = (struct side_dev){.ifindex = ifindex};
	if (if_indextoname((unsigned)ifindex, name) && strncmp(name, PREFIX, strlen(PREFIX)) == 0)
		snprintf(d->iface, sizeof(d->iface), "%s", name + strlen(PREFIX));
	return d->iface;
}

static void
change(struct statesync *s, enum neigh_op op, const struct side_neigh *of)
{
	struct neighs *n = &s->side.neighs;
	struct neigh k = {.addr = of->addr, .flags = of->router ? NTF_ROUTER : 0};

	k.ifindex = ifindex_of(n, of->iface);
	if (!k.ifindex)
		return; /* not configured here, or not yet */
	memcpy(k.mac, of->mac, sizeof(k.mac));
	if (n->batch.n == NEIGH_BATCH)
		neigh_flush(s);
	neighbatch_add(&n->batch, op, &k);
}

static void
forget(void *arg, const struct side_neigh *n)
{
	change(arg, NEIGH_FORGET, n);
}

void
neigh_take(struct statesync *s, const struct side_record *rec, struct instant now)
{
	struct neighs *n = &s->side.neighs;

	if (duty_trust(&s->duty) != TRUST_ALL)
		return; /* active: my own table knows better */
	if (rec->what == SIDE_NEIGH_END) {
		neighbours_expire(&n->table, instant_add(now, -NEIGH_GONE_NS), forget, s);
		return;
	}
	if (flow_own_has(&s->own, &rec->neigh.addr))
		return;
	if (neighbours_put(&n->table, &rec->neigh, now))
		change(s, NEIGH_LEARN, &rec->neigh);
	else
		n->failed++;
}

void
neigh_rewrite(struct statesync *s, struct instant now)
{
	struct neighs *n = &s->side.neighs;

	n->rewriting = true;
	n->rewrite = 0;
	n->rewrite_at = now;
}

/* A batch of the table at a time. Standby: entries are put there again, whatever the kernel thinks
 * of them; active: what is there stays. */
struct instant
neigh_keep(struct statesync *s, struct instant now)
{
	struct neighs *n = &s->side.neighs;
	bool active = s->duty.part == SYNC_ACTIVE;

	if (!n->table.n)
		return INSTANT_NEVER;
	if (!n->rewriting && instant_reached(now, n->rewrite_at))
		neigh_rewrite(s, now);
	if (!n->rewriting)
		return n->rewrite_at;
	for (unsigned i = 0; i < NEIGH_BATCH && n->rewrite < n->table.n; i++)
		change(s, active ? NEIGH_LEARN_NEW : NEIGH_LEARN, &n->table.v[n->rewrite++].n);
	neigh_flush(s);
	if (n->rewrite < n->table.n)
		return now;
	n->rewriting = false;
	n->rewrite_at = instant_add(now, REWRITE_NS);
	if (active) {
		neighbours_clear(&n->table);
		n->adopting = true;
	}
	return active ? INSTANT_NEVER : n->rewrite_at;
}

/* What came from the peer while this node was on standby becomes the kernel's own, as soon as that
 * costs nothing: an entry that is in use is left alone until it is stale again. */
static void
adopt(struct statesync *s, const struct neigh *k)
{
	struct neighs *n = &s->side.neighs;

	if (!(k->flags & NTF_EXT_LEARNED) || k->protocol != TW_RTPROT)
		return;
	n->foreign = true;
	if (!(k->state & (NUD_STALE | NUD_FAILED)))
		return;
	if (n->batch.n == NEIGH_BATCH)
		neigh_flush(s);
	neighbatch_add(&n->batch, k->state & NUD_STALE ? NEIGH_ADOPT : NEIGH_FORGET, k);
}

static void
take_walked(void *arg, const struct neigh *k)
{
	struct statesync *s = arg;
	struct neighs *n = &s->side.neighs;
	struct side_record rec = {.what = SIDE_NEIGH, .neigh = {.addr = k->addr}};
	const char *iface = iface_of(n, k->ifindex);

	if (!iface[0] || flow_own_has(&s->own, &k->addr))
		return;
	memcpy(rec.neigh.iface, iface, sizeof(rec.neigh.iface));
	adopt(s, k);
	if (!s->side.telling || !k->has_mac || !(k->state & USABLE) || n->pace.n == NEIGHBOURS_MAX)
		return;
	n->pace.n++;
	if (n->pace.cut || !side_walk_wants(&n->pace, k->changed_ms))
		return;
	memcpy(rec.neigh.mac, k->mac, sizeof(rec.neigh.mac));
	rec.neigh.router = k->flags & NTF_ROUTER;
	if (!side_neigh_sane(&rec.neigh))
		return;
	if (side_put(s, &rec, n->pace.begun))
		n->sent++;
	else
		n->pace.cut = true;
}

/* Both families have been walked. */
static void
told(struct statesync *s, struct instant now)
{
	static const struct side_record end = {.what = SIDE_NEIGH_END};
	struct neighs *n = &s->side.neighs;

	if (s->side.telling && n->pace.full && !n->pace.cut)
		n->pace.cut = !side_put(s, &end, now);
	n->seen = n->pace.n;
	n->family = 4;
	n->adopting = n->foreign;
	side_walk_end(&n->pace, now, 0, 0);
}

struct instant
neigh_tell(struct statesync *s, struct instant now)
{
	struct neighs *n = &s->side.neighs;
	int64_t spent = side_spent();
	int r;

	if (!instant_reached(now, n->pace.next))
		return n->pace.next;
	if (!n->walk.running) {
		if (n->family == 4) {
			side_walk_begin(&n->pace, now);
			n->foreign = false;
		}
		if (neighwalk_start(&n->walk, n->family) < 0)
			return n->pace.next = instant_add(now, SIDE_PERIOD_NS);
	}
	r = neighwalk_next(&n->walk, take_walked, s);
	neigh_flush(s);
	side_walk_part(&n->pace, now, spent);
	if (r == 1)
		return n->pace.next;
	neighwalk_stop(&n->walk);
	if (r == 0 && n->family == 4) {
		n->family = 6;
		return n->pace.next;
	}
	n->pace.cut |= r < 0;
	told(s, now);
	return n->pace.next;
}
