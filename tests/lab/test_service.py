# SPDX-License-Identifier: GPL-2.0-or-later
"""The service as an administrator meets it: start, status, stop, wrong configurations."""
import os
import re
import subprocess

import pytest
from lab import program, wait_until
from node import check_config, kernel_state, statements

HA_TEXT = re.compile(
    r"^This device is an? HA (?P<node>MASTER|SLAVE)\n"
    r"This device is currently (?P<role>ACTIVE \(will forward traffic\)|INACTIVE \(will not forward traffic\))\n"
    r"HA cluster peer is (?P<peer>ALIVE|DEAD|UNKNOWN)\n", re.M)


def test_start_of_a_pair(cluster):
    """One of two equal nodes becomes active: the master; both say so in the known words."""
    lab = cluster()
    lab.up()
    assert lab.active is lab.a
    for node, name, role in ((lab.a, "MASTER", "ACTIVE"), (lab.b, "SLAVE", "INACTIVE")):
        status, out, err = node.cli("ha")
        m = HA_TEXT.search(out)
        assert status == 0 and m, out + err
        assert (m["node"], m["role"].split()[0], m["peer"]) == (name, role, "ALIVE")
        assert "HA state sync: 100%" in out
    assert re.search(r"^This device has been active: \d+ sec$", lab.a.cli("ha")[1], re.M)
    ha = lab.b.ha()
    assert (ha["node"], ha["role"], ha["gate_open"], ha["position"]) == ("slave", "inactive", False, "closed")
    assert ha["peer"]["role"] == "active" and ha["peer"]["quality"] == 100 and ha["forced"] is False
    assert lab.a.ha()["position"] == "open"
    for node in lab.nodes:
        comms = sorted(node.children(node.daemon.pid).values())
        assert {"tw-engine", "tw-statesync", "tw-config", "tw-probe"} <= set(comms), comms


def test_first_node_alone(cluster):
    """Without a peer it waits out its silence, then works, and says that it knows of no peer."""
    lab = cluster(ha="InitialSilence=2")
    lab.b.start()
    lab.b.wait_role("active", 12)
    assert HA_TEXT.search(lab.b.cli("ha")[1])["peer"] in ("UNKNOWN", "DEAD")
    assert lab.client.ping("10.2.0.254")
    lab.a.start()
    lab.wait_settled()
    assert lab.active is lab.b, "the master that came later pre-empted"


def test_exit_statuses(pair, tmp_path):
    assert pair.a.cli("ha")[0] == 0
    status, _, err = pair.a.cli("nonsense")
    assert status == 2 and err
    status, _, err = pair.a.cli("ha", "-nonsense")
    assert status == 2 and err
    p = subprocess.run([program("twinwall"), "--run", str(tmp_path), "ha"], capture_output=True, text=True,
                       timeout=10, stdin=subprocess.DEVNULL)
    assert p.returncode == 3 and p.stderr


def test_stat_counts_agree(pair):
    traffic = pair.traffic(connections=400).start()

    def counts():
        found = []
        for node in pair.nodes:
            m = re.search(r"Connections\s+(\d+) out of (\d+)", node.cli("stat")[1])
            assert m and int(m[2]) >= int(m[1])
            found.append(int(m[1]))
        return found
    wait_until(lambda: min(counts()) >= 400, 5, lambda: f"both hold 400 connections: {counts()}")
    low, high = sorted(counts())
    assert high - low <= 0.05 * high
    stat = wait_until(lambda: (s := pair.standby.json("stat"))["peer_connections"] >= 400 and s, 5,
                      "the peer's count is known")
    assert stat["revision"] == 1 and stat["version"]
    assert traffic.mark("stat").intact


def test_why_and_quality_explain(pair):
    for node in pair.nodes:
        assert "100" in node.cli("ha", "quality")[1]
        status, out, _ = node.cli("ha", "why")
        assert status == 0 and len(out.splitlines()) > 3
        q = node.json("ha", "quality")
        assert [t["name"] for t in q["terms"]][0::7] == ["interfaces", "state sync"]
        assert all(t["value"] is None or 0 <= t["value"] <= 100 for t in q["terms"])
        assert sum(t["weight"] for t in q["terms"]) < 100
        assert q["compared"]["better"] == "neither" and q["peer_quality"] == 100
        assert q["quality_formula"].endswith(f"= {q['quality']}")
        node.json("ha", "why")


def same_state(before, after):
    """Names only what differs: the whole of it is thousands of lines."""
    for part, value in before.items():
        old, new = (set(x.splitlines() if isinstance(x, str) else x) for x in (value, after[part]))
        assert not old ^ new, f"{part} is not as it was: gone {sorted(old - new)}, new {sorted(new - old)}"


