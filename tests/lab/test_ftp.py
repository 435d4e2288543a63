# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections that a helper of the kernel expects: who gets one, and that they survive a change of
role, also when the data connection is announced before it and opened after it.
"""
import contextlib
import os
import socket

import pytest
from ftp import FtpClient, FtpServer
from lab import CLIENT4, SERVER4, SERVER6, SHARED4, WAN, wait_until
from test_rules import make_socket

FTP_RULES = ["files Action=NAT SourceInterface=lan SourceNetwork=lan_net DestinationInterface=wan "
             "DestinationNetwork=all-nets Service=ftp",
             "files6 Action=Allow SourceInterface=lan SourceNetwork=all-nets6 DestinationInterface=wan "
             "DestinationNetwork=all-nets6 Service=ftp",
             "plain Action=NAT SourceInterface=lan SourceNetwork=lan_net DestinationInterface=wan "
             "DestinationNetwork=all-nets Service=ftp_plain",
             "published Action=SAT SourceInterface=wan SourceNetwork=wan_net DestinationInterface=core "
             "DestinationNetwork=wan_ip Service=ftp_published SATTranslateToIP=" + CLIENT4]
SERVICES = """
add ServiceTCPUDP ftp_plain Type=TCP DestinationPorts=2100
add ServiceTCPUDP ftp_published Type=TCP DestinationPorts=2121 Helper=FTP
"""


def helper_there():
    return os.path.exists("/proc/net/nf_conntrack_expect")


pytestmark = pytest.mark.skipif(not helper_there(), reason="this kernel does not show expectations")


@pytest.fixture(scope="module")
def shared():
    from cluster import Cluster
    lab = Cluster(rules=FTP_RULES, more=SERVICES)
    try:
        lab.up()
        if "helper_missing" in lab.a.log():
            pytest.skip("this kernel has no FTP helper")
        yield lab
    finally:
        lab.close()


@pytest.fixture
def lab(shared):
    """Both nodes well, a is active, an FTP server outside."""
    shared.restore()
    if not shared.a.active:
        assert shared.a.cli("ha", "-activate")[0] == 0
        shared.wait_settled()
    shared.ftp = FtpServer(shared.server.ns)
    shared.parts.append(shared.ftp)
    yield shared
    for part in shared.parts:
        part.stop()
    shared.parts.clear()


def client(lab, *args):
    c = FtpClient(lab.client.ns, *args)
    lab.parts.append(c)
    return c


def expected(node):
    """The expectations in this node's kernel."""
    return node.ns.exec("cat", "/proc/net/nf_conntrack_expect").splitlines()


def wait_expected(node, n):
    wait_until(lambda: len(expected(node)) == n, 5, lambda: f"{n} expectations on {node.name}: {expected(node)}")


@pytest.mark.parametrize("host", [SERVER4, SERVER6])
@pytest.mark.parametrize("how", ["port", "pasv"])
def test_data_connections_follow(lab, how, host):
    """No rule but that for port 21; nothing is left when the transfers are over."""
    c = client(lab, host)
    c.transfer(how)
    wait_expected(lab.a, 0)
    wait_expected(lab.b, 0)


@pytest.mark.parametrize("how", ["port", "pasv"])
def test_not_without_a_helper(lab, how):
    """The same protocol on a port whose service has none: only the control connection passes."""
    lab.parts.append(FtpServer(lab.server.ns, port=2100))
    c = client(lab, SERVER4, 2100)
    c.do(how) if how == "pasv" else c.error(how)
    assert c.error("get")
    assert expected(lab.a) == []


def tcp(stack, ns, address=None, port=0):
    """A socket in this namespace, closed at the end; listening when there is an address."""
    s = stack.enter_context(make_socket(ns, socket.AF_INET, socket.SOCK_STREAM))
    s.settimeout(5)
    if address:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((address, port))
        s.listen()
    return s


