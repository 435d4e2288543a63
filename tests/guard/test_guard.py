# SPDX-License-Identifier: GPL-2.0-or-later
"""What the code has promised of itself: layers, purity of the core, sizes, format.

Not a linter for taste. A rule stands here only when breaking it would break something else: a core
with I/O cannot be simulated, a layer that looks up cannot be tested alone.
"""
import os
import re
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("TW_BUILD", os.path.join(ROOT, "build")))
LINES_MAX, FUNCTION_MAX, COLUMNS_MAX = 600, 70, 100

# Functions longer than the rule, each with its reason.
LONG_FUNCTIONS = {}

# Which folders of src/ a folder of src/ may include from.
LAYERS = {
    "base": {"base"},
    "core": {"base", "core"},
    "bpf": {"base", "core", "bpf", "sys/gate_words.h"},
    "sys": {"base", "core", "sys", "gate.skel.h"},
    "daemon": {"base", "core", "sys", "daemon"},
    "cli": {"base", "core", "cli"},
}

# What the core may take from the C library and libsodium: functions of their arguments alone. Asserts
# are wanted in release builds. Printing means into a buffer.
PURE = re.compile(
    r"^(_GLOBAL_OFFSET_TABLE_|__stack_chk_fail|__assert_fail|__assert|abort|"
    r"mem(cpy|move|set|cmp|chr|mem)|explicit_bzero|__(mem|str|sn?|vsn?)\w+_chk|"
    r"str(len|nlen|cmp|ncmp|casecmp|ncasecmp|chr|rchr|chrnul|str|spn|cspn|pbrk|tok_r|tou?l|toull|toll)|"
    r"__isoc(99|23)_(strtou?ll?|sscanf)|v?snprintf|qsort|qsort_r|bsearch|"
    r"strerrordesc_np|sigabbrev_np|__ctype_\w+|isalnum|isdigit|isspace|tolower|toupper|__errno_location|"
    r"crypto_\w+|sodium_(memcmp|memzero|bin2hex|hex2bin|base642bin|bin2base64|is_zero|increment|"
    r"base64_encoded_len|compare|add|pad|unpad))$")
CORE_HEADERS = {"assert.h", "ctype.h", "errno.h", "inttypes.h", "limits.h", "sodium.h", "stdalign.h",
                "stdarg.h", "stdbool.h", "stddef.h", "stdint.h", "stdio.h", "stdlib.h", "string.h",
                "strings.h", "stdatomic.h",
                "netinet/in.h", "sys/socket.h"}  # for their numbers; the symbols show no call


def files(*patterns):
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", *patterns], cwd=ROOT,
                         capture_output=True, text=True, check=True).stdout
    return [f for f in out.split("\n") if f and os.path.exists(os.path.join(ROOT, f))]


def text(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


C_FILES = files("*.c", "*.h")


def nothing(found, rule):
    assert not found, rule + ":\n  " + "\n  ".join(found)


def symbols(library, *flags):
    path = os.path.join(BUILD, library)
    if not os.path.exists(path):
        pytest.fail(f"{path} is not built")
    out = subprocess.run(["nm", *flags, path], capture_output=True, text=True, check=True).stdout
    return {line.split()[-1] for line in out.splitlines() if line and not line.endswith(":")}


CORE_LIBS = sorted({os.path.relpath(os.path.join(d, f), BUILD) for d, _, names in
                    os.walk(os.path.join(BUILD, "src/core")) for f in names
                    if f.startswith("libcore_") and f.endswith(".a")})


def test_there_are_core_libraries():
    assert {"src/core/libcore_ha.a", "src/core/libcore_conf.a", "src/core/libcore_sync.a"} <= set(CORE_LIBS)


@pytest.mark.parametrize("library", CORE_LIBS)
def test_core_is_pure(library):
    """No clock, no I/O, no allocation, no randomness: only what computes from its arguments."""
    own = set().union(*(symbols(lib, "--defined-only") for lib in ["src/base/libbase.a", *CORE_LIBS]))
    impure = {s for s in symbols(library, "-u") - own if not PURE.match(s)}
    randomness = {s for s in symbols(library, "-u") if re.search(r"random|_keygen$|_keypair$", s)}
    nothing(sorted(impure | randomness), f"{library} needs what is not pure")


def includes(path):
    for number, line in enumerate(text(path).splitlines(), start=1):
        m = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
        if m:
            yield number, m[1] == "<", m[2]


def test_layers_point_one_way():
    found = []
    for path in C_FILES:
        if not path.startswith("src/"):
            continue
        allowed = LAYERS[path.split("/")[1]]
        for number, system, name in includes(path):
            local = os.path.exists(os.path.join(ROOT, os.path.dirname(path), name))
            top = path.split("/")[1] if local and "/" not in name else name.split("/")[0]
            if not system and top not in allowed and name not in allowed:
                found.append(f"{path}:{number}: {name}")
    nothing(found, "include that points up")


def test_core_includes_only_pure_headers():
    found = [f"{path}:{number}: <{name}>" for path in C_FILES if path.startswith("src/core/")
             for number, system, name in includes(path) if system and name not in CORE_HEADERS]
    nothing(found, "system header that a pure core does not need")


def test_file_length():
    found = [f"{f}: {n} lines" for f in files("*.c", "*.h", "*.py", "*.js", "scripts/*")
             if (n := text(f).count("\n")) > LINES_MAX and "/vendor/" not in f]
    nothing(found, f"files past {LINES_MAX} lines")


def functions(path):
    """(name, line, length of the body) of every function; the format puts braces in column 0."""
    name, start = None, 0
    for number, line in enumerate(text(path).splitlines(), start=1):
        m = re.match(r"^([A-Za-z_]\w*)\(", line)
        if m:
            name = m[1]
        elif line == "{":
            start = number
        elif line == "}" and start:
            yield name, start, number - start - 1
            name, start = None, 0


def test_function_length():
    found = [f"{path}:{line}: {name}: {n} lines" for path in C_FILES for name, line, n in functions(path)
             if n > FUNCTION_MAX and f"{path}:{name}" not in LONG_FUNCTIONS]
    nothing(found, f"functions past {FUNCTION_MAX} lines")


def test_exceptions_are_still_needed():
    longer = {f"{path}:{name}" for path in C_FILES for name, _, n in functions(path) if n > FUNCTION_MAX}
    nothing(sorted(set(LONG_FUNCTIONS) - longer), "exceptions that nothing needs")


def test_no_marks_left():
    marks = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK")) + r")\b")
    found = [f"{path}:{number}: {line.strip()}" for path in files("src", "ui", "tests", "scripts", "docs")
             if re.search(r"\.(c|h|py|js|md|build|html|css)$", path) and "/vendor/" not in path
             for number, line in enumerate(text(path).splitlines(), start=1) if marks.search(line)]
    nothing(found, "marks of unfinished work")


