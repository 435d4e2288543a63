# SPDX-License-Identifier: GPL-2.0-or-later
"""Planned switches under full traffic, and how soon a LinkMonitor is believed.

    election.py [--switches N] [--losses N]

Switches: one after the other, with 20 000 UDP packets a second each way and 500 TCP connections, all
through NAT. Losses: a host stops answering the active node; how long after the first request that stays
unanswered the quality falls, beside MaxLoss * PingInterval. Both at default settings.
"""
import argparse
import os
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lab"))
from systems import machine  # noqa: E402
from cluster import Cluster  # noqa: E402
from lab import CLIENT4, wait_until  # noqa: E402
from test_events import events  # noqa: E402
from test_monitor import MONITOR, begin, deafen  # noqa: E402

CONNECTIONS, INTERVAL_US = 500, 50
MAX_LOSS, PING_MS = 7, 250
WELL_S = 12  # a host that was lost is well again only after some answers


def switches(n):
    """(packets lost, outage in ms, connections broken) of each."""
    lab, rows = Cluster(ipv6=False), []
    try:
        traffic = lab.up().traffic(CONNECTIONS, interval_us=INTERVAL_US).start(60)
        for i in range(n):
            status, out, err = lab.active.cli("ha", "-deactivate")
            if status:
                raise AssertionError(f"ha -deactivate: {out}{err}")
            lab.wait_settled()
            traffic.settle()
            f = traffic.mark(f"switch{i}")
            rows.append((f.lost, f.outage_ms, f.dead + f.stalled))
            print(f"switch {i + 1:3}: {f.lost} lost, {f.outage_ms:.1f} ms, {f.dead + f.stalled} broken; "
                  f"{(f.received_up + f.received_down) / f.seconds:,.0f} packets/s", flush=True)
    finally:
        lab.close()
    return rows


def first_unanswered(lines, mac, since):
    """When the first request from this MAC after `since` was seen, in seconds."""
    times = [float(line.split()[0]) for line in lines if f" {mac} > " in line and "Request who-has" in line]
    return min(t for t in times if t > since)


def loss(lab):
    """Milliseconds from the first unanswered request to the event of the quality that falls."""
    active = lab.active
    seen = lab.client.ns.popen("tcpdump", "-tt", "-elni", "lan", "arp", stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True)
    try:
        time.sleep(1)
        since = time.time()
        deafen(lab.client, active)
        fell = wait_until(lambda: [e for e in events(active, "-id", "quality_changed")
                                   if e["unix"] > since and e["args"]["new"] < e["args"]["old"]], 10, "quality falls")
    finally:
        seen.terminate()
        lines = seen.communicate()[0].splitlines()
    deafen(lab.client)
    for n in lab.nodes:
        n.wait_for(lambda h: h["quality"] == 100, WELL_S, "is well again")
    lab.wait_settled()
    return (fell[0]["unix"] - first_unanswered(lines, active.mac("lan"), since)) * 1000


def losses(n):
    lab, rows = Cluster(more=MONITOR.format("m", CLIENT4, "lan"), ipv6=False), []
    try:
        begin(lab)
        for i in range(n):
            rows.append(loss(lab))
            print(f"loss {i + 1:3}: quality fell {rows[-1]:.1f} ms after the first unanswered request", flush=True)
    finally:
        lab.close()
    return rows


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--switches", type=int, default=50)
    ap.add_argument("--losses", type=int, default=10)
    args = ap.parse_args()
    print(", ".join(f"{k} {v}" for k, v in machine()), flush=True)
    if args.switches:
        rows = switches(args.switches)
        print(f"\n{len(rows)} switches in a row: {sum(r[0] for r in rows)} packets lost, in "
              f"{sum(r[0] > 0 for r in rows)} of them; longest outage {max(r[1] for r in rows):.1f} ms; "
              f"{sum(r[2] for r in rows)} of {CONNECTIONS} connections broken\n", flush=True)
    if args.losses:
        rows = losses(args.losses)
        print(f"\nLinkMonitor, {MAX_LOSS} x {PING_MS} ms = {MAX_LOSS * PING_MS} ms: quality fell after "
              f"{statistics.median(rows):.1f} ms, at most {max(rows):.1f} ms, in {len(rows)} times")


if __name__ == "__main__":
    main()
