# SPDX-License-Identifier: GPL-2.0-or-later
"""The benchmark of state sync works at all: few flows, nothing is timed."""
import os
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))


@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
def test_quick_run(tmp_path):
    page = tmp_path / "page.md"
    p = subprocess.run([sys.executable, "-B", f"{HERE}/statesync.py", "--quick", "--systems", "tw",
                        "--write", str(page)], capture_output=True, text=True, timeout=300)
    assert p.returncode == 0, p.stdout[-4000:] + p.stderr[-4000:]
    rows = {line.split("|")[1].strip(): line.split("|")[3].strip() for line in page.read_text().splitlines()
            if line.startswith("| ") and line.count("|") == 4}
    assert rows["flows missing or different then"] == "0"
    assert rows["New flows a second"] == "Twinwall"
    empty = [name for name, value in rows.items() if value == "–" and "next step" not in name and "missing" not in name]
    assert not empty, page.read_text()
    assert "missing" not in "".join(line for line in page.read_text().splitlines() if line.startswith("* "))