def test_stop_leaves_nothing_behind(cluster):
    """Ours goes, the administrator's own stays: links, addresses, routes, rules, nft, sysctl, tc."""
    lab = cluster()
    foreign_nft = "table inet mine {\n\tchain c {\n\t\ttype filter hook input priority 10; policy accept;\n\t}\n}\n"
    for node in lab.nodes:
        node.ns.exec("nft", "-f", "-", stdin=foreign_nft)
        node.ns.ip("addr add 192.0.2.1/24 dev lan", "route add 198.51.100.0/24 via 192.0.2.9",
                   "rule add pref 500 from 192.0.2.1 lookup main")
    before = {node: kernel_state(node) for node in lab.nodes}
    lab.up()
    for node in lab.nodes:
        assert kernel_state(node)["links"] != before[node]["links"], "the comparison sees nothing"
        assert "mine" in kernel_state(node)["nft"]
    assert lab.b.stop() == 0
    assert lab.a.stop() == 0
    for node in lab.nodes:
        same_state(before[node], kernel_state(node))


def test_crash_then_stop_leaves_nothing_behind(cluster):
    """What a killed daemon left is known to the next one, and goes when that one ends."""
    lab = cluster()
    before = kernel_state(lab.b)
    lab.up()
    lab.b.kill("twinwalld")
    lab.b.daemon.wait(5)
    wait_until(lambda: not lab.b.ns.pids(), 5, "its processes end with it")
    lab.b.start()
    lab.wait_settled()
    assert lab.b.stop() == 0
    same_state(before, kernel_state(lab.b))


def test_second_daemon_is_refused(pair):
    node = pair.standby
    p = node.ns.popen(program("twinwalld"), "--etc", node.path("etc"), "--state", node.path("state"),
                      "--run", node.path("run"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                      stderr=subprocess.STDOUT, text=True)
    out, _ = p.communicate(timeout=10)
    assert p.returncode == 1 and out.strip(), out
    assert node.cli("ha")[0] == 0 and pair.settled()


@pytest.mark.parametrize("without", [[], ["setpriv", "--bounding-set", "-sys_resource", "--inh-caps", "-sys_resource"]],
                         ids=["limit", "limit that stays"])
def test_little_memory_may_be_locked(cluster, without):
    """A limit on locked memory keeps no process from starting when the right to lock is given up."""
    lab = cluster(ha="InitialSilence=2")
    lab.a.prefix = ["prlimit", "--memlock=65536:65536", *without]
    lab.a.start()
    lab.a.wait_role("active", 15)
    assert "process_killed" not in lab.a.log() and "no_realtime" not in lab.a.log()


def test_missing_key_is_told(cluster):
    lab = cluster()
    os.unlink(lab.a.path("state", "cluster.key"))
    lab.a.start()
    wait_until(lambda: "key" in lab.a.log().lower(), 10, "the log names the missing key")


def test_invalid_configuration(cluster, tmp_path):
    """Every error with its place, not only the first; status 1; the daemon does not start with it."""
    good = tmp_path / "good.conf"
    good.write_text(statements("Master"))
    status, out = check_config(str(good))
    assert status == 0, out
    bad = tmp_path / "bad.conf"
    bad.write_text(statements("Master") + "add EthernetInterface lan\nset HighAvailability ClusterID=70000\n"
                   "add Route r Interface=nowhere Network=all-nets Gateway=10.2.0.254\nfrobnicate\n")
    first = bad.read_text().count("\n") - 3
    status, out = check_config(str(bad))
    assert status == 1
    for line in range(first, first + 4):
        assert re.search(rf"bad\.conf:{line}:\d+: ", out), f"line {line} is not named:\n{out}"
    assert "70000" in out and "nowhere" in out

    lab = cluster()
    with open(lab.a.path("etc", "twinwall.conf"), "w") as f:
        f.write(bad.read_text())
    lab.a.start()
    assert lab.a.daemon.wait(10) == 1
    assert "nowhere" in lab.a.log() and "70000" in lab.a.log()


def test_without_high_availability(cluster):
    """Enabled=No: one firewall, at once, without a peer and without a lease."""
    lab = cluster(enabled=False, sync=None)
    lab.a.start()
    lab.a.wait_for(lambda h: h["role"] == "active" and h["gate_open"], 5, "is active at once")
    traffic = lab.traffic(connections=100).start()
    assert traffic.settle()
    figures = traffic.mark("single")
    assert figures.intact and figures.alive == 100 and figures.lost == 0
    assert lab.a.json("stat")["connections"] >= 100
    assert lab.a.stop() == 0
    assert not lab.client.ping("10.2.0.254"), "still forwarding after the stop"


def test_survives_a_restart_of_both(cluster):
    """A committed revision is what a restart starts with; the file is only the first."""
    lab = cluster().up()
    for node in lab.nodes:
        assert node.stop() == 0
        os.unlink(node.path("etc", "twinwall.conf"))
    lab.up()
    assert all(n.json("stat")["revision"] == 1 for n in lab.nodes)
    assert lab.client.ping("10.2.0.254")
    for node in lab.nodes:
        node.configure()
