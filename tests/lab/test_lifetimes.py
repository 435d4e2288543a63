# SPDX-License-Identifier: GPL-2.0-or-later
"""How long flows live on either node, full tables, lost events: state sync alone, as in test_statesync.py.

Timeouts are set to seconds; what lasts ten minutes with the usual ones lasts a moment here.
"""
import ipaddress
import os
import signal

import pytest
from flowtable import ORIG, attributes, dump, ends
from netns import LabError, wait_until
from syncnode import ACTIVE, STANDBY
from test_statesync import CLIENT, SERVER, Lab, fill, fill_own, switch, wait_equal

TCP_S, UDP_S = 15, 3
TIMEOUTS = [f"net.netfilter.nf_conntrack_{name}={seconds}" for name, seconds in
            (("tcp_timeout_established", TCP_S), ("udp_timeout", UDP_S), ("udp_timeout_stream", UDP_S))]
FULL_NODE = "10.21.0.1"  # an address of node b: flows that begin there are its own


@pytest.fixture
def lab():
    lab = Lab()
    yield lab
    lab.close()


def left(node, *what):
    """Seconds that the client's flows still have there."""
    return [int(x.split()[2]) for x in node.flows(*what) if CLIENT in x]


def test_idle_flows_end_on_time_after_a_takeover(lab):
    """Not before their timeout, not after it, whoever is asked: the node that took over ages them, by the
    timeouts of that moment, and the one that returns is told of each end."""
    lab.start()
    for node in (lab.a, lab.b):
        node.sysctl(*TIMEOUTS)
    assert lab.ask("udp 20") == 0 and lab.ask("tcp 20") == 0
    wait_equal(lab)
    assert min(left(lab.b)) > 1000000
    lab.a.kill()
    lab.b.part(ACTIVE, 2)
    wait_until(lambda: max(left(lab.b)) <= TCP_S, 2, "kernel's own timeouts")
    assert len(left(lab.b, "-p", "tcp")) == 20
    lab.a.start(STANDBY, 2)
    lab.a.wait_state("synced")
    lab.b.wait_state("synced")
    wait_until(lambda: not left(lab.b, "-p", "udp"), UDP_S + 3, "idle UDP flows end")
    assert len(left(lab.b, "-p", "tcp")) == 20, "TCP lives as long as its own timeout says"
    wait_equal(lab, 1)
    wait_until(lambda: not left(lab.b) and not left(lab.a), TCP_S + 3, "idle TCP flows end, on both nodes")


def test_a_flow_in_use_outlives_its_timeout(lab):
    """Packets on the active keep it; the standby, which sees none, keeps it as long."""
    for node in (lab.a, lab.b):
        node.sysctl(*TIMEOUTS)
    lab.start()
    assert lab.ask("udp 3") == 0
    used = [0]

    def lived_twice():
        used[0] += 1
        assert lab.ask("echo 100") == 0
        assert len(left(lab.a)) == len(left(lab.b)) == 3
        return used[0] * 0.5 > 2 * UDP_S
    wait_until(lived_twice, 60, "two timeouts", step=0.5)
    switch(lab, 0, 1, 2, 1)
    assert lab.ask("echo 100") == 0
    wait_until(lambda: not left(lab.a) and not left(lab.b), UDP_S + 4, "and ends when it is idle")


def test_timeouts_are_given_back_by_a_process_that_restarts(lab):
    """It dies right after the takeover, before it has given any flow its timeout."""
    lab.start()
    assert lab.ask("udp 5") == 0
    fill(lab.a, 20000)
    wait_until(lambda: lab.b.count() >= 20005, 5, "the flows")
    lab.a.kill()
    lab.b.part(ACTIVE, 2)
    lab.b.kill()
    assert max(left(lab.b)) > 1000000, "it was faster than this test"
    lab.b.start(ACTIVE, 2)
    wait_until(lambda: max(int(x.split()[2]) for x in lab.b.flows()) <= 432000, 5, "proper timeouts")


