# SPDX-License-Identifier: GPL-2.0-or-later
"""The systems under test behind one face: start a pair, break it, say who is active."""
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lab"))
from cluster import Cluster  # noqa: E402
from lab import Lab, run, wait_until  # noqa: E402
from reference import KeepalivedNode  # noqa: E402


class Twinwall:
    engine = "tw-engine"

    def __init__(self, key, title, profile):
        self.key, self.title, self.profile = key, title, profile

    def make(self):
        lab = Cluster(profile=self.profile, ipv6=False)
        try:
            return lab.up()
        except Exception:
            lab.close()
            raise

    def active(self, lab):
        return lab.active

    def wait_active(self, lab, node):
        lab.wait_takeover(node, 20)

    def switch(self, lab, node):
        status, out, err = node.cli("ha", "-deactivate")
        if status != 0:
            raise AssertionError(f"ha -deactivate: {out}{err}")

    def signal_engine(self, node, number):
        node.kill(self.engine, number)

    def engine_settled(self, lab):
        """One is active: the peer, or the same node with a new engine."""
        wait_until(lambda: sum(n.active for n in lab.nodes) == 1, 20, "one is active")

    def after_engine_fault(self, lab, node):
        if node.pids(self.engine):
            self.signal_engine(node, signal.SIGCONT)

    def restore(self, lab):
        lab.restore()

    def takeovers(self, lab):
        return sum(n.ha()["detection"]["takeovers"] for n in lab.nodes)


class Keepalived:
    def __init__(self, key, title, advert):
        self.key, self.title, self.advert = key, title, advert

    def make(self):
        lab = Lab(KeepalivedNode, advert=self.advert)
        try:
            lab.a.start()
            wait_until(lambda: lab.a.active, 20, "node a is active")
            lab.b.start()
            wait_until(lambda: lab.b.standby, 20, "node b stands by")
            return lab
        except Exception:
            lab.close()
            raise

    def active(self, lab):
        return wait_until(lambda: next((n for n in lab.nodes if n.active), None), 10, "one is active")

    def wait_active(self, lab, node):
        wait_until(lambda: node.active, 20, f"{node.name} takes over")

    def switch(self, lab, node):
        node.stop_keepalived()

    def signal_engine(self, node, number):
        node.kill_keepalived(number)

    def engine_settled(self, lab):
        wait_until(lambda: all(n.holds for n in lab.nodes), 20, "the peer takes over")

    def after_engine_fault(self, lab, node):
        """Nothing but a fresh start takes the addresses from a node whose keepalived was killed."""
        node.power_off()

    def restore(self, lab):
        for node in lab.nodes:
            if not node.powered:
                node.power_on()
                node.start()
            elif node.keepalived.poll() is not None:
                node.start_keepalived()
            node.heal()
        wait_until(lambda: sorted((n.active, n.standby) for n in lab.nodes) == [(False, True), (True, False)],
                   30, lambda: f"the pair settles: {[(n.name, n.role, n.holds) for n in lab.nodes]}")

    def takeovers(self, lab):
        count = 0
        for node in lab.nodes:
            with open(node.path("log"), encoding="utf-8", errors="replace") as f:
                count += sum("(lan) Entering MASTER STATE" in line for line in f)
        return count


def all_systems():
    return [Twinwall("tw", "Twinwall, default (10/50 ms)", None),
            Twinwall("tw-fast", "Twinwall, Profile=Fast (2/10 ms)", "Fast"),
            Keepalived("ka-1s", "keepalived 1 s + conntrackd", "1"),
            Keepalived("ka-10ms", "keepalived 10 ms + conntrackd", "0.01")]


def machine():
    """What the figures were taken on, as (name, value)."""
    def package(name):
        return run("dpkg-query", "-W", "-f=${Version}", name, check=False).strip() or "not installed"
    with open("/proc/cpuinfo") as f:
        model = next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")), "?")
    with open("/etc/os-release") as f:
        system = next((line.split("=", 1)[1].strip().strip('"') for line in f
                       if line.startswith("PRETTY_NAME")), "?")
    return [("Processor", f"{model}, {os.cpu_count()} cores"), ("Kernel", os.uname().release),
            ("System", system), ("keepalived", package("keepalived")), ("conntrackd", package("conntrackd")),
            ("Twinwall", run("git", "describe", "--always", "--dirty", check=False).strip() or "?")]
