/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The checks: a small cluster that is right, and beside it everything that can be wrong with it. */
#include "conf-util.h"

#define HA                                                                                         \
	"set HighAvailability Enabled=Yes ClusterID=7 NodeType=Master SyncInterface=sync\n"        \
	"add EthernetInterface sync\n"
#define LAN                                                                                        \
	"add IP4HAAddress lan_ha Master=10.1.0.2 Slave=10.1.0.3\n"                                 \
	"add EthernetInterface lan IPAddress=10.1.0.1/24 PrivateIP=lan_ha\n"
#define WAN                                                                                        \
	"add IP4HAAddress wan_ha Master=10.2.0.2 Slave=10.2.0.3\n"                                 \
	"add EthernetInterface wan IPAddress=10.2.0.1/24 PrivateIP=wan_ha Weight=75\n"
#define BASE HA LAN WAN /* 6 lines */
#define RULE                                                                                       \
	"add IPRule r Action=Allow SourceInterface=lan SourceNetwork=lan_net "                     \
	"DestinationInterface=wan DestinationNetwork=all-nets Service=http\n"

struct row {
	const char *text;
	const char *messages; /* a line for each, fragments; "" = none */
};

static const struct row ha_rows[] = {
	{"", ""},
	{BASE, ""},
	{"set HighAvailability Enabled=Yes ClusterID=7\n",
		"HighAvailability, SyncInterface: must be given when Enabled=Yes\n"
		"HighAvailability, NodeType: must be given when Enabled=Yes"},
	{"set HighAvailability Enabled=Yes ClusterID=7 NodeType=Slave SyncInterface=sync\n",
		"1:75: error: HighAvailability, SyncInterface: no interface is called 'sync'"},
	{BASE "set HighAvailability SyncInterface=snyc\n",
		"7:36: error: HighAvailability, SyncInterface: no interface is called 'snyc', did "
		"you "
		"mean 'sync'?"},
	{BASE "set HighAvailability SyncInterface=sync,sync\n",
		"SyncInterface: sync is named twice"},
	{BASE "add EthernetInterface sync2\nset HighAvailability SyncInterface=sync,sync2\n", ""},
	{BASE "set HighAvailability SyncInterface=any\n",
		"'any' can't stand here: must be an object of type EthernetInterface"},
	{BASE "set EthernetInterface sync IPAddress=10.9.0.1/24\n",
		"7:28: error: EthernetInterface sync, IPAddress: a sync interface has no "
		"addresses"},
	{BASE "set EthernetInterface sync PrivateIP=lan_ha\n",
		"EthernetInterface sync, PrivateIP: a sync interface has no addresses"},
	{BASE "set EthernetInterface sync IP6Address=fd00::1/64\n",
		"EthernetInterface sync, IP6Address: a sync interface has no addresses"},
	{BASE "set EthernetInterface sync PrivateIP=localhost\n", ""},
	{BASE "set EthernetInterface sync Heartbeats=No\n", "always carries heartbeats"},
	{BASE "set HighAvailability TPMQualityIncluded=1 LACPMembersHaveWeight=0 SyncAfter=3\n",
		"7:77: warning: HighAvailability, SyncAfter: connections younger than 3 s are not "
		"kept"},
	{BASE "set HighAvailability SyncAfter=3 Sync=No\n", ""},
	{BASE "add IP4Address n Address=10.9.0.0/16\nset HighAvailability "
	      "SyncExceptNetwork=n,lan_net,fd00::/64 SyncExceptService=dns,ping-inbound,ospf\n",
		""},
	{BASE "set HighAvailability SyncExceptService=dns,all_services\n",
		"7:44: error: HighAvailability, SyncExceptService: is everything: set Sync=No"},
	{BASE "add ServiceTCPUDP s SourcePorts=20\nset HighAvailability SyncExceptService=s\n",
		"HighAvailability, SyncExceptService: has SourcePorts"},
	{BASE "set HighAvailability SyncExceptService=nds\n", "no service is called 'nds'"},
	{BASE "set HighAvailability SyncAfter=0 TPMQualityIncluded=No ReconfFailoverTime=\n", ""},
	{BASE "set Settings MaxConnections=1024\n",
		"7:29: warning: Settings, MaxConnections: is stored, but has no effect"},
	{BASE "set Settings MaxConnections=Automatic ValidationTimeout=30\n", ""},
	{BASE "set HighAvailability ClusterID=0\n",
		"7:32: warning: HighAvailability, ClusterID: 0 is everybody's default"},
	{BASE "set HighAvailability ClusterID=\n", "warning: HighAvailability, ClusterID: 0 is"},
	{BASE "set HighAvailability UseUniqueSharedMAC=No\n",
		"warning: HighAvailability, UseUniqueSharedMAC: all interfaces share one MAC"},
	{BASE "set EthernetInterface lan Weight=0\nset EthernetInterface wan Weight=0\n",
		"warning: HighAvailability: the Weight of every interface is 0"},
	{BASE "set HighAvailability HeartbeatInterval=20\n",
		"HeartbeatInterval: HAFailoverTime (50 ms) must be at least three times "
		"HeartbeatInterval (20 ms)"},
	{BASE "set HighAvailability HAFailoverTime=29\n",
		"HAFailoverTime: HAFailoverTime (29 ms) must be at least three times"},
	{BASE "set HighAvailability HAFailoverTime=30\n", ""},
	{BASE "set HighAvailability Profile=Fast HAFailoverTime=5\n", "(5 ms) must be at least"},
	{BASE "set HighAvailability Profile=Wan HAFailoverTime=299\n",
		"HeartbeatInterval (100 ms)"},
	/* nothing of this matters without a second node */
	{"set HighAvailability UseUniqueSharedMAC=No\n", ""},
};

