# SPDX-License-Identifier: GPL-2.0-or-later
"""The compiled ruleset under real packets: rules.conf.in → rules-compile → nft, on two nodes with
the real gate and network plan (tw-netnode), a client inside and a server outside. No daemon runs.

Sockets are made inside a namespace and used from here, so that both ends of a connection are in one
test function. What must not arrive is waited for SILENCE seconds.
"""
import errno
import json
import os
import socket
import struct
import threading
import time

import pytest
from lab import CLIENT4, CLIENT6, LAN, PRIVATE4, PRIVATE6, SERVER4, SERVER6, SHARED4, SHARED6, WAN, Lab, LabError
from lab import program, run, wait_until
from netnode import NetNode
from netns import make_socket

SILENCE = 0.4
IP_TRANSPARENT, IPV6_TRANSPARENT = 19, 75
IP_RECVERR, IPV6_RECVERR = 11, 25
SO_RCVBUFFORCE = 33

FAMILIES = {
    4: dict(af=socket.AF_INET, client=CLIENT4, server=SERVER4, far="198.51.100.7", shared=SHARED4,
            private={n: PRIVATE4[n] for n in "ab"}, second="10.2.0.9", barred="10.2.0.66",
            spoofed=["10.2.0.77", "10.1.0.1", "10.1.0.3", "10.2.0.1", "10.9.9.9", "198.51.100.8", "240.0.0.1"],
            neighbour="10.1.0.11", host=32),
    6: dict(af=socket.AF_INET6, client=CLIENT6, server=SERVER6, far="2001:db8::7", shared=SHARED6,
            private={n: PRIVATE6[n] for n in "ab"}, second="fd02::9", barred="fd02::66",
            spoofed=["fd02::77", "fd01::1", "fd01::3", "fd02::1", "fd99::9", "2001:db8::8"],
            neighbour="fd01::11", host=128),
}


def statements():
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "rules.conf.in")) as f:
        for line in f:
            if "$" in line and not line.startswith("#"):
                yield line.replace("$f", "_v4").replace("$6", "")
                yield line.replace("$f", "_v6").replace("$6", "6")
            else:
                yield line


def golden(name):
    """A program of tests/golden."""
    return os.path.join(os.path.dirname(os.path.dirname(program("tw-netnode"))), "golden", name)


class Node(NetNode):
    """A node with the network of rules.conf.in and its ruleset."""

    def begin(self, conf):
        self.start()
        self.command("clear")
        for s, n in ((LAN, 1), (WAN, 2)):
            i = n - 1
            more = ",10.2.0.9/24,fd02::9/64" if s == WAN else ""
            own4 = ",".join(f"{PRIVATE4[x][s]}/24" for x in "ab")
            own6 = ",".join(f"{PRIVATE6[x][s]}/64" for x in "ab")
            assert i >= 0
            self.command(f"iface {s} {n} {s} {s} data {SHARED4[s]}/24,{SHARED6[s]}/64{more} {own4} {own6}")
        self.command(f"route wan 0.0.0.0/0 {SERVER4} 0")
        self.command(f"route wan ::/0 {SERVER6} 0")
        self.apply()
        kind = "master" if self.name == "a" else "slave"
        self.ruleset = run(golden("rules-compile"), conf, kind)
        self.load()

    def load(self, times=1):
        self.ns.exec(golden("rules-load"), str(times), stdin=self.ruleset)

    def count(self, name, table="twinwall"):
        """Packets of a named counter."""
        out = json.loads(self.ns.exec("nft", "-j", "list", "counters", "table", "inet", table))
        return {x["counter"]["name"]: x["counter"]["packets"] for x in out["nftables"] if "counter" in x}[name]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    conf = tmp_path_factory.mktemp("rules") / "rules.conf"
    conf.write_text("".join(statements()))
    with Lab(Node) as x:
        x.server.ns.ip("addr add 198.51.100.7/32 dev lo", "addr add 2001:db8::7/128 dev lo",
                       "route add 10.1.0.0/24 via 10.2.0.1")
        for ns in (x.client.ns, x.server.ns):
            ns.sysctl("net.ipv6.conf.all.accept_dad=0", "net.ipv4.conf.all.rp_filter=0")
        for node in x.nodes:
            node.begin(str(conf))
        x.a.command("open ever")
        wait_until(lambda: x.client.ping(SHARED4[LAN]) and x.client.ping(SHARED6[LAN]), 5, "the cluster answers")
        yield x


@pytest.fixture(params=[4, 6])
def ip(request):
    return type("Family", (), FAMILIES[request.param] | {"n": request.param})


