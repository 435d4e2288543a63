# SPDX-License-Identifier: GPL-2.0-or-later
"""One namespace with the cluster's interfaces and nothing else of a node, and frames to send into it:
what rules do to packets, without daemons, gate or peer.
"""
import ipaddress
import json
import socket
import struct

from lab import run
from netns import Namespace
from test_rules import make_socket

INTERFACES = ["lan", "wan", "dmz"]
ETH_P = {4: 0x0800, 6: 0x86dd}


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def frame(mac, packet):
    """The packet on the wire, whole and with right sums: connection tracking looks at them."""
    _, src, dst, proto, sport, dport = packet
    s, d = ipaddress.ip_address(src), ipaddress.ip_address(dst)
    at = None
    if proto == 6:
        data, at = struct.pack("!HHIIBBHHH", sport, dport, 1, 0, 5 << 4, 2, 1000, 0, 0), 16
    elif proto == 17:
        data, at = struct.pack("!HHHH", sport, dport, 8, 0), 6
    elif proto in (1, 58):
        data, at = struct.pack("!BBHHH", dport, 0, 0, sport, 1), 2
    else:
        data = struct.pack("!HHHH", 0, 0x0800, sport, dport)  # GRE, or whatever
    if at:
        pseudo = b"" if proto == 1 else s.packed + d.packed + struct.pack("!II", len(data), proto)
        data = data[:at] + struct.pack("!H", checksum(pseudo + data)) + data[at + 2:]
    if s.version == 4:
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(data), 1, 0, 64, proto, 0) + s.packed + d.packed
        head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    else:
        head = struct.pack("!IHBB", 6 << 28, len(data), proto, 64) + s.packed + d.packed
    return mac + b"\x02\0\0\0\0\x99" + struct.pack("!H", ETH_P[s.version]) + head + data


class Router:
    """Networks 10.N.0.0 and fd0N:: behind interface N; the default route leads to wan."""

    def __init__(self):
        self.ns = Namespace("verdicts")
        self.mac, self.wire = {}, {}
        self.ns.sysctl("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", "net.ipv4.conf.all.rp_filter=0",
                       "net.ipv4.conf.default.rp_filter=0", "net.ipv6.conf.default.accept_dad=0",
                       "net.ipv4.icmp_ratelimit=0")
        for i, x in enumerate(INTERFACES, 1):
            self.ns.ip(f"link add tw-{x} type veth peer name w-{x}", f"link set tw-{x} up", f"link set w-{x} up",
                       f"addr add 10.{i}.0.1/24 dev tw-{x}", f"addr add fd0{i}::1/64 dev tw-{x} nodad")
            link = json.loads(run("ip", "-n", self.ns.name, "-j", "link", "show", f"tw-{x}"))[0]
            self.mac[x] = bytes.fromhex(link["address"].replace(":", ""))
            self.ns.exec("sysctl", "-qw", f"net.ipv6.conf.w-{x}.disable_ipv6=1")
            self.wire[x] = make_socket(self.ns, socket.AF_PACKET, socket.SOCK_RAW)
            self.wire[x].bind((f"w-{x}", 0))
        self.ns.ip("route add default via 10.2.0.254", "route add default via fd02::fe dev tw-wan")

    def close(self):
        for s in self.wire.values():
            s.close()
        self.ns.remove()

    def counters(self):
        out = json.loads(self.ns.exec("nft", "-j", "list", "counters", "table", "inet", "twinwall"))
        return {x["counter"]["name"]: x["counter"]["packets"] for x in out["nftables"] if "counter" in x}

    def send(self, packets):
        for p in packets:
            self.wire[p[0]].send(frame(self.mac[p[0]], p))
