# SPDX-License-Identifier: GPL-2.0-or-later
"""The gate alone: what passes a macvlan whose words in memory say closed, open, draining.

Captured at the switch ports, that is, what really left the machines. No daemon runs.
"""
import os
import signal
import subprocess
import time

import pytest
from lab import SHARED4, SHARED6, Lab, wait_until
from netnode import NetNode, shared_mac

JOIN = """
import socket, struct
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
i = socket.if_nametoindex("tw-lan")
s.setsockopt(41, 20, socket.inet_pton(socket.AF_INET6, "ff02::1:ffaa:bbcc") + struct.pack("@I", i))
s.setsockopt(41, 17, i)
s.sendto(b"hello", ("ff02::1", 4000, 0, i))
t = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
t.setsockopt(0, 35, socket.inet_aton("239.1.2.3") + socket.inet_aton("10.1.0.1"))
t.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
t.sendto(b"hello", ("10.1.0.255", 4000))
"""


@pytest.fixture
def lab():
    with Lab(NetNode) as x:
        for node in x.nodes:
            node.rules()
            node.start()
        yield x


def ping(ns, target, *args, count=1, wait="0.3"):
    return ns.exec("ping", "-n", "-q", "-c", str(count), "-i", "0.01", "-W", wait, *args, target,
                   check=False)


def answered(ns, target, **kwargs):
    return " 0 received" not in ping(ns, target, **kwargs)


def provoke(node, lab):
    """Everything that makes an ordinary interface speak."""
    ns = node.ns
    ping(ns, "10.1.0.10", "-I", "tw-lan")
    ping(ns, "fd01::10", "-I", "tw-lan")
    ping(ns, "ff02::1", "-I", "tw-wan")
    ns.exec("arping", "-U", "-c", "1", "-w", "1", "-I", "tw-lan", SHARED4["lan"], check=False)
    ns.exec("/usr/bin/python3", "-c", JOIN)
    for target in (SHARED4["lan"], SHARED6["lan"]):
        lab.client.ns.exec("ip", "neigh", "flush", "all")
        ping(lab.client.ns, target)


def flap(node, lab):
    """Links go down and up in all the ways there are; afterwards the plan is applied again."""
    node.ns.ip("link set lan down", "link set wan down")
    node.ns.ip("link set lan up", "link set wan up")
    node.apply()
    node.cut("lan", "wan")
    node.heal()
    node.ns.ip("link set tw-lan down", "link set tw-wan down")
    node.ns.ip("link set tw-lan up", "link set tw-wan up")
    node.apply()


def test_closed_gate_is_mute(lab):
    """From the making of the links on, through flaps and provocations: not one frame."""
    capture = lab.capture()
    for node in lab.nodes:
        node.apply()
    for _ in range(3):
        provoke(lab.b, lab)
        flap(lab.b, lab)
    time.sleep(1.5)  # time for what kernels send late: MLD and IGMP reports, router solicitations
    stat = capture.stat()
    assert capture.shared_frames(lab.b) == 0 and capture.shared_frames(lab.a) == 0, stat
    assert all(p["wrong_arp"] + p["wrong_data"] == 0 for p in stat["ports"].values()), stat
    words = lab.b.words()
    assert words["shot_out"] > 20 and words["shot_in"] > 0, words
    # the capture would have seen them
    lab.a.command("open 30000")
    for target in (SHARED4["lan"], SHARED6["lan"]):
        wait_until(lambda: answered(lab.client.ns, target), 5, f"{target} answers")
    assert capture.shared_frames(lab.a) > 0


def test_plain_kernel_settings_are_mute_too(lab):
    """The gate alone suffices: with DAD, router solicitations and reports on, still nothing."""
    capture = lab.capture()
    lab.b.apply()
    for name in ("tw-lan", "tw-wan"):
        lab.b.ns.sysctl(*[f"net.ipv6.conf.{name}.{x}" for x in
                          ("accept_dad=1", "router_solicitations=3", "addr_gen_mode=0", "forwarding=0")])
        lab.b.ns.ip(f"link set {name} down", f"link set {name} up")
    time.sleep(2)
    assert capture.shared_frames(lab.b) == 0, capture.stat()
    assert lab.b.words()["shot_out"] > 4


def test_lease_lapses_by_itself(lab):
    """The process that renews is stopped: the gate closes without anybody's doing."""
    lab.a.apply()
    ends = []
    for number in (signal.SIGSTOP, signal.SIGKILL):
        lab.a.process.stdin.write("renew 60 5 60000\n")
        lab.a.process.stdin.flush()
        assert wait_until(lambda: answered(lab.client.ns, SHARED4["lan"]), 2, "gate opens")
        pinger = subprocess.Popen(
            ["ip", "netns", "exec", lab.client.ns.name, "ping", "-n", "-D", "-i", "0.005", "-w", "1",
             SHARED4["lan"]], stdout=subprocess.PIPE, text=True)
        time.sleep(0.3)
        os.kill(lab.a.process.pid, number)
        stopped = time.time()
        out = pinger.communicate()[0]
        stamps = [float(x[1:x.index("]")]) for x in out.splitlines() if x.startswith("[")]
        assert len(stamps) > 20, out
        ends.append(stamps[-1] - stopped)
        if number == signal.SIGSTOP:
            os.kill(lab.a.process.pid, signal.SIGCONT)
    # the lease was 60 ms; the rest is how late ping gets to write down what it received
    assert all(0 < x < 0.09 for x in ends), ends
    assert not answered(lab.client.ns, SHARED4["lan"])


