/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The prompt: libedit's line editor with a history that is kept between sessions. */
#include <errno.h>
#include <fcntl.h>
#include <histedit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli/render.h"
#include "cli/run.h"

#define HISTORY_LINES 500

static char prompt[256];

static char *
shell_prompt(EditLine *el)
{
	(void)el;
	return prompt;
}

/* NAME:/> with the device's name; a daemon that is away changes nothing. */
static void
prompt_update(struct session *s)
{
	json_t *answer = client_call(&s->client, "stat", NULL, 0);

	if (answer)
		snprintf(prompt, sizeof(prompt), "%.60s:/%s%s%s> ",
			field_text(json_object_get(answer, "data"), "name", "Device"),
			s->context.type, s->context.name[0] ? "/" : "", s->context.name);
	else if (!prompt[0])
		snprintf(prompt, sizeof(prompt), "Device:/> ");
	json_decref(answer);
}

static void
history_path(char *path, size_t size)
{
	const char *home = getenv("HOME");

	path[0] = '\0';
	if (home && home[0] == '/')
		snprintf(path, size, "%s/.twinwall_history", home);
}

/* False: leave the prompt. */
static bool
shell_line(struct session *s, char *text)
{
	struct words words;
	const char *error;

	text[strcspn(text, "\n")] = '\0';
	error = words_split(text, &words);
	if (error) {
		fprintf(stderr, "column %u: %s\n", words.error_column, error);
		return true;
	}
	if (words.n == 0)
		return true;
	if (words.n == 1 && (strcmp(words.w[0], "exit") == 0 || strcmp(words.w[0], "quit") == 0))
		return false;
	run_command(s, words.w, words.n);
	return true;
}

static void
shell_loop(struct session *s, EditLine *el, History *hist)
{
	const char *line;
	HistEvent ev;
	char *copy;
	bool more = true;
	int n;

	while (more) {
		prompt_update(s);
		line = el_gets(el, &n);
		if (!line || n <= 0) {
			putchar('\n');
			return;
		}
		if (strspn(line, " \t\n") < strlen(line))
			history(hist, &ev, H_ENTER, line);
		copy = strdup(line);
		if (!copy)
			return;
		more = shell_line(s, copy);
		free(copy);
	}
}

/* Edits that nobody sees any more are not lost: where they are. */
static void
shell_leave(struct session *s)
{
	json_t *answer = client_call(&s->client, "changes", NULL, 0);
	const char *text = field_text(json_object_get(answer, "data"), "text", "");

	if (*text)
		printf("There are edits that are not activated; go on with: twinwall --session "
		       "%s\n",
			s->client.session);
	json_decref(answer);
}

int
run_shell(struct session *s)
{
	char session[CTL_SESSION_MAX];
	EditLine *el = el_init("twinwall", stdin, stdout, stderr);
	History *hist = history_init();
	char path[512];
	HistEvent ev;
	mode_t mask;

	if (!el || !hist) {
		fprintf(stderr, "twinwall: no line editor for this terminal\n");
		if (el)
			el_end(el);
		if (hist)
			history_end(hist);
		return EXIT_REFUSED;
	}
	history_path(path, sizeof(path));
	history(hist, &ev, H_SETSIZE, HISTORY_LINES);
	history(hist, &ev, H_SETUNIQUE, 1);
	if (path[0])
		history(hist, &ev, H_LOAD, path);
	el_set(el, EL_PROMPT, shell_prompt);
	el_set(el, EL_EDITOR, "emacs");
	el_set(el, EL_SIGNAL, 1);
	el_set(el, EL_HIST, history, hist);
	el_source(el, NULL);
	if (!s->client.session) { /* each prompt has edits of its own */
		snprintf(session, sizeof(session), "shell-%d", (int)getpid());
		s->client.session = session;
	}
	shell_loop(s, el, hist);
	shell_leave(s);
	s->client.session = NULL;
	mask = umask(077);
	if (path[0])
		history(hist, &ev, H_SAVE, path);
	umask(mask);
	history_end(hist);
	el_end(el);
	return EXIT_DONE;
}
