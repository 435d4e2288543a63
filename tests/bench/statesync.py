# SPDX-License-Identifier: GPL-2.0-or-later
"""State sync beside conntrackd: what it costs, how fast it is, where it ends; in one run on one machine.

    statesync.py [--rounds N] [--systems KEY,…] [--parts paced,join,ramp] [--many N] [--quick] [--write FILE]

Two namespaces with a sync link; flows come from tw-flowgen, by packets through the ruleset or (a
large table) as entries. All systems take turns in each round. --quick: few flows, to see that it works.
"""
import argparse
import contextlib
import datetime
import json
import os
import statistics
import sys
import time
from dataclasses import dataclass

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from syncpairs import Conntrackd, Flowgen, Nothing, Twinwall, all_pairs, cpu_ns, rss_kb  # noqa: E402
from systems import machine  # noqa: E402
from lab import ROOT, LabError  # noqa: E402
from netns import wait_until  # noqa: E402

RAW = os.path.join(ROOT, "build", "bench", "statesync.json")
NETFILTER = "/proc/sys/net/netfilter/"
JOIN_MAX_S = 30
JOIN_ROUNDS = 3  # of conntrackd, which takes long
SAMPLES = 100    # flows whose packets are tried at a takeover
IN_TIME_S = 0.1  # so long after the last flow was made the standby must have it
FLOWS_MAX = 8 << 20
LAG_FROM = 7 << 20  # numbers of flows that no other maker uses
ENDLESS = 1 << 20   # more flows than are ever made while a node joins


@dataclass
class Sizes:
    rate: int         # flows a second where cost and delay are measured
    paced: int        # flows of each kind there
    many: int         # flows of the large table
    beside: int       # new flows a second while a node joins
    ramp: list        # flows a second
    ramp_s: float     # each step of it
    buckets: int      # of the machine's hash table, where there are many flows; with few, walks take long
    idle_s: float = 0.5


FULL = Sizes(20000, 40000, 1000000, 5000, [25000, 50000, 75000, 100000, 125000, 150000, 175000, 200000, 250000], 1.0, 1 << 20)
QUICK = Sizes(2000, 400, 3000, 500, [1000, 2000], 0.2, 0, 0.1)

# What is measured: name, text, unit, what it should be at most ("≥": at least).
ROWS = [
    ("A new flow by one packet (UDP, translated): one event", [
        ("udp_a", "sender's process", "µs", "2.5"),
        ("udp_b", "receiver's process", "µs", "2.5"),
        ("insert", "of which the kernel's insert, measured alone", "µs", ""),
        ("udp_path", "added to the packet's path", "µs", ""),
        ("udp_bytes", "bytes on the link, all headers", "", ""),
        ("udp_back", "bytes on the way back", "", ""),
        ("udp_p50", "delay until the standby has it, p50", "ms", "2"),
        ("udp_p99", "p99", "ms", "10"),
        ("udp_max", "longest", "ms", "")]),
    ("A TCP connection by packets, translated: three events", [
        ("tcp_a", "sender's process", "µs", ""),
        ("tcp_b", "receiver's process", "µs", ""),
        ("tcp_path", "added to the packets' path", "µs", ""),
        ("tcp_bytes", "bytes on the link, all headers", "", "48"),
        ("tcp_back", "bytes on the way back", "", ""),
        ("tcp_p50", "delay until the standby has it, p50", "ms", "2"),
        ("tcp_p99", "p99", "ms", "10"),
        ("tcp_max", "longest", "ms", "")]),
    ("The end of a flow", [
        ("delete_a", "sender's process", "µs", ""),
        ("delete_b", "receiver's process", "µs", ""),
        ("delete_bytes", "bytes on the link, all headers", "", "")]),
    ("A large table", [
        ("join_s", "a node joins: all flows are there", "s", "6"),
        ("join_missing", "flows missing or different then", "", "0"),
        ("join_lag", "longest delay of a new flow meanwhile", "ms", "100"),
        ("rss_a", "resident memory, sender", "MB", "32"),
        ("rss_b", "resident memory, receiver", "MB", "32"),
        ("barrier", "planned switch: until the standby has everything", "ms", ""),
        ("takeover_many", "takeover: until packets of all sampled flows pass", "ms", ""),
        ("takeover_none", "the same with a table of those alone", "ms", "")]),
    ("New flows a second", [
        ("ramp", "sustained without loss", "/s", "≥ 150,000"),
        ("heal", "with the next step: all is told again after", "s", ""),
        ("heal_missing", "missing then", "", "")]),
]


