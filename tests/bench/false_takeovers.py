# SPDX-License-Identifier: GPL-2.0-or-later
"""How often a pair changes roles although nothing is wrong, while every core is busy.

    false_takeovers.py [--minutes N] [--pairs N] [--systems KEY,…] [--loss PERCENT] [--nice N]

Every core gets a busy loop of the normal scheduling class, the pair carries traffic, nothing is broken.
With --loss so many of the heartbeats between the nodes on lan are lost in either direction; with --nice the
loops give way to other work on the machine, which is then part of the load. Each system runs for N minutes,
with --pairs so many of it side by side: six pairs for ten minutes are an hour of one pair. Takeovers, packets
lost and the longest outage of all pairs are printed as a Markdown table.
"""
import argparse
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from systems import all_systems, machine  # noqa: E402
from netns import die_with_us  # noqa: E402


def measure(system, args):
    """Takeovers, figures of the traffic and frames lost on purpose, of all pairs together."""
    labs, busy = [], []

    def begin():
        os.nice(args.nice)
        die_with_us()

    try:
        for _ in range(args.pairs):
            labs.append(system.make())
        traffics = [lab.traffic(20, interval_us=5000).start() for lab in labs]
        if args.loss:
            for lab in labs:
                lab.switches.lose("lan", args.loss)
        before = sum(system.takeovers(lab) for lab in labs)
        busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"], preexec_fn=begin)
                for _ in range(os.cpu_count())]
        time.sleep(args.minutes * 60)
        for traffic in traffics:
            traffic.settle()
        figures = [traffic.mark("busy") for traffic in traffics]
        lost = sum(lab.switches.lost("lan") for lab in labs) if args.loss else 0
        return sum(system.takeovers(lab) for lab in labs) - before, figures, lost
    finally:
        for p in busy:
            p.kill()
            p.wait()
        for lab in labs:
            lab.close()


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--minutes", type=float, default=60)
    ap.add_argument("--pairs", type=int, default=1)
    ap.add_argument("--systems", help="by comma: " + ", ".join(s.key for s in all_systems()))
    ap.add_argument("--loss", type=int, default=0, metavar="PERCENT")
    ap.add_argument("--nice", type=int, default=0)
    args = ap.parse_args()
    unknown = set((args.systems or "").split(",")) - {s.key for s in all_systems()} - {""}
    if unknown:
        ap.error(f"no such system: {', '.join(sorted(unknown))}")
    systems = [s for s in all_systems() if not args.systems or s.key in args.systems.split(",")]
    print(", ".join(f"{k} {v}" for k, v in machine()))
    print(f"\n{args.pairs} pairs for {args.minutes:g} min with {os.cpu_count()} busy loops (nice {args.nice}), "
          f"{args.loss} % of the heartbeats on lan lost\n\n| | false takeovers | packets lost | longest outage ms | "
          "connections broken | heartbeats lost |\n| --- | ---: | ---: | ---: | ---: | ---: |", flush=True)
    for system in systems:
        count, figures, lost = measure(system, args)
        print(f"| {system.title} | {count} | {sum(f.lost for f in figures)} | "
              f"{max(f.outage_ms for f in figures):.1f} | {sum(f.dead + f.stalled for f in figures)} | {lost} |",
              flush=True)


if __name__ == "__main__":
    main()
