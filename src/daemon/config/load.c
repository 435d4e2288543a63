/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the state folder (or, the first time, ETC/twinwall.conf), or from an edited text, to a
 * revision that can be applied. Nothing is kept of a configuration with errors, and every error is
 * told.
 */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "core/rules/compile.h"
#include "daemon/config/config.h"
#include "daemon/config/key.h"
#include "sys/nft.h"

#define CONF_NAME "twinwall.conf"

static void
log_conf_errors(
	struct eventlog *log, struct arena *a, const char *file, const struct conf_errors *errors)
{
	for (size_t i = 0; i < errors->n; i++)
		eventlog_add(log, errors->e[i].warning ? NOTE_CONF_WARNING : NOTE_CONF_ERROR,
			ARG(conf_error_fmt(a, file, &errors->e[i])));
}

/* text → candidate and model. 0 or -EINVAL with everything logged. */
static int
revision_check(
	struct revision *rev, const char *file, const char *text, size_t len, struct eventlog *log)
{
	struct conf_errors errors = {0};
	bool parsed = conf_parse(&rev->arena, text, len, &rev->cand, &errors);

	/* Checks run on what could be parsed, too: all errors at once are worth more than a
	 * few that only follow from others. */
	rev->model = conf_check(&rev->arena, &rev->cand, &errors);
	log_conf_errors(log, &rev->arena, file, &errors);
	if (parsed && rev->model)
		return 0;
	eventlog_add(log, NOTE_CONF_REFUSED, ARG(file), ARG(errors.n - errors.n_warnings));
	return -EINVAL;
}

