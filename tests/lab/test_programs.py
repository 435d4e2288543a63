# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs that people use, and every protocol with ports or without, through everything that moves the role.

One cluster, one set of sessions that were begun before the first fault and have to live through all of them:
power loss, the return of the lost node, planned switches, many of them in a row, power loss again. Through NAT,
to a published server (SAT), by plain routing; IPv4 and IPv6. After each change every exchange must go on, the
called end first: only a flow that is known, with its translation, lets that pass. In the end both nodes' tables
are compared byte for byte.

Timeouts of UDP are a few seconds here, on both nodes, so that its flows live through many times their timeout.
"""
import socket

import pytest
from cluster import Cluster
from exchange import SCTP, UDPLITE, Broken, Datagrams, Gre, Keeper, RawSctp, Stream
from flowtable import wait_same
from lab import CLIENT4, CLIENT6, SERVER4, SERVER6, SHARED4, SHARED6, WAN, wait_until
from programs import Curl, Dns, Iperf, Ping, Ssh, missing

ROUTED4, NATTED6 = "198.51.100.7", "2001:db8::7"
OUT = "SourceInterface=lan DestinationInterface=wan Service=all_services"
IN = "Action=SAT SourceInterface=wan DestinationInterface=core Service=published SATTranslateToPort=8080-8081"
RULES = [
    f"in {IN} SourceNetwork=all-nets DestinationNetwork=wan_ip SATTranslateToIP=inside",
    f"in6 {IN} SourceNetwork=all-nets6 DestinationNetwork=wan_ip6 SATTranslateToIP=inside6",
    f"plain Action=Allow {OUT} SourceNetwork=lan_net DestinationNetwork=routed",
    f"out Action=NAT {OUT} SourceNetwork=lan_net DestinationNetwork=all-nets",
    f"nat6 Action=NAT {OUT} SourceNetwork=lan_net6 DestinationNetwork=natted6",
    f"plain6 Action=Allow {OUT} SourceNetwork=lan_net6 DestinationNetwork=all-nets6",
]
OBJECTS = f"""add ServiceTCPUDP published Type=TCPUDP DestinationPorts=80-81
add IP4Address inside Address={CLIENT4}
add IP6Address inside6 Address={CLIENT6}
add IP4Address routed Address={ROUTED4}
add IP6Address natted6 Address={NATTED6}
"""
UDP_TIMEOUT_S, SPARSE_S = 6, 2

# name: (caller is the client, what it dials, what the called end has)
WAYS = {
    "nat": (True, SERVER4, SERVER4), "routed": (True, ROUTED4, ROUTED4), "sat": (False, SHARED4[WAN], CLIENT4),
    "nat6": (True, NATTED6, NATTED6), "routed6": (True, SERVER6, SERVER6), "sat6": (False, SHARED6[WAN], CLIENT6),
}
SAT_PORTS = (80, 8080)  # dialled, and what it becomes


def own_sctp():
    """The kernel at both ends has SCTP itself."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, SCTP).close()
    except OSError:
        return False
    return True


def sctp(*args, v6):
    return Stream(*args, v6, protocol=SCTP) if own_sctp() else RawSctp(*args, v6)


def udplite(*args, v6):
    return Datagrams(*args, v6, protocol=UDPLITE)


def tcp(*args, v6):
    return Stream(*args, v6)


def udp(*args, v6):
    return Datagrams(*args, v6)


def gre(*args, v6):
    return Gre(*args, v6)


# protocol: (how, port at the called end, ways)
PROTOCOLS = {
    "tcp": (tcp, 7001, list(WAYS)), "udp": (udp, 7002, list(WAYS)),
    "udplite": (udplite, 7003, ["nat", "routed", "nat6", "routed6"]),
    "gre": (gre, 0, ["nat", "routed", "routed6"]), "sctp": (sctp, 7004, ["nat", "routed", "routed6"]),
}


