/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rtnetlink socket: requests, answers, dumps. Decoders: rtnl_parse.c. */
#include "sys/rtnl.h"
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define RECV_SIZE    65536 /* the kernel fills at most 32 KB at once */
#define REQUEST_SIZE 1024
#define DUMP_TRIES   8 /* a dump during which the table changed is repeated */

int
rtnl_open(struct rtnl *r)
{
	int on = 1, err;

	*r = (struct rtnl){.nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC)};
	if (!r->nl)
		return -errno;
	r->buf = malloc(RECV_SIZE);
	if (!r->buf || mnl_socket_bind(r->nl, 0, MNL_SOCKET_AUTOPID) < 0) {
		err = r->buf ? -errno : -ENOMEM;
		rtnl_close(r);
		return err;
	}
	r->portid = mnl_socket_get_portid(r->nl);
	/* reasons in words, short ones, and filters in dumps: all since 4.20 */
	mnl_socket_setsockopt(r->nl, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(r->nl, NETLINK_CAP_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(r->nl, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	return 0;
}

void
rtnl_close(struct rtnl *r)
{
	if (r->nl)
		mnl_socket_close(r->nl);
	free(r->buf);
	*r = (struct rtnl){0};
}

static struct nlmsghdr *
begin(struct rtnl *r, void *buf, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++r->seq;
	return nlh;
}

/* What the kernel says of its refusal, if it says anything. */
static const char *
refusal_text(const struct nlmsghdr *nlh)
{
	struct nlattr *attr;
	size_t skip = sizeof(struct nlmsgerr);

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED)) {
		const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

		if (e->msg.nlmsg_len < sizeof(struct nlmsghdr))
			return NULL;
		skip += e->msg.nlmsg_len - sizeof(struct nlmsghdr);
	}
	if (nlh->nlmsg_len < NLMSG_HDRLEN + NLMSG_ALIGN(skip))
		return NULL;
	mnl_attr_for_each (attr, nlh, skip) {
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
			mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
			return mnl_attr_get_str(attr);
	}
	return NULL;
}

static int
fail(struct rtnl *r, int err, const char *text)
{
	snprintf(r->error, sizeof(r->error), "%s%s%s", strerror(-err), text ? ": " : "",
		text ? text : "");
	return err;
}

/* Error code of an NLMSG_ERROR (0 = acknowledged) or NLMSG_DONE. */
static int
answer_code(struct rtnl *r, const struct nlmsghdr *nlh)
{
	const int *code = mnl_nlmsg_get_payload(nlh);
	size_t need = nlh->nlmsg_type == NLMSG_ERROR ? sizeof(struct nlmsgerr) : sizeof(int);

	if (nlh->nlmsg_len < NLMSG_HDRLEN + need)
		return nlh->nlmsg_type == NLMSG_DONE ? 0 : fail(r, -EBADMSG, NULL);
	if (*code >= 0)
		return 0;
	return fail(r, *code, nlh->nlmsg_type == NLMSG_ERROR ? refusal_text(nlh) : NULL);
}

typedef void (*message_cb)(void *ctx, const struct nlmsghdr *nlh);

/* Receives until the request r->seq is answered; each message in between goes to cb. Sets
 * *interrupted when the kernel marks the dump as inconsistent. */
static int
receive(struct rtnl *r, message_cb cb, void *ctx, bool *interrupted)
{
	for (;;) {
		ssize_t n = mnl_socket_recvfrom(r->nl, r->buf, RECV_SIZE);
		const struct nlmsghdr *nlh = (const void *)r->buf;
		int len = (int)n;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(r, -errno, "reading from netlink");
		for (; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len)) {
			if (nlh->nlmsg_seq != r->seq)
				continue; /* rest of something given up earlier */
			if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
				*interrupted = true;
			if (nlh->nlmsg_type == NLMSG_DONE || nlh->nlmsg_type == NLMSG_ERROR)
				return answer_code(r, nlh);
			if (cb)
				cb(ctx, nlh);
		}
	}
}

static int
send_request(struct rtnl *r, const struct nlmsghdr *nlh)
{
	if (mnl_socket_sendto(r->nl, nlh, nlh->nlmsg_len) < 0)
		return fail(r, -errno, "writing to netlink");
	return 0;
}

