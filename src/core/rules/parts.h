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
#define MARK_NUMBER 0x00ffffffu /* which translation; while the rules are walked: see layout.c */

#define LOG_LIMIT "limit rate 10/second burst 20 packets "

#define TRANSLATE_NONE      0
#define TRANSLATE_INTERFACE 1 /* source becomes the shared address of the outgoing interface */
#define TRANSLATE_FIRST     2 /* from here on translations to addresses that rules name */

/* One rule, ready to be written. */
struct rule_part {
	const struct conf_rule *r;
	const char *id;     /* of its chain and counter: "rule/ID" */
	const char **cond;  /* nft conditions, each with a trailing blank; any of them is a match */
	size_t n_cond;      /* 0: can never match */
	const char *never;  /* why n_cond is 0 */
	uint32_t translate; /* TRANSLATE_… */
	bool shares; /* an earlier rule has the same number, and the chains that go with it */
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

/* match.c: fills in cond, n_cond and never. Adds to c->sets. */
void match_conditions(struct compiler *c, struct rule_part *p);
/* "{ 10.1.0.0/24, 10.2.0.1 } " or a single element, of one family; what: "ip saddr". Empty text
 * when the set holds every address of the family. */
void match_addresses(struct compiler *c, struct text *t, const struct addr_set *set, uint8_t family,
	bool source, const char *name);
/* The ports of one kind of thing a service holds, as in a condition: "tcp dport 21 ". */
const char *match_service_text(
	struct compiler *c, const struct rule_part *p, const struct service_match *m);
bool match_has_family(const struct addr_set *set, uint8_t family);

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

/* translate.c: numbers the translations; writes the NAT chains. */
void translate_number(struct compiler *c);
void translate_chains(struct compiler *c);
