# SPDX-License-Identifier: GPL-2.0-or-later
"""A lab whose nodes run twinwalld: what tests, demo and benchmark ask of a pair as a whole."""
import os
import re
import shutil
import subprocess

from lab import ROOT, Lab, wait_until
from node import Node

SHARED_MAC = re.compile(r"^02:c1:[0-9a-f:]{11}$")


class Cluster(Lab):
    """Keyword arguments go to statements() in node.py: profile, ha, ipv6, rules, more, …"""

    def __init__(self, extra=(), snooping=False, **conf):
        super().__init__(Node, extra=extra, snooping=snooping, **conf)

    def up(self):
        for node in self.nodes:
            node.start()
        return self.wait_settled()

    def roles(self):
        return {n: n.ha() for n in self.nodes if n.powered and n.daemon is not None}

    @property
    def active(self):
        found = [n for n, ha in self.roles().items() if ha.get("role") == "active"]
        assert len(found) == 1, f"active: {[n.name for n in found]}"
        return found[0]

    @property
    def standby(self):
        return self.other(self.active)

    def settled(self):
        roles = self.roles()
        return (len(roles) == 2 and sorted(h.get("role", "") for h in roles.values()) == ["active", "inactive"]
                and all(h["peer"]["state"] == "alive" and h["sync"]["state"] == "synced"
                        and h["sync"]["percent"] == 100 for h in roles.values()))

    def wait_settled(self, timeout=25):
        """One active, one inactive, they hear each other, state is in step."""
        def look():
            for n in self.nodes:
                n.check_running()
            return self.settled()
        wait_until(look, timeout, lambda: f"the pair settles: { {n.name: h for n, h in self.roles().items()} }",
                   step=0.05)
        return self

    def restore(self, timeout=25):
        """Power, cables and daemons as at the start; who is active stays as it is."""
        for node in self.nodes:
            if not node.powered:
                node.power_on()
            node.heal()
            if node.daemon is None or node.daemon.poll() is not None:
                node.start()
        self.wait_settled(timeout)
        for node in self.nodes:
            node.wait_for(lambda h: h["quality"] == 100, 15, "is wholly fit again")
        return self

    def wait_takeover(self, node, timeout=10):
        """`node` is active and says so."""
        return node.wait_for(lambda h: h["role"] == "active" and h["gate_open"], timeout, "takes over")

    def save_evidence(self, name):
        """Logs, status and kernel state of both nodes into build/lab-failures/NAME; the folder."""
        folder = os.path.join(ROOT, "build", "lab-failures", re.sub(r"[^\w.-]+", "_", name))
        shutil.rmtree(folder, ignore_errors=True)
        for node in self.nodes:
            os.makedirs(os.path.join(folder, node.name))
            try:
                found = node.evidence()
            except (OSError, subprocess.SubprocessError) as e:
                found = {"evidence-failed": str(e)}
            for file, text in found.items():
                with open(os.path.join(folder, node.name, file), "w") as f:
                    f.write(text)
        for part in self.parts:
            try:
                with open(os.path.join(folder, type(part).__name__.lower()), "a") as f:
                    f.write(f"{part.stat()}\n")
            except Exception as e:  # a probe that died is part of what went wrong
                with open(os.path.join(folder, "parts"), "a") as f:
                    f.write(f"{e}\n")
        return folder


def moves_since(capture, start_ns):
    """{segment: [port, …]} in order of the moves of the shared MAC since then, and the frames of each."""
    found = {}
    for move in capture["moves"]:
        if move["ns"] >= start_ns:
            found.setdefault(move["segment"], []).append(move["port"])
    return found
