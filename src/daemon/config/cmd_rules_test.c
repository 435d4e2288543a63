/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Command rules test: which rule a packet would meet, by the same plain reading of the
 * configuration that the compiled ruleset is tested against (core/rules/judge.h). Asks no kernel,
 * sends nothing.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include "core/conf/value.h"
#include "core/rules/judge.h"
#include "daemon/config/commands.h"

enum { ARG_TEST, ARG_SRC, ARG_DST, ARG_PROTO, ARG_PORT, ARG_IFACE, ARGS };

#define ANY_SOURCE_PORT                                                                            \
	49152 /* of a client that did not say: the first of RFC 6335's dynamic ones */

static const char *const ways[_WAY_MAX] = {
	[WAY_RULE] = "rule",
	[WAY_NO_RULE] = "no_rule",
	[WAY_ALWAYS] = "always",
	[WAY_SPOOFED] = "spoofed",
	[WAY_PRIVATE] = "private",
};

static bool
has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_DCCP ||
	       proto == IPPROTO_SCTP;
}

/* "443", "1024:443", an ICMP type by number or name; "-" where there is none. */
static bool
read_port(const char *s, struct rules_packet *p)
{
	const char *colon = strchr(s, ':');
	uint32_t from = ANY_SOURCE_PORT, port = 0;
	char first[8] = "";

	if (p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6)
		return value_icmp_type(s, p->src.family, &p->type);
	if (!has_ports(p->proto))
		return strcmp(s, "-") == 0;
	if (colon) {
		if ((size_t)(colon - s) >= sizeof(first))
			return false;
		memcpy(first, s, (size_t)(colon - s));
		if (!arg_number(first, 0, 65535, &from))
			return false;
		s = colon + 1;
	}
	if (!arg_number(s, 0, 65535, &port))
		return false;
	p->sport = (uint16_t)from;
	p->dport = (uint16_t)port;
	return true;
}

/* Which argument is wrong, or 0. */
static int
read_packet(const struct control_request *rq, const struct conf_model *m, struct rules_packet *p,
	const struct conf_iface **in)
{
	const char *const *a = (const char *const *)rq->args;

	*in = conf_iface_by_name(m, a[ARG_IFACE]);
	if (!ip_parse(a[ARG_SRC], strlen(a[ARG_SRC]), &p->src))
		return ARG_SRC;
	if (!ip_parse(a[ARG_DST], strlen(a[ARG_DST]), &p->dst) || p->dst.family != p->src.family)
		return ARG_DST;
	if (strcmp(a[ARG_PROTO], "icmp") == 0 && p->src.family == 6)
		p->proto = IPPROTO_ICMPV6;
	else if (!value_protocol(a[ARG_PROTO], &p->proto))
		return ARG_PROTO;
	if (!read_port(a[ARG_PORT], p))
		return ARG_PORT;
	return *in && !(*in)->sync ? 0 : ARG_IFACE;
}

static const char *
wrong_text(int arg)
{
	switch (arg) {
	case ARG_SRC:
		return "is no address";
	case ARG_DST:
		return "is no address of the same family as the source";
	case ARG_PROTO:
		return "is no protocol: tcp, udp, icmp, another name or a number";
	case ARG_PORT:
		return "does not go with the protocol: PORT or FROM:TO for tcp and udp, the type "
		       "for "
		       "icmp, - for others";
	}
	return "is no interface of the cluster";
}

static void
say(const struct rules_verdict *v, const struct conf_iface *in, struct answer *out)
{
	const char *to = v->core ? "core" : v->out ? v->out->name : "nowhere";

	switch (v->way) {
	case WAY_RULE:
		answer_text(out, "rule %u, %s (%s), from %s to %s", v->rule->index, v->rule->name,
			conf_action_name(v->rule->action), in->name, to);
		break;
	case WAY_NO_RULE:
		answer_text(out, "no rule matches: dropped, from %s to %s%s", in->name, to,
			v->core || v->out ? "" : " (no route leads there)");
		break;
	case WAY_ALWAYS:
		answer_text(out, "passes without a rule: neighbour discovery and the like");
		break;
	case WAY_SPOOFED:
		answer_text(out,
			"dropped before the rules: such a source does not enter by %s (see routes)",
			in->name);
		break;
	case WAY_PRIVATE:
		answer_text(out, "for a private address of this node: RemoteManagement decides, no "
				 "rule is asked");
		break;
	case _WAY_MAX:
		break;
	}
	json_object_set_new(out->data, "way", json_string(ways[v->way]));
	json_object_set_new(out->data, "from", json_string(in->name));
	if (v->core || v->out)
		json_object_set_new(out->data, "to", json_string(to));
	if (v->rule)
		json_object_set_new(out->data, "rule",
			json_pack("{s:I, s:s, s:s}", "index", (json_int_t)v->rule->index, "name",
				v->rule->name, "action", conf_action_name(v->rule->action)));
}

void
cmd_rules_test(struct config *c, const struct control_request *rq, struct answer *out)
{
	const struct conf_model *m = c->rev.model;
	const struct conf_iface *in;
	struct rules_packet p = {.src.family = 0};
	struct rules_verdict v;
	int wrong;

	if (rq->n_args != ARGS) {
		answer_fail(out, ANSWER_USAGE, -1,
			"rules test SOURCE DESTINATION PROTOCOL PORT INTERFACE");
		return;
	}
	wrong = read_packet(rq, m, &p, &in);
	if (wrong) {
		answer_fail(
			out, ANSWER_USAGE, wrong, "%.64s %s", rq->args[wrong], wrong_text(wrong));
		return;
	}
	rules_judge(m, m->ha.node_type, &p, in, &v);
	say(&v, in, out);
}