static const struct row iface_rows[] = {
	{BASE "set EthernetInterface lan MasterDevice=lo\n", "MasterDevice: lo is the loopback"},
	{BASE "set EthernetInterface lan SlaveDevice=tw-x\n", "SlaveDevice: names tw-"},
	{BASE "set EthernetInterface lan SlaveDevice=wan\n",
		"wan is the device of lan on the slave already"},
	{BASE "set EthernetInterface lan MasterDevice=wan SlaveDevice=wan\nset EthernetInterface "
	      "wan "
	      "MasterDevice=lan SlaveDevice=lan",
		""},
	{BASE "set EthernetInterface lan MACIndex=9\nset EthernetInterface wan MACIndex=9\n",
		"EthernetInterface wan, MACIndex: 9 belongs to lan already"},
	{BASE "set EthernetInterface lan IPAddress=0.0.0.0/24\n", "0.0.0.0/24 is the unspecified"},
	{BASE "set EthernetInterface lan IPAddress=224.0.0.5/24 PrivateIP=\n",
		"is a multicast address"},
	{BASE "set EthernetInterface lan IPAddress=127.0.0.1/8 PrivateIP=\n",
		"is a loopback address"},
	{BASE "set EthernetInterface lan IPAddress=0.1.2.3/8 PrivateIP=\n", "lies in 0.0.0.0/8"},
	{BASE "set EthernetInterface lan IPAddress=10.1.0.0/24 PrivateIP=\n",
		"10.1.0.0/24 is the address of the network itself"},
	{BASE "set EthernetInterface lan IPAddress=10.1.0.255/24 PrivateIP=\n",
		"10.1.0.255/24 is the broadcast address of its network"},
	{BASE "set EthernetInterface lan IPAddress=10.1.0.1/0 PrivateIP=\n", "longer than /0"},
	{BASE "set EthernetInterface lan IPAddress=10.1.0.0/31 PrivateIP=\n", ""},
	{BASE "set EthernetInterface lan IPAddress=10.1.0.4/32 PrivateIP=\n", ""},
	{BASE "set EthernetInterface lan IP6Address=::/64\n", "is the unspecified address"},
	{BASE "set EthernetInterface lan IP6Address=ff02::1/64\n", "is a multicast address"},
	{BASE "set EthernetInterface lan IP6Address=::1/128\n", "is a loopback address"},
	{BASE "set EthernetInterface lan IP6Address=fd00::/64\n", "is the address of the network"},
	{BASE "set EthernetInterface lan IP6Address=fd00::ffff:ffff:ffff:ffff/64\n", ""},
	{BASE "set EthernetInterface lan IP6Address=fd00::1/64 MTU=1279\n",
		"IPv6 needs at least 1280"},
	{BASE "set EthernetInterface lan IPAddress=lan_addr\n",
		"IPAddress: no address object is called 'lan_addr'"},
	{BASE "add IP4Address a Address=10.1.0.1/24\nset EthernetInterface lan IPAddress=a\n", ""},
	{BASE "add IP4Address a Address=10.1.0.7\nset EthernetInterface lan "
	      "IPAddress=10.1.0.1/24,a\n",
		"8:49: error: EthernetInterface lan, IPAddress: 'a' is an address without prefix"},
	{BASE "add IP4Address a Address=10.1.0.7-10.1.0.9\nset EthernetInterface lan "
	      "IPAddress=10.1.0.1/24,a\n",
		"IPAddress: 'a' is a range: an address with its prefix must stand here"},
	{BASE "set EthernetInterface lan IPAddress=lan_ip PrivateIP=\n",
		"no address object is called "
		"'lan_ip'"},
	{BASE "set EthernetInterface lan IPAddress=all-nets PrivateIP=\n",
		"'all-nets' can't stand here: must be an object of type IP4Address"},
	{BASE "set EthernetInterface lan IPAddress=lan_ha PrivateIP=\n",
		"'lan_ha' is of type IP4HAAddress: must be of type IP4Address"},
	{BASE "set EthernetInterface lan PrivateIP=lan_net\n",
		"PrivateIP: no address object is called"},
	/* one address at one place */
	{BASE "set EthernetInterface lan IPAddress=10.1.0.1/24,10.1.0.1/24\n",
		"7:49: error: EthernetInterface lan, IPAddress: 10.1.0.1 is a shared address of "
		"lan "
		"already"},
	{BASE "add EthernetInterface dmz IPAddress=10.1.0.1/24\n",
		"IPAddress: 10.1.0.1 is a shared address of lan already\n"
		"warning: EthernetInterface dmz, IPAddress: the network of 10.1.0.1/24 overlaps"},
	{BASE "add EthernetInterface dmz IPAddress=10.1.0.9/25\n",
		"the network of 10.1.0.9/25 overlaps that of 10.1.0.1/24 on lan"},
	{BASE "add EthernetInterface dmz IPAddress=10.0.0.1/8\n",
		"the network of 10.1.0.1/24 overlaps that of 10.0.0.1/8 on dmz\n"
		"the network of 10.2.0.1/24 overlaps that of 10.0.0.1/8 on dmz"},
	{BASE "set EthernetInterface lan IPAddress=10.1.0.1/24,10.1.0.9/24\n", ""},
	{BASE "add IP4HAAddress dmz_ha Master=10.1.0.2/24 Slave=10.9.0.3/24\n"
	      "add EthernetInterface dmz PrivateIP=dmz_ha\n",
		"warning: EthernetInterface dmz, PrivateIP: Master and Slave of dmz_ha are in "
		"different\n"
		"10.1.0.2 is the master's private address on lan already\n"
		"warning: EthernetInterface dmz, PrivateIP: the network of"},
};

