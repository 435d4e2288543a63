/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeps the kernel as the configuration says. Order: the rules first, so that nothing can pass
 * unfiltered when the addresses come; then links, addresses and routes behind their closed gates;
 * the engine hears of it last. Level-triggered: every link event leads to another run, which
 * changes nothing when everything is in place.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "daemon/config/config.h"
#include "sys/nft.h"

#define COALESCE_NS   (50 * NS_PER_MS) /* link events that come together make one run */
#define RETRY_NS      (2 * NS_PER_S)   /* after a failure that no link event may end */
#define PERIOD_NS     (5 * NS_PER_S)   /* what others change makes no link event */
#define TOLD_AGAIN_NS (10 * NS_PER_S)

static void
apply_later(struct config *c, int64_t delay_ns)
{
	struct instant at = instant_add(loop_now(), delay_ns);

	if (!c->apply.timer.armed || instant_before(at, c->apply.timer.at))
		loop_timer(&c->loop, &c->apply.timer, at);
}

/* 0 or -errno; a failure is logged once until its text changes. */
static int
apply_rules(struct config *c)
{
	struct apply *ap = &c->apply;
	char err[sizeof(ap->rules_error)] = "";
	int r;

	if (ap->rules_loaded)
		return 0;
	r = nft_apply(c->rev.ruleset, err, sizeof(err));
	if (r == 0) {
		nftwatch_forget(&ap->rules_watch); /* that was us */
		ap->rules_loaded = true;
		ap->rules_error[0] = '\0';
		return 0;
	}
	if (!err[0])
		snprintf(err, sizeof(err), "%s", strerror(-r));
	if (strcmp(err, ap->rules_error) != 0)
		eventlog_add(&c->log, NOTE_RULES_FAILED, ARG(err));
	memcpy(ap->rules_error, err, sizeof(err));
	return r;
}

static bool
report_has(const struct netapply_report *rep, const struct netapply_problem *p)
{
	for (size_t i = 0; i < rep->n_problems; i++)
		if (strcmp(rep->problems[i].iface, p->iface) == 0 &&
			strcmp(rep->problems[i].text, p->text) == 0)
			return true;
	return false;
}

/* Says what is in `now` and was not in `before`; a missing NIC is an event of the engine. */
static void
report_log(struct config *c, enum note_id id, const struct netapply_report *now,
	const struct netapply_report *before)
{
	for (size_t i = 0; i < now->n_problems; i++) {
		const struct netapply_problem *p = &now->problems[i];
		char text[NOTE_LINE_MAX];

		snprintf(text, sizeof(text), "%s%s%s", p->iface, p->iface[0] ? ": " : "", p->text);
		if (!p->missing && !report_has(before, p))
			eventlog_add(&c->log, id, ARG(text));
	}
}

/* Links, addresses, routes. 0, 1 (problems are left), or -errno. */
static int
apply_net(struct config *c)
{
	struct apply *ap = &c->apply;
	struct arena arena = ARENA_INIT, old = ap->arena;
	struct netapply_report rep = {.arena = &arena};
	int r = netapply_run(&ap->net, c->rev.plan, &rep);

	report_log(c, NOTE_NET_PROBLEM, &rep, &ap->report);
	report_log(c, NOTE_NET_PROBLEM_OVER, &ap->report, &rep);
	if (r < 0 && rep.n_problems == 0)
		eventlog_add(&c->log, NOTE_NET_FAILED, ARG(strerror(-r)));
	if (rep.changes)
		eventlog_add(&c->log, NOTE_NET_CHANGED, ARG(rep.changes));
	herald_fresh(c, &rep);
	ap->arena = arena;
	ap->report = rep;
	ap->report.arena = &ap->arena;
	arena_free(&old);
	return r;
}

/*
 * A problem that stays can make each run change something in vain, and the link events of that lead
 * to the next run: these wait longer each time, until things have been quiet for a while.
 */
static void
apply_settle(struct config *c, int result)
{
	struct apply *ap = &c->apply;
	struct instant now = loop_now();

	if (result == 0 || instant_sub(now, ap->changed_at) > 2 * PERIOD_NS)
		ap->pause_ns = COALESCE_NS;
	if (result == 0 || ap->report.changes == 0)
		return;
	ap->changed_at = now;
	ap->pause_ns = ap->pause_ns * 2 < PERIOD_NS ? ap->pause_ns * 2 : PERIOD_NS;
}

static void
apply_run(struct config *c)
{
	int r = apply_rules(c);

	if (r == 0)
		r = apply_net(c);
	if (r < 0) {
		apply_later(c, RETRY_NS);
		return;
	}
	apply_settle(c, r);
	apply_later(c, PERIOD_NS);
	if (!c->in_force)
		config_in_force(c);
}

static void
apply_timer(struct loop_timer *t, struct instant now)
{
	(void)now;
	apply_run(t->arg);
}

static void
apply_link_event(void *arg, const struct link_event *ev)
{
	struct config *c = arg;

	(void)ev; /* whatever changed, a run looks at everything */
	apply_later(c, c->apply.pause_ns);
}

