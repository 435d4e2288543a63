# SPDX-License-Identifier: GPL-2.0-or-later
"""State sync alone: two nodes joined by a sync link, real traffic through one, its flows in the other.

          ┌── a ──┐
 client ──┤   ║   ├── server      client and server have one address each and choose the path by route
          └── b ──┘
"""
import re
import subprocess
import sys
import time

import pytest

from netns import Namespace, wait_until
from syncnode import ACTIVE, BARRIER, PREPARE, STANDBY, SyncNode

CLIENT, SERVER, SHARED = "10.9.0.1", "10.8.0.1", "203.0.113.1"

RULES = f"""
table ip nat {{
    chain post {{
        type nat hook postrouting priority 100
        oifname "srv" ip saddr {CLIENT} snat to {SHARED}
    }}
}}
table inet f {{
    chain pre {{
        type filter hook prerouting priority -150
        ct state invalid counter drop
    }}
}}
"""

ECHO = """
import socket, threading
def tcp(s):
    while True:
        c, _ = s.accept()
        threading.Thread(target=serve, args=(c,), daemon=True).start()
def serve(c):
    while (d := c.recv(65536)):
        c.sendall(d)
    c.close()
t = socket.socket(); t.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
t.bind(("", 7)); t.listen(500)
threading.Thread(target=tcp, args=(t,), daemon=True).start()
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("", 7))
print("ready", flush=True)
while True:
    d, a = u.recvfrom(65536)
    u.sendto(d, a)
"""

# One command a line: tcp N / udp N / echo / close / flood N / down
CLIENT_PROGRAM = f"""
import socket, sys
server = ("{SERVER}", 7)
tcp, udp = [], []
def opened(kind, n):
    for _ in range(n):
        s = socket.socket(socket.AF_INET, kind)
        s.settimeout(5)
        s.bind(("{CLIENT}", 0))
        s.connect(server)
        (tcp if kind == socket.SOCK_STREAM else udp).append(s)
def echo(socks, size):
    bad = 0
    for s in socks:
        try:
            s.sendall(b"x" * size)
            left = size
            while left:
                d = s.recv(65536)
                if not d:
                    raise OSError
                left -= len(d)
        except OSError:
            bad += 1
    return bad
for line in sys.stdin:
    c, *a = line.split()
    if c == "tcp":
        opened(socket.SOCK_STREAM, int(a[0])); print(echo(tcp, 100), flush=True)
    elif c == "udp":
        opened(socket.SOCK_DGRAM, int(a[0])); print(echo(udp, 100), flush=True)
    elif c == "echo":
        print(echo(tcp, int(a[0])) + echo(udp, 100), flush=True)
    elif c == "close":
        for s in tcp + udp: s.close()
        tcp.clear(); udp.clear(); print(0, flush=True)
"""


class Lab:
    def __init__(self):
        self.a, self.b = SyncNode("a", 0), SyncNode("b", 1)
        self.client, self.server = Namespace("client"), Namespace("server")
        self.all = [self.a, self.b, self.client, self.server]
        self.link(self.a, "sync", self.b, "sync")
        for n, node in enumerate((self.a, self.b)):
            self.link(self.client, f"n{n}", node, "cli")
            self.link(self.server, f"n{n}", node, "srv")
            self.client.ip(f"addr add 10.{20 + n}.0.2/24 dev n{n}")
            self.server.ip(f"addr add 10.{30 + n}.0.2/24 dev n{n}")
            node.ip(f"addr add 10.{20 + n}.0.1/24 dev cli", f"addr add 10.{30 + n}.0.1/24 dev srv",
                    f"route add {CLIENT} via 10.{20 + n}.0.2", f"route add {SERVER} via 10.{30 + n}.0.2")
            node.exec("nft", "-f", "-", stdin=RULES)
            node.own = ["10.20.0.1", "10.21.0.1", "10.30.0.1", "10.31.0.1", SHARED]
            node.sysctl("net.ipv4.conf.all.rp_filter=0")
        self.client.ip(f"addr add {CLIENT}/32 dev lo")
        self.server.ip(f"addr add {SERVER}/32 dev lo")
        for ns in (self.client, self.server):
            ns.sysctl("net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.n0.rp_filter=0",
                      "net.ipv4.conf.n1.rp_filter=0")
        self.path(0)
        self.echo = self.server.popen(sys.executable, "-c", ECHO, stdout=subprocess.PIPE, text=True)
        assert self.echo.stdout.readline() == "ready\n"
        self.prog = self.client.popen(sys.executable, "-c", CLIENT_PROGRAM, stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)

    @staticmethod
    def link(x, xdev, y, ydev):
        x.ip(f"link add {xdev} type veth peer name {ydev} netns {y.name}", f"link set {xdev} up")
        y.ip(f"link set {ydev} up")

    def path(self, n):
        """From now on everything goes through node a (0) or b (1)."""
        self.client.ip(f"route replace {SERVER} via 10.{20 + n}.0.1 src {CLIENT}")
        self.server.ip(f"route replace {SHARED} via 10.{30 + n}.0.1 src {SERVER}")

    def ask(self, line):
        """A command for the client program; how many connections failed."""
        self.prog.stdin.write(line + "\n")
        self.prog.stdin.flush()
        return int(self.prog.stdout.readline())

    def start(self):
        self.a.start(ACTIVE, 1)
        self.b.start(STANDBY, 1)
        self.b.wait_state("synced")
        self.a.wait_state("synced")
        return self

    def close(self):
        for ns in self.all:
            ns.remove()


@pytest.fixture
def lab():
    lab = Lab()
    yield lab
    lab.close()


def keys(node):
    """Flows as comparable text: tuples, translation, state, without timeouts."""
    found = set()
    for line in node.flows():
        line = re.sub(r"^(\w+\s+\d+) \d+", r"\1", line)
        found.add(re.sub(r"\s+(use|mark)=\d+", "", line))
    return {x for x in found if CLIENT in x}


def wait_equal(lab, timeout=5):
    wait_until(lambda: keys(lab.a) == keys(lab.b), timeout,
               lambda: f"equal tables\nonly a: {keys(lab.a) - keys(lab.b)}\nonly b: {keys(lab.b) - keys(lab.a)}")


def test_flows_appear_and_go(lab):
    lab.start()
    assert lab.ask("tcp 20") == 0
    assert lab.ask("udp 20") == 0
    wait_equal(lab, 1)
    assert len(keys(lab.b)) == 40
    assert all("[ASSURED]" in x for x in keys(lab.b) if x.startswith("tcp"))
    assert all(f"dst={SHARED}" in x for x in keys(lab.b))
    # aging is the active's: the standby holds them for days
    assert all(int(x.split()[2]) > 1000000 for x in lab.b.flows() if CLIENT in x)
    assert lab.a.liberal() == "1" and lab.b.liberal() == "1"
    assert lab.ask("close") == 0
    wait_equal(lab, 1)
    lab.a.exec("conntrack", "-F")
    wait_until(lambda: not keys(lab.b), 1, "all gone")


def test_delay_of_one_flow(lab):
    lab.start()
    worst = 0.0
    for _ in range(10):
        before = lab.b.status().flows_inserted
        t0 = time.monotonic()
        lab.ask("udp 1")
        while not lab.b.read_reports(0) and lab.b.count() <= before:
            assert time.monotonic() < t0 + 2
        worst = max(worst, time.monotonic() - t0)
    print(f"worst delay including two program starts: {worst * 1000:.1f} ms")
    wait_equal(lab, 1)