class Results:
    def __init__(self):
        self.values, self.notes, self.failures = {}, {}, []

    def put(self, pair, name, value):
        self.values.setdefault(pair.key, {}).setdefault(name, []).append(value)
        print(f"  {pair.key:10} {name:14} {value:12,.3f}", flush=True)

    def note(self, pair, about, text):
        """What a figure alone does not say; of several rounds the last is kept."""
        self.notes.setdefault(pair.key, {})[about] = text
        print(f"  {pair.key:10} {text}", flush=True)

    def median(self, key, name):
        found = self.values.get(key, {}).get(name)
        return statistics.median(found) if found else None


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def compare(pair, first=0):
    """Delay of each flow from number `first` on in ms; how many are missing on the standby or not alike."""
    there = pair.dump(pair.b)
    here = {k: begun for k, begun in pair.dump(pair.a).items() if k & 0xffffffff >= first}
    delays = [(there[k] - begun) / 1e6 for k, begun in here.items() if k in there]
    return delays, len(here) - len(delays)


def cost(pair, kind, first, n, rate, expected, results):
    """Makes or ends n flows at that rate; what that cost the two processes and the link."""
    pids = pair.pids()

    def look():
        return [time.monotonic(), *[cpu_ns(p) for p in pids], *pair.link_bytes()]

    rest = look()
    time.sleep(SIZES.idle_s)
    before = look()
    gen = Flowgen(pair.a, kind, first, n, rate)
    made = gen.answer()
    if made["failed"]:
        raise LabError(f"{kind}: {made}")
    missing = 0 if pair.wait_held(expected, 5) else expected - pair.held()
    after = look()
    gen.finish()
    results.put(pair, f"{kind}_maker", made["cpu_us"] / n)
    if not pids:
        return
    share = (after[0] - before[0]) / (before[0] - rest[0])
    used = [y - x - (x - w) * share for w, x, y in zip(rest, before, after)]
    results.put(pair, f"{kind}_a", used[1] / n / 1000)
    results.put(pair, f"{kind}_b", used[2] / n / 1000)
    results.put(pair, f"{kind}_bytes", used[3] / n)
    results.put(pair, f"{kind}_back", used[4] / n)
    if missing:
        results.note(pair, f"{kind} late", f"{kind} at {rate:,}/s: {missing} of {n} missing after 5 s")


def paced(make, results):
    """At a steady rate: processor time, bytes, delay."""
    pair = make()
    n, rate = SIZES.paced, SIZES.rate
    try:
        if isinstance(pair, Nothing):
            alone = pair.make("inject", 0, n, 0, node=pair.b)
            results.put(pair, "insert", alone["cpu_us"] / n)
            pair.wait_held = lambda *_: True
        pair.start()
        for i, kind in enumerate(("udp", "tcp")):
            cost(pair, kind, i * n, n, rate, (i + 1) * n, results)
            if pair.pids() and pair.in_kernel:
                delays, missing = compare(pair, i * n)
                for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1)):
                    results.put(pair, f"{kind}_{name}", percentile(delays, share))
                if missing:
                    results.note(pair, f"{kind} missing", f"{kind}: {missing} missing or different")
        cost(pair, "delete", n, n, rate, n, results)
    finally:
        pair.close()


