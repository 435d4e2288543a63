# SPDX-License-Identifier: GPL-2.0-or-later
"""Faults drawn by a seed, one after the other, on one running pair.

What must hold after each is judged here by states and captured frames only; how long an outage may be is
the business of whoever runs them (tests/bench/random_faults.py, test_randomfaults.py).

Each fault says what it may do to the roles: TAKEOVER the other node becomes active, STAYS nothing moves,
EITHER both are in order (an engine that is started again in time keeps its role).
"""
import random
import signal
import time
from dataclasses import dataclass

from cluster import moves_since
from lab import wait_until

TAKEOVER, STAYS, EITHER = "takeover", "stays", "either"


def one_engine(lab):
    wait_until(lambda: len([n for n in lab.nodes if n.active]) == 1, 20, "one is active")


def hang(node, seconds, comm="tw-engine"):
    node.kill(comm, signal.SIGSTOP)
    time.sleep(seconds)
    node.kill(comm, signal.SIGCONT)


def restarted(node, comm):
    pid = node.kill(comm)
    wait_until(lambda: node.pids(comm) not in ([], [pid]), 10, f"{comm} is started again")


def lossy(lab, segment, percent, seconds):
    lab.switches.lose(segment, percent)
    time.sleep(seconds)
    lab.switches.lose_nothing(segment)


def flap(node, segment, times):
    for _ in range(times):
        node.cut(segment)
        time.sleep(0.05)
        node.heal(segment)
        time.sleep(0.05)


def command(node, *args):
    status, out, err = node.cli(*args)
    assert status == 0, f"{node.name}: {' '.join(args)}: {out}{err}"


# name: (effect, lossless, function of lab, active, standby, rng)
FAULTS = {
    "power loss": (TAKEOVER, False, lambda lab, a, s, r: a.power_off()),
    "power loss of the standby": (STAYS, True, lambda lab, a, s, r: s.power_off()),
    "carrier lost on lan": (TAKEOVER, False, lambda lab, a, s, r: a.cut("lan")),
    "carrier lost on wan": (TAKEOVER, False, lambda lab, a, s, r: a.cut("wan")),
    "standby loses carrier": (STAYS, True, lambda lab, a, s, r: s.cut(r.choice(["lan", "wan"]))),
    "standby's port goes deaf": (STAYS, True, lambda lab, a, s, r: s.cut_silent(r.choice(["lan", "wan"]))),
    "sync cable pulled": (STAYS, True, lambda lab, a, s, r: r.choice([a, s]).cut("sync")),
    "sync wire silent": (STAYS, True, lambda lab, a, s, r: s.cut_silent("sync")),
    "standby's cable flaps": (STAYS, True, lambda lab, a, s, r: flap(s, r.choice(["lan", "wan"]), 5)),
    "30 % of the heartbeats on lan lost": (STAYS, True, lambda lab, a, s, r: lossy(lab, "lan", 30, 2)),
    "engine killed": (EITHER, False, lambda lab, a, s, r: a.kill("tw-engine")),
    "standby's engine killed": (STAYS, True, lambda lab, a, s, r: restarted(s, "tw-engine")),
    "engine hangs": (TAKEOVER, False, lambda lab, a, s, r: hang(a, r.uniform(0.5, 10))),
    "standby's engine hangs": (STAYS, True, lambda lab, a, s, r: hang(s, r.uniform(0.1, 10))),
    "state sync killed": (STAYS, True, lambda lab, a, s, r: restarted(r.choice([a, s]), "tw-statesync")),
    "state sync hangs": (STAYS, True, lambda lab, a, s, r: hang(r.choice([a, s]), r.uniform(0.1, 5), "tw-statesync")),
    "20 % of the frames on sync lost": (STAYS, True, lambda lab, a, s, r: lossy(lab, "sync", 20, 2)),
    "config killed": (STAYS, True, lambda lab, a, s, r: restarted(r.choice([a, s]), "tw-config")),
    "supervisor killed": (TAKEOVER, False, lambda lab, a, s, r: a.kill("twinwalld")),
    "orderly stop": (TAKEOVER, True, lambda lab, a, s, r: a.stop()),
    "ha -deactivate": (TAKEOVER, True, lambda lab, a, s, r: command(a, "ha", "-deactivate")),
    "ha -activate": (TAKEOVER, True, lambda lab, a, s, r: command(s, "ha", "-activate")),
}


@dataclass
class Outcome:
    fault: str
    lossless: bool
    moved: bool
    outage_ms: float       # while it lasted, and while the pair was put in order again: the longest
    lost: int
    broken: int
    back_and_forth: dict   # segment → ports that spoke with the shared MAC, when more than one move
    wrong_arp: int

    @property
    def safe(self):
        return not self.back_and_forth and not self.wrong_arp


class RandomFaults:
    """A settled pair with traffic and a capture on its switch ports; step() breaks it once."""

    def __init__(self, lab, seed, connections=200, interval_us=500):
        self.lab, self.rng = lab, random.Random(seed)
        self.traffic = lab.traffic(connections, interval_us=interval_us).start()
        self.capture = lab.capture()
        wait_until(lambda: len(self.capture.stat()["moves"]) >= 2, 5, "the shared MAC is seen on both segments")

    def step(self):
        name = self.rng.choice(list(FAULTS))
        effect, lossless, fault = FAULTS[name]
        active, standby = self.lab.active, self.lab.standby
        before, start = self.capture.stat(), time.monotonic_ns()
        self.traffic.mark("before")
        fault(self.lab, active, standby, self.rng)
        if effect == TAKEOVER:
            self.lab.wait_takeover(standby, 20)
        elif effect == EITHER:
            one_engine(self.lab)
        assert self.traffic.settle(30), f"{name}: traffic does not come back: {self.traffic.stat()}"
        winner = self.lab.active  # not before: what a dead engine said last stands for a moment
        assert effect != STAYS or winner is active, f"{name}: the role moved"
        broke = self.traffic.mark(name)
        self.lab.restore()
        assert self.lab.active is winner, f"after {name}: the role moved when all was well again"
        assert self.traffic.settle(30), f"after {name}: {self.traffic.stat()}"
        healed = self.traffic.mark("healed")
        seen = self.capture.stat()
        assert seen["missed"] == 0 and seen["moves_lost"] == 0, "the capture itself lost frames"
        moves = moves_since(seen, start)
        wrong_arp = [sum(p["wrong_arp"] for p in c["ports"].values()) for c in (before, seen)]
        return Outcome(name, lossless, winner is not active, max(broke.outage_ms, healed.outage_ms),
                       broke.lost + healed.lost, healed.dead + healed.stalled + healed.corrupt,
                       {s: m for s, m in moves.items() if len(m) > (winner is not active)},
                       wrong_arp[1] - wrong_arp[0])
