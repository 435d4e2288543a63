# SPDX-License-Identifier: GPL-2.0-or-later
"""A configuration changed in operation: edited, activated, committed or taken back, on both nodes."""
import os
import signal
import subprocess

import pytest

from lab import wait_until

LONG = "set Settings ValidationTimeout=300"  # where somebody commits, however slow the machine is
SHORT = "set Settings ValidationTimeout=8"   # where nobody does


def run(node, *words, session=None, refused=None):
    """A command that must succeed, or be refused with these words; its standard output."""
    args = (["--session", session] if session else []) + list(words)
    status, out, err = node.cli(*args, timeout=90)
    if refused is None:
        assert status == 0, f"{node.name}: {words}: {status} {out}{err}"
        return out
    assert status == 1 and refused in err, f"{node.name}: {words}: {status} {out}{err}"
    return err


def state(node):
    return node.ha().get("configuration", {})


def wait_joined(lab):
    """The config processes of both nodes hear each other and have the same revision."""
    wait_until(lambda: all(state(n).get("peer") == "same" and state(n)["phase"] == "idle" for n in lab.nodes), 20,
               lambda: f"both have the same: {[(n.name, n.ha()) for n in lab.nodes]}")


def wait_revision(lab, number, phase="idle", timeout=20):
    """On both nodes this revision is in force, in the kernel as well, and nothing else is under way."""
    def look():
        found = [n.ha() for n in lab.nodes]
        return all(h and h["revision"] == number and h["configuration"]["phase"] == phase for h in found)
    wait_until(look, timeout, lambda: f"both have {number}: {[(n.name, n.tail(8)) for n in lab.nodes]}")


def in_kernel(node, text):
    return text in node.ns.exec("nft", "list", "ruleset")


def comment(n):
    return f"net_{n}"


def edit(node, n=1):
    """One more rule, which stands in the kernel's ruleset under its name."""
    run(node, "add", "IPRule", comment(n), "Action=Drop", "SourceInterface=lan", "SourceNetwork=10.1.0.77",
        "DestinationInterface=wan", "DestinationNetwork=all-nets", "Service=all_services")


def pair_of(cluster, more):
    lab = cluster(ipv6=False, more=more)
    lab.up()
    wait_joined(lab)
    return lab


@pytest.fixture
def lab(cluster):
    return pair_of(cluster, LONG)


@pytest.fixture
def hasty(cluster):
    """Goes back soon."""
    return pair_of(cluster, SHORT)


def test_activate_and_commit(lab):
    """S108, S109, S110: a change on either node is made on both, and survives a restart of both."""
    for number, (here, there) in enumerate([(lab.a, lab.b), (lab.b, lab.a)], start=2):
        edit(here, number)
        assert comment(number) in run(here, "changes")
        assert comment(number) in run(here, "show", "IPRule") and comment(number) not in run(
            here, "show", "-running", "IPRule")
        assert "both nodes" in run(here, "activate")
        wait_revision(lab, number, "trial")
        assert all(in_kernel(n, comment(number)) for n in lab.nodes)
        assert "both nodes" in run(there, "commit")
        wait_revision(lab, number)
        assert run(here, "changes") == ""
    one, two = (n.ha() for n in lab.nodes)
    assert one["hash"] == two["hash"] and not [a for a in one["alarms"] if "configuration" in a]
    for node in lab.nodes:
        assert [r["revision"] for r in node.json("history")["revisions"]] == [3, 2, 1]
        assert run(node, "show").count("NodeType=") == 1  # its own
        node.kill("tw-config")
        wait_until(lambda: node.json("stat"), 10, "tw-config is back")
    wait_joined(lab)
    wait_revision(lab, 3)
    assert run(lab.a, "show", "HighAvailability") != run(lab.b, "show", "HighAvailability")


def test_nobody_commits(hasty):
    """S82, S83: both go back by themselves, and the edits are still there."""
    edit(hasty.a)
    run(hasty.a, "activate")
    wait_until(lambda: all("revision_taken_back: revision 2" in n.log() for n in hasty.nodes), 30, "both go back")
    wait_revision(hasty, 1)
    assert not any(in_kernel(n, comment(1)) for n in hasty.nodes)
    assert all("revision_tried: revision 2" in n.log() for n in hasty.nodes)
    assert comment(1) in run(hasty.a, "changes")
    run(hasty.b, "commit", refused="nothing waits")


