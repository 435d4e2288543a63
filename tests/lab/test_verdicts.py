# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's verdict against the plain reading of the rules: random rules, compiled and loaded, and
random packets. The counters of the rules must say what rules-judge says. Small worlds, so that many
rules overlap; enough rules that lists become trees of maps.
"""
import random

import pytest
from lab import run, wait_until
from router import INTERFACES, Router
from test_rules import golden

DROPS = {"drop/no-rule": "no-rule", "drop/spoofed": "spoofed"}
RULES, PACKETS = 400, 500


class World:
    """Hosts 16 to 79 of a /24 and a /64 behind each interface, and as many beyond the default route."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        self.rules = self.r.choice([12, 60, RULES])
        self.wide = self.r.choice([0.05, 0.2, 0.4])

    def host(self, v, side=None):
        side = self.r.randrange(1, 5) if side is None else side
        n = self.r.randrange(16, 80)
        return f"10.{side}.0.{n}" if v == 4 else f"fd0{side}::{n:x}"

    def network(self, v):
        x = self.r.random()
        if x < self.wide:
            return "0.0.0.0/0" if v == 4 else "::/0"
        if x < 0.6:
            return ",".join(self.host(v) for _ in range(self.r.choice([1, 1, 1, 4])))
        side, n = self.r.randrange(1, 5), self.r.randrange(16, 64)
        if x < 0.8:
            return f"10.{side}.0.{n & 0xf0}/28" if v == 4 else f"fd0{side}::{n & 0xf0:x}/124"
        top = n + self.r.randrange(1, 24)
        return f"10.{side}.0.{n}-10.{side}.0.{top}" if v == 4 else f"fd0{side}::{n:x}-fd0{side}::{top:x}"

    def ports(self):
        r = self.r
        one = [f"{p}" if r.random() < 0.6 else f"{p}-{p + r.randrange(1, 9)}"
               for p in sorted(r.sample(range(100, 140, 10), r.choice([1, 1, 3])))]
        return ",".join(one)

    def statements(self):
        r = self.r
        out = ["set Device Name=a",
               "set HighAvailability Enabled=Yes ClusterID=7 NodeType=Master SyncInterface=sync",
               "add EthernetInterface sync",
               "add Route default Interface=wan Network=all-nets Gateway=10.2.0.254",
               "add Route default6 Interface=wan Network=all-nets6 Gateway=fd02::fe"]
        out += [f"add EthernetInterface {x} IPAddress=10.{i}.0.1/24 IP6Address=fd0{i}::1/64"
                for i, x in enumerate(INTERFACES, 1)]
        for i in range(6):
            source = f" SourcePorts={self.ports()}" if r.random() < 0.3 else ""
            out.append(f"add ServiceTCPUDP s{i} Type={r.choice(['TCP', 'UDP', 'TCPUDP'])} "
                       f"DestinationPorts={self.ports()}{source}")
        out.append("add ServiceGroup mixed Members=s0,s1,ping-inbound")
        out.append("add ServiceIPProto tunnel Protocol=47")
        services = [f"s{i}" for i in range(6)] + ["mixed", "tunnel", "ping-inbound", "all_tcp", "all_services"]
        for i in range(self.rules):
            v = r.choice([4, 4, 6])
            src, dst = self.network(v), self.network(v)
            if r.random() < 0.05:
                src = dst = "0.0.0.0/0,::/0"
            out.append(f"add IPRule r{i} Action={r.choice(['Allow', 'Drop', 'Reject'])} Log=No "
                       f"SourceInterface={r.choice(INTERFACES + ['any'])} SourceNetwork={src} "
                       f"DestinationInterface={r.choice(INTERFACES + ['any', 'core'])} DestinationNetwork={dst} "
                       f"Service={r.choice(services)}")
        return "\n".join(out) + "\n"

    def packet(self, n):
        """(interface, source, destination, protocol, source port, destination port or ICMP type)"""
        r, v = self.r, self.r.choice([4, 4, 6])
        side = r.randrange(1, 4)
        src = self.host(v, side if r.random() < 0.97 else None)
        dst = self.host(v)
        if r.random() < 0.1:
            to = r.randrange(1, 4)
            dst = f"10.{to}.0.1" if v == 4 else f"fd0{to}::1"
        proto = r.choice([6, 6, 17, 17, 58 if v == 6 else 1, 47])
        if proto in (1, 58):
            return INTERFACES[side - 1], src, dst, proto, n, 8 if v == 4 else 128
        return INTERFACES[side - 1], src, dst, proto, r.choice([1024 + n, r.randrange(100, 140)]), r.randrange(98, 142)


@pytest.fixture(scope="module")
def router():
    r = Router()
    yield r
    r.close()


def said(counters):
    """Counters as rules-judge names them; what arrives without being asked for is not counted."""
    out = {n.replace("rule/", "rule "): c for n, c in counters.items() if n.startswith("rule/") and c}
    return out | {DROPS[n]: counters[n] for n in DROPS if counters[n]}


@pytest.mark.parametrize("seed", range(1, 13))
def test_random_rules(router, tmp_path, seed):
    world = World(seed)
    conf = tmp_path / "rules.conf"
    conf.write_text(world.statements())
    packets = {}
    for n in range(PACKETS):
        p = world.packet(n)
        packets.setdefault(p[1:], p)  # a second one alike would be no first packet
    packets = list(packets.values())
    lines = "".join(" ".join(map(str, p)) + "\n" for p in packets)
    words = run(golden("rules-judge"), str(conf), "master", stdin=lines).splitlines()
    wanted = {}
    for w in words:
        wanted[w] = wanted.get(w, 0) + 1
    router.ns.exec("nft", "-f", "-", stdin=run(golden("rules-compile"), str(conf), "master"))
    router.ns.exec("conntrack", "-F")
    router.send(packets)
    wait_until(lambda: sum(said(router.counters()).values()) >= len(packets), 5,
               lambda: f"{len(packets)} packets: {said(router.counters())}")
    got = said(router.counters())
    if got == wanted:
        return
    for p, w in zip(packets, words):  # which one was it?
        if got.get(w) == wanted[w]:
            continue
        router.ns.exec("conntrack", "-F")
        before = router.counters()
        router.send([p])
        wait_until(lambda: router.counters() != before, 5, f"{p} is counted")
        after = router.counters()
        changed = said({n: after[n] - before[n] for n in after})
        assert changed == {w: 1}, f"{p}: wanted {w}, the kernel said {changed}"
    assert got == wanted


def test_trees_are_used(tmp_path):
    """Otherwise the tests above say little."""
    conf = tmp_path / "rules.conf"
    world = World(1)
    world.rules = RULES
    conf.write_text(world.statements())
    text = run(golden("rules-compile"), str(conf), "master")
    assert text.count(" vmap @rules/") > 20 and "\tgoto found\n" in text
