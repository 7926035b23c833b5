#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""lines.py - what `make lint` asks of lines: in *.c, *.h, *.py, *.sh and .ci/run they end at 100
columns, the head of a file calls it by its name, and where it has more than 600 lines says why; no
file names a rule or a decision by the code of a plan that is not in this tree.

Prints findings only; exit code 1 if there are any."""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COLUMNS, TAB = 100, 4
SOURCE = re.compile(r"\.(c|h|py|sh)$|^\.ci/run$")
# doc/engine-rules.md has the rules; say "(rule 5.13)".
HEAD_LINES = 4  # "frame.c - what it does" stands in one of them
LINES, REASON, REASON_LINES = 600, "It is longer than most", 40
HEAD = re.compile(r"^(?:/\*| \*|#|\"{3})\s*([\w-]+\.(?:c|h|py|sh))(?: [A-Z\[][^-]*)? - ")
CODE = re.compile(r"\b(ENGINE|DESIGN|OPERATOR|TRUST) ?\d")


def files():
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.splitlines()
    return [name for name in listed if os.path.isfile(os.path.join(ROOT, name))]


def findings(name):
    """(line number, what is wrong), for each."""
    with open(os.path.join(ROOT, name), "rb") as file:
        content = file.read()
    if b"\0" in content:
        return
    lines = content.decode(errors="replace").splitlines()
    if SOURCE.search(name) and len(lines) > LINES:
        if REASON not in "\n".join(lines[:REASON_LINES]):
            yield len(lines), f"{LINES} lines at most, or the head says: {REASON}: ..."
    for number, line in enumerate(lines, 1):
        columns = len(line.expandtabs(TAB))
        if SOURCE.search(name) and columns > COLUMNS:
            yield number, f"{columns} columns, {COLUMNS} at most"
        head = HEAD.match(line) if number <= HEAD_LINES else None
        if head and head.group(1) != os.path.basename(name):
            yield number, f"the head says {head.group(1)}"
        code = CODE.search(line)
        if code:
            yield number, f"names a plan's code, {code.group()!r}"


def main():
    found = [f"{name}:{number}: {what}" for name in files() for number, what in findings(name)]
    if found:
        print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
