#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""New UDP flows at a steady rate: each is one query and its answer.

    newflows.py server ADDRESS PORTS          answers on so many ports from 5300
    newflows.py client FROM TO PORTS RATE     that many queries a second, each from a port of its own

The client makes its packets by hand, thousands a second, and reads no answers; `begin` has its kernel drop them.
"""
import os
import selectors
import socket
import struct
import subprocess
import sys
import time

FIRST = 5300
SLICE_S = 0.01


def server(address, ports):
    chosen = selectors.DefaultSelector()
    for port in range(FIRST, FIRST + ports):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        s.bind((address, port))
        s.setblocking(False)
        chosen.register(s, selectors.EVENT_READ)
    while True:
        for key, _ in chosen.select():
            try:
                for _ in range(100):
                    data, source = key.fileobj.recvfrom(100)
                    key.fileobj.sendto(data, source)
            except BlockingIOError:
                pass


def client(source, to, ports, rate):
    """A port meets the same destination again after 60000 × PORTS flows: later than any timeout of UDP."""
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_UDP, 0, socket.inet_aton(source),
                       socket.inet_aton(to))
    done, start = 0, time.monotonic()
    while True:
        due = int((time.monotonic() - start) * rate)
        if due - done > rate:  # a machine that stood still does not make up for it
            start += (due - done - rate) / rate
            due = done + rate
        for n in range(done, due):
            udp = struct.pack("!HHHHI", 2000 + n // ports % 60000, FIRST + n % ports, 12, 0, n & 0xffffffff)
            try:
                s.sendto(head + udp, (to, 0))
            except OSError:  # no buffer, or no neighbour for a moment
                pass
        done = due
        time.sleep(SLICE_S)


def begin(lab, source, to, rate, ports=8):
    """Starts both ends in a lab's client and server; their processes."""
    lab.client.ns.exec("nft", "-f", "-", stdin="table inet newflows { chain in { type filter hook input priority 0; "
                       f"udp sport {FIRST}-{FIRST + ports - 1} drop\n }}\n }}\n")
    this = os.path.abspath(__file__)
    started = [ns.popen(sys.executable, "-B", this, *map(str, args), stdin=subprocess.DEVNULL) for ns, args in
               ((lab.server.ns, ("server", to, ports)), (lab.client.ns, ("client", source, to, ports, rate)))]
    return started


def end(lab, started):
    for p in started:
        p.kill()
    lab.client.ns.exec("nft", "delete", "table", "inet", "newflows")


def main():
    what, *args = sys.argv[1:]
    if what == "server":
        server(args[0], int(args[1]))
    client(args[0], args[1], int(args[2]), int(args[3]))


if __name__ == "__main__":
    main()
