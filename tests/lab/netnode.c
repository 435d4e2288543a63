/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's side of a node without the rest of it: loads the gate, makes a network plan from a
 * few words and applies it, stores into the gate. For test_gate.py and test_netapply.py, through
 * netnode.py. Reads one command a line, answers with lines and a final ".".
 *
 *   iface NAME INDEX MASTERDEV SLAVEDEV sync|data SHARED,…|- PRIV4M,PRIV4S|- PRIV6M,PRIV6S|- [MTU]
 *   route IFACE NETWORK GATEWAY|- METRIC
 *   clear                 forget interfaces and routes
 *   run / remove          apply the plan, take it away: "changes N", "problem IFACE: TEXT", "result
 * R" open MS / open ever / drain MS / close / renew MS EVERY_MS FOR_MS words position, counters and
 * age of the last unicast frame watch MS              link events for so long newgate load the gate
 * afresh, as a restarted supervisor does
 */
#include <cap-ng.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>
#include "core/netplan/netplan.h"
#include "sys/gate.h"
#include "sys/linkwatch.h"
#include "sys/netapply.h"

#define IFACES IFACES_MAX
#define ROUTES 16
#define SHARED 8

static struct conf_iface ifaces[IFACES];
static struct conf_route routes[ROUTES];
static struct ip_prefix shared[IFACES][SHARED];
static struct conf_model model = {.ifaces = ifaces, .routes = routes};
static struct gate_fds gate;
static volatile struct gate_words *words;
static struct netapply net;
static struct arena strings;

static struct instant
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (struct instant){ts.tv_sec * NS_PER_S + ts.tv_nsec};
}

static void
die(const char *what, int r)
{
	printf("error %s: %s\n.\n", what, strerror(-r));
	exit(1);
}

static struct ip_prefix
prefix_of(const char *s)
{
	struct ip_prefix p;

	if (!ip_prefix_parse(s, strlen(s), &p))
		die(s, -EINVAL);
	return p;
}

/* "a,b" for master and slave; false for "-" */
static bool
pair_of(char *s, struct ip_prefix out[2])
{
	char *comma = s ? strchr(s, ',') : NULL;

	if (!comma)
		return false;
	*comma = '\0';
	out[0] = prefix_of(s);
	out[1] = prefix_of(comma + 1);
	return true;
}

static void
cmd_iface(char **w)
{
	struct conf_iface *i = &ifaces[model.n_ifaces];
	char *save, *one;

	*i = (struct conf_iface){.name = arena_strdup(&strings, w[1]),
		.index = (uint16_t)atoi(w[2]),
		.shared = shared[model.n_ifaces],
		.dev = {arena_strdup(&strings, w[3]), arena_strdup(&strings, w[4])},
		.sync = strcmp(w[5], "sync") == 0,
		.heartbeats = true,
		.weight = 100};
	for (one = strtok_r(w[6], ",", &save); one && one[0] != '-' && i->n_shared < SHARED;
		one = strtok_r(NULL, ",", &save))
		shared[model.n_ifaces][i->n_shared++] = prefix_of(one);
	i->has_private4 = pair_of(w[7], i->private4);
	i->has_private6 = pair_of(w[8], i->private6);
	i->mtu = w[9] ? (uint32_t)atoi(w[9]) : 0;
	model.n_ifaces++;
}

static void
cmd_route(char **w)
{
	struct conf_route *r = &routes[model.n_routes];

	*r = (struct conf_route){.name = "r",
		.iface = conf_iface_by_name(&model, w[1]),
		.net = prefix_of(w[2]),
		.metric = (uint32_t)atoi(w[4])};
	if (w[3][0] != '-' && !ip_parse(w[3], strlen(w[3]), &r->gateway))
		die(w[3], -EINVAL);
	if (!r->iface)
		die(w[1], -ENODEV);
	model.n_routes++;
}

static void
cmd_apply(bool away)
{
	struct arena a = ARENA_INIT;
	struct netapply_report rep = {.arena = &a};
	struct instant t0 = now();
	int r = away ? netapply_remove(&net, &rep)
		     : netapply_run(&net, netplan_make(&a, &model, model.ha.node_type), &rep);

	for (size_t i = 0; i < rep.n_problems; i++)
		printf("problem %s: %s\n", rep.problems[i].iface, rep.problems[i].text);
	printf("changes %u\nmicroseconds %lld\nresult %d\n", rep.changes,
		(long long)instant_sub(now(), t0) / NS_PER_US, r);
	arena_free(&a);
}

static void
cmd_gate(const char *cmd, char **w)
{
	struct instant t = now();
	int64_t ns = w[1] ? atoll(w[1]) * NS_PER_MS : 0;

	if (strcmp(cmd, "close") == 0)
		gate_close(words);
	else if (strcmp(cmd, "drain") == 0)
		gate_store(words, instant_add(t, 3600 * NS_PER_S), instant_add(t, ns));
	else if (strcmp(w[1], "ever") == 0)
		gate_store(words, INSTANT_NEVER, INSTANT_ZERO);
	else
		gate_store(words, instant_add(t, ns), INSTANT_ZERO);
}

