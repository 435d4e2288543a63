/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names that are always there: addresses and services. Interface words (any, core) are in the
 * schema. */
#pragma once
#include "core/conf/model.h"
#include "core/conf/schema.h"

struct builtin_address {
	const char *name, *help;
	struct addr_set set;
	struct ip_prefix prefix; /* family 0: not one prefix */
};

struct builtin_service {
	struct conf_service service;
	const char *help;
};

/* By name, NULL when there is none; by position for completion and help, NULL at the end. */
const struct builtin_address *builtin_address_find(const char *name);
const struct builtin_address *builtin_address_at(size_t i);
const struct builtin_service *builtin_service_find(const char *name);
const struct builtin_service *builtin_service_at(size_t i);

/* Whether users may not give an object this name because it is always there. */
bool builtin_is_name(enum schema_space space, const char *name);

/* lan_ip, lan_net, lan_ip6, lan_net6: what an interface's addresses are called. */
enum derived_kind { DERIVED_NONE, DERIVED_IP, DERIVED_NET, DERIVED_IP6, DERIVED_NET6 };

/* Splits such a name; the interface's name is the first *iface_len bytes. */
enum derived_kind builtin_derived(const char *name, size_t *iface_len);
