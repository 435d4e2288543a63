/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables of the addresses and services that need no definition. */
#include <string.h>
#include "core/conf/builtin.h"

#define V4(A, B, C, D)                                                                             \
	{                                                                                          \
		.family = 4, .b = { A, B, C, D }                                                   \
	}

static const struct ip_range localhost[] = {{V4(127, 0, 0, 1), V4(127, 0, 0, 2)}};

static const struct builtin_address addresses[] = {
	{"all-nets", "Every IPv4 address.", {.any4 = true}, {V4(0, 0, 0, 0), 0}},
	{"all-nets6", "Every IPv6 address.", {.any6 = true}, {{.family = 6}, 0}},
	{"localhost", "The loopback addresses: 127.0.0.1 of the master, 127.0.0.2 of the slave.",
		{.r = localhost, .n = 1}, {{0}, 0}},
};

#define COUNT(ARRAY) (sizeof(ARRAY) / sizeof((ARRAY)[0]))
#define LIST(...)                                                                                  \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}
#define TCP 6
#define UDP 17
#define PORTS(PROTO, RANGES)                                                                       \
	{                                                                                          \
		.kind = MATCH_PORTS, .proto = PROTO, .dport = RANGES, .n_dport = COUNT(RANGES)     \
	}
/* Its data connections follow, by the kernel's reading of the control connection. */
#define PORTS_HELPED(PROTO, RANGES, HELPER)                                                        \
	{                                                                                          \
		.kind = MATCH_PORTS, .proto = PROTO, .dport = RANGES, .n_dport = COUNT(RANGES),    \
		.helper = HELPER                                                                   \
	}
#define PORTS_ALL(PROTO)                                                                           \
	{                                                                                          \
		.kind = MATCH_PORTS, .proto = PROTO                                                \
	}
#define PROTO(NUMBER)                                                                              \
	{                                                                                          \
		.kind = MATCH_PROTO, .proto = NUMBER                                               \
	}
#define TYPES(PROTO, LIST_)                                                                        \
	{                                                                                          \
		.kind = MATCH_ICMP, .proto = PROTO, .types = LIST_, .n_types = COUNT(LIST_)        \
	}

/* A list of port ranges called p_ID. */
#define P(ID, ...) static const struct port_range p_##ID[] = {__VA_ARGS__};
P(ftp, {21, 21})
P(ssh, {22, 22})
P(telnet, {23, 23})
P(smtp, {25, 25})
P(tacacs, {49, 49})
P(dns, {53, 53})
P(dhcp, {67, 68})
P(dhcp6, {546, 547})
P(tftp, {69, 69})
P(http, {80, 80})
P(kerberos, {88, 88})
P(pop3, {110, 110})
P(ntp, {123, 123})
P(netbios_udp, {137, 138})
P(netbios_tcp, {139, 139})
P(imap, {143, 143})
P(snmp, {161, 161})
P(snmptrap, {162, 162})
P(bgp, {179, 179})
P(ldap, {389, 389})
P(https, {443, 443})
P(smb, {445, 445})
P(smtps, {465, 465})
P(ike, {500, 500}, {4500, 4500})
P(syslog, {514, 514})
P(submission, {587, 587})
P(rtsp, {554, 554})
P(ldaps, {636, 636})
P(syslog_tls, {6514, 6514})
P(dot, {853, 853})
P(imaps, {993, 993})
P(pop3s, {995, 995})
P(openvpn, {1194, 1194})
P(mssql, {1433, 1433})
P(oracle, {1521, 1521})
P(pptp, {1723, 1723})
P(radius, {1812, 1813})
P(nfs, {2049, 2049})
P(mysql, {3306, 3306})
P(rdp, {3389, 3389})
P(sip, {5060, 5060})
P(sips, {5061, 5061})
P(postgresql, {5432, 5432})
P(vnc, {5900, 5900})
P(traceroute, {33434, 33534})
P(wireguard, {51820, 51820})
#undef P

static const uint8_t t_echo4[] = {8}, t_echo6[] = {128};

