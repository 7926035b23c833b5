#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""includes.py - includes point downwards: cli -> bridge -> profiles -> engine, and from floor to
floor inside each part. And the engine is pure: nothing in it reaches for the system.

A floor is a folder, or the files of a part that stand in no folder; FLOORS lists them from the
ground up. Those of one line stand side by side and include nothing of each other."""
import fnmatch
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

PARTS = ("engine", "profiles", "bridge", "cli")  # each may include those before it
FLOORS = {
    "engine": (
        "version base",
        "tcp protocols",
        "udp",
        "tables",
        "server",
        "shard",
        "stages",
        "fast",
        "dispatch",
        "engine",
    ),
    "profiles": ("error", "model", "store", "learn promises", "compile", "capture"),
    "bridge": (
        "base",
        "bpf",
        "io",
        "text listeners",
        "sides",
        "cluster",
        "workers events doctor",
        "imports server_changes store_due",
        "daemon",
        "cluster_key control peaks stack_news state_file store_start takeover*",
        "keeping",
        "confine sides_watch",
        "run*",
    ),
    "cli": (
        "admission escape options file counter_text",
        "output",
        "table control_client wire store_reader reading_apart redact archive_file top_model",
        "store_memory sync_name sync_seal sync_seen sync_store sync_dialer password_file",
        "sync_memory",
        "sync",
        "sync_round sync_values sync_writes sync_attacks sync_changes sync_counts sync_words "
        "sync_lists sync_forgotten sync_figures sync_profiles doctor_cluster",
        "profile_text server_table metrics top_frame",
        "web",
        "command",
        "cmd complete",
        "cmd_*",
        "commands",
        "command_line",
        "main",
    ),
}
# Arrows that still climb, (who, whom), each to be mended: an entry without an offender fails, too.
KNOWN = ()
# Programs in the kernel share with us only what has no state.
BPF_MAY = ("engine/base/", "engine/tcp/", "bridge/bpf/")

FREESTANDING = re.compile(r"<((stdbool|stddef|stdint|stdatomic|limits|string)\.h>|sodium|nettle/)")
# Names of libc that would make the engine impure; memcpy, memcmp, memset and memmove are fine.
IMPURE = re.compile(
    r"(?<![\w.>])(malloc|calloc|realloc|free|printf|fprintf|snprintf|time"
    r"|clock_gettime|gettimeofday"
    r"|rand|random|getenv|abort|exit|read|write|open|close) *\("
)
LASTING = re.compile(
    r"^(static )?(struct |enum |unsigned |signed |u?int\d*_t |size_t |bool |char |int |long )"
    r"[a-z_ *]*[a-z_]+(\[[^]]*\])?( = .*)?;$",
    re.M,
)
INCLUDE = re.compile(r'^ *# *include *(["<][^">]*[">])', re.M)


def sources():
    """(path, text) of all files of the four parts."""
    for part in PARTS:
        for folder, _, names in sorted(os.walk(os.path.join(ROOT, part))):
            for name in sorted(names):
                if name.endswith((".c", ".h")):
                    path = os.path.join(folder, name)
                    with open(path, encoding="utf-8") as file:
                        yield os.path.relpath(path, ROOT), file.read()


def without_comments(text):
    """The code, line for line."""
    return re.sub(
        r"/\*.*?\*/|//[^\n]*", lambda found: "\n" * found.group(0).count("\n"), text, flags=re.S
    )


def place(path):
    """(part, name of its floor, number of that floor) of a file; the number is None for none."""
    part, _, rest = path.partition("/")
    name = rest.split("/")[0].split(".")[0]
    for number, floors in enumerate(FLOORS.get(part, ())):
        for floor in floors.split():
            if fnmatch.fnmatch(name, floor):
                return part, floor, number
    return part, name, None


def arrow(path, target):
    """What is wrong with an include of one of ours, or None."""
    part, floor, number = place(path)
    its_part, its_floor, its_number = place(target)
    if its_part not in PARTS:
        return "is none of the parts"
    if number is None or its_number is None:
        return "stands on no floor that FLOORS knows" if number is None else "leads to no floor"
    if PARTS.index(its_part) > PARTS.index(part):
        return "climbs from %s/ to %s/" % (part, its_part)
    if part == its_part and floor != its_floor and its_number >= number:
        return "climbs from %s/%s to %s" % (part, floor, its_floor)
    if path.endswith(".bpf.c") and not target.startswith(BPF_MAY):
        return "is nothing that a program in the kernel may share"
    return None


def climbing(files):
    """(offences, known entries that nobody needs any more)."""
    wrong, needed = [], set()
    for path, text in files:
        for target in INCLUDE.findall(text):
            reason = arrow(path, target.strip('"')) if target[0] == '"' else None
            entry = next(
                (
                    known
                    for known in KNOWN
                    if reason and fnmatch.fnmatch(path, known[0]) and known[1] == target.strip('"')
                ),
                None,
            )
            if entry:
                needed.add(entry)
            elif reason:
                wrong.append("%s: %s %s" % (path, target, reason))
    return wrong, ["%s -> %s" % entry for entry in KNOWN if entry not in needed]


def a_file_of(part, floor):
    """A name that stands on this floor."""
    return "%s/%s" % (part, floor.replace("*", "x") + "/x")


def unseen():
    """Climbing lines that arrow() does not find: one from each floor to each above it."""
    missed = []
    for part, levels in FLOORS.items():
        for low, lower in enumerate(levels):
            for high in levels[low + 1 :]:
                for one in lower.split():
                    for other in high.split():
                        if not arrow(a_file_of(part, one), a_file_of(part, other)):
                            missed.append("%s: %s -> %s" % (part, one, other))
    for low, part in enumerate(PARTS):
        for other in PARTS[low + 1 :]:
            if not arrow(
                a_file_of(part, FLOORS[part][-1].split()[0]),
                a_file_of(other, FLOORS[other][0].split()[0]),
            ):
                missed.append("%s -> %s" % (part, other))
    return missed


def impure(files):
    """Three lists of what the engine has no business with."""
    outside, calls, variables = [], [], []
    for path, text in files:
        code = without_comments(text)
        outside += [
            "%s: %s" % (path, target)
            for target in INCLUDE.findall(code)
            if target[0] == "<" and not FREESTANDING.match(target)
        ]
        calls += ["%s: %s" % (path, found.group(0)) for found in IMPURE.finditer(code)]
        if path.endswith(".c"):
            variables += ["%s: %s" % (path, found.group(0)) for found in LASTING.finditer(code)]
    return outside, calls, variables


def main():
    files = list(sources())
    wrong, spare = climbing(files)
    outside, calls, variables = impure(
        [(path, text) for path, text in files if path.startswith("engine/")]
    )
    verdicts = (
        ("includes point downwards", wrong),
        ("every known climber still climbs", spare),
        ("a climbing line on each floor would be found", unseen()),
        ("engine/ includes only what is freestanding, string.h, sodium and nettle", outside),
        ("engine/ calls nothing of the system", calls),
        ("engine/ has no variable that lasts", variables),
    )
    for name, offenders in verdicts:
        print("ok " + name if not offenders else "FAILED %s:\n%s" % (name, "\n".join(offenders)))
    failed = sum(1 for _, offenders in verdicts if offenders)
    print("%d passed, %d failed" % (len(verdicts) - failed, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
