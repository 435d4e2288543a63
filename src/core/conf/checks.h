/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside of conf_check(): what its parts (check-*.c) share. A part reports everything it finds and
 * goes on; what could not be resolved is left out of the model, which is thrown away in that case.
 */
#pragma once
#include "core/conf/candidate.h"
#include "core/conf/errors.h"

#define GROUP_DEPTH_MAX 16      /* groups within groups */
#define RANGES_MAX      1000000 /* address ranges and service matches of all objects together */

/* A deleted object that is still referred to; reported once, with its users. */
struct check_gone {
	struct check_gone *next;
	struct conf_object *o;
	const char *users;
	size_t n_users;
};

/* One address of an interface, and where it is written. */
struct check_held {
	struct ip_prefix p;
	const struct conf_object *o; /* the interface */
	const char *prop;
	size_t item; /* of prop */
	bool private;
	unsigned node; /* of a private address */
};

struct check {
	struct arena *a;
	struct conf_candidate *cand;
	struct conf_errors *errors;
	struct conf_model *m;
	struct conf_iface *ifaces;          /* sorted by index; conf_object.resolved points here */
	struct conf_object **iface_objects; /* beside ifaces */
	bool *incomplete;                   /* beside ifaces: a shared address had an error */
	size_t n_ifaces;
	const struct check_held *held; /* addresses of all interfaces, sorted by address */
	size_t n_held;
	struct check_gone *gone;
	unsigned suggestions; /* budget */
	size_t ranges;        /* used so far, of RANGES_MAX */
};

/* What is missing at such an interface may be what had the error: no second one is told. */
static inline bool
check_is_incomplete(const struct check *c, const struct conf_iface *f)
{
	return c->incomplete[f - c->ifaces];
}

#define ITEM_NONE SIZE_MAX

/*
 * An error or warning at a property of an object: at value `item` of it, at the property
 * (ITEM_NONE), or at the object when the property is not set or NULL.
 */
void check_fail(struct check *c, const struct conf_object *o, const char *prop, size_t item,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void check_warn(struct check *c, const struct conf_object *o, const char *prop, size_t item,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/*
 * The live object that value `item` of property `prop` names, of a type that the property allows;
 * NULL with an error. The caller looks for words that the property allows first.
 */
struct conf_object *check_ref(
	struct check *c, const struct conf_object *o, const char *prop, size_t item);
/* The error for a name that does not exist in a space. */
void check_missing(struct check *c, const struct conf_object *o, const char *prop, size_t item,
	enum schema_space space, const char *name);

/* Master and Slave of an IP4HAAddress or IP6HAAddress. */
struct ha_pair {
	struct ip_prefix addr[2];
	bool with_prefix[2]; /* written with /len */
};

/* What an address value means. */
struct addr_term {
	struct addr_set set;
	struct ip_prefix prefix;    /* one address or network, host bits kept; else family 0 */
	bool with_prefix;           /* written with /len */
	unsigned depth;             /* groups within */
	const struct ha_pair *pair; /* NULL: not such an object */
};

/* One value, or all values of a property together. False after an error (reported). */
bool resolve_addr_item(struct check *c, const struct conf_object *o, const char *prop, size_t item,
	struct addr_term *out);
bool resolve_addr(
	struct check *c, const struct conf_object *o, const char *prop, struct addr_term *out);
/* The one address that a property must be; family 0 when it is not set. */
bool resolve_one_addr(
	struct check *c, const struct conf_object *o, const char *prop, struct ip_addr *out);
/* FAMILY_4, FAMILY_6 bits. */
unsigned addr_set_families(const struct addr_set *s);
bool addr_set_contains(const struct addr_set *s, const struct ip_addr *a);
/* The pair of such an object; NULL when it has an error (reported). */
const struct ha_pair *resolve_ha_pair(struct check *c, struct conf_object *o);

/* The service that value `item` of a property names; NULL after an error. */
const struct conf_service *resolve_service(
	struct check *c, const struct conf_object *o, const char *prop, size_t item);
/* The interface that a property names. False after an error. */
bool resolve_iface(
	struct check *c, const struct conf_object *o, const char *prop, struct iface_ref *out);

/* The interface address that is `a`; NULL when it is none of ours. */
const struct check_held *check_held_find(const struct check *c, const struct ip_addr *a);

/* NULL, or why no node can have this address: "is a multicast address". */
const char *addr_fault(const struct ip_addr *a);
/* The same for an address in its network: also the network and the broadcast address. */
const char *addr_prefix_fault(const struct ip_prefix *p);

/* The parts, in the order in which conf_check() runs them. */
void check_ha(struct check *c);          /* check-ha.c: HighAvailability, Device, Settings */
void check_iface_init(struct check *c);  /* check-iface.c: names, devices, index, sync */
void check_iface_addrs(struct check *c); /* shared and private addresses */
void check_addrs(struct check *c);       /* check-addr.c: every address object */
void check_conflicts(struct check *c); /* check-conflict.c: addresses of all interfaces together */
void check_services(struct check *c);  /* check-service.c: every service */
void check_except(struct check *c);    /* check-except.c: what is not synchronised */
void check_routes(struct check *c);    /* check-route.c */
void check_rules(struct check *c);     /* check-rule.c */
void check_monitors(struct check *c);  /* check-monitor.c */
void check_mgmt(struct check *c);      /* check-mgmt.c */
void check_shadowed(struct check *c);  /* check-rule.c; when all else is right */
