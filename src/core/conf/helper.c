/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which helpers there are, and which of them the rules of a configuration use. */
#include <netinet/in.h>
#include "core/conf/helper.h"

static const struct {
	const char *name, *word;
	uint8_t protocol;
} helpers[_HELPER_MAX] = {
	[HELPER_FTP] = {"ftp", "FTP", IPPROTO_TCP},
	[HELPER_TFTP] = {"tftp", "TFTP", IPPROTO_UDP},
};

const char *
helper_name(enum conf_helper h)
{
	return helpers[h].name;
}

const char *
helper_word(enum conf_helper h)
{
	return helpers[h].word;
}

uint8_t
helper_protocol(enum conf_helper h)
{
	return helpers[h].protocol;
}

bool
helper_action(enum rule_action a)
{
	return a == RULE_ALLOW || a == RULE_NAT || a == RULE_SAT;
}

unsigned
helper_used(const struct conf_model *m)
{
	unsigned used = 0;

	for (size_t i = 0; i < m->n_rules; i++) {
		const struct conf_rule *r = &m->rules[i];

		for (size_t k = 0; helper_action(r->action) && k < r->service->n_match; k++)
			used |= 1u << r->service->match[k].helper;
	}
	return used & HELPERS_ALL;
}
