/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One line per event in fixed columns, so that a run can be read:
 *      time  node  what       role      gate      term  details
 */
#include <stdarg.h>
#include "sim.h"
#include "core/elect/claim.h"

void
trace_line(const struct world *w, enum trace_level level, int node, const char *what,
	const char *fmt, ...)
{
	static const char *const position[] = {"closed", "open", "drain"};
	char text[300];
	va_list ap;

	if (w->trace < level)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (node < 0)
		printf("%12.6f  *  %-9s %-9s %-7s %5s  %s\n", (double)w->now / 1e9, what, "", "",
			"", text);
	else
		printf("%12.6f  %c  %-9s %-9s %-7s %5llu  %s\n", (double)w->now / 1e9, 'a' + node,
			what, w->m[node].up ? role_name(w->m[node].role) : "-",
			position[gate_position(w, node, w->now)],
			(unsigned long long)w->m[node].term, text);
}
