/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nf_tables sockets: which sets there are, walks through one, transactions.
 *
 * An element that is there is replaced by adding it (so that it is there), deleting it and adding
 * it again, in one transaction: until Linux 6.12 no other way changes what is left of its time, and
 * the packet path never finds it missing. A transaction succeeds or fails as a whole; the kernel
 * names every message that failed, so that the second attempt goes without them.
 */
#include <assert.h>
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "sys/ctnl.h"
#include "sys/nftsets.h"

#define TABLES_MAX 64
#define PER_ELEM   3 /* messages */
#define ATTEMPTS   2

static struct nlmsghdr *
begin(void *buf, unsigned type, unsigned flags, uint8_t family, uint32_t seq)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *nfg;

	nlh->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	nlh->nlmsg_seq = seq;
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->nfgen_family = family;
	return nlh;
}

static int
send_msg(int fd, const struct nlmsghdr *nlh)
{
	return send(fd, nlh, nlh->nlmsg_len, MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* One part of an answer. 1 = go on, 0 = the end of a dump, -errno. */
static int
read_part(int fd, uint32_t seq, uint8_t *buf, void (*fn)(void *arg, const struct nlmsghdr *nlh),
	void *arg)
{
	const struct nlmsghdr *h;
	ssize_t n = recv(fd, buf, NFTSETS_CHUNK, MSG_DONTWAIT);
	int left = (int)n;

	if (n < 0)
		return -errno;
	for (h = (const void *)buf; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
		if (h->nlmsg_seq != seq)
			continue; /* of a question whose answer was not waited for */
		if (h->nlmsg_type == NLMSG_DONE)
			return 0;
		if (h->nlmsg_type == NLMSG_ERROR && h->nlmsg_len >= NLMSG_HDRLEN + sizeof(int)) {
			int err = *(const int *)mnl_nlmsg_get_payload(h);

			return err ? err : 1;
		}
		fn(arg, h);
	}
	return 1;
}

int
nftsets_open(struct nftsets *s)
{
	int r;

	*s = (struct nftsets){.fd = -1};
	s->buf = malloc(NFTSETS_CHUNK);
	if (!s->buf)
		return -ENOMEM;
	r = ctnl_open(0, &s->fd, &s->portid);
	if (r < 0)
		nftsets_close(s);
	return r;
}

void
nftsets_close(struct nftsets *s)
{
	if (s->fd >= 0)
		close(s->fd);
	free(s->buf);
	*s = (struct nftsets){.fd = -1};
}

static void
take_generation(void *arg, const struct nlmsghdr *nlh)
{
	struct nlattr *attr;
	uint32_t *generation = arg;

	if (nlh->nlmsg_type != (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN) ||
		mnl_nlmsg_get_payload_len(nlh) < sizeof(struct nfgenmsg))
		return;
	mnl_attr_for_each (attr, nlh, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(attr) == NFTA_GEN_ID &&
			mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
			*generation = mnl_attr_get_u32(attr);
}

static int
ask_generation(struct nftsets *s, uint32_t *generation)
{
	uint8_t msg[64];
	int r = send_msg(s->fd, begin(msg, NFT_MSG_GETGEN, 0, NFPROTO_UNSPEC, ++s->seq));

	return r < 0 ? r : read_part(s->fd, s->seq, s->buf, take_generation, generation);
}

struct tables {
	unsigned n;
	struct {
		uint8_t family;
		char name[NFTSETS_NAME_MAX];
	} v[TABLES_MAX];
};

static void
take_table(void *arg, const struct nlmsghdr *nlh)
{
	struct tables *t = arg;

	if (t->n < TABLES_MAX && nftsets_parse_table(nlh, &t->v[t->n].family, t->v[t->n].name))
		t->n++;
}

static void
take_set(void *arg, const struct nlmsghdr *nlh)
{
	struct nftsets *s = arg;
	struct nftset set;

	if (!nftsets_parse_set(nlh, &set))
		return;
	if (s->n == NFTSETS_MAX)
		s->more = true;
	else
		s->set[s->n++] = set;
}

static int
dump(struct nftsets *s, const struct nlmsghdr *nlh,
	void (*fn)(void *arg, const struct nlmsghdr *nlh), void *arg)
{
	int r = send_msg(s->fd, nlh);

	if (r < 0)
		return r;
	do
		r = read_part(s->fd, s->seq, s->buf, fn, arg);
	while (r == 1);
	return r;
}

int
nftsets_scan(struct nftsets *s)
{
	uint32_t generation = s->generation;
	struct tables tables = {0};
	uint8_t msg[256];
	struct nlmsghdr *nlh;
	int r = ask_generation(s, &generation);

	if (r < 0 || (s->scanned && generation == s->generation))
		return r < 0 ? r : 0;
	r = dump(s, begin(msg, NFT_MSG_GETTABLE, NLM_F_DUMP, NFPROTO_UNSPEC, ++s->seq), take_table,
		&tables);
	if (r < 0)
		return r;
	s->n = 0;
	s->more = false;
	for (unsigned i = 0; i < tables.n; i++) {
		nlh = begin(msg, NFT_MSG_GETSET, NLM_F_DUMP, tables.v[i].family, ++s->seq);
		mnl_attr_put_strz(nlh, NFTA_SET_TABLE, tables.v[i].name);
		r = dump(s, nlh, take_set, s);
		if (r < 0 && r != -ENOENT) /* gone meanwhile */
			break;
	}
	s->generation = generation;
	s->scanned = r >= 0 || r == -ENOENT;
	return 1;
}

const struct nftset *
nftsets_find(const struct nftsets *s, uint64_t id)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->set[i].id == id)
			return &s->set[i];
	return NULL;
}

int
nftsets_walk_start(struct nftsets_walk *w, const struct nftset *set)
{
	uint8_t msg[256];
	struct nlmsghdr *nlh;
	uint32_t portid;
	int r;

	nftsets_walk_stop(w);
	if (!w->buf && !(w->buf = malloc(NFTSETS_CHUNK)))
		return -ENOMEM;
	r = ctnl_open(0, &w->fd, &portid);
	if (r < 0) {
		w->fd = -1;
		return r;
	}
	w->set = *set;
	w->skipped = 0;
	nlh = begin(msg, NFT_MSG_GETSETELEM, NLM_F_DUMP, set->family, ++w->seq);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, set->table);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, set->name);
	r = send_msg(w->fd, nlh);
	if (r < 0)
		nftsets_walk_stop(w);
	else
		w->running = true;
	return r;
}

