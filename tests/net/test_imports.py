#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""`synward sources import`: a list puts its addresses aside, all at once, and over a restart."""
import os
import signal
import time

import runner
from lab import CLIENT4, SYNWARD, Lab, check, check_equal, run

MANY = 1000000  # prefixes
LOOP_S = 1.0  # in which the daemon answers somebody else meanwhile, on a busy machine
IMPORT_S = 60
MEMORY_KIB = 40 * 1024


def import_text(lab, name, text, ok=True):
    done = run(
        *(SYNWARD, "sources", "import", name, "-", "--control", lab.control), ok=False, said=text
    )
    if ok:
        check_equal(done.returncode, 0, f"import: {done.stderr}")
    return done


def listed(lab):
    return {each["name"]: each["prefixes"] for each in lab.cli("sources")["lists"]}


def reaches(lab):
    return lab.fetch("http", port=80, count=3)["failed"] == 0


def turned_away(lab):
    """All of them. They wait as long as their host does before it says its SYN again."""
    return lab.fetch("http", port=80, count=3, timeout_ms=400)["failed"] == 3


def started(lab):
    if lab.stand_in:
        raise runner.Skip("needs the daemon")
    lab.start(mode="auto")
    lab.http()
    lab.learn("http", 80)


def test_put_aside_and_back():
    with Lab() as lab:
        started(lab)
        import_text(lab, "drop", f"# all\n{CLIENT4}/24 ; SBL1\n\n2001:db8::/32\n{CLIENT4}\n")
        check_equal(listed(lab), {"drop": 3}, "lists")
        check("list drop (3 prefixes)" in lab.cli_text("sources"), "the table")
        for mode in ("normal", "attack"):
            lab.set_mode(mode)
            check(turned_away(lab), f"no SYN passes in {mode} mode")
        lab.cli("sources", "allow", CLIENT4)
        check(reaches(lab), "the operator's word on one address counts before")
        lab.cli("sources", "remove", CLIENT4)
        check(turned_away(lab), "and is taken back")
        for text, line in (("10.0.0.1\nnowhere\n", 2), ("10.0.0.0/33", 1), ("0.0.0.0/0", 1)):
            done = import_text(lab, "drop", text, ok=False)
            check_equal(done.returncode, 1, done.stderr)
            check(f"import: -:{line}: " in done.stderr, done.stderr)
            check_equal(listed(lab), {"drop": 3}, "what was in force stays so")
        import_text(lab, "drop", "# nobody\n")
        check_equal(listed(lab), {}, "lists")
        check(reaches(lab), "nobody is put aside")


def test_over_a_restart():
    with Lab() as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.persistent_cards()
        started(lab)
        import_text(lab, "drop", f"{CLIENT4}\n")
        for how in (signal.SIGTERM, signal.SIGKILL):
            lab.restart("auto", how)
            check_equal(listed(lab), {"drop": 1}, f"lists after {how.name}")
            check(turned_away(lab), f"no SYN passes after {how.name}")
        with open(f"{lab.store}.lists", "r+b") as file:
            file.write(b"x")
        lab.restart("auto", signal.SIGTERM)
        check_equal(listed(lab), {}, "one that does not read")
        check("lists.bad" in lab.daemon.errors(), lab.daemon.errors())


def test_a_full_disk_changes_nothing():
    with Lab() as lab:
        folder = os.path.join(lab.folder, "small")
        os.mkdir(folder)
        run("mount", "-t", "tmpfs", "-o", "size=256k", "none", folder)
        try:
            lab.store = os.path.join(folder, "profiles.json")
            started(lab)
            import_text(lab, "drop", "192.0.2.0/24\n")
            many = "".join(
                f"{CLIENT4.rsplit('.', 2)[0]}.{i // 128}.{i % 128 * 2}\n" for i in range(32000)
            )
            done = import_text(lab, "drop", many, ok=False)
            check(done.returncode == 1 and "No space left" in done.stderr, f"{done}")
            check_equal(listed(lab), {"drop": 1}, "what was there before")
            check(reaches(lab), "nobody else is put aside")
            import_text(lab, "drop", f"{CLIENT4}\n")
            check(turned_away(lab), "what has room is in force")
        finally:
            lab.stop_daemon()
            lab.daemon = None
            run("umount", "-l", folder)


def test_a_million():
    """In pieces: others are answered meanwhile. Memory, time, and the way back."""
    with Lab() as lab:
        started(lab)
        path = os.path.join(lab.folder, "million")
        with open(path, "w") as file:
            for number in range(MANY):
                at = number * 4294 + 1
                file.write(f"{at >> 24 & 255}.{at >> 16 & 255}.{at >> 8 & 255}.{at & 255}\n")
        before = lab.resident_kib()
        began = time.monotonic()
        importing = lab.spawn(
            SYNWARD, "sources", "import", "million", path, "--control", lab.control
        )
        longest = 0.0
        while importing.running():
            asked = time.monotonic()
            run(SYNWARD, "version")
            bare = time.monotonic() - asked
            asked = time.monotonic()
            lab.cli("stats")
            longest = max(longest, time.monotonic() - asked - bare)
        took = time.monotonic() - began
        check_equal(importing.popen.returncode, 0, importing.errors())
        check_equal(listed(lab), {"million": MANY}, "lists")
        check(took < IMPORT_S, f"it took {took:.1f} s")
        check(longest < LOOP_S, f"others waited {longest * 1000:.0f} ms")
        more = lab.resident_kib() - before
        check(more < MEMORY_KIB, f"{more} KiB more")
        check(reaches(lab), "who is in none passes")
        lab.stop_daemon()
        size = os.path.getsize(f"{lab.store}.lists")
        lab.start(mode="auto")
        check_equal(listed(lab), {"million": MANY}, "lists after a restart")
    return (
        f"{took:.1f} s, {more // 1024} MiB, others waited {longest * 1000:.0f} ms at most, "
        f"file {size >> 20} MiB"
    )


runner.main(globals())
