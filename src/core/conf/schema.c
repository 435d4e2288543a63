/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking things up in the schema table (schema-table.c). */
#include <string.h>
#include "core/conf/schema.h"

const struct schema_type *
schema_type_find(const char *name)
{
	schema_each_type (t)
		if (strcmp(t->name, name) == 0)
			return t;
	return NULL;
}

const struct schema_prop *
schema_prop_find(const struct schema_type *t, const char *name)
{
	schema_each_prop (t, p)
		if (strcmp(p->name, name) == 0)
			return p;
	return NULL;
}

enum schema_space
schema_prop_space(const struct schema_prop *p)
{
	if (p->kind != KIND_REF && p->kind != KIND_ADDRESS)
		return SPACE_NONE;
	if (p->kind == KIND_ADDRESS)
		return SPACE_ADDRESS;
	schema_each_type (t)
		if (p->refs & (1u << schema_type_id(t)))
			return t->space;
	return SPACE_NONE;
}

static const char *
address_text(unsigned families)
{
	if (families == FAMILY_4)
		return "IPv4 address";
	return families == FAMILY_6 ? "IPv6 address" : "address";
}

const char *
schema_kind_text(const struct schema_prop *p)
{
	switch (p->kind) {
	case KIND_BOOL:
		return "Yes or No, also 1 or 0";
	case KIND_INT:
		return "number";
	case KIND_ENUM:
		return "one of a list of words";
	case KIND_NAME:
		return "name";
	case KIND_DEVICE:
		return "kernel interface name";
	case KIND_REF:
		return schema_space_text(schema_prop_space(p));
	case KIND_ADDRESS:
		return address_text(p->families);
	case KIND_PORTS:
		return "port or range of ports";
	case KIND_ICMP_TYPE:
		return p->families == FAMILY_4 ? "ICMP type" : "ICMPv6 type";
	case KIND_PROTOCOL:
		return "IP protocol";
	case KIND_ETHERTYPE:
		return "EtherType";
	case KIND_TEXT:
		return "text";
	case KIND_SECRET:
		return "secret";
	}
	return "";
}

const char *
schema_space_text(enum schema_space s)
{
	switch (s) {
	case SPACE_NONE:
		return "object";
	case SPACE_ADDRESS:
		return "address object";
	case SPACE_IFACE:
		return "interface";
	case SPACE_SERVICE:
		return "service";
	case SPACE_ROUTE:
		return "route";
	case SPACE_RULE:
		return "rule";
	case SPACE_MONITOR:
		return "link monitor";
	case SPACE_MGMT:
		return "management access";
	}
	return "";
}
