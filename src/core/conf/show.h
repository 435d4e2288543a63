/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing statements into one growing text; shared by show.c and diff.c only. */
#pragma once
#include "core/conf/candidate.h"

enum show_part { SHOW_ALL, SHOW_SHARED, SHOW_LOCAL };

struct text { /* grows in the arena, always terminated */
	struct arena *a;
	char *s;
	size_t len, size;
};

void text_put(struct text *t, const char *s);
const char *text_end(const struct text *t);

void show_head(struct text *t, const char *verb, const struct conf_object *o);
/* " Property=value,value"; v NULL writes " Property=" */
void show_prop(struct text *t, const struct schema_prop *p, const struct candidate_value *v);
/* The whole statement; place 0 = without Index. */
void show_object(struct text *t, const struct conf_object *o, enum show_part part, size_t place);
