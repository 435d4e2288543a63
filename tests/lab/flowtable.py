# SPDX-License-Identifier: GPL-2.0-or-later
"""Flow tables of two nodes, compared byte for byte, as the kernel hands them out (ctnetlink).

What each kernel has for itself is left out: remaining time, counters, references, its own number for the
flow, how far windows were followed. So are flows that begin or end at the nodes themselves, and what is
never carried (docs/design/statesync.md, "What is carried").
"""
import ipaddress
import os
import socket
import struct

from lab import PRIVATE4, PRIVATE6, SHARED4, SHARED6, wait_until
from netns import LabError, make_socket

NETLINK_NETFILTER, CT_GET, DUMP, NLMSG_ERROR, NLMSG_DONE = 12, 0x101, 0x301, 2, 3
CT_NEW, CREATE = 0x100, 0x601
TUPLE = struct.Struct("=HHHHHH4sHH4sHHHHBxxxHH2sxxHH2sxx")
SEEN_REPLY, ASSURED, CONFIRMED = 2, 4, 8
ORIG, REPLY, STATUS, PROTOINFO, HELP, MARK, MASTER, SEQ_ORIG, SEQ_REPLY, ZONE, LABELS = (
    1, 2, 3, 4, 5, 8, 14, 15, 16, 18, 22)
CARRIED = {REPLY: "reply", STATUS: "status", PROTOINFO: "protocol", HELP: "helper", MARK: "mark", SEQ_ORIG: "seq",
           SEQ_REPLY: "seq", ZONE: "zone", LABELS: "labels"}
STATUS_MASK = 0x207f  # without those that say what this kernel still has to do, or has done
TCP_FLAGS = 0x03      # window scaling, selective acknowledgements; the others follow packets
OWN = {ipaddress.ip_address(a).packed for table in (SHARED4, SHARED6, *PRIVATE4.values(), *PRIVATE6.values())
       for a in table.values()}
PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 47: "gre", 58: "icmp6", 132: "sctp", 136: "udplite"}


def attributes(data):
    """{type: value}; a nested value is such bytes again."""
    found = {}
    while len(data) >= 4:
        size, kind = struct.unpack_from("=HH", data)
        if size < 4:
            break
        found[kind & 0x3fff] = data[4:size]
        data = data[size + 3 & ~3:]
    return found


def dump(ns):
    """Every flow of the namespace's table, as the kernel's message."""
    found = []
    with make_socket(ns, socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER, timeout=5) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        s.send(struct.pack("=IHHIIBBH", 20, CT_GET, DUMP, 1, 0, 0, 0, 0))
        while True:
            data, at = s.recv(1 << 17), 0
            while at < len(data):
                size, kind = struct.unpack_from("=IH", data, at)
                if kind < 16:
                    if kind != NLMSG_DONE:
                        raise LabError(f"conntrack dump of {ns.name}: message {kind}")
                    return found
                found.append(data[at:at + size])
                at += size + 3 & ~3


def tuple_bytes(kind, source, sport, destination, dport):
    """A UDP tuple as attribute `kind`; ports are two bytes."""
    nested = 0x8000
    return TUPLE.pack(52, kind | nested, 20, 1 | nested, 8, 1, source, 8, 2, destination, 28, 2 | nested, 5, 1,
                      socket.IPPROTO_UDP, 6, 2, sport, 6, 3, dport)