/* One change: 0 or the kernel's answer. */
static int
change(struct rtnl *r, struct nlmsghdr *nlh)
{
	bool interrupted;
	int err;

	nlh->nlmsg_flags |= NLM_F_ACK;
	err = send_request(r, nlh);
	return err < 0 ? err : receive(r, NULL, NULL, &interrupted);
}

/* One dump; on -EINTR (the table changed meanwhile) the caller starts afresh. */
static int
dump(struct rtnl *r, struct nlmsghdr *nlh, message_cb cb, void *ctx)
{
	bool interrupted = false;
	int err = send_request(r, nlh);

	if (err == 0)
		err = receive(r, cb, ctx, &interrupted);
	return err < 0 ? err : interrupted ? fail(r, -EINTR, "table changed while it was read") : 0;
}

#define COLLECTOR(what)                                                                            \
	struct what##_ctx {                                                                        \
		struct arena *arena;                                                               \
		struct rtnl_##what##s *out;                                                        \
	};                                                                                         \
	static void collect_##what(void *ctx, const struct nlmsghdr *nlh)                          \
	{                                                                                          \
		struct what##_ctx *c = ctx;                                                        \
		struct rtnl_##what one;                                                            \
                                                                                                   \
		if (!rtnl_parse_##what(nlh, &one))                                                 \
			return;                                                                    \
		c->out->v = arena_grow(c->arena, c->out->v, c->out->n, sizeof(one));               \
		c->out->v[c->out->n++] = one;                                                      \
	}

COLLECTOR(link)
COLLECTOR(addr)
COLLECTOR(route)
COLLECTOR(rule)

int
rtnl_dump_links(struct rtnl *r, struct arena *a, struct rtnl_links *out)
{
	struct link_ctx ctx = {a, out};
	int err = -EINTR;

	for (int i = 0; i < DUMP_TRIES && err == -EINTR; i++) {
		char buf[REQUEST_SIZE];
		struct nlmsghdr *nlh = begin(r, buf, RTM_GETLINK, NLM_F_DUMP);

		mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
		mnl_attr_put_u32(nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
		*out = (struct rtnl_links){0};
		err = dump(r, nlh, collect_link, &ctx);
	}
	return err;
}

int
rtnl_dump_addrs(struct rtnl *r, struct arena *a, struct rtnl_addrs *out)
{
	struct addr_ctx ctx = {a, out};
	int err = -EINTR;

	for (int i = 0; i < DUMP_TRIES && err == -EINTR; i++) {
		char buf[REQUEST_SIZE];
		struct nlmsghdr *nlh = begin(r, buf, RTM_GETADDR, NLM_F_DUMP);

		mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifaddrmsg));
		*out = (struct rtnl_addrs){0};
		err = dump(r, nlh, collect_addr, &ctx);
	}
	return err;
}

static const uint8_t families[] = {AF_INET, AF_INET6};

int
rtnl_dump_routes(struct rtnl *r, struct arena *a, uint8_t protocol, struct rtnl_routes *out)
{
	struct route_ctx ctx = {a, out};
	int err = -EINTR;

	for (int i = 0; i < DUMP_TRIES && err == -EINTR; i++) {
		*out = (struct rtnl_routes){0};
		err = 0;
		for (size_t k = 0; k < 2 && err == 0; k++) {
			char buf[REQUEST_SIZE];
			struct nlmsghdr *nlh = begin(r, buf, RTM_GETROUTE, NLM_F_DUMP);
			struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));

			rtm->rtm_family = families[k];
			rtm->rtm_protocol = protocol;
			err = dump(r, nlh, collect_route, &ctx);
		}
	}
	return err;
}

int
rtnl_dump_rules(struct rtnl *r, struct arena *a, struct rtnl_rules *out)
{
	struct rule_ctx ctx = {a, out};
	int err = -EINTR;

	for (int i = 0; i < DUMP_TRIES && err == -EINTR; i++) {
		*out = (struct rtnl_rules){0};
		err = 0;
		for (size_t k = 0; k < 2 && err == 0; k++) {
			char buf[REQUEST_SIZE];
			struct nlmsghdr *nlh = begin(r, buf, RTM_GETRULE, NLM_F_DUMP);
			struct fib_rule_hdr *frh = mnl_nlmsg_put_extra_header(nlh, sizeof(*frh));

			frh->family = families[k];
			err = dump(r, nlh, collect_rule, &ctx);
		}
	}
	return err;
}

