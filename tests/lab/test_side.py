# SPDX-License-Identifier: GPL-2.0-or-later
"""What the standby is given beside flows: neighbours, and the sets that rules fill themselves."""
import json
import re

import pytest

from lab import CLIENT4, CLIENT6, LAN, SERVER4, SERVER6, WAN, wait_until

HOSTS = {LAN: (CLIENT4, CLIENT6), WAN: (SERVER4, SERVER6)}
OTHER4 = "10.1.0.11"  # of the client, too
PATIENT = "HeartbeatInterval=50 HAFailoverTime=500"  # how fast is not the point here
TRAP = 9              # who sends to this UDP port is blocked

GUARD = f"""
table ip guard {{
    set blocked {{ type ipv4_addr; flags dynamic,timeout; timeout 10m; size 1000; }}
    set flood {{ type ipv4_addr . inet_service; flags dynamic,timeout; timeout 1m; }}
    chain pre {{
        type filter hook prerouting priority -350
        udp dport {TRAP} iifname tw-lan add @blocked {{ ip saddr timeout 10m counter }} drop
        ip saddr @blocked drop
        udp dport 10 iifname tw-lan update @flood {{ ip saddr . udp dport limit rate over 5/hour burst 5 packets }} drop
    }}
}}
"""


def neighbours(node):
    """{(link, address): entry} of the cluster's links."""
    found = {}
    for family in "-4", "-6":
        for n in json.loads(node.ns.exec("ip", family, "-json", "neigh", "show")):
            if n["dev"].startswith("tw-"):
                found[n["dev"], n["dst"]] = n
    return found


def elements(node, name, table="ip guard"):
    """{key: element} of a set; an element without any extras is {}."""
    out = json.loads(node.ns.exec("nft", "-j", "list", "set", *table.split(), name, check=False) or "{}")
    found = {}
    for o in out.get("nftables", []):
        for e in o.get("set", {}).get("elem", []):
            e = e.get("elem", e) if isinstance(e, dict) else {"val": e}
            key = e["val"]
            found[tuple(key["concat"]) if isinstance(key, dict) else key] = e
    return found


def speak(lab):
    """Client and server speak through the firewall, by both protocols."""
    wait_until(lambda: lab.client.ping(SERVER4) and lab.client.ping(SERVER6), 10, "both answers")


def wait_carried(lab):
    for segment, hosts in HOSTS.items():
        for host in hosts:
            wait_until(lambda: neighbours(lab.standby).get((f"tw-{segment}", host)), 10,
                       lambda: f"{host} on the standby: {neighbours(lab.standby)}")


def send(lab, port, source=CLIENT4, count=1):
    lab.client.ns.exec("python3", "-c", f"""
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("{source}", 0))
for _ in range({count}):
    s.sendto(b"x", ("{SERVER4}", {port}))
""")


@pytest.fixture
def guarded(cluster):
    """A cluster with the administrator's own table on both nodes."""
    lab = cluster(ha=PATIENT)
    for node in lab.nodes:
        node.ns.exec("nft", "-f", "-", stdin=GUARD)
    lab.up()
    lab.client.ns.ip(f"addr add {OTHER4}/24 dev lan")
    assert lab.client.ping(SERVER4)
    return lab


def broadcasts(lab, node):
    """Starts to count, at the node's ports, ARP and ND questions for client and server that everybody
    gets; returns a function that reads the counter."""
    ns, rules = lab.switches.ns, []
    for segment, (four, six) in HOSTS.items():
        rules += [f"chain {segment} {{ type filter hook ingress device {node.name}-{segment} priority 0",
                  f"arp operation request ether daddr ff:ff:ff:ff:ff:ff arp daddr ip {four} "
                  f"arp saddr ip != {four} ether saddr != {node.mac(segment)} counter",
                  f"icmpv6 type nd-neighbor-solicit ether daddr & ff:ff:00:00:00:00 == 33:33:00:00:00:00 "
                  f"ether saddr != {node.mac(segment)} counter", "}"]
    ns.exec("nft", "-f", "-", stdin="table netdev asked {\n" + "\n".join(rules) + "\n}\n")

    def read():
        return [int(n) for n in re.findall(r"packets (\d+)", ns.exec("nft", "list", "table", "netdev", "asked"))]
    return read