static void
cmd_renew(char **w)
{
	struct instant end = instant_add(now(), atoll(w[3]) * NS_PER_MS);

	while (instant_before(now(), end)) {
		gate_store(words, instant_add(now(), atoll(w[1]) * NS_PER_MS), INSTANT_ZERO);
		usleep((useconds_t)atoi(w[2]) * 1000);
	}
}

static void
cmd_words(void)
{
	static const char *const names[] = {
		[GATE_CLOSED] = "closed", [GATE_OPEN] = "open", [GATE_DRAINING] = "draining"};
	struct instant t = now(), last = gate_last_unicast(words);

	printf("position %s\nshot_in %llu\nshot_out %llu\ndrained_out %llu\ndrain_lost %llu\n",
		names[gate_position(words, t)], words->shot_in, words->shot_out, words->drained_out,
		words->drain_lost);
	printf("last_unicast_us %lld\n",
		last.ns ? (long long)(instant_sub(t, last) / NS_PER_US) : -1LL);
}

static void
print_event(void *ctx, const struct link_event *ev)
{
	static const char *const names[] = {[LINK_CHANGED] = "changed",
		[LINK_GONE] = "gone",
		[LINK_DUMP_BEGINS] = "begins",
		[LINK_DUMP_ENDS] = "ends"};

	printf("event %s %d %s up=%d carrier=%d mtu=%u\n", names[ev->kind], ev->ifindex,
		ev->name[0] ? ev->name : "-", ev->up, ev->carrier, ev->mtu);
	fflush(ctx);
}

static void
cmd_watch(char **w)
{
	static struct linkwatch lw;
	struct instant end = instant_add(now(), atoll(w[1]) * NS_PER_MS);
	int r = linkwatch_open(&lw);

	while (r == 0 && instant_before(now(), end)) {
		struct pollfd p = {.fd = lw.fd, .events = POLLIN};

		if (poll(&p, 1, (int)(instant_sub(end, now()) / NS_PER_MS) + 1) > 0)
			r = linkwatch_read(&lw, print_event, stdout);
	}
	linkwatch_close(&lw);
	if (r < 0)
		die("watch", r);
}

static void
load_gate(void)
{
	char err[400];
	int r = gate_load(&gate, err, sizeof(err));

	if (r == 0)
		r = gate_map(gate.map, &words);
	else
		fprintf(stderr, "%s\n", err);
	if (r < 0)
		die("gate", r);
	net.prog_in = gate.prog_in;
	net.prog_out = gate.prog_out;
	net.ports_fd = gate.ports;
}

static void
cmd_drop(void)
{
	capng_clear(CAPNG_SELECT_BOTH);
	capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_ADMIN, CAP_NET_RAW, -1);
	if (capng_apply(CAPNG_SELECT_BOTH) != 0)
		die("drop", -EPERM);
}

static void
command(char **w, unsigned n)
{
	if (strcmp(w[0], "iface") == 0 && n >= 9 && model.n_ifaces < IFACES)
		cmd_iface(w);
	else if (strcmp(w[0], "route") == 0 && n == 5 && model.n_routes < ROUTES)
		cmd_route(w);
	else if (strcmp(w[0], "clear") == 0)
		model.n_ifaces = model.n_routes = 0;
	else if (strcmp(w[0], "run") == 0 || strcmp(w[0], "remove") == 0)
		cmd_apply(w[0][1] == 'e');
	else if (strcmp(w[0], "close") == 0 ||
		 (n == 2 && (strcmp(w[0], "open") == 0 || strcmp(w[0], "drain") == 0)))
		cmd_gate(w[0], w);
	else if (strcmp(w[0], "renew") == 0 && n == 4)
		cmd_renew(w);
	else if (strcmp(w[0], "words") == 0)
		cmd_words();
	else if (strcmp(w[0], "watch") == 0 && n == 2)
		cmd_watch(w);
	else if (strcmp(w[0], "drop") == 0)
		cmd_drop();
	else if (strcmp(w[0], "nogate") == 0)
		net.prog_in = net.prog_out = gate.map;
	else if (strcmp(w[0], "newgate") == 0)
		load_gate();
	else
		die(w[0], -EINVAL);
	puts(".");
}

/* netnode RUN_DIR master|slave CLUSTER_ID */
int
main(int argc, char **argv)
{
	char line[1024];
	int r;

	if (argc != 4)
		return 2;
	prctl(PR_SET_NAME, "netnode");
	setlinebuf(stdout);
	model.ha = (struct conf_ha){.enabled = true,
		.unique_shared_mac = true,
		.cluster_id = (uint16_t)atoi(argv[3]),
		.node_type = strcmp(argv[2], "slave") == 0 ? NODE_SLAVE : NODE_MASTER};
	r = netapply_open(&net, argv[1], -1, -1, -1);
	if (r < 0)
		die("netapply", r);
	load_gate();
	while (fgets(line, sizeof(line), stdin)) {
		char *w[12] = {0}, *save;
		unsigned n = 0;

		for (char *s = strtok_r(line, " \n", &save); s && n < 11;
			s = strtok_r(NULL, " \n", &save))
			w[n++] = s;
		if (n > 0)
			command(w, n);
	}
	netapply_close(&net);
	arena_free(&strings);
	return 0;
}
