/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Decoders of rtnetlink and team messages: any bytes behind a netlink header whose length is right.
 */
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include "sys/rtnl.h"
#include "sys/teamwatch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
ignore_team(void *ctx, const struct team_event *ev)
{
	(void)ctx;
	(void)ev;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nlmsghdr *nlh;
	union {
		struct rtnl_link l;
		struct rtnl_addr a;
		struct rtnl_route t;
		struct rtnl_rule u;
	} out;

	if (size < sizeof(*nlh) || size > 65536)
		return 0;
	nlh = malloc(size);
	if (!nlh)
		return 0;
	memcpy(nlh, data, size);
	nlh->nlmsg_len = (uint32_t)size;
	rtnl_parse_link(nlh, &out.l);
	rtnl_parse_addr(nlh, &out.a);
	rtnl_parse_route(nlh, &out.t);
	rtnl_parse_rule(nlh, &out.u);
	teamwatch_parse(nlh, nlh->nlmsg_type, ignore_team, NULL);
	free(nlh);
	return 0;
}
