/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads scenario files: set-up lines, `at TIME STEP`, `expect …`. The language is described in
 * docs/design/testing.md; print.c writes it.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "plan.h"
#include "core/elect/claim.h"

#define WORDS_MAX 40

struct reader {
	const char *path;
	unsigned line;
	char *word[WORDS_MAX];
	size_t n, i;
	int64_t at; /* of the last `at` */
	struct plan *p;
	bool failed;
};

static void __attribute__((format(printf, 2, 3))) complain(struct reader *r, const char *fmt, ...)
{
	va_list ap;

	if (r->failed)
		return;
	r->failed = true;
	fprintf(stderr, "%s:%u: ", r->path, r->line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static const char *
next(struct reader *r)
{
	if (r->i >= r->n) {
		complain(r, "the line is too short");
		return "";
	}
	return r->word[r->i++];
}

static bool
take(struct reader *r, const char *word)
{
	if (r->i >= r->n || strcmp(r->word[r->i], word) != 0)
		return false;
	r->i++;
	return true;
}

/* "50ms", "1.5s", "200us" */
static bool
parse_span(const char *s, int64_t *ns)
{
	char *end;
	double v = strtod(s, &end);
	int64_t unit = strcmp(end, "s") == 0    ? NS_PER_S
		       : strcmp(end, "ms") == 0 ? NS_PER_MS
		       : strcmp(end, "us") == 0 ? NS_PER_US
		       : strcmp(end, "ns") == 0 ? 1
						: 0;

	if (end == s || unit == 0 || v < 0 || v * (double)unit > 9e18)
		return false;
	/* whole numbers are exact, however large */
	*ns = strchr(s, '.') ? (int64_t)(v * (double)unit + 0.5) : strtoll(s, NULL, 10) * unit;
	return true;
}

static int64_t
span(struct reader *r)
{
	const char *s = next(r);
	int64_t ns = 0;

	if (!parse_span(s, &ns))
		complain(r, "'%s' is no time: write 200us, 50ms or 1.5s", s);
	return ns;
}

static int64_t
number(struct reader *r, const char *suffix)
{
	const char *s = next(r);
	char *end;
	long long v;

	errno = 0;
	v = (long long)strtoull(s, &end, 0);
	if (end == s || errno || (strcmp(end, suffix) != 0 && *end != '\0'))
		complain(r, "'%s' is no number", s);
	return v;
}

/* a, b or both, as bits */
static uint8_t
nodes(struct reader *r)
{
	const char *s = next(r);

	if (strcmp(s, "a") == 0)
		return 1;
	if (strcmp(s, "b") == 0)
		return 2;
	if (strcmp(s, "both") != 0)
		complain(r, "'%s' is no node: write a, b or both", s);
	return 3;
}

static uint8_t
one_node(struct reader *r)
{
	uint8_t n = nodes(r);

	if (n == 3)
		complain(r, "one node is wanted here");
	return n == 2 ? B : A;
}

static uint8_t
direction(struct reader *r)
{
	const char *s = next(r);

	if (strcmp(s, "a->b") == 0)
		return 1;
	if (strcmp(s, "b->a") == 0)
		return 2;
	if (strcmp(s, "a<->b") != 0)
		complain(r, "'%s' is no direction: write a->b, b->a or a<->b", s);
	return 3;
}

static uint32_t
ports(struct reader *r)
{
	char *save, *s = (char *)(uintptr_t)next(r);
	uint32_t mask = 0;

	if (strcmp(s, "all") == 0)
		return (1u << r->p->setup.n_ports) - 1;
	for (s = strtok_r(s, ",", &save); s; s = strtok_r(NULL, ",", &save)) {
		unsigned i = 0;

		while (i < r->p->setup.n_ports && strcmp(r->p->setup.port[i].name, s) != 0)
			i++;
		if (i == r->p->setup.n_ports)
			complain(r, "there is no port '%s'", s);
		mask |= 1u << i;
	}
	return mask;
}

static int64_t
lookup(struct reader *r, const char *const *words, size_t n, const char *what)
{
	const char *s = next(r);

	for (size_t i = 0; i < n; i++)
		if (words[i] && strcmp(words[i], s) == 0)
			return (int64_t)i;
	complain(r, "'%s' is no %s", s, what);
	return 0;
}

static int64_t
monitor(struct reader *r)
{
	const char *s = next(r);

	for (unsigned i = 0; i < r->p->setup.n_monitors; i++)
		if (strcmp(r->p->setup.monitor[i].name, s) == 0)
			return i;
	complain(r, "there is no LinkMonitor '%s'", s);
	return 0;
}

static void
read_args(struct reader *r, struct step *s)
{
	for (const char *a = verb_words[s->verb].args; *a; a++) {
		if (*a == 'n')
			s->nodes = nodes(r);
		else if (*a == 'd')
			s->dirs = direction(r);
		else if (*a == 'p')
			s->ports = ports(r);
		else if (*a == '%')
			s->value = number(r, "%");
		else if (*a == '#')
			s->value = number(r, "ppm");
		else if (*a == 't')
			s->value = span(r);
		else if (*a == 'b')
			s->value = take(r, "never") ? -1 : span(r);
		else if (*a == 'c')
			s->value = lookup(r, command_words, 5, "command");
		else if (*a == 'm')
			s->value = monitor(r);
		else if (*a == 'i') {
			s->value = span(r) / NS_PER_MS;
			s->value2 = span(r) / NS_PER_MS;
			s->value3 = span(r) / NS_PER_MS;
		}
	}
	if (s->verb == DO_COMMAND)
		s->value2 = take(r, "even-unfit");
	if (take(r, "for") || r->i < r->n)
		s->span = span(r);
}

static void
read_step(struct reader *r)
{
	struct step *s = &r->p->step[r->p->n_steps];
	const char *w = next(r);

	if (r->p->n_steps == STEPS_MAX) {
		complain(r, "too many steps");
		return;
	}
	*s = (struct step){.at = r->at};
	while (s->verb < _VERB_MAX && strcmp(verb_words[s->verb].word, w) != 0)
		s->verb++;
	if (s->verb == _VERB_MAX) {
		complain(r, "'%s' is nothing that can be done", w);
		return;
	}
	read_args(r, s);
	r->p->n_steps++;
}

static void
read_at(struct reader *r)
{
	const char *s = next(r);
	int64_t t = 0;

	if (!parse_span(*s == '+' ? s + 1 : s, &t))
		complain(r, "'%s' is no time: write 3s, 3.5s or +50ms", s);
	r->at = *s == '+' ? r->at + t : t;
	if (take(r, "expect")) {
		r->i--;
		return;
	}
	if (r->i < r->n)
		read_step(r);
}

static void
read_node_expect(struct reader *r, struct expect *e)
{
	const char *w;

	e->node = one_node(r);
	(void)take(r, "stays");
	if (take(r, "sees")) {
		w = next(r);
		e->cond = EXPECT_SEES;
		while (e->value <= PEER_DEAD &&
			strcmp(peer_state_name((enum peer_state)e->value), w) != 0)
			e->value++;
		if (e->value > PEER_DEAD)
			complain(r, "'%s' is no state of a peer", w);
		return;
	}
	if (take(r, "note")) {
		w = next(r);
		e->cond = EXPECT_NOTE;
		while (e->value < _NOTE_MAX && strcmp(note_name((enum note_id)e->value), w) != 0)
			e->value++;
		if (e->value == _NOTE_MAX)
			complain(r, "'%s' is no note", w);
		return;
	}
	if (take(r, "down")) {
		e->cond = EXPECT_DOWN;
		return;
	}
	w = next(r);
	for (e->cond = EXPECT_GATE; e->value <= GATE_DRAINING; e->value++)
		if (strcmp(position_words[e->value], w) == 0)
			return;
	e->cond = EXPECT_ROLE;
	e->value = 0;
	while (e->value < _ROLE_MAX && strcmp(role_name((enum role)e->value), w) != 0)
		e->value++;
	if (e->value == _ROLE_MAX)
		complain(r, "'%s' is no role and no position of a gate", w);
}

static void
read_expect(struct reader *r)
{
	struct expect *e = &r->p->expect[r->p->n_expects];

	if (r->p->n_expects == EXPECTS_MAX) {
		complain(r, "too many expectations");
		return;
	}
	*e = (struct expect){.at = r->at, .line = r->line};
	if (take(r, "never")) {
		e->cond = EXPECT_NEVER_BOTH;
		r->i = r->n;
	} else if (take(r, "steady")) {
		e->cond = EXPECT_STEADY;
	} else if (take(r, "reply")) {
		e->cond = EXPECT_REPLY;
		if (take(r, "refused"))
			e->cond = EXPECT_ANY_REFUSAL;
		else
			e->value = lookup(r, refusal_words, _REFUSE_MAX, "reply");
	} else if (take(r, "outage")) {
		e->cond = EXPECT_OUTAGE;
		(void)take(r, "below");
		e->value = span(r);
	} else if (take(r, "one")) {
		e->cond = EXPECT_ONE_OPEN;
		(void)take(r, "open");
	} else if (r->i + 1 < r->n && strcmp(r->word[r->i], "both") == 0 &&
		   strcmp(r->word[r->i + 1], "open") == 0) {
		e->cond = EXPECT_BOTH_OPEN;
		r->i += 2;
	} else {
		read_node_expect(r, e);
	}
	if (take(r, "within"))
		e->within = span(r);
	else if (take(r, "for"))
		e->during = span(r);
	r->p->n_expects++;
}

static void
read_ports(struct reader *r)
{
	struct setup *s = &r->p->setup;

	for (s->n_ports = 0; r->i < r->n && s->n_ports < PORTS; s->n_ports++) {
		char *w = (char *)(uintptr_t)next(r), *equals = strchr(w, '=');
		unsigned i = s->n_ports;

		if (equals)
			*equals = '\0';
		snprintf(s->port[i].name, sizeof(s->port[i].name), "%.12s", w);
		s->port[i].sync = strncmp(w, "sync", 4) == 0;
		s->port[i].weight = s->port[i].sync ? 0 : equals ? (uint16_t)atoi(equals + 1) : 100;
	}
}

/* NAME[:PORT][=WEIGHT] … */
static void
read_monitors(struct reader *r)
{
	struct setup *s = &r->p->setup;

	for (s->n_monitors = 0; r->i < r->n && s->n_monitors < MONITORS; s->n_monitors++) {
		char *w = (char *)(uintptr_t)next(r), *equals = strchr(w, '=');
		char *colon = strchr(w, ':');
		unsigned i = s->n_monitors;

		s->monitor[i].weight = equals ? (uint16_t)atoi(equals + 1) : 0;
		s->monitor[i].port = colon ? (int)s->n_ports : -1;
		if (equals)
			*equals = '\0';
		if (colon)
			*colon = '\0';
		for (unsigned p = 0; colon && p < s->n_ports; p++)
			if (strcmp(s->port[p].name, colon + 1) == 0)
				s->monitor[i].port = (int)p;
		if (colon && s->monitor[i].port == (int)s->n_ports)
			complain(r, "there is no port '%s'", colon + 1);
		snprintf(s->monitor[i].name, sizeof(s->monitor[i].name), "%.12s", w);
	}
}

static void
read_timers(struct reader *r)
{
	uint8_t mask = r->i + 3 < r->n ? nodes(r) : 3;
	int64_t interval = span(r), failover = span(r), silence = span(r);

	for (int i = 0; i < 2; i++) {
		if (!(mask >> i & 1))
			continue;
		r->p->setup.node[i].interval_ms = (uint32_t)(interval / NS_PER_MS);
		r->p->setup.node[i].failover_ms = (uint32_t)(failover / NS_PER_MS);
		r->p->setup.node[i].silence_ms = (uint32_t)(silence / NS_PER_MS);
	}
}

/* Lines about one node: "WORD NODE VALUE". */
static bool
read_node_line(struct reader *r)
{
	static const char *const word[] = {
		"type", "key", "cluster", "enabled", "drift", "clock", "newer", "term", "counter"};
	static const char *const type[] = {"master", "slave"};
	static const char *const yes_no[] = {"no", "yes"};
	struct node_setup *n;
	size_t i = 0;

	while (i < 9 && !take(r, word[i]))
		i++;
	if (i == 9)
		return false;
	n = &r->p->setup.node[one_node(r)];
	if (i == 0)
		n->type = (enum node_type)lookup(r, type, 2, "node type");
	else if (i == 1)
		n->key = (uint8_t)number(r, "");
	else if (i == 2)
		n->cluster = (uint16_t)number(r, "");
	else if (i == 3)
		n->enabled = lookup(r, yes_no, 2, "answer");
	else if (i == 4)
		n->ppm = (int)number(r, "ppm");
	else if (i == 5)
		n->boot_ns = span(r);
	else if (i == 6)
		n->newer = (unsigned)number(r, "");
	else if (i == 7)
		n->term = (uint64_t)number(r, "");
	else
		n->counter = (uint64_t)number(r, "");
	return true;
}

static bool
read_setup_line(struct reader *r)
{
	struct setup *s = &r->p->setup;

	if (take(r, "title")) {
		s->title[0] = '\0';
		while (r->i < r->n) {
			size_t len = strlen(s->title);

			snprintf(s->title + len, sizeof(s->title) - len, "%s%s", len ? " " : "",
				next(r));
		}
	} else if (take(r, "random")) {
		s->random = (uint64_t)number(r, "");
	} else if (take(r, "ports")) {
		read_ports(r);
	} else if (take(r, "monitors")) {
		read_monitors(r);
	} else if (take(r, "timers")) {
		read_timers(r);
	} else if (take(r, "prefer")) {
		static const char *const word[] = {"automatic", "master", "slave"};

		s->prefer = (enum active_if_equal)lookup(r, word, 3, "preference");
	} else if (take(r, "wire")) {
		s->delay_ns = span(r);
		s->jitter_ns = span(r);
	} else if (take(r, "latency")) {
		s->latency_lo_ns = span(r);
		s->latency_hi_ns = span(r);
	} else if (take(r, "barrier")) {
		s->barrier_ns = take(r, "never") ? -1 : span(r);
	} else if (take(r, "traffic")) {
		s->traffic_ns = take(r, "none") ? 0 : span(r);
	} else if (take(r, "sync-time")) {
		s->sync_time_ns = span(r);
	} else if (take(r, "probe")) {
		s->probe_ns = span(r);
	} else if (take(r, "end")) {
		s->end_ns = span(r);
	} else {
		return read_node_line(r);
	}
	return true;
}

static void
read_line(struct reader *r, char *line)
{
	char *save, *hash = strchr(line, '#');

	if (hash)
		*hash = '\0';
	r->n = r->i = 0;
	for (char *w = strtok_r(line, " \t\n", &save); w; w = strtok_r(NULL, " \t\n", &save)) {
		if (r->n == WORDS_MAX) {
			complain(r, "too many words");
			return;
		}
		r->word[r->n++] = w;
	}
	if (r->n == 0)
		return;
	if (take(r, "at"))
		read_at(r);
	else if (!take(r, "expect") && !read_setup_line(r))
		complain(r, "'%s' starts no line", r->word[0]);
	else if (strcmp(r->word[0], "expect") == 0)
		read_expect(r);
	if (take(r, "expect"))
		read_expect(r);
	if (r->i < r->n)
		complain(r, "'%s' is too much", r->word[r->i]);
}

void
plan_default(struct plan *p)
{
	static const char *const name[] = {"sync", "lan", "wan"};

	*p = (struct plan){.setup = {.random = 1,
				   .n_ports = 3,
				   .delay_ns = 100 * NS_PER_US,
				   .jitter_ns = 50 * NS_PER_US,
				   .latency_lo_ns = 20 * NS_PER_US,
				   .latency_hi_ns = 200 * NS_PER_US,
				   .barrier_ns = NS_PER_MS,
				   .traffic_ns = 200 * NS_PER_US,
				   .sync_time_ns = 300 * NS_PER_MS,
				   .probe_ns = 100 * NS_PER_MS,
				   .end_ns = 20 * NS_PER_S}};
	for (unsigned i = 0; i < 3; i++) {
		snprintf(p->setup.port[i].name, sizeof(p->setup.port[i].name), "%s", name[i]);
		p->setup.port[i].sync = i == 0;
		p->setup.port[i].weight = i == 0 ? 0 : 100;
	}
	for (int i = 0; i < 2; i++)
		p->setup.node[i] = (struct node_setup){.type = i == A ? NODE_MASTER : NODE_SLAVE,
			.cluster = 7,
			.key = 1,
			.enabled = true,
			.interval_ms = 10,
			.failover_ms = 50,
			.silence_ms = 5000,
			.boot_ns = (1000 + 777 * i) * NS_PER_S};
}

void
plan_sort(struct plan *p)
{
	for (size_t i = 1; i < p->n_steps; i++) {
		struct step s = p->step[i];
		size_t j = i;

		for (; j > 0 && p->step[j - 1].at > s.at; j--)
			p->step[j] = p->step[j - 1];
		p->step[j] = s;
	}
}

int
plan_read(struct plan *p, const char *path)
{
	struct reader r = {.path = path, .p = p};
	FILE *f = fopen(path, "r");
	char line[512];

	if (!f) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	plan_default(p);
	while (!r.failed && fgets(line, sizeof(line), f)) {
		r.line++;
		read_line(&r, line);
	}
	fclose(f);
	plan_sort(p);
	return r.failed ? -1 : 0;
}
