/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bounded big-endian writer and reader for every message on the wire or between processes. Running
 * out of room sets `bad` once and for all: callers write or read a whole message and look at `bad`
 * at the end. Reads past the end give zeros.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct wr {
	uint8_t *start, *p, *end;
	bool bad;
};

struct rd {
	const uint8_t *p, *end;
	bool bad;
};

static inline struct wr
wr_init(void *buf, size_t len)
{
	return (struct wr){.start = buf, .p = buf, .end = (uint8_t *)buf + len};
}

static inline size_t
wr_len(const struct wr *w)
{
	return (size_t)(w->p - w->start);
}

static inline size_t
wr_room(const struct wr *w)
{
	return (size_t)(w->end - w->p);
}

static inline struct rd
rd_init(const void *buf, size_t len)
{
	return (struct rd){.p = buf, .end = (const uint8_t *)buf + len};
}

static inline size_t
rd_left(const struct rd *r)
{
	return (size_t)(r->end - r->p);
}

/* The message was read completely, with nothing missing and nothing left over. */
static inline bool
rd_done(const struct rd *r)
{
	return !r->bad && r->p == r->end;
}

static inline void
wr_bytes(struct wr *w, const void *src, size_t len)
{
	if (w->bad || wr_room(w) < len) {
		w->bad = true;
		return;
	}
	if (len)
		memcpy(w->p, src, len);
	w->p += len;
}

static inline void
rd_bytes(struct rd *r, void *dst, size_t len)
{
	if (r->bad || rd_left(r) < len) {
		r->bad = true;
		memset(dst, 0, len);
		return;
	}
	if (len)
		memcpy(dst, r->p, len);
	r->p += len;
}

static inline void
wr_uint(struct wr *w, uint64_t v, unsigned size)
{
	uint8_t b[8];

	for (unsigned i = 0; i < size; i++)
		b[i] = (uint8_t)(v >> (8 * (size - 1 - i)));
	wr_bytes(w, b, size);
}

static inline uint64_t
rd_uint(struct rd *r, unsigned size)
{
	uint8_t b[8];
	uint64_t v = 0;

	rd_bytes(r, b, size);
	for (unsigned i = 0; i < size; i++)
		v = v << 8 | b[i];
	return v;
}

#define wr_u8(w, v)  wr_uint(w, v, 1)
#define wr_u16(w, v) wr_uint(w, v, 2)
#define wr_u32(w, v) wr_uint(w, v, 4)
#define wr_u64(w, v) wr_uint(w, v, 8)
#define rd_u8(r)     ((uint8_t)rd_uint(r, 1))
#define rd_u16(r)    ((uint16_t)rd_uint(r, 2))
#define rd_u32(r)    ((uint32_t)rd_uint(r, 4))
#define rd_u64(r)    rd_uint(r, 8)

/* A string: one length byte, then the bytes without NUL; longer ones are cut at 255. */
static inline void
wr_str(struct wr *w, const char *s)
{
	size_t len = strlen(s);

	if (len > 255)
		len = 255;
	wr_u8(w, len);
	wr_bytes(w, s, len);
}

/* Reads a wr_str() into dst[size], always terminated; a string that does not fit or holds a NUL is
 * bad. */
static inline void
rd_str(struct rd *r, char *dst, size_t size)
{
	size_t len = rd_u8(r);

	if (len >= size || rd_left(r) < len || memchr(r->p, 0, len)) {
		r->bad = true;
		len = 0;
	}
	rd_bytes(r, dst, len);
	dst[len] = '\0';
}

static inline uint64_t
wire_zigzag(int64_t v)
{
	return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static inline int64_t
wire_unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}
