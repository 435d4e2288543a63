/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of types and properties (schema.h), data only. Help texts are sentences that stand
 * alone: they appear in the shell, in the web forms and in the reference manual.
 */
#include "core/conf/schema.h"
#include "core/limits.h"
#include "core/quality/monitor.h"

static const char *const words_node[] = {"Master", "Slave", NULL};
static const char *const words_profile[] = {"Normal", "Fast", "Wan", NULL};
static const char *const words_prefer[] = {"Automatic", "Master", "Slave", NULL};
static const char *const words_automatic[] = {"Automatic", NULL};
static const char *const words_localhost[] = {"localhost", NULL};
static const char *const words_any_core[] = {"any", "core", NULL};
static const char *const words_any[] = {"any", NULL};
static const char *const words_ports[] = {"TCP", "UDP", "TCPUDP", NULL};
static const char *const words_helper[] = {"None", "FTP", "TFTP", NULL};
static const char *const words_action[] = {"Allow", "Drop", "Reject", "NAT", "SAT", NULL};
static const char *const words_access[] = {"HTTPS", "SSH", "Metrics", NULL};

#define BOOL(NAME, DEFAULT, HELP)                                                                  \
	{                                                                                          \
		.name = NAME, .kind = KIND_BOOL, .dflt = DEFAULT, .help = HELP                     \
	}
/* Accepted for the sake of configurations that have it, but nothing obeys it yet. */
#define STORED_BOOL(NAME, DEFAULT, HELP)                                                           \
	{                                                                                          \
		.name = NAME, .kind = KIND_BOOL, .stored_only = true, .dflt = DEFAULT,             \
		.help = HELP                                                                       \
	}
#define STORED_INT(NAME, MIN, MAX, UNIT, DEFAULT, HELP)                                            \
	{                                                                                          \
		.name = NAME, .kind = KIND_INT, .stored_only = true, .min = MIN, .max = MAX,       \
		.unit = UNIT, .dflt = DEFAULT, .help = HELP                                        \
	}
#define INT(NAME, MIN, MAX, UNIT, DEFAULT, HELP)                                                   \
	{                                                                                          \
		.name = NAME, .kind = KIND_INT, .min = MIN, .max = MAX, .unit = UNIT,              \
		.dflt = DEFAULT, .help = HELP                                                      \
	}
#define COMMENTS                                                                                   \
	{                                                                                          \
		.name = "Comments", .kind = KIND_TEXT, .max = TEXT_LEN_MAX,                        \
		.help = "A remark for people; changes nothing."                                    \
	}

static const struct schema_prop props_device[] = {
	{.name = "Name",
		.kind = KIND_NAME,
		.local = true,
		.max = NAME_LEN_MAX,
		.dflt = "Device",
		.help = "What this node calls itself in the prompt and in the log."},
	COMMENTS,
};

