/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writes plans in the language that scenario.c reads. */
#include <stdarg.h>
#include <string.h>
#include "plan.h"
#include "core/elect/claim.h"

static const char *const node_words[4] = {"?", "a", "b", "both"};
static const char *const direction_words[4] = {"?", "a->b", "b->a", "a<->b"};

/* The shortest exact form. */
void
span_fmt(int64_t ns, char *buf, size_t size)
{
	if (ns % NS_PER_MS == 0 && ns >= 10 * NS_PER_S)
		snprintf(buf, size, "%lld.%03llds", (long long)(ns / NS_PER_S),
			(long long)(ns % NS_PER_S / NS_PER_MS));
	else if (ns % NS_PER_S == 0)
		snprintf(buf, size, "%llds", (long long)(ns / NS_PER_S));
	else if (ns % NS_PER_MS == 0)
		snprintf(buf, size, "%lldms", (long long)(ns / NS_PER_MS));
	else if (ns % NS_PER_US == 0)
		snprintf(buf, size, "%lldus", (long long)(ns / NS_PER_US));
	else
		snprintf(buf, size, "%lldns", (long long)ns);
}

static void __attribute__((format(printf, 3, 4)))
append(char *buf, size_t size, const char *fmt, ...)
{
	size_t len = strlen(buf);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf + len, size - len, fmt, ap);
	va_end(ap);
}

static void
append_span(char *buf, size_t size, const char *before, int64_t ns)
{
	char text[32];

	span_fmt(ns, text, sizeof(text));
	append(buf, size, "%s%s", before, text);
}

static void
append_ports(const struct plan *p, uint32_t mask, char *buf, size_t size)
{
	const char *between = " ";

	if (mask == (1u << p->setup.n_ports) - 1) {
		append(buf, size, " all");
		return;
	}
	for (unsigned i = 0; i < p->setup.n_ports; i++) {
		if (!(mask >> i & 1))
			continue;
		append(buf, size, "%s%s", between, p->setup.port[i].name);
		between = ",";
	}
}

void
step_fmt(const struct plan *p, const struct step *s, char *buf, size_t size)
{
	snprintf(buf, size, "%s", verb_words[s->verb].word);
	for (const char *a = verb_words[s->verb].args; *a; a++) {
		if (*a == 'n')
			append(buf, size, " %s", node_words[s->nodes & 3]);
		else if (*a == 'd')
			append(buf, size, " %s", direction_words[s->dirs & 3]);
		else if (*a == 'p')
			append_ports(p, s->ports, buf, size);
		else if (*a == '%')
			append(buf, size, " %lld%%", (long long)s->value);
		else if (*a == '#')
			append(buf, size, " %lld", (long long)s->value);
		else if (*a == 'b' && s->value < 0)
			append(buf, size, " never");
		else if (*a == 't' || *a == 'b')
			append_span(buf, size, " ", s->value);
		else if (*a == 'm')
			append(buf, size, " %s", p->setup.monitor[s->value % MONITORS].name);
		else if (*a == 'c')
			append(buf, size, " %s%s", command_words[s->value],
				s->value2 ? " even-unfit" : "");
		else if (*a == 'i')
			append(buf, size, " %lldms %lldms %lldms", (long long)s->value,
				(long long)s->value2, (long long)s->value3);
	}
	if (s->span)
		append_span(buf, size, " for ", s->span);
}

void
expect_fmt(const struct expect *e, char *buf, size_t size)
{
	const char *node = e->node == A ? "a" : "b";

	buf[0] = '\0';
	switch (e->cond) {
	case EXPECT_ROLE:
		append(buf, size, "%s %s", node, role_name((enum role)e->value));
		break;
	case EXPECT_DOWN:
		append(buf, size, "%s down", node);
		break;
	case EXPECT_GATE:
		append(buf, size, "%s %s", node, position_words[e->value]);
		break;
	case EXPECT_SEES:
		append(buf, size, "%s sees %s", node, peer_state_name((enum peer_state)e->value));
		break;
	case EXPECT_NOTE:
		append(buf, size, "%s note %s", node, note_name((enum note_id)e->value));
		break;
	case EXPECT_REPLY:
		append(buf, size, "reply %s", refusal_words[e->value]);
		break;
	case EXPECT_ANY_REFUSAL:
		append(buf, size, "reply refused");
		break;
	case EXPECT_BOTH_OPEN:
		append(buf, size, "both open");
		break;
	case EXPECT_NEVER_BOTH:
		append(buf, size, "never both open");
		break;
	case EXPECT_ONE_OPEN:
		append(buf, size, "one open");
		break;
	case EXPECT_STEADY:
		append(buf, size, "steady");
		break;
	case EXPECT_OUTAGE:
		append_span(buf, size, "outage below ", e->value);
		break;
	}
	if (e->within)
		append_span(buf, size, " within ", e->within);
	if (e->during)
		append_span(buf, size, " for ", e->during);
}

