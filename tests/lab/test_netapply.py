# SPDX-License-Identifier: GPL-2.0-or-later
"""Network plan in a real kernel: which address and MAC answers, and that applying is idempotent,
leaves what others made alone, and can be taken back. No daemon runs."""
import os
import re
import subprocess
import time

import pytest
from lab import CLIENT4, PRIVATE4, PRIVATE6, SERVER4, SERVER6, SHARED4, SHARED6, Lab, wait_until
from netnode import NetNode

ROUTES = ["route wan 0.0.0.0/0 10.2.0.254 0", "route wan ::/0 fd02::fe 0"]
FAR4, FAR6 = "10.9.0.1", "fd09::1"  # behind the server


@pytest.fixture
def lab():
    with Lab(NetNode) as x:
        x.server.ns.ip(f"addr add {FAR4}/32 dev lo", f"addr add {FAR6}/128 dev lo nodad",
                       f"route add 10.1.0.0/24 via {SHARED4['wan']}")
        for node in x.nodes:
            node.rules()
            node.start()
        yield x


def up(lab, **kwargs):
    """Both nodes with routes, the first one open."""
    for node in lab.nodes:
        node.plan(**kwargs)
        for r in ROUTES:
            node.command(r)
        node.apply()
    lab.a.command("open 600000")
    wait_until(lambda: ping(lab.client, SHARED6["lan"])[0], 5, "IPv6 answers")


def ping(machine, target, *args, wait="0.5"):
    """(answered, output)"""
    out = machine.ns.exec("ping", "-n", "-c", "1", "-W", wait, *args, target, check=False)
    return " 1 received" in out, out


def error_from(machine, target, *args, wait="4"):
    """Who says that a ping cannot go on, and what."""
    out = ping(machine, target, *args, wait=wait)[1]
    m = re.search(r"From (\S+):? icmp_seq=\d+ (.*)", out)
    return (m.group(1).rstrip(":"), m.group(2)) if m else (None, out)


CONNECT = """
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3)
print(s.recv(100).decode())
"""
SERVE = """
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((sys.argv[1], int(sys.argv[2])))
s.listen()
print("ready", flush=True)
while True:
    c, peer = s.accept()
    c.sendall(peer[0].encode())
    c.close()
"""


def serve(machine, address, port):
    p = machine.ns.popen("/usr/bin/python3", "-c", SERVE, address, str(port), stdout=subprocess.PIPE,
                         text=True)
    assert p.stdout.readline() == "ready\n"


def connect(machine, address, port):
    """What the service says of the caller's address; the error's last line otherwise."""
    p = subprocess.run(["ip", "netns", "exec", machine.ns.name, "/usr/bin/python3", "-c", CONNECT,
                        address, str(port)], capture_output=True, text=True, timeout=20)
    return p.stdout.strip() or p.stderr.strip().splitlines()[-1]


def wrong_pairs(capture):
    """Frames with a shared source address from a MAC that is not the shared one."""
    return {n: p for n, p in capture.stat()["ports"].items() if p["wrong_arp"] + p["wrong_data"]}