static const struct schema_prop props_ha[] = {
	BOOL("Enabled", "No", "Work as one firewall together with a second node."),
	INT("ClusterID", 0, 65535, NULL, "0",
		"Number of this cluster; must differ from that of any other cluster on the same "
		"wires, as the shared MAC addresses are made from it."),
	{.name = "NodeType",
		.kind = KIND_ENUM,
		.words = words_node,
		.local = true,
		.help = "Which of the two nodes this one is; the other node has the other value."},
	{.name = "SyncInterface",
		.kind = KIND_REF,
		.refs = REF(IFACE),
		.list = true,
		.list_max = 2,
		.help = "The interface, or the two, that join only the two nodes: used for nothing "
			"else."},
	{.name = "HASyncProtocol",
		.kind = KIND_ETHERTYPE,
		.min = 0x0600,
		.max = 0xffff,
		.dflt = "0xc157",
		.help = "EtherType of the frames between the nodes; the same on both."},
	{.name = "Profile",
		.kind = KIND_ENUM,
		.words = words_profile,
		.dflt = "Normal",
		.help = "Sets HeartbeatInterval and HAFailoverTime: Normal 10 and 50 ms, Fast 2 "
			"and 10 ms, Wan 100 and 500 ms. Values given explicitly win."},
	INT("HeartbeatInterval", 1, 10000, "ms", NULL,
		"Time between two heartbeats; not set: as Profile says."),
	INT("HAFailoverTime", 3, 60000, "ms", NULL,
		"Silence after which the peer is taken for dead; at least three "
		"HeartbeatIntervals; not set: as Profile says."),
	INT("InitialSilence", 2, 600, "s", "5",
		"How long a starting node listens before it may become active alone; and how long "
		"state synchronisation is silent before it calls again for a peer that was gone "
		"for a minute."),
	INT("SendGratuitousARP", 0, 86400, "s", "60",
		"Repeat the announcement of the shared addresses in this period; 0: only at a "
		"takeover."),
	BOOL("Sync", "Yes", "Keep the connections of the active node on the inactive one as well."),
	INT("SyncBufferSize", 64, 1048576, "KB", "4096",
		"Connection changes, as sent, that may wait until the peer has taken them; never "
		"fewer than 64 frames. A repair takes the place of what does not fit."),
	INT("SyncPacketMaxBurst", 1, 10000, "frames", "100",
		"Data frames that state synchronisation sends within one millisecond at most."),
	INT("SyncAfter", 0, 86400, "s", "0",
		"Synchronise only connections that have lived this long: less work where many "
		"short ones come and go. A younger one ends with a takeover."),
	{.name = "SyncExceptNetwork",
		.kind = KIND_ADDRESS,
		.list = true,
		.list_max = 64,
		.derived = true,
		.forms = FORM_ALL,
		.families = FAMILY_BOTH,
		.refs = REF_ANY_ADDRESS,
		.help = "Connections from and to these addresses are not kept on the other node: a "
			"takeover ends them."},
	{.name = "SyncExceptService",
		.kind = KIND_REF,
		.refs = REF_ANY_SERVICE,
		.list = true,
		.list_max = 64,
		.help = "Connections to these services (dns, ntp) are not kept on the other node."},
	BOOL("UseUniqueSharedMAC", "Yes",
		"Give each interface a shared MAC address of its own; No can confuse switches."),
	STORED_BOOL("DeactivateBeforeReconf", "Yes",
		"Let the peer take over before an active node applies a new configuration that "
		"disturbs traffic."),
	STORED_INT("ReconfFailoverTime", 0, 600, "s", "0",
		"Silence allowed to a peer that applies a configuration; 0: as always."),
	{.name = "ActiveIfEqual",
		.kind = KIND_ENUM,
		.words = words_prefer,
		.dflt = "Automatic",
		.help = "Which node is active when both are equally fit; Automatic: the present "
			"one stays."},
	BOOL("LACPMembersHaveWeight", "No",
		"Lower the quality when one member of an LACP aggregate is lost, not only when all "
		"are: its members share the weight. One outside the aggregate in use is lost, "
		"whatever its carrier says."),
	BOOL("FailoverMembersHaveWeight", "No",
		"Lower the quality when one member of a redundancy aggregate (active-backup) is "
		"lost, not only when all are."),
	BOOL("TPMQualityIncluded", "No", "Count the state of the TPM in the quality."),
	COMMENTS,
};

static const struct schema_prop props_settings[] = {
	INT("ValidationTimeout", 5, 3600, "s", "30",
		"An activated configuration that is not committed within this time is taken back."),
	{.name = "MaxConnections",
		.kind = KIND_INT,
		.stored_only = true,
		.min = 1024,
		.max = 16777216,
		.words = words_automatic,
		.dflt = "Automatic",
		.help = "Connections tracked at the same time; Automatic: by the memory of the "
			"node."},
	{.name = "HighBuffers",
		.kind = KIND_INT,
		.stored_only = true,
		.min = 1024,
		.max = 4194304,
		.words = words_automatic,
		.dflt = "Automatic",
		.help = "Packets that may wait for the processor; Automatic suits nearly "
			"everybody."},
	INT("HTTPSPort", 1, 65535, NULL, "443", "Port of the web interface and the REST API."),
	COMMENTS,
};