def test_rollback_in_trial(lab):
    """… or at once, on either node; what was taken back can be activated again."""
    edit(lab.a)
    run(lab.a, "activate")
    wait_revision(lab, 2, "trial")
    run(lab.b, "rollback")
    wait_revision(lab, 1)
    run(lab.a, "activate")
    run(lab.a, "commit")
    wait_revision(lab, 3)


def test_config_killed_in_trial(hasty):
    """The way back does not depend on the process: it is on the disk before anything is applied."""
    edit(hasty.a)
    run(hasty.a, "activate")
    for node in hasty.nodes:
        node.kill("tw-config")
    wait_until(lambda: all("revision_taken_back: revision 2" in n.log() for n in hasty.nodes), 30, "both go back")
    wait_revision(hasty, 1)
    assert not any(in_kernel(n, comment(1)) for n in hasty.nodes)


def test_config_killed_then_committed(lab):
    """Nor is the trial over because a process has ended."""
    edit(lab.a)
    run(lab.a, "activate")
    for node in lab.nodes:
        node.kill("tw-config")
    wait_revision(lab, 2, "trial")
    assert all("revision_trial_goes_on" in n.log() for n in lab.nodes)
    run(lab.b, "commit")
    wait_revision(lab, 2)


def test_takeover_in_trial(hasty):
    """The active node loses power during the trial: the other one still goes back, and so does it later."""
    edit(hasty.a)
    run(hasty.a, "activate")
    active, standby = hasty.active, hasty.standby
    active.power_off()
    hasty.wait_takeover(standby)
    wait_until(lambda: standby.ha()["revision"] == 1 and state(standby)["phase"] == "idle", 30, "goes back")
    active.power_on()
    active.start()
    hasty.wait_settled()
    wait_joined(hasty)
    wait_revision(hasty, 1)


def test_commit_after_takeover(lab):
    """… or keeps it when it is committed there, and the other one catches up."""
    edit(lab.a)
    run(lab.a, "activate")
    active, standby = lab.active, lab.standby
    active.power_off()
    lab.wait_takeover(standby)
    run(standby, "commit")
    assert state(standby)["phase"] == "idle" and standby.ha()["revision"] == 2
    active.power_on()
    active.start()
    lab.wait_settled()
    wait_revision(lab, 2)
    assert all(in_kernel(n, comment(1)) for n in lab.nodes)


def test_power_loss_of_the_peer(hasty):
    """Power goes while the peer takes part: whatever it had written, both end on the same revision."""
    for number in range(1, 4):
        edit(hasty.a, number)
        hasty.b.kill("tw-config", signal.SIGSTOP)  # it hears of it, and does not get to it
        pid = os.fork()
        if pid == 0:
            hasty.a.cli("activate", timeout=90)
            os._exit(0)
        hasty.b.power_off()
        os.waitpid(pid, 0)
        hasty.b.power_on()
        hasty.b.start()
        hasty.wait_settled()
        wait_until(lambda: state(hasty.a).get("phase") == state(hasty.b).get("phase") == "idle"
                   and hasty.a.ha()["revision"] == hasty.b.ha()["revision"] == 1, 30, "both are as before")
        run(hasty.a, "cancel")
        wait_joined(hasty)


def test_peer_away_catches_up(lab):
    """A peer that is away stops no change, and has all of them when it is back."""
    lab.standby.power_off()
    there = next(n for n in lab.nodes if not n.powered)
    here = lab.other(there)
    here.wait_for(lambda h: h["peer"]["state"] == "dead", 10)
    for number in (2, 3, 4):
        edit(here, number)
        assert "away" in run(here, "activate")
        assert "away" in run(here, "commit")
    there.power_on()
    there.start()
    lab.wait_settled()
    wait_revision(lab, 4)
    assert all(in_kernel(n, comment(4)) for n in lab.nodes)
    assert "TW1647" in there.log()


