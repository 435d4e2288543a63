# SPDX-License-Identifier: GPL-2.0-or-later
"""LinkMonitor and the hardware: what tw-probe finds out, and what becomes of the quality."""
import os
import subprocess
import time

import pytest
from lab import CLIENT4, CLIENT6, SERVER4, wait_until

MONITOR = "add LinkMonitor {} Addresses={} Interface={} InitGracePeriod=0"
LOSS_S = 7 * 0.25 + 0.010
SLACK_S = 4  # a busy machine; how fast it usually is, is a benchmark's business


def begin(lab):
    lab.up()
    for n in lab.nodes:
        n.wait_for(lambda h: h["quality"] == 100, 15, "is wholly fit")
    time.sleep(1)  # every host has answered: only then it counts
    return lab


def up(cluster, *monitors, **conf):
    lab = cluster(more="\n".join(monitors), **conf)
    return begin(lab)


def quality(node):
    return node.ha()["quality"]


def poor(node):
    """What is looked for here takes more than a fifth; state sync that is busy takes less."""
    return quality(node) < 80


def falls(node, since, limit=LOSS_S + SLACK_S):
    """The quality falls within the limit; how many seconds it took."""
    wait_until(lambda: poor(node), limit + 2, "quality falls", step=0.01)
    took = time.monotonic() - since
    assert took < limit, took
    return took


def deafen(host, *nodes):
    """The host no longer hears these nodes' own frames, as if a switch between them had failed; all else does."""
    s = host.segment
    rules = "".join(f"ether saddr {n.mac(s)} drop; " for n in nodes)
    host.ns.exec("nft", "-f", "-", stdin=f"""table netdev deaf {{}}; delete table netdev deaf; table netdev deaf {{
        chain in {{ type filter hook ingress device "{s}" priority 0; {rules} }}; }}""")


def inside(node, *args):
    """A command in the network and the mounts of this node alone."""
    return subprocess.run(["nsenter", "-t", str(node.daemon.pid), "-m", "-r", "-n", *args], capture_output=True,
                          text=True, timeout=20, check=True).stdout


@pytest.mark.parametrize("host", [CLIENT4, CLIENT6])
def test_host_behind_one_node_is_lost(cluster, host):
    """Only one node's way to it is broken, and no carrier tells that: the other node takes over."""
    lab = up(cluster, MONITOR.format("m", host, "lan"))
    old, new = lab.active, lab.standby
    term = new.ha()["term"]
    start = time.monotonic()
    deafen(lab.client, old)
    falls(old, start)
    assert quality(new) == 100
    lab.wait_takeover(new)
    assert new.ha()["term"] > term and [i["carrier"] for i in old.ha()["interfaces"]] == [True] * 3
    deafen(lab.client)
    old.wait_for(lambda h: h["quality"] == 100, 15, "is well again")
    assert new.active, "pre-empted"


def test_host_away_for_both_moves_nothing(cluster):
    lab = up(cluster, MONITOR.format("m", CLIENT4, "lan"))
    active, term = lab.active, lab.active.ha()["term"]
    start = time.monotonic()
    lab.switches.silence(lab.client, ["lan"])
    for n in lab.nodes:
        falls(n, start, LOSS_S + 2 * SLACK_S)
    time.sleep(6)  # longer than any dwell
    assert lab.active is active and active.ha()["term"] == term
    lab.switches.unsilence(lab.client, ["lan"])
    for n in lab.nodes:
        n.wait_for(lambda h: h["quality"] == 100, 15, "is well again")
    assert lab.active is active and active.ha()["term"] == term


def test_routed_host(cluster):
    """Beyond a router, by ICMP; the nodes' own rules let the answers in, on the inactive node, too."""
    lab = cluster(more="\n".join(["add LinkMonitor m Addresses=192.0.2.1,2001:db8::1 Interface=wan InitGracePeriod=0"]))
    lab.server.ns.ip("addr add 192.0.2.1/32 dev lo", "addr add 2001:db8::1/128 dev lo")
    begin(lab)
    lab.server.ns.ip("addr del 192.0.2.1/32 dev lo", "addr del 2001:db8::1/128 dev lo")
    start = time.monotonic()
    for n in lab.nodes:
        falls(n, start, LOSS_S + 2 * SLACK_S)
    lab.server.ns.ip("addr add 192.0.2.1/32 dev lo")  # one of two is half, and half is not lost
    for n in lab.nodes:
        n.wait_for(lambda h: h["quality"] == 100, 15, "is well again")


