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

from flowtable import insert
from netns import LabError, Namespace, wait_until
from syncnode import ACTIVE, PREPARE, STANDBY, SyncNode
from test_hostile import PROGRAM as HOSTILE

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


def test_a_lone_flow_does_not_wait_for_others(lab):
    lab.start()
    for n in range(1, 11):
        lab.ask("udp 1")
        wait_until(lambda: lab.b.count() >= n, 2, "the flow", step=0.001)


def test_bulk_on_join(lab):
    lab.a.start(ACTIVE, 1)
    assert lab.ask("tcp 30") == 0 and lab.ask("udp 30") == 0
    fill(lab.a, 20000)
    lab.b.start(STANDBY, 1)
    lab.b.wait_state("synced")
    lab.a.wait_state("synced")
    wait_equal(lab, 1)
    assert lab.b.count() >= 20060
    lab.b.wait_status(lambda s: s.bulks_received == 1 and s.insert_failed == 0, "one bulk")


def fill(node, n, first=0):
    """n UDP flows that never end by themselves, on from number `first`."""
    insert(node, ((bytes((10, 99, i >> 8 & 255, i & 255)), 1024 + (i >> 16), b"\x0a\x08\0\x09", 53)
                  for i in range(first, first + n)), 3000)


def fill_own(node, n):
    """The same as flows of node b itself, on which it is 10.21.0.1: not carried, not swept."""
    insert(node, ((b"\x0a\x15\0\1", 9, bytes((10, 98, i >> 8 & 255, i & 255)), 1024 + (i >> 16)) for i in range(n)),
           3000)


def test_what_the_active_does_not_have_is_swept(lab):
    fill(lab.b, 500, first=100000)  # from an earlier life
    lab.b.exec("conntrack", "-I", "-p", "tcp", "-s", "10.20.0.1", "-d", "10.20.0.2", "--sport", "22", "--dport",
               "5000", "--state", "ESTABLISHED", "-t", "500")  # the node's own
    lab.start()
    assert lab.ask("udp 5") == 0
    wait_equal(lab)
    assert not [x for x in lab.b.flows() if "10.99." in x]
    assert [x for x in lab.b.flows() if "src=10.20.0.1" in x]


def test_nothing_is_swept_while_packets_may_pass(lab):
    """The gate opens before the order gets here, and who passes it looks like what is left over."""
    fill(lab.b, 500, first=100000)
    lab.b.gate(True)
    lab.a.start(ACTIVE, 1)
    lab.b.start(STANDBY, 1)
    lab.b.wait_status(lambda s: s.bulks_received >= 2, "asks again", timeout=5)
    assert len([x for x in lab.b.flows() if "10.99." in x]) == 500
    assert lab.b.state() == lab.a.state() == "syncing"
    lab.b.gate(False)
    lab.b.wait_state("synced", 15)
    assert not [x for x in lab.b.flows() if "10.99." in x]


def test_barrier(lab):
    lab.start()
    assert lab.ask("udp 200") == 0
    lab.a.barrier(2)
    assert len(keys(lab.b)) == 200
    assert lab.a.liberal() == "1"


def switch(lab, old, new, term, path):
    """A planned switch as the engine does it."""
    nodes = (lab.a, lab.b)
    nodes[new].part(PREPARE, term)
    nodes[old].barrier(term)
    nodes[new].part(ACTIVE, term)
    lab.path(path)
    nodes[old].part(STANDBY, term)


def test_connections_survive_the_way_there_and_back(lab):
    """nf_conntrack_tcp_loose=0 and INVALID dropped: without true windows nothing would survive."""
    lab.start()
    assert lab.ask("tcp 20") == 0 and lab.ask("udp 20") == 0
    for term in range(2, 6):
        old, new = term % 2, 1 - term % 2
        switch(lab, old, new, term, new)
        assert lab.ask("echo 200000") == 0
        for node in (lab.a, lab.b):
            node.wait_state("synced")
        wait_equal(lab)
    assert (lab.a if lab.a.status().part == STANDBY else lab.b).liberal() == "1"
    assert lab.ask("tcp 5") == 0


