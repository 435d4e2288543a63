/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Command ha quality: what the quality factor of this node is made of, interface by interface and
 * term by term, beside the terms that the peer has published. docs/design/election.md.
 */
#include <stdio.h>
#include <string.h>
#include "core/quality/quality.h"
#include "daemon/config/commands.h"

#define FORMULA_MAX   400
#define HEALTH_OLD_NS (5 * NS_PER_S) /* tw-probe publishes every second */
#define TERMS_LONG    8 /* so many entries are written out in the formula of the interface part */

static bool
bit(uint64_t bits, unsigned i)
{
	return bits >> i & 1;
}

/* The LinkMonitor that takes this interface with it, or NULL. */
static const struct ha_monitor *
lost_monitor(const struct ha_conf *conf, const struct node_status *s, uint16_t index)
{
	for (unsigned i = 0; i < conf->n_monitors; i++)
		if (bit(s->monitors_lost, i) && !conf->monitors[i].weight &&
			conf->monitors[i].index == index)
			return &conf->monitors[i];
	return NULL;
}

static const char *
one_way_text(const struct port_status *p)
{
	if (!p->heard && !p->proven)
		return "nothing has come in since its carrier came: does the switch port forward?";
	if (p->heard)
		return "the peer does not hear this node here: counts as lost on both nodes";
	return "the peer is not heard here, though both have carrier: counts as lost on both nodes";
}

/* Why the interface counts as it does. */
static void
port_remark(const struct ha_conf *conf, const struct node_status *s, const struct port_status *p,
	char *buf, size_t size)
{
	const struct ha_monitor *m = lost_monitor(conf, s, p->index);

	buf[0] = '\0';
	if (p->sync)
		snprintf(buf, size, "sync interface: not counted");
	else if (p->weight == 0)
		snprintf(buf, size, "weight 0: not counted");
	else if (!p->present)
		snprintf(buf, size, "does not exist");
	else if (!p->carrier)
		snprintf(buf, size, "no carrier");
	else if (!p->ready)
		snprintf(buf, size, "its tw-%s is missing or down", p->name);
	else if (p->monitor_lost)
		snprintf(buf, size, "LinkMonitor %s: more than half of its hosts do not answer",
			m ? m->name : "?");
	else if (p->one_way)
		snprintf(buf, size, "%s", one_way_text(p));
	else if (p->counts.members > 0)
		snprintf(buf, size, "%u of %u members are up", p->counts.up, p->counts.members);
}

static json_t *
quality_port(const struct ha_conf *conf, const struct node_status *s, const struct port_status *p)
{
	unsigned pieces = p->counts.members ? p->counts.members : 1;
	char remark[160];

	port_remark(conf, s, p, remark, sizeof(remark));
	return json_pack("{s:s, s:b, s:i, s:i, s:i, s:b, s:b, s:b, s:b, s:i, s:i, s:s}", "name",
		p->name, "sync", p->sync, "state", p->counts.up > 0, "weight", p->counts.weight,
		"part", (int)(p->counts.weight * p->counts.up / pieces), "carrier",
		p->present && p->carrier, "two_way", p->two_way, "one_way", p->one_way,
		"monitor_lost", p->monitor_lost, "members", p->counts.members, "members_up",
		p->counts.up, "remark", remark);
}

static const char *
host_state_name(enum health_host_state s)
{
	switch (s) {
	case HOST_NOT_ASKED:
		return "not asked";
	case HOST_UNSEEN:
		return "never answered";
	case HOST_ANSWERS:
		return "answers";
	case HOST_LOST:
		return "lost";
	}
	return "?";
}

/* What tw-probe knows of the monitor's hosts; an empty list when it knows another configuration. */
static json_t *
monitor_hosts(const struct ha_monitor *m, const struct health_monitor *found)
{
	json_t *list = json_array();

	if (strcmp(m->name, found->name) != 0)
		return list;
	for (unsigned i = 0; i < found->n_hosts && i < MONITOR_HOSTS_MAX; i++) {
		const struct health_host *h = &found->hosts[i];
		char addr[IP_TEXT_MAX];

		json_array_append_new(list,
			json_pack("{s:s, s:s, s:I, s:I}", "address", ip_fmt(&h->addr, addr),
				"state", host_state_name(h->state), "rtt_us", (json_int_t)h->rtt_us,
				"unanswered", (json_int_t)h->unanswered));
	}
	return list;
}

