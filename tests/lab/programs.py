# SPDX-License-Identifier: GPL-2.0-or-later
"""Real programs through the firewall: curl, ssh, iperf3, ping, and name queries. Each checks its own data,
runs until stop(), counts in `done` what it has got through, and says in `broken` what must never happen.

Their servers run in the namespace on the other side. A program waits out an outage as people would: TCP
repeats, ping loses some, a query is asked again.
"""
import hashlib
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

from netns import LabError, make_socket, wait_until


def url(address, port):
    return f"http://[{address}]:{port}/" if ":" in address else f"http://{address}:{port}/"


class Program:
    """A thread that runs rounds until told to stop."""

    def __init__(self, name):
        self.name, self.done, self.broken = name, 0, None
        self.ended = threading.Event()
        self.processes = []

    def start(self):
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        return self

    def _run(self):
        try:
            while not self.ended.is_set():
                self.round()
        except Exception as e:  # whatever it is: the program did not get through
            if not self.ended.is_set():
                self.broken = f"{self.name}: {e!r}"

    def launch(self, ns, *args, **kwargs):
        p = ns.popen(*args, **{"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL,
                               "stderr": subprocess.DEVNULL, "start_new_session": True} | kwargs)
        self.processes.append(p)
        return p

    def stop(self):
        self.ended.set()
        for p in self.processes:
            if p.poll() is None:
                os.killpg(p.pid, signal.SIGKILL)
        self.thread.join(20)
        for p in self.processes:
            p.wait()

    def finish(self):
        """Ends after what it is doing now."""
        self.ended.set()
        self.thread.join(60)
        if self.thread.is_alive():
            self.broken = self.broken or f"{self.name}: hangs"
        self.stop()


class Curl(Program):
    """Downloads, one after the other, that take two seconds each; every byte counts."""
    SIZE, RATE = 2_000_000, "1M"
    SERVE = """
import functools, http.server, socket, socketserver, sys
address, port, folder = sys.argv[1:]
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
    server_bind = socketserver.TCPServer.server_bind  # does not ask a resolver, which is out of reach, for its name
Server((address, int(port)), functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)).serve_forever()
"""
    LOOP = 'while curl -sS --limit-rate "$1" --max-time 60 -o "$2/got" "$3"; do sha256sum <"$2/got"; done 2>&1'

    def __init__(self, name, folder, caller, called, address, port, at=None):
        super().__init__(name)
        folder = os.path.join(folder, re.sub(r"\W", "-", name))
        os.makedirs(folder)
        data = os.urandom(self.SIZE)
        with open(os.path.join(folder, "file"), "wb") as f:
            f.write(data)
        self.sum = hashlib.sha256(data).hexdigest()
        at_address, at_port = at or (address, port)
        self.launch(called, sys.executable, "-c", self.SERVE, at_address, str(at_port), folder)
        wait_listening(called, at_port)
        self.curl = self.launch(caller, "sh", "-c", self.LOOP, "sh", self.RATE, folder, url(address, port) + "file",
                                stdout=subprocess.PIPE, text=True)

    def round(self):
        line = self.curl.stdout.readline()
        if line.split()[:1] != [self.sum]:
            raise LabError(f"not what was sent: {line}{'' if line else self.curl.wait()}")
        self.done += 1


