/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Aggregates: recorded messages of the kernel through the real link watch into the table of
 * members, and the table alone where no kernel sends such things.
 */
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/prng.h"
#include "recorded-aggregate.h"
#include "sys/linkwatch.h"
#include "sys/rtnl.h"
#include "sys/teamwatch.h"

#define FAMILY 32 /* of the recordings */

struct world {
	struct aggregates a;
	struct linkwatch w;
	int out; /* the kernel's end of w.fd */
	int vlan_of[16];
	bool carrier[16];
	bool changed;
};

/* Hex → message in memory of exactly its size, so that the sanitizers see every byte too many. */
static struct nlmsghdr *
message(const char *hex)
{
	size_t len = strlen(hex) / 2;
	uint8_t *p = malloc(len);

	for (size_t i = 0; i < len; i++) {
		unsigned v;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &v), 1);
		p[i] = (uint8_t)v;
	}
	assert_int_equal(((struct nlmsghdr *)p)->nlmsg_len, len);
	return (struct nlmsghdr *)p;
}

static void
on_link(void *ctx, const struct link_event *ev)
{
	struct world *x = ctx;

	assert_in_range(ev->ifindex, 1, 15);
	x->vlan_of[ev->ifindex] = ev->vlan_of;
	x->carrier[ev->ifindex] = ev->carrier;
	if (ev->kind == LINK_GONE)
		x->changed = aggregates_gone(&x->a, ev->ifindex);
	else
		x->changed = aggregates_told(&x->a, &ev->aggregate);
}

static void
on_team(void *ctx, const struct team_event *ev)
{
	struct world *x = ctx;

	if (ev->kind == TEAM_PORT)
		x->changed |= aggregates_team_port(&x->a, ev->ifindex, ev->enabled);
	else
		x->changed |= aggregates_team(&x->a, ev->ifindex,
			strcmp(ev->mode, "loadbalance") == 0    ? AGGREGATE_LACP
			: strcmp(ev->mode, "activebackup") == 0 ? AGGREGATE_FAILOVER
								: AGGREGATE_OTHER);
}

static void
tell_as(struct world *x, const char *hex, uint16_t type)
{
	struct nlmsghdr *nlh = message(hex);

	nlh->nlmsg_type = type;
	assert_int_equal(send(x->out, nlh, nlh->nlmsg_len, 0), nlh->nlmsg_len);
	x->changed = false;
	assert_int_equal(linkwatch_read(&x->w, on_link, x), 0);
	free(nlh);
}

static void
tell(struct world *x, const char *hex)
{
	tell_as(x, hex, RTM_NEWLINK);
}

static void
tell_team(struct world *x, const char *hex)
{
	struct nlmsghdr *nlh = message(hex);

	x->changed = false;
	assert_true(teamwatch_parse(nlh, FAMILY, on_team, x));
	free(nlh);
}

/* "2/2": what a port whose device is `ifindex` is told when the flags are as given. */
static const char *
count(const struct world *x, int ifindex, bool lacp, bool failover)
{
	static char text[4][16];
	static unsigned n;
	struct aggregate_count c =
		aggregates_count(&x->a, ifindex, x->vlan_of[ifindex], lacp, failover);

	n = (n + 1) % 4;
	snprintf(text[n], sizeof(text[n]), "%u/%u", c.up, c.members);
	return text[n];
}

static int
setup(void **state)
{
	struct world *x = calloc(1, sizeof(*x));
	int fd[2];

	if (!x || socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fd) < 0)
		return -1;
	x->w.fd = fd[0];
	x->out = fd[1];
	*state = x;
	return 0;
}

static int
teardown(void **state)
{
	struct world *x = *state;

	close(x->w.fd);
	close(x->out);
	free(x);
	return 0;
}

/* S151, S153: each member of an LACP bond weighs, if so wanted; S150: otherwise the bond's carrier
 * alone counts. */