static void
print_node_setup(const struct setup *s, int i, FILE *f)
{
	const struct node_setup *n = &s->node[i];
	const char *name = node_words[1 << i];

	if (n->type != (i == A ? NODE_MASTER : NODE_SLAVE))
		fprintf(f, "type %s %s\n", name, n->type == NODE_MASTER ? "master" : "slave");
	if (n->key != 1)
		fprintf(f, "key %s %u\n", name, n->key);
	if (n->cluster != 7)
		fprintf(f, "cluster %s %u\n", name, n->cluster);
	if (!n->enabled)
		fprintf(f, "enabled %s no\n", name);
	if (n->ppm)
		fprintf(f, "drift %s %d\n", name, n->ppm);
	fprintf(f, "clock %s %lldns\n", name, (long long)n->boot_ns);
	fprintf(f, "timers %s %ums %ums %ums\n", name, n->interval_ms, n->failover_ms,
		n->silence_ms);
	if (n->newer)
		fprintf(f, "newer %s %u\n", name, n->newer);
	if (n->term)
		fprintf(f, "term %s %llu\n", name, (unsigned long long)n->term);
	if (n->counter)
		fprintf(f, "counter %s %llu\n", name, (unsigned long long)n->counter);
}

static void
print_span(FILE *f, const char *before, int64_t ns, const char *after)
{
	char text[32];

	span_fmt(ns, text, sizeof(text));
	fprintf(f, "%s%s%s", before, text, after);
}

static void
print_setup(const struct setup *s, FILE *f)
{
	static const char *const prefer[] = {"automatic", "master", "slave"};

	if (s->title[0])
		fprintf(f, "title %s\n", s->title);
	fprintf(f, "random %llu\nports", (unsigned long long)s->random);
	for (unsigned i = 0; i < s->n_ports; i++) {
		fprintf(f, " %s", s->port[i].name);
		if (!s->port[i].sync)
			fprintf(f, "=%u", s->port[i].weight);
	}
	fputs(s->n_monitors ? "\nmonitors" : "", f);
	for (unsigned i = 0; i < s->n_monitors; i++)
		fprintf(f, " %s%s%s=%u", s->monitor[i].name, s->monitor[i].port < 0 ? "" : ":",
			s->monitor[i].port < 0 ? "" : s->port[s->monitor[i].port].name,
			s->monitor[i].weight);
	fputc('\n', f);
	for (int i = 0; i < 2; i++)
		print_node_setup(s, i, f);
	if (s->prefer != PREFER_AUTOMATIC)
		fprintf(f, "prefer %s\n", prefer[s->prefer]);
	print_span(f, "wire ", s->delay_ns, " ");
	print_span(f, "", s->jitter_ns, "\n");
	print_span(f, "latency ", s->latency_lo_ns, " ");
	print_span(f, "", s->latency_hi_ns, "\n");
	if (s->barrier_ns < 0)
		fputs("barrier never\n", f);
	else
		print_span(f, "barrier ", s->barrier_ns, "\n");
	if (s->traffic_ns == 0)
		fputs("traffic none\n", f);
	else
		print_span(f, "traffic ", s->traffic_ns, "\n");
	print_span(f, "sync-time ", s->sync_time_ns, "\n");
	print_span(f, "probe ", s->probe_ns, "\n");
	print_span(f, "end ", s->end_ns, "\n");
}

void
plan_print(const struct plan *p, FILE *f)
{
	char text[200];

	print_setup(&p->setup, f);
	for (size_t i = 0; i < p->n_steps; i++) {
		step_fmt(p, &p->step[i], text, sizeof(text));
		print_span(f, "at ", p->step[i].at, " ");
		fprintf(f, "%s\n", text);
	}
	for (size_t i = 0; i < p->n_expects; i++) {
		expect_fmt(&p->expect[i], text, sizeof(text));
		print_span(f, "at ", p->expect[i].at, " ");
		fprintf(f, "expect %s\n", text);
	}
}
