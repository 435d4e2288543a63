# SPDX-License-Identifier: GPL-2.0-or-later
"""One state sync process in a network namespace, driven as supervisor, engine and config would.

The other processes are not there: this speaks their messages (src/core/ipc/ipc.h) itself, so that a
test can give parts and barriers at the moment it wants and read the reports.
"""
import array
import ctypes
import ipaddress
import os
import re
import select
import socket
import struct
import subprocess
import tempfile
import time
from pathlib import Path

from netns import Namespace, die_with_us, wait_until

BUILD = Path(os.environ.get("TW_BUILD", Path(__file__).resolve().parents[2] / "build"))
TWINWALLD = BUILD / "src/daemon/twinwalld"

VERSION = 1
SETUP, LINK, STOP, SYNC_CONF, SYNC_PART, SYNC_REPORT = 1, 2, 4, 10, 11, 12
ENGINE, CONFIG = 1, 3
STANDBY, PREPARE, ACTIVE, BARRIER = range(4)
STATES = ("lost", "syncing", "synced")


class Report(ctypes.Structure):
    _fields_ = [("state", ctypes.c_uint32), ("percent", ctypes.c_uint8), ("lag_ms", ctypes.c_uint32),
                ("flows", ctypes.c_uint32), ("peer_flows", ctypes.c_uint32),
                ("flushed_term", ctypes.c_uint64)]


COUNTERS = ("events event_overruns flows_sent flows_inserted flows_updated flows_deleted insert_failed "
            "conflicts frames_sent frames_received bytes_sent retransmits bulks_sent bulks_received "
            "buffer_full refused filtered not_carried updates_missed "
            "expects_sent expects_held expects_failed").split()

COMPARED = ("comparisons buckets_differed comparisons_abandoned repairs_sent repairs_received flows_repaired "
            "flows_left_over").split()
SIDE_COUNTERS = ("neighbours_sent neighbours_written neighbours_failed "
                 "elements_sent elements_written elements_failed elements_unknown").split()


class Status(ctypes.Structure):
    _fields_ = [("report", Report), ("running", ctypes.c_bool), ("link_up", ctypes.c_bool),
                ("session", ctypes.c_bool), ("part", ctypes.c_uint32),
                *((name, ctypes.c_uint64) for name in COUNTERS), ("table_full", ctypes.c_bool),
                *((name, ctypes.c_uint64) for name in COMPARED), ("buckets", ctypes.c_uint32),
                ("buckets_unsettled", ctypes.c_uint32), ("equal_at", ctypes.c_int64),
                *((name, ctypes.c_uint32) for name in ("neighbours", "sets", "set_elements")),
                *((name, ctypes.c_uint64) for name in SIDE_COUNTERS)]


ENGINE_PAGE_SIZE = 1 << 22  # more than struct engine_page has
OPEN_LAST = 16              # of its member open_last

NOTES = Path(__file__).resolve().parents[2] / "src/core/notes"
NOTE_NAMES = [name for part in ("roles", "cluster", "node") for name in
              re.findall(r'^NOTE\(\w+, \d+, \w+, "(\w+)"', (NOTES / f"catalogue-{part}.def").read_text(), re.M)]


class Note(ctypes.Structure):
    _fields_ = [("id", ctypes.c_uint32), ("at", ctypes.c_int64), ("arg", ctypes.c_int64 * 10)]


class Page(ctypes.Structure):
    _fields_ = [("seq", ctypes.c_uint32), ("status", Status), ("expiry_s", ctypes.c_int64),
                ("notes_head", ctypes.c_uint64), ("notes", Note * 1024)]


