# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of docs/TRACEABILITY.md on a running pair that no other file looks at; each names its numbers."""
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import time

import pytest
from lab import CLIENT4, LAN, PRIVATE4, PRIVATE6, SERVER4, SERVER6, SHARED4, SHARED6, WAN, program, wait_until
from node import PING_RULE, check_config, statements
from test_rules import connect, listen, make_socket

IP4 = type("Family", (), {"af": socket.AF_INET})
IP6 = type("Family", (), {"af": socket.AF_INET6})
ETHERTYPE, ETH_P_ALL = 0xc157, 3


def edit(node, change):
    """Rewrites the node's twinwall.conf before its (next) first start."""
    path = node.path("etc", "twinwall.conf")
    with open(path) as f:
        text = change(f.read())
    with open(path, "w") as f:
        f.write(text)


def read_again(node):
    """Setting a new configuration by hand: the file becomes the next revision, the service restarts."""
    revision = node.json("stat")["revision"]
    os.unlink(node.path("state", "current"))
    status, out, err = node.cli("shutdown")
    assert status == 0, out + err
    wait_until(lambda: (node.json("stat") or {"revision": 0})["revision"] == revision + 1, 15,
               lambda: f"{node.name}: revision {revision + 1}: {node.tail()}")


def says(node, text, timeout=10):
    wait_until(lambda: text in node.cli("log")[1] + node.cli("ha")[1], timeout,
               lambda: f"{node.name} says '{text}':\n{node.cli('log')[1]}\n{node.cli('ha')[1]}")


def reached(machine, ip, address, port):
    c, error = connect(machine.ns, ip, address, port)
    if c:
        c.close()
    return error == 0


# -- S4, S70 to S81: nodes that come, go, and change places ------------------------------------------

def test_new_node_joins_a_firewall_in_use(cluster):
    """S4: a second node, with an empty disk, beside one that has traffic: nothing is lost, and its
    connections are safe from then on."""
    lab = cluster(ha="InitialSilence=2")
    lab.a.start()
    lab.a.wait_role("active", 12)
    traffic = lab.traffic(connections=200, interval_us=500).start()
    lab.b.start()
    lab.wait_settled()
    assert lab.active is lab.a
    figures = traffic.mark("joined")
    assert figures.lost_up <= 0 and figures.lost_down <= 0 and figures.intact, figures
    lab.a.power_off()
    lab.wait_takeover(lab.b)
    assert traffic.settle()
    figures = traffic.mark("takeover")
    assert figures.alive == 200 and figures.intact and figures.source_changes == 0, figures


def test_single_firewall_becomes_a_cluster(cluster):
    """S4: high availability is switched on where there was one firewall; its connections survive even
    that. S100: without high availability a node's own packets have its private address."""
    lab = cluster(enabled=False, ha="InitialSilence=2")
    lab.a.start()
    lab.a.wait_for(lambda h: h["role"] == "active" and h["gate_open"])
    for target, own in ((SERVER4, PRIVATE4["a"][WAN]), (SERVER6, PRIVATE6["a"][WAN])):
        assert f"src {own}" in lab.a.ns.exec("ip", "route", "get", target)
    traffic = lab.traffic(connections=100, stall_ms=20000).start()
    for node in lab.nodes:
        node.configure(enabled=True)
    read_again(lab.a)
    lab.b.start()
    lab.wait_settled()
    assert traffic.settle()
    figures = traffic.mark("a cluster")
    assert figures.alive == 100 and figures.dead == 0 and figures.corrupt == 0, figures
    old, new = lab.active, lab.standby
    assert old.cli("ha", "-deactivate")[0] == 0
    assert new.active and traffic.settle()
    figures = traffic.mark("switch")
    assert figures.lost_up <= 0 and figures.lost_down <= 0 and figures.alive == 100, figures