class Rig:
    """The cluster and everything that runs through it."""

    def __init__(self):
        self.lab = lab = Cluster(rules=RULES, more=OBJECTS)
        self.exchanges, self.programs, self.absent = [], [], {}
        lab.server.ns.ip(f"addr add {ROUTED4}/32 dev lo", f"addr add {NATTED6}/128 dev lo",
                         f"route add 10.1.0.0/24 via {SHARED4[WAN]}")
        for node in lab.nodes:
            self.set_kernel(node)
        lab.up()
        for name, (how, port, ways) in PROTOCOLS.items():
            for way in ways:
                self.exchange(name, way, how, port)
        self.keeper = Keeper(self.exchanges, SPARSE_S)
        self.keeper.start()
        self.begin_programs()

    @staticmethod
    def set_kernel(node):
        """Also after it has been without power. Sums are not checked: Linux sums UDP-Lite as if it were UDP,
        and calls its packets INVALID."""
        def boot(old=node.boot):
            old()
            node.ns.sysctl("net.netfilter.nf_conntrack_checksum=0",
                           f"net.netfilter.nf_conntrack_udp_timeout={UDP_TIMEOUT_S}",
                           f"net.netfilter.nf_conntrack_udp_timeout_stream={UDP_TIMEOUT_S}")
        node.boot = boot
        boot()

    def exchange(self, name, way, how, port):
        outward, dials, at = WAYS[way]
        ends = [self.lab.client.ns, self.lab.server.ns]
        dial_port, at_port = (port, port) if outward else SAT_PORTS
        try:
            x = how(f"{name} {way}", *(ends if outward else ends[::-1]), (dials, dial_port), (at, at_port), v6=":" in at)
        except OSError as e:
            if name in ("tcp", "udp"):
                raise
            self.absent[name] = f"this kernel has no {name}: {e}"
            return
        self.exchanges.append(x)

    def begin_programs(self):
        client, server = self.lab.client.ns, self.lab.server.ns
        folder = self.lab.dir
        wanted = [
            ("curl", Curl, ("curl", folder, client, server, SERVER4, 8001)),
            ("curl", Curl, ("curl routed6", folder, client, server, SERVER6, 8002)),
            ("curl", Curl, ("curl published", folder, server, client, SHARED4[WAN], 81, (CLIENT4, 8081))),
            ("sshd", Ssh, ("ssh", folder, client, server, SERVER4, 2200)),
            ("iperf3", Iperf, ("iperf3", client, server, SERVER4, 5201)),
            ("iperf3", Iperf, ("iperf3 routed6", client, server, SERVER6, 5202)),
            ("ping", Ping, ("ping", client, SERVER4)), ("ping", Ping, ("ping routed", client, ROUTED4)),
            ("ping", Ping, ("ping nat6", client, NATTED6)), ("ping", Ping, ("ping routed6", client, SERVER6)),
            ("python3", Dns, ("dns", client, server, SERVER4)), ("python3", Dns, ("dns routed6", client, server, SERVER6)),
        ]
        for program, kind, args in wanted:
            if missing(program):
                self.absent[program] = missing(program)
            else:
                self.programs.append(kind(*args))
        for p in self.programs:
            p.start()
        self.go_on("the beginning")

    def go_on(self, after):
        """All of it gets through, from this moment on."""
        for x in self.exchanges:
            try:
                x.speak(called_first=True)
            except Broken as e:
                raise AssertionError(f"after {after}: {e}") from e
        before = {p: p.done for p in self.programs}

        def look():
            wrong = [b for b in (*self.keeper.broken, *(p.broken for p in self.programs)) if b]
            assert not wrong, f"after {after}: {wrong}"
            return all(p.done >= before[p] + 2 for p in self.programs)
        wait_until(look, 30, lambda: f"after {after}: "
                   f"{[f'{p.name}: {p.done - before[p]}' for p in self.programs if p.done < before[p] + 2]} go on")

    def switch(self):
        """A planned switch as soon as one is allowed; the node that gave the role away."""
        def given():
            return next((n for n in self.lab.nodes if n.active and n.cli("ha", "-deactivate")[0] == 0), None)
        return wait_until(given, 15, "the switch is allowed", step=0.01)

    def quiet(self):
        for p in self.programs:
            p.finish()
        assert not [p.broken for p in self.programs if p.broken]

    def close(self):
        self.keeper.stop()
        for p in self.programs:
            p.stop()
        for x in self.exchanges:
            x.close()
        self.lab.close()


_rig = None


@pytest.fixture
def rig(request):
    """The one rig; after a failure a new one."""
    global _rig
    if _rig is None:
        _rig = Rig()
    failed = request.session.testsfailed
    request.node.labs = [_rig.lab]
    yield _rig
    if request.session.testsfailed > failed:
        close_rig()


def close_rig():
    global _rig
    if _rig is not None:
        _rig.close()
        _rig = None


@pytest.fixture(scope="module", autouse=True)
def last():
    yield
    close_rig()


@pytest.mark.parametrize("what", ["udplite", "gre", "sctp", "curl", "sshd", "iperf3"])
def test_is_tried(rig, what):
    """What this machine cannot do is skipped in sight, not in silence."""
    if what in rig.absent:
        pytest.skip(rig.absent[what])


def test_power_loss_and_return(rig):
    old, new = rig.lab.active, rig.lab.standby
    old.power_off()
    rig.lab.wait_takeover(new)
    rig.go_on("power loss")
    rig.lab.restore()
    rig.go_on("the return of the lost node")


def test_planned_switches(rig):
    for _ in range(2):
        rig.switch()
        rig.go_on("a planned switch")
        rig.lab.wait_settled()


def test_flapping(rig):
    """Back and forth, each time as soon as it is allowed; then a power loss onto a node that was active before."""
    for _ in range(5):
        rig.switch()
    rig.go_on("five switches in a row")
    rig.lab.wait_settled()
    new = rig.switch()
    rig.lab.wait_settled()
    rig.lab.other(new).power_off()
    rig.lab.wait_takeover(new)
    rig.go_on("power loss after a switch")
    rig.lab.restore()


def test_tables_agree_in_the_end(rig):
    rig.lab.wait_settled()
    rig.quiet()
    assert wait_same(rig.lab) >= len(rig.exchanges)
    low, high = sorted(n.json("stat")["connections"] for n in rig.lab.nodes)
    assert high - low <= 10, "what `stat` counts besides are the nodes' own"
