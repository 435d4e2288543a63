/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The listener for teams. */
#include "sys/teamwatch.h"
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/if_team.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECV_MAX    64
#define RCVBUF_SIZE (256 << 10) /* a load-balancing team has two thousand options */

/* A message of generic netlink whose attributes can be walked. */
static bool
is_generic(const struct nlmsghdr *nlh, uint16_t family)
{
	return nlh->nlmsg_type == family && nlh->nlmsg_len % NLMSG_ALIGNTO == 0 &&
	       nlh->nlmsg_len >= NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(struct genlmsghdr));
}

static bool
get_u32(const struct nlattr *attr, uint32_t *out)
{
	if (mnl_attr_validate(attr, MNL_TYPE_U32) < 0)
		return false;
	*out = mnl_attr_get_u32(attr);
	return true;
}

static bool
get_index(const struct nlattr *attr, int *out)
{
	uint32_t v;

	if (!get_u32(attr, &v) || v == 0 || v > INT32_MAX)
		return false;
	*out = (int)v;
	return true;
}

static bool
get_string(const struct nlattr *attr, char *out, size_t size)
{
	size_t len = mnl_attr_get_payload_len(attr);

	if (mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) < 0 || len > size)
		return false;
	memcpy(out, mnl_attr_get_payload(attr), len);
	return true;
}

struct team_option {
	char name[TEAM_STRING_MAX_LEN];
	const struct nlattr *data; /* NULL: a flag that is not set */
	int port;                  /* 0 = of the team */
	bool removed;
};

/* False only when an attribute that we use is not what it should be. */
static bool
parse_option(const struct nlattr *nest, struct team_option *out)
{
	struct nlattr *attr;

	*out = (struct team_option){0};
	if (mnl_attr_validate(nest, MNL_TYPE_NESTED) < 0)
		return false;
	mnl_attr_for_each_nested (attr, nest) {
		switch (mnl_attr_get_type(attr)) {
		case TEAM_ATTR_OPTION_NAME:
			if (!get_string(attr, out->name, sizeof(out->name)))
				return false;
			break;
		case TEAM_ATTR_OPTION_DATA:
			out->data = attr;
			break;
		case TEAM_ATTR_OPTION_PORT_IFINDEX:
			if (!get_index(attr, &out->port))
				return false;
			break;
		case TEAM_ATTR_OPTION_REMOVED:
			out->removed = true;
			break;
		}
	}
	return true;
}

static bool
tell_option(int team, const struct team_option *o, teamwatch_cb cb, void *ctx)
{
	struct team_event ev = {.ifindex = team};

	if (o->removed)
		return true; /* rtnetlink tells of ports that left */
	if (strcmp(o->name, "mode") == 0 && !o->port) {
		ev.kind = TEAM_MODE;
		if (!o->data || !get_string(o->data, ev.mode, sizeof(ev.mode)))
			return false;
	} else if (strcmp(o->name, "enabled") == 0 && o->port) {
		ev.kind = TEAM_PORT;
		ev.ifindex = o->port;
		ev.enabled = o->data != NULL;
	} else {
		return true;
	}
	cb(ctx, &ev);
	return true;
}

bool
teamwatch_parse(const struct nlmsghdr *nlh, uint16_t family, teamwatch_cb cb, void *ctx)
{
	const struct nlattr *list = NULL;
	struct team_option o;
	struct nlattr *attr;
	int team = 0;

	if (!is_generic(nlh, family))
		return false;
	mnl_attr_for_each (attr, nlh, sizeof(struct genlmsghdr)) {
		switch (mnl_attr_get_type(attr)) {
		case TEAM_ATTR_TEAM_IFINDEX:
			/* 0 while the team is being made: of no use to anybody */
			if (!get_index(attr, &team))
				return false;
			break;
		case TEAM_ATTR_LIST_OPTION:
			if (mnl_attr_validate(attr, MNL_TYPE_NESTED) < 0)
				return false;
			list = attr;
			break;
		}
	}
	if (!team || !list)
		return true;
	mnl_attr_for_each_nested (attr, list) {
		if (!parse_option(attr, &o) || !tell_option(team, &o, cb, ctx))
			return false;
	}
	return true;
}

