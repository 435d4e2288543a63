# SPDX-License-Identifier: GPL-2.0-or-later
"""The short form of tests/bench/soak.py: random faults under a stream of new connections."""
import os
import sys

import pytest

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench"))
from soak import Soak  # noqa: E402


@pytest.mark.slow
def test_soak(pair):
    soak = Soak(pair, seed=2, rate=400, growth_kb=8192, say=lambda text: print(text))
    assert soak.run(20), "\n".join(soak.report())
