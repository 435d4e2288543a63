/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames on the sync interfaces. With two of them, data goes out on the first on which the peer was
 * heard lately; now and then an ACK goes out on both, so that each end knows which of them work.
 */
#include <net/if.h>
#include <netinet/in.h>
#include <sodium.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "core/sync/quiet.h"
#include "daemon/synclink.h"

#define FRAME_BUFFER    (8u << 20)
#define HELLO_NS        (100 * NS_PER_MS) /* without a session */
#define HELLO_SILENT_NS (500 * NS_PER_MS) /* with a session, but silence */
#define ANSWER_NS       (20 * NS_PER_MS)  /* at most so often in answer to the peer */
#define HEARD_LATELY_NS (300 * NS_PER_MS)
#define ALL_NS          STREAM_KEEPALIVE_NS

static void on_readable(struct loop_fd *f, uint32_t events);

void
link_init(struct link *l, struct loop *loop, enum session_purpose purpose)
{
	memset(l, 0, sizeof(*l));
	l->loop = loop;
	l->purpose = purpose;
	l->kind0 = purpose == SESSION_SYNC ? FRAME_SYNC_HELLO : FRAME_CONF_HELLO;
	for (unsigned i = 0; i < SYNC_LINKS; i++) {
		l->dev[i].sock.fd = -1;
		l->dev[i].fd.fd = -1;
	}
}

static void
close_dev(struct link *l, struct link_dev *d)
{
	loop_del_fd(l->loop, &d->fd);
	packet_close(&d->sock);
	d->carrier = false;
}

void
link_close(struct link *l)
{
	for (unsigned i = 0; i < l->n_devs; i++)
		close_dev(l, &l->dev[i]);
	l->n_devs = 0;
	sodium_memzero(&l->session, sizeof(l->session));
}

static void
new_session(struct link *l, uint16_t cluster, const uint8_t key[CLUSTER_KEY_LEN])
{
	uint8_t seed[32];

	randombytes_buf(seed, sizeof(seed));
	session_init(&l->session, l->purpose, seed);
	session_set_key(&l->session, cluster, key);
	sodium_memzero(seed, sizeof(seed));
	l->hello_at = INSTANT_ZERO;
	l->heard = INSTANT_ZERO;
}

void
link_configure(struct link *l, const struct ipc_sync_conf *c)
{
	link_close(l);
	l->ethertype = c->ethertype;
	l->ha.cluster_id = c->cluster_id;
	l->n_devs = c->n_devs;
	for (unsigned i = 0; i < l->n_devs; i++) {
		struct link_dev *d = &l->dev[i];

		memcpy(d->name, c->devs[i].dev, sizeof(d->name));
		d->index = c->devs[i].index;
		d->heard = INSTANT_ZERO;
	}
	new_session(l, c->cluster_id, c->key);
	l->expected = loop_now();
	l->silence_ns = c->silence_s * NS_PER_S;
	link_check(l);
}

static bool
dev_ioctl(const struct link_dev *d, unsigned long what, struct ifreq *ifr)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), r;

	memset(ifr, 0, sizeof(*ifr));
	memcpy(ifr->ifr_name, d->name, sizeof(d->name));
	if (fd < 0)
		return false;
	r = ioctl(fd, what, ifr);
	close(fd);
	return r == 0;
}

static void
open_dev(struct link *l, struct link_dev *d, int ifindex)
{
	uint8_t group[6];

	conf_shared_mac(&l->ha, d->index, true, group);
	if (packet_open(&d->sock, ifindex, l->ethertype, group, l->kind0,
		    (uint8_t)(l->kind0 + FRAME_SYNC_ACK - FRAME_SYNC_HELLO), FRAME_BUFFER) < 0) {
		d->sock.fd = -1;
		return;
	}
	d->fd.fn = on_readable;
	d->fd.arg = l;
	if (loop_add_fd(l->loop, &d->fd, d->sock.fd, EPOLLIN) < 0)
		packet_close(&d->sock);
}

void
link_check(struct link *l)
{
	struct ifreq ifr;

	for (unsigned i = 0; i < l->n_devs; i++) {
		struct link_dev *d = &l->dev[i];
		bool there = dev_ioctl(d, SIOCGIFINDEX, &ifr), carrier;

		if (d->sock.fd >= 0 && (!there || ifr.ifr_ifindex != d->sock.ifindex))
			close_dev(l, d);
		if (d->sock.fd < 0 && there)
			open_dev(l, d, ifr.ifr_ifindex);
		if (d->sock.fd < 0)
			continue;
		carrier = dev_ioctl(d, SIOCGIFFLAGS, &ifr) && ifr.ifr_flags & IFF_RUNNING;
		if (carrier && !d->carrier)
			l->expected = loop_now();
		d->carrier = carrier;
		l->count.drops += packet_drops(&d->sock);
	}
}

bool
link_up(const struct link *l)
{
	for (unsigned i = 0; i < l->n_devs; i++)
		if (l->dev[i].sock.fd >= 0 && l->dev[i].carrier)
			return true;
	return false;
}

uint16_t
link_payload_max(const struct link *l)
{
	unsigned mtu = FRAME_MAX;
	struct ifreq ifr;

	for (unsigned i = 0; i < l->n_devs; i++)
		if (dev_ioctl(&l->dev[i], SIOCGIFMTU, &ifr) && ifr.ifr_mtu > 0 &&
			(unsigned)ifr.ifr_mtu < mtu)
			mtu = (unsigned)ifr.ifr_mtu;
	if (mtu < 576)
		mtu = 576;
	return (uint16_t)(mtu - FRAME_HEADER - FRAME_TAG);
}