def listen(ns, ip, address, port, kind=socket.SOCK_STREAM):
    s = make_socket(ns, ip.af, kind)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, port))
    if kind == socket.SOCK_STREAM:
        s.listen()
    return s


def connect(ns, ip, address, port, source=None):
    """(socket, 0) or (None, errno); ETIMEDOUT when nobody said anything."""
    s = make_socket(ns, ip.af, socket.SOCK_STREAM)
    if source:
        s.bind((source, 0))
    try:
        s.connect((address, port))
        return s, 0
    except TimeoutError:
        s.close()
        return None, errno.ETIMEDOUT
    except OSError as e:
        s.close()
        return None, e.errno


def session(client, server, ip, address, port, at, at_port=None, source=None):
    """One TCP connection from client to address:port, expected at `at`; the source the server saw."""
    with listen(server, ip, at, at_port or port) as listener:
        c, e = connect(client, ip, address, port, source)
        assert c, f"{address} port {port}: {os.strerror(e)}"
        s, peer = listener.accept()
        with c, s:
            s.settimeout(SILENCE)
            for x, y, word in ((c, s, b"question"), (s, c, b"answer")):
                x.sendall(word)
                assert y.recv(100) == word
        return peer[0]


def refused(client, server, ip, address, port, at, at_port=None):
    """The errno of a connection that must not come about, though somebody listens."""
    with listen(server, ip, at, at_port or port):
        c, e = connect(client, ip, address, port)
        assert c is None, f"{address} port {port} is open"
        return e


def test_nat_by_the_shared_address(lab, ip):
    seen = session(lab.client.ns, lab.server.ns, ip, ip.server, 8000, ip.server)
    assert seen == ip.shared[WAN]
    assert session(lab.client.ns, lab.server.ns, ip, ip.far, 8000, ip.far) == ip.shared[WAN], "by the default route"


def test_nat_sender(lab, ip):
    assert session(lab.client.ns, lab.server.ns, ip, ip.server, 8004, ip.server) == ip.second


def test_first_match_wins(lab, ip):
    """Allow, Drop and Reject stand before the NAT rule that would match as well."""
    before = lab.a.count(f"rule/out_v{ip.n}")
    assert session(lab.client.ns, lab.server.ns, ip, ip.server, 8001, ip.server) == ip.client
    assert refused(lab.client.ns, lab.server.ns, ip, ip.server, 8002, ip.server) == errno.ETIMEDOUT
    assert refused(lab.client.ns, lab.server.ns, ip, ip.server, 8003, ip.server) == errno.ECONNREFUSED
    assert lab.a.count(f"rule/out_v{ip.n}") == before
    for rule in ("plain", "dropped", "rejected"):
        assert lab.a.count(f"rule/{rule}_v{ip.n}") > 0, rule


def offender(s, ip):
    """(type, code, address) of the ICMP error in the socket's error queue."""
    _, control, _, _ = s.recvmsg(2000, 500, socket.MSG_ERRQUEUE)
    for level, kind, data in control:
        if (level, kind) in ((socket.SOL_IP, IP_RECVERR), (socket.IPPROTO_IPV6, IPV6_RECVERR)):
            _, _, what, code = struct.unpack_from("IBBB", data)
            start = 16 + (4 if ip.n == 4 else 8)
            return what, code, socket.inet_ntop(ip.af, data[start:start + (4 if ip.n == 4 else 16)])
    raise AssertionError(f"no error: {control}")


def udp_error(ns, ip, address, port):
    """Sends a datagram and waits for the ICMP error it causes; None when there is none."""
    with make_socket(ns, ip.af, socket.SOCK_DGRAM) as s:
        s.setsockopt(*((socket.SOL_IP, IP_RECVERR, 1) if ip.n == 4 else (socket.IPPROTO_IPV6, IPV6_RECVERR, 1)))
        s.connect((address, port))
        s.send(b"hello")
        try:
            s.recv(100)
        except TimeoutError:
            return None
        except OSError:
            return offender(s, ip)
    raise AssertionError("an answer")


def test_reject_is_said_by_the_shared_address(lab, ip):
    capture = lab.capture()
    wanted = (3, 13) if ip.n == 4 else (1, 1)
    assert udp_error(lab.client.ns, ip, ip.server, 8003) == (*wanted, ip.shared[LAN])
    assert refused(lab.client.ns, lab.server.ns, ip, ip.far, 8003, ip.far) == errno.ECONNREFUSED
    seen = capture.stat()
    for port in seen["ports"].values():
        assert port["wrong_arp"] == 0 and port["wrong_data"] == 0, seen


