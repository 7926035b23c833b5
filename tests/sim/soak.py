#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""soak.py SIMULATOR CONNECTIONS [FIRST_SEED] - random connections in the simulator until there were
so many.

Every test random/NAME is given chunks of seeds, on all cores at once. A violation is printed with
its trace and the command that replays it, and the rest goes on. What was done so far is said now
and then: the seed to go on from is on that line, so an interrupted run is resumed with
SOAK_FIRST=SEED. Ends with "N passed, N failed", counted in connections and in runs of tests that
failed."""
import concurrent.futures
import os
import re
import subprocess
import sys
import time

CHUNK = 500  # seeds of one test in one process
SAY_EVERY_S = 30


def tests_of(simulator):
    listing = subprocess.run(
        [simulator, "--list"], capture_output=True, text=True, check=True
    ).stdout
    suite, names = "", []
    for line in re.sub(r"\x1b\[[0-9;]*m", "", listing).splitlines():
        name = line.strip().lstrip("\u251c\u2514\u2500|`- ").split(":")[0].strip()
        if not line.startswith((" ", "\u251c", "\u2514", "|", "`")):
            suite = name
        elif suite == "random":
            names.append(name)
    if not names:
        sys.exit(f"soak: {simulator} has no tests random/*")
    return names


def run(simulator, name, first, seeds):
    environment = dict(os.environ, SIM_FIRST=str(first), SIM_RUNS=str(seeds))
    environment.pop("SIM_SEED", None)
    done = subprocess.run(
        ["nice", simulator, "--color=never", "-j1", "--filter", f"random/{name}"],
        env=environment,
        capture_output=True,
        text=True,
    )
    said = done.stdout + done.stderr
    counted = re.search(r"seeds \d+ to \d+, (\d+) connections, no violation", said)
    if done.returncode == 0 and counted:
        return int(counted.group(1)), None
    return 0, f"FAILED random/{name}, seeds {first} to {first + seeds - 1}:\n{said}"


def main():
    simulator, wanted = sys.argv[1], int(sys.argv[2])
    first = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    names, cores = tests_of(simulator), os.cpu_count() or 1
    begun = said_at = time.monotonic()
    seed, passed, failures = first, 0, []
    with concurrent.futures.ThreadPoolExecutor(cores) as pool:
        while passed < wanted and len(failures) < 20:
            for connections, failure in pool.map(
                lambda name: run(simulator, name, seed, CHUNK), names
            ):
                passed += connections
                if failure:
                    failures.append(failure)
                    print(failure, flush=True)
            seed += CHUNK
            if time.monotonic() - said_at > SAY_EVERY_S:
                said_at = time.monotonic()
                print(
                    f"soak: {passed} of {wanted} connections, {len(failures)} failures, "
                    f"{said_at - begun:.0f} s; go on with SOAK_FIRST={seed}",
                    flush=True,
                )
    print(
        f"soak: seeds {first} to {seed - 1} of {len(names)} tests, {time.monotonic() - begun:.0f} s"
    )
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
