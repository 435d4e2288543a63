# SPDX-License-Identifier: GPL-2.0-or-later
"""What the network sees of a cluster: addresses, MACs, answers, IPv6."""
import shutil
import signal
import subprocess
import time

import pytest
from lab import CLIENT4, LAN, PRIVATE4, SERVER4, SERVER6, SHARED4, SHARED6, WAN, wait_until
from node import PING_RULE

# A ping to the shared and to both private addresses is answered.
PING_RULES = [PING_RULE.format("lan_ip"), PING_RULE.format("lan_ha").replace("ping_fw", "ping_own")]


@pytest.fixture
def open_pair(cluster):
    """A pair that answers pings, shared among the tests of this file is not possible: it is changed."""
    return cluster(more="\n".join(f"add IPRule {r}" for r in PING_RULES)).up()


def test_icmp_is_dropped_by_default(pair):
    assert pair.client.ping(SERVER4), "but through the firewall it passes"
    for address in (SHARED4[LAN], PRIVATE4["a"][LAN], PRIVATE4["b"][LAN]):
        assert not pair.client.ping(address), f"{address} answers without a rule"


def test_private_addresses(open_pair):
    """Each node answers for its own, with its NIC's address; a dead node's is not taken over."""
    lab = open_pair
    for node in lab.nodes:
        own = PRIVATE4[node.name][LAN]
        assert lab.client.ping(own), f"{own} does not answer"
        assert lab.client.neighbour(own) == node.mac("lan")
    assert lab.client.ping(SHARED4[LAN])
    standby = lab.standby
    standby.power_off()
    assert not lab.client.ping(PRIVATE4[standby.name][LAN])
    lab.client.ns.ip("neigh flush all")
    assert not lab.client.ping(PRIVATE4[standby.name][LAN]) and lab.client.ping(SHARED4[LAN])


def test_nodes_reach_each_other_and_the_world(open_pair):
    """From a node: to the peer's private address (which rules forbid), to hosts on both sides."""
    for node in open_pair.nodes:
        own = PRIVATE4[node.name]
        assert node.ns.exec("ping", "-n", "-q", "-c", "1", "-W", "1", CLIENT4, check=False).count("1 received")
        out = node.ns.exec("ip", "route", "get", SERVER4)
        assert own[WAN] in out, f"a node's own traffic leaves from a shared address: {out}"
    for host, address in ((open_pair.client, SHARED4[LAN]), (open_pair.server, SHARED4[WAN])):
        mac = host.neighbour(address)
        assert mac is None or mac.startswith("02:c1:00:07:"), f"{host.name} was poisoned: {mac}"


def test_shared_mac(pair):
    """The same before and after a switch, another on each interface, made of the ClusterID."""
    macs = {}
    for order in (None, "-deactivate"):
        if order:
            assert pair.active.cli("ha", order)[0] == 0
        pair.client.ns.ip("neigh flush all")
        pair.server.ns.ip("neigh flush all")
        pair.client.ping(SHARED4[LAN])
        assert pair.client.ping(SERVER4)
        macs[order] = (pair.client.neighbour(SHARED4[LAN]), pair.server.neighbour(SHARED4[WAN]))
    assert macs[None] == macs["-deactivate"]
    lan, wan = macs[None]
    assert lan and wan and lan != wan
    assert lan.startswith("02:c1:00:07:") and wan.startswith("02:c1:00:07:")


def test_one_mac_for_all(cluster):
    """UseUniqueSharedMAC=No: the cluster works, all interfaces have one MAC."""
    lab = cluster(ha="UseUniqueSharedMAC=No").up()
    traffic = lab.traffic(connections=50).start()
    mac = lab.client.neighbour(SHARED4[LAN])
    assert mac == "02:c1:00:07:00:00" and lab.server.neighbour(SHARED4[WAN]) == mac
    new = lab.standby
    lab.active.power_off()
    lab.wait_takeover(new)
    assert traffic.settle()
    assert traffic.mark("power loss").intact


def test_standby_is_mute(pair):
    """Nothing that the network or the standby itself does makes it speak with the shared MAC."""
    standby = pair.standby
    capture = pair.capture()
    traffic = pair.traffic(connections=50, interval_us=1000).start()
    capture.mark()
    for host, address in ((pair.client, SHARED4[LAN]), (pair.server, SHARED4[WAN])):
        host.ns.ip("neigh flush all")
        host.ping(address)
    pair.client.ns.ip("neigh flush all")
    for address in (SHARED6[LAN], PRIVATE4[standby.name][LAN]):
        pair.client.ping(address)
    for segment in ("lan", "wan"):
        standby.ns.ip(f"link set tw-{segment} down", f"link set tw-{segment} up")
        standby.ns.exec("arping", "-q", "-c", "1", "-w", "1", "-I", f"tw-{segment}", "10.1.0.10", check=False)
    standby.cut("lan")
    standby.wait_for(lambda h: h["quality"] < 100)
    standby.heal()
    standby.ns.ip("link set wan down", "link set wan up")
    standby.wait_for(lambda h: h["quality"] == 100, 15)
    seen = capture.stat()
    assert seen["missed"] == 0
    for segment in ("lan", "wan"):
        port = seen["ports"][f"{standby.name}-{segment}"]
        assert port["shared"] == 0 and port["wrong_arp"] == 0 and port["wrong_data"] == 0, port
    assert seen["ports"][f"{pair.active.name}-lan"]["shared"] > 0, "the capture sees nothing"
    pair.wait_settled()
    assert traffic.mark("mute").intact


