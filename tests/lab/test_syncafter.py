# SPDX-License-Identifier: GPL-2.0-or-later
"""SyncAfter, in the lab of test_statesync.py: flows are carried when they are old enough; and those that
SyncExceptNetwork and SyncExceptService leave out."""
from netns import wait_until
from syncnode import STANDBY
from test_statesync import CLIENT, lab, wait_equal  # noqa: F401


def after(lab, seconds):
    for node in (lab.a, lab.b):
        node.after_s = seconds
        node.sysctl("net.netfilter.nf_conntrack_timestamp=1")


def carried(lab):
    """Flows of the client in the standby's table."""
    return [x for x in lab.b.flows() if f"src={CLIENT}" in x]


def test_young_flows_are_not_carried(lab):  # noqa: F811
    """Nothing of them is told, neither beginning nor end; and that is no difference between the tables."""
    after(lab, 600)
    lab.start()
    for _ in range(3):
        assert lab.ask("tcp 10") == 0 and lab.ask("udp 5") == 0
        assert lab.ask("close") == 0
    lab.a.exec("conntrack", "-D", "-s", CLIENT, check=False)
    lab.a.wait_status(lambda s: s.filtered >= 3 * 15 * 3, "they began, changed and ended")
    assert carried(lab) == [] and lab.a.status().flows_sent == 0
    b = lab.b.status()
    assert b.bulks_received == 1 and b.buckets_differed == 0


def test_old_ones_are(lab):  # noqa: F811
    """What has lived for so long is carried once, and to its end; also to a node that joins later."""
    after(lab, 2)
    lab.start()
    assert lab.ask("tcp 25") == 0
    wait_until(lambda: len(carried(lab)) == 25, 30, lambda: f"old enough: {carried(lab)}")
    wait_equal(lab)
    assert all("ASSURED" in x for x in carried(lab) if "tcp" in x)
    lab.b.kill()
    lab.b.exec("conntrack", "-F", check=False)
    lab.b.start(STANDBY, 1)
    lab.b.wait_state("synced", 10)
    assert len(carried(lab)) == 25
    assert lab.ask("close") == 0
    wait_until(lambda: all("ESTABLISHED" not in x for x in carried(lab)), 5,
               lambda: f"their end is told: {carried(lab)}")
    lab.a.exec("conntrack", "-D", "-s", CLIENT, check=False)
    wait_until(lambda: carried(lab) == [], 5, lambda: f"gone: {carried(lab)}")
    b = lab.b.status()
    assert b.updates_missed == 0 and b.insert_failed == 0


def test_without_beginnings_every_flow_is_carried(lab):
    """A kernel that does not note when flows begin: SyncAfter loses nothing."""
    for node in (lab.a, lab.b):
        node.after_s = 5
    lab.start()
    assert lab.ask("tcp 5") == 0
    wait_until(lambda: len(carried(lab)) == 5, 3, lambda: f"at once: {carried(lab)}")


def test_services_left_out(lab):  # noqa: F811
    """By protocol and port: the other connections of the same client are carried."""
    for node in (lab.a, lab.b):
        node.except_services = [(17, 7)]
    lab.start()
    assert lab.ask("udp 5") == 0 and lab.ask("tcp 5") == 0
    wait_until(lambda: len(carried(lab)) == 5, 5, lambda: f"TCP: {carried(lab)}")
    assert all(x.startswith("tcp") for x in carried(lab))
    lab.a.wait_status(lambda s: s.filtered > 0, "left out")
    # what is left out is no difference between the tables, and one more exception empties the other's
    for node in (lab.a, lab.b):
        node.except_nets = ["10.9.0.0/24"]
        node.configure()
    wait_until(lambda: carried(lab) == [], 10, lambda: f"nothing of that network: {carried(lab)}")
    lab.a.wait_state("synced")
    assert lab.b.status().updates_missed == 0 and lab.b.status().buckets_differed == 0