class SyncNode(Namespace):
    """A namespace with connection tracking and, after start(), a state sync process."""

    def __init__(self, role, node_type, key=b"k" * 32):
        super().__init__(role)
        self.node_type = node_type
        self.key = key
        self.process = self.page = None
        self.engine_page = os.memfd_create("engine")
        os.truncate(self.engine_page, ENGINE_PAGE_SIZE)
        self.own = []
        self.buffer_kb, self.burst, self.after_s, self.silence_s = 4096, 100, 0, 5
        self.except_nets, self.except_services = [], []
        self.devs = [("sync", 1)]
        self.sysctl("net.netfilter.nf_conntrack_events=1", "net.ipv4.ip_forward=1",
                    "net.netfilter.nf_conntrack_tcp_loose=0")
        self.report = None
        self.log = tempfile.TemporaryFile()

    def told(self, name):
        """The arguments of each event of that name since the page was made."""
        page = Page.from_buffer_copy(os.pread(self.page, ctypes.sizeof(Page), 0))
        assert page.notes_head <= 1024
        return [list(n.arg) for n in page.notes[:page.notes_head] if NOTE_NAMES[n.id] == name]

    def gate(self, is_open):
        """What the engine's page says of its gate."""
        last = 2**63 - 1 if is_open else time.monotonic_ns()
        os.pwrite(self.engine_page, struct.pack("@q", last), OPEN_LAST)

    def start(self, part=STANDBY, term=0):
        sup, child = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if self.page is None:  # it outlives the process, as the supervisor's does
            self.page = os.memfd_create("page")
            os.truncate(self.page, ctypes.sizeof(Page))
        child.setblocking(False)  # shared with the child: it must never block there

        def before_exec():
            die_with_us()
            os.dup2(child.fileno(), 3)

        self.sup = sup
        self._send(sup, SETUP, b"", [self.page, self.engine_page])
        self.process = self.popen_fd(before_exec)
        child.close()
        self.engine = self._link(ENGINE)
        self.config = self._link(CONFIG)
        self.configure()
        self.part(part, term)
        return self

    def popen_fd(self, before_exec):
        p = subprocess.Popen(["ip", "netns", "exec", self.name, str(TWINWALLD), "--role", "statesync"],
                             preexec_fn=before_exec, pass_fds=(3,), stderr=self.log)
        self.processes.append(p)
        return p

    @staticmethod
    def _send(sock, kind, payload, fds=()):
        anc = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        sock.sendmsg([bytes((VERSION, kind)) + payload], anc)

    def _link(self, proc):
        mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        its.setblocking(False)
        self._send(self.sup, LINK, bytes((proc,)), [its.fileno()])
        its.close()
        return mine

    def relink_engine(self):
        """The engine was restarted: a new socket takes the place of the old."""
        self.engine.close()
        self.engine = self._link(ENGINE)

    def excepted(self):
        """SyncExceptNetwork and SyncExceptService: IPv4 networks, (protocol, port)."""
        m = bytes((len(self.except_nets),))
        for net in map(ipaddress.IPv4Network, self.except_nets):
            m += b"\4" + net[0].packed.ljust(16, b"\0") + net[-1].packed.ljust(16, b"\0")
        return m + bytes((len(self.except_services),)) + b"".join(
            struct.pack(">BHH", proto, port, port) for proto, port in self.except_services)

    def configure(self, enabled=True):
        m = struct.pack(">BBHH32sB", enabled, self.node_type, 7, 0xC157, self.key, len(self.devs))
        for dev, index in self.devs:
            m += bytes((len(dev),)) + dev.encode() + struct.pack(">H", index)
        m += struct.pack(">III", self.buffer_kb, self.burst, self.after_s) + self.excepted()
        m += struct.pack(">IH", self.silence_s, len(self.own))
        for a in self.own:
            v6 = ":" in a
            raw = socket.inet_pton(socket.AF_INET6 if v6 else socket.AF_INET, a)
            m += bytes((6 if v6 else 4,)) + raw.ljust(16, b"\0")
        self._send(self.config, SYNC_CONF, m)

    def part(self, part, term, alone=False):
        self._send(self.engine, SYNC_PART, struct.pack(">BQB", part, term, alone))

    def read_reports(self, timeout=0.0):
        """Takes what has come; true when there was something."""
        got = False
        while select.select([self.engine], [], [], timeout)[0]:
            m = self.engine.recv(4096)
            if not m:
                break
            assert m[1] == SYNC_REPORT
            state, percent, lag, flows, peer, flushed = struct.unpack(">BBIIIQ", m[2:])
            self.report = dict(state=STATES[state], percent=percent, lag_ms=lag, flows=flows,
                               peer_flows=peer, flushed_term=flushed)
            got, timeout = True, 0
        return got

    def state(self):
        self.read_reports()
        return self.report["state"] if self.report else None

    def wait_state(self, state, timeout=5):
        wait_until(lambda: self.state() == state, timeout, lambda: f"{self.name} {state}: {self.report}")

    def barrier(self, term, timeout=2):
        """Gives the order and waits for the word; how long it took, in seconds."""
        t0 = time.monotonic()
        self.part(BARRIER, term)
        while time.monotonic() < t0 + timeout:
            if self.read_reports(0.05) and self.report["flushed_term"] == term:
                return time.monotonic() - t0
        raise AssertionError(f"no barrier: {self.report}")

    def status(self):
        raw = os.pread(self.page, ctypes.sizeof(Page), 0)
        return Page.from_buffer_copy(raw).status

    def wait_status(self, predicate, what, timeout=2):
        """The page is written four times a second."""
        wait_until(lambda: predicate(self.status()), timeout, what)

    def stop(self):
        self._send(self.sup, STOP, b"")
        assert self.process.wait(timeout=5) == 0
        self._forget()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self._forget()

    def _forget(self):
        for s in (self.sup, self.engine, self.config):
            s.close()
        self.processes.remove(self.process)
        self.process = None
        self.report = None

    def pid(self):
        return self.process.pid

    def rss_kb(self):
        for line in Path(f"/proc/{self.pid()}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1])

    def cpu_s(self):
        f = Path(f"/proc/{self.pid()}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(f[11]) + int(f[12])) / os.sysconf("SC_CLK_TCK")

    # the table

    def flows(self, *what):
        """Lines of conntrack -L; how old a flow is (as far as the kernel notes it) is each node's own."""
        return re.sub(r" delta-time=\d+", "", self.exec("conntrack", "-L", *what, check=False)).splitlines()

    def count(self):
        return int(self.exec("conntrack", "-C"))

    def liberal(self):
        return self.exec("sysctl", "-n", "net.netfilter.nf_conntrack_tcp_be_liberal").strip()
