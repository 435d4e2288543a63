# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures: `pair`, one cluster that tests share and leave whole, and `cluster`, one of one's own."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from cluster import Cluster  # noqa: E402

_shared = None


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than ten seconds")


def pytest_collection_modifyitems(items):
    if os.geteuid() != 0:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="network namespaces need root"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """After a failure, while the cluster still stands: keep its evidence, and do not use it again."""
    global _shared
    report = (yield).get_result()
    if not report.failed or report.when == "teardown":
        return
    for lab in {id(x): x for x in [*getattr(item, "labs", []), _shared] if x is not None}.values():
        if lab is _shared and "pair" not in item.fixturenames:
            continue
        report.sections.append(("evidence", lab.save_evidence(item.name)))
    if "pair" in item.fixturenames and _shared is not None:
        _shared.close()
        _shared = None


@pytest.fixture
def pair():
    """A pair with the default configuration, settled. Shared: a test may break it, not change it."""
    global _shared
    if _shared is None:
        _shared = Cluster()
        _shared.up()
    else:
        _shared.restore()
    yield _shared
    if _shared is not None:
        for part in _shared.parts:
            part.stop()
        _shared.parts.clear()


@pytest.fixture
def cluster(request):
    """cluster(**conf) makes a pair of the test's own; it is not started."""
    request.node.labs = []

    def make(**conf):
        lab = Cluster(**conf)
        request.node.labs.append(lab)
        return lab
    yield make
    for lab in request.node.labs:
        lab.close()


def pytest_sessionfinish():
    global _shared
    if _shared is not None:
        _shared.close()
        _shared = None


@pytest.fixture
def small_hash():
    """With few flows in a very large hash table nothing is compared: its walk would keep a processor too long."""
    buckets = int(open("/proc/sys/net/netfilter/nf_conntrack_buckets", encoding="ascii").read())
    if buckets > 262144:
        pytest.skip(f"nf_conntrack_buckets={buckets}, for the whole machine, is too much")
