# SPDX-License-Identifier: GPL-2.0-or-later
"""What an administrator is told who has set something up wrong: in `ha` for as long as it lasts, in the
log when it begins, and each time with what to do."""
import base64
import os
import re
import textwrap

from lab import ROOT, wait_until
from node import check_config
from test_events import events, told

OTHER_KEY = base64.b64encode(bytes(range(1, 33))).decode()


def alarms(node):
    return node.ha().get("alarms", [])


def alarm(node, *words, timeout=15):
    """The one alarm with these words; `ha` shows it as a note."""
    def look():
        found = [a for a in alarms(node) if all(w in a for w in words)]
        return found[0] if len(found) == 1 else None
    text = wait_until(look, timeout, lambda: f"{node.name} warns of {words}: {alarms(node)}")
    assert f"Note: {text}" in node.cli("ha")[1]
    return text


def no_alarm(node, word, timeout=15):
    wait_until(lambda: "alarms" in node.ha() and not any(word in a for a in alarms(node)), timeout,
               lambda: f"{node.name} warns no longer of {word}: {alarms(node)}")


def nic_mac(node, segment):
    return re.search(r"link/ether (\S+)", node.ns.exec("ip", "link", "show", "dev", segment))[1]


def both_alone(lab):
    for node in lab.nodes:
        node.start()
    for node in lab.nodes:
        node.wait_role("active", 15)


def test_keys_that_differ(cluster):
    """One line names the wires, the sender's MAC and the cure; the log is not flooded."""
    lab = cluster(ha="InitialSilence=2")
    lab.b.write_key(OTHER_KEY)
    both_alone(lab)
    for node, other in ((lab.a, lab.b), (lab.b, lab.a)):
        text = alarm(node, "has another cluster key", "copy cluster.key from the node that was set up first")
        assert text.startswith("interface sync: ") and nic_mac(other, "sync") in text
        assert text.endswith("; also on lan, wan"), text
        assert node.ha()["peer"]["state"] != "alive"
        first = told(node, "key_differs", port="sync")
        wait_until(lambda: node.json("stat")["sync"]["refused"] > 30, 15, "state sync goes on refusing")
        assert len(events(node, "-id", "key_differs")) == 3 and first["args"]["mac"] == nic_mac(other, "sync")
        assert not events(node, "-id", "sync_refused"), "one cause is told once"
    lab.b.stop()
    lab.b.write_key(lab.a.key)
    lab.b.start()
    lab.wait_settled()
    for node in lab.nodes:
        no_alarm(node, "key")


def test_cluster_ids_that_differ(cluster):
    """On the sync interface that must be the peer. A NIC that sorts multicast lets its frames pass."""
    lab = cluster(ha="InitialSilence=2")
    with open(lab.b.path("etc", "twinwall.conf"), "r+", encoding="utf-8") as f:
        text = f.read().replace("ClusterID=7", "ClusterID=8")
        f.seek(0)
        f.write(text)
    both_alone(lab)
    for node, other, numbers in ((lab.a, lab.b, (8, 7)), (lab.b, lab.a, (7, 8))):
        text = "interface sync: the node at the other end has ClusterID {} (its MAC: {}), this node {}: set it alike"
        alarm(node, text.format(numbers[0], nic_mac(other, "sync"), numbers[1]))
        assert len(events(node, "-id", "cluster_differs")) == 1
        allmulti = int(node.ns.exec("cat", "/sys/class/net/sync/flags"), 16) & 0x200
        assert allmulti, "the NIC takes all multicast"


def test_key_that_cannot_be_used(cluster):
    """Followed on either node, the advice ends with one key on both."""
    lab = cluster()
    os.unlink(lab.b.path("state", "cluster.key"))
    lab.b.start()
    text = told(lab.b, "key_created")["text"]
    assert "if the other node has a key already, copy that one here and run twinwall shutdown" in text
    assert "else copy this one there before it starts" in text
    lab.a.write_key("rubbish")
    assert lab.a.start().daemon.wait(10) == 1
    assert "copy the other node's key here; if that one has none either, remove this file" in lab.a.log()