def takeover(pair, name, n, results):
    """The active is cut off; until sampled flows pass the standby."""
    pair.a.ip("link set sync down")
    gen = Flowgen(pair.b, "pass", 0, n // SAMPLES, SAMPLES)
    pair.take_over()
    gen.go()
    found = gen.answer()
    gen.finish()
    if found["passed"] < SAMPLES:
        results.note(pair, name, f"takeover: {found['passed']} of {SAMPLES} flows pass")
    results.put(pair, name, found["last_ms"])


def joining(pair, results):
    """A node joins while flows come; how long, what is missing, how late new flows are meanwhile."""
    fresh = Flowgen(pair.a, "inject", SIZES.many, ENDLESS, SIZES.beside)
    begun = time.monotonic()
    pair.start_standby()
    probe = None
    if pair.in_kernel:
        pair.wait_joining()
        probe = Flowgen(pair.a, "lag", f"/run/netns/{pair.b.name}", LAG_FROM, 100000, 20)
    if pair.wait_joined(SIZES.beside, JOIN_MAX_S):
        results.put(pair, "join_s", time.monotonic() - begun)
    else:
        results.note(pair, "joining", f"a joining node has not got all flows in {JOIN_MAX_S} s")
    fresh.stop()
    if probe:
        lags = probe.stop()
        if lags:
            results.put(pair, "join_lag", max(lags) / 1000 if min(lags) >= 0 else 10000)
    all_there = pair.wait_held(pair.flows_of(pair.a), 5)
    if pair.in_kernel:
        results.put(pair, "join_missing", compare(pair)[1])
    else:
        results.put(pair, "join_missing", 0 if all_there else pair.flows_of(pair.a) - pair.held())


def join(make, results):
    """A large table: joining, memory, takeover; and a takeover with nearly none."""
    pair = make(flows=SIZES.many)
    try:
        pair.make("inject", 0, SIZES.many, 0)
        pair.start_active()
        joining(pair, results)
        for name, pid in zip(("rss_a", "rss_b"), pair.pids()):
            results.put(pair, name, rss_kb(pid) / 1024)
        if isinstance(pair, Twinwall):
            results.put(pair, "barrier", pair.a.barrier(1) * 1000)
        takeover(pair, "takeover_many", SIZES.many, results)
    finally:
        pair.close()
    pair = make()
    try:
        pair.make("inject", 0, SAMPLES, 0)
        pair.start()
        takeover(pair, "takeover_none", SAMPLES, results)
    finally:
        pair.close()


def step_up(pair, first, rate):
    """One step: (made a second, all there in time, what each side used of a core)."""
    pids = pair.pids()
    before, t0 = [cpu_ns(p) for p in pids], time.monotonic()
    gen = Flowgen(pair.a, "udp", first, int(rate * SIZES.ramp_s), rate)
    made = gen.answer()
    used = [(cpu_ns(p) - x) / 1e7 / (time.monotonic() - t0) for p, x in zip(pids, before)]
    gen.finish()
    in_time = pair.wait_held(pair.flows_of(pair.a), max(0, made["end"] + IN_TIME_S - time.monotonic()))
    used.append(made["cpu_us"] / 1e4 / made["seconds"])
    return made["flows"] / made["seconds"], in_time, used


def ramp(make, results):
    """Faster and faster, until something is lost or late; then whether it heals."""
    pair = make(flows=1 << 20)
    best = first = 0
    try:
        pair.start()
        for rate in SIZES.ramp:
            made, in_time, used = step_up(pair, first, rate)
            first += int(rate * SIZES.ramp_s)
            trouble = {k: v for k, v in pair.trouble().items() if v}
            cores = f"sender {used[0]:.0f} %, receiver {used[1]:.0f} %, maker {used[2]:.0f} % of a core"
            if in_time and not trouble and made > 0.97 * rate:
                best = made
                at_best = cores
                continue
            begun, n = time.monotonic(), pair.flows_of(pair.a)
            healed = pair.wait_held(n, 20 if isinstance(pair, Twinwall) else 3)
            results.put(pair, "heal", time.monotonic() - begun)
            results.put(pair, "heal_missing", 0 if healed else n - pair.held())
            what = ", ".join(f"{k} {v:,}" for k, v in pair.trouble().items() if v) or \
                ("late" if not in_time else "the maker was too slow")
            results.note(pair, "beyond", f"{rate:,}/s: {made:,.0f} made; {cores}; {what}")
            break
        results.put(pair, "ramp", best)
        if best:
            results.note(pair, "sustained", f"{best:,.0f}/s sustained: {at_best}")
    finally:
        pair.close()


PARTS = {"paced": paced, "join": join, "ramp": ramp}


@contextlib.contextmanager
def at_least(name, value):
    """A limit of the whole machine's, while this lasts: room for the flows of all namespaces."""
    old = None
    try:
        try:
            with open(NETFILTER + name, "r+") as f:
                old = f.read()
                if int(old) < value:
                    f.seek(0)
                    f.write(str(value))
        except OSError as e:
            print(f"{name}: {e}", file=sys.stderr)
        yield
    finally:
        if old:
            with open(NETFILTER + name, "w") as f:
                f.write(old)


def number(x):
    if x is None:
        return "–"
    return f"{x:,.0f}" if x == int(x) or x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}"


