# SPDX-License-Identifier: GPL-2.0-or-later
"""Twinwall beside keepalived + conntrackd: outages and losses, in one run on one machine.

    bench.py [--rounds N] [--systems KEY,…] [--faults NAME,…] [--write FILE]

The systems take turns in blocks of a few rounds, so that whatever else the machine does meets all of
them. A round starts from a settled pair with traffic: 300 TCP connections and a UDP packet every 0.2 ms
each way, all through NAT. The outage is the longest time between two packets that arrived in which at
least one was lost, in the worse direction.
"""
import argparse
import datetime
import json
import os
import random
import re
import signal
import statistics
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from systems import all_systems, machine  # noqa: E402
from lab import ROOT, SHARED4, LabError  # noqa: E402

BLOCK = 5
CONNECTIONS = 300
INTERVAL_US = 200
RAW = os.path.join(ROOT, "build", "bench", "results.json")


def power_loss(system, lab, active):
    active.power_off()
    system.wait_active(lab, lab.other(active))


def lan_carrier_lost(system, lab, active):
    active.cut("lan")
    system.wait_active(lab, lab.other(active))


def planned_switch(system, lab, active):
    system.switch(lab, active)
    system.wait_active(lab, lab.other(active))


def engine_killed(system, lab, active):
    system.signal_engine(active, signal.SIGKILL)
    system.engine_settled(lab)


def engine_stopped(system, lab, active):
    system.signal_engine(active, signal.SIGSTOP)
    system.engine_settled(lab)


FAULTS = {
    "power": (power_loss, "power loss, no carrier change"),
    "lan": (lan_carrier_lost, "carrier lost on the active node's LAN"),
    "switch": (planned_switch, "planned switch"),
    "kill": (engine_killed, "daemon killed (SIGKILL)"),
    "stop": (engine_stopped, "daemon hangs (SIGSTOP)"),
}


def answers(lab):
    """How many nodes answer when the client asks who has the shared address."""
    out = lab.client.ns.exec("arping", "-b", "-c", "3", "-w", "2", "-I", "lan", SHARED4["lan"], check=False)
    sent = re.search(r"Sent (\d+) probes", out)
    received = re.search(r"Received (\d+) response", out)
    if sent is None or received is None:
        raise LabError(f"arping: {out}")
    return round(int(received[1]) / int(sent[1]))


def one_round(system, lab, traffic, name):
    """Breaks a settled pair once; what it cost. The pair is whole again afterwards."""
    fault = FAULTS[name][0]
    active = system.active(lab)
    time.sleep(random.uniform(0.2, 0.4))  # no lockstep with anybody's timers
    before = traffic.mark("before")
    fault(system, lab, active)
    settled = traffic.settle(timeout=30)
    f = traffic.mark(name)
    both = name in ("kill", "stop") and answers(lab) > 1
    if name in ("kill", "stop"):
        system.after_engine_fault(lab, active)
    system.restore(lab)
    traffic.settle(timeout=30)
    return {"outage_ms": f.outage_ms, "lost": f.lost, "broken": f.dead + f.stalled - before.dead,
            "corrupt": f.corrupt, "tcp_ms": f.tcp_latency_ms, "both": both, "settled": settled}


def block(system, faults, rounds, results):
    lab = system.make()
    try:
        traffic = lab.traffic(CONNECTIONS, interval_us=INTERVAL_US).start()
        for _ in range(rounds):
            for name in faults:
                if traffic.stat().dead:  # the next round shall not pay for the last
                    traffic.stop()
                    traffic = lab.traffic(CONNECTIONS, interval_us=INTERVAL_US).start()
                figures = one_round(system, lab, traffic, name)
                results.setdefault(system.key, {}).setdefault(name, []).append(figures)
                print(f"{system.key:8} {name:7} {figures['outage_ms']:9.1f} ms  {figures['lost']:6} lost  "
                      f"{figures['broken']:4} connections broken{'  both answer' if figures['both'] else ''}",
                      flush=True)
    finally:
        lab.close()


def number(x):
    return f"{x:,.0f}" if x >= 100 else f"{x:.1f}" if x >= 0.05 else "0"


