# SPDX-License-Identifier: GPL-2.0-or-later
"""The election's Promela model (model/), checked by spin: every world, every mutant, and its table of
moves against the one of the C sources.

    /usr/bin/python3 -B tests/model/test_model.py            figures of all worlds, as printed in election.md
    /usr/bin/python3 -B tests/model/test_model.py stop       one of them; of a violation: the way to it
"""
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("TW_BUILD", os.path.join(ROOT, "build")))
MODEL = os.path.join(ROOT, "model")
CPU_SECONDS, MEGABYTES = 180, 2000  # a run that needs more fails; a quiet machine needs a tenth

# What each world adds to a network that loses and delays frames as it likes, one way at a time.
# PAIR: begins with an active node and its standby, else both have just started.
WORLDS = {
    "start": "-DTERM_MAX=3",
    "lease": "-DPAIR",
    "lease-5": "-DPAIR -DDETECT=5 -DLEASE=4 -DTERM_MAX=3",
    "late": "-DPAIR -DLATES=2 -DTERM_MAX=3",
    "two-slots": "-DPAIR -DSLOTS=2 -DTERM_MAX=3",
    "sleep": "-DPAIR -DSKIPS=EVER -DTERM_MAX=3",
    "sleep-5": "-DPAIR -DDETECT=5 -DLEASE=4 -DSKIPS=3 -DTERM_MAX=2",
    "sleep-rank": "-DPAIR -DSKIPS=EVER -DCHANGES=1 -DTERM_MAX=2",
    "switch": "-DPAIR -DCOMMANDS=1 -DTERM_MAX=3",
    "rank": "-DPAIR -DCHANGES=1 -DTERM_MAX=3",
    "stop": "-DPAIR -DSTOPS=1 -DPARTITION -DTERM_MAX=3",
    "stop-5": "-DPAIR -DDETECT=5 -DLEASE=4 -DSTOPS=1 -DPARTITION -DTERM_MAX=2",
    "stop-start": "-DSTOPS=1 -DPARTITION -DLOSSES=1 -DTERM_MAX=1",
    "crash": "-DPAIR -DCRASHES=1 -DPARTITION -DTERM_MAX=3",
    "cut-off": "-DPAIR -DCUTS=1 -DTERM_MAX=3",
    "partition": "-DPAIR -DPARTITION -DCALM -DTERM_MAX=4",
    "calm": "-DPAIR -DCALM -DSKIPS=3 -DTERM_MAX=3",
    "calm-start": "-DCALM -DTERM_MAX=3 -DLOSSES=2",
    "calm-crash": "-DPAIR -DCALM -DCRASHES=1 -DLOSSES=1 -DTERM_MAX=3 -DPARTITION",
    "calm-switch": "-DPAIR -DCALM -DCOMMANDS=1 -DLOSSES=2 -DTERM_MAX=3",
}

# One line each: what is broken, in which world, and how spin must see it.
BOTH_OPEN = r"open.*open"
ASKED_TWICE = r"want>nd.*asked"
NOT_LISTENED = r"listen"
RENEWED = r"ran_out.*moves"
NOT_ONE_OPEN = r"open>0\)\)\)?==1"
MUTANTS = {
    "lease-twice-detection": ("lease", "-DLEASE=6", BOTH_OPEN),
    "lease-a-unit-longer": ("lease", "-DLEASE=4", BOTH_OPEN),
    "lease-from-now": ("lease", "-DMUT_LEASE_FROM_NOW", BOTH_OPEN),
    "lapsed-goes-on": ("sleep", "-DMUT_LAPSED_GOES_ON", RENEWED),
    "renews-before-frames-are-told": ("sleep-rank", "-DMUT_RENEWS_ON_FRAMES -DDETECT=5 -DLEASE=4", BOTH_OPEN),
    "sleep-counts-as-silence": ("sleep", "-DMUT_SLEEP_COUNTS", BOTH_OPEN),
    "grant-without-drain": ("switch", "-DMUT_NO_DRAIN", BOTH_OPEN),
    "wish-taken-for-grant": ("switch", "-DMUT_GRANT_EARLY", BOTH_OPEN),
    "term-given-up-is-used-again": ("lease", "-DMUT_FORGETS_FLOOR", ASKED_TWICE),
    "comes-back-with-a-full-lease": ("stop", "-DMUT_COMES_BACK_FRESH", BOTH_OPEN),
    "old-claims-after-carrier": ("cut-off", "-DMUT_OLD_CLAIMS", NOT_LISTENED),
    "conflict-ignores-terms": ("partition", "-DMUT_TERMS_IGNORED", NOT_ONE_OPEN),
    "nobody-takes-over": ("calm-crash", "-DMUT_NO_TAKEOVER", NOT_ONE_OPEN),
    "wants-for-ever": ("calm-crash", "-DMUT_WANTS_FOR_EVER", NOT_ONE_OPEN),
}


