/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who should be active: a pure, symmetric comparison of two published claims in numbered steps
 * (docs/design/election.md has the same numbers; S139–S145).
 *
 *  1 able            gate works, configuration loaded, a weighted interface up
 *  2 forced          ha -force active (S141, S143)
 *  3 quality         quality over the terms that both know, higher by more than the margin; no
 *                    margin where links differ the same way (S145–S148)
 *  4 preference      ActiveIfEqual
 *  5 present active  no pre-emption; a claim of a lower term says nothing about role; when
 *                    neither is active, who was it last
 *  6 flows           in a conflict of two actives: clearly more when it went on alone
 *  7 master          NodeType
 *
 * 0: the claims cannot be told apart (two nodes with the same NodeType).
 */
#pragma once
#include "core/elect/claim.h"

enum rank_step {
	RANK_EQUAL,
	RANK_ABLE,
	RANK_FORCED,
	RANK_QUALITY,
	RANK_PREFERENCE,
	RANK_PRESENT_ACTIVE,
	RANK_FLOWS,
	RANK_MASTER,
};

/* > 0: a, < 0: b, 0: equal. *step says which step decided. rank_cmp(a, b) == -rank_cmp(b, a). */
int rank_cmp(const struct claim *a, const struct claim *b, enum rank_step *step);
const char *rank_step_name(enum rank_step s); /* "3 quality" */
