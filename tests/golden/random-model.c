/* SPDX-License-Identifier: GPL-2.0-or-later */
/* See random-model.h. Sizes are mostly small; now and then something is large. */
#include <string.h>
#include "random-model.h"

static const char *const evil[] = {"a\"; accept; #", "x\n\t\taccept", "$(reboot)", "tw-*", "any",
	"core", "interface", "fwd", "ip saddr", "", "..", "}", "{", "a/b", "a.b", "@own4", "\\",
	"1", "0x", "chain",
	"0123456789012345678901234567890123456789012345678901234567890123456789", "ü", "a'b`c", "#",
	"*"};

static size_t
pick(struct prng *p, size_t lo, size_t hi)
{
	return (size_t)prng_range(p, (int64_t)lo, (int64_t)hi);
}

static const char *
random_name(struct arena *a, struct prng *p, const char *prefix, size_t i)
{
	if (prng_chance(p, 8))
		return arena_printf(
			a, "%s%zu", evil[pick(p, 0, sizeof(evil) / sizeof(*evil) - 1)], i);
	return arena_printf(a, "%s%zu", prefix, i);
}

/* Device names: at most max bytes, and no two alike even if the compiler replaces characters. */
static const char *
short_name(struct arena *a, struct prng *p, const char *prefix, size_t i, size_t max)
{
	const char *word =
		prng_chance(p, 8) ? evil[pick(p, 0, sizeof(evil) / sizeof(*evil) - 1)] : "";
	const char *s = arena_printf(a, "%s%zu%s", prefix, i, word);

	return arena_strndup(a, s, strlen(s) < max ? strlen(s) : max);
}

static struct ip_addr
random_addr(struct prng *p, uint8_t family)
{
	struct ip_addr a = {.family = family};
	unsigned n = ip_bytes(family), zero = prng_chance(p, 50) ? (unsigned)pick(p, 0, n) : 0;

	for (unsigned i = 0; i < n; i++)
		a.b[i] = i < zero ? 0 : (uint8_t)prng_range(p, 0, 255);
	if (prng_chance(p, 40)) { /* something that looks like a real network */
		static const uint8_t net4[] = {10, 1}, net6[] = {0xfd, 1};

		memcpy(a.b, family == 4 ? net4 : net6, 2);
	}
	return a;
}

static struct ip_prefix
random_prefix(struct prng *p, uint8_t family)
{
	struct ip_prefix x = {random_addr(p, family), (uint8_t)pick(p, 0, ip_bytes(family) * 8)};

	return x;
}

static bool
step_up(struct ip_addr *a)
{
	for (unsigned i = ip_bytes(a->family); i-- > 0;)
		if (++a->b[i])
			return true;
	return false;
}

/* Sorted, disjoint ranges above *pos. */
static size_t
add_ranges(struct prng *p, struct ip_range *r, size_t n, uint8_t family)
{
	struct ip_addr pos = {.family = family};
	size_t made = 0;

	for (size_t i = 0; i < n; i++) {
		struct ip_addr lo = random_addr(p, family), hi;
		struct ip_prefix x = {lo, (uint8_t)pick(p, 0, ip_bytes(family) * 8)};

		hi = prng_chance(p, 50) ? ip_prefix_broadcast(&x) : lo;
		if (prng_chance(p, 10))
			lo = pos; /* touches the one before */
		if (ip_cmp(&lo, &pos) < 0 || ip_cmp(&hi, &lo) < 0)
			continue;
		r[made++] = (struct ip_range){lo, hi};
		pos = hi;
		if (!step_up(&pos))
			break;
	}
	return made;
}

static struct addr_set
random_set(struct arena *a, struct prng *p)
{
	struct addr_set s = {.any4 = prng_chance(p, 30), .any6 = prng_chance(p, 30)};
	size_t max = prng_chance(p, 2) ? 200 : 6;
	struct ip_range *r = arena_array(a, struct ip_range, max * 2);

	if (!s.any4 && prng_chance(p, 70))
		s.n += add_ranges(p, r + s.n, pick(p, 0, max), 4);
	if (!s.any6 && prng_chance(p, 40))
		s.n += add_ranges(p, r + s.n, pick(p, 0, max), 6);
	s.r = r;
	return s;
}