static int
read_etc(const struct daemon_opts *o, struct arena *a, const char *file, const char **text,
	size_t *len, struct eventlog *log)
{
	int dir = open(o->etc, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	r = dir < 0 ? -errno : store_read_file(dir, CONF_NAME, STORE_TEXT_MAX, a, text, len);
	if (dir >= 0)
		close(dir);
	if (r < 0)
		eventlog_add(log, NOTE_CONF_UNREADABLE, ARG(file), ARG(strerror(-r)),
			ARG(arena_printf(a,
				"without a committed revision in %s this file is the "
				"configuration",
				o->state)));
	return r;
}

static int
store_failed(struct eventlog *log, const struct daemon_opts *o, const char *what, int r)
{
	char path[512], error[128];

	snprintf(path, sizeof(path), "%s/%s", o->state, what);
	snprintf(error, sizeof(error), "%s%s", strerror(-r),
		r == -ENOSPC || r == -EDQUOT ? ": make room and start again" : "");
	eventlog_add(log, NOTE_STORE_FAILED, ARG(path), ARG(error));
	return r;
}

/* The first start: ETC/twinwall.conf. Checked, but not stored yet. */
static int
revision_first(struct revision *rev, const struct daemon_opts *o, struct eventlog *log)
{
	const char *file = arena_printf(&rev->arena, "%s/" CONF_NAME, o->etc), *text;
	size_t len;
	int r = read_etc(o, &rev->arena, file, &text, &len, log);

	return r < 0 ? r : revision_check(rev, file, text, len, log);
}

/* What follows the comment lines at the start. */
static const char *
statements_of(const char *text)
{
	while (*text == '#') {
		text = strchrnul(text, '\n');
		text += *text == '\n';
	}
	return text;
}

/* A module that was found, but not the one for translated connections that goes with it. */
static bool
lacks_nat(const char *helper)
{
	char own[96], nat[96];

	/* built in: then so is the other, which has no switch of its own */
	snprintf(own, sizeof(own), "/sys/module/nf_conntrack_%s/initstate", helper);
	snprintf(nat, sizeof(nat), "/sys/module/nf_nat_%s", helper);
	return access(own, F_OK) == 0 && access(nat, F_OK) < 0;
}

/* Which of the helpers that the rules ask for this kernel has; what is missing is told. */
static unsigned
find_helpers(struct revision *rev, struct eventlog *log)
{
	unsigned used = helper_used(rev->model), found = 0;

	for (unsigned i = HELPER_NONE + 1; i < _HELPER_MAX; i++) {
		const char *name = helper_name((enum conf_helper)i);
		bool has;

		if (!(used & 1u << i))
			continue;
		has = nft_check(rules_helper_probe(&rev->arena, (enum conf_helper)i), NULL, 0) == 0;
		if (has)
			found |= 1u << i;
		if (!has || lacks_nat(name))
			eventlog_add(log, NOTE_HELPER_MISSING, ARG(name),
				ARG(arena_printf(
					&rev->arena, "nf_%s_%s", has ? "nat" : "conntrack", name)));
	}
	return found;
}

/* What is made of a checked text, and its identity. */
static void
revision_finish(struct revision *rev, const uint8_t *key, struct eventlog *log)
{
	enum node_type self = rev->model->ha.node_type;

	rev->plan = netplan_make(&rev->arena, rev->model, self);
	rev->ruleset = rules_compile(&rev->arena, rev->model, self, find_helpers(rev, log));
	hand_ha_conf(&rev->ha, rev, key);
	hand_sync_conf(&rev->sync, rev, key);
	rev->id.number = rev->number;
	memcpy(rev->id.hash, rev->model->hash, sizeof(rev->id.hash));
}

const char *
revision_text(struct arena *a, const struct commit_head *head, const char *statements)
{
	char lines[COMMIT_HEAD_TEXT_MAX];

	commit_head_fmt(head, lines);
	return arena_printf(a, "%s%s", lines, statements);
}

/*
 * Stores what revision_first() read, as revision 1. When `current` was removed on purpose, to have
 * the file read again, it becomes the next number: older revisions stay as they are.
 */
static int
revision_keep(struct revision *rev, const struct store *store, const struct daemon_opts *o,
	struct eventlog *log)
{
	const char *kept = conf_show(&rev->arena, &rev->cand, NULL, NULL), *old;
	struct commit_head head = {.time_s = time(NULL), .author = "twinwall.conf"};
	uint32_t highest = 0;
	size_t old_len;
	int r = store_highest(store, &highest);

	if (r < 0)
		return store_failed(log, o, "revisions", r);
	rev->number = highest + 1;
	if (highest > 0 && store_read(store, highest, &rev->arena, &old, &old_len) == 0 &&
		strcmp(statements_of(old), kept) == 0)
		rev->number = highest; /* a crash came between the text and `current` */
	head.id.number = rev->number;
	memcpy(head.id.hash, rev->model->hash, sizeof(head.id.hash));
	kept = revision_text(&rev->arena, &head, kept);
	if (rev->number != highest)
		r = store_write(store, rev->number, kept, strlen(kept));
	if (r < 0)
		return store_failed(log, o, "revisions", r);
	r = store_set_current(store, rev->number);
	if (r < 0)
		return store_failed(log, o, "current", r);
	eventlog_add(log, NOTE_CONF_FIRST, ARG(arena_printf(&rev->arena, "%s/" CONF_NAME, o->etc)),
		ARG(rev->number));
	return 0;
}

static int
revision_stored(struct revision *rev, const struct store *store, const struct daemon_opts *o,
	struct eventlog *log)
{
	const char *file = arena_printf(&rev->arena, "%s/revisions/%u.conf", o->state, rev->number);
	const char *text;
	size_t len;
	int r = store_read(store, rev->number, &rev->arena, &text, &len);

	if (r < 0) {
		eventlog_add(log, NOTE_CONF_UNREADABLE, ARG(file), ARG(strerror(-r)),
			ARG(arena_printf(&rev->arena,
				"%s/current names this revision; write the number of another one "
				"into it, or remove it to have %s/" CONF_NAME " read again",
				o->state, o->etc)));
		return r;
	}
	return revision_check(rev, file, text, len, log);
}

/* 0 = a stored revision, STORE_NONE = read from ETC and to be kept, -errno. */
static int
revision_read(struct revision *rev, uint32_t number, const struct store *store,
	const struct daemon_opts *o, struct eventlog *log)
{
	int r = number ? 0 : store_current(store, &rev->number);

	if (number)
		rev->number = number;
	if (r == STORE_NONE) {
		r = revision_first(rev, o, log);
		return r < 0 ? r : STORE_NONE;
	}
	if (r == -EBADMSG)
		eventlog_add(log, NOTE_STORE_FAILED,
			ARG(arena_printf(&rev->arena, "%s/current", o->state)),
			ARG("is damaged: it must hold the number of a revision"));
	else if (r < 0)
		store_failed(log, o, "current", r);
	return r < 0 ? r : revision_stored(rev, store, o, log);
}

/* Fills in key for a cluster; zeros for a single firewall. */
static int
read_key(const struct revision *rev, const struct store *store, const struct daemon_opts *o,
	uint8_t *key, struct eventlog *log)
{
	char err[512];
	int r;

	if (!rev->model->ha.enabled)
		return 0;
	r = key_load(store, o->state, key, err, sizeof(err));
	if (r < 0)
		eventlog_add(log, NOTE_KEY_UNUSABLE, ARG(err));
	else if (r == KEY_CREATED)
		eventlog_add(log, NOTE_KEY_CREATED, ARG(o->state));
	return r < 0 ? r : 0;
}

int
revision_load(struct revision *rev, uint32_t number, const struct store *store,
	const struct daemon_opts *o, struct eventlog *log)
{
	uint8_t key[CLUSTER_KEY_LEN] = {0};
	int r, from;

	memset(rev, 0, sizeof(*rev));
	from = r = revision_read(rev, number, store, o, log);
	if (r >= 0)
		r = read_key(rev, store, o, key, log);
	/* Only now: a first start that failed reads the file again. */
	if (r == 0 && from == STORE_NONE)
		r = revision_keep(rev, store, o, log);
	if (r == 0)
		revision_finish(rev, key, log);
	sodium_memzero(key, sizeof(key));
	if (r < 0)
		revision_fini(rev);
	return r;
}

int
revision_make(struct revision *rev, uint32_t number, const char *text, size_t len,
	const struct store *store, const struct daemon_opts *o, struct eventlog *log,
	struct conf_errors *errors)
{
	uint8_t key[CLUSTER_KEY_LEN] = {0};
	bool parsed;
	int r = -EINVAL;

	memset(rev, 0, sizeof(*rev));
	rev->number = number;
	parsed = conf_parse(&rev->arena, text, len, &rev->cand, errors);
	rev->model = conf_check(&rev->arena, &rev->cand, errors);
	if (parsed && rev->model)
		r = read_key(rev, store, o, key, log);
	if (r == 0)
		revision_finish(rev, key, log);
	sodium_memzero(key, sizeof(key));
	return r; /* the arena holds the errors: fini is the caller's */
}

void
revision_fini(struct revision *rev)
{
	sodium_memzero(&rev->ha, sizeof(rev->ha));
	sodium_memzero(&rev->sync, sizeof(rev->sync));
	arena_free(&rev->arena);
	rev->model = NULL;
}