static const struct schema_prop props_ip4[] = {
	{.name = "Address",
		.kind = KIND_ADDRESS,
		.forms = FORM_ALL,
		.families = FAMILY_4,
		.required = true,
		.help = "An address (10.0.0.1), a network (10.0.0.0/24) or a range "
			"(10.0.0.1-10.0.0.9)."},
	COMMENTS,
};

static const struct schema_prop props_ip6[] = {
	{.name = "Address",
		.kind = KIND_ADDRESS,
		.forms = FORM_ALL,
		.families = FAMILY_6,
		.required = true,
		.help = "An address (fd00::1), a network (fd00::/64) or a range "
			"(fd00::1-fd00::9)."},
	COMMENTS,
};

#define HA_ADDRESS(NAME, FAMILY, REFS, WHO)                                                        \
	{                                                                                          \
		.name = NAME, .kind = KIND_ADDRESS, .forms = FORM_HOST | FORM_PREFIX,              \
		.families = FAMILY, .refs = REFS, .required = true,                                \
		.help = "The " WHO                                                                 \
			"'s own address; with a prefix only if it is in no shared network "        \
			"of the interface."                                                        \
	}

static const struct schema_prop props_ha4[] = {
	HA_ADDRESS("Master", FAMILY_4, REF(IP4), "master"),
	HA_ADDRESS("Slave", FAMILY_4, REF(IP4), "slave"),
	COMMENTS,
};

static const struct schema_prop props_ha6[] = {
	HA_ADDRESS("Master", FAMILY_6, REF(IP6), "master"),
	HA_ADDRESS("Slave", FAMILY_6, REF(IP6), "slave"),
	COMMENTS,
};

static const struct schema_prop props_group[] = {
	{.name = "Members",
		.kind = KIND_ADDRESS,
		.list = true,
		.required = true,
		.derived = true,
		.forms = FORM_ALL,
		.families = FAMILY_BOTH,
		.refs = REF_ANY_ADDRESS,
		.help = "Addresses, networks, ranges, address objects and other groups."},
	COMMENTS,
};

static const struct schema_prop props_iface[] = {
	{.name = "MasterDevice",
		.kind = KIND_DEVICE,
		.max = DEV_NAME_MAX - 1,
		.help = "Kernel name of the interface on the master; not set: the name of the "
			"object."},
	{.name = "SlaveDevice",
		.kind = KIND_DEVICE,
		.max = DEV_NAME_MAX - 1,
		.help = "Kernel name of the interface on the slave; not set: the name of the "
			"object."},
	{.name = "IPAddress",
		.kind = KIND_ADDRESS,
		.list = true,
		.list_max = 64,
		.forms = FORM_PREFIX,
		.families = FAMILY_4,
		.refs = REF(IP4),
		.help = "Shared IPv4 addresses with prefix, held by the active node; the first is "
			"the interface's own (NAME_ip, NAME_net)."},
	{.name = "PrivateIP",
		.kind = KIND_REF,
		.refs = REF(HA4),
		.words = words_localhost,
		.dflt = "localhost",
		.help = "The nodes' own IPv4 addresses on this interface, an IP4HAAddress; "
			"localhost: none."},
	{.name = "IP6Address",
		.kind = KIND_ADDRESS,
		.list = true,
		.list_max = 64,
		.forms = FORM_PREFIX,
		.families = FAMILY_6,
		.refs = REF(IP6),
		.help = "Shared IPv6 addresses with prefix, held by the active node; the first is "
			"the interface's own (NAME_ip6, NAME_net6)."},
	{.name = "PrivateIP6",
		.kind = KIND_REF,
		.refs = REF(HA6),
		.words = words_localhost,
		.dflt = "localhost",
		.help = "The nodes' own IPv6 addresses on this interface, an IP6HAAddress; "
			"localhost: none."},
	INT("Weight", 0, 9999, NULL, "100",
		"How much the loss of this interface lowers the quality; sync interfaces never "
		"count."),
	BOOL("Heartbeats", "Yes", "Send and expect heartbeats on this interface as well."),
	INT("MTU", 576, 65535, "bytes", NULL, "Largest packet; not set: as the device has it."),
	INT("MACIndex", 1, IFACES_MAX, NULL, NULL,
		"Number in the shared MAC address; assigned when the interface is added and kept, "
		"so that deleting another interface changes no MAC address."),
	COMMENTS,
};

