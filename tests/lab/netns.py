# SPDX-License-Identifier: GPL-2.0-or-later
"""Network namespaces of one lab: made with names nobody else has, removed whatever happens.

A name is tw<pid>x<number>-<role>. What a lab left behind whose process is dead (power cut, SIGKILL)
is removed by the next lab that starts. Nothing here touches the namespace the lab was started in.
"""
import atexit
import ctypes
import os
import re
import signal
import socket
import subprocess
import time

NAMES = re.compile(r"^tw(\d+)x\d+-\w+$")
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
_counter = 0
_ours = []
SLOW = float(os.environ.get("TW_LAB_SLOW", "1"))  # a machine that needs that many times as long


class LabError(Exception):
    """A command of the lab itself failed: nothing is said about the thing under test."""


def run(*args, check=True, stdin=None, timeout=30):
    """Runs a command, returns its output; LabError with all it said when it fails."""
    p = subprocess.run(args, input=stdin, capture_output=True, text=True, timeout=timeout * SLOW)
    if check and p.returncode != 0:
        raise LabError(f"{' '.join(args)}: status {p.returncode}\n{stdin or ''}{p.stdout}{p.stderr}")
    return p.stdout


def die_with_us():
    """Between fork and exec: the kernel ends the program when the lab ends, however that happens."""
    _libc.prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG


def wait_until(predicate, timeout, what, step=0.02):
    """Returns the first true value of predicate(), or fails with `what` after `timeout` seconds."""
    timeout *= SLOW
    end = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= end:
            raise AssertionError(f"not within {timeout} s: {what() if callable(what) else what}")
        time.sleep(step)


def make_socket(ns, *args, timeout=0.4):
    """A socket that lives in this namespace and is used from here. Only this thread goes there and back."""
    with open("/proc/thread-self/ns/net") as here, open(f"/run/netns/{ns.name}") as there:
        if _libc.setns(there.fileno(), CLONE_NEWNET) != 0:
            raise LabError(f"setns {ns.name}: {os.strerror(ctypes.get_errno())}")
        try:
            s = socket.socket(*args)
        finally:
            if _libc.setns(here.fileno(), CLONE_NEWNET) != 0:
                os.abort()  # whatever came next would happen in the wrong place
    s.settimeout(timeout)
    return s


class Namespace:
    def __init__(self, role):
        global _counter
        if not _ours:
            remove_leftovers()
        _counter += 1
        self.name = f"tw{os.getpid()}x{_counter}-{role}"
        self.processes = []
        _ours.append(self)
        self._add()

    def _add(self):
        run("ip", "netns", "add", self.name)
        self.ip("link set lo up")

    def ip(self, *lines, check=True):
        """One or more `ip` commands in one go; stops at the first that fails unless check=False."""
        force = [] if check else ["-force"]
        return run("ip", "-n", self.name, *force, "-batch", "-", stdin="\n".join(lines) + "\n",
                   check=check)

    def bridge(self, *lines):
        return run("bridge", "-n", self.name, "-batch", "-", stdin="\n".join(lines) + "\n")

    def exec(self, *args, check=True, stdin=None, timeout=30):
        return run("ip", "netns", "exec", self.name, *args, check=check, stdin=stdin, timeout=timeout)

    def sysctl(self, *settings):
        self.exec("sysctl", "-qw", *settings)

    def popen(self, *args, **kwargs):
        p = subprocess.Popen(["ip", "netns", "exec", self.name, *args], preexec_fn=die_with_us, **kwargs)
        self.processes.append(p)
        return p

    def pids(self):
        out = run("ip", "netns", "pids", self.name, check=False)
        return [int(x) for x in out.split()]

    def kill_all(self):
        """SIGKILL to everything that runs in here, until nothing does."""
        for _ in range(100):
            pids = self.pids()
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            for p in self.processes:
                p.poll()
            if not pids:
                break
            time.sleep(0.005)
        for p in self.processes:
            p.wait()
        self.processes.clear()

    def renew(self):
        """The same name, a new kernel state: a machine after a reboot."""
        self.kill_all()
        run("ip", "netns", "del", self.name)
        self._add()

    def remove(self):
        if self not in _ours:
            return
        _ours.remove(self)
        self.kill_all()
        run("ip", "netns", "del", self.name, check=False)


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def remove_leftovers():
    try:
        names = os.listdir("/run/netns")
    except FileNotFoundError:
        return
    for name in names:
        m = NAMES.match(name)
        if m is None or _alive(int(m.group(1))):
            continue
        for pid in run("ip", "netns", "pids", name, check=False).split():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
        run("ip", "netns", "del", name, check=False)


@atexit.register
def remove_all():
    for ns in list(_ours):
        ns.remove()


def _terminated(number, _frame):
    raise SystemExit(128 + number)


# Ended by a signal, the lab still leaves through atexit. Ctrl-C raises by itself.
if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
    signal.signal(signal.SIGTERM, _terminated)
if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:
    signal.signal(signal.SIGHUP, _terminated)