static const struct port_range *
random_ports(struct arena *a, struct prng *p, size_t *n)
{
	size_t max = prng_chance(p, 20) ? 12 : 2;
	struct port_range *r = arena_array(a, struct port_range, max);
	unsigned lo = 0;

	*n = 0;
	for (size_t i = 0; i < max && prng_chance(p, 70); i++) {
		unsigned from = lo + (unsigned)pick(p, 0, 3000), to;

		to = from + (prng_chance(p, 50) ? 0 : (unsigned)pick(p, 1, 3000));
		if (to > 65535)
			break;
		r[(*n)++] = (struct port_range){(uint16_t)from, (uint16_t)to};
		lo = to + 2;
	}
	return r;
}

static const struct conf_service *
random_service(struct arena *a, struct prng *p, size_t i)
{
	static const uint8_t protos[] = {6, 17, 132, 33, 47, 50, 1, 58, 0, 255};
	struct conf_service *s = arena_new(a, struct conf_service);
	size_t n = prng_chance(p, 5) ? 0 : pick(p, 1, 5);
	struct service_match *m = arena_array(a, struct service_match, n);

	for (size_t k = 0; k < n; k++) {
		unsigned kind = (unsigned)pick(p, 0, 3);
		uint8_t *types = arena_array(a, uint8_t, 4);

		m[k].kind = kind == 0   ? MATCH_ANY
			    : kind == 1 ? MATCH_PROTO
			    : kind == 2 ? MATCH_PORTS
					: MATCH_ICMP;
		m[k].proto = m[k].kind == MATCH_ICMP
				     ? (prng_chance(p, 50) ? 1 : 58)
				     : protos[pick(p, 0,
					       m[k].kind == MATCH_PORTS ? 4 : sizeof(protos) - 1)];
		m[k].sport = random_ports(a, p, &m[k].n_sport);
		m[k].dport = random_ports(a, p, &m[k].n_dport);
		if (m[k].kind == MATCH_PORTS && m[k].proto == 6 && prng_chance(p, 30))
			m[k].helper = HELPER_FTP;
		if (m[k].kind == MATCH_PORTS && m[k].proto == 17 && prng_chance(p, 30))
			m[k].helper = HELPER_TFTP;
		m[k].n_types = pick(p, 0, 3);
		for (size_t t = 0; t < m[k].n_types; t++)
			types[t] = (uint8_t)(t * 60 + pick(p, 0, 59));
		m[k].types = types;
	}
	s->name = random_name(a, p, "svc", i);
	s->match = m;
	s->n_match = n;
	return s;
}

static struct iface_ref
random_ref(struct prng *p, const struct conf_model *m)
{
	struct iface_ref r = {.kind = IFACE_ANY};
	size_t k = pick(p, 0, 9);

	if (k < 2)
		return r;
	if (k < 4 || !m->n_ifaces) {
		r.kind = IFACE_CORE;
		return r;
	}
	r.kind = IFACE_ONE;
	r.iface = &m->ifaces[pick(p, 0, m->n_ifaces - 1)];
	return r;
}

static void
random_ifaces(struct arena *a, struct prng *p, struct conf_model *m)
{
	size_t n = prng_chance(p, 1) ? pick(p, 0, 40) : pick(p, 0, 4);
	struct conf_iface *f = arena_array(a, struct conf_iface, n + 1);

	for (size_t i = 0; i < n; i++) {
		struct ip_prefix *shared = arena_array(a, struct ip_prefix, 4);

		f[i].name = short_name(a, p, "if", i, 12);
		f[i].index = (uint16_t)(i + 1);
		f[i].dev[0] = arena_printf(a, "eth%zu", i);
		f[i].dev[1] = short_name(a, p, "ens", i, 15);
		f[i].sync = prng_chance(p, 10);
		f[i].n_shared = pick(p, 0, 4);
		for (size_t k = 0; k < f[i].n_shared; k++)
			shared[k] = random_prefix(p, prng_chance(p, 60) ? 4 : 6);
		f[i].shared = shared;
		f[i].has_private4 = prng_chance(p, 60);
		f[i].has_private6 = prng_chance(p, 40);
		for (unsigned node = 0; node < 2; node++) {
			f[i].private4[node] = random_prefix(p, 4);
			f[i].private6[node] = random_prefix(p, 6);
		}
	}
	m->ifaces = f;
	m->n_ifaces = n;
}

