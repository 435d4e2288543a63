/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lexer: see lex.h for the language. One pass, no look-ahead beyond the line. */
#include <string.h>
#include "core/conf/lex.h"

struct scan { /* one line */
	struct arena *a;
	const char *start, *p, *end;
	struct lex_line *out;
};

struct lexer
lex_init(const char *text, size_t len)
{
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark */
		text += 3;
		len -= 3;
	}
	return (struct lexer){.p = text, .end = text + len};
}

/* Bytes of the UTF-8 character at s[len], 0 when it is none (overlong, surrogate, cut, control). */
static size_t
utf8_len(const unsigned char *s, size_t len)
{
	static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n;
	unsigned c;

	if (s[0] < 0x80)
		return (s[0] >= 0x20 && s[0] != 0x7f) || s[0] == '\t';
	if (s[0] >= 0xf8 || s[0] < 0xc0)
		return 0;
	n = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (n > len)
		return 0;
	c = s[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) || (c >= 0x80 && c < 0xa0))
		return 0;
	return n;
}

size_t
lex_printable(const char *text, size_t len)
{
	size_t i = 0, n;

	while (i < len && (n = utf8_len((const unsigned char *)text + i, len - i)))
		i += n;
	return i;
}

static unsigned
column(const struct scan *s)
{
	return (unsigned)(s->p - s->start) + 1;
}

static bool
fail(struct scan *s, const char *message)
{
	if (!s->out->error) {
		s->out->error = message;
		s->out->error_column = column(s);
	}
	return false;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void
skip_blanks(struct scan *s)
{
	while (s->p < s->end && is_blank(*s->p))
		s->p++;
}

/* "…" at the scan position; what follows must end the value. */
static bool
scan_quoted(struct scan *s, const char **text)
{
	const char *close = s->p + 1;
	size_t n = 0;
	char *t;

	while (close < s->end && *close != '"')
		close += *close == '\\' ? 2 : 1;
	if (close >= s->end)
		return fail(s, "the closing '\"' is missing");
	t = arena_alloc(s->a, (size_t)(close - s->p));
	for (s->p++; s->p < close; s->p++) {
		if (*s->p == '\\') {
			if (s->p[1] != '"' && s->p[1] != '\\')
				return fail(s, "only \\\" and \\\\ may follow a backslash");
			s->p++;
		}
		t[n++] = *s->p;
	}
	s->p++;
	*text = t;
	return true;
}

/* A run of characters up to a blank or one of stop. */
static bool
scan_bare(struct scan *s, const char *stop, const char **text)
{
	const char *from = s->p;

	while (s->p < s->end && !is_blank(*s->p) && !strchr(stop, *s->p)) {
		if (*s->p == '#')
			return fail(s, "'#' inside a word: put a blank before a comment, or the "
				       "value in double quotes");
		if (*s->p == '"')
			return fail(s, "'\"' inside a word: put the whole value in double quotes "
				       "and write \\\" inside");
		s->p++;
	}
	*text = arena_strndup(s->a, from, (size_t)(s->p - from));
	return true;
}

static bool
scan_item(struct scan *s, struct lex_word *w)
{
	struct lex_item item = {.column = column(s)};

	if (s->p < s->end && *s->p == '"') {
		if (!scan_quoted(s, &item.text))
			return false;
		if (s->p < s->end && !is_blank(*s->p) && *s->p != ',')
			return fail(s, "a blank or ',' must follow the closing '\"'");
	} else {
		if (!scan_bare(s, ",", &item.text))
			return false;
		if (!item.text[0])
			return fail(s, "a value is missing beside ','");
	}
	w->items = arena_grow(s->a, w->items, w->n_items, sizeof(*w->items));
	w->items[w->n_items++] = item;
	return true;
}

/* The values after '='. */
static bool
scan_items(struct scan *s, struct lex_word *w)
{
	if (s->p == s->end || is_blank(*s->p))
		return true;
	for (;;) {
		if (!scan_item(s, w))
			return false;
		if (s->p == s->end || *s->p != ',')
			break;
		s->p++;
		skip_blanks(s);
	}
	if (w->n_items == 1 && !w->items[0].text[0])
		w->n_items = 0;
	return true;
}

static bool
scan_word(struct scan *s)
{
	struct lex_word w = {.column = column(s)};
	bool ok = true;

	if (*s->p == '"') {
		if (!scan_quoted(s, &w.text))
			return false;
		if (s->p < s->end && !is_blank(*s->p))
			return fail(s, "a blank must follow the closing '\"'");
	} else {
		if (*s->p == '=')
			return fail(
				s, "'=' without a property: write Property=Value, without blanks");
		if (!scan_bare(s, "=", &w.text))
			return false;
		if (s->p < s->end && *s->p == '=') {
			s->p++;
			w.assign = true;
			ok = scan_items(s, &w);
		}
	}
	s->out->words = arena_grow(s->a, s->out->words, s->out->n_words, sizeof(*s->out->words));
	s->out->words[s->out->n_words++] = w;
	return ok;
}

static void
scan_line(struct scan *s)
{
	size_t len = (size_t)(s->end - s->start), good = lex_printable(s->start, len);

	if (good < len) {
		s->p = s->start + good;
		fail(s, (unsigned char)*s->p < 0x80 ? "a control character" : "not valid UTF-8");
		return;
	}
	for (;;) {
		skip_blanks(s);
		if (s->p == s->end || *s->p == '#' || !scan_word(s))
			return;
	}
}

bool
lex_next(struct lexer *lx, struct arena *a, struct lex_line *out)
{
	while (lx->p < lx->end) {
		const char *from = lx->p;
		const char *nl = memchr(from, '\n', (size_t)(lx->end - from));
		const char *end = nl ? nl : lx->end;
		struct scan s = {.a = a, .start = from, .p = from, .out = out};

		lx->p = nl ? nl + 1 : lx->end;
		lx->line++;
		if (end > from && end[-1] == '\r')
			end--;
		s.end = end;
		*out = (struct lex_line){.line = lx->line};
		scan_line(&s);
		if (out->n_words || out->error)
			return true;
	}
	return false;
}