def cell(rows, key):
    values = [r[key] for r in rows]
    return f"{number(statistics.median(values))} / {number(max(values))}" if values else "–"


def table(systems, results, faults, title, text):
    lines = [f"| {title} | " + " | ".join(s.title for s in systems) + " |",
             "| --- |" + " ---: |" * len(systems)]
    for name in faults:
        cells = [text(results.get(s.key, {}).get(name, [])) for s in systems]
        lines.append(f"| {FAULTS[name][1]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def broken(rows):
    if not rows:
        return "–"
    return f"{max(r['broken'] for r in rows)} of {CONNECTIONS}, in {sum(r['broken'] > 0 for r in rows)} rounds"


def no_loss(rows):
    return f"{sum(r['lost'] == 0 for r in rows)} of {len(rows)}" if rows else "–"


def both_hold(rows):
    return f"{sum(r['both'] for r in rows)} of {len(rows)}" if rows else "–"


def document(systems, faults, results, rounds):
    facts = "\n".join(f"| {name} | {value} |" for name, value in machine())
    figures = [("Outage in ms, median / worst", lambda r: cell(r, "outage_ms")),
               ("Packets lost, both directions, median / worst", lambda r: cell(r, "lost")),
               ("Rounds without any loss", no_loss),
               ("TCP connections broken, worst round", broken),
               ("Slowest TCP echo in ms, median / worst", lambda r: cell(r, "tcp_ms"))]
    tables = "\n\n".join(table(systems, results, faults, title, text) for title, text in figures)
    held = [f for f in faults if f in ("kill", "stop")]
    if held:
        tables += "\n\n" + table(systems, results, held, "Rounds after which both nodes answer for the address",
                                 both_hold)
    return f"""# Benchmarks

Written by `make bench` on {datetime.date.today().isoformat()}; do not edit. {rounds} rounds of each.

| | |
| --- | --- |
{facts}

Two nodes, a client and a server in network namespaces, with bridges as switches between them. Traffic in
every round: {CONNECTIONS} TCP connections that carry checked data, and a UDP packet every
{INTERVAL_US / 1000:g} ms in each direction, all through NAT. An outage is the longest time between two
packets that arrived in which at least one was lost, in the worse direction. The systems take turns in
blocks of {BLOCK} rounds. keepalived runs with `nopreempt`, one sync group, real-time priority and locked
memory; conntrackd in FT-FW mode. Its planned switch is its own way out: SIGTERM to the active one.

{tables}

How to read the daemon rows: when keepalived is killed its kernel keeps the address and goes on forwarding,
so traffic may see no gap at all, while the peer takes the address as well. Both then answer for it until
somebody notices. A Twinwall node whose engine dies closes its gate by itself.

False takeovers under load: `tests/bench/false_takeovers.py --minutes 60`. State sync beside conntrackd:
[BENCHMARKS-STATESYNC.md](BENCHMARKS-STATESYNC.md).
"""


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--rounds", type=int, default=20, help="of each fault with each system (20)")
    ap.add_argument("--systems", help="by comma: " + ", ".join(s.key for s in all_systems()))
    ap.add_argument("--faults", help="by comma: " + ", ".join(FAULTS))
    ap.add_argument("--write", help="write the tables to this file as well")
    args = ap.parse_args()
    systems = [s for s in all_systems() if not args.systems or s.key in args.systems.split(",")]
    faults = [f for f in FAULTS if not args.faults or f in args.faults.split(",")]
    results, failures = {}, []
    for start in range(0, args.rounds, BLOCK):
        for system in systems:
            try:
                block(system, faults, min(BLOCK, args.rounds - start), results)
            except (AssertionError, LabError) as e:
                failures.append(f"{system.key}: {e}")
                print(f"{system.key}: {e}", file=sys.stderr)
        os.makedirs(os.path.dirname(RAW), exist_ok=True)
        with open(RAW, "w") as f:
            json.dump({"results": results, "failures": failures}, f, indent=1)
    text = document(systems, faults, results, args.rounds)
    print("\n" + text)
    if args.write and not failures:
        with open(args.write, "w") as f:
            f.write(text)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