def test_slave_becomes_master(cluster):
    """S75, S78: the master is lost for good; the slave is made master, a new unit becomes slave with what
    the other one shows as its configuration. S79: what switches
    and hosts know of the shared addresses stays right, since the MAC does not depend on the node type; the
    private ones, which have another MAC now, are announced."""
    lab = cluster(ha="InitialSilence=2").up()

    def stale(node, holder):
        for address in (PRIVATE4[node][LAN], PRIVATE6[node][LAN]):
            lab.client.ns.ip(f"neigh replace {address} lladdr {holder.mac('lan')} dev lan nud stale")

    def healed(node, holder):
        for address in (PRIVATE4[node][LAN], PRIVATE6[node][LAN]):
            wait_until(lambda: lab.client.neighbour(address) == holder.mac("lan"), 5,
                       lambda: f"{address} is at {lab.client.neighbour(address)}, not {holder.mac('lan')}")
    stale("a", lab.a)
    stale("b", lab.b)
    lab.client.ping(SERVER4)
    before = lab.client.neighbour(SHARED4[LAN])
    lab.a.power_off()
    lab.wait_takeover(lab.b)
    edit(lab.b, lambda text: text.replace("NodeType=Slave", "NodeType=Master").replace("fw2", "fw1"))
    read_again(lab.b)
    lab.b.wait_role("active", 12)
    healed("a", lab.b)
    shown = lab.b.cli("show")[1]
    edit(lab.a, lambda _: shown.replace("NodeType=Master", "NodeType=Slave").replace("fw1", "fw2"))
    os.unlink(lab.a.path("state", "current"))
    lab.a.power_on()
    lab.a.start()
    lab.wait_settled()
    healed("b", lab.a)
    assert lab.active is lab.b and "HA MASTER" in lab.b.cli("ha")[1] and "HA SLAVE" in lab.a.cli("ha")[1]
    assert lab.client.ping(SERVER4) and lab.client.neighbour(SHARED4[LAN]) == before
    assert PRIVATE4["a"][LAN] in lab.b.ns.exec("ip", "addr", "show", "dev", "lan")
    assert "another configuration" not in lab.b.cli("ha")[1]


def test_arp_notify(cluster):
    """S81: caches that hold a wrong MAC are right again."""
    lab = cluster(ha="SendGratuitousARP=0").up()
    lab.active.wait_for(lambda h: h["active_seconds"] >= 4, what="only one of its own announcements is left, at 10 s")
    wrong = "06:00:00:00:00:99"
    places = [(lab.client, SHARED4[LAN]), (lab.client, SHARED6[LAN]), (lab.server, SHARED4[WAN]),
              (lab.server, SHARED6[WAN])]
    for host, address in places:
        host.ns.ip(f"neigh replace {address} lladdr {wrong} dev {host.segment} nud stale")
    time.sleep(1)  # nothing mends it by itself; and entries younger than this are not overwritten
    assert [host.neighbour(address) for host, address in places] == [wrong] * 4
    status, out, err = lab.standby.cli("arp", "-notify")
    assert status == 1 and "this node is not active" in out + err, out + err
    status, out, err = lab.active.cli("arp", "-notify")
    assert status == 0, out + err
    for host, address in places:
        wait_until(lambda: (host.neighbour(address) or "").startswith("02:c1:00:07:"), 5,
                   lambda: f"{host.name}: {address} is at {host.neighbour(address)}")


# -- S9, S10, S15, S19: wires ------------------------------------------------------------------------

def resend(lab, segment, change):
    """Takes a heartbeat of node b on this segment, changes some bytes, and sends it to node a."""
    begin = struct.pack("!H", ETHERTYPE) + b"TW"
    with make_socket(lab.switches.ns, socket.AF_PACKET, socket.SOCK_RAW, 0) as s:
        s.bind((f"b-{segment}", ETH_P_ALL))
        frame, where = b"", None
        while frame[12:16] != begin or where[2] == socket.PACKET_OUTGOING:
            frame, where = s.recvfrom(2000)
    frame = bytearray(frame)
    change(frame)
    with make_socket(lab.switches.ns, socket.AF_PACKET, socket.SOCK_RAW, 0) as s:
        s.bind((f"a-{segment}", 0))
        s.send(frame)


