# SPDX-License-Identifier: GPL-2.0-or-later
"""What the demo looks like: a drawing of the network that follows what happens, and a table of steps.

On a terminal the picture is drawn again in place by a thread of its own; otherwise it is printed once
and every step as a line. Knows nothing of how a step is done.
"""
import os
import sys
import threading

WIDE = 27  # inner width of a node's box
PLAIN = {name: "" for name in ("bold", "dim", "good", "bad", "warn", "wire", "off")}
COLOUR = {"bold": "\x1b[1m", "dim": "\x1b[2m", "good": "\x1b[1;32m", "bad": "\x1b[1;31m",
          "warn": "\x1b[33m", "wire": "\x1b[36m", "off": "\x1b[0m"}


class View:
    """`look` returns {node name: facts}, `figures` the current Figures or None; both may take a while."""

    def __init__(self, title, names, look, figures):
        self.title, self.names, self.look, self.figures = title, names, look, figures
        self.live = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb" \
            and not os.environ.get("CI")
        coloured = (self.live and "NO_COLOR" not in os.environ) or "FORCE_COLOR" in os.environ
        self.paint = COLOUR if coloured else PLAIN
        self.rows, self.doing, self.cut = [], "", set()
        self._facts, self._current = {}, None
        self._height = 0
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def c(self, colour, text):
        return f"{self.paint[colour]}{text}{self.paint['off']}" if text else ""

    # ---- the drawing ----

    def _box(self, node):
        """The three lines inside a node's box, each WIDE columns."""
        f = self._facts.get(node, {})
        name, kind = self.names[node]
        head = f" {name} · {kind}"
        if not f.get("power", True):
            return [self.c("bad", head.ljust(WIDE)), self.c("bad", " ✗ no power".ljust(WIDE)), " " * WIDE]
        if not f.get("running"):
            return [head.ljust(WIDE), self.c("warn", " … starting".ljust(WIDE)), " " * WIDE]
        if f["role"] == "active":
            role = self.c("good", " ● ACTIVE".ljust(WIDE))
        else:
            role = self.c("dim", " ○ standby".ljust(WIDE))
        peer = "" if f["peer"] == "alive" else f" · peer {f['peer']}"
        line = f" quality {f['quality']}{peer}"
        more = line.ljust(WIDE) if f["quality"] == 100 and not peer else self.c("warn", line.ljust(WIDE))
        return [self.c("bold", head.ljust(WIDE)), role, more]

    def _wire(self, node, segment, text):
        """A cable, dim at a machine without power, with a cross in red where it is cut."""
        if not self._facts.get(node, {}).get("power", True):
            return self.c("dim", text)
        if (node, segment) in self.cut:
            i = text.rindex("─") - 1 if len(text) > 1 else 0
            return self.c("wire", text[:i]) + self.c("bad", "╳") + self.c("wire", text[i + 1:])
        return self.c("wire", text)

    def _sync_label(self):
        known = [f for f in self._facts.values() if f.get("running") and f.get("power", True)]
        if len(known) == 2 and all(f["sync"] == "synced" for f in known):
            return f"sync · {max(f['flows'] for f in known)} flows"
        states = [f["sync"] for f in known if f["sync"] != "synced"]
        return f"sync · {states[0]}" if states else "sync"

    def _node_lines(self, node, corners):
        """A node's box with its cables; the corners say whether they come from below or above."""
        box, (left, right) = self._box(node), corners
        return [f"{' ' * 17}│{box[0]}│",
                f"      {self.c('wire', left)}{self._wire(node, 'lan', '── lan ───')}┤{box[1]}├"
                f"{self._wire(node, 'wan', '─── wan ──')}{self.c('wire', right)}",
                f"{' ' * 17}│{box[2]}│"]

    def drawing(self):
        half, up = "─" * (WIDE // 2), self.c("wire", "│")
        a, b = self._node_lines("a", "┌┐"), self._node_lines("b", "└┘")
        a[2] = f"      {up}{' ' * 10}{a[2].lstrip()}{' ' * 10}{up}"
        b[0] = f"      {up}{' ' * 10}{b[0].lstrip()}{' ' * 10}{up}"
        tee, eet = self.c("wire", "┴"), self.c("wire", "┬")
        label = self.c("dim", self._sync_label().ljust(18))
        return [
            f"{' ' * 17}┌{half}─{half}┐", *a,
            f" ┌────{tee}───┐      └{half}┬{half}┘      ┌───{tee}────┐",
            f" │ {self.c('bold', 'client')} │{' ' * 20}{self._wire('a', 'sync', '│')} {label} │ "
            f"{self.c('bold', 'server')} │",
            f" └────{eet}───┘      ┌{half}┴{half}┐      └───{eet}────┘",
            *b, f"{' ' * 17}└{half}─{half}┘",
        ]

    # ---- the table ----

    HEAD = (f"   {'what was done':40}{'longest':>10}{'packets':>9}{'connections':>14}   {'active':9}",
            f"   {'':40}{'outage':>10}{'lost':>9}{'before after':>14}")

    def row(self, r):
        mark = self.c("good", "✔") if r["held"] else self.c("bad", "✘")
        outage = "none" if r["outage_ms"] == 0 else f"{r['outage_ms']:.1f} ms"
        outage = self.c("good" if r["outage_ms"] == 0 else "off", f"{outage:>10}")
        lost = self.c("good" if r["lost"] == 0 else "off", f"{r['lost']:>9}")
        tcp = self.c("good" if r["before"] == r["after"] else "bad", f"{r['before']:>8} {r['after']:>5}")
        return f" {mark} {r['text']:40}{outage}{lost}{tcp}   {r['active']}"

    def frame(self):
        lines = ["", f"  {self.c('bold', self.title)}", "", *self.drawing(), ""]
        f = self._current
        if f is not None:
            state = (f"{f.alive} TCP connections alive · UDP both ways: {f.received_up + f.received_down} packets "
                     f"in this step, {f.lost} lost")
            lines.append(f"  {self.c('dim', state)}")
        lines += ["", *[self.c("dim", h) for h in self.HEAD], *map(self.row, self.rows)]
        if self.doing:
            lines.append(f" {self.c('warn', '▸')} {self.doing} …")
        return [*lines, ""]

    # ---- showing it ----

    def start(self):
        if self.live:
            sys.stdout.write("\x1b[?25l\x1b[H\x1b[2J")
        self._refresh()
        if self.live:
            self._thread.start()
        else:
            print("\n".join(self.frame()), flush=True)

    def _refresh(self):
        self._facts = self.look()
        self._current = self.figures()

    def _draw(self):
        with self._lock:
            lines = self.frame()
            sys.stdout.write("\x1b[H" + "".join(f"{line}\x1b[K\n" for line in lines) + "\x1b[J")
            sys.stdout.flush()

    def _follow(self):
        while not self._stop.wait(0.1):
            self._refresh()
            self._draw()

    def begin(self, text):
        self.doing = text

    def done(self, row):
        self.doing = ""
        self.rows.append(row)
        if not self.live:
            print(self.row(row), flush=True)

    def finish(self, verdict, good):
        """The last picture stays on the screen."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if self.live:
            self._refresh()
            self._draw()
        print(f"  {self.c('good' if good else 'bad', verdict)}", flush=True)

    def close(self):
        self._stop.set()
        if self.live:
            sys.stdout.write("\x1b[?25h")
            sys.stdout.flush()
