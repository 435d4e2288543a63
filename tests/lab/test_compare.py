# SPDX-License-Identifier: GPL-2.0-or-later
"""Comparing the flow tables of two whole nodes."""
from lab import wait_until


def test_comparing_finds_nothing_across_switches(pair, small_hash):
    """Two whole nodes with traffic: whoever is active, nothing is found that nobody did."""
    nodes = list(pair.roles())
    pair.traffic(connections=200, interval_us=2000).start()
    for _ in range(3):
        done = sum(n.json("stat")["sync"]["comparisons"] for n in nodes)
        wait_until(lambda: sum(n.json("stat")["sync"]["comparisons"] for n in nodes) >= done + 4, 90, "comparisons")
        for node in nodes:
            wait_until(lambda: "Connection tables were alike" in node.cli("ha")[1], 20, f"{node.name} says so")
        pair.wait_settled()
        pair.standby.cli("ha", "-activate")
        pair.wait_settled()
    for node in nodes:
        assert node.json("stat")["sync"]["buckets_differed"] == 0
        assert "TW1516" not in node.log() and "TW1517" not in node.log()