def test_who_answers(lab):
    """The table of cases in docs/design/gate.md, IPv4 and IPv6."""
    up(lab)
    a, b, client, server = lab.a, lab.b, lab.client, lab.server
    capture = lab.capture()
    for node in lab.nodes:
        serve(node, "0.0.0.0", 81)
        serve(node, "::", 82)
    serve(a, SHARED4["lan"], 83)
    serve(a, SHARED6["lan"], 84)
    serve(server, "0.0.0.0", 85)
    serve(server, "::", 86)
    # private addresses of both nodes, from on-link and from each other
    for name, other in (("a", b), ("b", a)):
        for target in (PRIVATE4[name]["lan"], PRIVATE6[name]["lan"]):
            assert ping(client, target)[0], target
            assert ping(other, target)[0], target
        assert connect(client, PRIVATE4[name]["lan"], 81) == CLIENT4
    # the nodes' own calls, on-link and beyond the gateway: with the private address
    for node in lab.nodes:
        assert connect(node, SERVER4, 85) == PRIVATE4[node.name]["wan"]
        assert connect(node, SERVER6, 86) == PRIVATE6[node.name]["wan"]
        assert connect(node, FAR4, 85) == PRIVATE4[node.name]["wan"]
        assert connect(node, FAR6, 86) == PRIVATE6[node.name]["wan"]
        for target in (CLIENT4, "fd01::10", FAR4, FAR6):
            assert ping(node, target)[0], (node.name, target)
        assert ping(node, CLIENT4, "-I", PRIVATE4[node.name]["lan"])[0]
    # from a shared address, on the active node
    assert ping(a, FAR4, "-I", SHARED4["wan"])[0] and ping(a, FAR6, "-I", SHARED6["wan"])[0]
    assert not ping(b, CLIENT4, "-I", SHARED4["lan"])[0]
    # shared addresses: services bound to them or to any, closed ports
    for target, port in ((SHARED4["lan"], 81), (SHARED4["lan"], 83)):
        assert connect(client, target, port) == CLIENT4
        assert ping(client, target)[0]
    for target, port in ((SHARED6["lan"], 82), (SHARED6["lan"], 84)):
        assert connect(client, target, port) == "fd01::10"
        assert ping(client, target)[0]
    for target in (SHARED4["lan"], SHARED6["lan"]):
        assert "refused" in connect(client, target, 99)
    # through the active node, and the standby's private address through it
    for target in (SERVER4, SERVER6, FAR4, FAR6, PRIVATE4["b"]["wan"], PRIVATE6["b"]["wan"]):
        assert ping(client, target)[0], target
    # what is said about packets on the way comes from the shared address
    assert error_from(client, FAR4, "-t", "1")[0] == SHARED4["lan"]
    assert error_from(client, FAR6, "-t", "1")[0] == SHARED6["lan"]
    assert error_from(client, "10.2.0.77", wait="5")[0] == SHARED4["lan"]
    assert error_from(client, "fd02::77", wait="5")[0] == SHARED6["lan"]
    assert wrong_pairs(capture) == {}
    assert capture.shared_frames(b) == 0
    assert capture.shared_frames(a) > 0


def test_too_big_and_reject_come_from_the_shared_address(lab):
    up(lab, mtu="")
    for node in lab.nodes:
        node.ns.ip("link set wan mtu 1400")
        node.apply()
        assert "mtu 1400" in node.ns.exec("ip", "link", "show", "dev", "tw-wan")
    capture = lab.capture()
    who, text = error_from(lab.client, FAR4, "-M", "do", "-s", "1460")
    assert who == SHARED4["lan"] and "1400" in text, text
    who, text = error_from(lab.client, FAR6, "-s", "1440", "-M", "do")
    assert who == SHARED6["lan"] and "1400" in text, text
    lab.a.ns.exec("nft", "-f", "-", stdin="""
        insert rule inet netnode forw ip daddr 10.9.0.1 reject
        insert rule inet netnode forw ip6 daddr fd09::1 reject""")
    assert error_from(lab.client, FAR4)[0] == SHARED4["lan"]
    assert error_from(lab.client, FAR6)[0] == SHARED6["lan"]
    assert wrong_pairs(capture) == {}
    # the MTU of the NIC goes up again, and tw-* with it
    lab.a.ns.ip("link set wan mtu 1500")
    lab.a.apply()
    assert "mtu 1500" in lab.a.ns.exec("ip", "link", "show", "dev", "tw-wan")


def test_nothing_is_forwarded_from_a_nic(lab):
    """A packet that a host sends to a node's own MAC is not carried on."""
    up(lab)
    for via, far in ((PRIVATE4["a"]["lan"], FAR4), (PRIVATE6["a"]["lan"], FAR6)):
        lab.client.ns.ip(f"route add {far} via {via}")
        assert not ping(lab.client, far)[0]
    assert "forwarding = 0" in lab.a.ns.exec("sysctl", "net.ipv4.conf.lan.forwarding")
    assert "forwarding = 1" in lab.a.ns.exec("sysctl", "net.ipv4.conf.tw-lan.forwarding")


