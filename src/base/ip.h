/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IPv4 and IPv6 addresses, prefixes and ranges as values. IPv4 uses the first 4 bytes. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ip_addr {
	uint8_t family; /* 4, 6, or 0 = none */
	uint8_t b[16];  /* network order */
};

struct ip_prefix {
	struct ip_addr addr; /* host bits kept: an interface address with its prefix */
	uint8_t len;
};

struct ip_range {
	struct ip_addr lo, hi; /* inclusive, same family */
};

#define IP_TEXT_MAX 100 /* room for any *_fmt() result with NUL */

static inline unsigned
ip_bytes(uint8_t family)
{
	return family == 4 ? 4 : 16;
}

/* All parse functions take exactly len bytes, accept no blanks, and return false on anything else.
 */
bool ip_parse(const char *s, size_t len, struct ip_addr *out);
bool ip_prefix_parse(const char *s, size_t len, struct ip_prefix *out); /* needs "/n" */
/* address, address/len or address-address */
bool ip_range_parse(const char *s, size_t len, struct ip_range *out);

/* Write text into buf[IP_TEXT_MAX] and return buf. */
const char *ip_fmt(const struct ip_addr *a, char *buf);
const char *ip_prefix_fmt(const struct ip_prefix *p, char *buf);
const char *ip_range_fmt(const struct ip_range *r, char *buf); /* prefix notation when it is one */

int ip_cmp(const struct ip_addr *a, const struct ip_addr *b); /* family, then bytes */
bool ip_equal(const struct ip_addr *a, const struct ip_addr *b);
bool ip_is_unspecified(const struct ip_addr *a);
bool ip_is_multicast(const struct ip_addr *a);
bool ip_is_loopback(const struct ip_addr *a);
struct ip_addr ip_prefix_net(const struct ip_prefix *p);       /* host bits cleared */
struct ip_addr ip_prefix_broadcast(const struct ip_prefix *p); /* host bits set */
struct ip_range ip_prefix_range(const struct ip_prefix *p);
bool ip_prefix_contains(const struct ip_prefix *p, const struct ip_addr *a);
bool ip_range_contains(const struct ip_range *r, const struct ip_addr *a);
struct ip_addr ip_next(const struct ip_addr *a); /* the one behind it; of the last: all zeros */
bool ip_range_overlaps(const struct ip_range *a, const struct ip_range *b);
