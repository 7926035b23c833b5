# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the test_* functions of a file: one line each, a summary line last, exit code 1 if one
failed.

    ok NAME (details, seconds)
    FAILED NAME: why
    skipped NAME: why
    again NAME: why                     it failed, as the machine stood still or its clock jumped
    N passed, N failed

What fails while the machine stands still, or its wall clock is stepped, is tried again, as its
times may not be ours (standstill.py says how the first is known); what fails otherwise has failed.
"""
import os
import sys
import time
import traceback

import lab as lab_module
import standstill

STEP_S = 0.5
TRIES = 3  # in all, where each of them fails while the machine stands still


class Skip(Exception):
    pass


def way_to(error):
    """Lines of the test's own file and of its helpers that led there, the outermost first."""
    calls = traceback.extract_tb(error.__traceback__)[1:]
    return ", ".join(f"{os.path.basename(call.filename)}:{call.lineno}" for call in calls[-6:])


def attempt(function):
    """(True, details), (False, why) or (None, why it was skipped)."""
    try:
        return True, function()
    except Skip as why:
        return None, str(why)
    except Exception as error:
        if os.environ.get("VERBOSE"):
            traceback.print_exc()
        what = "" if isinstance(error, lab_module.Failure) else f"{type(error).__name__}: "
        seen = "".join(f"; {note}" for note in getattr(error, "__notes__", []))
        return False, f"{what}{error} (at {way_to(error)}{seen})"


def clocks_apart_s():
    """What changes is a step of the wall's clock, as by who had the whole machine stand still."""
    return time.time() - time.monotonic()


def run_once(name, function, last):
    """True, False, None where it was skipped; "again" where nothing can be said, unless it is the
    last time. What the daemon itself has done wrong is said by no time."""
    begin, apart_s = time.monotonic(), clocks_apart_s()
    result, text = attempt(function)
    end, stepped_s = time.monotonic(), abs(clocks_apart_s() - apart_s)
    faults = lab_module.close_all()
    if result:
        print(
            f"ok {name} ({text + ', ' if text else ''}{time.monotonic() - begin:.1f} s)", flush=True
        )
        return True
    still_s = standstill.longest_s(begin, end)
    if result is False and not faults and (still_s or stepped_s > STEP_S):
        faults.append(f"the machine stood still for {still_s:.1f} s, its clock {stepped_s:.1f} s")
        result = False if last else "again"
    kind = {None: "skipped", False: "FAILED", "again": "again"}[result]
    print(f"{kind} {name}: {'; '.join([text] + faults)}".replace("\n", " | "), flush=True)
    return result


def run_one(name, function):
    for tried in range(1, TRIES + 1):
        result = run_once(name, function, last=tried == TRIES)
        if result != "again":
            break
    return False if result is None and tried > 1 else result


def main(module_globals):
    """`python3 test_x.py [PART-OF-A-NAME ...]`"""
    wanted = sys.argv[1:]
    tests = [
        (name[5:], function)
        for name, function in module_globals.items()
        if name.startswith("test_") and callable(function)
    ]
    tests = [(n, f) for n, f in tests if not wanted or any(w in n for w in wanted)]
    with standstill.watched():
        results = [run_one(name, function) for name, function in tests]
    left = lab_module.leftovers(os.getpid())
    if left:
        print(f"FAILED cleanup: left behind: {left}")
        results.append(False)
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    sys.exit(1 if False in results else 0)