def state(node):
    """Everything in the namespace that applying could change, as text."""
    ns = node.ns
    text = {what: ns.exec("ip", *what.split()) for what in
            ("addr", "-6 addr", "rule", "-6 rule", "route show table all", "-6 route show table all",
             "link show", "maddr")}
    text["addr"] = re.sub(r"(valid|preferred)_lft \S+", "", text["addr"])
    # counters and ages apart, and values the kernel itself changes at random moments
    lines = ns.exec("sysctl", "-a", "-r", r"^net\.").splitlines()
    skip = re.compile(r"(stable_secret|nf_conntrack_count|nf_conntrack_buckets|\.neigh\.|"
                      r"nf_log|nf_conntrack_max|expect_max|addr_gen_mode_)")
    text["sysctl"] = "\n".join(x for x in lines if not skip.search(x))
    return text


def settled(node):
    """The state once the kernel has finished its own work (link-locals tentative for a second)."""
    wait_until(lambda: "tentative" not in node.ns.exec("ip", "-6", "addr"), 5, "no tentative address")
    return state(node)


def difference(before, after):
    out = []
    for k in before:
        x, y = before[k].splitlines(), after[k].splitlines()
        out += [f"- {k}: {z}" for z in x if z not in y] + [f"+ {k}: {z}" for z in y if z not in x]
    return out


def test_second_run_changes_nothing(lab):
    up(lab)
    node = lab.a
    before = settled(node)
    monitor = node.ns.popen("ip", "monitor", "link", "address", "route", "rule", stdout=subprocess.PIPE,
                            text=True)
    time.sleep(0.2)
    for _ in range(3):
        assert node.values("run") | {"microseconds": 0} == {
            "problems": [], "changes": 0, "microseconds": 0, "result": 0}
    time.sleep(0.2)
    monitor.terminate()
    assert monitor.communicate()[0] == ""
    assert difference(before, state(node)) == []


def test_removal_restores_everything(lab):
    node = lab.a
    node.ns.ip("link set wan down", "link set lan mtu 1450")
    node.ns.sysctl("net.ipv4.conf.lan.rp_filter=2", "net.ipv4.conf.all.arp_ignore=2",
                   "net.ipv6.conf.sync.forwarding=1", "net.ipv6.conf.lan.accept_ra=2")
    before = settled(node)
    node.plan(mtu="1300")
    for r in ROUTES:
        node.command(r)
    node.apply()
    during = state(node)
    assert "tw-lan" in during["addr"] and len(difference(before, during)) > 50
    node.ns.ip("link set lan down", "link set lan up")
    node.apply()
    v = node.values("remove")
    assert v["problems"] == [] and v["result"] == 0, v
    wait_until(lambda: difference(before, settled(node)) == [], 3,
               lambda: difference(before, settled(node)))
    assert node.journal() == {}
    assert node.values("remove")["changes"] == 0


def test_foreign_state_is_untouched(lab):
    """Others' routes, addresses, rules, links and settings survive apply, link flaps and removal."""
    node = lab.a
    node.ns.ip("link add mgmt type veth peer name far", "link set mgmt up", "link set far up",
               "addr add 192.0.2.1/24 dev mgmt", "addr add 10.1.0.77/24 dev lan noprefixroute",
               "route add 198.51.100.0/24 via 192.0.2.9", "route add 203.0.113.0/24 dev mgmt table 77",
               "route add 203.0.114.0/24 dev mgmt table 29815",
               "rule add pref 900 from 192.0.2.1 lookup 77", "rule add pref 5000 iif lo lookup 77",
               "route add 2001:db8::/64 dev mgmt", "link add tw-mine link lan type macvlan mode bridge")
    node.ns.sysctl("net.ipv6.conf.mgmt.accept_ra=1", "net.ipv6.conf.mgmt.forwarding=0")
    before = settled(node)
    node.values("run")
    v = node.values("run")
    assert v["changes"] == 0 and [(p, t.split(" is ")[0]) for p, t in v["problems"]] == [
        ("lan", "address 10.1.0.77/24 on lan")], v
    during = state(node)
    lost = [x for x in difference(before, during) if x.startswith("- ")]
    assert not [x for x in lost if re.search(r"192\.0\.2|198\.51|203\.0|2001:db8|10\.1\.0\.77|tw-mine", x)
                and "qlen" not in x], lost
    for family in ("ipv4", "ipv6"):
        assert "forwarding = 0" in node.ns.exec("sysctl", f"net.{family}.conf.mgmt.forwarding")
        assert "forwarding = 0" in node.ns.exec("sysctl", f"net.{family}.conf.default.forwarding")
    assert node.values("remove")["problems"] == []
    wait_until(lambda: difference(before, settled(node)) == [], 3,
               lambda: difference(before, settled(node)))