const struct rtnl_link *
rtnl_link_by_name(const struct rtnl_links *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i].name, name) == 0)
			return &l->v[i];
	return NULL;
}

const struct rtnl_link *
rtnl_link_by_index(const struct rtnl_links *l, int ifindex)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].ifindex == ifindex)
			return &l->v[i];
	return NULL;
}

static struct nlmsghdr *
begin_link(struct rtnl *r, char *buf, uint16_t type, uint16_t flags, int ifindex,
	struct ifinfomsg **ifi)
{
	struct nlmsghdr *nlh = begin(r, buf, type, flags);

	*ifi = mnl_nlmsg_put_extra_header(nlh, sizeof(**ifi));
	(*ifi)->ifi_index = ifindex;
	return nlh;
}

int
rtnl_add_macvlan(struct rtnl *r, const char *name, int lower)
{
	char buf[REQUEST_SIZE];
	struct ifinfomsg *ifi;
	struct nlmsghdr *nlh = begin_link(r, buf, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0, &ifi);
	struct nlattr *info, *data;

	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	mnl_attr_put_u32(nlh, IFLA_LINK, (uint32_t)lower);
	info = mnl_attr_nest_start(nlh, IFLA_LINKINFO);
	mnl_attr_put_strz(nlh, IFLA_INFO_KIND, "macvlan");
	data = mnl_attr_nest_start(nlh, IFLA_INFO_DATA);
	mnl_attr_put_u32(nlh, IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE);
	mnl_attr_nest_end(nlh, data);
	mnl_attr_nest_end(nlh, info);
	return change(r, nlh);
}

int
rtnl_del_link(struct rtnl *r, int ifindex)
{
	char buf[REQUEST_SIZE];
	struct ifinfomsg *ifi;

	return change(r, begin_link(r, buf, RTM_DELLINK, 0, ifindex, &ifi));
}

int
rtnl_set_link_up(struct rtnl *r, int ifindex, bool up)
{
	char buf[REQUEST_SIZE];
	struct ifinfomsg *ifi;
	struct nlmsghdr *nlh = begin_link(r, buf, RTM_SETLINK, 0, ifindex, &ifi);

	ifi->ifi_change = IFF_UP;
	ifi->ifi_flags = up ? IFF_UP : 0;
	return change(r, nlh);
}

int
rtnl_set_link_mac(struct rtnl *r, int ifindex, const uint8_t mac[6])
{
	char buf[REQUEST_SIZE];
	struct ifinfomsg *ifi;
	struct nlmsghdr *nlh = begin_link(r, buf, RTM_SETLINK, 0, ifindex, &ifi);

	mnl_attr_put(nlh, IFLA_ADDRESS, 6, mac);
	return change(r, nlh);
}

int
rtnl_set_link_mtu(struct rtnl *r, int ifindex, uint32_t mtu)
{
	char buf[REQUEST_SIZE];
	struct ifinfomsg *ifi;
	struct nlmsghdr *nlh = begin_link(r, buf, RTM_SETLINK, 0, ifindex, &ifi);

	mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
	return change(r, nlh);
}

static uint8_t
kernel_family(uint8_t family)
{
	return family == 4 ? AF_INET : AF_INET6;
}

static void
put_address(struct nlmsghdr *nlh, uint16_t type, const struct ip_addr *a)
{
	mnl_attr_put(nlh, type, ip_bytes(a->family), a->b);
}

static int
change_addr(struct rtnl *r, uint16_t type, uint16_t flags, const struct rtnl_addr *a)
{
	char buf[REQUEST_SIZE];
	struct nlmsghdr *nlh = begin(r, buf, type, flags);
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));

	ifa->ifa_family = kernel_family(a->prefix.addr.family);
	ifa->ifa_prefixlen = a->prefix.len;
	ifa->ifa_index = (uint32_t)a->ifindex;
	put_address(nlh, IFA_LOCAL, &a->prefix.addr);
	put_address(nlh, IFA_ADDRESS, &a->prefix.addr);
	if (type == RTM_DELADDR)
		return change(r, nlh);
	if (a->prefix.addr.family == 4 && a->prefix.len < 31) {
		struct ip_addr brd = ip_prefix_broadcast(&a->prefix);

		put_address(nlh, IFA_BROADCAST, &brd);
	}
	if (a->flags)
		mnl_attr_put_u32(nlh, IFA_FLAGS, a->flags);
	if (a->proto)
		mnl_attr_put_u8(nlh, IFA_PROTO, a->proto);
	return change(r, nlh);
}

