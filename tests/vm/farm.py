# SPDX-License-Identifier: GPL-2.0-or-later
"""Three virtual machines: nodes a and b, and the world around them.

              ┌ lan1 ╖ bond ╓ eth0..  ┌───────────── world ─────────────┐
    node a ───┤ lan2 ╜  lan ╙─────────┤ br-lan ── client (namespace)     │
              │ wan ──────────────────┤ br-wan ── server (namespace)     │
              └ sync ─────────────────┤ br-sync         … node b the same │
                                      └─────────────────────────────────┘

The world is the switch at the other end of every cable: a real LACP partner where the nodes' lan is
an LACP bond, plain switch ports otherwise. Pulling a cable takes the carrier at both ends (QMP
set_link). Which timers the nodes run with is printed: without hardware acceleration a processor can be
away for longer than the default timers allow.
"""
import json
import os
import re
import shutil
import sys
import tempfile
import time

import image
from qemu import Cable, Vm, VmError

sys.path.insert(0, os.path.join(image.ROOT, "tests", "lab"))
from node import KEY, statements  # noqa: E402

NICS = ["sync", "lan1", "lan2", "wan"]
DEVS = {nic: f"eth{i}" for i, nic in enumerate(NICS)}
NUMBER = {"a": 10, "b": 11}
TIMERS = os.environ.get("TW_VM_TIMERS", "HeartbeatInterval=100 HAFailoverTime=1500")
SERVER, CLIENT = "10.2.0.254", "10.1.0.10"
SHARED = ["10.1.0.1", "10.2.0.1"]
TRAFFIC = "/tw/build/tests/lab/tw-traffic"


def say(text=""):
    print(text, flush=True)


def wait(what, predicate, seconds=60, step=0.3):
    """Waits until predicate() is true and returns it."""
    end = time.monotonic() + seconds
    while True:
        found = predicate()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(step)


class Node:
    """A machine with twinwalld; its disk is memory, so power_on() finds a new one."""

    def __init__(self, farm, name):
        self.farm, self.name = farm, name
        cables = [(nic, f"06:00:00:00:{NUMBER[name]:02x}:{i + 1:02x}", farm.cables[name, nic].ends[0])
                  for i, nic in enumerate(NICS)]
        self.vm = Vm(name, farm.dir, farm.images, cables)
        self.daemon, self.lan = None, "bond0"

    def boot(self):
        self.vm.booted()
        self.vm.sh("hostname fw" + ("1" if self.name == "a" else "2"))
        return self

    def power_on(self):
        self.vm.start()
        return self.boot()

    def power_off(self):
        self.vm.power_off()
        self.daemon = None

    def cable(self, nic, plugged):
        """Both ends of a cable lose or get their carrier."""
        self.vm.carrier(nic, plugged)
        self.farm.world.carrier(f"{self.name}-{nic}", plugged)

    def network(self, mode):
        """bond0 of both lan NICs: "802.3ad" or "active-backup"; "team": with the lacp runner; "MODE+7":
        lan is VLAN 7 on it."""
        mode, _, vlan = mode.partition("+")
        self.lan = f"bond0.{vlan}" if vlan else "bond0"
        self.vm.sh("teamd -k -t bond0 2>/dev/null || true; ip link del bond0 2>/dev/null || true; "
                   "for d in eth0 eth1 eth2 eth3; do ip link set $d down; done")
        if mode == "team":
            self.vm.write("/tmp/team.conf", json.dumps({
                "device": "bond0", "runner": {"name": "lacp", "active": True, "fast_rate": True},
                "link_watch": {"name": "ethtool"}, "ports": {"eth1": {}, "eth2": {}}}))
            self.vm.sh("modprobe team; modprobe team_mode_loadbalance; mkdir -p /run/teamd; "
                       "teamd -d -f /tmp/team.conf")
        else:
            lacp = " lacp_rate fast" if mode == "802.3ad" else ""
            self.vm.sh(f"modprobe bonding max_bonds=0; ip link add bond0 type bond mode {mode} miimon 50{lacp}; "
                       "ip link set eth1 master bond0; ip link set eth2 master bond0")
        if vlan:
            self.vm.sh(f"ip link add link bond0 name {self.lan} type vlan id {vlan}")
        self.vm.sh(f"for d in bond0 {self.lan} eth0 eth3; do ip link set $d up; done")

    def aggregate(self):
        """Of an LACP lan: (members in the aggregate in use, the partner's MAC)."""
        if self.vm.run("sh", "-c", "test -e /proc/net/bonding/bond0", check=False)[0] == 0:
            text = self.vm.run("cat", "/proc/net/bonding/bond0")
            found = re.search(r"Number of ports: (\d+)(?s:.)*?Partner Mac Address: (\S+)", text)
            partner = found[2] if found else "none"
            return (int(found[1]) if found and partner != "00:00:00:00:00:00" else 0), partner
        text = self.vm.run("teamdctl", "bond0", "state", check=False)[1]
        return text.count("state: current"), "teamd"

    def configure(self, ha="", timers=TIMERS):
        conf = statements("Master" if self.name == "a" else "Slave", ipv6=False, ha=f"{timers} {ha}".strip())
        for iface, dev in (("sync", "eth0"), ("lan", self.lan), ("wan", "eth3")):
            conf = conf.replace(f"add EthernetInterface {iface}",
                                f"add EthernetInterface {iface} MasterDevice={dev} SlaveDevice={dev}")
        self.vm.sh("rm -rf /var/lib/twinwall /etc/twinwall; mkdir -p /var/lib/twinwall /etc/twinwall /run/twinwall")
        self.vm.write("/etc/twinwall/twinwall.conf", conf)
        self.vm.write("/var/lib/twinwall/cluster.key", KEY + "\n", "600")

    def start(self):
        self.daemon = self.vm.ask("spawn", argv=["twinwalld"], log="/tmp/twinwalld.log")["pid"]

    def stop(self):
        if self.daemon:
            self.vm.ask("kill", 40, pid=self.daemon)
            self.daemon = None

    def json(self, *args):
        status, out, err = self.vm.run("twinwall", "--json", *args, check=False, timeout=30)
        if status == 3:
            return {}
        assert status == 0, f"{self.name}: twinwall --json {args}: {status} {out}{err}"
        return json.loads(out)

    def cli(self, *args):
        return self.vm.run("twinwall", *args, check=False, timeout=60)[1]

    def ha(self):
        return self.json("ha")

    def log(self):
        return self.vm.run("cat", "/tmp/twinwalld.log", check=False)[1]