static const struct row private_rows[] = {
	{BASE "set IP4HAAddress lan_ha Slave=10.1.0.2\n",
		"7:31: error: IP4HAAddress lan_ha, Slave: 10.1.0.2 is the master's address, too"},
	{BASE "set IP4HAAddress lan_ha Slave=10.1.0.1\n",
		"EthernetInterface lan, PrivateIP: 10.1.0.1 is a shared address of lan already"},
	{BASE "set IP4HAAddress lan_ha Slave=10.2.0.1\n",
		"10.2.0.1 of lan_ha lies in no shared network of lan"},
	{BASE "set IP4HAAddress lan_ha Slave=10.2.0.1/24\n",
		"warning: EthernetInterface lan, PrivateIP: Master and Slave of lan_ha are in "
		"different\n"
		"EthernetInterface wan, IPAddress: 10.2.0.1 is the slave's private address on lan "
		"already\nwarning: EthernetInterface wan, IPAddress: the network of"},
	{BASE "set IP4HAAddress lan_ha Slave=10.1.0.255\n",
		"10.1.0.255/24 of lan_ha is the broadcast address of its network"},
	{BASE "set IP4HAAddress lan_ha Slave=10.1.0.0\n",
		"10.1.0.0/24 of lan_ha is the address of the"},
	{BASE "set IP4HAAddress lan_ha Slave=224.0.0.1\n",
		"IP4HAAddress lan_ha, Slave: 224.0.0.1 is a "
		"multicast address"},
	{BASE "set IP4HAAddress lan_ha Slave=127.0.0.1\n",
		"Slave: 127.0.0.1 is a loopback address"},
	{BASE "set IP4HAAddress lan_ha Slave=0.0.0.0\n",
		"Slave: 0.0.0.0 is the unspecified address"},
	{BASE "set IP4HAAddress lan_ha Slave=10.1.0.3/24\n", ""},
	{BASE "set IP4HAAddress lan_ha Slave=10.1.0.3/16\n",
		"10.1.0.3/16 of lan_ha lies in a shared network of lan with prefix /24"},
	{BASE "add IP4HAAddress m Master=10.8.0.1/24 Slave=10.8.0.2/24\n"
	      "add EthernetInterface mgmt PrivateIP=m\n",
		""},
	{BASE "add IP4HAAddress m Master=10.8.0.0/24 Slave=10.8.0.2/24\n"
	      "add EthernetInterface mgmt PrivateIP=m\n",
		"IP4HAAddress m, Master: 10.8.0.0 is the address of the network itself"},
	{BASE "add IP4HAAddress m Master=10.8.0.1 Slave=10.8.0.2\nadd EthernetInterface mgmt "
	      "PrivateIP=m\n",
		"10.8.0.1 of m lies in no shared network of mgmt\n10.8.0.2 of m lies in no"},
	{BASE "add IP4Address a Address=10.1.0.2\nset IP4HAAddress lan_ha Master=a\n", ""},
	{BASE "add IP4Address a Address=10.1.0.4-10.1.0.5\nset IP4HAAddress lan_ha Master=a\n",
		"IP4HAAddress lan_ha, Master: is a range: one address must stand here"},
	{BASE "add IP4Address a Address=10.1.0.3\nset IP4HAAddress lan_ha Master=a\n",
		"Slave: 10.1.0.3 is the master's address"},
	{BASE "set EthernetInterface lan PrivateIP=nope\n", "no address object is called 'nope'"},
	{BASE "set EthernetInterface lan PrivateIP6=lan_ha\n",
		"'lan_ha' is of type IP4HAAddress: must "
		"be of type IP6HAAddress"},
	{BASE "add IP6HAAddress h6 Master=fd00::2 Slave=fd00::3\n"
	      "set EthernetInterface lan IP6Address=fd00::1/64 PrivateIP6=h6\n",
		""},
	{BASE "add IP6HAAddress h6 Master=fd00::2 Slave=fd00::2\n",
		"IP6HAAddress h6, Slave: fd00::2 is the master's address"},
	{BASE "add IP4HAAddress h Master=10.7.0.1\n", "IP4HAAddress h, Slave: must be given"},
};

