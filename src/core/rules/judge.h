/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the rules say to one packet, by the plainest reading of a configuration: one rule after the
 * other, the first match decides. Slow and simple on purpose: the compiled ruleset is measured by
 * it (tests/unit/test-rules-tree.c, tests/lab/test_verdicts.py), and `rules test` answers with it.
 */
#pragma once
#include "core/conf/model.h"

/* The first packet of a connection. */
struct rules_packet {
	struct ip_addr src, dst; /* of one family */
	uint8_t proto;
	uint16_t sport, dport; /* protocols with ports */
	uint8_t type;          /* ICMP, ICMPv6 */
};

enum rules_way {
	WAY_RULE,    /* a rule decides */
	WAY_NO_RULE, /* none matches: dropped */
	WAY_ALWAYS,  /* neighbour discovery, MLD, packet-too-big: passes without a rule */
	WAY_SPOOFED, /* such a source does not enter here: dropped before the rules */
	WAY_PRIVATE, /* for a private address of this node: RemoteManagement decides */
	_WAY_MAX,
};

struct rules_verdict {
	enum rules_way way;
	const struct conf_rule *rule; /* WAY_RULE */
	bool core;                    /* it is for the firewall itself */
	const struct conf_iface
		*out; /* where it would leave; NULL: core, or no route leads there */
};

/* Whether a rule's networks and service match; its interfaces are not looked at. */
bool rules_match(
	const struct conf_model *m, const struct conf_rule *r, const struct rules_packet *p);

/* The first rule for a packet from `in` to `out` (NULL and core: to the firewall), or NULL. */
const struct conf_rule *rules_first(const struct conf_model *m, const struct rules_packet *p,
	const struct conf_iface *in, const struct conf_iface *out, bool core);

/* The same with everything around it: what node `self` does with a packet that enters by `in`. */
void rules_judge(const struct conf_model *m, enum node_type self, const struct rules_packet *p,
	const struct conf_iface *in, struct rules_verdict *v);
