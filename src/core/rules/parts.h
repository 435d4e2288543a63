/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parts of the ruleset compiler and what they share. Internal to core/rules; the way in is
 * compile.h, the whole picture docs/design/ruleset.md.
 */
#pragma once
#include "core/conf/helper.h"
#include "core/rules/text.h"

/*
 * The packet mark carries the verdict of the rules from prerouting, where the one first match is
 * found, to the hooks that carry it out. Bit 31 is TW_MARK. Routing looks at no other bit.
 */
#define MARK_ALLOW  0x40000000u
#define MARK_REJECT 0x20000000u
#define MARK_NUMBER 0x00ffffffu /* which translation */

/* While the rules are walked, the bits below 31 are used otherwise: */
#define MARK_PLACE       0x000001ffu /* one list for all: where the packet goes (layout.c) */
#define MARK_FOUND       0x7ffffe00u /* the rule found so far: the earlier, the larger; 0: none */
#define MARK_FOUND_SHIFT 9

#define LOG_LIMIT "limit rate 10/second burst 20 packets "

#define TRANSLATE_NONE      0
#define TRANSLATE_INTERFACE 1 /* source becomes the shared address of the outgoing interface */
#define TRANSLATE_FIRST     2 /* from here on translations to addresses that rules name */

/* One condition of a rule in full, as text and as what the tree (tree.h) needs to know of it. */
struct line {
	const struct rule_part *rule;
	const char *cond; /* for nft, with a trailing blank */
	uint8_t family;   /* 4, 6, 0 = both */
	const uint8_t *protos;
	size_t n_protos;                        /* 0: every protocol */
	const struct port_range *sport, *dport; /* ascending, apart */
	size_t n_sport, n_dport;                /* 0: not looked at */
	const uint8_t *types;
	size_t n_types; /* ICMP; 0: not looked at */
};

/* One rule, ready to be written. */
struct rule_part {
	const struct conf_rule *r;
	const char *id;     /* of its chain and counter: "rule/ID" */
	struct line *lines; /* any of them is a match */
	size_t n_lines;     /* 0: can never match */
	const char *never;  /* why n_lines is 0 */
	uint32_t translate; /* TRANSLATE_… */
	bool shares; /* an earlier rule has the same number, and the chains that go with it */
	bool found;  /* is looked up by MARK_FOUND */
	const char *interfaces; /* one list: what stands in front of its conditions, or NULL */
};

/* One interface that carries traffic: every one but the sync interfaces. */
struct iface_part {
	const struct conf_iface *iface;
	const char *id;      /* in names of chains and sets */
	const char *tw;      /* "tw-lan" */
	const char *nic;     /* "eth1" */
	bool in_src, in_dst; /* named by a rule as source, as destination */
};

struct compiler {
	struct arena *a;
	const struct conf_model *m;
	enum node_type self;
	unsigned helpers; /* 1 << enum conf_helper: used by rules, and this kernel has them */
	struct iface_part *ifaces;
	size_t n_ifaces;
	struct rule_part *rules;
	size_t n_rules;
	size_t n_lines;   /* of all rules */
	struct text sets; /* named sets that conditions refer to */
	bool one_list;    /* one list of rules instead of one for each pair (layout.c) */
	struct named_set *named;
	size_t n_named;
	struct text out;
};

/* sets.c: the elements of a list, as text. */
struct sets_list {
	size_t n;
	bool intervals;         /* an element is more than one value */
	struct text one, lines; /* joined by ", ", and one a line */
};

void sets_list_init(struct sets_list *l, struct arena *a);
void sets_list_add(struct sets_list *l, const char *element, bool is_range);
/* What stands behind the key in a condition: the only element, or "@NAME" of the set that holds
 * them (made when no rule had this list before). At least one element. */
const char *sets_list_text(
	struct compiler *c, const struct sets_list *l, const char *type, const char *name);

/* "iifname @… ": the packet entered by the interface, be it tw-* or the NIC. */
const char *sets_entered(struct compiler *c, const struct iface_part *f);

/* match.c: fills in lines, n_lines and never. Adds to c->sets. */
void match_conditions(struct compiler *c, struct rule_part *p);
/* "{ 10.1.0.0/24, 10.2.0.1 } " or a single element, of one family; what: "ip saddr". Empty text
 * when the set holds every address of the family. */
void match_addresses(struct compiler *c, struct text *t, const struct addr_set *set, uint8_t family,
	bool source, const char *name);
/* The ports of one kind of thing a service holds, as in a condition: "tcp dport 21 ". */
const char *match_service_text(
	struct compiler *c, const struct rule_part *p, const struct service_match *m);
bool match_has_family(const struct addr_set *set, uint8_t family);
/* Ranges as configured may come in any order and overlap: a copy, ascending and apart. */
const struct port_range *match_ports_apart(
	struct arena *a, const struct port_range *r, size_t n, size_t *n_out);
/* What the rule does can be done to packets of the family. */
bool match_action_has_family(const struct conf_rule *r, uint8_t family);
/* One of the nodes' private addresses is in the set (of any family, or all of this one). */
bool match_holds_private(const struct conf_model *m, const struct addr_set *set, uint8_t family);

/* helper.c: the objects; in a rule's chain: who gets them; and what they let pass. */
void helper_objects(struct compiler *c);
void helper_assign(struct compiler *c, const struct rule_part *p);
void helper_related(struct compiler *c);

/* source.c: sets and chains of the anti-spoofing. */
void source_sets(struct compiler *c);
void source_chains(struct compiler *c);

/* layout.c: which rules are looked at for which pair of interfaces, and in what chains. */
/* After match_conditions() of every rule, before the others. */
void layout_decide(struct compiler *c);
/* The chain for packets that enter by tw-* of `f`. */
const char *layout_from_chain(struct compiler *c, const struct iface_part *f);
/* The chain for packets that enter by `f` and are addressed to the firewall, or NULL: no rule. */
const char *layout_core_chain(struct compiler *c, const struct iface_part *f);
void layout_chains(struct compiler *c);

/* chains.c: one list of rules, as chains and maps; `name` is the chain that it begins with. */
void chains_of_list(
	struct compiler *c, const char *name, const struct line *const *lines, size_t n);
/* After all lists: the way from a rule that was remembered to what it does. */
void chains_found(struct compiler *c);

/* translate.c: numbers the translations; writes the NAT chains. */
void translate_number(struct compiler *c);
void translate_chains(struct compiler *c);