static const struct row address_rows[] = {
	{"add IP4Address a\n", "IP4Address a, Address: must be given"},
	{"add AddressGroup g\n", "AddressGroup g, Members: must be given"},
	{"add AddressGroup g Members=a\n",
		"1:28: error: AddressGroup g, Members: no address object is "
		"called 'a'"},
	{"add AddressGroup g Members=g\n", "Members: the group contains itself by way of 'g'"},
	{"add AddressGroup a Members=b\nadd AddressGroup b Members=c\nadd AddressGroup c "
	 "Members=a\n",
		"3:28: error: AddressGroup c, Members: the group contains itself by way of 'a'"},
	{"add AddressGroup a Members=b,c\nadd AddressGroup b Members=c\nadd AddressGroup c "
	 "Members=1.2.3.4,all-nets6\n",
		""},
	{BASE "add AddressGroup g Members=lan_net,lan_ip,lan_ha,all-nets,localhost\n", ""},
	{BASE "add AddressGroup g Members=lan_ip6\n",
		"lan has no shared IPv6 address, so there is no "
		"lan_ip6"},
	{BASE "add AddressGroup g Members=sync_net\n", "sync has no shared IPv4 address"},
	{BASE "add AddressGroup g Members=lan\n",
		"no address object is called 'lan'; it is an interface, its network is lan_net"},
	{BASE "add AddressGroup g Members=lan_nte\n", "did you mean 'lan_net'?"},
	{BASE "add AddressGroup g Members=alll-nets\n", "did you mean 'all-nets'?"},
	{BASE "add IP4Address lan_ip Address=1.2.3.4\n",
		"IP4Address lan_ip: the name belongs to EthernetInterface lan"},
	{BASE "add IP4Address dmz_ip Address=1.2.3.4\n", ""},
	{"add AddressGroup g Members=10.1.0.1/24\n",
		"warning: AddressGroup g, Members: '10.1.0.1/24' means the whole network "
		"10.1.0.0/24"},
	/* in use, but deleted: told once, with the users */
	{BASE RULE "add Route d Interface=wan Network=all-nets Gateway=10.2.0.254\n"
		   "delete EthernetInterface wan\n",
		"9:26: error: EthernetInterface wan: was deleted, but is still used by Route d "
		"(Interface), IPRule r (DestinationInterface)"},
	{BASE RULE "delete EthernetInterface lan\n", "EthernetInterface lan: was deleted, but is "
						     "still used by IPRule r (SourceInterface), "
						     "IPRule r (SourceNetwork)"},
	{BASE "delete IP4HAAddress lan_ha\n",
		"IP4HAAddress lan_ha: was deleted, but is still used by "
		"EthernetInterface lan (PrivateIP)"},
	{BASE RULE "delete EthernetInterface lan\n" LAN,
		"9:18: error: IP4HAAddress lan_ha: exists already"},
	/* what follows from an error is not told as well */
	{HA WAN "add EthernetInterface lan IPAddress=0.0.0.0/24\n" RULE
		"add Route d Interface=lan Network=10.9.0.0/16 Gateway=10.1.0.9\n",
		"0.0.0.0/24 is the unspecified address"},
	{HA WAN "add IP4HAAddress lan_ha Master=10.1.0.2 Slave=10.1.0\n"
		"add EthernetInterface lan IPAddress=10.1.0.1/24 PrivateIP=lan_ha\n" RULE,
		"'10.1.0' is no address"},
};