def insert(ns, flows, seconds):
    """Puts answered UDP flows, each (source, port, destination, port), addresses as four bytes, into a
    namespace's table, thousands in a millisecond. LabError names the first error, such as a full table."""
    rest = struct.pack("=HHIHHI", 8, 7, socket.htonl(seconds), 8, STATUS,
                       socket.htonl(SEEN_REPLY | ASSURED | CONFIRMED))
    head = struct.pack("=IHHIIBBH", 20 + 104 + len(rest), CT_NEW, CREATE, 0, 0, socket.AF_INET, 0, 0)
    with make_socket(ns, socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER, timeout=5) as s:
        batch = []
        for source, sport, destination, dport in flows:
            sport, dport = sport.to_bytes(2, "big"), dport.to_bytes(2, "big")
            batch.append(head + tuple_bytes(ORIG, source, sport, destination, dport)
                         + tuple_bytes(REPLY, destination, dport, source, sport) + rest)
            if len(batch) == 200:
                s.send(b"".join(batch))
                batch.clear()
        if batch:
            s.send(b"".join(batch))
        s.setblocking(False)
        try:
            answer = s.recv(4096)
        except BlockingIOError:
            return
        except OSError as e:  # more errors than there is room for
            raise LabError(f"{ns.name}: flows are refused: {e}") from e
        kind, error = struct.unpack_from("=4xH10xi", answer)
        raise LabError(f"{ns.name}: flows are refused: {os.strerror(-error) if kind == NLMSG_ERROR else kind}")


def ends(tuple_):
    """(source, destination) of a tuple, as bytes."""
    ip = attributes(attributes(tuple_)[1])
    return (ip[1], ip[2]) if 1 in ip else (ip[3], ip[4])


def name(identity):
    """For people."""
    orig, zone = identity
    proto = attributes(attributes(orig)[2])
    number = proto.pop(1)[0]
    return " ".join([PROTOCOLS.get(number, str(number)), *(str(ipaddress.ip_address(a)) for a in ends(orig)),
                     *(f"{k}={v.hex()}" for k, v in sorted(proto.items())), f"zone {zone.hex()}" if zone else ""])


def local(address):
    """An address of the nodes, or of a kind that is never carried."""
    if address in OWN or not any(address):
        return True
    if len(address) == 4:
        return address[0] == 127 or address[0] >= 224 or address[:2] == b"\xa9\xfe"
    return address[0] == 255 or address[:2] == b"\xfe\x80" or address == bytes(15) + b"\1"


def same_for_both(kind, value):
    """What of an attribute both nodes must have."""
    if kind == STATUS:
        return struct.pack("!I", struct.unpack("!I", value)[0] & STATUS_MASK)
    if kind == PROTOINFO and 1 in attributes(value):
        tcp = attributes(attributes(value)[1])
        return tuple(bytes([v[0] & TCP_FLAGS]) if k in (4, 5) else v for k, v in sorted(tcp.items()))
    return value


def table(messages):
    """{identity: {attribute: bytes}} of the flows that both nodes must have."""
    found = {}
    for m in messages:
        flow = attributes(m[20:])
        source, destination = ends(flow[ORIG])
        if local(source) or local(ends(flow[REPLY])[0]) or (destination not in OWN and local(destination)):
            continue
        identity = flow[ORIG], flow.get(ZONE, b"")
        assert identity not in found, f"twice in one table: {name(identity)}"
        found[identity] = {k: same_for_both(k, v) for k, v in flow.items() if k in CARRIED}
    return found


def difference(active, standby, most=10):
    """(what differs, as lines; how many flows) between two namespaces.

    Flows end while this looks: the active's table is taken before and after the standby's. What is there
    both times must be on the standby, and nothing that was not there the first time.
    """
    before, there, after = (table(m) for m in [dump(active), dump(standby), dump(active)])
    lines = [f"only active: {name(f)}" for f in after.keys() - there.keys()]
    lines += [f"only standby: {name(f)}" for f in there.keys() - before.keys()]
    for f in after.keys() & there.keys():
        lines += [f"{name(f)}: {what}: {after[f].get(k)} here, {there[f].get(k)} there"
                  for k, what in CARRIED.items() if after[f].get(k) != there[f].get(k)]
    return (lines if len(lines) <= most else [*lines[:most], f"… {len(lines)} in all"]), len(there)


def wait_same(lab, timeout=15):
    """After quiet: both nodes of the pair hold the same flows with the same contents; how many."""
    lines, flows = [], 0

    def same():
        nonlocal lines, flows
        active = lab.active
        lines, flows = difference(active.ns, lab.other(active).ns)
        return not lines
    wait_until(same, timeout, lambda: "equal tables\n" + "\n".join(lines), step=0.2)
    return flows