def test_icmp_error_through_nat(lab, ip):
    """The server's port unreachable finds its way back to the client."""
    what = udp_error(lab.client.ns, ip, ip.server, 8100)
    assert what == (*((3, 3) if ip.n == 4 else (1, 4)), ip.server)


def test_default_is_drop(lab, ip):
    before = lab.a.count("drop/no-rule")
    assert refused(lab.server.ns, lab.client.ns, ip, ip.client, 8006, ip.client) == errno.ETIMEDOUT
    assert not lab.server.ping(ip.client)
    assert refused(lab.server.ns, lab.a.ns, ip, ip.shared[WAN], 8006, ip.shared[WAN]) == errno.ETIMEDOUT
    assert lab.a.count("drop/no-rule") >= before + 3
    assert session(lab.server.ns, lab.client.ns, ip, ip.client, 8005, ip.client) == ip.server, "but a rule opens"


def test_ping_rules(lab, ip):
    for address in (ip.shared[LAN], ip.private["a"][LAN], ip.private["b"][LAN]):
        assert lab.client.ping(address), address
    for address in (ip.private["a"][WAN], ip.private["b"][WAN], ip.shared[WAN]):
        assert not lab.server.ping(address), address
    assert lab.client.ping(ip.server) and lab.client.ping(ip.far)


def test_nodes_see_each_other(lab, ip):
    """By private addresses, whatever the rules say; nothing else is open between them."""
    for one, other in ((lab.a, lab.b), (lab.b, lab.a)):
        for s in (LAN, WAN):
            target = ip.private[other.name][s]
            out = one.ns.exec("ping", "-n", "-q", "-c", "1", "-W", "1", target, check=False)
            assert "1 received" in out, f"{one.name} to {target}"
    port = 22
    assert refused(lab.b.ns, lab.a.ns, ip, ip.private["a"][WAN], port, ip.private["a"][WAN]) == errno.ETIMEDOUT


def test_sat(lab, ip):
    before = lab.a.count(f"rule/sat80_v{ip.n}")
    assert session(lab.server.ns, lab.client.ns, ip, ip.shared[WAN], 80, ip.client, 8080) == ip.server
    assert lab.a.count(f"rule/sat80_v{ip.n}") == before + 1
    assert session(lab.server.ns, lab.client.ns, ip, ip.shared[WAN], 81, ip.client, 8081) == ip.shared[LAN]
    assert session(lab.server.ns, lab.client.ns, ip, ip.shared[WAN], 8082, ip.client) == ip.server
    for i in range(4):
        session(lab.server.ns, lab.client.ns, ip, ip.shared[WAN], 9000 + i, ip.client, 9100 + i)


def test_sat_leaves_private_addresses_alone(lab, ip):
    """Also those on the far side, that is, through the cluster."""
    before = lab.a.count(f"rule/sat82_v{ip.n}")
    for address in [ip.private[node][s] for node in "ab" for s in (LAN, WAN)]:
        assert refused(lab.server.ns, lab.client.ns, ip, address, 8082, ip.client) == errno.ETIMEDOUT
    assert lab.a.count(f"rule/sat82_v{ip.n}") == before


def test_earlier_rule_wins_over_sat(lab, ip):
    """A Drop rule before the SAT rule, for one source address."""
    lab.server.ns.ip(f"addr add {ip.barred}/{ip.host} dev wan")
    lab.a.ns.exec("nft", "reset", "counters", "table", "inet", "twinwall")
    with listen(lab.client.ns, ip, ip.client, 8080):
        assert connect(lab.server.ns, ip, ip.shared[WAN], 80, ip.barred) == (None, errno.ETIMEDOUT)
        c, _ = connect(lab.server.ns, ip, ip.shared[WAN], 80, ip.server)
        c.close()
    lab.server.ns.ip(f"addr del {ip.barred}/{ip.host} dev wan")
    assert lab.a.count(f"rule/barred_v{ip.n}") == 1 and lab.a.count(f"rule/sat80_v{ip.n}") == 1


def send_from(ns, ip, source, address, port):
    """One datagram with any source address."""
    with make_socket(ns, ip.af, socket.SOCK_DGRAM) as s:
        s.setsockopt(*((socket.SOL_IP, IP_TRANSPARENT, 1) if ip.n == 4
                       else (socket.IPPROTO_IPV6, IPV6_TRANSPARENT, 1)))
        s.bind((source, 0))
        s.sendto(source.encode(), (address, port))


def arrived(s):
    try:
        return s.recvfrom(100)[0].decode()
    except TimeoutError:
        return None