def test_changed_apart(lab):
    """Two nodes that were changed apart are told apart, and only a person says which one counts."""
    for node in lab.nodes:
        node.cut("sync")
        for segment in ("lan", "wan"):
            node.cut_silent(segment)
    for i, node in enumerate(lab.nodes):
        node.wait_for(lambda h: h["peer"]["state"] == "dead", 10)
        edit(node, 10 + i)
        run(node, "activate")
        run(node, "commit")
    for node in lab.nodes:
        node.heal()
    lab.wait_settled()
    for node in lab.nodes:
        wait_until(lambda: state(node)["peer"] == "diverged", 15, "it is noticed")
        assert any("-resolve" in a for a in node.ha()["alarms"]), node.ha()["alarms"]
    diff = wait_until(lambda: lab.a.cli("changes", "-peer")[0] == 0 and run(lab.a, "changes", "-peer"), 10, "text")
    assert f"delete IPRule {comment(10)}" in diff and f"add IPRule {comment(11)}" in diff
    run(lab.a, "ha", "-resolve", "peer")
    wait_revision(lab, 3)
    wait_joined(lab)
    assert all(in_kernel(n, comment(11)) and not in_kernel(n, comment(10)) for n in lab.nodes)


def test_two_administrators(lab):
    """The second is told who and what; on activation nothing of the first is lost."""
    edit(lab.a, 1)
    status, _, err = lab.a.cli("--session", "bob", "set", "IPRule", "lan_out", "Log=No")
    assert status == 0 and "IPRule net_1" in err and "session root" in err
    _, _, err = lab.a.cli("--session", "bob", "set", "IPRule", "net_1", "Log=No")
    assert "no IPRule is called" in err
    run(lab.a, "activate")
    run(lab.a, "--session", "bob", "activate", refused="waits to be kept")
    run(lab.a, "commit")
    err = run(lab.a, "activate", session="bob", refused="revision 2 is in force")
    assert "net_1" in err
    run(lab.a, "merge", session="bob")
    run(lab.a, "activate", session="bob")
    run(lab.a, "commit")
    shown = run(lab.b, "show", "IPRule")
    assert comment(1) in shown and "Log=No" in shown


def test_refused_on_both(lab):
    """What one node cannot use is in force on none: every error is named."""
    run(lab.a, "set", "IPRule", "lan_out", "SourceInterface=nowhere")
    run(lab.a, "set", "Route", "default", "Gateway=192.0.2.1")
    err = run(lab.a, "activate", refused="nowhere")
    assert "Gateway" in err
    run(lab.a, "reject", "IPRule", "lan_out")
    assert "lan_out" not in run(lab.a, "changes")
    run(lab.a, "cancel")
    run(lab.a, "delete", "IP4HAAddress", "lan_ha")
    run(lab.a, "activate", refused="lan_ha")
    run(lab.a, "cancel")
    run(lab.a, "rename", "IP4HAAddress", "lan_ha", "own")
    assert "PrivateIP=own" in run(lab.a, "changes")
    run(lab.a, "activate")
    run(lab.a, "commit")
    wait_revision(lab, 2)


@pytest.fixture
def small_disk(cluster):
    """A pair whose slave has a state folder with little room."""
    lab = cluster(ipv6=False, more=LONG)
    folder = lab.b.path("state")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", folder]).returncode:
        pytest.skip("no file system can be mounted here")
    lab.b.write_key(lab.b.key)
    yield lab.up()
    lab.b.stop()
    subprocess.run(["umount", folder], check=True)


def test_full_disk(small_disk):
    """A disk without room: the change is refused on both, and that is why."""
    lab = small_disk
    wait_joined(lab)
    filler = lab.b.path("state", "filler")
    with open(filler, "wb", buffering=0) as f:
        try:
            while True:
                f.write(bytes(4096))
        except OSError:
            pass
    edit(lab.a)
    for node in lab.nodes:
        assert "No space left" in run(lab.a, "activate", refused="make room")
        assert node.ha()["revision"] == 1 and state(node)["phase"] == "idle"
    os.unlink(filler)
    run(lab.a, "activate")
    run(lab.a, "commit")
    wait_revision(lab, lab.a.ha()["revision"])
    assert in_kernel(lab.b, comment(1))