static const struct schema_prop props_tcpudp[] = {
	{.name = "Type",
		.kind = KIND_ENUM,
		.words = words_ports,
		.dflt = "TCP",
		.help = "TCP, UDP, or both."},
	{.name = "SourcePorts",
		.kind = KIND_PORTS,
		.list = true,
		.list_max = 64,
		.help = "Ports of the client; not set: all."},
	{.name = "DestinationPorts",
		.kind = KIND_PORTS,
		.list = true,
		.list_max = 64,
		.help = "Ports of the server (80,8000-8099); not set: all."},
	{.name = "Helper",
		.kind = KIND_ENUM,
		.words = words_helper,
		.dflt = "None",
		.help = "Let data connections follow that are announced in connections of this "
			"service: FTP (Type=TCP) or TFTP (Type=UDP), for servers on other ports "
			"than those of the services ftp and tftp, which have theirs."},
	COMMENTS,
};

static const struct schema_prop props_icmp[] = {
	{.name = "Types",
		.kind = KIND_ICMP_TYPE,
		.families = FAMILY_4,
		.list = true,
		.list_max = 64,
		.help = "ICMP types by number or name (echo-request). Without Types and Types6 "
			"every type of both protocols."},
	{.name = "Types6",
		.kind = KIND_ICMP_TYPE,
		.families = FAMILY_6,
		.list = true,
		.list_max = 64,
		.help = "ICMPv6 types by number or name (echo-request)."},
	COMMENTS,
};

static const struct schema_prop props_ipproto[] = {
	{.name = "Protocol",
		.kind = KIND_PROTOCOL,
		.list = true,
		.list_max = 64,
		.required = true,
		.help = "IP protocols by number or name (GRE, ESP, OSPF, …)."},
	COMMENTS,
};

static const struct schema_prop props_service_group[] = {
	{.name = "Members",
		.kind = KIND_REF,
		.refs = REF_ANY_SERVICE,
		.list = true,
		.required = true,
		.help = "Services and other groups of services."},
	COMMENTS,
};

static const struct schema_prop props_route[] = {
	{.name = "Interface",
		.kind = KIND_REF,
		.refs = REF(IFACE),
		.required = true,
		.help = "The interface that leads to the network."},
	{.name = "Network",
		.kind = KIND_ADDRESS,
		.required = true,
		.derived = true,
		.forms = FORM_HOST | FORM_PREFIX,
		.families = FAMILY_BOTH,
		.refs = REF(IP4) | REF(IP6),
		.help = "The destination; all-nets or all-nets6 for a default route."},
	{.name = "Gateway",
		.kind = KIND_ADDRESS,
		.forms = FORM_HOST,
		.families = FAMILY_BOTH,
		.refs = REF(IP4) | REF(IP6),
		.help = "Next router, in a network of the interface; not set: directly connected."},
	INT("Metric", 0, 65535, NULL, "0", "Of several routes to one network the lowest is used."),
	COMMENTS,
};

