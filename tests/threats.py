#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""threats.py - doc/threats.md says of each attack which test measured it, and the test is there.

Each row of its tables and each point of "Turned against others" names one at least: `test_x.py NAME
...` (as that file is run: without its "test_"), or `suite/test` of a C program, where * stands for
anything."""
import fnmatch
import os
import re
import sys

from rules import ROOT, defined_tests, read

DOCUMENT = os.path.join(ROOT, "doc", "threats.md")
POINTS = "## Turned against others"
PYTHON = re.compile(r"`((?:[\w-]+/)*\w+\.py)((?: \w+)+)`")
CRITERION = re.compile(r"`([a-z_]\w*/[\w*]+)`")
LEAST = 25  # fewer rows and points mean that the document was not read


def python_tests():
    """{file name: names of its tests}"""
    found = {}
    for folder, _, files in os.walk(os.path.join(ROOT, "tests")):
        for name in files:
            if name.endswith(".py"):
                text = read(os.path.join(folder, name))
                found.setdefault(name, set()).update(re.findall(r"^def test_(\w+)", text, re.M))
    return found


def entries(text):
    """Rows of tables, and the points of one section, each as one line."""
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    for row in rows:
        if not row.startswith("| attack |"):
            yield row
    section = text.split(POINTS, 1)[1].split("\n## ", 1)[0]
    for point in re.split(r"^- ", section, flags=re.M)[1:]:
        yield " ".join(point.split())


def check(entry, python, criterion):
    """What is wrong with a row or a point, as texts."""
    wrong, named = [], 0
    for path, names in PYTHON.findall(entry):
        for name in names.split():
            named += 1
            if name not in python.get(os.path.basename(path), ()):
                wrong.append(f"no test {name} in {path}")
    for name in CRITERION.findall(entry):
        named += 1
        if not fnmatch.filter(criterion, name):
            wrong.append(f"no test {name}")
    return wrong if named else ["names no test"]


def main():
    python, criterion = python_tests(), defined_tests()
    passed = failed = 0
    for entry in entries(read(DOCUMENT)):
        wrong = check(entry, python, criterion)
        passed, failed = passed + (not wrong), failed + bool(wrong)
        for text in wrong:
            print(f"FAILED doc/threats.md, '{entry.strip('|* ')[:50]}': {text}")
    if passed + failed < LEAST:
        print(f"FAILED doc/threats.md: only {passed + failed} rows and points found")
        failed += 1
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
