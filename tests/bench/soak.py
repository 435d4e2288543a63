# SPDX-License-Identifier: GPL-2.0-or-later
"""Random faults on a pair that carries a steady stream of new connections.

    soak.py [--minutes 30] [--rate 5000] [--seed N]

Faults are those of tests/lab/randomfaults.py, one after the other, each judged as there: a single sender at a
time, no connection broken. In the end, after quiet, both nodes' tables are compared byte for byte, and no
process may have grown: what each needed at most in the last third of the time against the first third.
Ends with 1 when anything of that is not so.
"""
import argparse
import os
import statistics
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lab"))
import newflows  # noqa: E402
from cluster import Cluster  # noqa: E402
from flowtable import wait_same  # noqa: E402
from lab import CLIENT4, SERVER4  # noqa: E402
from randomfaults import RandomFaults  # noqa: E402

SAMPLE_S = 1
GROWTH = 1.05  # and GROWTH_KB: pages of a buffer that are touched for the first time late in a short run
COUNTERS = ("events flows_sent flows_inserted flows_updated flows_deleted insert_failed updates_missed conflicts "
            "event_overruns buffer_full retransmits bulks_sent bulks_received refused").split()


def rss_kb(pid):
    try:
        with open(f"/proc/{pid}/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
    except (OSError, StopIteration):
        return None  # it has just ended


class Memory(threading.Thread):
    """What every process of both nodes has resident, again and again: (when, node, name, KB)."""

    def __init__(self, lab):
        super().__init__(daemon=True)
        self.lab, self.samples, self.ended = lab, [], threading.Event()

    def run(self):
        while not self.ended.wait(SAMPLE_S):
            now = time.monotonic()
            for node in self.lab.nodes:
                daemon = node.daemon
                if daemon is None or daemon.poll() is not None:
                    continue
                family = node.children(daemon.pid) | {daemon.pid: "twinwalld"}
                for pid, name in family.items():
                    kb = rss_kb(pid)
                    if kb and name.startswith("tw"):
                        self.samples.append((now, node.name, name, kb))

    def stop(self):
        self.ended.set()
        self.join()

    def thirds(self):
        """{(node, name): most KB in the first third, most in the last}."""
        first, last = self.samples[0][0], self.samples[-1][0]
        third = (last - first) / 3
        found = {}
        for at, node, name, kb in self.samples:
            part = found.setdefault((node, name), [0, 0])
            if at <= first + third:
                part[0] = max(part[0], kb)
            elif at >= last - third:
                part[1] = max(part[1], kb)
        return found


class Soak:
    """One run; `wrong` has a line for everything that must not be."""

    def __init__(self, lab, seed, rate, connections=200, growth_kb=1024, say=print):
        self.lab, self.seed, self.rate, self.growth_kb, self.say = lab, seed, rate, growth_kb, say
        self.connections, self.wrong, self.outcomes, self.counted = connections, [], [], {}

    def count(self, seen):
        """Adds what the counters of both nodes say since they were asked last: a process that is started
        again begins at nothing."""
        for node in self.lab.nodes:
            stat = node.json("stat")
            for name in COUNTERS if stat else ():
                value = stat["sync"].get(name, 0)
                before = seen.get((node.name, name), 0)
                self.counted[name] = self.counted.get(name, 0) + (value - before if value >= before else value)
                seen[node.name, name] = value

    def run(self, seconds):
        memory, seen = Memory(self.lab), {}
        faults = RandomFaults(self.lab, self.seed, self.connections)
        flood = newflows.begin(self.lab, CLIENT4, SERVER4, self.rate)
        memory.start()
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                o = faults.step()
                self.outcomes.append(o)
                if not o.safe or o.broken or (o.lossless and o.lost):
                    self.wrong.append(str(o))
                self.count(seen)
                self.say(f"{len(self.outcomes):4} {o.fault:36} {o.outage_ms:7.1f} ms {o.lost:5} lost "
                         f"{self.lab.active.json('stat')['connections']:7} connections"
                         f"{'  NOT ' + str(o) if str(o) in self.wrong else ''}")
        finally:
            memory.stop()
            newflows.end(self.lab, flood)
        self.judge_memory(memory)
        try:
            self.flows = wait_same(self.lab, 60)
        except AssertionError as e:
            self.flows = None
            self.wrong.append(str(e))
        return not self.wrong

    def judge_memory(self, memory):
        self.memory = memory.thirds()
        for (node, name), (first, last) in self.memory.items():
            if first and last > first * GROWTH + self.growth_kb:
                self.wrong.append(f"{name} of node {node} grew from {first} to {last} KB")

    def report(self):
        """Markdown."""
        rows = {}
        for o in self.outcomes:
            rows.setdefault(o.fault, []).append(o)
        yield "| fault | times | outage ms, median / worst | packets lost, worst |\n| --- | ---: | ---: | ---: |"
        for name, same in sorted(rows.items()):
            ms = [o.outage_ms for o in same]
            yield (f"| {name} | {len(same)} | {statistics.median(ms):.1f} / {max(ms):.1f} | "
                   f"{max(o.lost for o in same)} |")
        yield "\n| process | KB at most, first third | last third |\n| --- | ---: | ---: |"
        for (node, name), (first, last) in sorted(self.memory.items()):
            yield f"| {name} of {node} | {first} | {last} |"
        yield "\n" + ", ".join(f"{name} {value}" for name, value in self.counted.items())
        yield (f"\n{len(self.outcomes)} faults, {self.rate} new connections a second, seed {self.seed}; in the end "
               f"{'the tables differ' if self.flows is None else f'{self.flows} flows, the same on both nodes'}")
        yield from (f"NOT: {w}" for w in self.wrong)


def main():
    from systems import machine
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--minutes", type=float, default=30)
    ap.add_argument("--rate", type=int, default=5000, help="new connections a second")
    ap.add_argument("--seed", type=int, default=1)
    args = ap.parse_args()
    print(", ".join(f"{k} {v}" for k, v in machine()), flush=True)
    lab = Cluster(ipv6=False)
    try:
        soak = Soak(lab.up(), args.seed, args.rate, say=lambda text: print(text, flush=True))
        good = soak.run(args.minutes * 60)
        print("\n".join(soak.report()))
    finally:
        lab.close()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
