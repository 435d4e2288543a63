# SPDX-License-Identifier: GPL-2.0-or-later
"""A handful of random faults in a row: one node speaks at a time, every connection lives.

tests/bench/random_faults.py runs hundreds and measures them; under a stream of new connections: test_soak.py.
"""
import pytest
from randomfaults import RandomFaults

STEPS = 6


@pytest.mark.slow
def test_random_faults(pair):
    faults = RandomFaults(pair, seed=1)
    for _ in range(STEPS):
        o = faults.step()
        assert o.safe, o
        assert o.broken == 0, o
        assert not o.lossless or o.lost == 0, o
