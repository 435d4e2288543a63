# SPDX-License-Identifier: GPL-2.0-or-later
"""One farm for all tests of the pair. What is printed is meant to be read: `make vmtest`."""
import os
import sys
import time

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import farm as farm_module  # noqa: E402
from farm import Farm, say  # noqa: E402
from qemu import VmError  # noqa: E402

_farm = None
_started = {}


def pytest_collection_modifyitems(items):
    if os.geteuid() != 0:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="debootstrap needs root"))


def pytest_report_teststatus(report):
    """Our own lines tell the result: no dots between them."""
    if report.when == "call" or report.failed or report.skipped:
        return report.outcome, "", report.outcome.upper()
    return None


def pytest_runtest_logstart(nodeid):
    _started[nodeid] = time.monotonic()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.when == "call" or report.failed or report.skipped:
        seconds = time.monotonic() - _started[item.nodeid]
        reason = f": {report.longrepr[2]}" if report.skipped else ""
        say(f"=> {report.outcome} in {seconds:.0f} s{reason}")
    if report.failed and report.when != "teardown" and _farm is not None:
        for n in _farm.nodes:
            try:
                if n.vm.p is not None:
                    n.vm.resume()
                    report.sections.append((f"log of {n.name}", n.log()[-6000:]))
            except VmError as e:
                report.sections.append((f"log of {n.name}", str(e)))


@pytest.fixture(autouse=True)
def title(request):
    say()
    say("-- " + " ".join((request.function.__doc__ or request.function.__name__).split()))


@pytest.fixture(scope="session")
def machines():
    """The farm with power; its images are made when they are missing."""
    global _farm
    began = time.monotonic()
    _farm = Farm()
    try:
        say(f"   images {time.monotonic() - began:.0f} s: kernel {farm_module.image.kernel_version()}, "
            "Debian root, this build")
        began = time.monotonic()
        _farm.power_on()
        say(f"   world, a and b have booted: {time.monotonic() - began:.0f} s (QEMU without acceleration, "
            "one processor each)")
        say(f"   timers: {farm_module.TIMERS}")
        yield _farm
    finally:
        _farm.close()


@pytest.fixture
def farm(machines):
    yield machines
    machines.drop_parts()
    for n in machines.nodes:
        if n.vm.p is None:
            n.power_on()
            if machines.mode:
                n.network(machines.mode)
        n.vm.resume()
        for nic in farm_module.NICS:
            n.cable(nic, True)
