# SPDX-License-Identifier: GPL-2.0-or-later
"""The log as an operator reads it: what happened, in order, with number, evidence and who asked."""
import os
import re
import signal

from lab import wait_until


def events(node, *args):
    return (node.json("log", "-n", "1000", *args) or {"log": []})["log"]  # nobody answers for a moment


def told(node, name, timeout=5, **args):
    """The newest event of that name with these arguments."""
    def look():
        found = [e for e in events(node, "-id", name) if args.items() <= e["args"].items()]
        return found[-1] if found else None
    return wait_until(look, timeout, lambda: f"{node.name} tells {name} {args}:\n{node.cli('log')[1]}")


def test_a_switch_is_told_with_who_asked(pair):
    active, standby = pair.active, pair.standby
    quality = standby.ha()["quality"]
    assert active.cli("ha", "-deactivate")[0] == 0
    asked = told(active, "operator_asked", command="ha -deactivate")
    assert asked["id"] == "TW1901" and re.match(r"\w+ \(.*pid \d+\)$", asked["args"]["who"])
    assert told(active, "operator_answered", command="ha -deactivate", result="done")
    draining = told(active, "draining")
    assert draining["args"]["peer_quality"] == quality and draining["args"]["to"] == "draining"
    took = told(standby, "active_relieves", to="active")
    assert took["args"]["term"] == draining["args"]["term"] and took["level"] == "notice"
    order = [e["name"] for e in events(active)]
    assert order.index("operator_asked") < order.index("draining") < order.index("inactive_drained")
    pair.wait_settled()


def test_a_takeover_is_told_with_its_evidence(pair):
    active, standby = pair.active, pair.standby
    standby.kill("tw-config")  # with an empty count of repetitions
    told(standby, "process_runs")
    pair.wait_settled()
    before, quality = len(events(standby)), standby.ha()["quality"]
    active.power_off()
    pair.wait_takeover(standby)
    wait_until(lambda: any(e["name"] == "sync_lost" for e in events(standby)[before:]), 5, "sync_lost")
    dead = told(standby, "peer_dead", role="inactive")
    took = told(standby, "active_peer_dead")
    assert 50 <= dead["args"]["silence_ms"] < 200 and dead["args"]["paths"] == 3
    assert took["args"]["heard"] == 0 and took["args"]["from"] == "inactive"
    assert took["args"]["quality"] == took["args"]["peer_quality"] == quality
    assert "look at the peer" in took["text"] and took["level"] == "warning"
    assert standby.cli("log", "-n", "1", "-id", "TW1001")[1].count("\n") == 1
    assert f"TW1001 active_peer_dead: {took['text']}" in standby.log()
    lost = told(standby, "sync_lost")
    assert dead["unix"] < lost["unix"]
    pair.restore()
    told(standby, "peer_back")
    told(standby, "sync_back")
    told(standby, "bulk_sent")
    told(active, "bulk_received")


def test_the_log_outlives_its_process(pair):
    node = pair.standby
    before = events(node)
    node.kill("tw-config")
    killed = told(node, "process_killed", process="tw-config", signal="SIGKILL")
    told(node, "process_runs", process="tw-config")
    after = events(node)
    assert [(e["name"], e["unix"]) for e in before] == [(e["name"], e["unix"]) for e in after][:len(before)]
    assert killed["level"] == "error" and "starting it again" in killed["text"]
    run, text = node.log().rpartition("---- start")[2], before[-1]["text"]
    assert run.count(text) == [e["text"] for e in after].count(text), "no line is written twice"


def test_a_hanging_engine_is_told(pair):
    standby = pair.standby
    standby.kill("tw-engine", signal.SIGSTOP)
    assert told(standby, "engine_hangs")["level"] == "error"
    standby.kill("tw-engine", signal.SIGCONT)
    told(standby, "engine_runs")
    pair.wait_settled()


def test_what_log_refuses(pair):
    node = pair.active
    for args, words in ((["0"], "1 to 1000"), (["-n"], "needs a value"), (["-n", "1001"], "1 to 1000"),
                        (["-level", "bad"], "error, warning, notice, info"), (["-id", "TW9999"], "no such event"),
                        (["-id", "nothing_*"], "no such event"), (["-x", "1"], "no such option"),
                        (["5", "6"], "no such option"), (["-explain"], "needs one"),
                        (["-explain", "TW9999"], "no such event")):
        status, out, err = node.cli("log", *args)
        assert status == 2 and words in err and not out, (args, out, err)


def test_what_an_event_means(pair):
    node = pair.active
    for args in (["log", "-explain", "TW1103"], ["help", "tw1103"], ["help", "peer_dead"]):
        status, out, _ = node.cli(*args)
        assert status == 0 and "TW1103 peer_dead (warning)" in out and "What to do:" in out
    event = node.json("log", "-explain", "1103")["event"]
    assert set(event) == {"id", "name", "level", "text", "meaning", "action"}
    wanted = {"warning", "error"}
    assert all(e["level"] in wanted for e in events(node, "-level", "warning"))
    assert all(e["name"].startswith("link_") for e in events(node, "-id", "link_*"))


def test_a_flapping_cable_does_not_flood(cluster):
    lab = cluster(extra=["dmz"]).up()
    node = lab.standby

    def carrier(wanted):
        node.wait_for(lambda h: [i["carrier"] for i in h["interfaces"] if i["name"] == "dmz"] == [wanted])
    for _ in range(30):
        node.cut("dmz")
        carrier(False)
        node.heal("dmz")
        carrier(True)
    downs = [e for e in events(node, "-id", "link_down") if e["args"]["port"] == "dmz"]
    assert len(downs) == 10, len(downs)
    lines = len(node.log().splitlines())
    assert lines < 200 and os.path.getsize(node.path("log")) < 100_000