def test_link_flaps_are_mended(lab):
    """What the kernel drops when a device goes down comes back with the next run."""
    up(lab)
    for node in lab.nodes:
        before = settled(node)
        node.ns.ip("link set lan down", "link set lan up")
        assert "10.1.0.0/24" not in node.ns.exec("ip", "route", "show", "table", "29815")
        assert node.apply()["changes"] > 0
        node.ns.ip("link set tw-wan down", "link set tw-wan up")
        node.apply()
        node.ns.ip("link set tw-wan down")  # ours: never left down
        node.apply()
        node.cut("lan", "wan")
        node.heal()
        node.apply()
        wait_until(lambda: difference(before, settled(node)) == [], 3,
                   lambda: difference(before, settled(node)))
    assert ping(lab.client, FAR4)[0]
    wait_until(lambda: ping(lab.client, FAR6)[0], 3, "IPv6 through the node")


def test_nic_down_by_hand_stays_down(lab):
    """An administrator's `ip link set down` is a fault to fail over from, not to undo."""
    up(lab)
    lab.a.ns.ip("link set lan down")
    v = lab.a.apply()
    assert "state DOWN" in lab.a.ns.exec("ip", "link", "show", "dev", "lan"), v
    lab.a.ns.ip("link set lan up")
    lab.a.apply()
    assert ping(lab.client, PRIVATE4["a"]["lan"])[0]


def test_missing_nic_and_its_return(lab):
    node = lab.a
    node.ns.ip("link set wan down", "link set wan name eth7")
    v = node.values("run")
    assert v["result"] == 1 and [p[0] for p in v["problems"]] == ["wan"], v
    assert "wan" in v["problems"][0][1]
    assert "tw-wan" not in node.ns.exec("ip", "link")
    node.command("open 60000")
    assert ping(lab.client, SHARED4["lan"])[0], "the others work"
    node.ns.ip("link set eth7 name wan")
    node.apply()
    assert "state UP" in node.ns.exec("ip", "link", "show", "dev", "wan")
    wait_until(lambda: ping(lab.server, SHARED4["wan"])[0], 3, "wan answers")
    # renamed while in use: goes with its macvlan, and is found under the new name once configured
    node.ns.ip("link set wan down", "link set wan name eth8", "link set eth8 up")
    v = node.values("run")
    assert [p[0] for p in v["problems"]] == ["wan"] and "tw-wan" not in node.ns.exec("ip", "link")
    node.plan(wan="eth8")
    node.apply()
    wait_until(lambda: ping(lab.server, SHARED4["wan"])[0], 3, "wan answers as eth8")


def test_link_that_is_not_ours(lab):
    """tw-lan exists and no journal says that we made it: told, not touched; wan works."""
    node = lab.a
    node.ns.ip("link add tw-lan type veth peer name x")
    v = node.values("run")
    assert [p[0] for p in v["problems"]] == ["lan"] and "tw-lan" in v["problems"][0][1], v
    assert "state DOWN" in node.ns.exec("ip", "link", "show", "dev", "tw-lan")
    assert "10.1.0.1" not in node.ns.exec("ip", "addr")
    node.command("open 60000")
    assert ping(lab.server, SHARED4["wan"])[0]
    node.values("remove")
    assert "tw-lan" in node.ns.exec("ip", "link")
    node.ns.ip("link del tw-lan")
    node.apply()
    assert ping(lab.client, SHARED4["lan"])[0]


def test_device_that_takes_no_macvlan(lab):
    node = lab.a
    node.ns.ip("link add br9 type bridge", "link set wan master br9")
    v = node.values("run")
    assert [p[0] for p in v["problems"]] == ["wan"] and "tw-wan" in v["problems"][0][1], v
    assert "link tw-wan" not in node.journal() and "link tw-lan" in node.journal()


