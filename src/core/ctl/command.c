/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command table: names, usage and help texts. */
#include <string.h>
#include "core/ctl/command.h"

const struct ctl_command ctl_commands[_CTL_MAX] = {
	[CTL_HA] = {CTL_HA, "ha", "[quality | why | -activate | -deactivate | -force active|none]",
		"role of this node, state of the peer and of the flow tables",
		"ha              which node this is, who forwards, whether the peer is alive\n"
		"ha quality      every term of the quality factor and how they add up\n"
		"ha why          the last changes of role: when, on what evidence, by which rule\n"
		"ha -activate    planned switch: this node takes over; waits for the result\n"
		"ha -deactivate  planned switch: the peer takes over; waits for the result\n"
		"ha -force active  keep this node active whatever its quality (for debugging "
		"only)\n"
		"ha -force none    end of it",
		CTL_NOW},
	[CTL_STAT] = {CTL_STAT, "stat", "", "connections, state sync, heartbeats and uptime", "",
		CTL_NOW},
	[CTL_ARP] = {CTL_ARP, "arp", "-show [ADDRESS] | -notify",
		"neighbours and shared addresses; announce the shared addresses",
		"arp -show [ADDRESS]  neighbours the kernel knows, shared addresses with their "
		"MAC\n"
		"arp -notify          send gratuitous ARP and unsolicited neighbour "
		"advertisements\n"
		"                     now (active node only)",
		CTL_NOW},
	[CTL_CONNECTIONS] = {CTL_CONNECTIONS, "connections", "[ADDRESS] [-limit N] [-skip N]",
		"connections the node tracks, both sides of address translation",
		"ADDRESS   only connections with this address on any side, as ADDRESS or "
		"NETWORK/n\n"
		"-limit N  at most N lines (50, up to 10000)\n"
		"-skip N   leave out the first N",
		CTL_NOW},
	[CTL_RULES] = {CTL_RULES, "rules", "[NAME]", "IP rules with their packet and byte counts",
		"", CTL_NOW},
	[CTL_SHOW] = {CTL_SHOW, "show", "[TYPE [NAME]]",
		"the configuration that runs, as statements", "", CTL_NOW},
	[CTL_LOG] = {CTL_LOG, "log", "[[-n] N] [-level LEVEL] [-id EVENT] | -explain EVENT",
		"the last events of this node, the newest last",
		"-n N            at most N events (50, up to 1000)\n"
		"-level LEVEL    of this severity and worse: error, warning, notice, info\n"
		"-id EVENT       of one kind: TW1103, peer_dead, or a pattern as 'conflict_*'\n"
		"-explain EVENT  what an event means and what to do (also: help EVENT)\n"
		"twinwall-events(7) lists all of them.",
		CTL_NOW},
	[CTL_SHUTDOWN] = {CTL_SHUTDOWN, "shutdown", "[SECONDS]",
		"hand over and restart the service, at once or after SECONDS (up to 3600)", "",
		CTL_NOW},
	[CTL_HELP] = {CTL_HELP, "help", "[COMMAND|TYPE|EVENT]",
		"this list, or help on a command, an object type, or an event of the log", "",
		CTL_NOW},
	[CTL_ADD] = {CTL_ADD, "add", "TYPE NAME Property=Value ...", "add an object", "",
		CTL_LATER_EDIT},
	[CTL_SET] = {CTL_SET, "set", "TYPE [NAME] Property=Value ...", "change an object", "",
		CTL_LATER_EDIT},
	[CTL_DELETE] = {CTL_DELETE, "delete", "TYPE NAME", "delete an object", "", CTL_LATER_EDIT},
	[CTL_CC] = {CTL_CC, "cc", "[TYPE [NAME]]", "change the context of the next commands", "",
		CTL_LATER_EDIT},
	[CTL_CHANGES] = {CTL_CHANGES, "changes", "", "edits that are not activated", "",
		CTL_LATER_EDIT},
	[CTL_ACTIVATE] = {CTL_ACTIVATE, "activate", "", "put the edited configuration into force",
		"", CTL_LATER_EDIT},
	[CTL_COMMIT] = {CTL_COMMIT, "commit", "", "keep the activated configuration", "",
		CTL_LATER_EDIT},
	[CTL_CANCEL] = {CTL_CANCEL, "cancel", "", "drop all edits", "", CTL_LATER_EDIT},
	[CTL_REJECT] = {CTL_REJECT, "reject", "TYPE NAME", "undo the edit of one object", "",
		CTL_LATER_EDIT},
	[CTL_HISTORY] = {CTL_HISTORY, "history", "", "revisions with author and time", "",
		CTL_LATER},
	[CTL_ROLLBACK] = {CTL_ROLLBACK, "rollback", "N", "bring revision N back", "",
		CTL_LATER_EDIT},
	[CTL_BACKUP] = {CTL_BACKUP, "backup", "[FILE]", "save the configuration", "", CTL_LATER},
	[CTL_RESTORE] = {CTL_RESTORE, "restore", "FILE", "load a saved configuration", "",
		CTL_LATER_EDIT},
	[CTL_WIZARD] = {CTL_WIZARD, "wizard", "", "set up a cluster step by step", "",
		CTL_LATER_EDIT},
	[CTL_PING] = {CTL_PING, "ping", "ADDRESS", "ping from this node", "", CTL_LATER},
	[CTL_TECHSUPPORT] = {CTL_TECHSUPPORT, "techsupport", "", "everything support needs to know",
		"", CTL_LATER},
};

const struct ctl_command *
ctl_command_find(const char *name)
{
	for (size_t i = 0; i < _CTL_MAX; i++)
		if (strcmp(ctl_commands[i].name, name) == 0)
			return &ctl_commands[i];
	return NULL;
}