void
nftsets_walk_stop(struct nftsets_walk *w)
{
	if (w->fd >= 0)
		close(w->fd); /* an unfinished walk ends with its socket */
	w->fd = -1;
	w->running = false;
}

struct taking {
	struct nftsets_walk *w;
	nftsets_elem_fn *fn;
	void *arg;
};

static void
take_elems(void *arg, const struct nlmsghdr *nlh)
{
	struct taking *t = arg;

	t->w->skipped += nftsets_parse_elems(nlh, &t->w->set, t->fn, t->arg);
}

int
nftsets_walk_next(struct nftsets_walk *w, nftsets_elem_fn *fn, void *arg)
{
	struct taking t = {w, fn, arg};

	return read_part(w->fd, w->seq, w->buf, take_elems, &t);
}

int
nftsets_batch_open(struct nftsets_batch *b)
{
	uint32_t portid;
	int one = 1, r;

	b->fd = -1;
	b->n = 0;
	b->seq = 1;
	b->buf = malloc((NFTSETS_BATCH * PER_ELEM + 2) * NFTSETS_MSG_MAX);
	if (!b->buf)
		return -ENOMEM;
	r = ctnl_open(1 << 20, &b->fd, &portid); /* room for an error to every message */
	if (r < 0) {
		b->fd = -1;
		return r;
	}
	setsockopt(b->fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	return 0;
}

void
nftsets_batch_close(struct nftsets_batch *b)
{
	if (b->fd >= 0)
		close(b->fd);
	free(b->buf);
	b->buf = NULL;
	b->fd = -1;
}

void
nftsets_batch_add(
	struct nftsets_batch *b, const struct nftset *set, const struct side_elem *e, bool replace)
{
	assert(b->n < NFTSETS_BATCH);
	b->item[b->n].set = *set;
	b->item[b->n].elem = *e;
	b->item[b->n].replace = replace;
	b->n++;
}

static size_t
put_frame(uint8_t *at, unsigned type, uint32_t seq)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(at);
	struct nfgenmsg *nfg;

	nlh->nlmsg_type = (uint16_t)type;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	nlh->nlmsg_seq = seq;
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->res_id = htons(NFNL_SUBSYS_NFTABLES);
	return nlh->nlmsg_len;
}

