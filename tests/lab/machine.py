# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab's hardware: switches, cables, and machines that can lose power.

All switches are bridges in one namespace of their own, so that one command cuts every port of a
machine at the same instant. A machine is a namespace with one NIC for each cable; NIC and object have
the same name. What runs on a machine is no concern of this file.
"""
import os
import re

from netns import LabError, Namespace, run


class Switches:
    """One bridge for each segment. A port is <machine>-<segment>."""

    def __init__(self, segments, snooping=False):
        self.ns = Namespace("sw")
        self.ns.sysctl("net.ipv6.conf.all.disable_ipv6=1",
                     "net.ipv6.conf.default.disable_ipv6=1")
        self.segments = list(segments)
        snoop = int(snooping)
        self.ns.ip(*[f"link add br-{s} up type bridge stp_state 0 mcast_snooping {snoop} "
                     f"mcast_querier {snoop}" for s in self.segments])

    def plug(self, machine, segment, mac):
        """A cable from the machine's NIC `segment` to this segment's switch."""
        port = f"{machine.name}-{segment}"
        self.ns.ip(f"link add {port} type veth peer name {segment} address {mac} netns {machine.ns.name}",
                   f"link set {port} master br-{segment}", f"link set {port} up")
        machine.ns.ip(f"link set {segment} up")

    def unplug(self, machine, segments):
        self.ns.ip(*[f"link del {machine.name}-{s}" for s in segments], check=False)

    def silence(self, machine, segments):
        """The ports stop forwarding; nobody's carrier changes."""
        self.ns.bridge(*[f"link set dev {machine.name}-{s} state 0" for s in segments])

    def carrier(self, machine, segments, up):
        self.ns.ip(*[f"link set {machine.name}-{s} {'up' if up else 'down'}" for s in segments])

    def unsilence(self, machine, segments):
        self.ns.bridge(*[f"link set dev {machine.name}-{s} state 3" for s in segments])

    def lose(self, segment, percent, ethertype=0xc157):
        """From now on so many of this kind's frames are lost at each port of the segment."""
        rule = f"ether type {ethertype:#x} numgen random mod 100 < {percent} counter drop"
        self.ns.exec("nft", f"table netdev lose-{segment} {{" + "".join(
            f"chain {m}-{segment} {{ type filter hook ingress device {m}-{segment} priority 0; {rule}; }}\n"
            for m in ("a", "b")) + "}")

    def lose_nothing(self, segment):
        self.ns.exec("nft", "delete", "table", "netdev", f"lose-{segment}")

    def lost(self, segment):
        """How many frames lose() has taken so far."""
        out = self.ns.exec("nft", "list", "table", "netdev", f"lose-{segment}")
        return sum(int(n) for n in re.findall(r"packets (\d+)", out))


class Machine:
    """One namespace on the switches, with a disk (a directory) that survives a loss of power."""

    def __init__(self, lab, name, number, segments, disk=None):
        self.lab, self.name, self.number = lab, name, number
        self.segments = list(segments)
        self.disk = disk
        self.silent, self.dark = set(), set()
        self.ns = Namespace(name)
        self.powered = False
        self._plug_in()

    def mac(self, segment):
        """The NIC's own address; the same after a reboot."""
        return f"06:00:00:00:{self.number:02x}:{self.lab.switches.segments.index(segment) + 1:02x}"

    def _plug_in(self):
        for s in self.segments:
            self.lab.switches.plug(self, s, self.mac(s))
        self.powered = True
        self.boot()

    def boot(self):
        """For subclasses: what a machine of this kind always has in its kernel."""

    def power_off(self):
        """Everything stops at once. No switch port loses carrier, nothing is said to anybody."""
        self.lab.switches.silence(self, self.segments)
        self.ns.kill_all()
        self.ns.ip(*[f"link set {s} down" for s in self.segments])
        self.powered = False

    def power_on(self):
        """A fresh kernel with the old disk; programs are started by the caller."""
        if self.powered:
            raise LabError(f"{self.name} has power")
        self.lab.switches.unplug(self, self.segments)
        self.ns.renew()
        self.silent.clear()
        self.dark.clear()
        self._plug_in()

    def cut(self, *segments):
        """Pulls cables: the NIC loses carrier."""
        self.lab.switches.carrier(self, segments, up=False)
        self.dark.update(segments)

    def cut_silent(self, *segments):
        """Cuts behind the switch port: frames vanish, carrier stays."""
        self.lab.switches.silence(self, segments)
        self.silent.update(segments)

    def heal(self, *segments):
        """Ends any kind of cut, of all segments when none is named."""
        segments = set(segments or self.silent | self.dark)
        if segments & self.dark:
            self.lab.switches.carrier(self, segments & self.dark, up=True)
        if segments & self.silent:
            self.lab.switches.unsilence(self, segments & self.silent)
        self.dark -= segments
        self.silent -= segments

    def children(self, pid):
        """Every process below `pid`, as {pid: comm}."""
        found, parents = {}, {}
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                with open(f"/proc/{entry}/stat", encoding="latin-1") as f:
                    text = f.read()
            except OSError:
                continue
            comm = text[text.index("(") + 1:text.rindex(")")]
            state, parent = text[text.rindex(")") + 2:].split()[:2]
            if state != "Z":
                parents[int(entry)] = (int(parent), comm)
        todo = [pid]
        while todo:
            p = todo.pop()
            for child, (parent, comm) in parents.items():
                if parent == p and child not in found:
                    found[child] = comm
                    todo.append(child)
        return found

    def conntrack_count(self):
        return int(self.ns.exec("cat", "/proc/sys/net/netfilter/nf_conntrack_count"))

    def remove(self):
        self.ns.remove()


class Host(Machine):
    """Client or server: addresses, a way out, nothing else."""

    def __init__(self, lab, name, number, segment, addresses, routes):
        self.addresses, self.routes, self.segment = addresses, routes, segment
        super().__init__(lab, name, number, [segment])

    def boot(self):
        self.ns.sysctl(f"net.ipv6.conf.{self.segment}.accept_dad=0",
                     f"net.ipv6.conf.{self.segment}.accept_ra=0",
                     "net.ipv4.ip_local_port_range=1024 65000")
        self.ns.ip(*[f"addr add {a} dev {self.segment}" for a in self.addresses],
                   *[f"route add {r}" for r in self.routes])

    def neighbour(self, address):
        """The MAC this host has for `address`, or None."""
        words = run("ip", "-n", self.ns.name, "neigh", "show", address).split()
        return words[words.index("lladdr") + 1] if "lladdr" in words else None

    def ping(self, address, count=1, wait=1, source=None):
        """True when every one of `count` echo requests was answered."""
        extra = ["-I", source] if source else []
        out = self.ns.exec("ping", "-n", "-q", "-i", "0.05", "-c", str(count), "-W", str(wait),
                           *extra, address, check=False, timeout=60)
        return f"{count} received" in out

