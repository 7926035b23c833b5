# SPDX-License-Identifier: GPL-2.0-or-later
"""Three bridges before one server, as test_spread.py has it, for minutes: across an epoch and a key
that is rolled, with clocks that are apart, and how long a fetch takes with `sync` and without."""
import os
import secrets
import statistics
import subprocess
import time

import runner
from lab import check, check_equal, make_root, wait_until
from spread import BY_CONNECTION, BY_SEGMENT, NAMES, Spread
from test_spread import CONNECTIONS, learned

EPOCH_S = 240
PATIENCE_MS = 15000
# A clock that is ahead of what the kernel says, for one program.
SHIFT = """
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *now)
{
    const char *shift = getenv("SHIFT_S");
    const int code = (int)syscall(SYS_clock_gettime, clock, now);
    if (code == 0 && clock == CLOCK_REALTIME && shift)
        now->tv_sec += atoi(shift);
    return code;
}
"""


def restart(lab, name):
    """As an operator would: the daemon keeps its connections and its mode."""
    lab.stop_bridge(name)
    lab.start_bridge(name)
    wait_until(lambda: lab.bridges(name) == 3, 15, f"{name} is there again")


def test_an_epoch_and_a_key_roll():
    """10,000 connections, SYN by a, ACK by b, request by c, while both happen."""
    make_root()
    with Spread() as lab:
        old, new = secrets.token_hex(32), secrets.token_hex(32)
        lab.write_key(old)
        learned(lab)
        for name in NAMES:
            lab.ask(name, "mode", "attack")
        lab.spread(BY_SEGMENT)
        # An epoch begins some 50 s from the start of it.
        left_s = EPOCH_S - time.time() % EPOCH_S
        time.sleep(left_s - 50 if left_s > 50 else left_s + EPOCH_S - 50)
        begun = time.time()
        clients = lab.start_fetch(
            "http",
            port=80,
            count=CONNECTIONS,
            concurrency=16,
            interval_ms=110,
            timeout_ms=PATIENCE_MS,
        )
        for keys in ((old, new), (new, old)):
            lab.write_key(*keys)
            for name in NAMES:
                restart(lab, name)
        report = clients.report(300)
        ended = time.time()
        check(begun // EPOCH_S < ended // EPOCH_S, f"an epoch has begun within {ended - begun}")
        check_equal((report["ok"], report["failed"]), (CONNECTIONS, 0), f"fetches: {report}")
        if lab.ask("a", "status")["kernel_path"]["answers"]:
            answered = lab.ask("a", "stats")["kernel"]["answered"]
            check(answered > 1000, f"a's kernel, with the new key, in the new epoch: {answered}")
        return f"{CONNECTIONS:,} fetches in {ended - begun:.0f} s, an epoch and a key: none failed"


def shifted(lab):
    """What is put before a command: its clock is so many seconds ahead."""
    source, library = (os.path.join(lab.folder, f"shift.{end}") for end in ("c", "so"))
    with open(source, "w", encoding="ascii") as file:
        file.write(SHIFT)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    return lambda seconds: ["env", f"LD_PRELOAD={library}", f"SHIFT_S={seconds}"]


def test_clocks_three_seconds_apart():
    make_root()
    with Spread() as lab:
        by = shifted(lab)
        lab.before = {"a": by(0), "b": by(3), "c": by(-3)}
        learned(lab)
        clocks = [lab.ask(n, "status")["cluster"]["clock"] for n in NAMES]
        check_equal(clocks, ["right"] * 3, "each is right for itself")
        floods = [lab.start_flood_at(number, 2_000) for number in range(3)]
        wait_until(
            lambda: all("attack" in lab.mode_at(n) for n in NAMES), 10, "a flood switches all"
        )
        lab.spread(BY_SEGMENT)
        report = lab.fetch("http", port=80, count=2000, concurrency=8, timeout_ms=15000)
        check_equal((report["ok"], report["failed"]), (2000, 0), f"fetches: {report}")
        # The last word counts: versions are made by the store's clock.
        for number, name in enumerate("cbacab"):
            lab.ask(name, "sources", "add" if number % 2 else "allow", "198.51.100.7")
            said = "aside" if number % 2 else "allowed"
            wait_until(
                lambda s=said: all(
                    [x["state"] for x in lab.ask(n, "sources")["sources"]] == [s] for n in NAMES
                ),
                8,
                f"{name}'s word at all: {said}",
            )
        for flood in floods:
            flood.stop()
        return f"clocks {[x[-1] for x in lab.before.values()]}: 2,000 fetches, none failed"


def test_sync_costs_no_frame_anything():
    """In turns with sync and without, 4,000 fetches each. The figures are for reading; what fails
    is a packet path that waits for the store."""
    make_root()
    with Spread() as lab:
        learned(lab)
        lab.spread(BY_CONNECTION)
        medians = {True: [], False: []}
        for number in range(12):
            on = number % 2 == 0
            if on and number:
                for name in NAMES:
                    lab.start_sync(name)
                wait_until(lambda: all(lab.bridges(n) == 3 for n in NAMES), 15, "joined again")
            if not on:
                for name in NAMES:
                    lab.syncs.pop(name).stop()
            report = lab.fetch("http", port=80, count=4000, concurrency=1)
            check_equal(report["failed"], 0, f"fetches: {report}")
            medians[on].append(report["p50_us"])
        with_it, without = statistics.median(medians[True]), statistics.median(medians[False])
        check(with_it < 1.5 * without + 50, f"medians with sync and without: {medians}")
        return f"a fetch takes {with_it:.0f} us with sync, and {without:.0f} us without: {medians}"


if __name__ == "__main__":
    runner.main(globals())