def line(ha):
    """The state of a node on one line."""
    if not ha:
        return "not there"
    peer = ha.get("peer", {})
    return (f"{ha['role']:8} gate {'open  ' if ha['gate_open'] else 'closed'}  quality {ha['quality']:3}  "
            f"term {ha['term']}  peer {peer.get('state')}  sync {ha['sync']['state']}")


class Probe:
    """One tw-traffic in the world."""

    def __init__(self, world, ns, *args):
        self.world = world
        self.pid = world.ask("spawn", argv=["ip", "netns", "exec", ns, TRAFFIC, *map(str, args)] if ns else
                             [TRAFFIC, *map(str, args)])["pid"]
        self.answer()

    def answer(self, say_this=None):
        return json.loads(self.world.ask("ask", 30, pid=self.pid, line=say_this)["line"])

    def stop(self):
        self.world.ask("kill", 20, pid=self.pid)


class Traffic:
    """A UDP stream each way and TCP echo connections through the pair."""
    port = 5001

    def __init__(self, world, connections=10, interval_ms=20):
        Traffic.port += 1
        common = ["--count", connections, "--pace", 500, "--interval", interval_ms * 1000, "--stall", 20000]
        self.probes = {}
        for mode, ns in (("udp-server", "server"), ("udp-client", "client"), ("tcp-server", "server"),
                         ("tcp-client", "client")):
            self.probes[mode] = Probe(world, ns, *common, mode, SERVER, Traffic.port)

    def ask(self, command):
        f = {m: p.answer(command) for m, p in self.probes.items()}
        up, down, tcp = f["udp-server"], f["udp-client"], f["tcp-client"]
        return {"outage_ms": max(up["outage_ms"], down["outage_ms"]), "lost": max(0, up["lost"]) + max(0, down["lost"]),
                "open_ms": max(up["open_ms"], down["open_ms"]), "received": up["received"] + down["received"],
                "silent": min(up["open_ms"], down["open_ms"]) < 0,
                "alive": tcp["alive"], "dead": tcp["dead"], "stalled": tcp["stalled"], "corrupt": tcp["corrupt"],
                "waiting_ms": tcp["waiting_ms"]}

    def flows(self, seconds=60):
        """Waits until both directions bring packets, no TCP connection waits, all live."""
        def look():
            f = self.ask("stat")
            return f if not f["silent"] and f["open_ms"] < 500 and f["waiting_ms"] < 1500 and f["alive"] else None
        return wait(lambda: f"traffic flows: {self.ask('stat')}", look, seconds)

    def mark(self, name):
        return self.ask(f"mark {name}")

    def stop(self):
        for p in self.probes.values():
            p.stop()