def test_heartbeats_on_every_interface(pair):
    capture = pair.capture("lan", "wan", "sync")
    capture.mark()

    def all_speak():
        ports = capture.stat()["ports"]
        return all(p["heartbeats"] > 20 for p in ports.values())
    wait_until(all_speak, 5, lambda: f"heartbeats: {capture.stat()['ports']}")
    for node in pair.nodes:
        for port in node.ha()["interfaces"]:
            assert port["two_way"] and port["heartbeats_heard"] > 0, port


def test_other_ethertype(cluster):
    lab = cluster(ha="HASyncProtocol=0x8ffd").up()
    capture = lab.capture("sync")
    capture.mark()
    wait_until(lambda: capture.stat()["ports"]["a-sync"]["frames"] > 20, 5, "frames on the sync link")
    assert capture.stat()["ports"]["a-sync"]["heartbeats"] == 0, "still 0xc157"


def test_ipv6_survives(pair):
    """TCP and UDP over IPv6, routed, through a power loss and a planned switch."""
    traffic = pair.traffic(connections=100, ipv6=True).start()
    assert pair.client.ping(SERVER6)
    old, new = pair.active, pair.standby
    old.power_off()
    pair.wait_takeover(new)
    assert traffic.settle()
    figures = traffic.mark("power loss")
    assert figures.lost > 0 and figures.intact and figures.alive == 100, figures
    assert figures.outage_ms < 400, figures
    old.power_on()
    old.start()
    pair.wait_settled()
    traffic.mark("return")
    assert new.cli("ha", "-deactivate")[0] == 0
    assert traffic.settle()
    figures = traffic.mark("switch")
    assert figures.lost_up <= 0 and figures.lost_down <= 0 and figures.intact, figures


def test_snooping_switches(cluster):
    """Switches that forward multicast only to ports that asked for it: after a takeover a client that
    has forgotten the shared IPv6 address still finds it."""
    lab = cluster(snooping=True, extra=["dmz"]).up()
    assert wait_until(lambda: lab.client.ping(SERVER6), 5, "IPv6 through the pair")
    old, new = lab.active, lab.standby
    old.power_off()
    lab.wait_takeover(new)
    for host in (lab.client, lab.server):
        host.ns.exec("ip", "-6", "neigh", "flush", "all")
    start = time.monotonic()
    wait_until(lambda: lab.client.ping(SERVER6), 3, "the shared address is found again")
    assert time.monotonic() - start < 3


def test_direct_answers_from_the_server_side_are_dropped(pair):
    """No rule lets the server begin a connection into lan."""
    pair.server.ns.ip(f"route replace {CLIENT4}/32 via {SHARED4[WAN]}")
    try:
        assert not pair.server.ping(CLIENT4)
    finally:
        pair.server.ns.ip(f"route del {CLIENT4}/32", check=False)


def heard(node, segment):
    return next(i for i in node.ha()["interfaces"] if i["name"] == segment)["two_way"]


def renew_nic(lab, node, segment):
    """The NIC goes away with all its kernel knows of it, and another one comes with its name."""
    lab.switches.unplug(node, [segment])
    other = next(n for n in lab.nodes if n is not node)
    wait_until(lambda: not heard(other, segment), 5, f"{segment} of {node.name} is silent")
    lab.switches.plug(node, segment, node.mac(segment))
    wait_until(lambda: heard(other, segment), 5, f"{segment} of {node.name} is heard again")


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_a_nic_that_appears_holds_nobody_up(pair, tmp_path):
    """Joining a group and dumping links take the kernel's lock over all links: config does that."""
    node, out = pair.standby, tmp_path / "calls"
    trace = subprocess.Popen(["strace", "-qq", "-o", out, "-e", "trace=socket,setsockopt,bind,sendto,recvmsg", "-p",
                              str(node.pids("tw-engine")[0])], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: out.exists() and out.stat().st_size > 0, 5, "the trace runs")
        renew_nic(pair, node, "lan")
        node.wait_for(lambda h: all(i["present"] for i in h["interfaces"]) and h["quality"] == 100, 10)
    finally:
        trace.send_signal(signal.SIGINT)
        trace.wait(5)
    calls = out.read_text()
    assert "SCM_RIGHTS" in calls, "no descriptor came from config"
    for locks in ("AF_PACKET, SOCK", "PACKET_ADD_MEMBERSHIP", "RTM_GETLINK"):
        assert locks not in calls, [line for line in calls.splitlines() if locks in line]


def test_a_nic_that_appears_while_config_hangs(pair):
    """After a second the engine helps itself."""
    node = pair.standby
    node.kill("tw-config", signal.SIGSTOP)
    try:
        renew_nic(pair, node, "wan")
    finally:
        node.kill("tw-config", signal.SIGCONT)
    pair.wait_settled()


def test_sync_after(cluster):
    """Connections that are old enough survive the loss of a node; before that the other has none of them."""
    lab = cluster(ha="SyncAfter=4").up()
    active, standby = lab.active, lab.standby
    for node in lab.nodes:
        assert node.ns.exec("sysctl", "-n", "net.netfilter.nf_conntrack_timestamp").strip() == "1"

    def held():
        return standby.ns.exec("conntrack", "-L", "-p", "tcp", "-s", CLIENT4, check=False).count("ESTABLISHED")
    traffic = lab.traffic(connections=20).start()
    assert held() == 0, "carried from the beginning"
    wait_until(lambda: held() == 20, 30, lambda: f"old enough: {held()}")
    active.power_off()
    lab.wait_takeover(standby)
    assert traffic.settle()
    figures = traffic.mark("power loss")
    assert figures.alive == 20 and figures.dead == 0 and figures.source_changes == 0, figures
