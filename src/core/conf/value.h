/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Single values as text: is it allowed for the property, what is its canonical form, what does it
 * mean. Does not know whether a name that is referred to exists.
 */
#pragma once
#include "base/arena.h"
#include "core/conf/model.h"
#include "core/conf/schema.h"

/*
 * The canonical form of one value of property p (which may be `text` itself). NULL with a message
 * for people in *message when the property can't have this value.
 */
const char *value_canon(
	struct arena *a, const struct schema_prop *p, const char *text, const char **message);

/* NULL, or why this can't be the name of an object of type t. */
const char *value_name_error(struct arena *a, const struct schema_type *t, const char *name);

/* Meaning of values that value_canon() accepted; false for others. */
bool value_uint(const char *text, uint64_t max, uint64_t *out); /* decimal */
bool value_ethertype(const char *text, uint16_t *out);
bool value_ports(const char *text, struct port_range *out);
bool value_icmp_type(const char *text, unsigned family, uint8_t *out);
bool value_protocol(const char *text, uint8_t *out);
int value_word(const char *const *words, const char *text); /* index, or -1 */

/* Written like an address, network or range (rightly or wrongly), not like a name. */
bool value_is_literal(const char *text);

/* Names for completion and help: the n-th known protocol or ICMP type, NULL at the end. */
const char *value_protocol_name(size_t n);
const char *value_icmp_name(unsigned family, size_t n);