def test_script(lab, tmp_path):
    """twinwall -f: statements and commands from a file, contexts, and where an error is."""
    file = tmp_path / "change"
    file.write_text("cc IPRule\nset lan_out Log=No Comments=\"one, two\"\ncc IPRule lan_out\nset Log=Yes\n"
                    "cc\nadd IP4Address host Address=10.1.0.9\nactivate\ncommit\n")
    status, out, err = lab.a.cli("-f", str(file), timeout=60)
    assert status == 0, out + err
    assert 'Comments="one, two"' in run(lab.b, "show", "IPRule", "lan_out")
    file.write_text("cc IPRule lan_out\nset Log=Maybe\n")
    status, out, err = lab.a.cli("-f", str(file))
    assert status == 1 and f"{file}:2:5: " in err, err
    shown = run(lab.a, "show")
    file.write_text("\n".join(x for x in shown.splitlines() if x.startswith("set")) + "\n")
    status, out, err = lab.a.cli("-f", str(file))
    assert status == 0, out + err
    run(lab.a, "activate", refused="nothing is edited")


def test_other_ethertype(cluster):
    """S21 in operation: both change over at the same moment, nobody takes over, and so on the way back."""
    lab = cluster(ipv6=False, more=LONG, ha="HeartbeatInterval=50 HAFailoverTime=1000")
    lab.up()
    wait_joined(lab)
    active, term = lab.active, lab.a.ha()["term"]

    def alike(number):
        wait_revision(lab, number)
        lab.wait_settled()
        wait_joined(lab)
        assert lab.active is active and lab.b.ha()["term"] == term
    run(lab.a, "set", "HighAvailability", "HASyncProtocol=0x8ffd")
    run(lab.a, "activate")
    run(lab.b, "commit")
    alike(2)
    run(lab.b, "set", "HighAvailability", "HASyncProtocol=0x8ffe")
    run(lab.b, "activate")
    run(lab.a, "rollback")
    alike(2)
    assert "HASyncProtocol=0x8ffd" in run(lab.b, "show", "-running", "HighAvailability")


def test_other_cluster_id(cluster):
    """The shared MAC addresses change with it: announced, and still one active node."""
    lab = cluster(ipv6=False, more=LONG, ha="HeartbeatInterval=50 HAFailoverTime=1000")
    lab.up()
    wait_joined(lab)
    active = lab.active
    run(lab.a, "set", "HighAvailability", "ClusterID=9")
    run(lab.a, "activate")
    run(lab.b, "commit")
    wait_revision(lab, 2)
    lab.wait_settled()
    wait_joined(lab)
    assert lab.active is active
    assert lab.client.ping("10.2.0.254")


def test_rollback_to_a_revision(lab):
    edit(lab.a)
    run(lab.a, "activate")
    run(lab.a, "commit")
    assert "both nodes" in run(lab.b, "rollback", "1")
    run(lab.b, "commit")
    wait_revision(lab, 3)
    assert not any(in_kernel(n, comment(1)) for n in lab.nodes)
    last = lab.a.json("history")["revisions"][0]
    assert last["remark"] == "as revision 1" and last["state"] == "in force"
    run(lab.a, "rollback", "77", refused="none of that number")


@pytest.mark.slow
def test_traffic_through_commits(lab):
    """Ten commits, some of them taken back: not a packet is lost, no connection ends."""
    traffic = lab.traffic(connections=50).start()
    for number in range(10):
        edit(lab.nodes[number % 2], number)
        run(lab.nodes[number % 2], "activate")
        if number % 3 == 2:
            run(lab.nodes[number // 3 % 2], "rollback")
            run(lab.nodes[number % 2], "cancel")
        else:
            run(lab.nodes[number // 3 % 2], "commit")
        wait_joined(lab)
    traffic.settle()
    mark = traffic.mark("commits")
    assert mark.intact, mark
    assert mark.lost_up == 0 and mark.lost_down == 0, mark