def test_wrong_frames_are_told_with_their_port(cluster):
    """S6: another version of the protocol. S89, S123: another cluster with our number. S9, S10: two
    pairs of interfaces on one wire. None of it moves a role."""
    lab = cluster(extra=["dmz"]).up()
    active, term = lab.active, lab.active.ha()["term"]

    def other_version(frame):
        frame[16] = 99

    def other_key(frame):
        frame[22] ^= 0x55
        frame[6:12] = b"\x02\0\0\x11\x22\x33"
    resend(lab, "sync", other_version)
    says(lab.a, "interface sync: frames of protocol version 99 are refused")
    resend(lab, "wan", other_key)
    says(lab.a, "interface wan: another cluster with our ClusterID is on this wire (from 02:00:00:11:22:33)")
    lab.switches.ns.ip("link add joint1 type veth peer name joint2", "link set joint1 master br-lan up",
                       "link set joint2 master br-dmz up")
    for node in lab.nodes:
        says(node, "these two must not be on one wire")
    lab.switches.ns.ip("link del joint1")
    assert lab.active is active and active.ha()["term"] == term


def drop_ethertype(lab, ethertype):
    """Switches that let no frame of this type pass."""
    ports = ", ".join(f"{node.name}-{s}" for node in lab.nodes for s in lab.segments)
    lab.switches.ns.exec("nft", "-f", "-", stdin=f"table netdev t{ethertype} {{ chain c {{ type filter hook ingress "
                         f"devices = {{ {ports} }} priority 0; ether type {ethertype:#x} drop\n}}\n}}\n")


def test_blocked_ethertype(cluster):
    """S19, S20: switches that drop 0xc157: with another HASyncProtocol on both nodes all is well."""
    lab = cluster(ha="HASyncProtocol=0x8ffd")
    drop_ethertype(lab, ETHERTYPE)
    lab.up()
    standby = lab.standby  # asked now: a moment later each believes to be alone
    drop_ethertype(lab, 0x8ffd)
    standby.wait_for(lambda h: h["peer"]["state"] == "dead", what="the switches do drop frames")


def listeners(node):
    """The interfaces on which a packet socket takes every EtherType."""
    names = dict(line.split(": ")[:2] for line in node.ns.exec("ip", "-o", "link").splitlines())
    rows = [line.split() for line in node.ns.exec("cat", "/proc/net/packet").splitlines()[1:]]
    return [names[r[4]].split("@")[0] for r in rows if r[3] == "0003"]


def test_ethertypes_that_differ(cluster):
    """S19: changed on one node only. Each names both values; alike again, nobody listens any more."""
    lab = cluster(ha="InitialSilence=2", extra=["dmz"])
    lab.b.configure(ha="InitialSilence=2 HASyncProtocol=0x8ffd")
    for node in lab.nodes:
        node.start()
    for node, texts in ((lab.a, ("0x8ffd", "0xc157")), (lab.b, ("0xc157", "0x8ffd"))):
        text = "interface sync: peer speaks {}, this node {}: set HASyncProtocol alike on both nodes".format(*texts)
        node.wait_for(lambda h: text in h["alarms"], what=text)
        time.sleep(2.5)  # further frames are no further lines
        assert node.cli("log")[1].count(text) == 1
        assert listeners(node) == ["sync"]
    lab.b.stop()
    lab.b.configure(ha="InitialSilence=2")
    os.unlink(lab.b.path("state", "current"))
    lab.b.start()
    lab.wait_settled()
    for node in lab.nodes:
        wait_until(lambda: listeners(node) == [], 5, "nobody listens to every EtherType")
        assert not any("peer speaks" in a for a in node.ha()["alarms"])


