# SPDX-License-Identifier: GPL-2.0-or-later
"""The pairs that statesync.py compares: two namespaces with a sync link, alike but for what synchronises.

 tw-flowgen ── cli ─┐        ┌─ srv       node a is active and gets the flows, node b stands by;
                    a ═ sync ═ b           both have the same ruleset and the same (tun) devices
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lab"))
from lab import program  # noqa: E402
from netns import LabError, Namespace, wait_until  # noqa: E402
from reference import CONNTRACKD, CONNTRACKD_SIZES  # noqa: E402
from syncnode import ACTIVE, PREPARE, STANDBY, SyncNode  # noqa: E402

SHARED = "203.0.113.1"
SYNC = {"a": "10.255.0.1", "b": "10.255.0.2"}
CONNTRACKD_PROGRAM = "/usr/sbin/conntrackd"
SYSCTLS = ("net.netfilter.nf_conntrack_events=1", "net.netfilter.nf_conntrack_timestamp=1",
           "net.netfilter.nf_conntrack_tcp_loose=0", "net.netfilter.nf_conntrack_udp_timeout=600",
           "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0",
           "net.ipv6.conf.all.disable_ipv6=1",
           "net.ipv6.conf.default.disable_ipv6=1")
RULES = f"""
table ip nat {{
    chain post {{
        type nat hook postrouting priority 100
        oifname "srv" snat to {SHARED}
    }}
}}
table inet f {{
    chain raw {{
        type filter hook prerouting priority -300
        iifname "sync" notrack
    }}
    chain rawout {{
        type filter hook output priority -300
        oifname "sync" notrack
    }}
    chain pre {{
        type filter hook prerouting priority -150
        ct state invalid drop
    }}
}}
"""


def cpu_ns(pid):
    """What the process has used of the processors, all threads, in user space and in system calls."""
    total = 0
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat") as f:
                total += int(f.read().split()[0])
    except (FileNotFoundError, ProcessLookupError):
        pass
    return total


def rss_kb(pid):
    with open(f"/proc/{pid}/status") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


class Flowgen:
    """A running tw-flowgen."""

    def __init__(self, node, *args):
        self.node = node
        self.p = node.popen(program("tw-flowgen"), *map(str, args), stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True)
        if self.p.stdout.readline() != "ready\n":
            raise LabError(f"tw-flowgen {args}: ended with {self.p.wait()}")

    def go(self):
        self.p.stdin.write("\n")
        self.p.stdin.flush()

    def answer(self):
        line = self.p.stdout.readline()
        if not line:
            raise LabError(f"tw-flowgen ended with {self.p.wait()}")
        return json.loads(line)

    def finish(self):
        """To be called when nobody looks at it any more."""
        self.p.stdin.close()
        self.p.wait()
        self.node.processes.remove(self.p)

    def stop(self):
        self.p.terminate()
        found = self.answer()
        self.finish()
        return found


class Pair:
    """What all have in common. b may be started later than a."""
    in_kernel = True  # the standby's kernel has the flows before a takeover

    def __init__(self, a, b):
        self.a, self.b = a, b
        try:
            a.ip(f"link add sync type veth peer name sync netns {b.name}")
            for name, node in (("a", a), ("b", b)):
                node.sysctl(*SYSCTLS)
                node.ip(f"addr add {SYNC[name]}/24 dev sync", "link set sync up",
                        *[f"tuntap add dev {d} mode tun" for d in ("cli", "srv")],
                        "link set cli up", "link set srv up",
                        "route add 10.64.0.0/10 dev cli", "route add 198.18.0.0/15 dev srv")
                node.exec("nft", "-f", "-", stdin=RULES)
        except Exception:
            self.close()
            raise

    def start(self):
        self.start_active()
        self.start_standby()
        self.wait_synced()
        return self

    def start_active(self):
        """Ready to tell of new flows, and of those that are there."""

    def start_standby(self):
        """Asks for all flows."""

    def wait_synced(self, timeout=20):
        """Both say that all is told."""

    def wait_joining(self):
        """b has begun to receive."""

    def wait_joined(self, rate, timeout):
        """Until b has all flows, but for the last moment of those that come at that rate; false if it has not."""
        try:
            wait_until(lambda: self.held() >= self.flows_of(self.a) - rate // 5, timeout, "all flows", step=0.05)
        except AssertionError:
            return False
        return True

    def pids(self):
        """Of a and b."""
        return []

    def flows_of(self, node):
        """Of its kernel's table. Read by way of its first process, for asking often must cost next to nothing."""
        if not node.processes:
            return int(node.exec("conntrack", "-C"))
        with open(f"/proc/{node.processes[0].pid}/net/stat/nf_conntrack") as f:
            return int(f.readlines()[1].split()[0], 16)

    def held(self):
        """How many flows the standby has, wherever it keeps them."""
        return self.flows_of(self.b)

    def trouble(self):
        """Counters of what was lost, all 0 at best."""
        return {}

    def take_over(self):
        """Gives b the order and returns at once."""

    def wait_held(self, n, timeout):
        """Until the standby has n flows; False when it has not by then."""
        try:
            wait_until(lambda: self.held() == n, timeout, "the flows", step=0.005 if self.in_kernel else 0.05)
        except AssertionError:
            return False
        return True

    def make(self, kind, first, count, rate, node=None):
        """Makes flows and waits for that; what tw-flowgen says."""
        gen = Flowgen(node or self.a, kind, first, count, rate)
        found = gen.answer()
        gen.finish()
        return found

    def dump(self, node):
        """{number | TCP state << 32: when it began, in ns} of the kernel's table."""
        out = subprocess.run(["ip", "netns", "exec", node.name, program("tw-flowgen"), "dump"],
                             capture_output=True, timeout=60, check=True).stdout
        words = memoryview(out).cast("Q")
        return dict(zip(words[0::2], words[1::2]))

    def link_bytes(self):
        """Sent by a and by b on the sync link, with Ethernet headers."""
        return [int(n.exec("cat", "/sys/class/net/sync/statistics/tx_bytes")) for n in (self.a, self.b)]

    def close(self):
        for node in (self.a, self.b):
            node.remove()


