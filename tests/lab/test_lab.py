# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab's own judges: a fault that they could not see would make every other test worthless."""
import os
import time

import pytest
from lab import SERVER4, Lab, LabError, Machine, wait_until
from machine import Host

NAT = 'table ip n { chain p { type nat hook postrouting priority 100; oifname "wan" masquerade\n }\n }\n'


class PlainRouter(Machine):
    """Linux forwarding and NAT; node a holds the addresses with a MAC that looks shared."""

    def boot(self):
        if self.name == "a":
            self.hold()

    def hold(self):
        self.ns.sysctl("net.ipv4.ip_forward=1")
        for i, segment in enumerate(("lan", "wan"), start=1):
            self.ns.ip(f"link set {segment} address 02:c1:00:07:00:0{i}",
                       f"addr add 10.{i}.0.1/24 dev {segment}")
        self.ns.exec("nft", "-f", "-", stdin=NAT)


@pytest.fixture
def plain():
    with Lab(PlainRouter) as lab:
        yield lab


def test_traffic_counts_an_outage(plain):
    traffic = plain.traffic(connections=50).start()
    assert traffic.settle()
    calm = traffic.mark("calm")
    assert calm.intact and calm.alive == 50 and calm.lost == 0 and calm.received_up > 0
    plain.a.cut_silent("wan")
    time.sleep(0.3)  # the length of the outage is what is measured
    plain.a.heal()
    assert traffic.settle()
    cut = traffic.mark("cut")
    assert 290 < cut.outage_ms < 600 and cut.lost_up > 500 and cut.lost_down > 500
    assert cut.intact and cut.alive == 50 and cut.source_changes == 0


def test_traffic_sees_lost_state(plain):
    """Forgotten translations: TCP dies by reset or stays silent, the UDP stream comes from elsewhere."""
    traffic = plain.traffic(connections=20, stall_ms=500).start()
    plain.a.ns.exec("nft", "flush ruleset")
    plain.a.ns.exec("conntrack", "-F", check=False)
    assert not traffic.settle(timeout=2)
    f = traffic.mark("lost")
    assert f.outage_ms > 500 or f.source_changes > 0
    assert f.dead + f.stalled == 20


def test_power_loss_is_silent_and_total(plain):
    capture = plain.capture("lan", "wan")
    traffic = plain.traffic(connections=10).start()
    wait_until(lambda: capture.shared_frames(plain.a) > 0, 2, "node a speaks")
    plain.a.ns.exec("nft", "add table inet forgotten")
    plain.a.power_off()
    capture.mark()
    assert not traffic.settle(timeout=0.5)
    assert capture.shared_frames(plain.a) == 0
    links = plain.b.ns.exec("ip", "-br", "link")
    assert links.count("LOWER_UP") == 4, f"node b noticed: {links}"
    with pytest.raises(LabError):
        plain.b.power_on()
    plain.a.power_on()
    assert "forgotten" not in plain.a.ns.exec("nft", "list", "ruleset")
    assert traffic.settle(40)  # TCP has backed off while the machine booted


def test_cut_takes_carrier_and_silent_cut_does_not(plain):
    def carrier(segment):
        return plain.b.ns.exec("cat", f"/sys/class/net/{segment}/carrier").strip()
    plain.b.cut("lan")
    wait_until(lambda: carrier("lan") == "0", 2, "lan loses carrier")
    plain.b.cut_silent("wan")
    assert carrier("wan") == "1" and carrier("sync") == "1"
    plain.b.heal()
    wait_until(lambda: carrier("lan") == "1", 2, "lan gets carrier back")


def test_capture_tells_machines_apart(plain):
    """Node b takes node a's MAC, then answers ARP for the shared address with its own: both show."""
    capture = plain.capture("lan")
    assert isinstance(plain.client, Host) and plain.client.ping("10.1.0.1")
    seen = capture.mark()
    assert seen["missed"] == 0
    assert seen["ports"]["a-lan"]["shared"] > 0 and seen["ports"]["b-lan"]["shared"] == 0
    assert [m["port"] for m in seen["moves"]] == ["a-lan"]
    plain.b.ns.ip("addr add 10.1.0.9/24 dev lan", "link set lan address 02:c1:00:07:00:01")
    plain.b.ns.exec("arping", "-q", "-c", "1", "-w", "1", "-I", "lan", "10.1.0.10", check=False)
    wait_until(lambda: capture.shared_frames(plain.b) > 0, 2, "node b is seen")
    seen = capture.mark()
    assert [m["port"] for m in seen["moves"]][:2] == ["a-lan", "b-lan"]
    plain.b.ns.ip("link set lan address 06:00:00:00:0b:01")
    plain.b.ns.exec("arping", "-q", "-A", "-c", "1", "-I", "lan", "-s", "10.1.0.1", "10.1.0.1", check=False)
    plain.b.ns.ip("addr add 10.1.0.1/24 dev lan")
    plain.b.ns.exec("arping", "-q", "-U", "-c", "1", "-I", "lan", "10.1.0.1", check=False)
    wait_until(lambda: capture.stat()["ports"]["b-lan"]["wrong_arp"] > 0, 2, "poisoned ARP is seen")


def test_everything_is_removed():
    with Lab(PlainRouter) as lab:
        names = [ns.name for ns in (lab.switches.ns, lab.client.ns, lab.server.ns, lab.a.ns, lab.b.ns)]
        p = lab.client.ns.popen("sleep", "1000")
        assert lab.client.ping(SERVER4) in (True, False)
    assert p.poll() is not None
    assert not set(names) & set(os.listdir("/run/netns")) and not os.path.exists(lab.dir)
