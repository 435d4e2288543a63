# SPDX-License-Identifier: GPL-2.0-or-later
"""A node that is only the kernel's side of one: gate and network plan, driven by tw-netnode."""
import os
import subprocess

from lab import PRIVATE4, PRIVATE6, SHARED4, SHARED6, Machine, program

CLUSTER = 7
# What the ruleset does that routing relies on: the mark on everything that enters through tw-*, and
# forwarding between tw-* only.
RULES = """
table inet netnode {
	chain pre {
		type filter hook prerouting priority -300
		iifname "tw-*" meta mark set meta mark | 0x80000000
	}
	chain forw {
		type filter hook forward priority 0; policy drop
		iifname "tw-*" oifname "tw-*" accept
	}
}
"""


def shared_mac(index):
    return f"02:c1:00:{CLUSTER:02x}:00:{index:02x}"


class NetNode(Machine):
    indexes = {"lan": 1, "wan": 2, "sync": 3}

    def boot(self):
        self.process = None
        self.gate_map = None

    def start(self):
        """The program, with the usual plan loaded but not applied."""
        kind = "master" if self.name == "a" else "slave"
        self.process = self.ns.popen(program("tw-netnode"), self.disk, kind, str(CLUSTER), text=True,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE)
        self.plan()
        return self

    def plan(self, ipv6=True, segments=None, mtu="", **dev):
        """Interfaces as the lab has them; dev: another NIC for a segment."""
        self.command("clear")
        for s in segments or self.segments:
            nic = dev.get(s, s)
            kind = "sync" if s == "sync" else "data"
            shared, own4, own6 = "-", "-", "-"
            if s != "sync":
                shared = f"{SHARED4[s]}/24" + (f",{SHARED6[s]}/64" if ipv6 else "")
                own4 = ",".join(f"{PRIVATE4[n][s]}/24" for n in "ab")
                own6 = ",".join(f"{PRIVATE6[n][s]}/64" for n in "ab") if ipv6 else "-"
            self.command(f"iface {s} {self.indexes[s]} {nic} {nic} {kind} {shared} {own4} {own6} {mtu}")

    def command(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self):
        lines = []
        for line in self.process.stdout:
            line = line.rstrip("\n")
            if line == ".":
                break
            lines.append(line)
        else:
            raise AssertionError(f"tw-netnode ended: {lines} {self.process.stderr.read()}")
        assert not any(x.startswith("error ") for x in lines), lines
        return lines

    def values(self, line):
        """The answer as {word: value}; problems as a list of (interface, text)."""
        out = {"problems": []}
        for x in self.command(line):
            word, _, rest = x.partition(" ")
            if word == "problem":
                iface, _, text = rest.partition(": ")
                out["problems"].append((iface, text))
            else:
                out[word] = int(rest) if rest.lstrip("-").isdigit() else rest
        return out

    def apply(self):
        """Applies the plan; no problem is expected."""
        v = self.values("run")
        assert v["problems"] == [] and v["result"] == 0, v
        return v

    def rules(self):
        self.ns.exec("nft", "-f", "-", stdin=RULES)

    def words(self):
        return self.values("words")

    def crash(self):
        """SIGKILL: nothing is taken away, no gate is closed by anybody."""
        self.process.kill()
        self.process.wait()

    def journal(self):
        """What the journal says is ours now: {"kind key": value}."""
        live = {}
        with open(os.path.join(self.disk, "owned"), encoding="utf-8") as f:
            for line in f.read().splitlines()[1:]:
                key, _, value = line[2:].partition("\t")
                if line[0] == "+":
                    live[key] = value
                else:
                    del live[key]
        return live