static const struct row service_rows[] = {
	{"add ServiceTCPUDP s\nadd ServiceICMP i\nadd ServiceIPProto p Protocol=GRE\n"
	 "add ServiceGroup g Members=s,i,p,http,ping-inbound\n",
		""},
	{"add ServiceIPProto p\n", "ServiceIPProto p, Protocol: must be given"},
	{"add ServiceGroup g Members=htp\n", "no service is called 'htp', did you mean 'http'?"},
	{"add ServiceTCPUDP s DestinationPorts=2121 Helper=FTP\n"
	 "add ServiceTCPUDP t Type=UDP DestinationPorts=69 Helper=TFTP\n",
		""},
	{"add ServiceTCPUDP s Type=TCPUDP DestinationPorts=21 Helper=FTP\n",
		"ServiceTCPUDP s, Helper: Helper=FTP needs Type=TCP"},
	{"add ServiceTCPUDP s DestinationPorts=69 Helper=TFTP\n",
		"ServiceTCPUDP s, Helper: Helper=TFTP needs Type=UDP"},
	{"add ServiceTCPUDP s Helper=FTP\n",
		"ServiceTCPUDP s, Helper: Helper=FTP needs DestinationPorts"},
	{"add ServiceGroup g Members=g\n", "the group contains itself by way of 'g'"},
	{"add ServiceGroup g Members=h\nadd ServiceGroup h Members=g\n",
		"2:28: error: ServiceGroup h, "
		"Members: the group contains"},
};

static const struct row route_rows[] = {
	{BASE "add Route d Interface=wan Network=all-nets Gateway=10.2.0.254\n", ""},
	{BASE "add Route d Interface=wan Network=10.9.0.0/16\n", ""},
	{BASE "add Route d Interface=wan Network=10.9.0.5/16\n",
		"warning: Route d, Network: '10.9.0.5/16' means the whole network 10.9.0.0/16"},
	{BASE "add Route d Interface=wan Network=10.9.0.5\n", ""},
	{BASE "add Route d Interface=wan\n", "Route d, Network: must be given"},
	{BASE "add Route d Interface=sync Network=10.9.0.0/16\n", "sync is a sync interface"},
	{BASE "add Route d Interface=any Network=10.9.0.0/16\n", "'any' can't stand here"},
	{BASE "add Route d Interface=wan Network=localhost\n", "'localhost' is not one network"},
	{BASE "add IP4Address a Address=1.1.1.1-1.1.1.3\nadd Route d Interface=wan Network=a\n",
		"'a' is not one network"},
	{BASE "add Route d Interface=wan Network=lan_ha\n",
		"'lan_ha' is of type IP4HAAddress: must be "
		"of type IP4Address or IP6Address"},
	{BASE "add Route d Interface=wan Network=224.0.0.0/4\n",
		"multicast networks are not routed"},
	{BASE "add Route d Interface=wan Network=all-nets Gateway=10.1.0.254\n",
		"7:52: error: Route d, Gateway: 10.1.0.254 is in no network of wan"},
	{BASE "add Route d Interface=wan Network=all-nets Gateway=10.2.0.1\n",
		"10.2.0.1 is the firewall's own address on wan"},
	{BASE "add Route d Interface=wan Network=all-nets Gateway=10.2.0.3\n",
		"10.2.0.3 is the firewall's own address on wan"},
	{BASE "add Route d Interface=wan Network=all-nets6 Gateway=10.2.0.254\n",
		"10.2.0.254 is IPv4, but the network is IPv6"},
	{BASE "add Route d Interface=wan Network=all-nets6 Gateway=fd00::1\n",
		"in no network of wan"},
	{BASE "add Route d Interface=wan Network=all-nets6 Gateway=fe80::1\n", ""},
	{BASE "add IP4Address gw Address=10.2.0.254\n"
	      "add Route d Interface=wan Network=all-nets Gateway=gw\n",
		""},
	{BASE "add IP4Address gw Address=10.2.0.0/24\n"
	      "add Route d Interface=wan Network=all-nets Gateway=gw\n",
		"'gw' is more than one address"},
	{BASE "add Route a Interface=wan Network=all-nets Gateway=10.2.0.254\n"
	      "add Route b Interface=lan Network=all-nets Gateway=10.1.0.254\n",
		"Route b, Network: 0.0.0.0/0 has the route a with the same Metric already"},
	{BASE "add Route a Interface=wan Network=all-nets Gateway=10.2.0.254\n"
	      "add Route b Interface=lan Network=all-nets Gateway=10.1.0.254 Metric=10\n",
		""},
};

