# SPDX-License-Identifier: GPL-2.0-or-later
"""How often a pair changes roles although nothing is wrong, while every core is busy.

    false_takeovers.py [--minutes N] [--systems KEY,…] [--loss PERCENT] [--nice N]

Every core gets a busy loop of the normal scheduling class, the pair carries traffic, nothing is broken.
With --loss so many of the heartbeats between the nodes on lan are lost in either direction; with --nice the
loops give way to other work on the machine, which is then part of the load. Each system runs for N minutes;
takeovers, packets lost and the longest outage are printed as a Markdown table.
"""
import argparse
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from systems import all_systems, machine  # noqa: E402
from netns import die_with_us  # noqa: E402


def measure(system, seconds, loss, nice):
    lab = system.make()
    busy = []

    def begin():
        os.nice(nice)
        die_with_us()

    try:
        if loss:
            lab.switches.lose("lan", loss)
        traffic = lab.traffic(100, interval_us=1000).start()
        before = system.takeovers(lab)
        busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"], preexec_fn=begin)
                for _ in range(os.cpu_count())]
        time.sleep(seconds)
        traffic.settle()
        figures = traffic.mark("busy")
        lost = lab.switches.lost("lan") if loss else 0
        return system.takeovers(lab) - before, figures, lost
    finally:
        for p in busy:
            p.kill()
            p.wait()
        lab.close()


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--minutes", type=float, default=60)
    ap.add_argument("--systems", help="by comma: " + ", ".join(s.key for s in all_systems()))
    ap.add_argument("--loss", type=int, default=0, metavar="PERCENT")
    ap.add_argument("--nice", type=int, default=0)
    args = ap.parse_args()
    unknown = set((args.systems or "").split(",")) - {s.key for s in all_systems()} - {""}
    if unknown:
        ap.error(f"no such system: {', '.join(sorted(unknown))}")
    systems = [s for s in all_systems() if not args.systems or s.key in args.systems.split(",")]
    print(", ".join(f"{k} {v}" for k, v in machine()))
    print(f"\n{args.minutes:g} min with {os.cpu_count()} busy loops (nice {args.nice}), {args.loss} % of the "
          "heartbeats on lan lost\n\n| | false takeovers | packets lost | longest outage ms | connections "
          "broken | heartbeats lost |\n| --- | ---: | ---: | ---: | ---: | ---: |", flush=True)
    for system in systems:
        count, f, lost = measure(system, args.minutes * 60, args.loss, args.nice)
        print(f"| {system.title} | {count} | {f.lost} | {f.outage_ms:.1f} | {f.dead + f.stalled} | {lost} |",
              flush=True)


if __name__ == "__main__":
    main()
