/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The catalogue as a table, and how events are called by people. */
#include <stdlib.h>
#include <string.h>
#include "core/notes/catalogue.h"

const struct note_entry note_catalogue[_NOTE_MAX] = {
#define NOTE(id, number, level, name, args, text, meaning, action)                                 \
	[NOTE_##id] = {number, LOG_##level, name, args, text, meaning, action},
#include "core/notes/catalogue-roles.def"
#include "core/notes/catalogue-cluster.def"
#include "core/notes/catalogue-node.def"
#undef NOTE
};

const struct note_area note_areas[NOTE_AREAS] = {{1000, "Changes of role"}, {1100, "The peer"},
	{1200, "Links and quality"}, {1300, "The gate"}, {1400, "Frames refused"},
	{1500, "State sync"}, {1600, "Configuration and kernel"}, {1700, "Processes"},
	{1800, "Probes"}, {1900, "Operators"}};

enum note_id
note_find(const char *name)
{
	const char *digits = strncasecmp(name, "TW", 2) == 0 ? name + 2 : name;
	unsigned long number = 0;
	unsigned id = 0;

	if (strspn(digits, "0123456789") == strlen(digits) && strlen(digits) == 4)
		number = strtoul(digits, NULL, 10);
	while (id < _NOTE_MAX && note_catalogue[id].number != number &&
		strcmp(note_catalogue[id].name, name) != 0)
		id++;
	return (enum note_id)id;
}