static void
test_lacp_bond(void **state)
{
	struct world *x = *state;

	tell(x, LACP_M1);
	tell(x, LACP_M2);
	tell(x, LACP_BOND);
	assert_true(x->changed && x->carrier[4]);
	assert_string_equal(count(x, 4, true, false), "2/2");
	assert_string_equal(count(x, 4, false, false), "0/0");
	assert_string_equal(count(x, 4, false, true), "0/0"); /* the other property */
	assert_string_equal(count(x, 2, true, true), "0/0");  /* a member is no aggregate */
	tell(x, LACP_M2);
	assert_false(x->changed);

	tell(x, LACP_M2_DOWN);
	assert_true(x->changed);
	assert_string_equal(count(x, 4, true, false), "1/2");
	tell(x, LACP_M2);
	assert_string_equal(count(x, 4, true, false), "2/2");

	tell(x, LACP_M2_DOWN);
	tell(x, LACP_M1_DOWN);
	assert_string_equal(count(x, 4, true, false), "0/2");
	tell(x, LACP_BOND_DOWN);
	assert_false(x->carrier[4]);
	assert_string_equal(count(x, 4, true, false), "0/2");
}

/* Carrier is not enough: the bond must be using the member. */
static void
test_outside_the_aggregator(void **state)
{
	struct world *x = *state;

	tell(x, LACP_BOND);
	tell(x, LACP_M1);
	tell(x, LACP_M2);
	tell(x, LACP_M2_OUT);
	assert_true(x->changed && x->carrier[3]);
	assert_string_equal(count(x, 4, true, false), "1/2");
}

static void
test_vlan_on_a_bond(void **state)
{
	struct world *x = *state;

	tell(x, LACP_BOND);
	tell(x, LACP_VLAN);
	tell(x, LACP_M1);
	tell(x, LACP_M2_DOWN);
	assert_int_equal(x->vlan_of[5], 4);
	assert_string_equal(count(x, 5, true, false), "1/2");
}

/* S154. The member that waits is as good as the one in use. */
static void
test_active_backup_bond(void **state)
{
	struct world *x = *state;

	tell(x, BACKUP_M1);
	tell(x, BACKUP_M2);
	tell(x, BACKUP_BOND);
	assert_string_equal(count(x, 6, false, true), "2/2");
	assert_string_equal(count(x, 6, true, false), "0/0");
	tell(x, BACKUP_M1_DOWN);
	assert_string_equal(count(x, 6, false, true), "1/2");
}

static void
test_members_come_and_go(void **state)
{
	struct world *x = *state;

	tell(x, LACP_BOND);
	assert_string_equal(count(x, 4, true, false), "0/0");
	tell(x, LACP_M1);
	tell(x, LACP_M2);
	tell_as(x, LACP_M2, RTM_DELLINK);
	assert_true(x->changed);
	assert_string_equal(count(x, 4, true, false), "1/1");
	/* in another aggregate now */
	tell(x, BACKUP_BOND);
	tell(x, BACKUP_M1);
	assert_string_equal(count(x, 4, true, true), "0/0");
	assert_string_equal(count(x, 6, true, true), "1/1");
	tell_as(x, BACKUP_BOND, RTM_DELLINK);
	assert_string_equal(count(x, 6, true, true), "0/0");
}

static void
test_lacp_team(void **state)
{
	struct world *x = *state;

	tell(x, TEAM_M1);
	tell(x, TEAM_M2);
	tell(x, TEAM);
	assert_string_equal(count(x, 4, true, true), "0/0"); /* the mode is not known yet */
	tell_team(x, TEAM_MODE_CHANGED);
	assert_true(x->changed);
	assert_string_equal(count(x, 4, true, false), "2/2");
	assert_string_equal(count(x, 4, false, true), "0/0");
	tell_team(x, TEAM_PORT_OFF);
	assert_string_equal(count(x, 4, true, false), "1/2");
	tell(x, TEAM_M2); /* news of the port, and of the team, change nothing of that */
	tell(x, TEAM);
	assert_string_equal(count(x, 4, true, false), "1/2");
	assert_true(aggregates_team_port(&x->a, 3, true));
	assert_string_equal(count(x, 4, true, false), "2/2");
	tell_team(x, TEAM_OPTIONS_END);
	assert_string_equal(count(x, 4, true, false), "1/2");
	assert_true(aggregates_team_port(&x->a, 3, true));
	tell(x, TEAM_M2_DOWN);
	assert_string_equal(count(x, 4, true, false), "1/2");
}

