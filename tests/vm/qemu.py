# SPDX-License-Identifier: GPL-2.0-or-later
"""One virtual machine: QEMU without acceleration, steered by QMP, spoken to through its agent.

Nothing of the host's network is used: a cable is a pair of connected sockets, each end held by a machine.
"""
import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import threading
import time

PR_SET_PDEATHSIG = 1


class VmError(Exception):
    pass


def _die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setsid()


def _connect(path, seconds):
    end = time.monotonic() + seconds
    while True:
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            s.connect(path)
            return s
        except OSError as e:
            s.close()
            if time.monotonic() > end:
                raise VmError(f"{path}: {e}") from e
            time.sleep(0.05)


class Lines:
    """A socket that speaks lines of JSON; answers are matched by their "id" by the caller."""

    def __init__(self, path, seconds):
        self.sock, self.buf, self.lock = _connect(path, seconds), b"", threading.Lock()

    def send(self, message):
        self.sock.sendall(json.dumps(message).encode() + b"\n")

    def receive(self, seconds):
        end = time.monotonic() + seconds
        while b"\n" not in self.buf:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                raise VmError(f"no answer in {seconds} s")
            more = self.sock.recv(65536)
            if not more:
                raise VmError("the machine has ended")
            self.buf += more
        line, self.buf = self.buf.split(b"\n", 1)
        return json.loads(line)


class Cable:
    """Two ends, one frame a datagram. Open as long as this process lives, so that the machine at the other
    end notices nothing but silence when one is switched off; frames for that one are thrown away."""

    def __init__(self):
        self.ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for s in self.ends:
            s.setblocking(False)

    def close(self):
        for s in self.ends:
            s.close()


class Drain(threading.Thread):
    """Reads what comes for a machine that has no power."""

    def __init__(self, ends):
        super().__init__(daemon=True)
        self.ends, self.wake = ends, os.pipe()
        self.start()

    def run(self):
        while True:
            ready = select.select([*self.ends, self.wake[0]], [], [])[0]
            if self.wake[0] in ready:
                return
            for end in ready:
                try:
                    end.recv(65536)
                except OSError:
                    pass

    def stop(self):
        os.write(self.wake[1], b"x")
        self.join()
        for fd in self.wake:
            os.close(fd)


class Vm:
    """cables: [(name of the NIC, MAC, our end of the cable)], in the order eth0, eth1, …"""

    def __init__(self, name, folder, images, cables, memory=512, init="/tw/guest/init", append=""):
        self.name, self.folder = name, folder
        self.kernel, self.initramfs, self.root = images
        self.cables, self.memory, self.init, self.append = cables, memory, init, append
        self.p = self.qmp = self.agent = None
        self.answers, self.next_id = {}, 0
        self.drain = None

    def path(self, what):
        return os.path.join(self.folder, f"{self.name}.{what}")

    def command(self):
        args = ["qemu-system-x86_64", "-accel", "tcg,tb-size=128", "-cpu", "max", "-smp", "1", "-m", str(self.memory),
                "-nodefaults", "-nographic", "-no-reboot", "-no-user-config", "-name", self.name,
                "-kernel", self.kernel, "-initrd", self.initramfs,
                "-append", f"console=ttyS0 quiet panic=-1 net.ifnames=0 tw.init={self.init} {self.append}",
                "-serial", f"file:{self.path('console')}",
                "-drive", f"file={self.root},format=raw,if=none,id=root,readonly=on",
                "-device", "virtio-blk-pci,drive=root", "-device", "virtio-rng-pci",
                "-qmp", f"unix:{self.path('qmp')},server=on,wait=off",
                "-device", "virtio-serial-pci",
                "-chardev", f"socket,id=agent,path={self.path('agent')},server=on,wait=off",
                "-device", "virtserialport,chardev=agent"]
        for name, mac, end in self.cables:
            # without a speed a bond does not speak LACP on it
            args += ["-netdev", f"socket,id=cable-{name},fd={end.fileno()}",
                     "-device", f"virtio-net-pci,netdev=cable-{name},id={name},mac={mac},speed=1000,"
                                "duplex=full,romfile="]
        return args

    def start(self):
        """Power on; returns at once. booted() waits."""
        for sock in ("qmp", "agent"):
            if os.path.exists(self.path(sock)):
                os.unlink(self.path(sock))
        if self.drain is not None:
            self.drain.stop()
            self.drain = None
        with open(self.path("qemu.log"), "ab") as log:
            self.p = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                      preexec_fn=_die_with_parent,
                                      pass_fds=[end.fileno() for _, _, end in self.cables])
        self.qmp = Lines(self.path("qmp"), 20)
        self.qmp.receive(60)
        self.monitor("qmp_capabilities")
        return self

    def booted(self, seconds=180):
        self.agent, self.answers = Lines(self.path("agent"), 20), {}
        try:
            if not self.agent.receive(seconds).get("hello"):
                raise VmError("it says something else than hello")
        except VmError as e:
            raise VmError(f"{self.name}: {e}\n{self.console()[-3000:]}") from e
        return self

    def console(self):
        with open(self.path("console"), encoding="utf-8", errors="replace") as f:
            return f.read()

    def monitor(self, execute, **arguments):
        self.qmp.send({"execute": execute, "arguments": arguments})
        while True:
            a = self.qmp.receive(60)
            if "return" in a:
                return a["return"]
            if "error" in a:
                raise VmError(f"{self.name}: {execute}: {a['error']}")

    def carrier(self, nic, up):
        self.monitor("set_link", name=nic, up=up)

    def pause(self):
        self.monitor("stop")

    def resume(self):
        self.monitor("cont")

    def ask(self, do, timeout=60, **what):
        """One question to the agent; several threads may ask."""
        with self.agent.lock:
            self.next_id += 1
            me = self.next_id
            self.agent.send({"id": me, "do": do, "timeout": timeout, **what})
        end = time.monotonic() + timeout + 10
        while time.monotonic() < end:
            with self.agent.lock:
                if me not in self.answers:
                    a = self.agent.receive(max(0.1, end - time.monotonic()))
                    self.answers[a["id"]] = a
                if me in self.answers:
                    a = self.answers.pop(me)
                    if "error" in a:
                        raise VmError(f"{self.name}: {do} {what}: {a['error']}")
                    return a
        raise VmError(f"{self.name}: no answer to {do} {what}")

    def run(self, *argv, check=True, timeout=60, stdin=None):
        """Standard output of a command inside; with check=False (status, out, err)."""
        a = self.ask("run", timeout, argv=[str(x) for x in argv], input=stdin)
        if not check:
            return a["status"], a["out"], a["err"]
        if a["status"]:
            raise VmError(f"{self.name}: {' '.join(map(str, argv))}: status {a['status']}\n{a['out']}{a['err']}")
        return a["out"]

    def sh(self, script, timeout=60):
        return self.run("sh", "-ec", script, timeout=timeout)

    def write(self, path, text, mode="644"):
        self.run("sh", "-c", f"umask 077; mkdir -p $(dirname {path}) && cat > {path} && chmod {mode} {path}",
                 stdin=text)

    def power_off(self):
        """The plug is pulled: QEMU is killed, nothing is said to anybody."""
        if self.p is None:
            return
        if self.p.poll() is None:
            self.p.kill()
        self.p.wait(20)
        self.p = None
        self.drain = Drain([end for _, _, end in self.cables])
        for lines in (self.qmp, self.agent):
            if lines is not None:
                lines.sock.close()
        self.qmp = self.agent = None
