/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one table of the configuration language: every type of object, every property with kind,
 * range, default and help. Parser, checks, completion, help text, REST schema, web forms and the
 * reference manual all read it; a property that is not here does not exist. How to add one:
 * docs/design/config.md.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Names of objects of one space must differ, whatever their types. */
enum schema_space {
	SPACE_NONE, /* singletons have no name */
	SPACE_ADDRESS,
	SPACE_IFACE,
	SPACE_SERVICE,
	SPACE_ROUTE,
	SPACE_RULE,
	SPACE_MONITOR,
	SPACE_MGMT,
};

/* In the order in which a configuration is shown. */
enum schema_id {
	TYPE_DEVICE,
	TYPE_HA,
	TYPE_SETTINGS,
	TYPE_IP4,
	TYPE_IP6,
	TYPE_HA4,
	TYPE_HA6,
	TYPE_GROUP,
	TYPE_IFACE,
	TYPE_TCPUDP,
	TYPE_ICMP,
	TYPE_IPPROTO,
	TYPE_SERVICE_GROUP,
	TYPE_ROUTE,
	TYPE_RULE,
	TYPE_MONITOR,
	TYPE_MGMT,
	_TYPE_MAX,
};

#define REF(id)         (1u << TYPE_##id)
#define REF_ANY_ADDRESS (REF(IP4) | REF(IP6) | REF(HA4) | REF(HA6) | REF(GROUP))
#define REF_ANY_SERVICE (REF(TCPUDP) | REF(ICMP) | REF(IPPROTO) | REF(SERVICE_GROUP))

enum schema_kind {
	KIND_BOOL,      /* Yes or No; 1 and 0 are read as these */
	KIND_INT,       /* decimal number in min…max; words[0], if any, stands for 0 */
	KIND_ENUM,      /* one of words */
	KIND_NAME,      /* letters, digits, '_', '.', '-' */
	KIND_DEVICE,    /* name of a kernel interface */
	KIND_REF,       /* name of an object of one of the types in refs, or one of words */
	KIND_ADDRESS,   /* literal as forms and families say, or as KIND_REF */
	KIND_PORTS,     /* port or low-high */
	KIND_ICMP_TYPE, /* number 0-255 or a name; families tells ICMP from ICMPv6 */
	KIND_PROTOCOL,  /* IP protocol number or name */
	KIND_ETHERTYPE, /* 0x0600-0xffff, hexadecimal or decimal */
	KIND_TEXT,      /* any printable text of at most max bytes */
	KIND_SECRET,    /* as text, but never shown to a reader */
};

enum schema_form { FORM_HOST = 1, FORM_PREFIX = 2, FORM_RANGE = 4, FORM_ALL = 7 };
enum schema_family { FAMILY_4 = 1, FAMILY_6 = 2, FAMILY_BOTH = 3 };

struct schema_prop {
	const char *name;
	enum schema_kind kind;
	bool list;  /* several values by comma */
	bool local; /* each node has its own; not shared, not in the hash */
	bool required;
	bool position;     /* not stored: moves the object to this place among its type, from 1 */
	bool derived;      /* ADDRESS: X_ip, X_net, … of an interface may be used */
	bool stored_only;  /* nothing obeys it yet: conf_check() warns unless it is the default */
	unsigned list_max; /* 0 = no limit of its own */
	int64_t min, max;
	const char *unit;         /* "ms", or NULL */
	const char *const *words; /* NULL-terminated, or NULL */
	unsigned refs;            /* REF() bits */
	unsigned forms, families; /* ADDRESS */
	const char *dflt;         /* as it would be written, or NULL: not set */
	const char *help;         /* one sentence */
};

struct schema_type {
	const char *name;
	enum schema_space space;
	bool singleton;    /* `set` only, no name */
	unsigned name_max; /* bytes of a name */
	const struct schema_prop *props;
	size_t n_props;
	const char *help;
};

/* What check, help and the manual say of a property that is stored_only. */
#define STORED_ONLY_TEXT "is stored, but has no effect in this version"

#define NAME_LEN_MAX 64 /* bytes of an object's name, interfaces excepted */
#define TEXT_LEN_MAX 255

/* The table, indexed by enum schema_id. */
extern const struct schema_type schema_types[_TYPE_MAX];

/* Iteration: `schema_each_type(t) schema_each_prop(t, p) …` */
#define schema_each_type(t)                                                                        \
	for (const struct schema_type *t = schema_types; t < schema_types + _TYPE_MAX; t++)
#define schema_each_prop(t, p)                                                                     \
	for (const struct schema_prop *p = (t)->props; p < (t)->props + (t)->n_props; p++)

static inline enum schema_id
schema_type_id(const struct schema_type *t)
{
	return (enum schema_id)(t - schema_types);
}

/* By name, case-sensitive; NULL when there is none. */
const struct schema_type *schema_type_find(const char *name);
const struct schema_prop *schema_prop_find(const struct schema_type *t, const char *name);

/* Where the names lie that a KIND_REF or KIND_ADDRESS property refers to; SPACE_NONE for others. */
enum schema_space schema_prop_space(const struct schema_prop *p);

/* Short words for messages, help and forms: "boolean", "number of ms", "IPv4 address", … */
const char *schema_kind_text(const struct schema_prop *p);
const char *schema_space_text(enum schema_space s); /* "address object", "interface", … */