def test_spoofed_sources(lab, ip):
    """From inside, with addresses of the outside, of the cluster, of nobody; a neighbour's is fine."""
    with listen(lab.server.ns, ip, ip.server, 8200, socket.SOCK_DGRAM) as s:
        send_from(lab.client.ns, ip, ip.neighbour, ip.server, 8200)
        assert arrived(s) == ip.neighbour
        before = lab.a.count("drop/spoofed") + lab.a.count("drop/own-address")
        for source in ip.spoofed:
            send_from(lab.client.ns, ip, source, ip.server, 8200)
        assert arrived(s) is None
        wait_until(lambda: lab.a.count("drop/spoofed") + lab.a.count("drop/own-address") ==
                   before + len(ip.spoofed), 2, "every one is counted")


def test_spoofed_from_outside(lab, ip):
    """From outside with an inside address; the outside has the default route, so any other is fine."""
    with listen(lab.client.ns, ip, ip.client, 8200, socket.SOCK_DGRAM):
        before = lab.a.count("drop/spoofed"), lab.a.count("drop/own-address")
        for source in (ip.client, ip.neighbour, ip.shared[WAN], ip.private["b"][WAN]):
            send_from(lab.server.ns, ip, source, ip.client, 8200)
        wait_until(lambda: (lab.a.count("drop/spoofed"), lab.a.count("drop/own-address")) ==
                   (before[0] + 2, before[1] + 2), 2, "each is counted as what it is")


def test_management(lab):
    """On private addresses, from where RemoteManagement says, whatever the rules say."""
    ip = type("Family", (), FAMILIES[4])
    for port in (22, 443):
        for node in lab.nodes:
            own = ip.private[node.name]
            session(lab.client.ns, node.ns, ip, own[LAN], port, own[LAN])
            assert refused(lab.server.ns, node.ns, ip, own[WAN], port, own[WAN]) == errno.ETIMEDOUT
        for ns, address in ((lab.client.ns, ip.shared[LAN]), (lab.server.ns, ip.second)):
            assert refused(ns, lab.a.ns, ip, address, port, address) == errno.ETIMEDOUT, address
    assert lab.a.count("drop/management") > 0
    session(lab.server.ns, lab.a.ns, ip, ip.second, 8300, ip.second)


def test_management_through_the_cluster(lab):
    """The private address on the far side: of the active node, and of the other one through it."""
    ip = type("Family", (), FAMILIES[4])
    for node in lab.nodes:
        far = ip.private[node.name][WAN]
        assert session(lab.client.ns, node.ns, ip, far, 22, far) == ip.client, "not translated"


