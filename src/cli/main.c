/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * twinwall: the command line. Speaks the control protocol (docs/design/control.md) and nothing
 * else: whatever it shows has come through the socket.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli/run.h"

static const char usage_text[] =
	"usage: twinwall [--run DIR] [--session NAME] [--json] [COMMAND ...]\n"
	"       twinwall [--run DIR] [--session NAME] [--json] -f FILE\n"
	"  --run DIR   folder of the control socket (/run/twinwall)\n"
	"  --session NAME  edit in a session of that name, not in the user's own\n"
	"  --json      print what the daemon answers as JSON\n"
	"  -f FILE     run commands from a file, - = standard input; stops at the first error\n"
	"  --version, --help\n"
	"Without a command: a prompt on a terminal, else as -f -. `twinwall help` lists the "
	"commands.\n"
	"Exit status: 0 done, 1 refused or failed, 2 wrong usage, 3 daemon not reachable.\n";

struct options {
	const char *run, *session, *file;
	bool json, help, version;
	const char *error; /* what is wrong */
	const char *words[WORDS_MAX];
	size_t n_words;
};

/* An option that stands before the command; returns how many arguments it takes. */
static int
option_take(struct options *o, char **argv)
{
	if (strcmp(argv[0], "--run") == 0 || strcmp(argv[0], "--session") == 0 ||
		strcmp(argv[0], "-f") == 0) {
		if (!argv[1]) {
			o->error = "an option lacks its value";
			return 1;
		}
		if (argv[0][1] == 'f')
			o->file = argv[1];
		else if (argv[0][2] == 's')
			o->session = argv[1];
		else
			o->run = argv[1];
		return 2;
	}
	if (strncmp(argv[0], "--run=", 6) == 0)
		o->run = argv[0] + 6;
	else if (strncmp(argv[0], "--session=", 10) == 0)
		o->session = argv[0] + 10;
	else if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)
		o->help = true;
	else if (strcmp(argv[0], "--version") == 0)
		o->version = true;
	else
		o->error = "unknown option";
	return 1;
}

/* Options end where the command begins, as it has dashes of its own; --json may stand anywhere. */
static void
options_parse(struct options *o, char **argv)
{
	*o = (struct options){.run = "/run/twinwall"};
	for (argv++; *argv && !o->error;) {
		if (strcmp(*argv, "--json") == 0) {
			o->json = true;
			argv++;
		} else if (o->n_words == 0 && argv[0][0] == '-' && argv[0][1]) {
			argv += option_take(o, argv);
		} else if (o->n_words == WORDS_MAX) {
			o->error = "too many words";
		} else {
			o->words[o->n_words++] = *argv++;
		}
	}
	if (o->file && o->n_words > 0)
		o->error = "either -f FILE or a command";
}

int
main(int argc, char **argv)
{
	struct session s = {0};
	struct options o;
	int status;

	if (argc < 1)
		return EXIT_USAGE;
	options_parse(&o, argv);
	if (o.error) {
		fprintf(stderr, "twinwall: %s\n%s", o.error, usage_text);
		return EXIT_USAGE;
	}
	if (o.help || o.version) {
		fputs(o.help ? usage_text : "twinwall " TW_VERSION "\n", stdout);
		return EXIT_DONE;
	}
	client_init(&s.client, o.run);
	s.client.session = o.session;
	s.json = o.json;
	s.colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	if (o.file) {
		status = run_script(&s, o.file);
	} else if (o.n_words > 0) {
		status = run_command(&s, o.words, o.n_words);
	} else if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)) {
		status = run_shell(&s);
	} else {
		status = run_script(&s, "-"); /* nobody to prompt */
	}
	client_fini(&s.client);
	return status;
}
