#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0-or-later
"""A bad neighbour on one wire, run inside a namespace by test_hostile.py and others.

    hostile.py flood IFACE GROUP SECONDS KIND     as many frames as it can; prints how many
        KIND noise (no frame of ours), header (right magic, nonsense behind it), short
    hostile.py record IFACE COUNT                 prints COUNT frames of the EtherType in hex
    hostile.py replay IFACE SECONDS               hex frames from standard input, over and over
    hostile.py damage IFACE                       a frame of this machine's state sync, with another counter
"""
import os
import socket
import sys
import time

ETHERTYPE = 0xC157


def raw(iface):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE))
    s.bind((iface, ETHERTYPE))
    return s


def frames_of(kind, group):
    head = bytes.fromhex(group.replace(":", "")) + b"\x06\0\0\0\x66\x66" + ETHERTYPE.to_bytes(2, "big")
    ours = b"TW\x01\x02\x00\x07\x00\x02"  # magic, version, heartbeat, cluster 7, index 2
    body = {"noise": lambda: os.urandom(160), "header": lambda: ours + os.urandom(20) + (130).to_bytes(2, "big") + os.urandom(130),
            "short": lambda: ours + b"\0" * 38}[kind]
    return [head + body() for _ in range(64)]


def send_for(iface, frames, seconds):
    s, sent, end = raw(iface), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        for f in frames:
            try:
                s.send(f)
                sent += 1
            except OSError:  # the queue is full: line rate is reached
                time.sleep(0)
    print(sent)


def damage(iface):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.bind((iface, 3))
    while True:
        frame, where = s.recvfrom(2000)
        if where[2] == socket.PACKET_OUTGOING and frame[12:16] == b"\xc1\x57TW" and frame[17] >= 17:
            break
    while True:
        s.send(frame[:34] + b"\xff" * 8 + frame[42:])
        time.sleep(0.05)


def main(what, iface, *rest):
    if what == "flood":
        send_for(iface, frames_of(rest[2], rest[0]), float(rest[1]))
    elif what == "record":
        s = raw(iface)
        for _ in range(int(rest[0])):
            print(s.recv(2000).hex(), flush=True)
    elif what == "damage":
        damage(iface)
    elif what == "replay":
        send_for(iface, [bytes.fromhex(line) for line in sys.stdin.read().split()], float(rest[0]))


if __name__ == "__main__":
    main(*sys.argv[1:])
