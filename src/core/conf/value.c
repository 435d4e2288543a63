/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values by kind: see value.h. */
#include <stdio.h>
#include <string.h>
#include "core/conf/errors.h"
#include "core/conf/value.h"

struct number_name {
	uint16_t number;
	const char *name;
};

static const struct number_name protocols[] = {{1, "ICMP"}, {2, "IGMP"}, {4, "IPIP"}, {6, "TCP"},
	{17, "UDP"}, {41, "IPv6"}, {47, "GRE"}, {50, "ESP"}, {51, "AH"}, {58, "ICMPv6"},
	{88, "EIGRP"}, {89, "OSPF"}, {103, "PIM"}, {112, "VRRP"}, {115, "L2TP"}, {132, "SCTP"},
	{136, "UDPLite"}};

static const struct number_name icmp4[] = {{0, "echo-reply"}, {3, "destination-unreachable"},
	{4, "source-quench"}, {5, "redirect"}, {8, "echo-request"}, {9, "router-advertisement"},
	{10, "router-solicitation"}, {11, "time-exceeded"}, {12, "parameter-problem"},
	{13, "timestamp-request"}, {14, "timestamp-reply"}};

static const struct number_name icmp6[] = {{1, "destination-unreachable"}, {2, "packet-too-big"},
	{3, "time-exceeded"}, {4, "parameter-problem"}, {128, "echo-request"}, {129, "echo-reply"},
	{133, "router-solicitation"}, {134, "router-advertisement"},
	{135, "neighbour-solicitation"}, {136, "neighbour-advertisement"}, {137, "redirect"}};

/* What would be mistaken for, or disturbed by, our frames. */
static const struct number_name taken_ethertypes[] = {{0x0800, "IPv4"}, {0x0806, "ARP"},
	{0x0842, "Wake-on-LAN"}, {0x22f3, "TRILL"}, {0x8035, "RARP"}, {0x8100, "VLAN"},
	{0x86dd, "IPv6"}, {0x8808, "flow control"}, {0x8809, "LACP"}, {0x8847, "MPLS"},
	{0x8848, "MPLS"}, {0x8863, "PPPoE"}, {0x8864, "PPPoE"}, {0x888e, "802.1X"},
	{0x88a8, "VLAN stacking"}, {0x88cc, "LLDP"}, {0x88e5, "MACsec"}, {0x88f7, "PTP"},
	{0x8902, "CFM"}, {0x8906, "FCoE"}, {0x9000, "loopback test"}, {0x9100, "VLAN stacking"}};

#define COUNT(ARRAY) (sizeof(ARRAY) / sizeof((ARRAY)[0]))

static char
fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool
same_folded(const char *s, const char *t)
{
	while (*s && fold(*s) == fold(*t)) {
		s++;
		t++;
	}
	return fold(*s) == fold(*t);
}

static const struct number_name *
by_number(const struct number_name *t, size_t n, uint64_t number)
{
	for (size_t i = 0; i < n; i++)
		if (t[i].number == number)
			return &t[i];
	return NULL;
}

/* By number below 256 or by name in either case. */
static bool
number_or_name(const struct number_name *t, size_t n, const char *text, uint8_t *out)
{
	uint64_t v;

	if (value_uint(text, 255, &v)) {
		*out = (uint8_t)v;
		return true;
	}
	for (size_t i = 0; i < n; i++) {
		if (same_folded(t[i].name, text)) {
			*out = (uint8_t)t[i].number;
			return true;
		}
	}
	return false;
}

bool
value_uint(const char *text, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		v = v * 10 + (uint64_t)(*text - '0');
		if (v > max)
			return false;
	}
	*out = v;
	return true;
}

bool
value_ethertype(const char *text, uint16_t *out)
{
	uint64_t v = 0;

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		size_t n = strlen(text + 2);

		if (n < 1 || n > 8)
			return false;
		for (const char *p = text + 2; *p; p++) {
			char c = fold(*p);

			if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
				return false;
			v = v * 16 + (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
		}
	} else if (!value_uint(text, UINT32_MAX, &v)) {
		return false;
	}
	if (v > 0xffff)
		return false;
	*out = (uint16_t)v;
	return true;
}

bool
value_ports(const char *text, struct port_range *out)
{
	const char *dash = strchr(text, '-');
	char low[8];
	uint64_t lo, hi;

	if (!dash) {
		if (!value_uint(text, 65535, &lo))
			return false;
		hi = lo;
	} else {
		if (dash - text >= (ptrdiff_t)sizeof(low))
			return false;
		snprintf(low, sizeof(low), "%.*s", (int)(dash - text), text);
		if (!value_uint(low, 65535, &lo) || !value_uint(dash + 1, 65535, &hi) || lo > hi)
			return false;
	}
	*out = (struct port_range){(uint16_t)lo, (uint16_t)hi};
	return true;
}