def test_strict_again_after_ten_seconds(lab):
    lab.start()
    assert lab.ask("tcp 10") == 0
    switch(lab, 0, 1, 2, 1)
    assert lab.ask("echo 200000") == 0
    assert lab.b.liberal() == "1"
    wait_until(lambda: lab.b.liberal() == "0", 12, "strict")
    assert lab.ask("echo 200000") == 0
    assert lab.a.liberal() == "1"


def test_timeouts_are_given_back_after_takeover(lab):
    lab.start()
    assert lab.ask("udp 5") == 0 and lab.ask("tcp 5") == 0
    fill(lab.a, 1000)
    wait_equal(lab)
    lab.a.kill()
    lab.b.part(ACTIVE, 2)
    wait_until(lambda: max(int(x.split()[2]) for x in lab.b.flows()) <= 432000, 5, "proper timeouts")
    assert all(int(x.split()[2]) <= 120 for x in lab.b.flows("-p", "udp"))


def test_link_lost_and_back(lab):
    lab.start()
    assert lab.ask("udp 10") == 0
    wait_equal(lab)
    lab.a.ip("link set sync down")
    lab.b.wait_state("lost", 3)
    lab.a.wait_state("lost", 3)
    assert lab.ask("udp 10") == 0  # goes on
    lab.a.ip("link set sync up")
    lab.b.wait_state("synced", 5)
    wait_equal(lab)
    lab.a.wait_status(lambda s: s.bulks_sent == 1, "no second bulk: the buffer held everything")


def test_buffer_full_leads_to_a_bulk(lab):
    lab.a.buffer_kb = 64
    lab.start()
    lab.a.ip("link set sync down")
    fill(lab.a, 30000)
    lab.a.wait_state("lost", 3)
    lab.a.wait_status(lambda s: s.buffer_full > 0, "the full buffer")
    lab.a.ip("link set sync up")
    lab.b.wait_state("synced", 10)
    lab.a.wait_state("synced", 10)
    wait_until(lambda: lab.b.count() == lab.a.count(), 2, "equal counts")
    lab.a.wait_status(lambda s: s.bulks_sent >= 2, "a second bulk")


def test_a_missing_flow_is_noticed_and_asked_for(lab):
    """Somebody deletes flows on the standby: what changes of them next tells that they are missing."""
    lab.start()
    assert lab.ask("tcp 10") == 0
    wait_equal(lab)
    lab.b.exec("conntrack", "-D", "-s", CLIENT)
    lab.a.exec("conntrack", "-U", "-p", "tcp", "-s", CLIENT, "--mark", "5")
    lab.b.wait_state("syncing")
    lab.a.wait_state("syncing")
    assert lab.b.status().bulks_received == 1  # not at once
    lab.b.wait_state("synced")
    lab.a.wait_state("synced")
    wait_equal(lab)
    lab.b.wait_status(lambda s: s.updates_missed == 10 and s.bulks_received == 2, "one more bulk")


def forwarded(node):
    """The flows that fill() makes, as text without what differs from node to node."""
    return {re.sub(r"^(\w+\s+\d+) \d+", r"\1", x) for x in node.flows() if "src=10.99." in x}