def test_addresses_and_routes_of_others(cluster):
    """On a NIC of the cluster: which, where, and that it has to go; the quality is not touched."""
    lab = cluster().up()
    for node in lab.nodes:
        node.wait_for(lambda h: h["quality"] == 100 and not h["alarms"], what="nothing to complain about")
    node = lab.standby
    node.ns.ip("addr add 10.1.0.77/24 dev lan", "addr add fd01::77/64 dev lan", "addr add 192.0.2.5/24 dev sync",
               "route add 198.51.100.0/24 via 10.1.0.99 dev lan", "route add 203.0.113.0/24 via 10.1.0.99 dev lan")
    for dev, address in (("lan", "10.1.0.77/24"), ("lan", "fd01::77/64"), ("sync", "192.0.2.5/24")):
        alarm(node, f"{dev}: address {address} on {dev} is not of this configuration", "take it out")
        told(node, "network_problem", problem=[a for a in alarms(node) if address in a][0])
    alarm(node, "lan: route 198.51.100.0/24 on lan (table 254) and 1 more is not of this configuration")
    # state sync looks at all flows anew when the node's addresses change; no more than that
    node.wait_for(lambda h: h["quality"] == 100 and h["alarms"], 15, "they are no reason to be worse")
    node.ns.ip("addr del 10.1.0.77/24 dev lan", "addr del fd01::77/64 dev lan", "addr del 192.0.2.5/24 dev sync",
               "route flush root 192.0.0.0/3 dev lan proto boot")
    no_alarm(node, "not of this configuration")
    told(node, "network_problem_over")


def test_nic_that_is_missing_at_the_start(cluster):
    """The event for it is the same as later on, and the only one; LinkMonitors cannot ask meanwhile."""
    lab = cluster(more="add LinkMonitor gw Addresses=10.2.0.254 Interface=wan")
    node = lab.a
    node.ns.ip("link set wan down", "link set wan name eth9")
    node.start()
    text = "network device wan is not there; check MasterDevice, SlaveDevice and the machine"
    assert told(node, "link_missing", port="wan", device="wan")["text"] == f"interface wan: {text}"
    alarm(node, text)
    told(node, "monitor_blind", monitor="gw")
    node.ns.ip("link set eth9 name wan", "link set wan up")
    told(node, "link_up", port="wan")
    no_alarm(node, text)
    node.ns.ip("link set wan down", "link set wan name eth9")
    wait_until(lambda: len(events(node, "-id", "link_missing")) == 2, 5, "told again")
    assert not [e for e in events(node, "-id", "network_problem*") if "is not there" in e["text"]]


def test_switch_while_the_sync_cable_is_out(pair):
    """The refusal tells that waiting is of no use."""
    pair.switches.carrier(pair.a, ["sync"], False)
    for node in pair.nodes:
        node.wait_for(lambda h: h["sync"]["state"] == "lost" and h["peer"]["state"] == "alive", 10, "sync is lost")
    for node, what in ((pair.standby, "-activate"), (pair.active, "-deactivate")):
        status, _, err = node.cli("ha", what)
        assert status == 1 and "state sync is lost" in err and "mend the sync link" in err and "100%" not in err, err
    pair.switches.carrier(pair.a, ["sync"], True)
    pair.restore()


def test_packets_that_no_rule_matches(pair):
    """They have a row of their own behind the rules."""
    node = pair.active
    before = node.json("rules")["no_rule"]["packets"]

    def counted():
        assert not pair.client.ping("10.1.0.1")
        return node.json("rules")["no_rule"]["packets"] >= before + 3
    wait_until(counted, 15, lambda: f"the row counts from {before}: {node.json('rules')}")
    out = node.cli("rules")[1]
    assert re.search(r"^   -  \(no rule matches\) +Drop +\d+ +\d+$", out, re.M), out
    assert "no rule matches" not in node.cli("rules", "lan_out")[1]


