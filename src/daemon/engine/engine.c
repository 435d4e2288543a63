/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The engine's main loop and its messages in. */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "daemon/engine/engine.h"
#include "sys/sandbox.h"

void
engine_step(struct engine *e, struct event *ev)
{
	ev->now = e->now;
	node_step(e->node, ev, &e->actions);
	engine_act(e);
}

static void
take_conf(struct engine *e, const uint8_t *msg, size_t len)
{
	static struct ha_conf conf, old;
	struct event ev = {.kind = EV_CONF, .conf = &e->conf};

	if (!ipc_decode_ha_conf(msg, len, &conf))
		return;
	if (e->configured && memcmp(&conf, &e->conf, sizeof(conf)) == 0)
		return; /* config was restarted and found nothing new */
	old = e->conf;
	e->conf = conf;
	engine_wire_configure(e, &old);
	sodium_memzero(conf.key, sizeof(conf.key));
	sodium_memzero(old.key, sizeof(old.key));
	e->configured = true;
	engine_step(e, &ev);
	engine_ask_links(e);
}

static void
take_command(struct engine *e, const uint8_t *msg, size_t len)
{
	struct event ev = {.kind = EV_COMMAND};
	struct ipc_command m;

	if (!ipc_decode_command(msg, len, &m))
		return;
	ev.command.cmd = m.cmd;
	ev.command.id = m.id;
	ev.command.force = m.force;
	engine_step(e, &ev);
}

static void
take_report(struct engine *e, const uint8_t *msg, size_t len)
{
	struct event ev = {.kind = EV_SYNC};

	if (ipc_decode_sync_report(msg, len, &ev.sync))
		engine_step(e, &ev);
}

static void
take_health(struct engine *e, const uint8_t *msg, size_t len)
{
	struct event ev = {.kind = EV_HEALTH};

	if (ipc_decode_health(msg, len, &ev.health))
		engine_step(e, &ev);
}

static void
on_message(void *arg, enum proc from, const uint8_t *msg, size_t len, int fd)
{
	struct engine *e = arg;

	(void)from;
	e->now = loop_now();
	switch (ipc_type(msg, len)) {
	case IPC_HA_CONF:
		take_conf(e, msg, len);
		break;
	case IPC_ADDRESSES:
		ipc_decode_addresses(msg, len, &e->addresses);
		break;
	case IPC_COMMAND:
		take_command(e, msg, len);
		break;
	case IPC_SYNC_REPORT:
		take_report(e, msg, len);
		break;
	case IPC_HEALTH:
		take_health(e, msg, len);
		break;
	case IPC_OPENED:
		engine_take_opened(e, msg, len, fd);
		return;
	case IPC_LINKS:
		engine_take_links(e, msg, len, fd);
		return;
	}
	if (fd >= 0)
		close(fd); /* nobody was to send us one */
}

static void
on_link(void *arg, enum proc who)
{
	if (who == PROC_STATESYNC)
		engine_tell_sync(arg);
}

static void
on_stop(void *arg)
{
	struct engine *e = arg;
	struct event stop = {.kind = EV_STOP};

	e->now = loop_now();
	engine_step(e, &stop);
}

/* After each round: time, in the order that the core asks for: frames first, then the tick. */
static void
after_round(void *arg, struct instant now)
{
	struct engine *e = arg;
	struct event tick = {.kind = EV_TICK};
	struct instant deadline;

	e->now = now;
	engine_wire_window(e);
	engine_wire_read(e, false);
	if (instant_reached(e->now, node_deadline(e->node))) {
		engine_wire_read(e, true);
		e->now = loop_now();
		if (gate_position(e->gate, e->now) == GATE_DRAINING) {
			struct event ev = {
				.kind = EV_GATE, .last_unicast = gate_last_unicast(e->gate)};

			engine_step(e, &ev);
		}
		engine_step(e, &tick);
	}
	engine_ask_again(e);
	if (e->announcing)
		engine_announce_more(e);
	if (e->sync_part_pending)
		engine_tell_sync(e);
	engine_publish(e, e->exiting);
	if (e->exiting) {
		uint8_t msg[16];

		child_send(&e->links, PROC_SUPERVISOR, msg,
			ipc_encode_plain(IPC_STOPPED, msg, sizeof(msg)));
		loop_stop(&e->loop, 0);
		return;
	}
	deadline =
		instant_min(node_deadline(e->node), instant_add(e->published, ENGINE_PUBLISH_NS));
	if (e->announcing)
		deadline = e->now;
	loop_timer(&e->loop, &e->timer, deadline);
}

