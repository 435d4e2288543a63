/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Helpers in the ruleset: nobody gets one but the first packet of a connection that a rule has let
 * pass, and what they expect passes only as far as the protocol needs it.
 */
#include <netinet/in.h>
#include "core/rules/compile.h"
#include "core/rules/parts.h"

/* No client announces a port below: who makes somebody send "PORT …,0,22" wants a door opened. */
#define DATA_PORTS "1024-65535"

static const char *
protocol_word(enum conf_helper h)
{
	return helper_protocol(h) == IPPROTO_TCP ? "tcp" : "udp";
}

const char *
rules_helper_probe(struct arena *a, enum conf_helper h)
{
	return arena_printf(a,
		"table inet " TW_NFT_TABLE "-probe {\n"
		"\tct helper probe {\n\t\ttype \"%s\" protocol %s\n\t}\n}\n",
		helper_name(h), protocol_word(h));
}

void
helper_objects(struct compiler *c)
{
	for (unsigned i = HELPER_NONE + 1; i < _HELPER_MAX; i++)
		if (c->helpers & 1u << i)
			text_add(&c->out, "\tct helper %s {\n\t\ttype \"%s\" protocol %s\n\t}\n\n",
				helper_name((enum conf_helper)i), helper_name((enum conf_helper)i),
				protocol_word((enum conf_helper)i));
}

void
helper_assign(struct compiler *c, const struct rule_part *p)
{
	const struct conf_service *s = p->r->service;

	if (!p->n_lines || !helper_action(p->r->action))
		return;
	for (size_t i = 0; i < s->n_match; i++) {
		const struct service_match *m = &s->match[i];

		if (m->helper == HELPER_NONE)
			continue;
		if (c->helpers & 1u << m->helper)
			text_add(&c->out, "\t\t%sct helper set \"%s\"\n",
				match_service_text(c, p, m), helper_name(m->helper));
		else
			text_add(&c->out,
				"\t\t# this kernel has no helper %s: data connections need rules\n",
				helper_name(m->helper));
	}
}

void
helper_related(struct compiler *c)
{
	text_add(&c->out,
		"\tchain related { # errors about known connections; what a helper expects\n"
		"\t\tmeta l4proto icmp accept\n"
		"\t\tmeta l4proto ipv6-icmp accept\n");
	for (unsigned i = HELPER_NONE + 1; i < _HELPER_MAX; i++)
		if (c->helpers & 1u << i)
			text_add(&c->out, "\t\tct helper \"%s\" %s dport " DATA_PORTS " accept\n",
				helper_name((enum conf_helper)i),
				protocol_word((enum conf_helper)i));
	text_add(&c->out, "\t\tcounter name \"drop/related\"\n"
			  "\t\t" LOG_LIMIT "log prefix \"tw:related \"\n"
			  "\t\tdrop\n"
			  "\t}\n\n");
}