/* A list of matches called m_ID, and the services made of them. */
#define M(ID, ...) static const struct service_match m_##ID[] = {__VA_ARGS__};
#define S(NAME, ID, HELP)                                                                          \
	{                                                                                          \
		{NAME, m_##ID, COUNT(m_##ID)}, HELP                                                \
	}
M(all, {.kind = MATCH_ANY})
M(tcp, PORTS_ALL(TCP))
M(udp, PORTS_ALL(UDP))
M(tcpudp, PORTS_ALL(TCP), PORTS_ALL(UDP))
M(icmp, {.kind = MATCH_ICMP, .proto = 1}, {.kind = MATCH_ICMP, .proto = 58})
M(ping, TYPES(1, t_echo4), TYPES(58, t_echo6))
M(traceroute, PORTS(UDP, p_traceroute), TYPES(1, t_echo4), TYPES(58, t_echo6))
M(gre, PROTO(47))
M(esp, PROTO(50))
M(ah, PROTO(51))
M(ospf, PROTO(89))
M(sctp, PROTO(132))
M(ipsec, PORTS(UDP, p_ike), PROTO(50), PROTO(51))
M(pptp, PORTS(TCP, p_pptp), PROTO(47))
M(ftp, PORTS_HELPED(TCP, p_ftp, HELPER_FTP))
M(ssh, PORTS(TCP, p_ssh))
M(telnet, PORTS(TCP, p_telnet))
M(smtp, PORTS(TCP, p_smtp))
M(tacacs, PORTS(TCP, p_tacacs))
M(dns, PORTS(TCP, p_dns), PORTS(UDP, p_dns))
M(dns_udp, PORTS(UDP, p_dns))
M(dns_tcp, PORTS(TCP, p_dns))
M(dns_tls, PORTS(TCP, p_dot))
M(dhcp, PORTS(UDP, p_dhcp))
M(dhcp6, PORTS(UDP, p_dhcp6))
M(tftp, PORTS_HELPED(UDP, p_tftp, HELPER_TFTP))
M(http, PORTS(TCP, p_http))
M(https, PORTS(TCP, p_https))
M(quic, PORTS(UDP, p_https))
M(http_all, PORTS(TCP, p_http), PORTS(TCP, p_https), PORTS(UDP, p_https))
M(kerberos, PORTS(TCP, p_kerberos), PORTS(UDP, p_kerberos))
M(pop3, PORTS(TCP, p_pop3))
M(ntp, PORTS(UDP, p_ntp))
M(smb_all, PORTS(TCP, p_netbios_tcp), PORTS(UDP, p_netbios_udp), PORTS(TCP, p_smb))
M(smb, PORTS(TCP, p_smb))
M(imap, PORTS(TCP, p_imap))
M(snmp, PORTS(UDP, p_snmp))
M(snmptrap, PORTS(UDP, p_snmptrap))
M(bgp, PORTS(TCP, p_bgp))
M(ldap, PORTS(TCP, p_ldap), PORTS(UDP, p_ldap))
M(smtps, PORTS(TCP, p_smtps))
M(ike, PORTS(UDP, p_ike))
M(syslog, PORTS(UDP, p_syslog))
M(syslog_tls, PORTS(TCP, p_syslog_tls))
M(submission, PORTS(TCP, p_submission))
M(rtsp, PORTS(TCP, p_rtsp))
M(ldaps, PORTS(TCP, p_ldaps))
M(imaps, PORTS(TCP, p_imaps))
M(pop3s, PORTS(TCP, p_pop3s))
M(openvpn, PORTS(TCP, p_openvpn), PORTS(UDP, p_openvpn))
M(mssql, PORTS(TCP, p_mssql))
M(oracle, PORTS(TCP, p_oracle))
M(radius, PORTS(UDP, p_radius))
M(nfs, PORTS(TCP, p_nfs), PORTS(UDP, p_nfs))
M(mysql, PORTS(TCP, p_mysql))
M(rdp, PORTS(TCP, p_rdp), PORTS(UDP, p_rdp))
M(sip, PORTS(TCP, p_sip), PORTS(UDP, p_sip))
M(sips, PORTS(TCP, p_sips))
M(postgresql, PORTS(TCP, p_postgresql))
M(vnc, PORTS(TCP, p_vnc))
M(wireguard, PORTS(UDP, p_wireguard))
#undef M

static const struct builtin_service services[] = {
	S("all_services", all, "Every protocol."),
	S("all_tcp", tcp, "All of TCP."),
	S("all_udp", udp, "All of UDP."),
	S("all_tcpudp", tcpudp, "All of TCP and UDP."),
	S("all_icmp", icmp, "All of ICMP and ICMPv6."),
	S("ping-inbound", ping, "Echo request (ping), IPv4 and IPv6."),
	S("ping-outbound", ping, "Echo request (ping), IPv4 and IPv6."),
	S("traceroute", traceroute, "UDP 33434-33534 and echo request."),
	S("http", http, "TCP 80."),
	S("https", https, "TCP 443."),
	S("http-all", http_all, "TCP 80 and 443, UDP 443 (QUIC)."),
	S("quic", quic, "UDP 443."),
	S("ssh", ssh, "TCP 22."),
	S("telnet", telnet, "TCP 23."),
	S("ftp", ftp, "TCP 21; data connections follow by themselves."),
	S("tftp", tftp, "UDP 69; data follows by itself."),
	S("dns", dns, "TCP and UDP 53."),
	S("dns-all", dns, "TCP and UDP 53."),
	S("dns-udp", dns_udp, "UDP 53."),
	S("dns-tcp", dns_tcp, "TCP 53."),
	S("dns-tls", dns_tls, "TCP 853."),
	S("dhcp", dhcp, "UDP 67-68."),
	S("dhcp6", dhcp6, "UDP 546-547."),
	S("ntp", ntp, "UDP 123."),
	S("smtp", smtp, "TCP 25."),
	S("smtps", smtps, "TCP 465."),
	S("submission", submission, "TCP 587."),
	S("imap", imap, "TCP 143."),
	S("imaps", imaps, "TCP 993."),
	S("pop3", pop3, "TCP 110."),
	S("pop3s", pop3s, "TCP 995."),
	S("ldap", ldap, "TCP and UDP 389."),
	S("ldaps", ldaps, "TCP 636."),
	S("kerberos", kerberos, "TCP and UDP 88."),
	S("radius", radius, "UDP 1812-1813."),
	S("tacacs", tacacs, "TCP 49."),
	S("snmp", snmp, "UDP 161."),
	S("snmptrap", snmptrap, "UDP 162."),
	S("syslog", syslog, "UDP 514."),
	S("syslog-tls", syslog_tls, "TCP 6514."),
	S("smb", smb, "TCP 445."),
	S("smb-all", smb_all, "TCP 139 and 445, UDP 137-138."),
	S("nfs", nfs, "TCP and UDP 2049."),
	S("rdp", rdp, "TCP and UDP 3389."),
	S("vnc", vnc, "TCP 5900."),
	S("mysql", mysql, "TCP 3306."),
	S("postgresql", postgresql, "TCP 5432."),
	S("mssql", mssql, "TCP 1433."),
	S("oracle", oracle, "TCP 1521."),
	S("sip", sip, "TCP and UDP 5060."),
	S("sips", sips, "TCP 5061."),
	S("rtsp", rtsp, "TCP 554."),
	S("bgp", bgp, "TCP 179."),
	S("ospf", ospf, "IP protocol 89."),
	S("ike", ike, "UDP 500 and 4500."),
	S("ipsec", ipsec, "IKE (UDP 500 and 4500), ESP and AH."),
	S("esp", esp, "IP protocol 50."),
	S("ah", ah, "IP protocol 51."),
	S("gre", gre, "IP protocol 47."),
	S("pptp", pptp, "TCP 1723 and GRE."),
	S("openvpn", openvpn, "TCP and UDP 1194."),
	S("wireguard", wireguard, "UDP 51820."),
	S("sctp", sctp, "IP protocol 132."),
};

const struct builtin_address *
builtin_address_at(size_t i)
{
	return i < COUNT(addresses) ? &addresses[i] : NULL;
}

const struct builtin_address *
builtin_address_find(const char *name)
{
	for (size_t i = 0; i < COUNT(addresses); i++)
		if (strcmp(addresses[i].name, name) == 0)
			return &addresses[i];
	return NULL;
}

const struct builtin_service *
builtin_service_at(size_t i)
{
	return i < COUNT(services) ? &services[i] : NULL;
}

const struct builtin_service *
builtin_service_find(const char *name)
{
	for (size_t i = 0; i < COUNT(services); i++)
		if (strcmp(services[i].service.name, name) == 0)
			return &services[i];
	return NULL;
}

bool
builtin_is_name(enum schema_space space, const char *name)
{
	switch (space) {
	case SPACE_ADDRESS:
		return builtin_address_find(name);
	case SPACE_IFACE:
		return strcmp(name, "any") == 0 || strcmp(name, "core") == 0;
	case SPACE_SERVICE:
		return builtin_service_find(name);
	case SPACE_NONE:
	case SPACE_ROUTE:
	case SPACE_RULE:
	case SPACE_MONITOR:
	case SPACE_MGMT:
		return false;
	}
	return false;
}

enum derived_kind
builtin_derived(const char *name, size_t *iface_len)
{
	static const struct {
		const char *suffix;
		enum derived_kind kind;
	} suffixes[] = {{"_ip", DERIVED_IP}, {"_net", DERIVED_NET}, {"_ip6", DERIVED_IP6},
		{"_net6", DERIVED_NET6}};
	size_t len = strlen(name);

	for (size_t i = 0; i < COUNT(suffixes); i++) {
		size_t n = strlen(suffixes[i].suffix);

		if (len > n && strcmp(name + len - n, suffixes[i].suffix) == 0) {
			*iface_len = len - n;
			return suffixes[i].kind;
		}
	}
	return DERIVED_NONE;
}