def test_tables_that_drift_apart_are_mended(lab):
    """Somebody deletes flows on the standby and puts others there. No event tells; comparing does."""
    lab.start()
    assert lab.ask("tcp 10") == 0
    fill(lab.a, 5000)  # enough for a large hash table, see small_hash
    wait_until(lambda: forwarded(lab.b) == forwarded(lab.a), 5, "equal tables")
    wait_equal(lab)
    lab.a.wait_status(lambda s: s.comparisons >= 1 and s.equal_at > 0, "a comparison", 20)
    lab.b.wait_status(lambda s: s.comparisons >= 1 and s.equal_at > 0, "its verdict", 20)
    before = lab.b.status()
    assert lab.a.status().buckets_differed == 0
    kept = [x for x in lab.b.flows() if "src=10.99." in x][7]
    lab.b.exec("conntrack", "-D", "-s", CLIENT)
    victim = re.search(r"src=(\S+) dst=(\S+) sport=(\d+)", kept)
    lab.b.exec("conntrack", "-D", "-s", victim[1], "-d", victim[2], "-p", "udp", "--sport", victim[3])
    lab.b.exec("conntrack", "-I", "-p", "udp", "-s", "10.77.0.1", "-d", "10.78.0.1", "--sport", "1", "--dport", "2",
               "-r", "10.78.0.1", "-q", "10.77.0.1", "--reply-port-src", "2", "--reply-port-dst", "1", "-t", "3000",
               "-u", "SEEN_REPLY,ASSURED")
    wait_until(lambda: lab.ask("udp 1") == 0 and keys(lab.b) == keys(lab.a), 60, "healed, with new flows meanwhile")
    wait_until(lambda: forwarded(lab.b) == forwarded(lab.a), 60, "the other one, too")
    wait_until(lambda: not lab.b.flows("-s", "10.77.0.1"), 60, "the stray one is gone")
    lab.b.wait_status(lambda s: s.flows_repaired == 11 and s.flows_left_over == 1, "figures", 20)
    after = lab.b.status()
    assert after.bulks_received == before.bulks_received and after.insert_failed == 0
    # nothing else was made anew: not even what shares a bucket
    assert after.flows_inserted - before.flows_inserted == 11 + len(keys(lab.a)) - 10
    wait_until(lambda: sum(n[0] for n in lab.b.told("table_repaired")) == 11, 5, "it is told")
    assert lab.a.told("tables_differ") and lab.b.state() == lab.a.state() == "synced"
    assert lab.ask("echo 1000") == 0
    done = lab.a.status().comparisons
    lab.a.wait_status(lambda s: s.comparisons > done and s.equal_at > after.equal_at, "equal again", 60)


def test_a_table_that_was_flushed_is_sent_whole(lab, small_hash):
    lab.start()
    fill(lab.a, 300)
    wait_until(lambda: forwarded(lab.b) == forwarded(lab.a), 5, "equal tables")
    lab.b.exec("conntrack", "-F")
    wait_until(lambda: forwarded(lab.b) == forwarded(lab.a), 60, "a bulk")
    lab.b.wait_status(lambda s: s.bulks_received == 2, "as a bulk")


def test_flows_with_an_address_of_one_node_are_no_difference(lab, small_hash):
    """Through the active node to an address that only the standby has: the standby has no use for that flow."""
    lab.b.ip(*(f"addr add 10.66.0.{n}/32 dev lo" for n in range(30, 0, -1)))  # more than one record holds
    lab.a.ip("route add 10.66.0.1 via 10.30.0.2")
    lab.server.ip("addr add 10.66.0.1/32 dev lo")  # in its place: what matters is what passes the active
    lab.client.ip("route add 10.66.0.1 via 10.20.0.1")
    lab.start()
    lab.client.exec("ping", "-c1", "-W1", "-I", CLIENT, "10.66.0.1", check=False)
    wait_until(lambda: lab.a.flows("-d", "10.66.0.1"), 5, "the flow")
    done = lab.a.status().comparisons
    lab.a.wait_status(lambda s: s.comparisons >= done + 3, "comparisons", 60)
    assert lab.a.status().buckets_differed == 0 and not lab.b.flows("-d", "10.66.0.1")
    lab.b.ip("addr del 10.66.0.1/32 dev lo")  # from now on it is like any other
    lab.client.exec("ping", "-c1", "-W1", "-I", CLIENT, "10.66.0.1", check=False)
    wait_until(lambda: lab.b.flows("-d", "10.66.0.1"), 60, "the flow on the standby, too")