#define R(PROPS)  BASE "add IPRule r " PROPS "\n"
#define R2(PROPS) "add IPRule r2 " PROPS "\n"
#define FROM      "SourceInterface=lan SourceNetwork=lan_net "
#define TO        "DestinationInterface=wan DestinationNetwork=all-nets "
#define LAN6      "set EthernetInterface lan IP6Address=fd01::1/64\n"
#define WAN6      "set EthernetInterface wan IP6Address=fd02::1/64\n"

static const struct row rule_rows[] = {
	{BASE RULE, ""},
	{R(""), "Action: must be given\nSourceInterface: must be given\nSourceNetwork: must be "
		"given\n"
		"DestinationInterface: must be given\nDestinationNetwork: must be given\n"
		"Service: must be given"},
	{R("Action=Allow " FROM TO "Service=htpp"),
		"no service is called 'htpp', did you mean 'http'?"},
	{R("Action=Allow SourceInterface=lna SourceNetwork=lan_net " TO "Service=http"),
		"no interface is called 'lna', did you mean 'lan'?"},
	{R("Action=Allow SourceInterface=lan_net SourceNetwork=lan_net " TO "Service=http"),
		"no interface is called 'lan_net', did you mean 'lan'?"},
	{R("Action=Allow SourceInterface=sync SourceNetwork=all-nets " TO "Service=http"),
		"IPRule r, SourceInterface: sync is a sync interface"},
	{R("Action=Allow " FROM
	   "DestinationInterface=sync DestinationNetwork=all-nets Service=http"),
		"IPRule r, DestinationInterface: sync is a sync interface"},
	{R("Action=Drop SourceInterface=any SourceNetwork=all-nets,all-nets6 "
	   "DestinationInterface=any "
	   "DestinationNetwork=all-nets,all-nets6 Service=all_services"),
		""},
	{R("Action=Allow " FROM "DestinationInterface=core DestinationNetwork=lan_ha Service=ssh"),
		""},
	/* what goes to the firewall itself does not leave */
	{R("Action=SAT SourceInterface=wan SourceNetwork=all-nets DestinationInterface=wan "
	   "DestinationNetwork=wan_ip Service=http SATTranslateToIP=10.1.0.9"),
		"7:89: warning: IPRule r, DestinationInterface: the rule never matches: "
		"DestinationNetwork is the firewall's own, and what is sent to that does not leave "
		"by "
		"wan: set DestinationInterface=core"},
	{R("Action=Allow " FROM "DestinationInterface=wan "
	   "DestinationNetwork=wan_ip,10.1.0.1-10.1.0.1 Service=http"),
		"DestinationInterface: the rule never matches"},
	{R("Action=Allow " FROM "DestinationInterface=lan DestinationNetwork=lan_ip Service=http"),
		"DestinationInterface: the rule never matches"},
	{R("Action=Allow " FROM
	   "DestinationInterface=wan DestinationNetwork=wan_ip,10.2.0.4 Service=http"),
		""},
	{R("Action=Allow " FROM
	   "DestinationInterface=wan DestinationNetwork=10.2.0.1-10.2.0.2 Service=http"),
		""}, /* the second one is a node's own, and that may be the other one */
	{R("Action=Allow " FROM "DestinationInterface=any DestinationNetwork=wan_ip Service=http"),
		""},
	{R("Action=Allow SourceInterface=core SourceNetwork=lan_net " TO "Service=http"),
		"SourceInterface: the rule never matches: what the firewall itself sends needs no "
		"rule"},
	/* an earlier one takes everything */
	{R("Action=Drop SourceInterface=any SourceNetwork=all-nets DestinationInterface=any "
	   "DestinationNetwork=all-nets Service=all_tcp")
			R2("Action=Allow " FROM
			   "DestinationInterface=wan DestinationNetwork=10.9.0.0/16 "
			   "Service=http"),
		"8:12: warning: IPRule r2: the rule never decides: rule 1, r (line 7), matches all "
		"that it matches, and comes first"},
	{R("Action=Drop " FROM "DestinationInterface=wan DestinationNetwork=10.9.0.0/16 "
	   "Service=http") R2("Action=Allow " FROM
			      "DestinationInterface=wan DestinationNetwork=10.9.0.0/16 "
			      "Service=all_tcp"),
		""},
	{R("Action=Allow " FROM
	   "DestinationInterface=wan DestinationNetwork=all-nets6 Service=http"),
		"the source is IPv4 only and the destination IPv6 only: no packet can match"},
	{R("Action=Allow " FROM TO "Service=http NATSenderAddress=wan_ip"),
		"NATSenderAddress: is for Action=NAT or SAT only"},
	{R("Action=NAT " FROM TO "Service=http SATTranslateToIP=1.2.3.4"),
		"SATTranslateToIP: is for Action=SAT only"},
	{R("Action=Drop " FROM TO "Service=http SATTranslateToPort=80"),
		"SATTranslateToPort: is for Action=SAT only"},
	/* NAT */
	{R("Action=NAT " FROM TO "Service=http"), ""},
	{R("Action=NAT " FROM "DestinationInterface=any DestinationNetwork=all-nets Service=http"),
		"DestinationInterface: NAT needs a definite sender: name the outgoing interface, "
		"or "
		"give NATSenderAddress"},
	{R("Action=NAT " FROM "DestinationInterface=any DestinationNetwork=all-nets Service=http "
	   "NATSenderAddress=wan_ip"),
		""},
	{R("Action=NAT " FROM "DestinationInterface=core DestinationNetwork=all-nets Service=http"),
		"NAT is not possible to the firewall itself"},
	{BASE "add EthernetInterface dmz\nadd IPRule r Action=NAT " FROM
	      "DestinationInterface=dmz DestinationNetwork=all-nets Service=http\n",
		"the rule matches IPv4, but dmz has no shared IPv4 address to send from"},
	{BASE LAN6 "add IPRule r Action=NAT SourceInterface=lan SourceNetwork=lan_net6 "
		   "DestinationInterface=wan DestinationNetwork=all-nets6 Service=http\n",
		"the rule matches IPv6, but wan has no shared IPv6 address to send from"},
	{BASE LAN6 WAN6
		"add IPRule r Action=NAT SourceInterface=lan SourceNetwork=lan_net6,lan_net "
		"DestinationInterface=wan DestinationNetwork=all-nets6,all-nets Service=http\n",
		""},
	{BASE LAN6 WAN6
		"add IPRule r Action=NAT SourceInterface=lan SourceNetwork=lan_net6,lan_net "
		"DestinationInterface=wan DestinationNetwork=all-nets6,all-nets Service=http "
		"NATSenderAddress=wan_ip\n",
		"10.2.0.1 is IPv4, but the rule matches IPv6 as well: make two rules"},
	{BASE WAN6 "add IPRule r Action=NAT " FROM TO "Service=http NATSenderAddress=wan_ip6\n",
		"fd02::1 is IPv6, but the networks of the rule are IPv4"},
	{R("Action=NAT " FROM TO "Service=http NATSenderAddress=wan_net"),
		"'wan_net' is more than one address"},
	{R("Action=NAT " FROM TO "Service=http NATSenderAddress=all-nets"),
		"'all-nets' is more than one address"},
	{R("Action=NAT " FROM TO "Service=http NATSenderAddress=10.2.0.2"),
		"10.2.0.2 is a private address of one node on wan"},
	{R("Action=NAT " FROM TO "Service=http NATSenderAddress=10.2.0.77"),
		"warning: IPRule r, NATSenderAddress: 10.2.0.77 is no shared address of an "
		"interface"},
	{R("Action=NAT " FROM TO "Service=http NATSenderAddress=0.0.0.0"),
		"is the unspecified address"},
	{R("Action=NAT " FROM TO "Service=http NATSenderAddress=wan_pi"), "did you mean 'wan_ip'?"},
	/* SAT */
	{R("Action=SAT " FROM TO "Service=http"), "Action: SAT needs SATTranslateToIP or "
						  "SATTranslateToPort"},
	{R("Action=SAT " FROM TO "Service=http SATTranslateToIP=10.1.0.80"), ""},
	{R("Action=SAT " FROM TO "Service=http SATTranslateToPort=8080"), ""},
	{R("Action=SAT " FROM TO "Service=http SATTranslateToIP=lan_net"),
		"'lan_net' is more than one"},
	{R("Action=SAT " FROM TO "Service=http SATTranslateToIP=fd00::5"),
		"fd00::5 is IPv6, but the networks of the rule are IPv4"},
	{R("Action=SAT " FROM TO "Service=http SATTranslateToIP=224.0.0.1"),
		"is a multicast address"},
	{R("Action=SAT " FROM TO "Service=all_services SATTranslateToPort=80"),
		"service all_services is more than TCP and UDP, which alone have ports"},
	{R("Action=SAT " FROM TO "Service=ping-inbound SATTranslateToPort=80"),
		"which alone have ports"},
	{R("Action=SAT " FROM TO "Service=http SATTranslateToPort=8080-8081"),
		"the range must be as long as the ports of service http"},
	{R("Action=SAT " FROM TO "Service=radius SATTranslateToPort=5000-5001"), ""},
	{R("Action=SAT " FROM TO "Service=http SATTranslateToIP=10.1.0.80 NATSenderAddress=lan_ip"),
		""},
	{R("Action=SAT " FROM TO
	   "Service=http SATTranslateToIP=10.1.0.80 NATSenderAddress=lan_ip6"),
		"lan has no shared IPv6 address"},
};