def test_lost_events_are_counted_and_repaired(lab):
    """The process stands still while more happens than the kernel keeps for it."""
    lab.start()
    os.kill(lab.a.pid(), signal.SIGSTOP)
    try:
        fill(lab.a, 70000)
        lab.a.exec("conntrack", "-D", "-p", "udp", "--sport", "1024", timeout=120)
        fill(lab.a, 1000)
    finally:
        os.kill(lab.a.pid(), signal.SIGCONT)
    lab.a.wait_status(lambda s: s.event_overruns > 0, "the overrun is counted", 5)
    wait_until(lambda: lab.a.told("events_overrun"), 5, "and told")
    lab.a.wait_status(lambda s: s.bulks_sent == 2, "a bulk repairs it", 10)
    lab.a.wait_state("synced")
    lab.b.wait_state("synced")
    wait_until(lambda: lab.a.count() == lab.b.count(), 5, "equal counts")
    assert lab.ask("tcp 5") == 0
    wait_equal(lab)


def test_a_full_table_stalls_nothing(lab):
    """Both tables are nearly full, the standby's more so: the active fills up, then both have room again."""
    limit = int(lab.b.exec("sysctl", "-n", "net.netfilter.nf_conntrack_max"))
    if limit > 300000:
        pytest.skip(f"nf_conntrack_max={limit}, for the whole machine, is too much to fill")
    lab.start()
    room = 2000
    fill(lab.a, limit - room - 50)
    wait_until(lambda: lab.a.count() == lab.b.count(), 30, "a nearly full table on both")
    assert lab.a.state() == lab.b.state() == "synced" and not lab.b.status().table_full
    fill_own(lab.b, room)
    assert lab.ask("udp 40") == 0 and lab.ask("tcp 40") == 0
    wait_until(lambda: lab.b.told("table_full"), 5, "the standby tells that it is full")
    lab.b.wait_status(lambda s: s.insert_failed > 0 and s.table_full, "counted")
    lab.a.wait_state("syncing")
    assert lab.ask("echo 1000") == 0, "traffic does not care"
    assert len(begun_by(lab.b, FULL_NODE)) == room, "what is the node's own stays"
    lab.b.exec("conntrack", "-D", "-s", FULL_NODE, timeout=120)
    lab.b.wait_state("synced", 20)
    lab.a.wait_state("synced")
    wait_until(lambda: lab.b.told("flows_held"), 2, "the end is told")
    wait_clients(lab)
    # now the active itself: its kernel refuses new flows, all others go on and end as ever
    with pytest.raises(LabError):
        fill(lab.a, room + 500, first=limit)
    assert not pings(lab), "the table has room"
    lab.a.wait_status(lambda s: s.table_full, "the active says that it refuses")
    wait_until(lambda: lab.a.told("table_full"), 3, "and tells")
    assert lab.ask("echo 1000") == 0 and lab.ask("close") == 0
    lab.a.exec("conntrack", "-D", "-p", "udp", "--sport", "1024", timeout=120)
    wait_until(lambda: lab.a.count() == lab.b.count(), 20, "equal counts")
    lab.a.wait_status(lambda s: not s.table_full, "the active has room")
    assert pings(lab) and lab.ask("udp 5") == 0
    wait_clients(lab)
    assert lab.a.state() == lab.b.state() == "synced"


def begun_by(node, address):
    """Identities of the flows that begin there. Of hundreds of thousands: conntrack -L would take its time."""
    packed = ipaddress.ip_address(address).packed
    tuples = (attributes(m[20:])[ORIG] for m in dump(node) if packed in m[:80])
    return {t for t in tuples if ends(t)[0] == packed}


def wait_clients(lab):
    wait_until(lambda: begun_by(lab.a, CLIENT) == begun_by(lab.b, CLIENT), 10, "the client's flows on both")


def pings(lab):
    return "1 received" in lab.client.exec("ping", "-c", "1", "-W", "1", "-I", CLIENT, SERVER, check=False)
