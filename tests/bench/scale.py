# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the time of a takeover depend on the number of interfaces or flows?

    scale.py [--rounds N] [--interfaces N,…] [--flows N,…] [--faults NAME,…]

One pair for every combination of interfaces and flows, settled and synchronised before every round.
nf_conntrack_max of the machine is raised while it runs when the flows need that.
"""
import argparse
import os
import statistics
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bench import CONNECTIONS, FAULTS, number, one_round  # noqa: E402
from systems import Twinwall, machine  # noqa: E402
from cluster import Cluster  # noqa: E402
from lab import wait_until  # noqa: E402

MAX = "/proc/sys/net/netfilter/nf_conntrack_max"


def fill(node, n):
    """n translated UDP flows that do not end by themselves."""
    lines = []
    for i in range(n):
        c, port = f"10.1.{100 + (i >> 8 & 127)}.{i & 255}", 1024 + (i >> 15)
        lines.append(f"-A -p udp -s {c} -d 10.2.0.9 --sport {port} --dport 53 -r 10.2.0.9 -q {c} "
                     f"--reply-port-src 53 --reply-port-dst {port} -t 100000 -u SEEN_REPLY,ASSURED")
    if lines:
        node.ns.exec("conntrack", "-R", "-", stdin="\n".join(lines) + "\n", timeout=300)


class LargeTwinwall(Twinwall):
    def restore(self, lab):
        lab.restore(timeout=180)


class Pair:
    def __init__(self, interfaces, flows):
        self.title = f"{interfaces} interfaces, {flows:,} flows"
        self.flows = flows
        self.system = LargeTwinwall("tw", self.title, None)
        self.lab = Cluster(extra=[f"x{i}" for i in range(3, interfaces + 1)], ipv6=False)
        try:
            self.lab.up()
            fill(self.lab.active, flows)
            self.lab.wait_settled(60)
            self.same_flows()
            self.traffic = self.lab.traffic(CONNECTIONS).start()
        except Exception:
            self.lab.close()
            raise

    def same_flows(self):
        wait_until(lambda: min(n.json("stat")["connections"] for n in self.lab.nodes) >= self.flows, 120,
                   "all flows are on both nodes", step=0.5)

    def round(self, fault):
        r = one_round(self.system, self.lab, self.traffic, fault)
        self.same_flows()
        return r


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--rounds", type=int, default=10)
    ap.add_argument("--interfaces", default="2,200")
    ap.add_argument("--flows", default="0,500000")
    ap.add_argument("--faults", default="power,switch", help="by comma: " + ", ".join(FAULTS))
    args = ap.parse_args()
    sizes = [(int(i), int(f)) for i in args.interfaces.split(",") for f in args.flows.split(",")]
    print(", ".join(f"{k} {v}" for k, v in machine()) + f"; {args.rounds} rounds", flush=True)
    need = 4 * max(f for _, f in sizes) + 100000
    with open(MAX) as f:
        old = int(f.read())
    results = {}
    try:
        if need > old:
            with open(MAX, "w") as f:
                f.write(str(need))
        for size in sizes:
            pair = Pair(*size)
            try:
                for fault in args.faults.split(","):
                    rows = [pair.round(fault) for _ in range(args.rounds)]
                    results[pair.title, fault] = rows
                    print(f"{pair.title}: {fault}: {[round(r['outage_ms'], 1) for r in rows]}", flush=True)
            finally:
                pair.lab.close()
    finally:
        with open(MAX, "w") as f:
            f.write(str(old))
    print("\n| | " + " | ".join(FAULTS[f][1] for f in args.faults.split(",")) + " |\n| --- |"
          + " ---: |" * len(args.faults.split(",")))
    for title in dict.fromkeys(t for t, _ in results):
        cells = []
        for fault in args.faults.split(","):
            ms = [r["outage_ms"] for r in results[title, fault]]
            lost = [r["lost"] for r in results[title, fault]]
            cells.append(f"{number(statistics.median(ms))} / {number(max(ms))} ms, at most {max(lost)} lost")
        print(f"| {title} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
