# SPDX-License-Identifier: GPL-2.0-or-later
"""The benchmark of the rules works at all: few rules, nothing is timed."""
import os
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))


@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
def test_quick_run(tmp_path):
    page = tmp_path / "page.md"
    p = subprocess.run([sys.executable, "-B", f"{HERE}/rules.py", "--quick", "--write", str(page)],
                       capture_output=True, text=True, timeout=300)
    assert p.returncode == 0, p.stdout[-4000:] + p.stderr[-4000:]
    rows = [line.split("|")[1].strip() for line in page.read_text().splitlines() if line.count("|") == 7]
    assert rows[-2:] == ["10", "100"]
