/* SPDX-License-Identifier: GPL-2.0-or-later */
/* RTM_GETNEIGH dump (rtnetlink(7)). A socket of its own: it is asked for rarely. */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <time.h>
#include "sys/neighdump.h"

struct dump {
	struct arena *a;
	struct neigh_list *out;
};

static int
neigh_attr(const struct nlattr *attr, void *data)
{
	const struct nlattr **tb = data;

	if (mnl_attr_get_type(attr) <= NDA_MAX)
		tb[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

static bool
neigh_address(const struct nlattr *attr, uint8_t family, struct ip_addr *out)
{
	unsigned len = family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;

	if (!attr || !len || mnl_attr_get_payload_len(attr) != len)
		return false;
	out->family = len == 4 ? 4 : 6;
	memcpy(out->b, mnl_attr_get_payload(attr), len);
	return !ip_is_multicast(out);
}

/* ndm_updated is in clock ticks of user space: hundredths of a second, on every architecture. */
static void
neigh_age(const struct nlattr *attr, struct neigh *out)
{
	struct nda_cacheinfo ci;

	if (!attr || mnl_attr_get_payload_len(attr) < sizeof(ci))
		return;
	memcpy(&ci, mnl_attr_get_payload(attr), sizeof(ci));
	out->changed_ms = ci.ndm_updated < UINT32_MAX / 10 ? ci.ndm_updated * 10 : UINT32_MAX;
}

bool
neigh_parse(const struct nlmsghdr *nlh, struct neigh *out)
{
	const struct ndmsg *nd = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *tb[NDA_MAX + 1] = {0};

	*out = (struct neigh){0};
	if (nlh->nlmsg_type != RTM_NEWNEIGH || mnl_nlmsg_get_payload_len(nlh) < sizeof(*nd))
		return false;
	if (mnl_attr_parse(nlh, sizeof(*nd), neigh_attr, tb) < 0 ||
		!neigh_address(tb[NDA_DST], nd->ndm_family, &out->addr) ||
		!(nd->ndm_state & ~NUD_NOARP))
		return false;
	out->ifindex = nd->ndm_ifindex;
	out->state = nd->ndm_state;
	out->flags = nd->ndm_flags;
	if (tb[NDA_PROTOCOL] && mnl_attr_validate(tb[NDA_PROTOCOL], MNL_TYPE_U8) == 0)
		out->protocol = mnl_attr_get_u8(tb[NDA_PROTOCOL]);
	if (tb[NDA_LLADDR] && mnl_attr_get_payload_len(tb[NDA_LLADDR]) == sizeof(out->mac)) {
		out->has_mac = true;
		memcpy(out->mac, mnl_attr_get_payload(tb[NDA_LLADDR]), sizeof(out->mac));
	}
	neigh_age(tb[NDA_CACHEINFO], out);
	return true;
}

static int
neigh_message(const struct nlmsghdr *nlh, void *data)
{
	struct dump *d = data;
	struct neigh n;

	if (!neigh_parse(nlh, &n) || !if_indextoname((unsigned)n.ifindex, n.dev))
		return MNL_CB_OK;
	d->out->v = arena_grow(d->a, d->out->v, d->out->n, sizeof(n));
	d->out->v[d->out->n++] = n;
	return MNL_CB_OK;
}

static int
neigh_ask(struct mnl_socket *nl, unsigned seq)
{
	char buf[MNL_ALIGN(sizeof(struct nlmsghdr)) + MNL_ALIGN(sizeof(struct ndmsg))] = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = RTM_GETNEIGH;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = seq;
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct ndmsg)); /* AF_UNSPEC: both families */
	return mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0 ? -errno : 0;
}

int
neighdump(struct arena *a, struct neigh_list *out)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	struct dump d = {.a = a, .out = out};
	unsigned seq = (unsigned)time(NULL);
	char buf[32768];
	int r;

	*out = (struct neigh_list){0};
	if (!nl)
		return -errno;
	r = mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 ? -errno : neigh_ask(nl, seq);
	while (r == 0) {
		ssize_t n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		int more;

		if (n < 0) {
			r = -errno;
			break;
		}
		more = mnl_cb_run(
			buf, (size_t)n, seq, mnl_socket_get_portid(nl), neigh_message, &d);
		if (more < 0 &&
			errno != EINTR) /* EINTR: the table changed meanwhile; good enough */
			r = -errno;
		if (more <= 0)
			break;
	}
	mnl_socket_close(nl);
	return r;
}

const char *
neigh_state_name(uint16_t state)
{
	static const struct {
		uint16_t bit;
		const char *name;
	} names[] = {{NUD_PERMANENT, "permanent"}, {NUD_REACHABLE, "reachable"},
		{NUD_DELAY, "delay"}, {NUD_PROBE, "probe"}, {NUD_STALE, "stale"},
		{NUD_INCOMPLETE, "incomplete"}, {NUD_FAILED, "failed"}};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (state & names[i].bit)
			return names[i].name;
	return "none";
}