static void
send_hello(struct link *l, struct link_dev *d)
{
	uint8_t frame[SESSION_HELLO_LEN];
	size_t len;

	if (d->sock.fd < 0)
		return;
	len = session_hello(&l->session, l->kind0, d->index, frame);
	packet_send(&d->sock, frame, len);
}

/* In answer to something from the peer, at a limited rate. */
static void
answer(struct link *l, struct link_dev *d, struct instant now)
{
	if (instant_sub(now, l->answered) < ANSWER_NS)
		return;
	l->answered = now;
	send_hello(l, d);
}

int64_t
link_quiet(const struct link *l, struct instant now)
{
	struct instant since = instant_max(l->heard, l->expected);

	return quiet_left(instant_sub(now, since), l->silence_ns);
}

struct instant
link_poll(struct link *l, struct instant now)
{
	bool silent = instant_sub(now, l->heard) >= HELLO_SILENT_NS;
	int64_t quiet_ns = link_quiet(l, now);

	if (!l->n_devs)
		return INSTANT_NEVER;
	if (quiet_ns > 0)
		return instant_add(now, quiet_ns);
	if (l->session.established && !silent)
		return instant_add(l->heard, HELLO_SILENT_NS);
	if (instant_reached(now, l->hello_at)) {
		for (unsigned i = 0; i < l->n_devs; i++)
			send_hello(l, &l->dev[i]);
		l->hello_at = instant_add(now, l->session.established ? HELLO_SILENT_NS : HELLO_NS);
	}
	return l->hello_at;
}

void
link_restart(struct link *l, const struct ipc_sync_conf *c)
{
	struct instant heard = l->heard;

	new_session(l, c->cluster_id, c->key);
	l->heard = heard; /* the link itself is not lost */
}

/* The first device on which the peer was heard lately, else the one where it was heard last. */
static struct link_dev *
pick(struct link *l, struct instant now)
{
	struct link_dev *best = NULL;

	for (unsigned i = 0; i < l->n_devs; i++) {
		struct link_dev *d = &l->dev[i];

		if (d->sock.fd < 0)
			continue;
		if (d->carrier && instant_sub(now, d->heard) < HEARD_LATELY_NS)
			return d;
		if (!best || instant_before(best->heard, d->heard))
			best = d;
	}
	return best;
}

static void
send_on(struct link *l, struct link_dev *d, enum frame_kind kind, const uint8_t *payload,
	size_t len)
{
	uint8_t frame[FRAME_MAX], wire = (uint8_t)(l->kind0 + kind - FRAME_SYNC_HELLO);
	size_t n = session_seal(&l->session, wire, d->index, payload, len, frame, sizeof(frame));

	if (!n)
		return;
	if (packet_send(&d->sock, frame, n) == 0) {
		l->count.sent++;
		l->count.bytes_sent += n + 14; /* with the Ethernet header */
	}
}

void
link_send(struct link *l, struct instant now, enum frame_kind kind, const uint8_t *payload,
	size_t len)
{
	struct link_dev *d = pick(l, now);

	if (kind == FRAME_SYNC_ACK && instant_reached(now, l->all_at)) {
		l->all_at = instant_add(now, ALL_NS);
		for (unsigned i = 0; i < l->n_devs; i++)
			if (l->dev[i].sock.fd >= 0)
				send_on(l, &l->dev[i], kind, payload, len);
		return;
	}
	if (d)
		send_on(l, d, kind, payload, len);
}

static void
take_hello(struct link *l, struct link_dev *d, const struct frame_header *h, const uint8_t *frame,
	struct instant now)
{
	enum session_news news = SESSION_NOTHING;
	enum frame_reject r = session_open_hello(&l->session, h, frame, &news);

	if (r != FRAME_OK) {
		l->count.refused[r]++;
		return;
	}
	switch (news) {
	case SESSION_NOTHING:
		break;
	case SESSION_ANSWER:
		answer(l, d, now);
		break;
	case SESSION_NEW_PEER:
		send_hello(l, d);
		l->answered = l->heard = now;
		l->on_session(l->arg, now);
		break;
	}
}

static void
take_frame(struct link *l, struct link_dev *d, const struct packet_in *in, struct instant now)
{
	uint8_t payload[FRAME_MAX];
	struct frame_header h;
	enum frame_reject r = session_filter(&l->session, in->data, in->len, &h);
	size_t len;

	if (r == FRAME_OK && h.index != d->index)
		r = REJECT_WIRING;
	if (r == FRAME_OK && h.kind == l->kind0) {
		take_hello(l, d, &h, in->data, now);
		return;
	}
	if (r == FRAME_OK)
		r = session_open(&l->session, &h, in->data, payload, sizeof(payload), &len);
	if (r == REJECT_SESSION)
		answer(l, d, now);
	if (r != FRAME_OK) {
		l->count.refused[r]++;
		return;
	}
	l->count.received++;
	l->heard = d->heard = now;
	l->on_payload(
		l->arg, (enum frame_kind)(h.kind - l->kind0 + FRAME_SYNC_HELLO), payload, len, now);
}

static void
on_readable(struct loop_fd *f, uint32_t events)
{
	struct packet_in in[PACKET_BATCH];
	struct link *l = f->arg;
	struct link_dev *d = (struct link_dev *)((char *)f - offsetof(struct link_dev, fd));
	struct instant now = loop_now();
	int n;

	(void)events;
	n = packet_recv(&d->sock, in, PACKET_BATCH);
	for (int i = 0; i < n; i++)
		take_frame(l, d, &in[i], now);
}
