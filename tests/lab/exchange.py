# SPDX-License-Identifier: GPL-2.0-or-later
"""One flow through the firewall of which the lab holds both ends: TCP, UDP, UDP-Lite, GRE, SCTP.

speak() sends something never sent before each way and compares, with either end first. The end that was
called checks that the caller's address never changes: a translation that is made anew shows.
"""
import itertools
import os
import socket
import struct
import threading
import time
import zlib

from netns import make_socket

TRY_S, TRIES = 0.25, 40   # a datagram may be lost at a takeover; nobody repeats it but we
UDPLITE, SCTP = 136, 132
_numbers = itertools.count(1)


class Broken(AssertionError):
    pass


class Exchange:
    """Both ends of one flow. `caller` and `called` are namespaces, `dials` is what the caller speaks to
    and `at` what the called end has."""
    either_first = True

    def __init__(self, name, v6):
        self.name, self.family = name, socket.AF_INET6 if v6 else socket.AF_INET
        self.lock = threading.Lock()
        self.seen = None   # the caller's address, as the called end knows it
        self.rounds = 0

    def payload(self):
        n = next(_numbers)
        return struct.pack("!QI", n, zlib.crc32(b"%d" % n)) + os.urandom(52)

    def speak(self, called_first=False):
        with self.lock:
            for back in (True, False) if called_first and self.either_first else (False, True):
                self.way(back)
            self.rounds += 1

    def close(self):
        for s in self.sockets:
            s.close()


class Stream(Exchange):
    """A connection that is idle most of the time."""

    def __init__(self, name, caller, called, dials, at, v6=False, protocol=socket.IPPROTO_TCP):
        super().__init__(name, v6)
        with make_socket(called, self.family, socket.SOCK_STREAM, protocol, timeout=10) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(at)
            listener.listen(1)
            self.caller = make_socket(caller, self.family, socket.SOCK_STREAM, protocol, timeout=10)
            self.caller.connect(dials)
            self.called, self.seen = listener.accept()
        self.called.settimeout(20)
        self.caller.settimeout(20)
        self.sockets = (self.caller, self.called)

    def way(self, back):
        out, into = (self.called, self.caller) if back else (self.caller, self.called)
        sent, got = self.payload(), b""
        try:
            out.sendall(sent)
            while len(got) < len(sent):
                more = into.recv(len(sent) - len(got))
                if not more:
                    raise Broken(f"{self.name}: closed")
                got += more
        except OSError as e:
            raise Broken(f"{self.name}: {e}") from e
        if got != sent:
            raise Broken(f"{self.name}: other data arrived")


class Datagrams(Exchange):
    """Packets that carry a payload behind `head`; `offset` is what recv() puts in front of it."""
    head, tries = b"", TRIES

    def __init__(self, name, caller, called, dials, at, v6=False, kind=socket.SOCK_DGRAM, protocol=0):
        super().__init__(name, v6)
        self.raw = kind == socket.SOCK_RAW
        self.called = make_socket(called, self.family, kind, protocol, timeout=TRY_S)
        self.called.bind(at)
        self.caller = make_socket(caller, self.family, kind, protocol, timeout=TRY_S)
        self.caller.connect(dials)
        self.sockets = (self.caller, self.called)
        self.begin()
        self.way(False)

    def begin(self):
        """For protocols that must open a conversation."""

    def wrap(self, payload, back):
        return self.head + payload

    def unwrap(self, packet, back):
        """The payload, or None when this packet has none."""
        return packet[len(self.head):] if packet.startswith(self.head) else None

    def receive(self, s, back):
        """(payload, from) of the next packet."""
        packet, source = s.recvfrom(65536)
        if self.raw and self.family == socket.AF_INET:
            packet = packet[(packet[0] & 15) * 4:]
        return self.unwrap(packet, back), source

    def send(self, data, back):
        if back:
            self.called.sendto(data, self.seen)
        else:
            self.caller.send(data)

    def way(self, back):
        into = self.caller if back else self.called
        for _ in range(self.tries):
            payload = self.payload()
            end = time.monotonic() + TRY_S
            try:
                self.send(self.wrap(payload, back), back)
                got = source = None
                while got != payload and time.monotonic() < end:
                    got, source = self.receive(into, back)
            except OSError:  # nothing came, or an ICMP error of the one before
                continue
            if got != payload:
                continue
            if not back and self.seen not in (None, source):
                raise Broken(f"{self.name}: came from {self.seen}, now from {source}")
            if not back:
                self.seen = source
            return
        raise Broken(f"{self.name}: nothing arrives {'at the caller' if back else 'at the called end'}")


