# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine that runs twinwalld: its configuration, its daemon, its command line."""
import base64
import json
import os
import signal
import subprocess

from machine import Machine
from netns import LabError, run, wait_until
from traffic import program

KEY = base64.b64encode(bytes(range(32))).decode()


def statements(node_type, name=None, ha="", enabled=True, sync="sync", profile=None, ipv6=True,
               extra_segments=(), rules=None, more=""):
    """The lab's configuration. `ha` is put behind `set HighAvailability`, `more` at the end. Machines
    that are slow give timers of their own in TW_LAB_TIMERS, for tests that do not ask for any."""
    if not profile and "HeartbeatInterval" not in ha:
        ha = f"{os.environ.get('TW_LAB_TIMERS', '')} {ha}".strip()
    master_slave = (2, 3)
    lines = [f"set Device Name={name or ('fw1' if node_type == 'Master' else 'fw2')}"]
    set_ha = f"set HighAvailability Enabled={'Yes' if enabled else 'No'} ClusterID=7 NodeType={node_type}"
    if sync:
        set_ha += f" SyncInterface={sync}"
        lines.append(f"add EthernetInterface {sync}")
    if profile:
        set_ha += f" Profile={profile}"
    lines.insert(1, f"{set_ha} {ha}".rstrip())
    for i, segment in enumerate(["lan", "wan", *extra_segments], start=1):
        m, s = (f"10.{i}.0.{x}" for x in master_slave)
        lines.append(f"add IP4HAAddress {segment}_ha Master={m} Slave={s}")
        iface = f"add EthernetInterface {segment} IPAddress=10.{i}.0.1/24 PrivateIP={segment}_ha"
        if ipv6:
            m, s = (f"fd{i:02x}::{x}" for x in master_slave)
            lines.append(f"add IP6HAAddress {segment}_ha6 Master={m} Slave={s}")
            iface += f" IP6Address=fd{i:02x}::1/64 PrivateIP6={segment}_ha6"
        lines.append(iface)
    lines.append("add Route default Interface=wan Network=all-nets Gateway=10.2.0.254")
    if ipv6:
        lines.append("add Route default6 Interface=wan Network=all-nets6 Gateway=fd02::fe")
    if rules is None:
        rules = ["lan_out Action=NAT SourceInterface=lan SourceNetwork=lan_net DestinationInterface=wan "
                 "DestinationNetwork=all-nets Service=all_services"]
        if ipv6:
            rules.append("lan_out6 Action=Allow SourceInterface=lan SourceNetwork=all-nets6 "
                         "DestinationInterface=wan DestinationNetwork=all-nets6 Service=all_services")
    lines += [f"add IPRule {r}" for r in rules]
    return "\n".join([*lines, more]).rstrip() + "\n"


# Lets the client ping shared and private addresses; not part of the default.
PING_RULE = ("ping_fw Action=Allow SourceInterface=lan SourceNetwork=lan_net DestinationInterface=core "
             "DestinationNetwork={} Service=ping-inbound")


