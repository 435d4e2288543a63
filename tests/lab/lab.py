# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab: a client and a server, two nodes between them, three switches; all in namespaces.

                     ┌── node a ──┐
    client ── lan ───┤     │sync  ├─── wan ── server
                     └── node b ──┘

Used by the tests, the demo and the benchmark alike. A Lab is a context manager; leaving it removes
everything. Hardware is machine.py, traffic is traffic.py, how twinwalld is run is node.py.
"""
import os
import shutil
import tempfile

from machine import Host, Machine, Switches
from netns import LabError, Namespace, run, wait_until
from traffic import ROOT, Capture, Figures, Probe, Traffic, program

__all__ = ["Lab", "LabError", "Capture", "Figures", "Probe", "Traffic", "Machine", "Namespace", "ROOT",
           "program", "run", "wait_until"]

LAN, WAN, SYNC = "lan", "wan", "sync"
CLIENT4, SERVER4 = "10.1.0.10", "10.2.0.254"
CLIENT6, SERVER6 = "fd01::10", "fd02::fe"
SHARED4 = {LAN: "10.1.0.1", WAN: "10.2.0.1"}
SHARED6 = {LAN: "fd01::1", WAN: "fd02::1"}
PRIVATE4 = {"a": {LAN: "10.1.0.2", WAN: "10.2.0.2"}, "b": {LAN: "10.1.0.3", WAN: "10.2.0.3"}}
PRIVATE6 = {"a": {LAN: "fd01::2", WAN: "fd02::2"}, "b": {LAN: "fd01::3", WAN: "fd02::3"}}


class Lab:
    """Switches, client and server; the nodes are made by `machine`, a subclass of Machine.

    extra: further segments that both nodes are on (the first two bytes of their network are 10.<n>).
    """

    def __init__(self, machine, extra=(), snooping=False, keep=None, **options):
        self.dir = keep or tempfile.mkdtemp(prefix="twlab-")
        self.keep = keep is not None
        self.parts = []
        self.segments = [LAN, WAN, SYNC, *extra]
        self.data_segments = [LAN, WAN, *extra]
        try:
            self.switches = Switches(self.segments, snooping)
            self.client = Host(self, "client", 16, LAN, [f"{CLIENT4}/24", f"{CLIENT6}/64"],
                               [f"default via {SHARED4[LAN]}", f"default via {SHARED6[LAN]}"])
            self.server = Host(self, "server", 17, WAN, [f"{SERVER4}/24", f"{SERVER6}/64"],
                               [f"{SHARED6[LAN]}/64 via {SHARED6[WAN]}".replace("::1/64", "::/64")])
            self.a = machine(self, "a", 10, self.segments, disk=self._disk("a"), **options)
            self.b = machine(self, "b", 11, self.segments, disk=self._disk("b"), **options)
        except Exception:
            self.close()
            raise

    def _disk(self, name):
        path = os.path.join(self.dir, name)
        os.makedirs(path, exist_ok=True)
        return path

    @property
    def nodes(self):
        return (self.a, self.b)

    def other(self, node):
        return self.b if node is self.a else self.a

    def traffic(self, connections=300, ipv6=False, **kwargs):
        t = Traffic(self.client, self.server, SERVER6 if ipv6 else SERVER4, connections, **kwargs)
        self.parts.append(t)
        return t

    def capture(self, *segments):
        shared = [*SHARED4.values(), *SHARED6.values()]
        c = Capture(self, self.nodes, segments or self.data_segments, shared)
        self.parts.append(c)
        return c

    def close(self):
        for part in self.parts:
            part.stop()
        self.parts.clear()
        for name in ("a", "b", "client", "server", "switches"):
            thing = getattr(self, name, None)
            if thing is not None:
                thing.ns.remove()
        if not self.keep:
            shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