def test_nothing_else_is_opened(lab):
    """A client that announces a port below 1024 is not believed."""
    lab.ftp.stop()
    reached = {}
    with contextlib.ExitStack() as stack:
        listener = tcp(stack, lab.server.ns, SERVER4, 21)
        for port in (22, 5000):
            tcp(stack, lab.client.ns, CLIENT4, port)
        control = tcp(stack, lab.client.ns)
        control.connect((SERVER4, 21))
        far = stack.enter_context(listener.accept()[0])
        far.settimeout(5)

        def say(words):
            control.sendall(words.encode() + b"\r\n")
            said = far.recv(200).decode().strip()
            far.sendall(b"200 ok\r\n")
            control.recv(200)
            return said
        assert say("NOOP") == "NOOP"  # the helper wants to see where a line begins
        for port in (22, 5000):
            said = say(f"PORT {CLIENT4.replace('.', ',')},{port >> 8},{port & 255}")
            assert said.startswith("PORT " + SHARED4[WAN].replace(".", ",")), f"not translated: {said}"
            high, low = said.split(",")[-2:]
            s = tcp(stack, lab.server.ns)
            s.settimeout(1)
            reached[port] = s.connect_ex((SHARED4[WAN], int(high) << 8 | int(low))) == 0
    assert reached == {22: False, 5000: True}
    out = lab.a.ns.exec("nft", "list", "counter", "inet", "twinwall", "drop/related")
    assert "packets 0 " not in out, out


@pytest.mark.parametrize("how", ["port", "pasv"])
def test_power_loss_between_announcement_and_data(lab, how):
    """The control connection, what was expected and its translation are the other node's at once."""
    c = client(lab, SERVER4)
    c.transfer(how)  # sequence numbers are shifted from now on when the address has another length
    wait_expected(lab.b, 0)
    c.do(how)
    wait_expected(lab.b, 1)
    lab.a.power_off()
    lab.wait_takeover(lab.b)
    c.do("get")
    wait_expected(lab.b, 0)
    c.transfer(how)  # the next command is read and translated here


@pytest.mark.parametrize("how", ["port", "pasv"])
def test_planned_switch_and_back(lab, how):
    c = client(lab, SERVER4)
    c.do(how)
    wait_expected(lab.b, 1)
    assert lab.b.cli("ha", "-activate")[0] == 0
    c.do("get")
    c.do(how)
    lab.wait_settled()
    wait_expected(lab.a, 1)
    assert lab.a.cli("ha", "-activate")[0] == 0
    c.do("put")
    c.transfer(how)


@pytest.mark.parametrize("how", ["port", "pasv"])
def test_a_bulk_brings_them(lab, how):
    """A node that joins learns what was expected before; one that restarts keeps nothing too much."""
    c = client(lab, SERVER4)
    c.transfer(how)
    c.do(how)
    wait_expected(lab.b, 1)
    lab.b.kill("tw-statesync")
    wait_expected(lab.b, 1)
    lab.b.power_off()
    lab.b.power_on()
    lab.b.start()
    lab.wait_settled()
    wait_expected(lab.b, 1)
    lab.a.power_off()
    lab.wait_takeover(lab.b)
    c.do("put")
    c.transfer(how)


def test_a_bulk_sweeps(lab):
    """What ended while the sync link was cut for long is gone after the bulk that follows."""
    c = client(lab, SERVER4)
    c.do("port")
    wait_expected(lab.b, 1)
    lab.b.kill("tw-statesync", 19)  # SIGSTOP: it hears nothing
    c.do("get")
    wait_expected(lab.a, 0)
    assert len(expected(lab.b)) == 1
    lab.a.kill("tw-statesync")
    lab.b.kill("tw-statesync", 18)
    lab.wait_settled()
    wait_expected(lab.b, 0)


def test_a_published_server(lab):
    """SAT to a server inside: its passive answers name the shared address."""
    inside = FtpServer(lab.client.ns, port=2121)
    lab.parts.append(inside)
    c = FtpClient(lab.server.ns, SHARED4[WAN], 2121)
    lab.parts.append(c)
    c.transfer("pasv")
    c.transfer("port")
    c.do("pasv")
    wait_expected(lab.b, 1)
    lab.a.power_off()
    lab.wait_takeover(lab.b)
    c.do("get")
    c.transfer("pasv")
