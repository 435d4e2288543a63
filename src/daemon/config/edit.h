/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Edits that are not activated yet: one candidate for each session of an administrator
 * (docs/design/commit.md). edit.c keeps them; cmd_edit.c and cmd_commit.c are the commands.
 */
#pragma once
#include "core/conf/candidate.h"
#include "daemon/config/commands.h"
#include "daemon/config/config.h"

#define EDITS_MAX 16

struct edit {
	bool used;
	char session[CTL_SESSION_MAX];
	char who[128];      /* of the last edit */
	int64_t changed_ns; /* wall clock of it */
	struct commit_id base;
	uint32_t activated; /* the revision that was made of it, until that is kept or taken back */
	struct arena arena; /* of both candidates and of touched */
	size_t fresh;       /* bytes of it when nothing was edited yet */
	struct conf_candidate from, cand;
	const char **touched; /* "IPRule a", each once, in the order of the edits */
	size_t n_touched;
};

struct edits {
	struct edit edit[EDITS_MAX];
};

void edits_open(struct config *c);
void edits_close(struct config *c);
/* A revision that was made of edits is kept · taken back. */
void edits_kept(struct config *c, uint32_t number);
void edits_back(struct config *c, uint32_t number);

/* The name of a request's session: its own, or that of the user. */
const char *edit_session(const struct control_request *rq, char buf[CTL_SESSION_MAX]);
/* NULL: nothing is edited in it. */
struct edit *edit_find(struct config *c, const struct control_request *rq);
/* Begins one on the revision in force; NULL with the answer filled in: too many. */
struct edit *edit_begin(struct config *c, const struct control_request *rq, struct answer *out);
void edit_end(struct edit *e);
/* The candidate becomes what this text says. */
void edit_replace(struct edit *e, const char *text);
/* An object was edited by this request; adds to notes who else edits it. */
void edit_touch(struct config *c, struct edit *e, const struct control_request *rq,
	const char *what, json_t *notes);
/* "bob (root, pid 7) has edited IPRule a, Route b since 12:03 …", for every other session. */
void edit_others(struct config *c, const struct edit *e, json_t *notes);

/* cmd_commit.c: the ends of commands that waited. */
void edit_activated(struct config *c, uint32_t wait_id, enum commit_result r, const char *why);
void edit_committed(struct config *c, uint32_t wait_id);
