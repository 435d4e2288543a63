# SPDX-License-Identifier: GPL-2.0-or-later
"""How often a pair changes roles although nothing is wrong, while every core is busy.

    false_takeovers.py [--minutes N] [--systems KEY,…]

Every core gets a busy loop at normal priority, the pair carries traffic, nothing is broken. Each system
runs for N minutes; takeovers, packets lost and the longest outage are printed as a Markdown table.
"""
import argparse
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from systems import all_systems, machine  # noqa: E402
from netns import die_with_us  # noqa: E402


def measure(system, seconds):
    lab = system.make()
    busy = []
    try:
        traffic = lab.traffic(100, interval_us=1000).start()
        before = system.takeovers(lab)
        busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"], preexec_fn=die_with_us)
                for _ in range(os.cpu_count())]
        time.sleep(seconds)
        traffic.settle()
        figures = traffic.mark("busy")
        return system.takeovers(lab) - before, figures
    finally:
        for p in busy:
            p.kill()
            p.wait()
        lab.close()


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--minutes", type=float, default=60)
    ap.add_argument("--systems", help="by comma: " + ", ".join(s.key for s in all_systems()))
    args = ap.parse_args()
    systems = [s for s in all_systems() if not args.systems or s.key in args.systems.split(",")]
    print(", ".join(f"{k} {v}" for k, v in machine()))
    print(f"\n| {args.minutes:g} min with {os.cpu_count()} busy cores | false takeovers | packets lost | "
          "longest outage ms | connections broken |\n| --- | ---: | ---: | ---: | ---: |", flush=True)
    for system in systems:
        count, f = measure(system, args.minutes * 60)
        print(f"| {system.title} | {count} | {f.lost} | {f.outage_ms:.1f} | {f.dead + f.stalled} |", flush=True)


if __name__ == "__main__":
    main()
