/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lines are comments of the configuration language: what reads statements skips them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/commit/head.h"

#define WORD_REVISION "# revision: "
#define WORD_TIME     "# time: "
#define WORD_AUTHOR   "# author: "
#define WORD_REMARK   "# remark: "
#define WORD_REPLACES "# replaces: "

bool
commit_same_content(const struct commit_id *a, const struct commit_id *b)
{
	return memcmp(a->hash, b->hash, COMMIT_HASH) == 0;
}

bool
commit_id_equal(const struct commit_id *a, const struct commit_id *b)
{
	return a->number == b->number && commit_same_content(a, b);
}

/* A line, cut where it would not fit, without what would end it early. */
static void
put(char **p, const char *end, const char *word, const char *value)
{
	for (; *word && *p < end; word++)
		*(*p)++ = *word;
	for (; *value && *p < end; value++)
		if ((unsigned char)*value >= ' ' && *value != 0x7f)
			*(*p)++ = *value;
	if (*p < end)
		*(*p)++ = '\n';
	**p = '\0';
}

static const char *
id_fmt(const struct commit_id *id, char buf[40])
{
	int n = snprintf(buf, 40, "%u ", id->number);

	for (unsigned i = 0; i < COMMIT_HASH; i++)
		n += snprintf(buf + n, 40 - (size_t)n, "%02x", id->hash[i]);
	return buf;
}

void
commit_head_fmt(const struct commit_head *h, char *buf)
{
	char *p = buf, value[40];
	const char *end = buf + COMMIT_HEAD_TEXT_MAX - 1;

	put(&p, end, WORD_REVISION, id_fmt(&h->id, value));
	snprintf(value, sizeof(value), "%lld", (long long)h->time_s);
	put(&p, end, WORD_TIME, value);
	for (unsigned i = 0; i < h->n_replaces; i++)
		put(&p, end, WORD_REPLACES, id_fmt(&h->replaces[i], value));
	put(&p, end, WORD_AUTHOR, h->author);
	if (h->remark[0])
		put(&p, end, WORD_REMARK, h->remark);
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
id_parse(const char *s, struct commit_id *out)
{
	char *end;
	unsigned long n = strtoul(s, &end, 10);

	if (end == s || *end != ' ' || n == 0 || n > UINT32_MAX)
		return false;
	out->number = (uint32_t)n;
	for (unsigned i = 0; i < COMMIT_HASH; i++) {
		int high = hex(end[1 + 2 * i]), low = high < 0 ? -1 : hex(end[2 + 2 * i]);

		if (low < 0)
			return false;
		out->hash[i] = (uint8_t)(high << 4 | low);
	}
	return end[1 + 2 * COMMIT_HASH] == '\0';
}

/* What follows `word` at the start of the line; NULL: another line. */
static const char *
value_of(const char *line, const char *word)
{
	size_t n = strlen(word);

	return strncmp(line, word, n) == 0 ? line + n : NULL;
}

static void
line_parse(const char *line, struct commit_head *out)
{
	const char *v;

	if ((v = value_of(line, WORD_TIME)))
		out->time_s = strtoll(v, NULL, 10);
	else if ((v = value_of(line, WORD_AUTHOR)))
		snprintf(out->author, sizeof(out->author), "%.*s", COMMIT_AUTHOR_MAX - 1, v);
	else if ((v = value_of(line, WORD_REMARK)))
		snprintf(out->remark, sizeof(out->remark), "%.*s", COMMIT_REMARK_MAX - 1, v);
	else if ((v = value_of(line, WORD_REPLACES)) && out->n_replaces < COMMIT_REPLACES_MAX)
		out->n_replaces += id_parse(v, &out->replaces[out->n_replaces]);
}

bool
commit_head_parse(const char *text, size_t len, struct commit_head *out)
{
	char line[COMMIT_REMARK_MAX + 32];
	bool found = false;

	memset(out, 0, sizeof(*out));
	while (len > 0 && *text == '#') {
		const char *nl = memchr(text, '\n', len), *v;
		size_t n = nl ? (size_t)(nl - text) : len;

		snprintf(line, sizeof(line), "%.*s", (int)(n < sizeof(line) ? n : sizeof(line) - 1),
			text);
		v = value_of(line, WORD_REVISION);
		if (v && !(found = id_parse(v, &out->id)))
			break;
		if (found)
			line_parse(line, out);
		n += nl != NULL;
		text += n;
		len -= n;
	}
	if (!found)
		memset(out, 0, sizeof(*out));
	return found;
}
