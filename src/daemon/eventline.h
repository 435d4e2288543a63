/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An event as a line on standard error, "TW1103 peer_dead: text", or to journald with the number,
 * the name and every argument as fields, when standard error is the journal.
 */
#pragma once
#include "core/notes/notes.h"

/* fields as of note_fields(). */
void eventline_write(enum note_id id, const char *text, const char *fields);
