/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tw-probe: start, confinement, messages, and the loop that keeps time. */
#include <errno.h>
#include <linux/capability.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "daemon/probe/probe.h"
#include "sys/announce.h"
#include "sys/ipcsock.h"
#include "sys/sandbox.h"

void
probe_note(struct probe *p, enum note_id id, int64_t a, int64_t b)
{
	struct note n = {.id = id, .at = loop_now(), .arg = {a, b}};

	notering_put(&p->page->notes, &n);
}

static void
send_health(struct probe *p)
{
	uint8_t msg[64];

	child_send(&p->links, PROC_ENGINE, msg,
		ipc_encode_health(&p->status.health, msg, sizeof(msg)));
	p->last = p->status.health;
}

void
probe_tell(struct probe *p, struct instant now)
{
	/* without a configuration nothing is known of monitors, and silence says that best */
	if (!p->configured)
		return;
	monitors_report(p, now);
	if (memcmp(&p->last, &p->status.health, sizeof(p->last)) != 0)
		p->stale = true;
	if (!p->stale && instant_sub(now, p->told) < PROBE_TELL_NS)
		return;
	send_health(p);
	p->status.now = p->told = now;
	p->stale = false;
	seqlock_write(&p->page->lock, &p->page->status, &p->status, sizeof(p->status));
}

static void
after_round(void *arg, struct instant now)
{
	struct probe *p = arg;

	if (p->configured)
		monitors_run(p, now);
	probe_tell(p, now);
	loop_timer(&p->loop, &p->timer,
		instant_min(monitors_deadline(p, now), instant_add(p->told, PROBE_TELL_NS)));
}

static void
on_timer(struct loop_timer *t, struct instant now)
{
	(void)t; /* what is due is done in after_round() */
	(void)now;
}

static void
take_conf(struct probe *p, const uint8_t *msg, size_t len, bool warm)
{
	static struct probe_conf conf;
	int r;

	if (!ipc_decode_probe_conf(msg, len, &conf))
		return;
	monitors_configure(p, &conf, warm);
	r = ipcsock_send(p->keeper.fd, msg, len, NULL, 0);
	if (r < 0)
		probe_note(p, NOTE_CANNOT_TELL, PROC_PROBE, -r);
}

static void
on_message(void *arg, enum proc from, const uint8_t *msg, size_t len, int fd)
{
	if (fd >= 0)
		close(fd); /* nobody sends us one */
	if (from == PROC_CONFIG && ipc_type(msg, len) == IPC_PROBE_CONF)
		take_conf(arg, msg, len, true);
}

static void
on_link(void *arg, enum proc who)
{
	struct probe *p = arg;

	if (who == PROC_ENGINE)
		p->stale = true;
}

static void
on_stop(void *arg)
{
	struct probe *p = arg;

	loop_stop(&p->loop, 0);
}

static void
on_keeper(struct loop_fd *f, uint32_t events)
{
	struct probe *p = f->arg;
	struct health_finding *to;
	struct finding found;
	uint8_t msg[512];
	int n = ipcsock_recv(f->fd, msg, sizeof(msg), NULL, NULL);

	(void)events;
	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		probe_note(p, NOTE_PROBE_FAILED, 0, 0); /* and so does this process */
		loop_stop(&p->loop, 1);
		return;
	}
	if (!ipc_decode_finding(msg, (size_t)n, &found))
		return;
	to = &p->status.parts[found.part];
	p->stale |= to->value != found.value || to->late != found.late ||
		    strcmp(to->text, found.text) != 0;
	*to = (struct health_finding){.value = found.value, .late = found.late, .at = loop_now()};
	memcpy(to->text, found.text, sizeof(to->text));
	p->status.health.value[found.part] = found.value;
}

static int
map_pages(struct probe *p, const int *fds)
{
	p->page = mmap(NULL, sizeof(*p->page), PROT_READ | PROT_WRITE, MAP_SHARED,
		fds[SETUP_PROBE_PAGE], 0);
	p->engine = mmap(
		NULL, sizeof(*p->engine), PROT_READ, MAP_SHARED, fds[SETUP_PROBE_ENGINE_PAGE], 0);
	close(fds[SETUP_PROBE_PAGE]);
	close(fds[SETUP_PROBE_ENGINE_PAGE]);
	if (p->page != MAP_FAILED && p->engine != MAP_FAILED)
		return 0;
	if (p->page == MAP_FAILED)
		p->page = NULL;
	return -errno;
}

/* What an earlier process left in the page, or nothing known. */
static void
remember(struct probe *p, bool warm)
{
	memset(&p->status, 0, sizeof(p->status));
	memset(p->status.health.value, HEALTH_UNKNOWN, sizeof(p->status.health.value));
	for (unsigned i = 0; i < _HEALTH_MAX; i++)
		p->status.parts[i].value = HEALTH_UNKNOWN;
	if (!warm || atomic_load(&p->page->lock.seq) == 0)
		return;
	/* it may have died in the middle of writing: then its copy is torn, and not used */
	seqlock_read(&p->page->lock, &p->page->status, &p->status, sizeof(p->status));
}

static int
prepare(struct probe *p, const struct daemon_opts *o)
{
	static const struct child_calls calls = {on_message, on_link, on_stop};
	int fds[SETUP_PROBE_N], keeper, r = sodium_init() < 0 ? -EIO : 0;

	if (!r)
		r = child_setup(fds, SETUP_PROBE_N);
	if (r < 0)
		return r;
	keeper = keeper_start(o->state); /* without the pages */
	r = map_pages(p, fds);
	if (!r)
		r = keeper < 0 ? keeper : loop_init(&p->loop);
	if (r < 0)
		return r;
	p->nic_fd = announce_open();
	if (p->nic_fd < 0)
		return p->nic_fd;
	remember(p, o->warm);
	randombytes_buf(p->cookie, sizeof(p->cookie));
	p->echo_id = (uint16_t)randombytes_random();
	p->timer.fn = on_timer;
	p->keeper.fn = on_keeper;
	p->keeper.arg = p;
	p->loop.after = after_round;
	p->loop.after_arg = p;
	r = loop_add_fd(&p->loop, &p->keeper, keeper, EPOLLIN);
	return r < 0 ? r : child_open(&p->links, &p->loop, &calls, p);
}

static void
confine(struct probe *p)
{
	static const int caps[] = {CAP_NET_RAW};
	int r = sandbox_caps_only(caps, 1);

	if (r < 0)
		probe_note(p, NOTE_NO_CONFINEMENT, PROC_PROBE, -r);
	r = sandbox_syscalls(SANDBOX_PROBE);
	if (r < 0)
		probe_note(p, NOTE_NO_CONFINEMENT, PROC_PROBE, -r);
}

int
probe_main(const struct daemon_opts *o)
{
	static struct probe probe;
	int r = prepare(&probe, o);

	if (r < 0) {
		child_unable(probe.page ? &probe.page->notes : NULL, PROC_PROBE, -r);
		return 1;
	}
	confine(&probe);
	loop_timer(&probe.loop, &probe.timer, loop_now());
	r = loop_run(&probe.loop);
	return r < 0 ? 1 : r;
}