def test_a_full_table_is_told_and_heals(lab):
    """The standby's table is full of flows of its own: it says so once, and goes on trying."""
    limit = int(lab.b.exec("sysctl", "-n", "net.netfilter.nf_conntrack_max"))
    if limit > 300000:
        pytest.skip(f"nf_conntrack_max={limit}, for the whole machine, is too much to fill")
    with pytest.raises(LabError):
        fill_own(lab.b, limit + 1)
    assert lab.b.count() >= limit
    lab.a.start(ACTIVE, 1)
    fill(lab.a, 30)
    lab.b.start(STANDBY, 1)
    wait_until(lambda: len(lab.b.told("table_full")) == 1, 5, "it tells what is wrong")
    assert lab.b.told("table_full")[0][1] == limit and not lab.b.told("bulk_received")
    lab.b.wait_status(lambda s: s.bulks_received == 3 and s.table_full, "tries after 1 and 2 s", 20)
    assert lab.a.state() == lab.b.state() == "syncing"
    assert len(lab.b.told("table_full")) == 1
    lab.b.exec("conntrack", "-D", "-p", "udp", "--dport", "1025")
    lab.b.wait_state("synced", 20)
    lab.a.wait_state("synced")
    assert len([x for x in lab.b.flows() if "src=10.99." in x]) == 30
    wait_until(lambda: len(lab.b.told("flows_held")) == 1, 2, "the end is told, too")
    lab.b.wait_status(lambda s: not s.table_full, "room")


def test_the_loser_of_a_conflict_brings_nothing(lab):
    """Cut apart, both are active. The one without the right to it forgets what it saw meanwhile."""
    lab.start()
    assert lab.ask("tcp 10") == 0
    wait_equal(lab)
    lab.a.ip("link set sync down")
    lab.b.part(PREPARE, 1)
    lab.b.part(ACTIVE, 2, alone=True)
    fill(lab.a, 300)                # waits to be sent
    fill(lab.b, 300, first=100000)
    lab.a.wait_state("lost", 3)
    lab.a.ip("link set sync up")
    wait_until(lambda: lab.b.state() != "lost", 5, "they meet")
    fill(lab.a, 50, first=1000)
    lab.a.part(STANDBY, 2)
    lab.a.wait_state("synced")
    lab.b.wait_state("synced")
    wait_until(lambda: lab.a.count() == lab.b.count(), 2, "equal tables")
    for node in (lab.a, lab.b):
        flows = [x for x in node.flows() if "src=10.99." in x]
        assert len(flows) == 300 and all("src=10.99.13" in x or "src=10.99.16" in x for x in flows), flows[:3]
    lab.path(1)
    assert lab.ask("echo 1000") == 0


def test_a_lapsed_gate_begins_a_session_anew(lab):
    """Active in term 1, not in term 2, active again in term 3: the session of term 1 is not gone on with."""
    lab.start()
    assert lab.ask("udp 10") == 0
    lab.a.part(STANDBY, 2)
    assert lab.a.state() != "lost"
    lab.a.part(ACTIVE, 3, alone=True)
    lab.a.wait_status(lambda s: s.bulks_sent == 2, "a bulk of the new session")
    lab.b.wait_state("synced")
    wait_equal(lab)
    assert len(keys(lab.b)) == 10


def test_the_term_grows(lab):
    lab.start()
    assert lab.ask("udp 10") == 0
    for term in range(2, 6):
        lab.a.part(ACTIVE, term, alone=True)
        assert lab.ask("udp 10") == 0
        wait_equal(lab, 1)
    assert lab.a.state() == lab.b.state() == "synced"
    assert lab.a.status().bulks_sent == 1


@pytest.mark.parametrize("which", ["a", "b"])
def test_restart_heals(lab, which):
    lab.start()
    assert lab.ask("udp 10") == 0 and lab.ask("tcp 10") == 0
    node = getattr(lab, which)
    node.kill()
    assert lab.ask("udp 10") == 0
    lab.a.exec("conntrack", "-D", "-p", "udp", "-s", CLIENT, "-g", check=False)
    node.start(ACTIVE if which == "a" else STANDBY, 1)
    node.wait_state("synced")
    wait_equal(lab)


def test_engine_restarts(lab):
    lab.start()
    lab.a.relink_engine()
    lab.a.part(ACTIVE, 1)
    lab.a.wait_state("synced", 2)
    lab.a.wait_status(lambda s: s.bulks_sent == 1, "one bulk")