static const struct row mgmt_rows[] = {
	{BASE "add RemoteManagement m Interface=lan Network=lan_net Access=HTTPS,SSH\n", ""},
	{BASE "add RemoteManagement m Interface=any Network=all-nets Access=HTTPS\n", ""},
	{BASE "add RemoteManagement m Interface=lan\n",
		"Network: must be given\nAccess: must be given"},
	{BASE "add RemoteManagement m Interface=sync Network=all-nets Access=SSH\n",
		"RemoteManagement m, Interface: sync is a sync interface"},
	{BASE "add RemoteManagement m Interface=core Network=all-nets Access=SSH\n",
		"'core' can't stand here: must be an object of type EthernetInterface"},
	{BASE "set EthernetInterface lan PrivateIP=localhost\n"
	      "add RemoteManagement m Interface=lan Network=lan_net Access=HTTPS\n",
		"warning: RemoteManagement m, Interface: lan has no private addresses"},
	{"add EthernetInterface lan IPAddress=10.1.0.1/24\n"
	 "add RemoteManagement m Interface=any Network=lan_net Access=HTTPS\n",
		"warning: RemoteManagement m, Interface: no interface has private addresses"},
};

static void
check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct conf_run r;

		conf_run(&r, rows[i].text, true);
		conf_expect(&r, rows[i].text, rows[i].messages);
		assert_int_equal(r.model != NULL, r.errors.n == r.errors.n_warnings);
		conf_end(&r);
	}
}