def test_no_lease_outlives_the_process(lab):
    """open for ever (a single firewall): survives the death of the program."""
    lab.a.apply()
    lab.a.command("open ever")
    lab.a.crash()
    assert answered(lab.client.ns, SHARED4["lan"]) and answered(lab.client.ns, SHARED6["lan"])


def test_draining_speaks_as_the_nic(lab):
    """Draining: still answers and forwards, never with the shared MAC, and ends at its deadline."""
    lab.server.ns.ip("route add 10.1.0.0/24 via 10.2.0.1")
    lab.a.apply()
    lab.a.command("open 60000")
    for target in (SHARED4["lan"], "10.2.0.254", SHARED6["lan"], "fd02::fe"):
        assert answered(lab.client.ns, target), target
    assert lab.a.words()["last_unicast_us"] == -1
    capture = lab.capture()
    lab.a.command("drain 1500")
    assert lab.a.words()["position"] == "draining"
    capture.mark()  # between its start and the drain the kernel may have asked for a neighbour
    for target in (SHARED4["lan"], "10.2.0.254", SHARED6["lan"], "fd02::fe"):
        assert answered(lab.client.ns, target, count=3), target
    words = lab.a.words()
    assert words["position"] == "draining" and words["drain_lost"] == 0, words
    assert words["drained_out"] >= 12 and 0 <= words["last_unicast_us"] < 1000000, words
    stat = capture.stat()
    assert capture.shared_frames(lab.a) == 0, stat
    port = stat["ports"]["a-lan"]
    assert port["wrong_arp"] + port["wrong_data"] > 0, stat  # the NIC's MAC, shared address
    # its lease was an hour, its drain was not: no plain open follows
    wait_until(lambda: lab.a.words()["position"] == "closed", 2, "drain ends")
    assert not answered(lab.client.ns, SHARED4["lan"])
    assert capture.shared_frames(lab.a) == 0, capture.stat()


def test_drain_can_be_called_off(lab):
    lab.a.apply()
    lab.a.command("open 60000")
    lab.a.command("drain 2000")
    lab.a.command("open 60000")
    capture = lab.capture()
    assert lab.a.words()["position"] == "open"
    assert answered(lab.client.ns, SHARED4["lan"])
    assert capture.shared_frames(lab.a) > 0
    # and a close straight from the drain, then open: no rest of the drain
    lab.a.command("drain 60000")
    lab.a.command("close")
    assert lab.a.words()["position"] == "closed"
    lab.a.command("open 60000")
    assert lab.a.words()["position"] == "open"


def test_missing_gate_is_put_back(lab):
    """Somebody takes the filters off: the link goes down first, and comes back gated."""
    lab.b.apply()
    capture = lab.capture()
    lab.b.ns.exec("tc", "qdisc", "del", "dev", "tw-lan", "clsact")
    lab.b.apply()
    capture.mark()
    provoke(lab.b, lab)
    assert capture.shared_frames(lab.b) == 0, capture.stat()
    assert "pref 1" in lab.b.ns.exec("tc", "filter", "show", "dev", "tw-lan", "egress")
    assert "10.1.0.1/24" in lab.b.ns.exec("ip", "addr", "show", "dev", "tw-lan", "up")


def test_new_supervisor_new_gate(lab):
    """A crashed daemon's successor brings its own words; the old ones, open for ever, are out."""
    lab.a.apply()
    lab.a.command("open ever")
    assert answered(lab.client.ns, SHARED4["lan"])
    lab.a.crash()
    lab.a.start()
    capture = lab.capture()
    v = lab.a.apply()
    assert v["changes"] < 15, v  # links were kept
    capture.mark()
    assert not answered(lab.client.ns, SHARED4["lan"])
    provoke(lab.a, lab)
    assert capture.shared_frames(lab.a) == 0, capture.stat()
    lab.a.command("open 30000")
    for target in (SHARED4["lan"], SHARED6["lan"]):
        wait_until(lambda: answered(lab.client.ns, target), 5, f"{target} answers")


def test_config_needs_no_bpf_capability(lab):
    """Only the loader needs CAP_BPF; attaching and the table of ports do with CAP_NET_ADMIN."""
    lab.a.command("drop")
    lab.a.apply()
    lab.a.command("open 5000")
    assert answered(lab.client.ns, SHARED4["lan"])
    lab.a.command("drain 5000")
    assert answered(lab.client.ns, SHARED4["lan"]) and lab.a.words()["drain_lost"] == 0


def test_macs_are_the_shared_ones(lab):
    lab.a.apply()
    for s, i in (("lan", 1), ("wan", 2)):
        assert shared_mac(i) in lab.a.ns.exec("ip", "link", "show", "dev", f"tw-{s}")
