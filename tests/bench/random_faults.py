# SPDX-License-Identifier: GPL-2.0-or-later
"""Hundreds of random faults in a row on one pair with default settings.

    random_faults.py [--faults N] [--seed N] [--limit MS]

Prints every fault with what the client saw, and a table by kind. Ends with 1 when a frame with the shared
MAC or address came from the wrong node, a connection broke, or an outage was longer than the limit.
"""
import argparse
import os
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lab"))
from systems import machine  # noqa: E402
from cluster import Cluster  # noqa: E402
from randomfaults import RandomFaults  # noqa: E402


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--faults", type=int, default=200)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--limit", type=float, default=70, metavar="MS")
    args = ap.parse_args()
    print(", ".join(f"{k} {v}" for k, v in machine()) + f", seed {args.seed}", flush=True)
    kinds, bad = {}, 0
    lab = Cluster()
    try:
        faults = RandomFaults(lab.up(), args.seed)
        for i in range(args.faults):
            o = faults.step()
            kinds.setdefault(o.fault, []).append(o)
            wrong = not o.safe or o.broken or o.outage_ms > args.limit
            bad += bool(wrong)
            print(f"{i + 1:4} {o.fault:36} {o.outage_ms:7.1f} ms {o.lost:5} lost {o.broken:3} broken"
                  f"{'  NOT ' + str(o) if wrong else ''}", flush=True)
    finally:
        lab.close()
    print("\n| fault | times | moved | outage ms, median / worst | packets lost, worst | unsafe | broken |\n"
          "| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, rows in sorted(kinds.items()):
        ms = [o.outage_ms for o in rows]
        print(f"| {name} | {len(rows)} | {sum(o.moved for o in rows)} | {statistics.median(ms):.1f} / {max(ms):.1f} "
              f"| {max(o.lost for o in rows)} | {sum(not o.safe for o in rows)} | {sum(o.broken for o in rows)} |")
    print(f"\n{args.faults} faults, {bad} of them unsafe, breaking, or longer than {args.limit:g} ms")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