def test_sync_interface_is_apart(cluster):
    """S12, S15, S148: no rule reaches it, nothing is forwarded through it, it does not count."""
    lab = cluster(rules=["all Action=Allow SourceInterface=any SourceNetwork=all-nets DestinationInterface=any "
                         "DestinationNetwork=all-nets Service=all_services"], ipv6=False).up()
    old, new = lab.active, lab.standby
    lab.server.ns.ip(f"route add 192.0.2.0/24 via {SHARED4[WAN]}", f"route add {CLIENT4}/32 via {SHARED4[WAN]}")
    for i, node in enumerate((old, new), start=1):
        node.ns.ip(f"addr add 192.0.2.{i}/24 dev sync", "route add 192.0.2.0/24 dev sync table 29815")
    new.ns.ip(f"route add {SERVER4}/32 via 192.0.2.1 dev sync table 29815")
    with listen(old.ns, IP4, "0.0.0.0", 8000), listen(lab.server.ns, IP4, SERVER4, 8000):
        assert reached(lab.client, IP4, SHARED4[LAN], 8000) and reached(lab.client, IP4, SERVER4, 8000)
        assert not reached(new, IP4, "192.0.2.1", 8000), "a rule opened the sync interface"
        assert not reached(new, IP4, SERVER4, 8000), "forwarded from the sync interface"
        # the same way in, once somebody opens it: so it was the ruleset that held it shut
        old.kill("tw-config", signal.SIGSTOP)
        old.ns.exec("nft", "insert rule inet twinwall input iifname sync accept")
        assert reached(new, IP4, "192.0.2.1", 8000)
        old.kill("tw-config", signal.SIGCONT)
        wait_until(lambda: not reached(new, IP4, "192.0.2.1", 8000), 5, "the rules are loaded again")
    new.cut("sync")
    new.wait_for(lambda h: not next(i for i in h["interfaces"] if i["name"] == "sync")["carrier"])
    assert [n.json("ha", "quality")["interface_part"] for n in lab.nodes] == [100, 100]
    assert "sync interface: not counted" in new.cli("ha", "quality")[1]


# -- S22 to S41, S97 to S100, S126: addresses and management -----------------------------------------

def prompt(node):
    """What `twinwall` prints on a terminal before it waits for a command."""
    ours, theirs = pty.openpty()
    p = subprocess.Popen([program("twinwall"), "--run", node.path("run")], stdin=theirs, stdout=theirs,
                         stderr=theirs, start_new_session=True, env=os.environ | {"TERM": "dumb", "HOME": node.disk})
    os.close(theirs)
    out, end = b"", time.monotonic() + 10
    try:
        while b"> " not in out and time.monotonic() < end:
            if select.select([ours], [], [], 0.2)[0]:
                out += os.read(ours, 1000)
        os.write(ours, b"exit\n")
        p.wait(5)
    finally:
        p.kill()
        os.close(ours)
    return out.decode().strip()


def test_interface_with_shared_address_only(cluster):
    """S25, S32: no IP4HAAddress on wan: traffic passes and fails over, the nodes have no address there.
    S22: the prompt has the device's name, Device by default."""
    lab = cluster(ipv6=False)
    for node in lab.nodes:
        edit(node, lambda text: re.sub(r"add IP4HAAddress wan_ha.*\n", "", text)
             .replace(" PrivateIP=wan_ha", "").replace("set Device Name=fw2\n", ""))
    lab.up()
    traffic = lab.traffic(connections=50).start()
    assert traffic.mark("start").intact
    for node in lab.nodes:
        assert "inet " not in node.ns.exec("ip", "addr", "show", "dev", "wan")
        out = lab.server.ns.exec("arping", "-c", "1", "-w", "1", "-I", "wan", PRIVATE4[node.name][WAN], check=False)
        assert "Received 0 " in out or " 0 packets received" in out, out
    lab.active.power_off()
    lab.wait_takeover(lab.b)
    assert traffic.settle()
    figures = traffic.mark("power loss")
    assert figures.intact and figures.alive == 50 and figures.source_changes == 0, figures
    assert prompt(lab.b) == "Device:/>"
    lab.b.stop()
    lab.a.power_on()
    lab.a.start()
    wait_until(lambda: lab.a.json("stat"), 10, "fw1 answers")
    assert prompt(lab.a) == "fw1:/>"