/* Whoever flushes the ruleset leaves a firewall that lets everything pass: load it at once. */
static void
apply_rules_ready(struct loop_fd *f, uint32_t events)
{
	struct config *c = f->arg;
	struct apply *ap = &c->apply;
	struct instant now = loop_now();
	int r = nftwatch_read(&ap->rules_watch);

	(void)events;
	if (r < 0) {
		loop_del_fd(&c->loop, f);
		nftwatch_close(&ap->rules_watch);
		eventlog_add(
			&c->log, NOTE_KERNEL_DEAF, ARG("changes of the rules"), ARG(strerror(-r)));
		return;
	}
	if (r == 0 || !ap->rules_loaded)
		return;
	if (instant_sub(now, ap->rules_told) > TOLD_AGAIN_NS)
		eventlog_add(&c->log, NOTE_RULES_CHANGED, ARG(ap->rules_watch.by));
	ap->rules_told = now;
	ap->rules_loaded = false;
	apply_run(c);
}

static int
apply_watch_rules(struct config *c)
{
	struct apply *ap = &c->apply;
	int r = nftwatch_open(&ap->rules_watch);

	if (r == 0)
		r = loop_add_fd(&c->loop, &ap->rules_fd, ap->rules_watch.fd, EPOLLIN);
	if (r < 0)
		eventlog_add(
			&c->log, NOTE_KERNEL_DEAF, ARG("changes of the rules"), ARG(strerror(-r)));
	return r;
}

static int
apply_watch(struct config *c)
{
	struct apply *ap = &c->apply;
	int r = linkwatch_open(&ap->watch);

	if (r == 0)
		r = loop_add_fd(&c->loop, &ap->watch_fd, ap->watch.fd, EPOLLIN);
	if (r < 0)
		eventlog_add(&c->log, NOTE_KERNEL_DEAF, ARG("link events"), ARG(strerror(-r)));
	return r;
}

static void
apply_watch_ready(struct loop_fd *f, uint32_t events)
{
	struct config *c = f->arg;

	(void)events;
	if (linkwatch_read(&c->apply.watch, apply_link_event, c) == 0)
		return;
	loop_del_fd(&c->loop, f);
	linkwatch_close(&c->apply.watch);
	apply_watch(c);
}

int
apply_open(struct config *c, const int *setup_fds)
{
	struct apply *ap = &c->apply;
	int r;

	memset(ap, 0, sizeof(*ap));
	ap->report.arena = &ap->arena;
	ap->pause_ns = COALESCE_NS;
	ap->watch_fd = (struct loop_fd){.fd = -1, .fn = apply_watch_ready, .arg = c};
	ap->rules_fd = (struct loop_fd){.fd = -1, .fn = apply_rules_ready, .arg = c};
	ap->rules_watch.fd = -1;
	ap->timer.fn = apply_timer;
	ap->timer.arg = c;
	r = netapply_open(&ap->net, c->opts->run, setup_fds[SETUP_CONFIG_GATE_IN],
		setup_fds[SETUP_CONFIG_GATE_OUT], setup_fds[SETUP_CONFIG_GATE_PORTS]);
	if (r < 0) {
		eventlog_add(&c->log, NOTE_CONFIG_FAILED, ARG("RUN/owned, or rtnetlink"),
			ARG(strerror(-r)));
		return r;
	}
	r = apply_watch_rules(c);
	return r < 0 ? r : apply_watch(c);
}

void
apply_start(struct config *c)
{
	apply_run(c);
}

static void
swap(struct revision *a, struct revision *b)
{
	struct revision x = *a;

	*a = *b;
	*b = x;
}

void
apply_force(struct config *c, struct revision *next)
{
	swap(&c->rev, next);
	c->apply.rules_loaded = c->in_force = false;
	apply_run(c);
}

int
apply_change(struct config *c, struct revision *next, char *why, size_t size)
{
	struct apply *ap = &c->apply;
	bool loaded = ap->rules_loaded;
	int r;

	swap(&c->rev, next);
	ap->rules_loaded = false;
	r = apply_rules(c);
	if (r < 0) { /* all or nothing: the old ones are still loaded */
		snprintf(why, size, "the rules cannot be loaded: %.200s", ap->rules_error);
		swap(&c->rev, next);
		ap->rules_loaded = loaded;
		return r;
	}
	r = apply_net(c);
	if (r < 0) {
		snprintf(why, size, "the kernel's network settings cannot be changed: %s",
			strerror(-r));
		apply_force(c, next);
		return r;
	}
	apply_later(c, PERIOD_NS);
	config_in_force(c);
	return 0;
}

void
apply_remove(struct config *c)
{
	struct arena arena = ARENA_INIT;
	struct netapply_report rep = {.arena = &arena};
	char err[256] = "";
	int r = netapply_remove(&c->apply.net, &rep);

	report_log(c, NOTE_CLEANUP_FAILED, &rep, &(struct netapply_report){0});
	if (r < 0)
		eventlog_add(&c->log, NOTE_CLEANUP_FAILED, ARG("links and addresses stay"));
	arena_free(&arena);
	/* Last: whatever came in until now was filtered. */
	r = nft_delete_table(err, sizeof(err));
	if (r < 0)
		eventlog_add(&c->log, NOTE_CLEANUP_FAILED, ARG("the rules stay"));
	c->apply.rules_loaded = false;
}

void
apply_close(struct config *c)
{
	loop_timer_stop(&c->loop, &c->apply.timer);
	loop_del_fd(&c->loop, &c->apply.watch_fd);
	linkwatch_close(&c->apply.watch);
	loop_del_fd(&c->loop, &c->apply.rules_fd);
	nftwatch_close(&c->apply.rules_watch);
	netapply_close(&c->apply.net);
	arena_free(&c->apply.arena);
}
