/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IP address values: parsing, printing, comparing. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include "base/ip.h"

bool
ip_parse(const char *s, size_t len, struct ip_addr *out)
{
	struct ip_addr a = {0};
	char buf[IP_TEXT_MAX];

	if (len == 0 || len >= sizeof(buf))
		return false;
	memcpy(buf, s, len);
	buf[len] = '\0';
	if (strlen(buf) != len)
		return false;
	if (inet_pton(AF_INET, buf, a.b) == 1)
		a.family = 4;
	else if (inet_pton(AF_INET6, buf, a.b) == 1)
		a.family = 6;
	else
		return false;
	*out = a;
	return true;
}

bool
ip_prefix_parse(const char *s, size_t len, struct ip_prefix *out)
{
	const char *slash = memchr(s, '/', len);
	unsigned n = 0;
	size_t digits;

	if (!slash || !ip_parse(s, (size_t)(slash - s), &out->addr))
		return false;
	digits = len - (size_t)(slash + 1 - s);
	if (digits < 1 || digits > 3)
		return false;
	for (size_t i = 0; i < digits; i++) {
		if (slash[1 + i] < '0' || slash[1 + i] > '9')
			return false;
		n = n * 10 + (unsigned)(slash[1 + i] - '0');
	}
	if (n > ip_bytes(out->addr.family) * 8)
		return false;
	out->len = (uint8_t)n;
	return true;
}

bool
ip_range_parse(const char *s, size_t len, struct ip_range *out)
{
	const char *dash = memchr(s, '-', len);
	struct ip_prefix p;

	if (dash) {
		if (!ip_parse(s, (size_t)(dash - s), &out->lo) ||
			!ip_parse(dash + 1, len - (size_t)(dash + 1 - s), &out->hi))
			return false;
		return out->lo.family == out->hi.family && ip_cmp(&out->lo, &out->hi) <= 0;
	}
	if (memchr(s, '/', len)) {
		if (!ip_prefix_parse(s, len, &p))
			return false;
		*out = ip_prefix_range(&p);
		return true;
	}
	if (!ip_parse(s, len, &out->lo))
		return false;
	out->hi = out->lo;
	return true;
}

const char *
ip_fmt(const struct ip_addr *a, char *buf)
{
	if (!a->family)
		return strcpy(buf, "none");
	inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->b, buf, IP_TEXT_MAX);
	return buf;
}

const char *
ip_prefix_fmt(const struct ip_prefix *p, char *buf)
{
	size_t n;

	ip_fmt(&p->addr, buf);
	n = strlen(buf);
	snprintf(buf + n, IP_TEXT_MAX - n, "/%u", p->len);
	return buf;
}

const char *
ip_range_fmt(const struct ip_range *r, char *buf)
{
	struct ip_prefix p = {.addr = r->lo};
	struct ip_range back;
	char lo[IP_TEXT_MAX], hi[IP_TEXT_MAX];

	for (unsigned len = 0; len <= ip_bytes(r->lo.family) * 8; len++) {
		p.len = (uint8_t)len;
		back = ip_prefix_range(&p);
		if (ip_equal(&back.lo, &r->lo) && ip_equal(&back.hi, &r->hi))
			return len == ip_bytes(r->lo.family) * 8 ? ip_fmt(&r->lo, buf)
								 : ip_prefix_fmt(&p, buf);
	}
	ip_fmt(&r->lo, lo);
	ip_fmt(&r->hi, hi);
	snprintf(buf, IP_TEXT_MAX, "%.45s-%.45s", lo, hi);
	return buf;
}

int
ip_cmp(const struct ip_addr *a, const struct ip_addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->b, b->b, ip_bytes(a->family));
}

bool
ip_equal(const struct ip_addr *a, const struct ip_addr *b)
{
	return ip_cmp(a, b) == 0;
}

struct ip_addr
ip_next(const struct ip_addr *a)
{
	struct ip_addr next = *a;
	unsigned i = ip_bytes(next.family);

	while (i-- > 0 && ++next.b[i] == 0)
		;
	return next;
}

bool
ip_is_unspecified(const struct ip_addr *a)
{
	static const uint8_t zero[16];

	return memcmp(a->b, zero, ip_bytes(a->family)) == 0;
}

bool
ip_is_multicast(const struct ip_addr *a)
{
	return a->family == 4 ? (a->b[0] & 0xf0) == 0xe0 : a->b[0] == 0xff;
}

bool
ip_is_loopback(const struct ip_addr *a)
{
	static const uint8_t lo6[16] = {[15] = 1};

	return a->family == 4 ? a->b[0] == 127 : memcmp(a->b, lo6, 16) == 0;
}

/* Host bits all to `bit`. */
static struct ip_addr
fill_host_bits(const struct ip_prefix *p, bool bit)
{
	struct ip_addr a = p->addr;

	for (unsigned i = p->len; i < ip_bytes(a.family) * 8; i++) {
		uint8_t mask = (uint8_t)(0x80 >> (i % 8));

		a.b[i / 8] = (uint8_t)(bit ? a.b[i / 8] | mask : a.b[i / 8] & ~mask);
	}
	return a;
}

struct ip_addr
ip_prefix_net(const struct ip_prefix *p)
{
	return fill_host_bits(p, false);
}

struct ip_addr
ip_prefix_broadcast(const struct ip_prefix *p)
{
	return fill_host_bits(p, true);
}

struct ip_range
ip_prefix_range(const struct ip_prefix *p)
{
	return (struct ip_range){.lo = ip_prefix_net(p), .hi = ip_prefix_broadcast(p)};
}

bool
ip_range_contains(const struct ip_range *r, const struct ip_addr *a)
{
	return a->family == r->lo.family && ip_cmp(&r->lo, a) <= 0 && ip_cmp(a, &r->hi) <= 0;
}

bool
ip_prefix_contains(const struct ip_prefix *p, const struct ip_addr *a)
{
	struct ip_range r = ip_prefix_range(p);

	return ip_range_contains(&r, a);
}

bool
ip_range_overlaps(const struct ip_range *a, const struct ip_range *b)
{
	return a->lo.family == b->lo.family && ip_cmp(&a->lo, &b->hi) <= 0 &&
	       ip_cmp(&b->lo, &a->hi) <= 0;
}