#define TABLE(NAME)                                                                                \
	static void test_##NAME(void **state)                                                      \
	{                                                                                          \
		check_rows(NAME##_rows, sizeof(NAME##_rows) / sizeof(NAME##_rows[0]));             \
	}

TABLE(ha)
TABLE(iface)
TABLE(private)
TABLE(address)
TABLE(service)
TABLE(route)
TABLE(rule)
TABLE(mgmt)

/* 255 interfaces, and one too many. */
static void
test_iface_count(void **state)
{
	for (unsigned n = 255; n <= 256; n++) {
		static char text[16384];
		struct conf_run r;
		size_t len = 0;

		for (unsigned i = 0; i < n; i++)
			len += (size_t)snprintf(
				text + len, sizeof(text) - len, "add EthernetInterface if%u\n", i);
		conf_run(&r, text, true);
		conf_expect(
			&r, "", n == 255 ? "" : "EthernetInterface if255: there are more than 255");
		conf_end(&r);
	}
}

/* A chain of groups, first to last and last to first: 16 deep is fine, 17 is not. */
static void
nested(const char *type, const char *leaf, unsigned depth, bool backwards, const char *expected)
{
	char text[4096];
	struct conf_run r;
	size_t len = 0;

	for (unsigned k = 0; k < depth; k++) {
		unsigned i = backwards ? depth - 1 - k : k;

		len += (size_t)snprintf(
			text + len, sizeof(text) - len, "add %s g%u Members=", type, i);
		len += (size_t)(i + 1 == depth
					? snprintf(text + len, sizeof(text) - len, "%s\n", leaf)
					: snprintf(text + len, sizeof(text) - len, "g%u\n", i + 1));
	}
	conf_run(&r, text, true);
	if (depth < 20)
		conf_expect(&r, text, expected);
	assert_int_equal(r.model != NULL, !expected[0]);
	conf_end(&r);
}

static void
test_nesting(void **state)
{
	for (unsigned backwards = 0; backwards < 2; backwards++) {
		nested("AddressGroup", "1.2.3.4", 16, backwards, "");
		nested("AddressGroup", "1.2.3.4", 17, backwards, "nested more than 16 deep");
		nested("AddressGroup", "1.2.3.4", 90, backwards, "nested more than 16 deep");
		nested("ServiceGroup", "http", 16, backwards, "");
		nested("ServiceGroup", "http", 17, backwards, "nested more than 16 deep");
		nested("ServiceGroup", "http", 90, backwards, "nested more than 16 deep");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ha),
		cmocka_unit_test(test_iface),
		cmocka_unit_test(test_private),
		cmocka_unit_test(test_address),
		cmocka_unit_test(test_service),
		cmocka_unit_test(test_route),
		cmocka_unit_test(test_rule),
		cmocka_unit_test(test_mgmt),
		cmocka_unit_test(test_iface_count),
		cmocka_unit_test(test_nesting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