def test_address_of_others(lab):
    """Our private address stands there already: said, kept, and kept at removal."""
    node = lab.a
    node.ns.ip("addr add 10.1.0.2/24 dev lan")
    v = node.values("run")
    assert v["result"] == 1 and [p[0] for p in v["problems"]] == ["lan"], v
    node.values("remove")
    assert "10.1.0.2/24" in node.ns.exec("ip", "addr", "show", "dev", "lan")


def test_gate_cannot_be_attached(lab):
    """No usable program: the link is not left behind, up or down."""
    lab.a.command("nogate")
    v = lab.a.values("run")
    assert sorted(p[0] for p in v["problems"]) == ["lan", "wan"], v
    assert "gate" in v["problems"][0][1]
    assert "tw-" not in lab.a.ns.exec("ip", "link")
    assert "10.1.0.1" not in lab.a.ns.exec("ip", "addr")
    lab.a.command("newgate")
    lab.a.apply()


def test_crash_is_cleaned_up(lab):
    """After SIGKILL the next program knows what it finds: keeps what fits, removes the rest."""
    node = lab.a
    before = settled(node)
    node.plan(mtu="1400")
    for r in ROUTES:
        node.command(r)
    node.apply()
    node.crash()
    # some of it went meanwhile
    node.ns.ip("addr del 10.1.0.2/24 dev lan", "rule del pref 1000", "link del tw-wan")
    node.start()
    node.plan(segments=["lan", "sync"])
    node.apply()
    text = settled(node)
    assert "tw-wan" not in text["addr"] and "10.2.0.2" not in text["addr"]
    assert "proto 117" not in "\n".join(
        x for x in text["route show table all"].splitlines() if "wan" in x)
    assert not [x for x in node.journal() if "wan" in x]
    assert "mtu 1500" in node.ns.exec("ip", "link", "show", "dev", "wan")
    assert "mtu 1500" in node.ns.exec("ip", "link", "show", "dev", "tw-lan")
    assert node.apply()["changes"] == 0
    node.crash()
    node.start()
    v = node.values("remove")
    assert v["problems"] == []
    wait_until(lambda: difference(before, settled(node)) == [], 3,
               lambda: difference(before, settled(node)))


def test_journal_of_another_boot_counts_for_nothing(lab):
    node = lab.a
    node.apply()
    node.crash()
    path = os.path.join(node.disk, "owned")
    with open(path) as f:
        lines = f.read().splitlines()
    lines[0] = "twinwall owned 00000000-0000-0000-0000-000000000000 1"
    with open(path, "w") as f:
        f.write("\n".join(lines) + "\n")
    node.start()
    v = node.values("run")
    assert any("not made by Twinwall" in p[1] for p in v["problems"]), v


def test_configuration_changes(lab):
    """Addresses, prefix lengths, gateways and metrics change in place; nothing old is left."""
    node = lab.a
    up(lab)
    node.command("clear")
    node.command("iface lan 1 lan lan data 10.1.0.1/25,10.1.0.5/24,fd01::1/48 "
                 "10.1.0.22/24,10.1.0.23/24 fd01::2/48,fd01::3/48")
    node.command("iface wan 2 wan wan data 10.2.0.1/24,fd02::1/64 "
                 "10.2.0.2/24,10.2.0.3/24 fd02::2/64,fd02::3/64")
    node.command("iface sync 3 sync sync sync - - -")
    node.command("route wan 0.0.0.0/0 10.2.0.253 0")
    node.command("route wan ::/0 fe80::1234 7")
    node.command("route lan 10.77.0.0/16 10.99.0.1 5")
    node.apply()
    addr = node.ns.exec("ip", "addr")
    for there in ("10.1.0.1/25", "10.1.0.5/24", "fd01::1/48", "10.1.0.22/24", "fd01::2/48"):
        assert there in addr, addr
    for gone in ("10.1.0.1/24", "fd01::1/64", "10.1.0.2/24", "fd01::2/64"):
        assert gone not in addr, addr
    routes = node.ns.exec("ip", "route", "show", "table", "all")
    assert routes.count("default via 10.2.0.253") == 2 and "10.2.0.254" not in routes, routes
    assert routes.count("10.77.0.0/16 via 10.99.0.1") == 2 and "onlink" in routes, routes
    routes6 = node.ns.exec("ip", "-6", "route", "show", "table", "all")
    assert routes6.count("default via fe80::1234") == 2 and "fd02::fe" not in routes6, routes6
    assert node.apply()["changes"] == 0
    rules = node.ns.exec("ip", "rule")
    assert "from 10.1.0.5 lookup main" in rules
    up(lab)
    assert "from 10.1.0.5 lookup main" not in node.ns.exec("ip", "rule")
    assert node.apply()["changes"] == 0