static void
on_timer(struct loop_timer *t, struct instant now)
{
	(void)t; /* what is due is done in after_round() */
	(void)now;
}

/* Receives IPC_SETUP: the gate and the status page. 0 or -errno. */
static int
receive_setup(struct engine *e)
{
	int fds[SETUP_ENGINE_N], r = child_setup(fds, SETUP_ENGINE_N);

	if (r < 0)
		return r;
	r = gate_map(fds[SETUP_ENGINE_GATE_MAP], &e->gate);
	if (r < 0)
		return r;
	gate_close(e->gate); /* whatever an earlier engine left */
	e->page = mmap(NULL, sizeof(*e->page), PROT_READ | PROT_WRITE, MAP_SHARED,
		fds[SETUP_ENGINE_PAGE], 0);
	if (e->page == MAP_FAILED) {
		e->page = NULL;
		return -errno;
	}
	atomic_store(&e->page->open_until, 0);
	engine_gate_closed(e);
	close(fds[SETUP_ENGINE_GATE_MAP]);
	close(fds[SETUP_ENGINE_PAGE]);
	return 0;
}

static void
note_self(struct engine *e, enum note_id id, int error)
{
	struct note n = {.id = id, .at = e->now, .arg = {PROC_ENGINE, error}};

	notering_put(&e->page->notes, &n);
}

static void
confine(struct engine *e)
{
	int r = sandbox_realtime(ENGINE_PRIORITY);

	if (r < 0)
		note_self(e, NOTE_NO_REALTIME, -r);
	r = sandbox_caps();
	if (r < 0)
		note_self(e, NOTE_NO_CONFINEMENT, -r);
	r = sandbox_syscalls(SANDBOX_ENGINE);
	if (r < 0)
		note_self(e, NOTE_NO_CONFINEMENT, -r);
}

int
engine_main(const struct daemon_opts *o)
{
	static const struct child_calls calls = {on_message, on_link, on_stop};
	static struct engine engine; /* large, and locked into memory with the rest */
	struct node_seed seed = {.warm = o->warm};
	struct engine *e = &engine;
	int r;

	e->sync_part.part = SYNC_STANDBY;
	e->node = aligned_alloc(16, (node_size() + 15) & ~(size_t)15);
	if (sodium_init() < 0 || !e->node)
		return 1;
	randombytes_buf(seed.random, sizeof(seed.random));
	node_init(e->node, &seed);
	sodium_memzero(&seed, sizeof(seed));
	engine_wire_init(e);
	r = receive_setup(e);
	if (!r)
		r = loop_init(&e->loop);
	if (!r) {
		e->announce_fd = announce_open();
		r = e->announce_fd < 0 ? e->announce_fd : 0;
	}
	if (!r)
		r = child_open(&e->links, &e->loop, &calls, e);
	if (r < 0) {
		child_unable(e->page ? &e->page->notes : NULL, PROC_ENGINE, -r);
		return 1;
	}
	e->timer.fn = on_timer;
	e->loop.after = after_round;
	e->loop.after_arg = e;
	e->now = e->published = loop_now();
	confine(e);
	loop_timer(&e->loop, &e->timer, e->now);
	r = loop_run(&e->loop);
	gate_close(e->gate);
	return r < 0 ? 1 : r;
}
