#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""rules.py - doc/engine-rules.md cannot rot: each rule has its place, its tests and its RFC
sections.

A row is "| rule | RFC | in engine/ | tests |". Checked: every test named is defined, every place
("file function") is there, every section ("9293 3.4") stands in a comment of one of the row's
files, and no row is without a test."""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DOCUMENT = os.path.join(ROOT, "doc", "engine-rules.md")
TEST_FOLDERS = ("tests/sim", "tests/engine", "tests/profiles", "tests/cli")
RULES_LEAST = 90  # fewer means that the table was not read


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def defined_tests():
    names = set()
    for folder in TEST_FOLDERS:
        for path, _, files in os.walk(os.path.join(ROOT, folder)):
            for name in files:
                if name.endswith(".c"):
                    text = read(os.path.join(path, name))
                    names.update(
                        "/".join(pair) for pair in re.findall(r"^Test\((\w+),\s*(\w+)", text, re.M)
                    )
    return names


def rows():
    for line in read(DOCUMENT).splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and cells[0] != "rule" and not set(line) <= set("|- "):
            yield cells


def comments(text):
    """All comments as one line, so that a section may stand across two lines."""
    return re.sub(r"[\s*]+", " ", " ".join(re.findall(r"/\*.*?\*/", text, re.S)))


def check(cells, tests):
    """What is wrong with a row, as texts."""
    if len(cells) != 4:
        return ["has %d cells, not 4" % len(cells)]
    _, sections, places, names = cells
    wrong, said = [], ""
    for place in re.findall(r"`([^`]+)`", places):
        file, _, thing = place.partition(" ")
        path = os.path.join(ROOT, "engine", file)
        if not os.path.exists(path):
            wrong.append("no engine/" + file)
            continue
        text = read(path)
        header = path[:-2] + ".h"
        said += comments(text) + (comments(read(header)) if os.path.exists(header) else "")
        if not re.search(r"\b%s\b" % re.escape(thing), text):
            wrong.append("no %s in engine/%s" % (thing, file))
    if "`" not in places:
        wrong.append("no place")
    for section in filter(None, map(str.strip, sections.split(","))):
        number, _, part = section.partition(" ")
        if not re.search(r"\bRFC [^.]*?\b%s %s(?![\d.]*\d)" % (number, re.escape(part)), said):
            wrong.append("RFC %s is cited in none of its files" % section)
    named = [name.strip() for name in names.split(",") if name.strip()]
    if not named:
        wrong.append("no test")
    return wrong + ["no test " + name for name in named if name not in tests]


def main():
    tests = defined_tests()
    passed = failed = 0
    for cells in rows():
        wrong = check(cells, tests)
        passed, failed = passed + (not wrong), failed + bool(wrong)
        for text in wrong:
            print("FAILED doc/engine-rules.md, rule '%s': %s" % (cells[0], text))
    if passed + failed < RULES_LEAST:
        print("FAILED doc/engine-rules.md: only %d rules found" % (passed + failed))
        failed += 1
    print("%d passed, %d failed" % (passed, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