class Gre(Datagrams):
    """Version 0 without key: a flow has addresses only. The caller always speaks first, and again when nothing
    comes back: the kernel ends a copied GRE flow with its first packet (docs/design/statesync.md, "What is
    carried")."""
    either_first, tries = False, 2
    head = struct.pack("!HH", 0, 0x0800)

    def __init__(self, name, caller, called, dials, at, v6=False):
        super().__init__(name, caller, called, dials, at, v6, socket.SOCK_RAW, socket.IPPROTO_GRE)

    def speak(self, called_first=False):
        for left in reversed(range(TRIES // self.tries)):
            try:
                return super().speak()
            except Broken:
                if not left:
                    raise


CRC32C = []
for _i in range(256):
    for _ in range(8):
        _i = _i >> 1 ^ (0x82f63b78 if _i & 1 else 0)
    CRC32C.append(_i)


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc = CRC32C[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xffffffff


class RawSctp(Datagrams):
    """An association spoken by hand, for kernels without SCTP of their own: four-way handshake, then DATA.
    Ports and tags are what the kernel between tracks; it also checks the sum, and mends it when it translates."""
    INIT, INIT_ACK, COOKIE_ECHO, COOKIE_ACK, DATA = 1, 2, 10, 11, 0
    CALLER_TAG, CALLED_TAG = 0x11111111, 0x22222222

    def __init__(self, name, caller, called, dials, at, v6=False):
        self.ports, self.called_port, self.number = (5000, dials[1]), at[1], 0
        self.back_port = None  # the caller's, as the called end sees it
        super().__init__(name, caller, called, (dials[0], 0), (at[0], 0), v6, socket.SOCK_RAW, SCTP)

    def packet(self, tag, kind, body, back):
        ports = (self.called_port, self.back_port) if back else self.ports
        chunk = struct.pack("!BBH", kind, 3 if kind == self.DATA else 0, 4 + len(body)) + body
        chunk += bytes(-len(chunk) % 4)
        head = struct.pack("!HHI", *ports, tag)
        return head + struct.pack("<I", crc32c(head + bytes(4) + chunk)) + chunk

    def begin(self):
        init = struct.pack("!IHHI", 65536, 1, 1, 1)
        for tag, kind, body, back in (
                (0, self.INIT, struct.pack("!I", self.CALLER_TAG) + init, False),
                (self.CALLER_TAG, self.INIT_ACK, struct.pack("!I", self.CALLED_TAG) + init, True),
                (self.CALLED_TAG, self.COOKIE_ECHO, b"cake", False),
                (self.CALLER_TAG, self.COOKIE_ACK, b"", True)):
            self.send(self.packet(tag, kind, body, back), back)
            packet = None
            while packet is None or packet[12] != kind:
                packet, source = (self.caller if back else self.called).recvfrom(65536)
                if self.family == socket.AF_INET:
                    packet = packet[(packet[0] & 15) * 4:]
            if not back:
                self.seen, self.back_port = source, struct.unpack_from("!H", packet)[0]

    def wrap(self, payload, back):
        self.number += 1
        tag = self.CALLER_TAG if back else self.CALLED_TAG
        return self.packet(tag, self.DATA, struct.pack("!IHHI", self.number, 0, 0, 0) + payload, back)

    def unwrap(self, packet, back):
        right = crc32c(packet[:8] + bytes(4) + packet[12:]) == struct.unpack_from("<I", packet, 8)[0]
        if packet[12] != self.DATA or not right:
            return None
        if not back and struct.unpack_from("!H", packet)[0] != self.back_port:
            raise Broken(f"{self.name}: came from port {self.back_port}, now from another")
        return packet[28:]


class Keeper(threading.Thread):
    """Speaks on every exchange again and again, with long pauses, until stop(); what broke is in `broken`."""

    def __init__(self, exchanges, pause_s):
        super().__init__(daemon=True)
        self.exchanges, self.pause_s, self.broken = exchanges, pause_s, []
        self.ended = threading.Event()

    def run(self):
        while not self.ended.wait(self.pause_s):
            for x in self.exchanges:
                try:
                    x.speak()
                except (Broken, OSError) as e:
                    self.broken.append(str(e))
                    return

    def stop(self):
        self.ended.set()
        self.join()