def document(systems, results, rounds):
    facts = "\n".join(f"| {name} | {value} |" for name, value in machine() if name != "keepalived")
    tables = []
    for title, rows in ROWS:
        lines = [f"| {title} | target | " + " | ".join(s.title for s in systems) + " |",
                 "| --- | ---: |" + " ---: |" * len(systems)]
        for name, text, unit, target in rows:
            cells = []
            for s in systems:
                if name.endswith("_path"):
                    kind = name.removesuffix("_path")
                    with_it, alone = (results.median(k, f"{kind}_maker") for k in (s.key, "none"))
                    value = max(0, with_it - alone) if with_it and alone else None
                else:
                    value = results.median("none" if name == "insert" else s.key, name)
                cells.append(number(value))
            target = f"{target if target.startswith('≥') else '≤ ' + target}" if target else ""
            lines.append(f"| {text}{', ' + unit if unit else ''} | {target} | " + " | ".join(cells) + " |")
        tables.append("\n".join(lines))
    notes = "\n".join(f"* {s.title}: {text}" for s in systems for text in results.notes.get(s.key, {}).values())
    tables = "\n\n".join(tables)
    return f"""# State sync beside conntrackd

Written by `make bench` on {datetime.date.today().isoformat()}; do not edit. Medians of {rounds} rounds, conntrackd's large
table of {min(rounds, JOIN_ROUNDS)}.

| | |
| --- | --- |
{facts}

Two network namespaces on one machine, a veth pair between them as sync link, the same ruleset on both; all
processes and the maker of the flows share the machine's cores. Every flow has its source translated; 4096
clients, 256 servers at a time, each in a network of its own. Costs and delays: {SIZES.paced:,} flows at {SIZES.rate:,} a second. The large table
has {SIZES.many:,} flows, and {SIZES.beside:,} new ones come each second while a node joins.

A process's time is what the scheduler gave it, user space and kernel, less what it takes when nothing
happens. The kernel delivers a frame to the other namespace within the sender's system call, so that work
counts as the sender's; no softirq time is missing. The kernel knows only whether anybody in any namespace
listens to events: on the standby, where nobody does, Twinwall's are therefore turned off, as if it were a
machine of its own; conntrackd listens on both. Delays are the difference of the kernel's own time
stamps of both entries. A step of the ramp lasts {SIZES.ramp_s:g} s and counts when nothing is lost and the standby has
all within {IN_TIME_S * 1000:.0f} ms.

conntrackd as its documentation has it: FT-FW over UDP on the sync link, kernel-side filter, its own real-time
scheduling, `NetlinkEventsReliable Off`, and generously: netlink buffers of 32 MB that may grow to 128 MB,
socket buffers of 24 MB, a hash table for all flows. With the external cache flows are not in the kernel
before the takeover, which is its example script's `-c -f -R -B`. After a netlink overrun it begins anew
after 30 seconds; what is missing is counted 3 seconds after.

{tables}

{notes}
"""


def run_all(systems, parts, rounds):
    results = Results()
    for i in range(rounds):
        for name in parts:
            for make in ([Nothing] if name == "paced" else []) + systems:
                if name == "join" and i >= JOIN_ROUNDS and issubclass(make, Conntrackd):
                    continue
                print(f"round {i + 1} of {rounds}: {name}: {make.title}", flush=True)
                try:
                    with at_least("nf_conntrack_buckets", 0 if name == "paced" else SIZES.buckets):
                        PARTS[name](make, results)
                except (AssertionError, LabError) as e:
                    results.note(make, f"{name} failed", f"{name}: {e}")
                    if not issubclass(make, Conntrackd):
                        results.failures.append(f"{name}: {make.key}: {e}")
        os.makedirs(os.path.dirname(RAW), exist_ok=True)
        with open(RAW, "w") as f:
            json.dump({"values": results.values, "notes": results.notes, "failures": results.failures}, f, indent=1)
    return results


SIZES = FULL


def main():
    global SIZES
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--rounds", type=int, default=5)
    ap.add_argument("--systems", help="by comma: " + ", ".join(p.key for p in all_pairs()))
    ap.add_argument("--parts", default=",".join(PARTS), help="by comma: " + ", ".join(PARTS))
    ap.add_argument("--many", type=int, help="flows of the large table")
    ap.add_argument("--quick", action="store_true", help="few flows: does it work at all?")
    ap.add_argument("--write", help="write the tables to this file as well")
    args = ap.parse_args()
    if args.quick:
        SIZES, args.rounds = QUICK, 1
    SIZES.many = args.many or SIZES.many
    systems = [p for p in all_pairs() if not args.systems or p.key in args.systems.split(",")]
    with at_least("nf_conntrack_max", FLOWS_MAX):
        results = run_all(systems, args.parts.split(","), args.rounds)
    text = document(systems, results, args.rounds)
    print("\n" + text)
    if args.write and not results.failures:
        with open(args.write, "w") as f:
            f.write(text)
    return 1 if results.failures else 0


if __name__ == "__main__":
    sys.exit(main())