static void
random_rules(struct arena *a, struct prng *p, struct conf_model *m)
{
	size_t n = prng_chance(p, 1) ? pick(p, 0, 300) : pick(p, 0, 9);
	struct conf_rule *r = arena_array(a, struct conf_rule, n);

	for (size_t i = 0; i < n; i++) {
		static const enum rule_action actions[] = {
			RULE_ALLOW, RULE_DROP, RULE_REJECT, RULE_NAT, RULE_SAT};
		unsigned lo = (unsigned)pick(p, 1, 65535);

		r[i].name = random_name(a, p, "rule", i);
		r[i].index = (uint32_t)i + 1;
		r[i].action = actions[pick(p, 0, 4)];
		r[i].src_iface = random_ref(p, m);
		r[i].dst_iface = random_ref(p, m);
		r[i].src = random_set(a, p);
		r[i].dst = random_set(a, p);
		r[i].service = random_service(a, p, i);
		r[i].log = prng_chance(p, 50);
		if (prng_chance(p, 40))
			r[i].nat_sender = random_addr(p, prng_chance(p, 60) ? 4 : 6);
		if (r[i].action == RULE_SAT && prng_chance(p, 80))
			r[i].sat_ip =
				random_addr(p, r[i].nat_sender.family ? r[i].nat_sender.family : 4);
		if (r[i].action == RULE_SAT && prng_chance(p, 50)) {
			unsigned hi = lo + (prng_chance(p, 50) ? 0 : (unsigned)pick(p, 1, 100));

			r[i].sat_port =
				(struct port_range){(uint16_t)lo, (uint16_t)(hi > 65535 ? lo : hi)};
		}
	}
	m->rules = r;
	m->n_rules = n;
}

const struct conf_model *
random_model(struct arena *a, struct prng *p)
{
	struct conf_model *m = arena_new(a, struct conf_model);
	size_t n = pick(p, 0, 8), n_mgmt = pick(p, 0, 3);
	struct conf_route *routes = arena_array(a, struct conf_route, n);
	struct conf_mgmt *mgmt = arena_array(a, struct conf_mgmt, n_mgmt);

	m->device_name = random_name(a, p, "fw", 1);
	m->settings.https_port = prng_chance(p, 80) ? 443 : (uint16_t)pick(p, 1, 65535);
	random_ifaces(a, p, m);
	for (size_t i = 0; i < n && m->n_ifaces; i++) {
		struct ip_prefix net = random_prefix(p, prng_chance(p, 60) ? 4 : 6);

		net.addr = ip_prefix_net(&net);
		routes[i] = (struct conf_route){.name = "route",
			.iface = &m->ifaces[pick(p, 0, m->n_ifaces - 1)],
			.net = net};
		m->n_routes = i + 1;
	}
	m->routes = routes;
	for (size_t i = 0; i < n_mgmt; i++) {
		mgmt[i] = (struct conf_mgmt){.name = random_name(a, p, "mgmt", i),
			.iface = random_ref(p, m),
			.from = random_set(a, p),
			.access = (unsigned)pick(p, 0, 7)};
		if (mgmt[i].iface.kind == IFACE_CORE)
			mgmt[i].iface.kind = IFACE_ANY;
	}
	m->mgmt = mgmt;
	m->n_mgmt = n_mgmt;
	random_rules(a, p, m);
	return m;
}