#define RULE_IFACE(NAME, HELP)                                                                     \
	{                                                                                          \
		.name = NAME, .kind = KIND_REF, .refs = REF(IFACE), .words = words_any_core,       \
		.required = true, .help = HELP                                                     \
	}
#define NETWORKS(NAME, HELP)                                                                       \
	{                                                                                          \
		.name = NAME, .kind = KIND_ADDRESS, .list = true, .required = true,                \
		.derived = true, .forms = FORM_ALL, .families = FAMILY_BOTH,                       \
		.refs = REF_ANY_ADDRESS, .help = HELP                                              \
	}
#define ONE_ADDRESS(NAME, HELP)                                                                    \
	{                                                                                          \
		.name = NAME, .kind = KIND_ADDRESS, .derived = true, .forms = FORM_HOST,           \
		.families = FAMILY_BOTH, .refs = REF(IP4) | REF(IP6), .help = HELP                 \
	}

static const struct schema_prop props_rule[] = {
	{.name = "Index",
		.kind = KIND_INT,
		.min = 1,
		.max = INT32_MAX,
		.position = true,
		.help = "Place among the rules, from 1: the rule is inserted there or moved to it; "
			"not set: the last place. The first rule that matches decides."},
	{.name = "Action",
		.kind = KIND_ENUM,
		.words = words_action,
		.required = true,
		.help = "Allow; Drop silently; Reject with an answer; NAT: allow and translate the "
			"source; SAT: allow and translate the destination."},
	RULE_IFACE("SourceInterface", "Where the packet comes from; any is every interface."),
	NETWORKS("SourceNetwork", "Whom it comes from."),
	RULE_IFACE("DestinationInterface",
		"Where it leaves; core is the firewall itself: for all that is sent to its own "
		"addresses, and so for SAT of a shared address; any is both."),
	NETWORKS("DestinationNetwork", "Whom it goes to, before any translation."),
	{.name = "Service",
		.kind = KIND_REF,
		.refs = REF_ANY_SERVICE,
		.required = true,
		.help = "Protocol and ports; all_services for everything."},
	BOOL("Log", "Yes", "Write a line for each connection that the rule decides."),
	ONE_ADDRESS("NATSenderAddress",
		"NAT and SAT: the source address after translation. NAT without it: the shared "
		"address of the outgoing interface; SAT without it: unchanged."),
	ONE_ADDRESS("SATTranslateToIP", "SAT: the destination address after translation."),
	{.name = "SATTranslateToPort",
		.kind = KIND_PORTS,
		.min = 1,
		.help = "SAT: the destination port after translation, or a range as long as the "
			"service's."},
	COMMENTS,
};

static const struct schema_prop props_monitor[] = {
	{.name = "Addresses",
		.kind = KIND_ADDRESS,
		.list = true,
		.list_max = MONITOR_HOSTS_MAX,
		.required = true,
		.forms = FORM_HOST,
		.families = FAMILY_BOTH,
		.refs = REF(IP4) | REF(IP6),
		.help = "Hosts that are asked all the time; the monitor is lost when more than "
			"half of those that have ever answered no longer do."},
	{.name = "Interface",
		.kind = KIND_REF,
		.refs = REF(IFACE),
		.help = "The interface to ask through, which counts as lost together with the "
			"monitor; not set: the one that leads to each host."},
	INT("MaxLoss", 1, MONITOR_LOSS_MAX, "probes", "7",
		"Unanswered probes in a row after which a host is lost."),
	INT("PingInterval", MONITOR_PING_MIN_MS, MONITOR_PING_MAX_MS, "ms", "250",
		"Time between two probes of a host."),
	INT("InitGracePeriod", 0, MONITOR_GRACE_MAX_S, "s", "45",
		"After a start or a change of the configuration nothing is lost for this long."),
	INT("Weight", 0, 9999, NULL, NULL,
		"Makes the monitor an entry of its own beside the interfaces; not set: it counts "
		"as its Interface, or 100 without one."),
	COMMENTS,
};