def test_management(cluster):
    """S27, S38 to S41: by each node's private address, never by a shared one, whatever rules say.
    S97: an IPv4 network lets nobody manage over IPv6. S99: private IPv6 addresses answer pings."""
    core = PING_RULE.format("lan_ip").replace("ping-inbound", "all_services")
    six = "all6 " + PING_RULE.format("lan_ip6,lan_ha6").split(" ", 1)[1].replace("lan_net", "all-nets6")
    lab = cluster(more=f"add IPRule {core}\nadd IPRule {six}\n"
                  "add RemoteManagement m Interface=lan Network=lan_net Access=SSH,HTTPS,Metrics\n").up()
    for port in (22, 443):
        for node in lab.nodes:
            own4, own6 = PRIVATE4[node.name], PRIVATE6[node.name]
            with listen(node.ns, IP4, "0.0.0.0", port), listen(node.ns, IP6, own6[LAN], port):
                assert reached(lab.client, IP4, own4[LAN], port), f"{own4[LAN]} port {port} is closed"
                assert not reached(lab.server, IP4, own4[WAN], port), "not where RemoteManagement says"
                assert not reached(lab.client, IP6, own6[LAN], port), "managed over IPv6"
                assert not reached(lab.client, IP4, SHARED4[LAN], port), "managed by a shared address"
    with listen(lab.active.ns, IP4, "0.0.0.0", 8000):
        assert reached(lab.client, IP4, SHARED4[LAN], 8000), "the rule opens nothing"
    for address in (SHARED6[LAN], PRIVATE6["a"][LAN], PRIVATE6["b"][LAN]):
        assert lab.client.ping(address), address
    for node in lab.nodes:  # S100, the inactive one included
        assert node.ns.exec("ping", "-n", "-q", "-c", "1", "-W", "1", SERVER6, check=False).count("1 received")
        assert f"src {PRIVATE6[node.name][WAN]}" in node.ns.exec("ip", "route", "get", SERVER6)


def test_public_private_addresses(tmp_path):
    """S31, S104: a "private" address may be a public one; S25, S54, S96: it may be missing."""
    text = statements("Master").replace("10.2.0.1/24", "198.51.100.1/24").replace("10.2.0.254", "198.51.100.254")
    text = text.replace("Master=10.2.0.2 Slave=10.2.0.3", "Master=198.51.100.2 Slave=198.51.100.3")
    text = text.replace(" PrivateIP=lan_ha", "").replace(" PrivateIP6=lan_ha6", "")
    file = tmp_path / "public.conf"
    file.write_text(text)
    status, out = check_config(str(file))
    assert status == 0 and " 0 warnings" in out, out


# -- S107, S113 to S121: both nodes together ---------------------------------------------------------

def test_missing_counterpart_is_told(cluster):
    """S3, S43: the slave has no card for one interface: it says so, is less fit, and all else works."""
    lab = cluster(more="add EthernetInterface dmz IPAddress=10.3.0.1/24")
    lab.a.ns.ip("link add dmz type veth peer name far", "link set dmz up", "link set far up")
    for node in lab.nodes:
        node.start()
    lab.b.wait_for(lambda h: h["role"] == "inactive" and h["peer"]["role"] == "active" and h["quality"] == 66, 15)
    says(lab.b, "dmz")
    assert lab.active is lab.a and lab.a.ha()["quality"] == 100
    assert [i["present"] for i in lab.b.ha()["interfaces"] if i["name"] == "dmz"] == [False]
    assert lab.client.ping(SERVER4)


def test_different_configurations_are_told(cluster):
    """S107: one node has a rule that the other has not; names and node types may differ."""
    lab = cluster()
    edit(lab.b, lambda text: text + "add IP4Address more Address=192.0.2.1\n")
    lab.up()
    for node in lab.nodes:
        says(node, "the peer runs another configuration")
    edit(lab.a, lambda text: text + "add IP4Address more Address=192.0.2.1\n")
    read_again(lab.a)
    lab.wait_settled()
    for node in lab.nodes:
        wait_until(lambda: "another configuration" not in node.cli("ha")[1], 5, lambda: node.cli("ha")[1])