/* Of a redundancy team every port but the one in use is switched off. */
static void
test_backup_team(void **state)
{
	struct world *x = *state;
	struct aggregate_link team = {.ifindex = 5, .kind = AGGREGATE_OTHER, .team = true},
			      port = {.ifindex = 2, .master = 5, .of_team = true, .up = true};

	aggregates_told(&x->a, &team);
	aggregates_told(&x->a, &port);
	port.ifindex = 3;
	aggregates_told(&x->a, &port);
	tell_team(x, TEAM_OPTIONS_BACKUP);
	assert_true(x->changed);
	assert_string_equal(count(x, 5, false, true), "2/2");
	port.up = false;
	aggregates_told(&x->a, &port);
	assert_string_equal(count(x, 5, false, true), "1/2");
}

/* What a dump does not tell is gone; a full table leaves out, and recovers. */
static void
test_table(void **state)
{
	struct world *x = *state;
	struct aggregate_link bond = {.ifindex = 1, .kind = AGGREGATE_LACP},
			      m = {.master = 1, .up = true};

	assert_true(aggregates_told(&x->a, &bond));
	for (int i = 2; i < AGGREGATE_LINKS_MAX + 1; i++) {
		m.ifindex = i;
		assert_true(aggregates_told(&x->a, &m));
	}
	m.ifindex = 5000;
	assert_false(aggregates_told(&x->a, &m));
	assert_string_equal(count(x, 1, true, false), "255/255");
	aggregates_dump_begins(&x->a);
	aggregates_told(&x->a, &bond);
	m.ifindex = 2;
	aggregates_told(&x->a, &m);
	assert_true(aggregates_dump_ends(&x->a));
	assert_string_equal(count(x, 1, true, false), "1/1");
	aggregates_dump_begins(&x->a);
	aggregates_told(&x->a, &bond);
	aggregates_told(&x->a, &m);
	assert_false(aggregates_dump_ends(&x->a));
	m.ifindex = 5000;
	assert_true(aggregates_told(&x->a, &m));
	assert_string_equal(count(x, 1, true, false), "2/2");
	assert_false(aggregates_gone(&x->a, 77));
	assert_false(aggregates_team(&x->a, 1, AGGREGATE_FAILOVER)); /* a bond is no team */
}

static void
ignore_team(void *ctx, const struct team_event *ev)
{
	(void)ctx;
	assert_true(ev->ifindex > 0);
	assert_in_range(strlen(ev->mode), 0, sizeof(ev->mode) - 1);
}

/* Cut short at every length, and with bytes changed: never read outside the message. */
static void
test_damage(void **state)
{
	static const char *const all[] = {TEAM_MODE_CHANGED, TEAM_PORT_OFF, TEAM_OPTIONS_BACKUP,
		LACP_M1, LACP_BOND, BACKUP_M2, TEAM_M1};
	struct prng rng = {1};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct nlmsghdr *whole = message(all[i]);
		uint32_t len = whole->nlmsg_len;
		struct rtnl_link l;

		for (uint32_t n = sizeof(*whole); n <= len + 3000; n++) {
			struct nlmsghdr *bad = malloc(n < len ? n : len);

			memcpy(bad, whole, n < len ? n : len);
			bad->nlmsg_len = n < len ? n : len;
			for (int64_t c = n < len ? 0 : prng_range(&rng, 1, 4); c > 0; c--)
				((uint8_t *)bad)[prng_range(&rng, sizeof(*bad), len - 1)] =
					(uint8_t)prng_u64(&rng);
			teamwatch_parse(bad, FAMILY, ignore_team, NULL);
			rtnl_parse_link(bad, &l);
			free(bad);
		}
		free(whole);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lacp_bond, setup, teardown),
		cmocka_unit_test_setup_teardown(test_outside_the_aggregator, setup, teardown),
		cmocka_unit_test_setup_teardown(test_vlan_on_a_bond, setup, teardown),
		cmocka_unit_test_setup_teardown(test_active_backup_bond, setup, teardown),
		cmocka_unit_test_setup_teardown(test_members_come_and_go, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lacp_team, setup, teardown),
		cmocka_unit_test_setup_teardown(test_backup_team, setup, teardown),
		cmocka_unit_test_setup_teardown(test_table, setup, teardown),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