class Ssh(Program):
    """One session all the time; what goes there must come back."""
    CONFIG = """ListenAddress {address}
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
"""
    # sshd wants a folder of its own below /run: in this process's mounts only
    OWN_RUN = "mount -t tmpfs none /run && mkdir /run/sshd && exec /usr/sbin/sshd -D -e -f "

    def __init__(self, name, folder, caller, called, address, port):
        super().__init__(name)
        folder = os.path.join(folder, name)
        os.makedirs(folder)
        for key in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{folder}/{key}"], check=True)
        with open(f"{folder}/conf", "w") as f:
            f.write(self.CONFIG.format(address=address, port=port, folder=folder))
        with open(f"{folder}/log", "w") as log:
            self.launch(called, "sh", "-c", self.OWN_RUN + f"{folder}/conf", stderr=log)
        wait_listening(called, port)
        self.errors = open(f"{folder}/errors", "w+")
        self.session = self.launch(
            caller, "ssh", "-F", "none", "-i", f"{folder}/user", "-p", str(port), "-o", "StrictHostKeyChecking=no",
            "-o", "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
            f"root@{address}", "cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, bufsize=0)

    def round(self):
        sent, got = os.urandom(8192), b""
        self.session.stdin.write(sent)
        while len(got) < len(sent):
            more = self.session.stdout.read(len(sent) - len(got))
            if not more:
                self.errors.seek(0)
                raise LabError(f"ssh ended: {self.errors.read()}")
            got += more
        if got != sent:
            raise LabError("other data came back")
        self.done += 1
        time.sleep(0.02)


class Iperf(Program):
    """iperf3 both ways at once; an interval without data in one of them does not count."""
    LINE = re.compile(r"\]\[([TR])X-C\] .* sec +([\d.]+) ")

    def __init__(self, name, caller, called, address, port):
        super().__init__(name)
        self.launch(called, "iperf3", "-s", "-B", address, "-p", str(port))
        wait_listening(called, port)
        self.client = self.launch(caller, "iperf3", "-c", address, "-p", str(port), "-t", "3600", "-b", "4M", "--bidir",
                                  "-i", "0.2", "--forceflush", "-f", "k", stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True)
        self.ways = {"T": 0, "R": 0}

    def round(self):
        line = self.client.stdout.readline()
        if not line or "error" in line:
            raise LabError(f"iperf3: {line or 'ended'}")
        m = self.LINE.search(line)
        if m and float(m[2]) > 0:
            self.ways[m[1]] += 1
            self.done = min(self.ways.values())


class Ping(Program):
    """Echo requests with one identifier; ping compares the data itself."""

    def __init__(self, name, caller, address):
        super().__init__(name)
        self.ping = self.launch(caller, "ping", "-n", "-i", "0.05", address, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)

    def round(self):
        line = self.ping.stdout.readline()
        if not line or "wrong data" in line or "DUP!" in line:
            raise LabError(f"ping: {line or 'ended'}")
        self.done += "bytes from" in line


class Dns(Program):
    """Queries, each from a port of its own, to a small server; asked again when nothing comes."""
    TRIES = 40

    def __init__(self, name, caller, called, address, port=53):
        super().__init__(name)
        self.family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.caller, self.to = caller, (address, port)
        self.server = make_socket(called, self.family, socket.SOCK_DGRAM, timeout=0.5)
        self.server.bind((address, port))
        self.serving = threading.Thread(target=self.serve, daemon=True)
        self.serving.start()

    @staticmethod
    def address_of(question):
        return hashlib.sha256(question).digest()[:4]

    def serve(self):
        while not self.ended.is_set():
            try:
                query, source = self.server.recvfrom(2000)
            except socket.timeout:
                continue
            except OSError:
                return
            question = query[12:]
            answer = struct.pack("!HHHIH", 0xc00c, 1, 1, 60, 4) + self.address_of(question)
            self.server.sendto(query[:2] + struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0) + question + answer, source)

    def round(self):
        label = os.urandom(8).hex().encode()
        question = bytes([len(label)]) + label + b"\4test\0" + struct.pack("!HH", 1, 1)
        ident = os.urandom(2)
        query = ident + struct.pack("!HHHHH", 0x0100, 1, 0, 0, 0) + question
        with make_socket(self.caller, self.family, socket.SOCK_DGRAM, timeout=0.25) as s:
            s.connect(self.to)
            for _ in range(self.TRIES):
                try:
                    s.send(query)
                    answer = s.recv(2000)
                    break
                except OSError:
                    continue
            else:
                raise LabError("no answer")
        if answer[:2] != ident or answer[12:12 + len(question)] != question \
                or answer[-4:] != self.address_of(question):
            raise LabError("a wrong answer")
        self.done += 1
        time.sleep(0.02)

    def stop(self):
        super().stop()
        self.serving.join()
        self.server.close()


def wait_listening(ns, port):
    """Somebody in the namespace accepts connections there."""
    wait_until(lambda: f":{port} " in ns.exec("ss", "-Hltn"), 10, f"port {port} listens", step=0.05)


def missing(program):
    """Why this program cannot be used here, or None."""
    return None if shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin") else f"no {program} here"