def test_own_flows_are_not_carried(lab):
    lab.start()
    assert lab.ask("udp 1") == 0
    lab.client.exec("ping", "-c", "2", "-i", "0.01", "10.20.0.1")
    wait_equal(lab)
    assert not [x for x in lab.b.flows() if "10.20.0.1" in x]
    lab.a.wait_status(lambda s: s.filtered > 0, "filtered events")


def test_published_server(lab):
    """Its clients speak to a shared address, an own one: carried all the same, to the very end."""
    lab.start()
    tuples = ["-p", "tcp", "-s", "198.51.100.9", "-d", SHARED, "--sport", "4000", "--dport", "443"]
    lab.a.exec("conntrack", "-I", *tuples, "-r", "10.8.0.80", "-q", "198.51.100.9", "--reply-port-src", "8443",
               "--reply-port-dst", "4000", "--state", "SYN_RECV", "-t", "60", "-u", "SEEN_REPLY")

    def there(state):
        return [x for x in lab.b.flows() if "src=10.8.0.80" in x and "sport=8443" in x and state in x]

    wait_until(lambda: there("SYN_RECV"), 1, "the flow")
    lab.a.exec("conntrack", "-U", *tuples, "--state", "ESTABLISHED", "-u", "ASSURED,SEEN_REPLY")
    wait_until(lambda: there("ESTABLISHED"), 1, "its new state")
    lab.a.exec("conntrack", "-D", *tuples)
    wait_until(lambda: not there(""), 1, "its end")


def test_other_kinds(lab):
    lab.start()
    lab.client.exec("ping", "-c", "1", "-I", CLIENT, SERVER)
    lab.a.exec("conntrack", "-I", "-p", "tcp", "-s", "2001:db8::5", "-d", "2001:db8:1::1", "--sport",
               "4000", "--dport", "22", "--state", "ESTABLISHED", "-t", "60", "-m", "77")
    lab.a.exec("conntrack", "-I", "-p", "sctp", "-s", "10.9.0.7", "-d", "10.8.0.7", "--sport", "9", "--dport", "9",
               "--state", "ESTABLISHED", "--orig-vtag", "5", "--reply-vtag", "6", "-t", "60")
    wait_until(lambda: any(x.startswith("icmp") and SHARED in x for x in lab.b.flows()), 1, "ping")
    wait_until(lambda: any("mark=77" in x and "ESTABLISHED" in x for x in lab.b.flows("-f", "ipv6")), 1, "IPv6")
    wait_until(lambda: any(x.startswith("sctp") and "ESTABLISHED" in x for x in lab.b.flows()), 1, "SCTP")


def test_second_link_takes_over(lab):
    lab.link(lab.a, "sync2", lab.b, "sync2")
    for node in (lab.a, lab.b):
        node.devs = [("sync", 1), ("sync2", 2)]
    lab.start()
    assert lab.ask("udp 10") == 0
    wait_equal(lab)
    lab.a.ip("link set sync down")
    assert lab.ask("udp 10") == 0
    wait_equal(lab, 2)
    assert lab.a.state() == "synced" and lab.b.state() == "synced"


def test_other_key_is_refused(lab):
    lab.b.key = b"x" * 32
    lab.a.start(ACTIVE, 1)
    lab.b.start(STANDBY, 1)
    wait_until(lambda: lab.b.status().refused > 20, 5, "refusals")
    assert lab.b.state() == "lost" and not lab.b.status().session
    assert not lab.b.told("sync_refused"), "the engine tells of it, and knows from where"


def test_damaged_frames_are_told_once_a_minute(lab):
    lab.start()
    lab.a.popen("/usr/bin/python3", "-B", HOSTILE, "damage", "sync")
    wait_until(lambda: lab.b.status().refused >= 80, 20, "refusals")
    told = lab.b.told("sync_refused")
    assert len(told) == 1 and told[0][0] > 0, told
    assert lab.b.state() == "synced"


def test_off_flushes_at_once(lab):
    lab.a.start(ACTIVE, 1)
    lab.a.configure(enabled=False)
    assert lab.a.barrier(9) < 0.5


def test_stop(lab):
    lab.start()
    lab.a.stop()
    lab.b.stop()