/* All messages of an element have the same number, its place in the batch. */
static size_t
build(struct nftsets_batch *b, const bool left_out[NFTSETS_BATCH])
{
	uint8_t *at = b->buf;

	at += put_frame(at, NFNL_MSG_BATCH_BEGIN, b->seq + NFTSETS_BATCH);
	for (unsigned i = 0; i < b->n; i++) {
		const struct nftset *set = &b->item[i].set;
		const struct side_elem *e = &b->item[i].elem;

		if (left_out[i])
			continue;
		at += nftsets_build_elem(set, e, true, b->seq + i, at);
		if (!b->item[i].replace)
			continue;
		at += nftsets_build_elem(set, e, false, b->seq + i, at);
		at += nftsets_build_elem(set, e, true, b->seq + i, at);
	}
	at += put_frame(at, NFNL_MSG_BATCH_END, b->seq + NFTSETS_BATCH);
	return (size_t)(at - b->buf);
}

/* 0 = all of it was done; else how many more elements are to be left out, or -errno. */
static int
take_errors(struct nftsets_batch *b, bool left_out[NFTSETS_BATCH])
{
	union {
		struct nlmsghdr h;
		uint8_t bytes[8192];
	} buf;
	int found = 0, whole = 0;

	for (;;) {
		const struct nlmsghdr *h = &buf.h;
		ssize_t n = recv(b->fd, &buf, sizeof(buf), MSG_DONTWAIT);
		int left = (int)n;

		if (n < 0 && errno != EAGAIN)
			return -errno;
		if (n < 0)
			return found ? found : whole;
		for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
			uint32_t i = h->nlmsg_seq - b->seq;
			int err;

			if (h->nlmsg_type != NLMSG_ERROR ||
				h->nlmsg_len < NLMSG_HDRLEN + sizeof(int))
				continue;
			err = *(const int *)mnl_nlmsg_get_payload(h);
			if (err && i == NFTSETS_BATCH)
				whole = err; /* not of a message, but of the transaction */
			if (!err || i >= b->n || left_out[i])
				continue;
			left_out[i] = true;
			found++;
		}
	}
}

int
nftsets_batch_run(struct nftsets_batch *b)
{
	bool left_out[NFTSETS_BATCH] = {false};
	int failed = 0, r = 0;

	for (unsigned i = 0; i < ATTEMPTS && b->n > (unsigned)failed; i++) {
		size_t len = build(b, left_out);

		r = send(b->fd, b->buf, len, MSG_DONTWAIT) < 0 ? -errno : take_errors(b, left_out);
		b->seq += NFTSETS_BATCH + 1;
		if (r <= 0)
			break;
		failed += r;
	}
	if (r > 0)
		failed = (int)b->n; /* others failed the second time: nothing was done */
	b->n = 0;
	return r < 0 ? r : failed;
}