/* The group of changes: in the first or any later entry of a list of groups. */
static bool
find_group(const struct nlattr *groups, uint32_t *out)
{
	struct nlattr *group, *attr;

	mnl_attr_for_each_nested (group, groups) {
		char name[GENL_NAMSIZ] = "";
		uint32_t id = 0;

		mnl_attr_for_each_nested (attr, group) {
			if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GRP_ID)
				get_u32(attr, &id);
			else if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GRP_NAME)
				get_string(attr, name, sizeof(name));
		}
		if (id && strcmp(name, TEAM_GENL_CHANGE_EVENT_MC_GRP_NAME) == 0) {
			*out = id;
			return true;
		}
	}
	return false;
}

static int
parse_family(const struct nlmsghdr *nlh, uint16_t *family, uint32_t *group)
{
	struct nlattr *attr;
	bool found = false;

	if (nlh->nlmsg_type == NLMSG_ERROR && nlh->nlmsg_len >= NLMSG_LENGTH(sizeof(int))) {
		const struct nlmsgerr *err = mnl_nlmsg_get_payload(nlh);

		return err->error < 0 ? err->error : -EPROTO;
	}
	if (!is_generic(nlh, GENL_ID_CTRL))
		return -EPROTO;
	*family = 0;
	mnl_attr_for_each (attr, nlh, sizeof(struct genlmsghdr)) {
		if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID &&
			mnl_attr_validate(attr, MNL_TYPE_U16) == 0)
			*family = mnl_attr_get_u16(attr);
		if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GROUPS &&
			mnl_attr_validate(attr, MNL_TYPE_NESTED) == 0)
			found = find_group(attr, group);
	}
	return *family && found ? 0 : -EPROTO;
}

static struct nlmsghdr *
request(struct teamwatch *w, char *buf, uint16_t type, uint8_t cmd)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *g = mnl_nlmsg_put_extra_header(nlh, sizeof(*g));

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	nlh->nlmsg_seq = ++w->seq;
	g->cmd = cmd;
	g->version = TEAM_GENL_VERSION;
	return nlh;
}

/* The kernel answers before send() returns. */
static int
resolve(struct teamwatch *w, uint32_t *group)
{
	char buf[256];
	struct nlmsghdr *nlh = request(w, buf, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
	ssize_t n;

	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, TEAM_GENL_NAME);
	if (send(w->fd, nlh, nlh->nlmsg_len, 0) < 0)
		return -errno;
	n = recv(w->fd, w->buf, sizeof(w->buf), MSG_TRUNC);
	if (n < 0)
		return -errno;
	nlh = (void *)w->buf;
	if ((size_t)n > sizeof(w->buf) || !mnl_nlmsg_ok(nlh, (int)n))
		return -EPROTO;
	return parse_family(nlh, &w->family, group);
}

int
teamwatch_open(struct teamwatch *w)
{
	struct sockaddr_nl sa = {.nl_family = AF_NETLINK};
	int size = RCVBUF_SIZE, r = 0;
	uint32_t group;

	w->seq = 0;
	w->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_GENERIC);
	if (w->fd < 0)
		return -errno;
	setsockopt(w->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(w->fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0)
		r = -errno;
	if (!r)
		r = resolve(w, &group);
	if (!r && setsockopt(w->fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		r = -errno;
	if (r < 0)
		teamwatch_close(w);
	return r;
}

void
teamwatch_close(struct teamwatch *w)
{
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

int
teamwatch_ask(struct teamwatch *w, int ifindex)
{
	char buf[64];
	struct nlmsghdr *nlh = request(w, buf, w->family, TEAM_CMD_OPTIONS_GET);

	mnl_attr_put_u32(nlh, TEAM_ATTR_TEAM_IFINDEX, (uint32_t)ifindex);
	return send(w->fd, nlh, nlh->nlmsg_len, 0) < 0 ? -errno : 0;
}

int
teamwatch_read(struct teamwatch *w, teamwatch_cb cb, void *ctx)
{
	for (int i = 0; i < RECV_MAX; i++) {
		struct nlmsghdr *nlh = (void *)w->buf;
		ssize_t n = recv(w->fd, w->buf, sizeof(w->buf), MSG_TRUNC);

		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != ENOBUFS)
			return -errno;
		if (n < 0 || (size_t)n > sizeof(w->buf))
			return 1;
		for (int left = (int)n; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
			teamwatch_parse(nlh, w->family, cb, ctx);
	}
	return 0;
}