def test_every_file_says_what_it_is():
    found = [path for path in C_FILES if "/vendor/" not in path
             and not text(path).startswith(("/* SPDX-License-Identifier: GPL-2.0-or-later */\n/*",
                                            "// SPDX-License-Identifier: GPL-2.0-or-later\n/*"))]
    nothing(found, "files without licence line and opening comment")


def test_line_width():
    found = [f"{path}:{number}" for path in C_FILES for number, line in
             enumerate(text(path).splitlines(), start=1) if len(line.expandtabs(8)) > COLUMNS_MAX + 20]
    nothing(found, f"lines far past {COLUMNS_MAX} columns")


def test_format():
    out = subprocess.run(["clang-format", "--dry-run", "-Werror", *C_FILES], cwd=ROOT,
                         capture_output=True, text=True)
    bad = sorted({line.split(":")[0] for line in out.stderr.splitlines() if "error:" in line})
    nothing(bad, "not as clang-format has it (make fmt)")


def test_every_log_line_is_an_event():
    """What people read has a number and an entry in the catalogue: lines are written in one place."""
    found = [f"{path}:{number}" for path in C_FILES if path.startswith("src/") and "base/log" not in path
             and path != "src/daemon/eventline.c" for number, line in enumerate(text(path).splitlines(), start=1)
             if re.search(r"\blog_(line|error|warn|notice|info)\(", line)]
    nothing(found, "log lines that are no events (src/core/notes)")


def test_events_have_their_arguments():
    """eventlog_add(), SUPER_TELL(): as many arguments as the catalogue lists."""
    entry = r'^NOTE\((\w+), \d+, \w+,\s*"\w+",\s*("[^"]*"|NOTE_ROLE_ARGS)'
    wanted = {m[1]: len(m[2].strip('"').split()) for path in files("src/core/notes/*.def")
              for m in re.finditer(entry, text(path), re.M)}
    found = []
    for path in C_FILES:
        for m in re.finditer(r"\b(eventlog_add|SUPER_TELL)\((?:[^,]*), NOTE_(\w+)", text(path)):
            rest, depth, commas = text(path)[m.end():], 1, 0
            for c in re.sub(r'"[^"]*"', "", rest):
                depth += (c == "(") - (c == ")")
                commas += c == "," and depth == 1
                if depth == 0:
                    break
            if wanted.get(m[2]) != commas:
                found.append(f"{path}: {m[1]} NOTE_{m[2]}: {commas} arguments, not {wanted.get(m[2])}")
    nothing(found, "events with other arguments than the catalogue says")


def test_documents_do_not_point_outside():
    found = [f"{path}:{number}" for path in files() if not path.startswith("LICENSE")
             and re.search(r"\.(c|h|py|js|md|build|sh|in|html|css|txt|conf)$|^(Makefile|\.ci/run|scripts/)", path)
             for number, line in enumerate(text(path).splitlines(), start=1)
             if re.search(r"(^|[^\w])/(work|tmp/tw)/", line)]
    nothing(found, "paths of somebody's own machine")