def test_neighbours_are_warm(cluster):
    """The standby knows the hosts before it needs them, and asks nobody when it takes over."""
    lab = cluster(ha=PATIENT).up()
    speak(lab)
    wait_carried(lab)
    standby = lab.standby
    for (dev, dst), n in neighbours(standby).items():
        assert n["state"] == ["STALE"], (dev, dst, n)
    own = {a["local"] for node in lab.nodes for link in json.loads(node.ns.exec("ip", "-json", "addr"))
           for a in link["addr_info"]}
    assert not {dst for _, dst in neighbours(standby)} & own
    standby.wait_for(lambda h: h["sync"]["neighbours"] >= 4, 5, "says how many neighbours it holds")
    standby.ns.sysctl(*[f"net.ipv{v}.neigh.tw-{seg}.base_reachable_time_ms=1000" for v in (4, 6) for seg in HOSTS])
    asked = broadcasts(lab, standby)
    lab.active.power_off()
    lab.wait_takeover(standby)
    speak(lab)
    assert sum(asked()) == 0, f"asked: {asked()}"
    # the kernel's own again, as of any other: it may forget them
    wait_until(lambda: not any("extern_learn" in n for n in neighbours(standby).values()), 20,
               lambda: f"adopted: {neighbours(standby)}")


def test_neighbour_with_another_mac(cluster):
    """A host whose MAC changed while nobody was active is found again."""
    lab = cluster(ha=PATIENT).up()
    speak(lab)
    wait_carried(lab)
    standby = lab.standby
    lab.active.power_off()
    lab.server.ns.ip("link set wan down", "link set wan address 06:00:00:00:77:77", "link set wan up")
    lab.wait_takeover(standby)
    wait_until(lambda: lab.client.ping(SERVER4), 30, "the server is found")
    assert neighbours(standby)["tw-wan", SERVER4]["lladdr"] == "06:00:00:00:77:77"


def test_neighbours_of_a_link_that_was_down(cluster):
    """They are written again; one that the active lost is not carried for ever."""
    lab = cluster(ha=PATIENT).up()
    speak(lab)
    wait_carried(lab)
    lab.standby.ns.ip("link set tw-wan down", "link set tw-wan up")
    assert ("tw-wan", SERVER4) not in neighbours(lab.standby)
    wait_until(lambda: ("tw-wan", SERVER4) in neighbours(lab.standby), 60,
               lambda: f"written again: {neighbours(lab.standby)}")


def test_block_list_survives_power_loss(guarded):
    lab = guarded
    active, standby = lab.active, lab.standby
    active.ns.exec("nft", "-f", "-", stdin="table ip guard {\nset only { type ipv4_addr; flags dynamic,timeout;"
                   " timeout 1h; elements = { 192.0.2.1 } }\n}\n")
    standby.ns.exec("nft", "-f", "-", stdin="table ip guard {\nset mine { type ipv4_addr; flags dynamic,timeout;"
                    " timeout 1h; elements = { 192.0.2.2 } }\n"
                    "set fixed { type ipv4_addr; elements = { 192.0.2.3 } }\n}\n")
    send(lab, TRAP)
    assert not lab.client.ping(SERVER4)
    carried = wait_until(lambda: elements(standby, "blocked").get(CLIENT4), 10, "the client is blocked there too")
    here = elements(active, "blocked")[CLIENT4]
    assert abs(carried["expires"] - here["expires"]) <= 3, (carried, here)
    assert "timeout" not in carried, "it is the set's own"
    assert "counter" in carried and "counter" in here
    # what one node has alone stays its own
    assert not elements(standby, "only")
    assert list(elements(standby, "mine")) == ["192.0.2.2"] and list(elements(standby, "fixed")) == ["192.0.2.3"]
    assert "mine" not in active.ns.exec("nft", "list", "sets")
    stat = lab.active.json("stat")["sync"]
    assert stat["set_elements"] >= 1 and stat["elements_sent"] >= 1 and stat["elements_failed"] == 0, stat
    active.power_off()
    lab.wait_takeover(standby)
    wait_until(lambda: lab.client.ping(SERVER4, source=OTHER4), 10, "somebody else is served")
    assert not lab.client.ping(SERVER4), "who was blocked is served"
    left = elements(standby, "blocked")[CLIENT4]
    assert 500 < left["expires"] <= carried["expires"]


def test_rate_limits_and_return(guarded):
    """Elements with a rate limit are carried with it; a node that comes back gets everything."""
    lab = guarded
    active, standby = lab.active, lab.standby
    send(lab, 10, count=20)
    send(lab, TRAP, source=OTHER4)
    key = (CLIENT4, 10)
    there = wait_until(lambda: elements(standby, "flood").get(key), 10, "the limit is carried")
    assert there["limit"] == elements(active, "flood")[key]["limit"], there
    wait_until(lambda: elements(standby, "blocked").get(OTHER4), 10, "and the block")
    active.power_off()
    lab.wait_takeover(standby)
    active.power_on()
    active.ns.exec("nft", "-f", "-", stdin=GUARD)
    active.start()
    wait_until(lambda: elements(active, "blocked").get(OTHER4), 20, "the block list came back")
    status, out, err = standby.cli("ha", "-deactivate")
    assert status == 0, out + err
    lab.wait_takeover(active)
    assert lab.client.ping(SERVER4) and not lab.client.ping(SERVER4, source=OTHER4)