bool
value_icmp_type(const char *text, unsigned family, uint8_t *out)
{
	return family == 4 ? number_or_name(icmp4, COUNT(icmp4), text, out)
			   : number_or_name(icmp6, COUNT(icmp6), text, out);
}

bool
value_protocol(const char *text, uint8_t *out)
{
	return number_or_name(protocols, COUNT(protocols), text, out);
}

int
value_word(const char *const *words, const char *text)
{
	for (int i = 0; words && words[i]; i++)
		if (strcmp(words[i], text) == 0)
			return i;
	return -1;
}

bool
value_is_literal(const char *text)
{
	bool dot = false;

	if (strpbrk(text, ":/"))
		return true;
	for (; *text; text++) {
		dot = dot || *text == '.';
		if (!strchr("0123456789.-", *text))
			return false;
	}
	return dot;
}

const char *
value_protocol_name(size_t n)
{
	return n < COUNT(protocols) ? protocols[n].name : NULL;
}

const char *
value_icmp_name(unsigned family, size_t n)
{
	if (family == 4)
		return n < COUNT(icmp4) ? icmp4[n].name : NULL;
	return n < COUNT(icmp6) ? icmp6[n].name : NULL;
}

static bool
name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '.' || c == '-';
}

/* NULL, or what keeps this from being a name of at most max bytes. */
static const char *
name_error(struct arena *a, const char *name, size_t max)
{
	if (!name[0])
		return "a name is missing";
	if (strnlen(name, max + 1) > max)
		return arena_printf(a, "%s is longer than %zu bytes", errors_quote(a, name), max);
	for (const char *p = name; *p; p++)
		if (!name_char(*p))
			return arena_printf(a,
				"%s: a name is made of letters, digits, '_', '.' and '-'",
				errors_quote(a, name));
	if (name[0] == '-' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return arena_printf(a, "%s can't be a name", errors_quote(a, name));
	return NULL;
}

const char *
value_name_error(struct arena *a, const struct schema_type *t, const char *name)
{
	if (t->space == SPACE_ADDRESS && value_is_literal(name))
		return arena_printf(a, "%s looks like an address, not like the name of one",
			errors_quote(a, name));
	return name_error(a, name, t->name_max);
}

static const char *
canon_int(struct arena *a, const struct schema_prop *p, const char *text, const char **message)
{
	uint64_t v;

	if (value_word(p->words, text) == 0)
		return text;
	if (value_uint(text, (uint64_t)p->max, &v) && v >= (uint64_t)p->min)
		return arena_printf(a, "%llu", (unsigned long long)v);
	*message = arena_printf(a, "%s: must be %s%sa number from %lld to %lld%s%s",
		errors_quote(a, text), p->words ? p->words[0] : "", p->words ? " or " : "",
		(long long)p->min, (long long)p->max, p->unit ? " in " : "",
		p->unit ? p->unit : "");
	return NULL;
}

static const char *
canon_word(struct arena *a, const char *const *words, const char *text, const char **message)
{
	unsigned budget = 1000;
	struct suggest s = suggest_init(text, &budget);
	const char *list = "";
	int i = value_word(words, text);

	if (i >= 0)
		return words[i];
	for (i = 0; words[i]; i++) {
		suggest_offer(&s, words[i]);
		list = arena_printf(a, "%s%s%s", list,
			!i             ? ""
			: words[i + 1] ? ", "
				       : " or ",
			words[i]);
	}
	*message = arena_printf(
		a, "%s: must be %s%s", errors_quote(a, text), list, suggest_text(a, &s));
	return NULL;
}

static const char *
canon_ethertype(
	struct arena *a, const struct schema_prop *p, const char *text, const char **message)
{
	const struct number_name *taken;
	uint16_t v;

	if (!value_ethertype(text, &v) || v < p->min || v > p->max) {
		*message = arena_printf(a, "%s: must be an EtherType from 0x%04llx to 0x%04llx",
			errors_quote(a, text), (long long)p->min, (long long)p->max);
		return NULL;
	}
	taken = by_number(taken_ethertypes, COUNT(taken_ethertypes), v);
	if (taken) {
		*message = arena_printf(a, "0x%04x belongs to %s: choose another", v, taken->name);
		return NULL;
	}
	return arena_printf(a, "0x%04x", v);
}

static const char *
canon_ports(struct arena *a, const struct schema_prop *p, const char *text, const char **message)
{
	struct port_range r;

	if (!value_ports(text, &r) || r.lo < p->min) {
		*message = arena_printf(a,
			"%s: must be a port from %d to 65535 or a range, as in 8000-8099",
			errors_quote(a, text), (int)p->min);
		return NULL;
	}
	return r.lo == r.hi ? arena_printf(a, "%u", r.lo) : arena_printf(a, "%u-%u", r.lo, r.hi);
}

/* Numbers that have a name are written by it. */
static const char *
canon_number(struct arena *a, const struct number_name *t, size_t n, const char *text,
	const char *what, const char **message)
{
	unsigned budget = 1000;
	struct suggest s = suggest_init(text, &budget);
	const struct number_name *known;
	uint8_t v;

	if (number_or_name(t, n, text, &v)) {
		known = by_number(t, n, v);
		return known ? known->name : arena_printf(a, "%u", v);
	}
	for (size_t i = 0; i < n; i++)
		suggest_offer(&s, t[i].name);
	*message = arena_printf(a, "%s: no such %s; it is a number from 0 to 255 or a name%s",
		errors_quote(a, text), what, suggest_text(a, &s));
	return NULL;
}

/* "an address, an address with prefix (10.1.0.1/24) or the name of an address object" */
static const char *
address_forms_text(struct arena *a, const struct schema_prop *p)
{
	const char *form[] = {p->forms & FORM_HOST ? "an address" : NULL,
		p->families == FAMILY_6 ? "an address with prefix (fd00::1/64)"
					: "an address with prefix (10.1.0.1/24)",
		p->forms & FORM_RANGE ? "a range (low-high)" : NULL,
		p->refs ? "the name of an address object" : NULL};
	const char *text = "";
	unsigned left = 0;

	if (!(p->forms & FORM_PREFIX))
		form[1] = NULL;
	for (unsigned i = 0; i < 4; i++)
		left += form[i] != NULL;
	for (unsigned i = 0; i < 4; i++) {
		if (!form[i])
			continue;
		left--;
		text = arena_printf(a, "%s%s%s", text, form[i],
			left > 1 ? ", "
			: left   ? " or "
				 : "");
	}
	return text;
}

static const char *
canon_address(struct arena *a, const struct schema_prop *p, const char *text, const char **message)
{
	size_t len = strnlen(text, IP_TEXT_MAX);
	struct ip_prefix pre;
	struct ip_range r;
	char lo[IP_TEXT_MAX], hi[IP_TEXT_MAX];
	unsigned form = memchr(text, '/', len)   ? FORM_PREFIX
			: memchr(text, '-', len) ? FORM_RANGE
						 : FORM_HOST;

	if (!ip_range_parse(text, len, &r)) {
		*message = arena_printf(a, "%s is no address: must be %s", errors_quote(a, text),
			address_forms_text(a, p));
		return NULL;
	}
	if (!(p->families & (r.lo.family == 4 ? FAMILY_4 : FAMILY_6))) {
		*message = arena_printf(a, "%s is IPv%u: an IPv%u address must stand here", text,
			r.lo.family, r.lo.family == 4 ? 6 : 4);
		return NULL;
	}
	if (!(p->forms & form)) {
		*message = arena_printf(a, "%s: must be %s", text, address_forms_text(a, p));
		return NULL;
	}
	if (form == FORM_PREFIX && ip_prefix_parse(text, len, &pre))
		return arena_strdup(a, ip_prefix_fmt(&pre, lo));
	if (form == FORM_RANGE)
		return arena_printf(a, "%s-%s", ip_fmt(&r.lo, lo), ip_fmt(&r.hi, hi));
	return arena_strdup(a, ip_fmt(&r.lo, lo));
}

static const char *
canon_name(struct arena *a, const char *text, size_t max, const char **message)
{
	*message = name_error(a, text, max);
	return *message ? NULL : text;
}

const char *
value_canon(struct arena *a, const struct schema_prop *p, const char *text, const char **message)
{
	static const char *const words_bool[] = {"Yes", "No", NULL};

	switch (p->kind) {
	case KIND_BOOL:
		if (strcmp(text, "1") == 0 || strcmp(text, "0") == 0)
			return words_bool[text[0] == '0'];
		return canon_word(a, words_bool, text, message);
	case KIND_INT:
		return canon_int(a, p, text, message);
	case KIND_ENUM:
		return canon_word(a, p->words, text, message);
	case KIND_NAME:
	case KIND_DEVICE:
		return canon_name(a, text, (size_t)p->max, message);
	case KIND_REF:
		return canon_name(a, text, NAME_LEN_MAX, message);
	case KIND_ADDRESS:
		if (p->refs && !value_is_literal(text))
			return canon_name(a, text, NAME_LEN_MAX, message);
		return canon_address(a, p, text, message);
	case KIND_PORTS:
		return canon_ports(a, p, text, message);
	case KIND_ICMP_TYPE:
		if (p->families == FAMILY_4)
			return canon_number(a, icmp4, COUNT(icmp4), text, "ICMP type", message);
		return canon_number(a, icmp6, COUNT(icmp6), text, "ICMPv6 type", message);
	case KIND_PROTOCOL:
		return canon_number(a, protocols, COUNT(protocols), text, "IP protocol", message);
	case KIND_ETHERTYPE:
		return canon_ethertype(a, p, text, message);
	case KIND_TEXT:
	case KIND_SECRET:
		if (strnlen(text, (size_t)p->max + 1) <= (size_t)p->max)
			return text;
		*message = arena_printf(a, "longer than %lld bytes", (long long)p->max);
		return NULL;
	}
	return NULL;
}
