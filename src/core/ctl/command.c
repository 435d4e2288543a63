/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command table: names, usage and help texts. */
#include <string.h>
#include "core/ctl/command.h"

const struct ctl_command ctl_commands[_CTL_MAX] = {
	[CTL_HA] = {CTL_HA, "ha",
		"[quality | why | -activate | -deactivate | -force active|none | -resolve "
		"mine|peer]",
		"role of this node, state of the peer and of the flow tables",
		"ha              which node this is, who forwards, whether the peer is alive\n"
		"ha quality      every term of the quality factor and how they add up\n"
		"ha why          the last changes of role: when, on what evidence, by which rule\n"
		"ha -activate    planned switch: this node takes over; waits for the result\n"
		"ha -deactivate  planned switch: the peer takes over; waits for the result\n"
		"ha -force active  keep this node active whatever its quality (for debugging "
		"only)\n"
		"ha -force none    end of it\n"
		"ha -resolve mine|peer  both nodes have changed their configuration apart from "
		"each\n"
		"                other: whose is it to be (see changes -peer)",
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
	[CTL_RULES] = {CTL_RULES, "rules",
		"[NAME | test SOURCE DESTINATION PROTOCOL PORT INTERFACE]",
		"IP rules with their packet and byte counts; which rule a packet would meet",
		"rules         every rule, and what no rule matched\n"
		"rules NAME    one rule\n"
		"rules test SOURCE DESTINATION PROTOCOL PORT INTERFACE\n"
		"              which rule the first packet of such a connection would meet that "
		"enters\n"
		"              by INTERFACE; nothing is sent. PORT: the destination port, FROM:TO "
		"for\n"
		"              both, the type for icmp, - for protocols without ports",
		CTL_NOW},
	[CTL_SHOW] = {CTL_SHOW, "show", "[-running] [TYPE [NAME]]",
		"the configuration as statements, with the edits of this session",
		"-running  what is in force, without the edits", CTL_NOW},
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
	[CTL_ADD] = {CTL_ADD, "add", "TYPE NAME Property=Value ...", "add an object",
		"The edit waits for activate. See help TYPE for the properties.", CTL_NOW},
	[CTL_SET] = {CTL_SET, "set", "TYPE [NAME] Property=Value ...", "change an object",
		"Property= takes a property back to its default.", CTL_NOW},
	[CTL_DELETE] = {CTL_DELETE, "delete", "TYPE NAME", "delete an object", "", CTL_NOW},
	[CTL_RENAME] = {CTL_RENAME, "rename", "TYPE NAME NEWNAME",
		"give an object another name, wherever it is used", "", CTL_NOW},
	[CTL_CC] = {CTL_CC, "cc", "[TYPE [NAME]]", "change the context of the next commands",
		"In the context of a type add, set, delete, show, rename and reject leave it out, "
		"in\n"
		"that of an object set and show leave out the name, too. cc alone ends it. For "
		"the\n"
		"prompt and for files of commands.",
		CTL_NOW},
	[CTL_CHANGES] = {CTL_CHANGES, "changes", "[-peer]",
		"edits that are not activated, as statements",
		"changes        those of this session, and who else edits what\n"
		"changes -peer  from this node's configuration to the peer's, when the two have\n"
		"               gone different ways",
		CTL_NOW},
	[CTL_ACTIVATE] = {CTL_ACTIVATE, "activate", "",
		"put the edited configuration into force, on both nodes",
		"Checked and prepared on both nodes, then applied on the inactive one, then on "
		"the\n"
		"active one. Without commit within ValidationTimeout (help Settings) both go back.",
		CTL_NOW},
	[CTL_COMMIT] = {CTL_COMMIT, "commit", "", "keep the activated configuration", "", CTL_NOW},
	[CTL_CANCEL] = {CTL_CANCEL, "cancel", "", "drop all edits of this session", "", CTL_NOW},
	[CTL_REJECT] = {CTL_REJECT, "reject", "TYPE [NAME]", "undo the edits of one object", "",
		CTL_NOW},
	[CTL_MERGE] = {CTL_MERGE, "merge", "",
		"bring the edits onto a revision that came into force meanwhile",
		"Works when the edits and the revision touch different objects.", CTL_NOW},
	[CTL_HISTORY] = {CTL_HISTORY, "history", "[N]",
		"the last N revisions (20) with time and author", "", CTL_NOW},
	[CTL_ROLLBACK] = {CTL_ROLLBACK, "rollback", "[N]",
		"bring revision N back, or take back what was activated",
		"rollback    what was activated and is not committed goes back at once\n"
		"rollback N  revision N is activated again, as a new one: commit keeps it",
		CTL_NOW},
	[CTL_BACKUP] = {CTL_BACKUP, "backup", "[FILE]", "save the configuration", "", CTL_LATER},
	[CTL_RESTORE] = {CTL_RESTORE, "restore", "FILE", "load a saved configuration", "",
		CTL_LATER},
	[CTL_WIZARD] = {CTL_WIZARD, "wizard", "", "set up a cluster step by step", "", CTL_LATER},
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