static json_t *
quality_monitor(const struct ha_conf *conf, const struct node_status *s,
	const struct health_status *health, unsigned i)
{
	const struct ha_monitor *m = &conf->monitors[i];
	bool lost = bit(s->monitors_lost, i);
	const char *iface = "";

	for (unsigned p = 0; p < conf->n_ports; p++)
		if (m->index && conf->ports[p].index == m->index)
			iface = conf->ports[p].name;
	return json_pack("{s:s, s:s, s:b, s:i, s:i, s:o, s:s}", "name", m->name, "interface", iface,
		"lost", lost, "weight", m->weight, "part", lost ? 0 : m->weight, "hosts",
		monitor_hosts(m, &health->monitors[i]), "remark",
		lost        ? "more than half of its hosts do not answer"
		: m->weight ? ""
		: m->index  ? "counts as its interface"
			    : "neither interface nor weight: only shown");
}

/* Entries of the interface part, as the engine adds them up. */
static unsigned
quality_entries(const struct ha_conf *conf, const struct node_status *s, struct quality_iface *e)
{
	unsigned n = 0;

	for (uint16_t i = 0; i < s->n_ports && i < IFACES_MAX; i++)
		if (s->ports[i].counts.weight)
			e[n++] = s->ports[i].counts;
	for (unsigned i = 0; i < conf->n_monitors; i++)
		if (conf->monitors[i].weight)
			e[n++] = (struct quality_iface){.weight = conf->monitors[i].weight,
				.up = !bit(s->monitors_lost, i)};
	return n;
}

static void add(char *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
add(char *buf, const char *fmt, ...)
{
	size_t len = strlen(buf);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf + len, FORMULA_MAX - len, fmt, ap);
	va_end(ap);
}

/* "(1*100 + 1/2*100 + 0*75) / (100 + 100 + 75) = 54" */
static void
iface_formula(const struct ha_conf *conf, const struct node_status *s, char *buf)
{
	struct quality_iface e[IFACES_MAX + MONITORS_MAX];
	unsigned n = quality_entries(conf, s, e), sum = 0;

	buf[0] = '\0';
	if (n == 0) {
		add(buf, "no interface has a weight: taken as 100");
		return;
	}
	for (unsigned i = 0; i < n; i++)
		sum += e[i].weight;
	if (n > TERMS_LONG) {
		add(buf, "sum(state * weight) / sum(weight) = %u %% of %u", quality_ifaces(e, n),
			sum);
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		add(buf, "%s%u", i ? " + " : "(", e[i].up);
		if (e[i].members > 1)
			add(buf, "/%u", e[i].members);
		add(buf, "*%u", e[i].weight);
	}
	for (unsigned i = 0; i < n; i++)
		add(buf, "%s%u", i ? " + " : ") / (", e[i].weight);
	add(buf, ") = %u", quality_ifaces(e, n));
}

/* Hundredths of a point. */
static unsigned
term_takes(const struct quality_terms *t, enum quality_term i)
{
	return t->value[i] > 100 ? 0 : quality_weight(i) * (100u - t->value[i]);
}

static void
add_points(char *buf, unsigned hundredths)
{
	if (hundredths % 100 == 0)
		add(buf, "%u", hundredths / 100);
	else
		add(buf, "%u.%02u", hundredths / 100, hundredths % 100);
}

/* "63 * (100 - 25 - 9) / 100 = 41" */
static void
quality_formula(const struct quality_terms *t, char *buf)
{
	buf[0] = '\0';
	add(buf, "%u * (100", t->value[QUALITY_IFACES]);
	for (unsigned i = 0; i < _QUALITY_TERMS; i++) {
		if (term_takes(t, i) == 0)
			continue;
		add(buf, " - ");
		add_points(buf, term_takes(t, i));
	}
	add(buf, ") / 100 = %u", quality_of(t));
}

static const char *
standby_remark(const struct node_status *s, enum quality_term i, uint8_t now)
{
	if (s->role == ROLE_ACTIVE || s->role == ROLE_DRAINING)
		return "counts on a standby only";
	if (i == QUALITY_CONF)
		return now < 100 ? "the active node runs another configuration" : "";
	if (now > 100)
		return "state sync does not report";
	if (now == 100)
		return "";
	return s->sync.state == SYNC_LOST ? "state sync is lost"
					  : "not all connections of the active node are here yet";
}