def test_stray_answer_is_not_reset(lab):
    """A SYN-ACK that belongs to nothing: the node that did not see the SYN must not answer RST."""
    def checksum(data):
        total = sum(struct.unpack(f"!{len(data) // 2}H", data))
        total = (total >> 16) + (total & 0xffff)
        return ~(total + (total >> 16)) & 0xffff

    source, target = SERVER4, SHARED4[WAN]
    pseudo = socket.inet_aton(source) + socket.inet_aton(target) + struct.pack("!BBH", 0, 6, 20)
    segment = [8400, 40000, 1, 1, 0x5012, 1000, 0, 0]
    segment[6] = checksum(pseudo + struct.pack("!HHIIHHHH", *segment))
    before = lab.a.count("drop/invalid")
    with make_socket(lab.server.ns, socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as s:
        s.bind((source, 0))
        s.sendto(struct.pack("!HHIIHHHH", *segment), (target, 0))
        with pytest.raises(TimeoutError):
            s.recv(100)
    assert lab.a.count("drop/invalid") == before + 1


# Beside our table: what comes in and what goes out. What switches lose under load is not counted.
COUNT = """
table inet count {
	counter before { }
	counter after { }
	chain before { type filter hook prerouting priority -310; iifname "tw-lan" udp dport 8500 counter name before; }
	chain after { type filter hook postrouting priority 110; oifname "tw-wan" udp dport 8500 counter name after; }
}
"""


def test_replacing_the_ruleset(lab):
    """Connections every 100 µs while it is replaced: none lost, none untranslated, none let through."""
    ip = type("Family", (), FAMILIES[4])
    loads, stop = [], threading.Event()
    lab.a.ns.exec("nft", "-f", "-", stdin=COUNT)

    def replace():
        while not stop.is_set():
            lab.a.load(5)
            loads.append(5)

    out = listen(lab.server.ns, ip, ip.server, 8500, socket.SOCK_DGRAM)
    into = listen(lab.client.ns, ip, ip.client, 8500, socket.SOCK_DGRAM)  # no rule allows this
    clients = [make_socket(lab.client.ns, ip.af, socket.SOCK_DGRAM) for _ in range(200)]
    servers = [make_socket(lab.server.ns, ip.af, socket.SOCK_DGRAM) for _ in range(200)]
    seen, sent = [], 0
    with out, into:
        out.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
        thread = threading.Thread(target=replace)
        thread.start()
        end = time.monotonic() + 3
        try:
            while time.monotonic() < end:
                clients[sent % 200].sendto(b"%d" % sent, (ip.server, 8500))
                servers[sent % 200].sendto(b"%d" % sent, (ip.client, 8500))
                sent += 1
                time.sleep(0.0001)
        finally:
            stop.set()
            thread.join()
        try:
            while len(seen) < sent:
                seen.append(out.recvfrom(100))
        except TimeoutError:
            pass
        assert arrived(into) is None
    for s in clients + servers:
        s.close()
    assert {peer[0] for _, peer in seen} == {ip.shared[WAN]}
    before, after = lab.a.count("before", "count"), lab.a.count("after", "count")
    lab.a.ns.exec("nft", "delete", "table", "inet", "count")
    assert before == after and before > 1000 and sum(loads) > 10, (before, after, sent, len(seen), sum(loads))


def test_replacement_cut_short(lab):
    """What a killed replacement leaves behind (both tables, ours asleep) is mended by the next one."""
    ip = type("Family", (), FAMILIES[4])
    spare = lab.a.ruleset.replace("table inet twinwall", "table inet twinwall-next")
    lab.a.ns.exec("nft", "-f", "-", stdin=spare + "add table inet twinwall { flags dormant; }\n")
    assert session(lab.client.ns, lab.server.ns, ip, ip.server, 8000, ip.server) == ip.shared[WAN]
    lab.a.load()
    tables = lab.a.ns.exec("nft", "list", "tables").split("\n")
    assert tables.count("table inet twinwall") == 1 and "table inet twinwall-next" not in tables
    assert "dormant" not in lab.a.ns.exec("nft", "list", "table", "inet", "twinwall")
    assert session(lab.client.ns, lab.server.ns, ip, ip.server, 8000, ip.server) == ip.shared[WAN]
    bad = lab.a.ruleset.replace("chain forward {", "chain forward { nonsense")
    with pytest.raises(LabError, match="nonsense"):
        lab.a.ns.exec(golden("rules-load"), stdin=bad)
    assert session(lab.client.ns, lab.server.ns, ip, ip.server, 8000, ip.server) == ip.shared[WAN]


@pytest.mark.slow
def test_one_list(lab, tmp_path):
    """So many rules for any pair of interfaces that there is one list instead of one for each pair."""
    conf = tmp_path / "many.conf"
    lines = list(statements())
    rules = [i for i, x in enumerate(lines) if x.startswith("add IPRule")]
    many = [f"add ServiceTCPUDP many{i} Type=TCP DestinationPorts={10000 + i}\n"
            f"add IPRule many{i} Action=Drop SourceInterface=any SourceNetwork=all-nets DestinationInterface=any "
            f"DestinationNetwork=all-nets Service=many{i}\n" for i in range(9000)]
    conf.write_text("".join(lines[:rules[0]] + many + lines[rules[0]:]))
    before, lab.a.ruleset = lab.a.ruleset, run(golden("rules-compile"), str(conf), "master")
    assert "goto rules/all" in lab.a.ruleset
    try:
        lab.a.load()
        for n in FAMILIES:
            ip = type("Family", (), FAMILIES[n] | {"n": n})
            for test in (test_nat_by_the_shared_address, test_first_match_wins, test_default_is_drop, test_ping_rules,
                         test_sat):
                test(lab, ip)
        assert lab.a.count("rule/many1") == 0
        ip = type("Family", (), FAMILIES[4])
        assert refused(lab.server.ns, lab.client.ns, ip, ip.client, 10001, ip.client) == errno.ETIMEDOUT
        assert lab.a.count("rule/many1") > 0
    finally:
        lab.a.ruleset = before
        lab.a.load()


def test_table_is_taken_away(lab):
    lab.a.ns.exec("nft", "add", "table", "inet", "foreign")
    lab.a.ns.exec(golden("rules-load"), "delete")
    lab.a.ns.exec(golden("rules-load"), "delete")
    tables = lab.a.ns.exec("nft", "list", "tables").split("\n")
    assert not [t for t in tables if "twinwall" in t] and "table inet foreign" in tables
    lab.a.load()