def test_network_without_private_address(lab):
    """The node's own traffic to a network where it has no address of its own goes by table main."""
    node = lab.a
    node.command("clear")
    node.command("iface lan 1 lan lan data 10.1.0.1/24,fd01::1/64 - -")
    node.command("iface wan 2 wan wan data 10.2.0.1/24,fd02::1/64 10.2.0.2/24,10.2.0.3/24 "
                 "fd02::2/64,fd02::3/64")
    for r in ROUTES:
        node.command(r)
    node.apply()
    assert node.apply()["changes"] == 0
    node.command("open 60000")
    serve(lab.client, "0.0.0.0", 85)
    assert connect(node, CLIENT4, 85) == SHARED4["lan"]
    assert ping(node, "fd01::10")[0]
    assert ping(node, FAR4)[0]


def test_ipv4_only(lab):
    """Where the configuration has no IPv6, nothing of IPv6 is changed."""
    node = lab.a
    before = settled(node)
    node.plan(ipv6=False)
    node.apply()
    after = settled(node)
    changed = [x for x in difference(before, after) if "-6 r" in x or
               ("sysctl: net.ipv6" in x and "tw-" not in x)]
    assert changed == []
    assert "inet6" not in node.ns.exec("ip", "addr", "show", "dev", "tw-lan")


def test_groups_are_joined_on_the_nic(lab):
    """Solicited-node groups of the shared addresses, reported with the NIC's own MAC."""
    for node in lab.nodes:
        node.apply()
        maddr = node.ns.exec("ip", "-6", "maddr", "show", "dev", "lan")
        for group in ("ff02::1:ff00:1", "ff02::1:ff01:1"):
            assert group in maddr, maddr
    lab.a.ns.ip("link set lan down", "link set lan up")
    lab.a.apply()
    assert "ff02::1:ff01:1" in lab.a.ns.exec("ip", "-6", "maddr", "show", "dev", "lan")
    lab.a.plan(ipv6=False)
    lab.a.apply()
    assert "ff02::1:ff01:1" not in lab.a.ns.exec("ip", "-6", "maddr", "show", "dev", "lan")


def events(lines, name):
    return [dict(re.findall(r"(\w+)=(\d+)", x)) for x in lines
            if x.startswith("event changed") and x.split()[3] == name]


def test_linkwatch_tells_carrier_at_once(lab):
    node = lab.a
    node.process.stdin.write("watch 1500\n")
    node.process.stdin.flush()
    first = []
    while not first or "event ends" not in first[-1]:
        first.append(node.process.stdout.readline())
    assert events(first, "lan")[-1]["carrier"] == "1" and "begins" in first[0]
    for act, want in ((lambda: node.cut("lan"), "0"), (node.heal, "1"),
                      (lambda: node.ns.ip("link set lan down"), "0"),
                      (lambda: node.ns.ip("link set lan up"), "1")):
        started = time.monotonic()
        act()
        told = []
        while not events(told, "lan") or events(told, "lan")[-1]["carrier"] != want:
            told.append(node.process.stdout.readline())
        assert time.monotonic() - started < 0.2
    node.ns.ip("link add dx type veth peer name dy", "link del dx")
    rest = node.answer()
    assert any(x.startswith("event gone") and " dx " in x for x in rest), rest


def test_removal_leaves_the_gate_shut_until_the_link_is_gone(lab):
    """Nothing with the shared MAC leaves a closed node while it is taken down."""
    up(lab)
    capture = lab.capture()
    assert lab.b.values("remove")["problems"] == []
    assert capture.shared_frames(lab.b) == 0 and wrong_pairs(capture) == {}