static void
term_remark(const struct node_status *s, enum quality_term i, char *buf, size_t size)
{
	uint8_t value = s->me.terms.value[i], now = s->present.value[i];
	uint8_t peer = s->peer_claim.terms.value[i];

	buf[0] = '\0';
	if (i == QUALITY_IFACES)
		snprintf(buf, size, "all else is a part of this");
	else if (value != now)
		snprintf(buf, size, "better now: counts when it has lasted for %d s",
			(int)(QUALITY_DWELL_NS / NS_PER_S));
	else if (s->peer_claim.valid && (value > 100) != (peer > 100))
		snprintf(buf, size, "known to one node only: counts for neither in the election");
	else if (i >= QUALITY_SYNC)
		snprintf(buf, size, "%s", standby_remark(s, i, now));
	else if (value > 100)
		snprintf(buf, size, "nothing to ask, or no answer");
}

static json_t *
term_value(uint8_t value)
{
	return value > 100 ? json_null() : json_integer(value);
}

/* The probe's own words on a part of the machine: which fan, which disk. */
static const char *
term_detail(const struct health_status *health, enum quality_term i)
{
	return i >= QUALITY_DISKS && i < QUALITY_DISKS + _HEALTH_MAX
		       ? health->parts[i - QUALITY_DISKS].text
		       : "";
}

static json_t *
quality_term(const struct node_status *s, const struct health_status *health, enum quality_term i)
{
	const struct claim *peer = &s->peer_claim;
	char remark[160];
	json_t *o;

	term_remark(s, i, remark, sizeof(remark));
	o = json_pack("{s:s, s:i, s:s, s:s, s:o, s:o, s:f}", "name", quality_term_name(i), "weight",
		quality_weight(i), "remark", remark, "detail", term_detail(health, i), "value",
		term_value(s->me.terms.value[i]), "now", term_value(s->present.value[i]), "takes",
		term_takes(&s->me.terms, i) / 100.0);
	if (!peer->valid)
		return o;
	json_object_set_new(o, "peer", term_value(peer->terms.value[i]));
	json_object_set_new(o, "peer_takes", json_real(term_takes(&peer->terms, i) / 100.0));
	json_object_set_new(o, "compared",
		json_boolean(s->me.terms.value[i] <= 100 && peer->terms.value[i] <= 100));
	return o;
}

static void
quality_peer(const struct node_status *s, json_t *data)
{
	const struct quality_terms *me = &s->me.terms, *peer = &s->peer_claim.terms;
	int r = quality_compare(me, peer);
	char formula[FORMULA_MAX];
	uint8_t here, there;

	if (!s->peer_claim.valid)
		return;
	quality_formula(peer, formula);
	quality_of_both(me, peer, &here, &there);
	json_object_set_new(data, "peer_quality", json_integer(quality_of(peer)));
	json_object_set_new(data, "peer_formula", json_string(formula));
	json_object_set_new(data, "peer_interface_part", json_integer(peer->carrier));
	json_object_set_new(data, "compared",
		json_pack("{s:i, s:i, s:s, s:i}", "here", here, "peer", there, "better",
			r > 0   ? "here"
			: r < 0 ? "peer"
				: "neither",
			"margin", QUALITY_MARGIN));
}

void
cmd_ha_quality(struct config *c, const struct control_request *rq, struct answer *out)
{
	json_t *ports = json_array(), *monitors = json_array(), *terms = json_array();
	const struct ha_conf *conf = &c->rev.ha;
	char ifaces[FORMULA_MAX], formula[FORMULA_MAX];
	struct health_status health;
	struct node_status s;

	(void)rq;
	pages_node_status(c, &s);
	/* what a probe that does not run said last is no news */
	if (!pages_health_status(c, &health) || instant_sub(loop_now(), health.now) > HEALTH_OLD_NS)
		health = (struct health_status){0};
	for (uint16_t i = 0; i < s.n_ports && i < IFACES_MAX; i++)
		json_array_append_new(ports, quality_port(conf, &s, &s.ports[i]));
	for (unsigned i = 0; i < conf->n_monitors; i++)
		json_array_append_new(monitors, quality_monitor(conf, &s, &health, i));
	for (unsigned i = 0; i < _QUALITY_TERMS; i++)
		json_array_append_new(terms, quality_term(&s, &health, i));
	iface_formula(conf, &s, ifaces);
	quality_formula(&s.me.terms, formula);
	out->data = json_pack("{s:i, s:i, s:i, s:b, s:s, s:s, s:o, s:o, s:o}", "quality",
		quality_of(&s.me.terms), "interface_part", s.me.terms.carrier, "now",
		quality_of(&s.present), "settled", s.me.settled, "formula", ifaces,
		"quality_formula", formula, "interfaces", ports, "monitors", monitors, "terms",
		terms);
	quality_peer(&s, out->data);
}
