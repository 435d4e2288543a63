# SPDX-License-Identifier: GPL-2.0-or-later
"""The demo: a cluster under traffic, and what happens when things break. `make demo`.

Everything is real: two twinwalld in network namespaces, switches between them, TCP connections and a
UDP stream through NAT. Each step breaks or mends one thing and is judged; the exit status says whether
every step held. With CI=1, or without a terminal, it ends by itself.
"""
import os
import select
import signal
import sys
import termios
import threading
import time
import traceback
import tty

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cluster import Cluster  # noqa: E402
from demo_view import View  # noqa: E402
from lab import LabError, wait_until  # noqa: E402

CONNECTIONS = 300
NAMES = {"a": ("fw1", "master"), "b": ("fw2", "slave")}
OUTAGE_MAX_MS = 400  # a step fails beyond this; usual is about 60


class Demo:
    def __init__(self, lab):
        self.lab = lab
        self.lock = threading.Lock()
        self.traffic = None
        self.view = View("Twinwall: two machines, one firewall", NAMES, self.look, self.figures)
        self.failed = 0

    def look(self):
        """Facts for the drawing. A node that is just going away counts as not running."""
        facts = {}
        for node in self.lab.nodes:
            f = facts[node.name] = {"power": node.powered, "running": False}
            try:
                ha = node.ha() if node.powered and node.daemon is not None else {}
            except Exception:  # asked in the middle of its end
                ha = {}
            if ha:
                f.update(running=True, role=ha["role"], quality=ha["quality"], peer=ha["peer"]["state"],
                         sync=ha["sync"]["state"], flows=ha["sync"].get("flows", 0))
        return facts

    def figures(self):
        with self.lock:
            try:
                return self.traffic.stat() if self.traffic else None
            except LabError:
                return None

    def name(self, node):
        return NAMES[node.name][0]

    def step(self, text, act, loss_free, expect_move):
        """Runs act(active, standby); judges what the traffic noticed and who is active then.
        expect_move: whether the other node is active afterwards; None when either may be."""
        old = self.lab.active
        self.view.begin(text)
        self.pause()
        with self.lock:
            before = self.traffic.mark("before")
        problem = None
        try:
            act(old, self.lab.other(old))
            self.wait_one_active()
        except (AssertionError, LabError) as e:
            problem = str(e)
        settled = self.settle()
        self.pause()
        with self.lock:
            f = self.traffic.mark(text)
        try:
            new = self.lab.active
        except AssertionError as e:
            new, problem = old, problem or str(e)
        moved = new is not old
        held = (problem is None and settled and f.intact and f.alive == before.alive
                and f.source_changes == 0 and expect_move in (moved, None)
                and (f.lost == 0 if loss_free else f.outage_ms < OUTAGE_MAX_MS))
        who = f"{self.name(old)} → {self.name(new)}" if moved else self.name(new)
        self.view.done({"text": text, "outage_ms": f.outage_ms, "lost": f.lost, "before": before.alive,
                        "after": f.alive, "active": who, "held": held})
        if not held:
            self.failed += 1
            folder = self.lab.save_evidence(f"demo-{self.failed}")
            print(f"\n{text}: {problem or f}\nlogs and status of both nodes: {folder}", file=sys.stderr)

    def pause(self):
        """Time to look at the picture, when somebody does."""
        if self.view.live:
            time.sleep(1)

    def wait_one_active(self):
        wait_until(lambda: sum(h.get("role") == "active" for h in self.lab.roles().values()) == 1, 10,
                   "one node is active")

    def settle(self):
        """Like Traffic.settle, but lets the picture go on meanwhile."""
        good = 0

        def look():
            nonlocal good
            with self.lock:
                ok = self.traffic.flowing() and self.traffic.stat().tcp_waiting_ms < 50
            good = good + 1 if ok else 0
            return good == 3
        try:
            wait_until(look, 15, "traffic flows", step=0.05)
        except AssertionError:
            return False
        return True

    def power_off(self, active, standby):
        active.power_off()
        self.lab.wait_takeover(standby)

    def power_on(self, active, standby):
        standby.power_on()
        standby.start()
        self.lab.wait_settled()

    def switch(self, active, standby):
        status, out, err = active.cli("ha", "-deactivate")
        assert status == 0, out + err
        self.lab.wait_settled()

    def cut_lan(self, active, standby):
        self.view.cut.add((active.name, "lan"))
        active.cut("lan")
        self.lab.wait_takeover(standby)

    def mend_lan(self, active, standby):
        standby.heal()
        self.view.cut.clear()
        standby.wait_for(lambda h: h["quality"] == 100, 15)
        self.lab.wait_settled()

    def kill_engine(self, active, standby):
        active.kill("tw-engine", signal.SIGKILL)
        self.wait_one_active()
        self.lab.wait_settled()

    def run(self):
        with self.lock:
            self.traffic = self.lab.traffic(CONNECTIONS).start()
        first, second = (self.name(n) for n in (self.lab.active, self.lab.standby))
        self.step(f"nothing: traffic through {first}", lambda a, s: wait_until(
            lambda: self.figures().received_up > 5000, 10, "traffic"), True, False)
        self.step(f"{first} loses power", self.power_off, False, True)
        self.step(f"{first} comes back", self.power_on, True, False)
        self.step(f"planned switch: {second}> ha -deactivate", self.switch, True, True)
        self.step(f"LAN cable of {first} pulled", self.cut_lan, False, True)
        self.step(f"LAN cable of {first} back", self.mend_lan, True, False)
        self.step(f"engine of {second} killed (SIGKILL)", self.kill_engine, False, None)


def wait_for_key():
    print("  press a key to take everything down", end="", flush=True)
    old = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        select.select([sys.stdin], [], [])
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, old)
        print()


def main():
    if os.geteuid() != 0:
        print("the demo makes network namespaces: run it as root (sudo make demo)", file=sys.stderr)
        return 1
    with Cluster() as lab:
        demo = Demo(lab)
        try:
            demo.view.begin("two nodes start")
            demo.view.start()
            lab.up()
            demo.run()
        except KeyboardInterrupt:
            return 130
        except Exception:
            demo.view.close()
            traceback.print_exc()
            print(f"logs and status of both nodes: {lab.save_evidence('demo')}", file=sys.stderr)
            return 1
        else:
            steps = len(demo.view.rows)
            demo.view.finish(f"all {steps} steps held" if demo.failed == 0 else
                             f"{demo.failed} of {steps} steps did not hold", demo.failed == 0)
            if demo.view.live and sys.stdin.isatty():
                wait_for_key()
        finally:
            demo.view.close()
    return 1 if demo.failed else 0


if __name__ == "__main__":
    sys.exit(main())
