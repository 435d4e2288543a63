# SPDX-License-Identifier: GPL-2.0-or-later
"""New connections a second by number of rules: the compiled ruleset beside one line for each rule, in one run.

    rules.py [--rounds N] [--sizes N,…] [--seconds S] [--quick] [--write FILE]

One namespace for each ruleset and size, all loaded before; they take turns in each round. A frame is the first
packet of a connection that one of the rules allows; the rules take turns. A node's ruleset is whole (anti-spoofing,
both NAT hooks, forwarding by marks), the other one is nothing but the rules. --quick: to see that it works.
"""
import argparse
import datetime
import os
import statistics
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from rulesets import Rules  # noqa: E402
from systems import machine  # noqa: E402
from lab import program, run  # noqa: E402
from router import Router, frame  # noqa: E402
from test_rules import golden  # noqa: E402

FRAMES = 4000     # different ones
AT_MOST = 100000  # connections in one go: they stay in the table until it ends
KINDS = {"ours": "compiled", "naive": "one line each"}


def newconns():
    return os.path.join(os.path.dirname(os.path.dirname(program("tw-netnode"))), "bench", "tw-newconns")


class Subject:
    """A namespace with one ruleset."""

    def __init__(self, kind, size):
        self.kind, self.size, self.rates = kind, size, []
        self.router = Router()
        try:
            self.load(Rules(size))
        except Exception:
            self.router.close()
            raise

    def load(self, rules):
        ns = self.router.ns
        ns.sysctl("net.netfilter.nf_conntrack_checksum=0")
        for i in range(1, 4):  # wider networks than Router's, and nobody has to be asked for a MAC
            ns.ip(f"addr add 10.{i}.0.2/16 dev tw-{['lan', 'wan', 'dmz'][i - 1]}",
                  f"addr del 10.{i}.0.1/24 dev tw-{['lan', 'wan', 'dmz'][i - 1]}",
                  f"link set tw-{['lan', 'wan', 'dmz'][i - 1]} arp off")
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as f:
            f.write(rules.statements())
            f.flush()
            began = time.monotonic()
            text = run(golden("rules-compile"), f.name, "master", timeout=60)
            if self.kind == "naive":
                text = rules.one_line_each()
            self.compiled_s = time.monotonic() - began
        began = time.monotonic()
        if self.kind == "ours":  # as a commit does it
            ns.exec(golden("rules-load"), stdin=text, timeout=120)
        else:
            ns.exec("nft", "-f", "-", stdin=text, timeout=120)
        self.loaded_s = time.monotonic() - began
        packets = [rules.packets[i % len(rules.packets)] for i in range(max(FRAMES, len(rules.packets)))]
        rules.r.shuffle(packets)
        self.frames = "".join(f"w-{p[0]} {frame(self.router.mac[p[0]], p).hex()}\n" for p in packets[:FRAMES])

    def round(self, seconds):
        ns = self.router.ns
        out = ns.exec(newconns(), str(seconds), str(AT_MOST), stdin=self.frames, timeout=60)
        sent, ns_taken = map(int, out.split())
        known = int(ns.exec("conntrack", "-C"))
        assert known > sent * 0.9, f"{self.kind} {self.size}: {sent} sent, but {known} connections"
        ns.exec("conntrack", "-F", check=False)
        self.rates.append(sent / ns_taken * 1e9)


def rate(subject):
    return statistics.median(subject.rates)


def document(subjects, sizes, rounds):
    by = {(s.kind, s.size): s for s in subjects}
    facts = "\n".join(f"| {name} | {value} |" for name, value in machine())
    rows = [f"| {size:,} | " + " | ".join(f"{rate(by[k, size]):,.0f}" for k in KINDS) + " | "
            + f"{rate(by['ours', size]) / rate(by['ours', sizes[0]]) * 100:.0f} % | "
            + f"{by['ours', size].compiled_s:.2f} s | {by['ours', size].loaded_s:.2f} s |" for size in sizes]
    return f"""# Benchmark: rules

Written by `make bench` on {datetime.date.today().isoformat()}; do not edit. Medians of {rounds} rounds.

| | |
| --- | --- |
{facts}

New connections a second through a namespace on one core, by frames that each begin one. Rules like people have: hosts,
networks, ranges, groups, services, a tenth open to all, some for any interface; each is hit as often as any other.
The compiled ruleset is a node's whole one (anti-spoofing, marks, both NAT hooks), loaded in the five steps of a commit;
the other is nothing but a line for each rule. Logging is off.

| rules | {" | ".join(KINDS.values())} | of that with {sizes[0]:,} | check and compile | load |
| ---: | ---: | ---: | ---: | ---: | ---: |
{chr(10).join(rows)}
"""


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--rounds", type=int, default=9)
    ap.add_argument("--sizes", default="10,1000,10000")
    ap.add_argument("--seconds", type=float, default=2, help="of each measurement, at most")
    ap.add_argument("--quick", action="store_true", help="few rules, short: does it work at all?")
    ap.add_argument("--write", help="write the tables to this file as well")
    args = ap.parse_args()
    if args.quick:
        args.sizes, args.rounds, args.seconds = "10,100", 1, 0.1
    sizes = [int(n) for n in args.sizes.split(",")]
    subjects = []
    try:
        for size in sizes:
            subjects += [Subject(kind, size) for kind in KINDS]
        for i in range(args.rounds):
            for s in subjects:
                s.round(args.seconds)
            print(f"round {i + 1}: " + ", ".join(f"{s.kind} {s.size}: {s.rates[-1]:,.0f}/s" for s in subjects), flush=True)
    finally:
        for s in subjects:
            s.router.close()
    text = document(subjects, sizes, args.rounds)
    print("\n" + text)
    if args.write:
        with open(args.write, "w") as f:
            f.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
