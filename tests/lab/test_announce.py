# SPDX-License-Identifier: GPL-2.0-or-later
"""What switches and neighbours are told: who has the shared MAC, again and again."""
import json
import time

from lab import LAN, SHARED4, WAN, wait_until


def learned_at(lab, segment, mac):
    """The port at which this segment's switch has learned the MAC, or None."""
    out = lab.switches.ns.exec("bridge", "-json", "fdb", "show", "br", f"br-{segment}")
    ports = [e["ifname"] for e in json.loads(out) if e["mac"] == mac and e.get("state") != "permanent"]
    return ports[0] if ports else None


def shared_mac(node, segment):
    return json.loads(node.ns.exec("ip", "-json", "link", "show", f"tw-{segment}"))[0]["address"]


def rests(lab):
    """The schedule of a takeover is over: from here on only the period announces."""
    lab.active.wait_for(lambda h: h["active_seconds"] >= 11, 15, "has announced its takeover")


def forget(lab, segment, mac):
    """The switch was restarted, or its entry grew old."""
    port = learned_at(lab, segment, mac)
    if port:
        lab.switches.ns.exec("bridge", "fdb", "del", mac, "dev", port, "master")


def wait_learned(lab, segment, mac, node):
    wait_until(lambda: learned_at(lab, segment, mac) == f"{node.name}-{segment}", 5,
               lambda: f"{segment}: {mac} is at {learned_at(lab, segment, mac)}, not at node {node.name}")


def test_taught_again_every_period(cluster):
    """Switches that forgot the shared MAC or were told a wrong port, and a host whose entry somebody
    spoilt, know better after a period, without arp -notify."""
    lab = cluster(ha="SendGratuitousARP=1").up()
    rests(lab)
    for segment in (LAN, WAN):
        mac = shared_mac(lab.active, segment)
        forget(lab, segment, mac)
        wait_learned(lab, segment, mac, lab.active)
        lab.switches.ns.exec("bridge", "fdb", "replace", mac, "dev", f"{lab.standby.name}-{segment}", "master",
                             "dynamic")
        wait_learned(lab, segment, mac, lab.active)
    lab.client.ns.ip(f"neigh replace {SHARED4[LAN]} lladdr 06:00:00:00:00:99 dev lan nud stale")
    wait_until(lambda: lab.client.neighbour(SHARED4[LAN]) == shared_mac(lab.active, LAN), 5,
               "the client knows the shared MAC again")


def test_taught_again_by_events(cluster):
    """Without a period: nothing by itself; at once when the carrier returns, and after a conflict."""
    lab = cluster(ha="SendGratuitousARP=0").up()
    rests(lab)
    mac = shared_mac(lab.active, LAN)
    forget(lab, LAN, mac)
    time.sleep(3)  # the point is that nothing happens
    assert learned_at(lab, LAN, mac) is None

    for node in lab.nodes:
        node.cut("lan")
    wait_until(lambda: all(not i["carrier"] for n in lab.nodes for i in n.ha()["interfaces"] if i["name"] == "lan"),
               5, "both nodes have lost lan")
    forget(lab, LAN, mac)
    for node in lab.nodes:
        node.heal()
    lab.wait_settled()
    wait_learned(lab, LAN, mac, lab.active)

    standby = lab.standby
    standby.cut_silent("lan", "wan", "sync")
    lab.wait_takeover(standby)
    forget(lab, LAN, mac)
    standby.heal()
    lab.wait_settled()
    wait_learned(lab, LAN, mac, lab.active)
