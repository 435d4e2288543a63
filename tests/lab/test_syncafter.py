# SPDX-License-Identifier: GPL-2.0-or-later
"""SyncAfter, in the lab of test_statesync.py: flows are carried when they are old enough."""
import time

from netns import wait_until
from syncnode import ACTIVE, STANDBY
from test_statesync import CLIENT, lab, wait_equal  # noqa: F401


def after(lab, seconds):
    for node in (lab.a, lab.b):
        node.after_s = seconds
        node.sysctl("net.netfilter.nf_conntrack_timestamp=1")


def carried(lab):
    """Flows of the client in the standby's table."""
    return [x for x in lab.b.flows() if f"src={CLIENT}" in x]


def test_young_flows_are_not_carried(lab):
    """SyncAfter: what has lived for so long is carried once, and to its end; nothing else ever is."""
    after(lab, 2)
    lab.start()
    assert lab.ask("tcp 20") == 0 and lab.ask("udp 5") == 0
    assert carried(lab) == [] and lab.a.status().flows_sent == 0
    wait_until(lambda: len(carried(lab)) == 25, 20, lambda: f"old enough: {carried(lab)}")
    wait_equal(lab)
    assert all("ASSURED" in x for x in carried(lab) if "tcp" in x)
    lab.a.wait_status(lambda s: s.flows_sent == 25, "each of them once")
    assert lab.ask("close") == 0
    wait_until(lambda: all("ESTABLISHED" not in x for x in carried(lab)), 5,
               lambda: f"their end is told: {carried(lab)}")
    lab.a.exec("conntrack", "-D", "-s", CLIENT, check=False)
    wait_until(lambda: carried(lab) == [], 5, lambda: f"gone: {carried(lab)}")
    sent = lab.a.status().flows_sent
    for _ in range(3):  # short ones leave no trace
        assert lab.ask("tcp 10") == 0
        lab.ask("close")
        lab.a.exec("conntrack", "-D", "-s", CLIENT, check=False)
    assert carried(lab) == []
    assert lab.a.status().flows_sent == sent
    b = lab.b.status()
    assert b.bulks_received == 1 and b.updates_missed == 0 and b.insert_failed == 0


def test_old_enough_in_a_bulk(lab):
    """A node that joins gets what is old enough then, the others in their time."""
    after(lab, 2)
    lab.a.start(ACTIVE, 1)
    assert lab.ask("tcp 10") == 0
    wait_until(lambda: lab.a.count() >= 10, 5, "the flows are there")
    time.sleep(5)  # they grow old
    assert lab.ask("udp 5") == 0
    lab.b.start(STANDBY, 1)
    lab.b.wait_state("synced")
    assert len([x for x in carried(lab) if "tcp" in x]) == 10
    assert not [x for x in carried(lab) if "udp" in x]
    wait_until(lambda: len(carried(lab)) == 15, 20, lambda: f"all: {carried(lab)}")


def test_without_beginnings_every_flow_is_carried(lab):
    """A kernel that does not note when flows begin: SyncAfter loses nothing."""
    for node in (lab.a, lab.b):
        node.after_s = 5
    lab.start()
    assert lab.ask("tcp 5") == 0
    wait_until(lambda: len(carried(lab)) == 5, 3, lambda: f"at once: {carried(lab)}")