int
rtnl_add_addr(struct rtnl *r, const struct rtnl_addr *a)
{
	return change_addr(r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, a);
}

int
rtnl_del_addr(struct rtnl *r, const struct rtnl_addr *a)
{
	return change_addr(r, RTM_DELADDR, 0, a);
}

static int
change_route(struct rtnl *r, uint16_t type, uint16_t flags, const struct rtnl_route *t)
{
	char buf[REQUEST_SIZE];
	struct nlmsghdr *nlh = begin(r, buf, type, flags);
	struct rtmsg *rtm = mnl_nlmsg_put_extra_header(nlh, sizeof(*rtm));

	rtm->rtm_family = kernel_family(t->net.addr.family);
	rtm->rtm_dst_len = t->net.len;
	rtm->rtm_table = t->table < 256 ? (uint8_t)t->table : RT_TABLE_UNSPEC;
	rtm->rtm_protocol = t->protocol;
	rtm->rtm_type = t->type;
	rtm->rtm_scope = type == RTM_DELROUTE ? RT_SCOPE_NOWHERE : t->scope;
	rtm->rtm_flags = t->onlink && type == RTM_NEWROUTE ? RTNH_F_ONLINK : 0;
	mnl_attr_put_u32(nlh, RTA_TABLE, t->table);
	if (t->net.len)
		put_address(nlh, RTA_DST, &t->net.addr);
	if (t->gateway.family)
		put_address(nlh, RTA_GATEWAY, &t->gateway);
	if (t->src.family)
		put_address(nlh, RTA_PREFSRC, &t->src);
	if (t->ifindex)
		mnl_attr_put_u32(nlh, RTA_OIF, (uint32_t)t->ifindex);
	if (t->metric)
		mnl_attr_put_u32(nlh, RTA_PRIORITY, t->metric);
	return change(r, nlh);
}

int
rtnl_add_route(struct rtnl *r, const struct rtnl_route *t, bool replace)
{
	return change_route(
		r, RTM_NEWROUTE, NLM_F_CREATE | (replace ? NLM_F_REPLACE : NLM_F_EXCL), t);
}

int
rtnl_del_route(struct rtnl *r, const struct rtnl_route *t)
{
	return change_route(r, RTM_DELROUTE, 0, t);
}

static int
change_rule(struct rtnl *r, uint16_t type, uint16_t flags, const struct rtnl_rule *u)
{
	char buf[REQUEST_SIZE];
	struct nlmsghdr *nlh = begin(r, buf, type, flags);
	struct fib_rule_hdr *frh = mnl_nlmsg_put_extra_header(nlh, sizeof(*frh));

	frh->family = kernel_family(u->family);
	frh->action = u->action;
	frh->table = u->table < 256 ? (uint8_t)u->table : RT_TABLE_UNSPEC;
	mnl_attr_put_u32(nlh, FRA_TABLE, u->table);
	mnl_attr_put_u32(nlh, FRA_PRIORITY, u->pref);
	mnl_attr_put_u8(nlh, FRA_PROTOCOL, u->protocol);
	if (u->from.family) {
		frh->src_len = u->from_len;
		put_address(nlh, FRA_SRC, &u->from);
	}
	if (u->mask) {
		mnl_attr_put_u32(nlh, FRA_FWMARK, u->mark);
		mnl_attr_put_u32(nlh, FRA_FWMASK, u->mask);
	}
	if (u->iif[0])
		mnl_attr_put_strz(nlh, FRA_IIFNAME, u->iif);
	return change(r, nlh);
}

int
rtnl_add_rule(struct rtnl *r, const struct rtnl_rule *u)
{
	return change_rule(r, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, u);
}

int
rtnl_del_rule(struct rtnl *r, const struct rtnl_rule *u)
{
	return change_rule(r, RTM_DELRULE, 0, u);
}
