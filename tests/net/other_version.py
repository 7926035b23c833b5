# SPDX-License-Identifier: GPL-2.0-or-later
"""Another version of synward, which lays out otherwise what one process leaves to the next: this
one's sources with members that are new or stand elsewhere, built in a folder of their own.

    python3 tests/net/other_version.py FOLDER [JOBS]"""
import os
import re
import subprocess
import sys

PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PARTS = ("engine", "profiles", "bridge", "cli", "Makefile", "tests/fuzz/programs.mk")
# (file, what stands there once, what stands there then)
CHANGES = (
    (
        "engine/tables/joined_log.h",
        "    uint32_t words[4];",
        "    uint32_t other_version[2];\n    uint32_t words[4];",
    ),
    (
        "engine/tables/joined_log.h",
        "sizeof(struct handed_flow) == 100",
        "sizeof(struct handed_flow) == 108",
    ),
    (
        "engine/tables/joined_log.h",
        "    uint32_t client_isn, server_isn, client_next, server_next;",
        "    uint32_t server_next, client_next, server_isn, client_isn;",
    ),
    (
        "engine/tcp/flow_record.h",
        "    uint64_t way[2]; /*",
        "    uint32_t flow_label;\n    uint32_t serial;\n    uint64_t way[2]; /*",
    ),
    ("engine/tcp/flow_record.h", "    uint32_t flow_label;        /* to the client */\n", ""),
    (
        "engine/tcp/flow_record.h",
        "    uint8_t ended[2];\n    uint32_t serial;\n",
        "    uint8_t ended[2];\n",
    ),
    (
        "engine/stages/handover.h",
        "    uint32_t attacked, cause_value;",
        "    uint64_t other_version;\n    uint32_t cause_value, attacked;",
    ),
    (
        "engine/stages/handover_kept.h",
        "    uint16_t promised, offset, bytes;",
        "    uint32_t other_version;\n    uint16_t bytes, offset, promised;",
    ),
    (
        "engine/stages/handover_kept.c",
        "sizeof(struct handed_piece) == 1132",
        "sizeof(struct handed_piece) == 1136",
    ),
    (
        "engine/server/policy.h",
        "struct promise {\n",
        "struct promise {\n    uint8_t other_version;\n",
    ),
    (
        "engine/tables/held_watch.h",
        "    uint32_t client_next, server_next; /*",
        "    uint32_t server_next, client_next; /*",
    ),
    (
        "bridge/takeover_forms.h",
        "struct takeover_secrets {\n",
        "struct takeover_secrets {\n    uint32_t other_version;\n",
    ),
    ("engine/version.h", '#define SYNWARD_VERSION "', '#define SYNWARD_VERSION "other-'),
)


def changed(path, text):
    for name, old, new in CHANGES:
        if name == path:
            if text.count(old) != 1:
                sys.exit(f"{path}: {old!r} stands there {text.count(old)} times")
            text = text.replace(old, new)
    return text


def copy(source, target):
    """Nothing is touched that has not changed, or all of it would be compiled again."""
    with open(source, encoding="utf-8") as file:
        text = changed(os.path.relpath(source, PROJECT), file.read())
    if os.path.exists(target):
        with open(target, encoding="utf-8") as file:
            if file.read() == text:
                return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "w", encoding="utf-8") as file:
        file.write(text)


def sources():
    for part in PARTS:
        path = os.path.join(PROJECT, part)
        if os.path.isfile(path):
            yield path
        for folder, _, names in os.walk(path):
            for name in names:
                if re.search(r"\.(c|h|html|js|css|svg)$", name):
                    yield os.path.join(folder, name)


def build(folder, jobs):
    """The path of the program."""
    for source in sources():
        copy(source, os.path.join(folder, os.path.relpath(source, PROJECT)))
    subprocess.run(
        ["make", "--no-print-directory", f"-j{jobs}", "SAY=:", "BUILD=build", "build/synward"],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
        env={k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))},
    )
    return os.path.join(folder, "build/synward")


if __name__ == "__main__":
    print(build(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else os.cpu_count()))
