# SPDX-License-Identifier: GPL-2.0-or-later
"""Bad neighbours on a data wire: they may cost that wire, and nothing else."""
import os
import subprocess

import pytest
from lab import wait_until

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hostile.py")
GROUP_LAN = "03:c1:00:07:00:02"  # cluster 7, interface index 2


def hostile(machine, *args, **kwargs):
    return machine.ns.popen("/usr/bin/python3", "-B", PROGRAM, *args, stdout=subprocess.PIPE, text=True, **kwargs)


def refused(node):
    return node.json("stat")["refused"]


@pytest.mark.parametrize("kind,reason", [("noise", "not_ours"), ("header", "other_key"), ("short", "truncated")])
def test_flood_on_the_ethertype(pair, kind, reason):
    """Garbage as fast as one machine can send it: the roles stay, heartbeats elsewhere keep their time."""
    before = {n: (n.ha(), refused(n)) for n in pair.nodes}
    flood = hostile(pair.client, "flood", "lan", GROUP_LAN, "2", kind)
    sent = int(flood.communicate(timeout=20)[0])
    assert sent > 10000
    for n in pair.nodes:
        ha, counts = n.ha(), refused(n)
        assert ha["role"] == before[n][0]["role"] and ha["term"] == before[n][0]["term"]
        assert counts[reason] > before[n][1][reason], counts
        assert next(i for i in ha["interfaces"] if i["name"] == "sync")["two_way"]
    wait_until(lambda: all(i["two_way"] for n in pair.nodes for i in n.ha()["interfaces"]), 5, "every path is back")


def test_replayed_frames_are_no_sign_of_life(pair):
    """Heartbeats recorded on the LAN and played again and again do not keep a dead node alive."""
    active, standby = pair.active, pair.standby
    recorded = hostile(pair.client, "record", "lan", "40").communicate(timeout=20)[0]
    before = refused(standby)
    replay = hostile(pair.client, "replay", "lan", "3", stdin=subprocess.PIPE)
    replay.stdin.write(recorded)
    replay.stdin.close()
    wait_until(lambda: refused(standby)["replayed"] > before["replayed"] + 100, 5, "replayed frames are refused")
    active.power_off()
    standby.wait_role("active", 1)
    assert standby.ha()["peer"]["state"] == "dead"
    replay.stdin = None
    replay.communicate(timeout=20)
    assert standby.ha()["role"] == "active"
