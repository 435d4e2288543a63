/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is carried beside flows: neighbours (neigh.c) and elements of nft sets (sets.c). The active
 * reads them now and then, tells what has changed, and from time to time everything; the standby
 * puts them into its kernel. Both come after flows: nothing is read while frames wait, and reading
 * takes a small, measured share of the processor.
 */
#pragma once
#include "core/sync/neighbour.h"
#include "core/node/event.h"
#include "core/sync/side.h"
#include "sys/neighsync.h"
#include "sys/nftsets.h"

struct statesync;
struct sync_record;
struct sync_status;

#define SIDE_PERIOD_NS    NS_PER_S          /* between two looks at the same table … */
#define SIDE_SHARE        50                /* … at least so many times as long as it took */
#define SIDE_FULL_NS      (60 * NS_PER_S)   /* between two tellings of everything */
#define SIDE_BACKLOG      48                /* frames on their way while telling */
#define SIDE_DEVS_MAX     64                /* names of links remembered during a walk */
#define NEIGH_GONE_NS     (600 * NS_PER_S)  /* the active has not had it for so long: forgotten */
#define SETS_ELEMS_MAX    65536             /* told of one set in one walk */
#define SETS_ELEM_NS      (200 * NS_PER_US) /* pause for each element told … */
#define SETS_ELEM_FULL_NS (10 * NS_PER_MS)  /* … and before everything is told again */

/* How the two jobs are paced and when everything is to be told. */
struct side_pace {
	struct instant next;          /* part of the walk, or the next walk */
	struct instant begun, before; /* this walk, and the one before */
	struct instant full_at;       /* everything is told by the next walk from then on */
	int64_t spent_ns;             /* on this walk */
	bool full;                    /* this walk tells everything */
	bool cut;                     /* no room: the walk is made again */
	uint32_t n;                   /* entries seen in this walk */
};

struct side_dev {
	int ifindex;
	char iface[IFACE_NAME_MAX]; /* "" = not a cluster interface's */
};

struct neighs {
	struct side_pace pace;
	struct neighwalk walk;
	uint8_t family; /* being walked */
	struct neighbatch batch;
	struct neighbours table; /* what the active told */
	uint32_t rewrite;        /* place in the table that is to be written again next */
	bool rewriting;
	struct instant rewrite_at;
	unsigned n_devs;
	struct side_dev dev[SIDE_DEVS_MAX];
	bool adopting, foreign; /* entries are to be given to the kernel; the walk found some */
	uint32_t seen;          /* told by this node's last walk */
	uint64_t sent, written, failed;
};

struct sets {
	struct nftsets list;
	struct instant scanned;
	struct side_pace pace[NFTSETS_MAX]; /* of list.set[] */
	uint32_t seen[NFTSETS_MAX];         /* elements in the last walk */
	struct nftsets_walk walk;
	unsigned at; /* list.set[at] is being walked */
	struct nftsets_batch batch;
	uint64_t sent, written, failed, unknown;
};

struct side {
	struct neighs neighs;
	struct sets sets;
	bool telling; /* this node is the one that tells */
	enum sync_part part;
	bool ready;
};

/* side.c */
/* Opens sockets; without them nothing is carried beside flows. */
void side_init(struct statesync *s);
/* Every control record from the peer, before duty sees it; true: it was one of these. */
bool side_record(struct statesync *s, const struct sync_record *rec, struct instant now);
/* The engine's order has been taken. */
void side_part(struct statesync *s, struct instant now);
/* What was taken since goes into the kernel: before it is acknowledged. */
void side_flush(struct statesync *s);
/* A piece of what is to be done; returns when to be called again. */
struct instant side_poll(struct statesync *s, struct instant now);
/* Its part of the page. */
void side_status(const struct statesync *s, struct sync_status *st);
/* Puts one record on the stream; false: no room. */
bool side_put(struct statesync *s, const struct side_record *rec, struct instant now);
/* Processor time of this process so far, in ns: waiting for a processor is no cost. */
int64_t side_spent(void);
/* A walk begins; a part of it was made, begun when side_spent() was since_ns; it ends: the next one
 * not before pause_ns, the next that tells everything full_ns later than usual. */
void side_walk_begin(struct side_pace *p, struct instant now);
void side_walk_part(struct side_pace *p, struct instant now, int64_t since_ns);
void side_walk_end(struct side_pace *p, struct instant now, int64_t pause_ns, int64_t full_ns);
/* Entries that changed so long ago are to be told in this walk. */
bool side_walk_wants(const struct side_pace *p, uint64_t changed_ms);

/* neigh.c */
int neigh_init(struct statesync *s);
void neigh_take(struct statesync *s, const struct side_record *rec, struct instant now);
void neigh_flush(struct statesync *s);
struct instant neigh_tell(struct statesync *s, struct instant now);
/* The standby writes its table again now; a node that became active adds what is missing. */
void neigh_rewrite(struct statesync *s, struct instant now);
struct instant neigh_keep(struct statesync *s, struct instant now);

/* sets.c */
int sets_init(struct statesync *s);
void sets_take(struct statesync *s, const struct side_elem *e, struct instant now);
void sets_flush(struct statesync *s);
struct instant sets_tell(struct statesync *s, struct instant now);
/* All of them now: the role is about to leave. */
void sets_hurry(struct statesync *s, struct instant now);
void sets_full(struct statesync *s, struct instant now);
