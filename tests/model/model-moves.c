/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prints the roles and the table of allowed moves, for the comparison with the model. */
#include <stdio.h>
#include "core/elect/elect.h"

int
main(void)
{
	for (enum role from = 0; from < _ROLE_MAX; from++) {
		printf("ROLE %d %s\n", (int)from, role_name(from));
		for (enum role to = 0; to < _ROLE_MAX; to++)
			if (elect_move_allowed(from, to))
				printf("MOVE %s %s\n", role_name(from), role_name(to));
	}
	return 0;
}