static const struct schema_prop props_mgmt[] = {
	{.name = "Interface",
		.kind = KIND_REF,
		.refs = REF(IFACE),
		.words = words_any,
		.required = true,
		.help = "Where management is allowed, on the nodes' private addresses."},
	NETWORKS("Network", "Whom it is allowed to."),
	{.name = "Access",
		.kind = KIND_ENUM,
		.list = true,
		.words = words_access,
		.required = true,
		.help = "What is allowed: HTTPS (web and REST), SSH, Metrics."},
	COMMENTS,
};

#define PROPS(P)     .props = P, .n_props = sizeof(P) / sizeof((P)[0])
#define NAMED(SPACE) .space = SPACE, .name_max = NAME_LEN_MAX

const struct schema_type schema_types[_TYPE_MAX] = {
	[TYPE_DEVICE] = {"Device", .singleton = true, PROPS(props_device), .help = "This node."},
	[TYPE_HA] = {"HighAvailability", .singleton = true, PROPS(props_ha),
		.help = "How the two nodes work together."},
	[TYPE_SETTINGS] = {"Settings", .singleton = true, PROPS(props_settings),
		.help = "Settings of the whole cluster that belong nowhere else."},
	[TYPE_IP4] = {"IP4Address", NAMED(SPACE_ADDRESS), PROPS(props_ip4),
		.help = "A name for an IPv4 address, network or range."},
	[TYPE_IP6] = {"IP6Address", NAMED(SPACE_ADDRESS), PROPS(props_ip6),
		.help = "A name for an IPv6 address, network or range."},
	[TYPE_HA4] = {"IP4HAAddress", NAMED(SPACE_ADDRESS), PROPS(props_ha4),
		.help = "The two nodes' own IPv4 addresses on one interface; in a rule it means "
			"both."},
	[TYPE_HA6] = {"IP6HAAddress", NAMED(SPACE_ADDRESS), PROPS(props_ha6),
		.help = "The two nodes' own IPv6 addresses on one interface; in a rule it means "
			"both."},
	[TYPE_GROUP] = {"AddressGroup", NAMED(SPACE_ADDRESS), PROPS(props_group),
		.help = "Several addresses under one name."},
	[TYPE_IFACE] = {"EthernetInterface", .space = SPACE_IFACE, .name_max = IFACE_NAME_MAX - 1,
		PROPS(props_iface),
		.help = "A pair of network interfaces, one of each node, that act as one."},
	[TYPE_TCPUDP] = {"ServiceTCPUDP", NAMED(SPACE_SERVICE), PROPS(props_tcpudp),
		.help = "A service by its TCP or UDP ports."},
	[TYPE_ICMP] = {"ServiceICMP", NAMED(SPACE_SERVICE), PROPS(props_icmp),
		.help = "A service by its ICMP types."},
	[TYPE_IPPROTO] = {"ServiceIPProto", NAMED(SPACE_SERVICE), PROPS(props_ipproto),
		.help = "A service by its IP protocol."},
	[TYPE_SERVICE_GROUP] = {"ServiceGroup", NAMED(SPACE_SERVICE), PROPS(props_service_group),
		.help = "Several services under one name."},
	[TYPE_ROUTE] = {"Route", NAMED(SPACE_ROUTE), PROPS(props_route),
		.help = "A way to a network."},
	[TYPE_RULE] = {"IPRule", NAMED(SPACE_RULE), PROPS(props_rule),
		.help = "What may pass; the first match decides, without a match the packet is "
			"dropped."},
	[TYPE_MONITOR] = {"LinkMonitor", NAMED(SPACE_MONITOR), PROPS(props_monitor),
		.help = "Hosts whose silence tells that a link leads nowhere."},
	[TYPE_MGMT] = {"RemoteManagement", NAMED(SPACE_MGMT), PROPS(props_mgmt),
		.help = "Who may manage the nodes, and where."},
};