def test_which_rule_would_match(pair):
    """rules test answers for a packet that nobody sends, and says which word of a question is wrong."""
    asked = {
        ("10.1.0.9", "8.8.8.8", "tcp", "443", "lan"): "rule 1, lan_out (NAT), from lan to wan",
        ("10.1.0.9", "8.8.8.8", "tcp", "1024:443", "lan"): "rule 1, lan_out (NAT), from lan to wan",
        ("10.1.0.9", "8.8.8.8", "47", "-", "lan"): "rule 1, lan_out (NAT), from lan to wan",
        ("10.1.0.9", "10.1.0.1", "udp", "53", "lan"): "no rule matches: dropped, from lan to core",
        ("8.8.8.8", "10.1.0.9", "tcp", "80", "wan"): "no rule matches: dropped, from wan to lan",
        ("10.9.0.9", "8.8.8.8", "tcp", "80", "lan"): "such a source does not enter by lan",
        ("10.1.0.9", "10.1.0.2", "tcp", "22", "lan"): "RemoteManagement decides",
    }
    for question, answer in asked.items():
        status, out, err = pair.a.cli("rules", "test", *question)
        assert status == 0 and answer in out, (question, out, err)
    found = pair.a.json("rules", "test", "10.1.0.9", "8.8.8.8", "icmp", "8", "lan")
    assert found["way"] == "rule" and found["to"] == "wan" and found["rule"]["name"] == "lan_out"
    for wrong, word in (("10.1.0.9 8.8.8.8 tcp http lan", "http does not go"), ("x 8.8.8.8 tcp 80 lan", "x is no addr"),
                        ("10.1.0.9 fd00::1 tcp 80 lan", "same family"), ("10.1.0.9 8.8.8.8 tcp 80 nic", "nic is no inter"),
                        ("10.1.0.9 8.8.8.8 tpc 80 lan", "tpc is no protocol"), ("10.1.0.9", "SOURCE DESTINATION")):
        status, _, err = pair.a.cli("rules", "test", *wrong.split())
        assert status != 0 and word in err, (wrong, status, err)


def test_without_high_availability_it_is_no_master(cluster):
    lab = cluster(enabled=False, sync=None)
    lab.a.start()
    lab.a.wait_role("active")
    out = lab.a.cli("ha")[1]
    assert out.startswith("This device is a single firewall (HighAvailability Enabled=No)\n"), out
    assert "HA MASTER" not in out


def test_process_that_cannot_begin_is_in_the_log(cluster):
    """Without the right to raw sockets neither engine nor probe can work: both say so where people look."""
    lab = cluster()
    node = lab.a
    node.prefix = ["setpriv", "--bounding-set", "-net_raw", "--inh-caps", "-net_raw"]
    node.start()
    for process in ("tw-engine", "tw-probe"):
        e = told(node, "process_unable", 15, process=process)
        assert "Operation not permitted" in e["text"], e
    told(node, "process_ended", process="tw-probe")


def documented(file, word):
    """The code block of a document that holds the word."""
    with open(os.path.join(ROOT, file), encoding="utf-8") as f:
        blocks = [m[2] for m in re.finditer(r"^( *)```\n(.*?)^\1```$", f.read(), re.M | re.S)]
    found = [textwrap.dedent(b) for b in blocks if word in b]
    assert len(found) == 1, f"{file}: {len(found)} blocks with {word}"
    return found[0]


def test_examples_of_the_documents(tmp_path):
    """Complete configurations, and what is to be added to one: no error, and nothing worth a warning."""
    with open(os.path.join(ROOT, "docs/man/twinwall.conf.5"), encoding="utf-8") as f:
        page = re.search(r"\.Sh EXAMPLES.*?\.Bd -literal\n(.*?)\.Ed", f.read(), re.S)[1]
    readme = documented("README.md", "set HighAvailability")
    for name, text in (("twinwall.conf(5)", page.replace(" \\e\n    ", " ")), ("README", readme),
                       ("SETUP", readme + documented("docs/SETUP.md", "Action=SAT"))):
        assert "SyncInterface=sync" in text and "\\" not in text
        file = tmp_path / "twinwall.conf"
        file.write_text(text)
        status, out = check_config(str(file))
        assert status == 0 and ", 0 warnings" in out, f"{name}: {out}"