class Farm:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="tw-vm-")
        self.images = image.make()
        self.mode = None
        self.cables = {(n, nic): Cable() for n in ("a", "b") for nic in NICS}
        cables = [(f"{n}-{nic}", f"06:00:00:01:{NUMBER[n]:02x}:{i + 1:02x}", self.cables[n, nic].ends[1])
                  for n in ("a", "b") for i, nic in enumerate(NICS)]
        self.world = Vm("world", self.dir, self.images, cables, memory=384)
        self.a, self.b = Node(self, "a"), Node(self, "b")
        self.parts = []

    @property
    def nodes(self):
        return (self.a, self.b)

    def other(self, node):
        return self.b if node is self.a else self.a

    def port(self, node, nic):
        return f"eth{('a', 'b').index(node.name) * len(NICS) + NICS.index(nic)}"

    def power_on(self):
        self.world.start()
        for n in self.nodes:
            n.vm.start()
        self.world.booted()
        for n in self.nodes:
            n.boot()
        self.world.sh(f"""
            modprobe bonding max_bonds=0
            for s in lan wan sync; do ip link add br-$s up type bridge stp_state 0 mcast_snooping 0; done
            for h in client:lan:{CLIENT} server:wan:{SERVER}; do
                n=${{h%%:*}}; addr=${{h##*:}}; s=${{h#*:}}; s=${{s%:*}}
                ip netns add $n
                ip link add p-$n type veth peer name eth0 netns $n
                ip link set p-$n up master br-$s
                ip -n $n addr add $addr/24 dev eth0
                ip -n $n link set eth0 up
                ip -n $n link set lo up
            done
            ip -n client route add default via 10.1.0.1
            """)
        for n in self.nodes:
            for nic in ("sync", "wan"):
                self.world.sh(f"ip link set {self.port(n, nic)} up master br-{nic}")

    def network(self, mode):
        """The lan of both nodes and the switch ports that belong to it."""
        if mode == self.mode:
            return
        kind, _, vlan = mode.partition("+")
        for n in self.nodes:
            members = [self.port(n, nic) for nic in ("lan1", "lan2")]
            bond = f"bond-{n.name}"
            self.world.sh(f"ip link del {bond} 2>/dev/null || true; "
                          + "".join(f"ip link set {m} down nomaster; " for m in members))
            if kind in ("802.3ad", "team"):
                port = f"{bond}.{vlan}" if vlan else bond
                self.world.sh(f"ip link add {bond} type bond mode 802.3ad miimon 100 lacp_rate fast; "
                              + "".join(f"ip link set {m} master {bond}; " for m in members)
                              + (f"ip link add link {bond} name {port} type vlan id {vlan}; " if vlan else "")
                              + f"ip link set {bond} up; ip link set {port} up master br-lan")
            else:
                self.world.sh("".join(f"ip link set {m} up master br-lan; " for m in members))
            n.network(mode)
        self.mode = mode

    def up(self, mode, ha="", timers=TIMERS):
        """A fresh pair with this lan and these properties, in step."""
        for n in self.nodes:
            n.stop()
        self.network(mode)
        if mode.split("+")[0] in ("802.3ad", "team"):
            for n in self.nodes:
                wait(lambda n=n: f"{n.name}: both members are in the aggregate: {n.aggregate()}",
                     lambda n=n: n.aggregate()[0] == 2)
        for n in self.nodes:
            n.configure(ha, timers)
            n.start()
        return self.settled()

    def settled(self, seconds=120):
        def look():
            h = [n.ha() for n in self.nodes]
            return h if (all(h) and sorted(x["role"] for x in h) == ["active", "inactive"]
                         and all(x["peer"]["state"] == "alive" and x["sync"]["state"] == "synced" for x in h)
                         and sum(x["gate_open"] for x in h) == 1) else None
        return wait(lambda: "the pair settles: " + "; ".join(line(n.ha()) for n in self.nodes), look, seconds)

    def tell(self, indent="   "):
        for n in self.nodes:
            say(f"{indent}{n.name}: {line(n.ha()) if n.vm.p else 'no power'}")

    def active(self):
        found = [n for n in self.nodes if n.vm.p and n.ha().get("role") == "active"]
        assert len(found) == 1, f"active: {[n.name for n in found]}"
        return found[0]

    def wait_ha(self, node, what, predicate, seconds=60):
        return wait(lambda: f"{node.name} {what}: {line(node.ha())}",
                    lambda: (lambda h: h if h and predicate(h) else None)(node.ha()), seconds)

    def traffic(self, **more):
        t = Traffic(self.world, **more)
        self.parts.append(t)
        t.flows()
        return t

    def capture(self):
        """Who speaks as the cluster on the wan switch."""
        c = Probe(self.world, None, "--shared", ",".join(SHARED), "capture",
                  *[f"wan/{self.port(n, 'wan')}" for n in self.nodes])
        self.parts.append(c)
        return c

    def drop_parts(self):
        for p in self.parts:
            try:
                p.stop()
            except VmError:
                pass  # it ended with its machine
        self.parts.clear()

    def close(self):
        for vm in (self.a.vm, self.b.vm, self.world):
            vm.power_off()
            if vm.drain:
                vm.drain.stop()
        for c in self.cables.values():
            c.close()
        shutil.rmtree(self.dir, ignore_errors=True)