class Nothing(Pair):
    """No synchronisation: what making the flows costs alone."""
    key, title = "none", "nothing"

    def __init__(self, flows=0):
        super().__init__(Namespace("a"), Namespace("b"))


class Twinwall(Pair):
    key, title = "tw", "Twinwall"

    def __init__(self, flows=0):
        a, b = SyncNode("a", 0), SyncNode("b", 1)
        a.own = b.own = [SHARED, *SYNC.values()]
        super().__init__(a, b)
        # The kernel knows only whether anybody listens in any namespace: because of a's listener it would make
        # b's events as well, for nobody. On a machine of its own nobody listens there.
        b.sysctl("net.netfilter.nf_conntrack_events=0")

    def start_active(self):
        self.a.start(ACTIVE, 1)

    def start_standby(self):
        self.b.start(STANDBY, 1)

    def wait_synced(self, timeout=20):
        self.b.wait_state("synced", timeout)
        self.a.wait_state("synced", timeout)

    def wait_joining(self):
        wait_until(lambda: self.b.state() in ("syncing", "synced") and self.b.report["percent"] > 0, 10, "a bulk",
                   step=0.005)

    def wait_joined(self, rate, timeout):
        self.b.wait_state("synced", timeout)
        return True

    def pids(self):
        return [self.a.pid(), self.b.pid()]

    def trouble(self):
        time.sleep(0.3)  # the page is written four times a second
        a, b = self.a.status(), self.b.status()
        return {"event overruns": a.event_overruns, "buffer full": a.buffer_full,
                "bulks beyond the first": max(0, b.bulks_received - 1), "not inserted": b.insert_failed}

    def take_over(self):
        self.b.part(PREPARE, 1)
        self.b.part(ACTIVE, 2, alone=True)


class ConntrackdNode(Namespace):
    def __init__(self, name, no_cache, flows):
        super().__init__(name)
        self.dir = tempfile.mkdtemp(prefix="twct-")
        peer = "b" if name == "a" else "a"
        sizes = CONNTRACKD_SIZES | {"no_cache": "On" if no_cache else "Off", "hash_size": max(32768, flows // 4),
                                    "hash_limit": max(131072, flows * 2), "buffer": 32 << 20,
                                    "buffer_max": 128 << 20, "filter": "Kernelspace"}
        with open(f"{self.dir}/conntrackd.conf", "w") as f:
            f.write(CONNTRACKD.format(me=SYNC[name], peer=SYNC[peer], dir=self.dir, **sizes))
        self.daemon = None

    def start(self):
        with open(f"{self.dir}/log", "ab") as log:
            self.daemon = self.popen(CONNTRACKD_PROGRAM, "-C", f"{self.dir}/conntrackd.conf", stdout=log, stderr=log)
        # it answers when its table is read
        wait_until(lambda: self.ask("-s", check=False), 60, f"conntrackd answers: {self.dir}/log", step=0.05)

    def args(self, *what):
        return [CONNTRACKD_PROGRAM, "-C", f"{self.dir}/conntrackd.conf", *what]

    def ask(self, *what, check=True):
        return self.exec(*self.args(*what), check=check, timeout=120)

    def cached(self, which):
        """Flows in its internal or external cache."""
        m = re.search(rf"cache {which}:\s*current active connections:\s*(\d+)", self.ask("-s"))
        return int(m[1]) if m else 0

    def remove(self):
        super().remove()
        shutil.rmtree(self.dir, ignore_errors=True)


class Conntrackd(Pair):
    """The external cache: flows wait in the standby's daemon and are committed at a takeover."""
    key, title, no_cache = "ct", "conntrackd, external cache", False
    in_kernel = False
    # what conntrackd's example script does on the way to primary
    PRIMARY = ("-c", "-f", "-R", "-B")

    def __init__(self, flows=100000):
        super().__init__(*[ConntrackdNode(n, self.no_cache, flows) for n in "ab"])

    def start_active(self):
        self.a.start()

    def start_standby(self):
        self.b.start()
        self.b.ask("-n")

    def wait_synced(self, timeout=20):
        n = self.flows_of(self.a)
        if not self.wait_held(n, timeout):
            raise AssertionError(f"conntrackd: {self.held()} of {n} flows after {timeout} s")

    def pids(self):
        return [self.a.daemon.pid, self.b.daemon.pid]

    def held(self):
        return self.b.cached("external")

    def trouble(self):
        overruns = re.search(r"netlink overrun:\s*(\d+)", self.a.ask("-s", "runtime"))
        lost = re.search(r"(\d+) Lost msgs", self.b.ask("-s"))
        return {"event overruns": int(overruns[1]) if overruns else 0, "messages lost": int(lost[1]) if lost else 0}

    def take_over(self):
        script = "; ".join(" ".join(self.b.args(x)) for x in self.PRIMARY)
        self.b.popen("sh", "-c", script, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class ConntrackdDirect(Conntrackd):
    """DisableExternalCache: flows go into the standby's kernel at once."""
    key, title, no_cache = "ct-direct", "conntrackd, DisableExternalCache", True
    in_kernel = True

    def held(self):
        return self.flows_of(self.b)


def all_pairs():
    """The classes; conntrackd's only where it is installed."""
    found = [Twinwall]
    if os.access(CONNTRACKD_PROGRAM, os.X_OK):
        found += [Conntrackd, ConntrackdDirect]
    return found
