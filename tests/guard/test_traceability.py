# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/TRACEABILITY.md says nothing that is not so: numbers, tests, pages, figures.

Whether a named test would really fail is for the reader of both; that it exists and is run is checked here.
"""
import os
import re

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE = "docs/TRACEABILITY.md"
CHECKS = [f"S{n}" for n in range(1, 164)]
STATUSES = ("holds", "partly", "documented", "not yet")
ROW = re.compile(r"^\| (S\d+) \| ([^|]+) \|([^|]*)\| ([^|]+) \|$", re.M)
SUMMARY = re.compile(r"^(\d+) checks: (.+)\.$", re.M)
LINK = re.compile(r"\[[^]]+\]\(([^)#]+)#([^)]+)\)")


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def test_exists(name):
    """'unit/test-x.c::test_y', 'lab/test_x.py::test_y', or a file below tests/ that its suite runs."""
    file, _, function = name.partition("::")
    path = os.path.join("tests", file)
    if not os.path.isfile(os.path.join(ROOT, path)):
        return False
    if file.endswith(".py"):
        return re.search(rf"^def {re.escape(function)}\(", read(path), re.M) is not None
    if file.endswith(".c"):
        program = re.fullmatch(r"unit/test-([\w-]+)\.c", file)
        return (program is not None and f"['{program[1]}', " in read("tests/unit/meson.build")
                and re.search(rf"cmocka_unit_test\w*\(\s*{re.escape(function)}\b", read(path)) is not None)
    return not function and file.startswith(("sim/scenarios/", "golden/"))


def heading_exists(page, anchor):
    path = os.path.normpath(os.path.join(os.path.dirname(PAGE), page))
    if not os.path.isfile(os.path.join(ROOT, path)):
        return False
    titles = re.findall(r"^#+ (.+)$", read(path), re.M)
    return anchor in {re.sub(r"[^\w -]", "", t.lower()).replace(" ", "-") for t in titles}


test_exists.__test__ = False


def wrong_in_row(number, by, status):
    word, _, remark = status.partition(":")
    tests, links = re.findall(r"`([^`]+)`", by), LINK.findall(by)
    rest = re.sub(r"`[^`]+`|" + LINK.pattern, "", by).strip()
    if word not in STATUSES:
        yield f"{number}: no such status: {word}"
    if rest:
        yield f"{number}: neither test nor page: {rest}"
    yield from (f"{number}: no such test: {t}" for t in tests if not test_exists(t))
    yield from (f"{number}: no such heading: {p}#{a}" for p, a in links + LINK.findall(remark)
                if not heading_exists(p, a))
    if word == "holds" and not tests:
        yield f"{number}: holds without a test"
    if word == "documented" and not links:
        yield f"{number}: documented without a page"
    if word in ("partly", "not yet") and not remark.strip():
        yield f"{number}: {word} without saying what is missing"


def wrong_in(text):
    rows = ROW.findall(text)
    found = [x for number, _, by, status in rows for x in wrong_in_row(number, by, status)]
    if [r[0] for r in rows] != CHECKS:
        numbers = [r[0] for r in rows]
        found.append(f"missing {sorted(set(CHECKS) - set(numbers))}, "
                     f"too many {sorted({n for n in numbers if numbers.count(n) > 1 or n not in CHECKS})}, or disorder")
    if len(re.findall(r"^\| S", text, re.M)) != len(rows):
        found.append("a row that cannot be read")
    words = [status.partition(":")[0] for _, _, _, status in rows]
    figures = ", ".join(f"{words.count(s)} {s}" for s in STATUSES)
    if SUMMARY.findall(text) != [(str(len(CHECKS)), figures)]:
        found.append(f"the figures are {figures}")
    return found


def test_page_is_true():
    found = wrong_in(read(PAGE))
    assert not found, f"{PAGE}:\n  " + "\n  ".join(found)


def changed(pattern, by):
    text, n = re.subn(pattern, by, read(PAGE), count=1, flags=re.M)
    assert n == 1, f"{pattern} is not in {PAGE}"
    return text


@pytest.mark.parametrize("pattern, by, message", [
    (r"^\| S7 .*\n", "", "missing ['S7']"),
    (r"^\| S8 ", "| S9 ", "too many ['S9']"),
    (r"::test_rank`", "::test_rang`", "no such test: unit/test-elect.c::test_rang"),
    (r"::test_force`", "::test_farce`", "no such test: lab/test_faults.py::test_farce"),
    (r"scenarios/force.scn", "scenarios/farce.scn", "no such test: sim/scenarios/farce.scn"),
    (r"SETUP.md#switches", "SETUP.md#witches", "no such heading: SETUP.md#witches"),
    (r"\| holds \|$", "| done |", "no such status: done"),
    (r"\| not yet: .* \|$", "| not yet |", "not yet without saying"),
    (r"^(\| S5 \| [^|]+ \|).*$", r"\1 | documented |", "S5: documented without a page"),
    (r"^(\d+ checks: )\d+", r"\g<1>163", "the figures are"),
])
def test_this_guard_sees(pattern, by, message):
    found = "\n".join(wrong_in(changed(pattern, by)))
    assert message in found, found


def test_code_names_only_checks_that_exist():
    """S99 in a comment or a test means a row of the page."""
    found = []
    for folder, _, names in os.walk(os.path.join(ROOT, "src")):
        for name in names:
            if name.endswith((".c", ".h")):
                path = os.path.relpath(os.path.join(folder, name), ROOT)
                found += [f"{path}: S{n}" for n in re.findall(r"\bS(\d+)\b", read(path)) if not 1 <= int(n) <= 163]
    assert not found, found