class Node(Machine):
    """Node a is the master, node b the slave."""

    def __init__(self, lab, name, number, segments, disk, key=KEY, **conf):
        self.key, self.conf = key, conf
        self.type = "Master" if name == "a" else "Slave"
        self.daemon = None
        self.prefix = []  # words in front of the command that starts the daemon
        self.starts = 0
        super().__init__(lab, name, number, segments, disk)
        for sub in ("etc", "state", "run"):
            os.makedirs(self.path(sub), exist_ok=True)
        self.write_key(key)
        self.configure()

    def path(self, *parts):
        return os.path.join(self.disk, *parts)

    def boot(self):
        # A flow that was not synchronised must not be picked up in the middle: that would hide it.
        self.ns.sysctl("net.netfilter.nf_conntrack_tcp_loose=0")

    def write_key(self, key):
        fd = os.open(self.path("state", "cluster.key"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "w") as f:
            f.write(key + "\n")

    def configure(self, **changes):
        """Writes twinwall.conf; the daemon reads it when its state directory has no revision yet."""
        self.conf.update(changes)
        extra = [s for s in self.lab.data_segments if s not in ("lan", "wan")]
        with open(self.path("etc", "twinwall.conf"), "w") as f:
            f.write(statements(self.type, extra_segments=extra, **self.conf))

    def start(self):
        if self.daemon is not None and self.daemon.poll() is None:
            raise LabError(f"{self.name}: twinwalld runs already")
        self.starts += 1
        log = open(self.path("log"), "ab")
        log.write(f"---- start {self.starts} ----\n".encode())
        log.flush()
        self.daemon = self.ns.popen(
            *self.prefix, program("twinwalld"), "--etc", self.path("etc"), "--state", self.path("state"), "--run",
            self.path("run"), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()
        return self

    def stop(self, timeout=15):
        """SIGTERM; the exit status. A daemon that does not end is killed and the test fails."""
        if self.daemon is None:
            return None
        self.daemon.send_signal(signal.SIGTERM)
        try:
            return self.daemon.wait(timeout)
        except subprocess.TimeoutExpired:
            self.ns.kill_all()
            raise AssertionError(f"{self.name}: twinwalld did not end within {timeout} s of SIGTERM")

    def power_off(self):
        super().power_off()
        self.daemon = None

    def pids(self, comm):
        if self.daemon is None or self.daemon.poll() is not None:
            return []
        family = self.children(self.daemon.pid)
        with open(f"/proc/{self.daemon.pid}/comm") as f:
            family[self.daemon.pid] = f.read().strip()
        return [pid for pid, name in family.items() if name == comm]

    def kill(self, comm, number=signal.SIGKILL):
        """Sends a signal to this node's process of that name; returns its pid."""
        pids = self.pids(comm)
        if not pids:
            raise LabError(f"{self.name}: no process {comm}")
        for pid in pids:
            os.kill(pid, number)
        return pids[0]

    def cli(self, *args, stdin=None, timeout=20):
        """(exit status, standard output, standard error) of `twinwall ARGS`."""
        p = subprocess.run([program("twinwall"), "--run", self.path("run"), *args], input=stdin,
                           stdin=subprocess.DEVNULL if stdin is None else None,
                           capture_output=True, text=True, timeout=timeout, preexec_fn=os.setsid)
        return p.returncode, p.stdout, p.stderr

    def json(self, *args):
        """What a command says as JSON; None when the daemon cannot be reached."""
        status, out, err = self.cli("--json", *args)
        if status == 3:
            return None
        if status != 0:
            raise AssertionError(f"{self.name}: twinwall --json {' '.join(args)}: {status} {out}{err}")
        return json.loads(out)

    def ha(self):
        return self.json("ha") or {}

    @property
    def active(self):
        return self.ha().get("role") == "active"

    def wait_for(self, predicate, timeout=10, what=None):
        """Waits until predicate(`ha --json`) holds; returns that answer."""
        last = {}

        def look():
            nonlocal last
            self.check_running()
            last = self.ha()
            return last if last and predicate(last) else None
        return wait_until(look, timeout, lambda: f"{self.name}: {what or 'state'}: {last}")

    def wait_role(self, role, timeout=10):
        return self.wait_for(lambda h: h["role"] == role, timeout, f"becomes {role}")

    def check_running(self):
        if self.daemon is not None and self.daemon.poll() is not None:
            raise AssertionError(f"{self.name}: twinwalld ended with {self.daemon.returncode}\n{self.tail()}")

    def tail(self, lines=20):
        return "\n".join(self.log().splitlines()[-lines:])

    def log(self):
        try:
            with open(self.path("log"), encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def evidence(self):
        """Everything worth keeping after a failure, as {file name: text}."""
        found = {"log": self.log(), "twinwall.conf": open(self.path("etc", "twinwall.conf")).read()}
        for name, args in {"ha": ["ha"], "why": ["ha", "why"], "quality": ["ha", "quality"],
                           "stat": ["stat"]}.items():
            try:
                found[f"{name}.txt"] = "status %d\n%s%s" % self.cli(*args, timeout=5)
            except (OSError, subprocess.TimeoutExpired, LabError) as e:
                found[f"{name}.txt"] = f"{e}\n"
        for name, args in {"links": ["ip", "-d", "addr"], "rules": ["ip", "rule"],
                           "routes": ["ip", "route", "show", "table", "all"],
                           "routes6": ["ip", "-6", "route", "show", "table", "all"],
                           "neighbours": ["ip", "neigh"], "nft": ["nft", "list", "ruleset"],
                           "conntrack": ["conntrack", "-L"]}.items():
            found[f"{name}.txt"] = self.ns.exec(*args, check=False)[:2_000_000]
        return found


def kernel_state(node):
    """What a daemon that has ended must have put back: links, addresses, routes, rules, nft, sysctl."""
    def look(*args):
        return node.ns.exec(*args, check=False)
    state = {
        "links": sorted(line.split(":")[1].split("@")[0].strip() for line in
                        look("ip", "-o", "link").splitlines()),
        "addresses": sorted(" ".join(line.split()[1:4]) for line in look("ip", "-o", "addr").splitlines()
                            if "fe80:" not in line),
        "rules": look("ip", "rule") + look("ip", "-6", "rule"),
        # What the kernel makes for a link by itself comes and goes with duplicate address detection.
        "routes": sorted(line.strip() for line in look("ip", "route", "show", "table", "all").splitlines()
                         if "fe80:" not in line and "ff00:" not in line),
        "nft": look("nft", "list", "ruleset"),
        "tc": look("sh", "-c", "for d in $(ls /sys/class/net); do tc filter show dev $d ingress; "
                               "tc filter show dev $d egress; done"),
    }
    sysctls = look("sysctl", "-a", "-r", r"^net\.(ipv4|ipv6)\.(conf|neigh)|^net\.ipv4\.(ip_forward|fwmark|"
                   r"icmp|tcp_fwmark)|^net\.ipv6\.fwmark|^net\.netfilter\.nf_conntrack_(tcp|events|acct)")
    state["sysctl"] = sorted(line for line in sysctls.splitlines() if "mtu" not in line)
    return state


def check_config(text_file):
    """twinwalld --check FILE: (status, standard output and error)."""
    p = subprocess.run([program("twinwalld"), "--check", text_file], capture_output=True, text=True,
                       timeout=20)
    return p.returncode, p.stdout + p.stderr


__all__ = ["Node", "statements", "PING_RULE", "KEY", "kernel_state", "check_config", "run"]
