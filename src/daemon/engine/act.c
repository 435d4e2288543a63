/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The engine's hands: gate, frames, announcements, notes, messages to the other processes. */
#include <errno.h>
#include "daemon/engine/engine.h"

void
engine_tell_sync(struct engine *e)
{
	uint8_t msg[64];
	size_t len = ipc_encode_sync_part(&e->sync_part, msg, sizeof(msg));

	e->sync_part_pending = child_send(&e->links, PROC_STATESYNC, msg, len) == -EAGAIN;
}

static void
send_reply(struct engine *e, uint32_t id, enum refusal refusal)
{
	struct ipc_reply m = {.id = id, .refusal = refusal};
	uint8_t msg[64];

	child_send(&e->links, PROC_CONFIG, msg, ipc_encode_reply(&m, msg, sizeof(msg)));
}

/*
 * One batch of the round under way. A round over many addresses takes several turns of the loop, so
 * that heartbeats keep their time.
 */
void
engine_announce_more(struct engine *e)
{
	struct announce_item items[ANNOUNCE_BATCH];
	unsigned n = 0, at = e->announce_at;

	while (n < ANNOUNCE_BATCH && at < e->addresses.n) {
		uint16_t index = e->addresses.a[at].index;

		for (unsigned i = 0; i < e->conf.n_ports; i++) {
			struct engine_port *p = &e->ports[i];

			if (e->conf.ports[i].index != index || !p->tw_ifindex)
				continue;
			if (e->announce_port == PORT_ALL || e->announce_port == i)
				items[n++] = (struct announce_item){.ifindex = p->tw_ifindex,
					.mac = p->shared_mac,
					.addr = &e->addresses.a[at].addr,
					.router = true};
			break;
		}
		at++;
	}
	for (unsigned done = 0; done < n;)
		done += announce_send(e->announce_fd, items + done, n - done);
	e->announce_at = at;
	e->announcing = at < e->addresses.n;
}

static void
begin_announcing(struct engine *e, uint16_t port)
{
	e->announcing = true;
	e->announce_at = 0;
	e->announce_port = port;
	engine_announce_more(e);
}

static void
send_frame(struct engine *e, const struct action *a)
{
	const struct engine_port *p = &e->ports[a->send.port];

	if (p->sock.fd >= 0)
		packet_send(&p->sock, e->actions.bytes + a->send.offset, a->send.len);
}

/* The page never says of an open gate that it is closed: state sync must not sweep then. */
static void
move_gate(struct engine *e, struct instant open_until, struct instant drain_until)
{
	struct engine_page *p = e->page;

	if (open_until.ns > 0)
		atomic_store_explicit(&p->open_last, open_until.ns, memory_order_seq_cst);
	gate_store(e->gate, open_until, drain_until);
	if (open_until.ns <= 0)
		engine_gate_closed(e);
	atomic_store_explicit(&p->drain_until, drain_until.ns, memory_order_relaxed);
	atomic_store_explicit(&p->open_until, open_until.ns, memory_order_release);
}

void
engine_gate_closed(struct engine *e)
{
	int64_t now = loop_now().ns, last = atomic_load(&e->page->open_last);

	atomic_store(&e->page->open_last, last < now ? last : now);
}

void
engine_act(struct engine *e)
{
	for (size_t i = 0; i < e->actions.n; i++) {
		const struct action *a = &e->actions.a[i];

		switch (a->kind) {
		case ACT_GATE:
			move_gate(e, a->gate.open_until, a->gate.drain_until);
			break;
		case ACT_SEND:
			send_frame(e, a);
			break;
		case ACT_ANNOUNCE:
			begin_announcing(e, a->announce.port);
			break;
		case ACT_SYNC:
			e->sync_part.part = a->sync.part;
			e->sync_part.term = a->sync.term;
			e->sync_part.alone = a->sync.alone;
			engine_tell_sync(e);
			break;
		case ACT_NOTE:
			notering_put(&e->page->notes, &a->note);
			e->page_stale = true;
			break;
		case ACT_REPLY:
			send_reply(e, a->reply.id, a->reply.refusal);
			e->page_stale = true;
			break;
		case ACT_EXIT:
			e->exiting = true;
			break;
		}
	}
}

void
engine_publish(struct engine *e, bool now)
{
	static struct node_status status;

	if (!now && !e->page_stale && instant_sub(e->now, e->published) < ENGINE_PUBLISH_NS)
		return;
	node_status(e->node, e->now, &status);
	seqlock_write(&e->page->lock, &e->page->status, &status, sizeof(status));
	e->published = e->now;
	e->page_stale = false;
}
