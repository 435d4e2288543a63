# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules like people have, seeded: hosts, networks, ranges, groups, services, exceptions, and a part that is open
to all; as statements, as one line of nft for each rule, and packets that match them.
"""
import ipaddress
import random

INTERFACES = ["lan", "wan", "dmz"]
NAIVE_HEAD = """table inet twinwall {
	chain judge {
		type filter hook prerouting priority mangle; policy accept;
		ct state established,related accept
		ct state invalid drop
"""
NAIVE_TAIL = """		counter drop
	}
}
"""


class Rules:
    def __init__(self, count, seed=1):
        self.r = random.Random(seed)
        self.conf = ["set Device Name=fw",
                     "set HighAvailability Enabled=Yes ClusterID=7 NodeType=Master SyncInterface=sync",
                     "add EthernetInterface sync",
                     "add Route default Interface=wan Network=all-nets Gateway=10.2.0.254"]
        self.conf += [f"add EthernetInterface {x} IPAddress=10.{i}.0.1/16" for i, x in enumerate(INTERFACES, 1)]
        self.naive, self.packets = [], []
        for n in range(count):
            self.rule(n)

    def host(self, side):
        return f"10.{side}.{self.r.randrange(1, 255)}.{self.r.randrange(1, 255)}"

    def network(self, side):
        """(as a statement has it, as nft has it, one address of it)"""
        x, host = self.r.random(), self.host(side)
        if x < 0.5:
            return host, host, host
        if x < 0.7:
            net = str(ipaddress.ip_network(f"{host}/{self.r.choice([24, 24, 26, 28])}", strict=False))
            return net, net, host
        if x < 0.78:
            top = str(ipaddress.ip_address(host) + self.r.randrange(1, 40))
            return f"{host}-{top}", f"{host}-{top}", host
        if x < 0.9:
            several = sorted({self.host(side) for _ in range(self.r.randrange(2, 12))} | {host})
            return ",".join(several), "{ " + ", ".join(several) + " }", host
        return "all-nets", None, host

    def rule(self, n):
        r = self.r
        a, b = r.sample(range(3), 2)
        src, src_nft, src_ip = self.network(a + 1)
        dst, dst_nft, dst_ip = self.network(b + 1)
        proto = r.choice(["TCP", "TCP", "UDP"])
        port = r.choice([22, 25, 53, 80, 443, 3306, r.randrange(1024, 60000)])
        ports = f"{port}" if r.random() < 0.8 else f"{port}-{port + r.randrange(1, 100)}"
        any_a, any_b = (r.random() < 0.05 for _ in range(2))
        self.conf.append(f"add ServiceTCPUDP s{n} Type={proto} DestinationPorts={ports}")
        self.conf.append(f"add IPRule r{n} Action=Allow Log=No SourceInterface={'any' if any_a else INTERFACES[a]} "
                         f"SourceNetwork={src} DestinationInterface={'any' if any_b else INTERFACES[b]} "
                         f"DestinationNetwork={dst} Service=s{n}")
        self.naive.append("\t\t" + ("" if any_a else f'iifname "tw-{INTERFACES[a]}" ')
                          + (f"ip saddr {src_nft} " if src_nft else "") + (f"ip daddr {dst_nft} " if dst_nft else "")
                          + f"{proto.lower()} dport {ports} counter accept\n")
        self.packets.append((INTERFACES[a], src_ip, dst_ip, 6 if proto == "TCP" else 17, 1024, port))

    def statements(self):
        return "\n".join(self.conf) + "\n"

    def one_line_each(self):
        return NAIVE_HEAD + "".join(self.naive) + NAIVE_TAIL