def test_shutdown_on_both(pair):
    """S113 to S115: both restart at about the same time, find each other and are in step again."""
    engines = {n: n.pids("tw-engine") for n in pair.nodes}
    for node in pair.nodes:
        status, out, err = node.cli("shutdown")
        assert status == 0 and "restarts" in out, out + err
    for node in pair.nodes:
        wait_until(lambda: node.pids("tw-engine") not in ([], engines[node]), 15, lambda: f"restarts: {node.tail()}")
    pair.wait_settled()
    assert pair.client.ping(SERVER4)
    low, high = sorted(n.json("stat")["connections"] for n in pair.nodes)
    assert high - low <= max(5, 0.05 * high)


def test_connections_line_is_the_kernels(pair):
    """S119 to S121: left what the node tracks, right the most it can."""
    m = re.search(r"^Connections (\d+) out of (\d+)$", pair.active.cli("stat")[1], re.M)
    assert m, pair.active.cli("stat")[1]
    assert int(m[2]) == int(pair.active.ns.exec("cat", "/proc/sys/net/netfilter/nf_conntrack_max"))
    assert abs(int(m[1]) - pair.active.conntrack_count()) <= 20


def test_warnings_of_the_setup(tmp_path):
    """S42, S53, S122, S123, S126: what the check says of a beginner's configuration."""
    file = tmp_path / "beginner.conf"
    file.write_text(statements("Master", ha="UseUniqueSharedMAC=No").replace("ClusterID=7 ", "")
                    .replace(" PrivateIP=lan_ha", "").replace(" PrivateIP6=lan_ha6", "") +
                    "add RemoteManagement m Interface=lan Network=lan_net Access=SSH\n")
    status, out = check_config(str(file))
    assert status == 0, out
    for words in ("ClusterID: 0 is everybody's default", "UseUniqueSharedMAC: all interfaces share one MAC",
                  "lan has no private addresses"):
        assert words in out, out
    file.write_text(statements("Master").replace("Slave=10.1.0.3", "Slave=10.1.0.2"))
    status, out = check_config(str(file))
    assert status == 1 and "10.1.0.2 is the master's address, too" in out, out


# -- S149, S150: aggregates --------------------------------------------------------------------------

def test_aggregate_counts_until_all_members_are_lost(cluster):
    """S149, S150: lan is a bond of two; one lost member changes nothing, the second one does."""
    lab = cluster(ipv6=False, rules=[])
    p = subprocess.run(["ip", "-n", lab.b.ns.name, "link", "add", "agg", "type", "bond", "mode", "active-backup",
                        "miimon", "50"], capture_output=True, text=True)
    if p.returncode:
        pytest.skip(f"this kernel has no bonding: {p.stderr.strip()}")
    lab.switches.ns.ip("link add b-lan2 type veth peer name lan2 netns " + lab.b.ns.name,
                       "link set b-lan2 master br-lan", "link set b-lan2 up")
    lab.b.ns.ip("link set lan down", "link set lan master agg", "link set lan2 master agg", "link set agg up")
    for node in lab.nodes:
        edit(node, lambda text: text.replace("add EthernetInterface lan ",
                                             "add EthernetInterface lan MasterDevice=lan SlaveDevice=agg "))
    lab.up()
    lab.switches.ns.ip("link set b-lan down")
    lab.b.wait_for(lambda h: h["quality"] == 100 and next(i for i in h["interfaces"] if i["name"] == "lan")["carrier"])
    lab.switches.ns.ip("link set b-lan2 down")
    lab.b.wait_for(lambda h: h["quality"] == 50, what="both members are lost")
    lab.switches.ns.ip("link set b-lan up")
    lab.b.wait_for(lambda h: h["quality"] == 100, 15, "one member is back")
