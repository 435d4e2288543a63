/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * twinwalld: options, and which of the processes this one is. The supervisor starts the others as
 * `twinwalld --role NAME`, with its socket as SETUP_FD.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include "base/log.h"
#include "daemon/setup.h"

static const char usage_text[] =
	"usage: twinwalld [--etc DIR] [--state DIR] [--run DIR]\n"
	"       twinwalld --check FILE\n"
	"  --etc DIR    configuration for the first start (/etc/twinwall)\n"
	"  --state DIR  revisions and cluster key (/var/lib/twinwall)\n"
	"  --run DIR    control socket (/run/twinwall)\n"
	"  --check FILE check a configuration, print every error; exit status 0 or 1\n"
	"  --version, --help\n"
	"Runs in the foreground and logs to standard error.\n";

static const struct {
	const char *role, *name; /* --role, process name */
	int (*fn)(const struct daemon_opts *o);
} roles[] = {
	{"supervisor", "twinwalld", supervisor_main},
	{"engine", "tw-engine", engine_main},
	{"statesync", "tw-statesync", statesync_main},
	{"config", "tw-config", config_main},
	{"probe", "tw-probe", probe_main},
};

static int
usage(void)
{
	fputs(usage_text, stderr);
	return 2;
}

static int
run_role(const char *role, const struct daemon_opts *o)
{
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		if (strcmp(roles[i].role, role) != 0)
			continue;
		prctl(PR_SET_NAME, roles[i].name);
		log_init(roles[i].name);
		return roles[i].fn(o);
	}
	return usage();
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {{"etc", required_argument, NULL, 'e'},
		{"state", required_argument, NULL, 's'}, {"run", required_argument, NULL, 'r'},
		{"check", required_argument, NULL, 'c'}, {"role", required_argument, NULL, 'R'},
		{"warm", no_argument, NULL, 'w'}, {"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'}, {0}};
	struct daemon_opts o = {
		.etc = "/etc/twinwall", .state = "/var/lib/twinwall", .run = "/run/twinwall"};
	const char *check = NULL, *role = "supervisor";
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 'e':
			o.etc = optarg;
			break;
		case 's':
			o.state = optarg;
			break;
		case 'r':
			o.run = optarg;
			break;
		case 'c':
			check = optarg;
			break;
		case 'R':
			role = optarg;
			break;
		case 'w':
			o.warm = true;
			break;
		case 'V':
			puts("twinwalld " TW_VERSION);
			return 0;
		case 'h':
			fputs(usage_text, stdout);
			return 0;
		default:
			return usage();
		}
	}
	if (optind < argc)
		return usage();
	return check ? check_main(check) : run_role(role, &o);
}
