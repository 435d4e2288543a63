/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Turns the data of an answer into the lines that people read. Pure apart from writing to a stream;
 * fields that are missing (an older or newer daemon) are left out, never fatal.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct render {
	FILE *out;
	bool colour;
};

/* cmd and its first argument (or NULL) say which view the data is. */
void render_answer(const struct render *r, const char *cmd, const char *arg, const json_t *data);

/* render_ha.c */
void render_ha(const struct render *r, const json_t *data);
/* render_quality.c */
void render_ha_quality(const struct render *r, const json_t *data);
/* render_why.c */
void render_ha_why(const struct render *r, const json_t *data);
/* render_log.c */
void render_log(const struct render *r, const json_t *data);
void render_event(const struct render *r, const json_t *e); /* nothing when it is none */
/* render_lists.c */
void render_stat(const struct render *r, const json_t *data);
void render_arp(const struct render *r, const json_t *data);
void render_connections(const struct render *r, const json_t *data);
void render_rules(const struct render *r, const json_t *data);
void render_history(const struct render *r, const json_t *data);
void render_help(const struct render *r, const json_t *data);

/* Fields by name with a value for "not there". */
const char *field_text(const json_t *o, const char *key, const char *missing);
long long field_int(const json_t *o, const char *key, long long missing);
bool field_true(const json_t *o, const char *key);

enum render_mood { MOOD_GOOD, MOOD_BAD, MOOD_WARN };
/* A word, coloured when the stream is a terminal. */
void render_word(const struct render *r, enum render_mood mood, const char *word);