def spin(folder, flags):
    """Generates, compiles and runs the checker in `folder`; its output."""
    made = subprocess.run(["spin", "-a", *flags.split(), os.path.join(MODEL, "election.pml")], cwd=folder, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert made.returncode == 0, made.stdout[-3000:]
    subprocess.run(["gcc", "-O1", "-w", "-DSAFETY", "-DHC4", f"-DMEMLIM={MEGABYTES}", "-o", "pan", "pan.c"],
                   cwd=folder, check=True)
    return subprocess.run(["prlimit", f"--cpu={CPU_SECONDS}", "./pan", "-m1000000", "-w25"], cwd=folder, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False).stdout


class Run:
    def __init__(self, flags):
        self.flags = flags
        with tempfile.TemporaryDirectory(prefix="tw-model-") as folder:
            self.out = spin(folder, flags)
            self.way = ""
            if "wrote election.pml.trail" in self.out:
                self.way = subprocess.run(["./pan", "-r", "election.pml.trail"], cwd=folder, text=True, check=False,
                                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout
        self.violation = "; ".join(re.findall(r"^pan:1: (.*)$", self.out, re.M))
        self.complete = "errors:" in self.out and not re.search(
            r"Search not completed|max search depth too small|out of memory", self.out)
        self.taken = {(a, b) for a, b in re.findall(r"^MOVE (\w+) (\w+) \d+$", self.out, re.M)}

    def figures(self):
        number = lambda pattern: float((re.findall(pattern, self.out) or ["nan"])[0])
        return (number(r"([\d.e+]+) states, stored"), number(r"depth reached (\d+)"),
                number(r"elapsed time ([\d.e+-]+)"), number(r"([\d.]+)\s+total actual memory"))


POOL = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
RUNS = {}  # by flags


def run_of(flags):
    if flags not in RUNS:
        RUNS[flags] = POOL.submit(Run, flags)
    return RUNS[flags]


def world(name):
    return run_of(WORLDS[name]).result()


def mutant(name):
    return f"{WORLDS[MUTANTS[name][0]]} {MUTANTS[name][1]}"


@pytest.fixture(scope="module", autouse=True)
def all_processors(request):
    """Begins every run that the chosen tests will want, as many at a time as there are processors."""
    for item in request.session.items:
        name = getattr(item, "callspec", None) and item.callspec.params.get("name")
        if name:
            run_of(WORLDS[name] if name in WORLDS else mutant(name))
    yield
    for run in RUNS.values():
        run.cancel()


@pytest.mark.parametrize("name", WORLDS)
def test_world(name):
    run = world(name)
    assert not run.violation, run.violation + "\n" + story(run)
    assert run.complete, run.out[-3000:]


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_found(name):
    how = MUTANTS[name][2]
    run = run_of(mutant(name)).result()
    assert re.search(how, run.violation.replace(" ", "")), run.violation or run.out[-3000:]


def source(name):
    with open(os.path.join(MODEL, name), encoding="utf-8") as f:
        return f.read()


def moves_of_core():
    program = os.path.join(BUILD, "tests", "model", "model-moves")
    if not os.path.exists(program):
        pytest.fail(f"{program} is not built")
    out = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    return (re.findall(r"^ROLE (\d+) (\w+)$", out, re.M), set(re.findall(r"^MOVE (\w+) (\w+)$", out, re.M)))


def test_same_roles_as_the_core():
    roles = re.findall(r"^#define ROLE_(\w+)\s+(\d+)$", source("election.pml"), re.M)
    assert [(number, name.lower()) for name, number in roles] == moves_of_core()[0]


def test_same_moves_as_the_core():
    moves = re.findall(r"\bMOVE\((\w+), (\w+)\)", source("node.pml").split("inline check_move()")[1].split("}")[0])
    assert len(moves) == len(set(moves))
    assert {(a.lower(), b.lower()) for a, b in moves} == moves_of_core()[1]


def test_every_move_is_taken():
    """A model in which something never happens proves nothing about it."""
    taken = set().union(*(world(name).taken for name in WORLDS))
    assert taken == moves_of_core()[1]


def test_every_mutant_is_tried():
    switches = set(re.findall(r"\bMUT_\w+", source("node.pml") + source("election.pml")))
    assert switches - {"MUT_"} == set(re.findall(r"MUT_\w+", " ".join(m[1] for m in MUTANTS.values())))


def story(run):
    return "\n".join(re.findall(r"^\s*((?:EVENT|UNIT).*)$", run.way, re.M)[-60:])


def main():
    if not shutil.which("spin"):
        sys.exit("spin is missing: scripts/setup")
    for name in sys.argv[1:] or WORLDS:
        run = world(name)
        states, depth, seconds, mb = run.figures()
        verdict = run.violation or ("holds" if run.complete else "not completed")
        print(f"| {name} | `{run.flags}` | {states:.0f} | {depth:.0f} | {seconds:.1f} s | {mb:.0f} MB | {verdict} |",
              flush=True)
        if run.violation:
            print(story(run))


if __name__ == "__main__":
    main()
