# SPDX-License-Identifier: GPL-2.0-or-later
"""Traffic through the firewall and the frames on its switch ports, judged by tw-traffic."""
import json
import os
import select
import subprocess
import time
from dataclasses import dataclass

from netns import LabError, wait_until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def program(name):
    """A program of this build: TW_BUILD says which, build/ is the default."""
    build = os.path.abspath(os.environ.get("TW_BUILD", os.path.join(ROOT, "build")))
    for sub in ("tests/lab", "tests/bench", "src/daemon", "src/cli", "src", "."):
        path = os.path.join(build, sub, name)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    raise LabError(f"{name} is not built in {build}; run `make`")


class Probe:
    """One tw-traffic process: a line in, a line of JSON out."""

    def __init__(self, ns, *args):
        self.args = args
        self.p = ns.popen(program("tw-traffic"), *map(str, args), stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, bufsize=0)
        self._buf = b""
        self.answer(timeout=10)

    def ask(self, line):
        self.p.stdin.write(line.encode() + b"\n")

    def answer(self, timeout=10):
        end = time.monotonic() + timeout
        while b"\n" not in self._buf:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.p.stdout], [], [], left)[0]:
                raise LabError(f"tw-traffic {self.args}: no answer")
            more = os.read(self.p.stdout.fileno(), 65536)
            if not more:
                raise LabError(f"tw-traffic {self.args}: ended with {self.p.wait()}")
            self._buf += more
        line, self._buf = self._buf.split(b"\n", 1)
        return json.loads(line)

    def command(self, line):
        self.ask(line)
        return self.answer()

    def stop(self):
        if self.p.poll() is None:
            self.p.kill()
        self.p.wait()


@dataclass
class Figures:
    """One measured interval. Up is from client to server."""
    name: str
    seconds: float
    outage_ms: float      # longest time without a packet, either direction, in which one was lost
    gap_ms: float         # the same, lost or only late
    lost_up: int
    lost_down: int
    received_up: int
    received_down: int
    source_changes: int   # the server saw the stream come from another address: NAT was not kept
    alive: int
    dead: int
    stalled: int
    corrupt: int
    connecting: int
    tcp_latency_ms: float # worst time from sending to echo
    tcp_waiting_ms: float # the oldest echo that is owed right now
    error: str

    @property
    def lost(self):
        # Late packets of an earlier interval can make one of them negative.
        return max(0, self.lost_up) + max(0, self.lost_down)

    @property
    def intact(self):
        return self.dead == self.stalled == self.corrupt == self.connecting == 0


class Traffic:
    """TCP echo connections and a UDP stream each way from the client to the server."""
    PORT = 5001

    def __init__(self, client, server, address, connections=300, pace_ms=100, interval_us=200,
                 stall_ms=3000):
        self.connections, self.interval_us = connections, interval_us
        self.probes = []
        self.port = Traffic.PORT
        Traffic.PORT += 1
        self.started = time.monotonic()
        options = ["--count", connections or 1, "--pace", pace_ms, "--interval", interval_us,
                   "--stall", stall_ms]
        try:
            self.udp_server = self._probe(server, *options, "udp-server", address, self.port)
            self.udp_client = self._probe(client, *options, "udp-client", address, self.port)
            self.tcp_server = self.tcp_client = None
            if connections:
                self.tcp_server = self._probe(server, *options, "tcp-server", address, self.port)
                self.tcp_client = self._probe(client, *options, "tcp-client", address, self.port)
        except Exception:
            self.stop()
            raise

    def _probe(self, host, *args):
        probe = Probe(host.ns, *args)
        self.probes.append(probe)
        return probe

    def _figures(self, command):
        asked = [p for p in (self.udp_server, self.udp_client, self.tcp_client) if p]
        for p in asked:
            p.ask(command)
        up, down, *tcp = [p.answer() for p in asked]
        tcp = tcp[0] if tcp else dict.fromkeys(
            ("alive", "dead", "stalled", "corrupt", "connecting", "latency_ms", "waiting_ms"), 0) | {"error": ""}
        now = time.monotonic()
        # A direction that is silent right now has not been counted yet; below that it is waiting.
        silent = [f["open_ms"] for f in (up, down) if f["open_ms"] > 50 or f["open_ms"] < 0]
        silent = [s if s >= 0 else (now - self.started) * 1000 for s in silent]
        return Figures(
            name=up["name"], seconds=now - self.started,
            outage_ms=max(up["outage_ms"], down["outage_ms"], *silent, 0),
            gap_ms=max(up["gap_ms"], down["gap_ms"], *silent, 0),
            lost_up=up["lost"], lost_down=down["lost"],
            received_up=up["received"], received_down=down["received"],
            source_changes=up["source_changes"],
            alive=tcp["alive"], dead=tcp["dead"], stalled=tcp["stalled"], corrupt=tcp["corrupt"],
            connecting=tcp["connecting"], tcp_latency_ms=tcp["latency_ms"],
            tcp_waiting_ms=tcp["waiting_ms"], error=tcp["error"])

    def stat(self):
        """Figures since the last mark."""
        return self._figures("stat")

    def mark(self, name):
        """Ends the interval, returns its figures and begins the next."""
        f = self._figures(f"mark {name}")
        self.started = time.monotonic()
        return f

    def flowing(self):
        """Both directions have brought something within the last 50 ms."""
        self.udp_server.ask("stat")
        self.udp_client.ask("stat")
        return all(0 <= p.answer()["open_ms"] < 50 for p in (self.udp_server, self.udp_client))

    def settle(self, timeout=15):
        """Waits until packets flow both ways and no living connection waits for its echo any longer
        than usual. False when that does not come: what the figures call stalled stays so."""
        end = time.monotonic() + timeout
        good = 0
        while time.monotonic() < end:
            good = good + 1 if self.flowing() and self.stat().tcp_waiting_ms < 50 else 0
            if good == 3:
                return True
            time.sleep(0.05)
        return False

    def start(self, timeout=15):
        """Waits until all connections stand and packets flow, then begins the first interval."""
        wait_until(lambda: self.flowing() and self.stat().alive >= self.connections, timeout,
                   lambda: f"traffic flows: {self.stat()}")
        self.mark("start")
        return self

    def stop(self):
        for p in self.probes:
            p.stop()
        self.probes.clear()


class Capture:
    """Frames that machines send into their switch ports."""

    def __init__(self, lab, machines, segments, shared):
        ports = [f"{s}/{m.name}-{s}" for s in segments for m in machines]
        self.probe = Probe(lab.switches.ns, "--shared", ",".join(shared), "capture", *ports)

    def stat(self):
        return self.probe.command("stat")

    def mark(self, name="mark"):
        return self.probe.command(f"mark {name}")

    def shared_frames(self, machine):
        """Frames with a shared MAC from this machine since the last mark, over all its ports."""
        ports = self.stat()["ports"]
        return sum(f["shared"] for name, f in ports.items() if name.startswith(f"{machine.name}-"))

    def stop(self):
        self.probe.stop()