@pytest.mark.parametrize("host", [CLIENT4, CLIENT6])
def test_asks_without_an_address(cluster, host):
    """An inactive node without private address asks from its NIC, and never as the cluster."""
    lab = up(cluster, "set EthernetInterface lan PrivateIP= PrivateIP6=", MONITOR.format("m", host, "lan"))
    active, standby = lab.active, lab.standby
    capture = lab.capture()
    seen = standby.ns.exec("timeout", "2", "tcpdump", "-elni", "lan", "arp or icmp6", check=False)
    asked = [line for line in seen.splitlines() if f" {standby.mac('lan')} > " in line and host in line]
    assert len(asked) >= 4, seen
    if host == CLIENT4:
        assert all("tell 0.0.0.0" in line for line in asked), asked
    else:
        assert all(" fe80::" in line for line in asked), asked
    assert standby.mac("lan") not in {m for m in [lab.client.neighbour("10.1.0.1"), lab.client.neighbour("fd01::1")]}
    assert sum(p["wrong_arp"] for p in capture.stat()["ports"].values()) == 0
    start = time.monotonic()
    deafen(lab.client, standby)
    falls(standby, start)
    assert quality(active) == 100 and active.active


def test_probe_killed(cluster):
    lab = up(cluster, MONITOR.format("m", CLIENT4, "lan"), MONITOR.format("s", SERVER4, "wan"))
    active, standby = lab.active, lab.standby
    traffic = lab.traffic(connections=100, interval_us=1000).start()
    term = active.ha()["term"]
    deafen(lab.server, standby)
    wait_until(lambda: poor(standby), 5, "quality falls")
    for n in lab.nodes:
        pid = n.kill("tw-probe")
        wait_until(lambda: n.pids("tw-probe") not in ([], [pid]), 5, "started again")
    for _ in range(50):
        assert poor(standby), "a restart made the lost host well"
        time.sleep(0.05)
    assert active.ha()["term"] == term and active.active and quality(active) == 100
    for n in lab.nodes:
        assert len(n.pids("tw-probe-keeper")) == 1, "the keeper of the dead one lives on"
    deafen(lab.server)
    standby.wait_for(lambda h: h["quality"] == 100, 15, "is well again")
    figures = traffic.mark("probe killed")
    assert figures.intact and figures.lost_up <= 0 and figures.lost_down <= 0, figures


POWER = "/sys/class/power_supply"


@pytest.mark.skipif(not os.path.isdir(POWER), reason="this kernel has no power supplies to lay others over")
def test_worker_that_hangs(cluster):
    """A sensor that never answers costs its own check, and nothing else."""
    lab = up(cluster, MONITOR.format("m", CLIENT4, "lan"))
    node = lab.standby
    inside(node, "mount", "-t", "tmpfs", "none", POWER)
    inside(node, "mkdir", f"{POWER}/AC")
    inside(node, "mkfifo", f"{POWER}/AC/type")
    wait_until(lambda: node.pids("tw-probe-power"), 15, "the check hangs", step=0.2)
    start = time.monotonic()
    deafen(lab.client, node)
    falls(node, start)
    assert node.pids("tw-probe-power"), "the check did not hang meanwhile"
    wait_until(lambda: "the check 'power' does not end" in node.log(), 10, "told")
    inside(node, "rm", f"{POWER}/AC/type")
    inside(node, "sh", "-c", f"echo Mains > {POWER}/AC/type; echo 0 > {POWER}/AC/online")
    deafen(lab.client)
    wait_until(lambda: "power supply AC: no mains" in node.log(), 25, "asked again, and told")
    node.wait_for(lambda h: h["quality"] < 100, 10, "counts")


def test_state_folder_read_only(cluster):
    lab = begin(cluster())
    node = lab.b
    inside(node, "mount", "-t", "tmpfs", "-o", "size=64m", "none", node.path("state"))
    time.sleep(11)  # it was asked once more, and can be written
    assert quality(node) == 100
    inside(node, "mount", "-o", "remount,ro", node.path("state"))
    node.wait_for(lambda h: h["quality"] < 80, 15, "lowers its quality")
    wait_until(lambda: "its file system is read-only" in node.log(), 3, "told in words")
    inside(node, "mount", "-o", "remount,rw", node.path("state"))
    node.wait_for(lambda h: h["quality"] == 100, 25, "is well again")


def test_confined(pair):
    """tw-probe keeps the right to raw sockets, and no other."""
    for node in pair.nodes:
        with open(f"/proc/{node.pids('tw-probe')[0]}/status") as f:
            status = dict(line.split(":\t", 1) for line in f.read().splitlines() if ":\t" in line)
        assert int(status["CapEff"], 16) == 1 << 13 == int(status["CapPrm"], 16)
        assert status["Seccomp"].strip() == "2"
