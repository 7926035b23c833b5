# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the test_* functions of a file: one line each, a summary line last, exit code 1 if one
failed.

    ok NAME (details, seconds)
    FAILED NAME: why
    skipped NAME: why
    N passed, N failed
"""
import os
import sys
import time
import traceback

import lab as lab_module


class Skip(Exception):
    pass


def attempt(function):
    """(True, details), (False, why) or (None, why it was skipped)."""
    try:
        return True, function()
    except Skip as why:
        return None, str(why)
    except lab_module.Failure as why:
        return False, str(why)
    except Exception as error:
        if os.environ.get("VERBOSE"):
            traceback.print_exc()
        return False, f"{type(error).__name__}: {error}"


def run_one(name, function):
    begin = time.monotonic()
    result, text = attempt(function)
    faults = lab_module.close_all()
    if result:
        print(
            f"ok {name} ({text + ', ' if text else ''}{time.monotonic() - begin:.1f} s)", flush=True
        )
    else:
        text = "; ".join([text] + faults).replace("\n", " | ")
        print(f"{'skipped' if result is None else 'FAILED'} {name}: {text}", flush=True)
    return result


def main(module_globals):
    """`python3 test_x.py [PART-OF-A-NAME ...]`"""
    wanted = sys.argv[1:]
    tests = [
        (name[5:], function)
        for name, function in module_globals.items()
        if name.startswith("test_") and callable(function)
    ]
    tests = [(n, f) for n, f in tests if not wanted or any(w in n for w in wanted)]
    results = [run_one(name, function) for name, function in tests]
    left = lab_module.leftovers(os.getpid())
    if left:
        print(f"FAILED cleanup: left behind: {left}")
        results.append(False)
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    sys.exit(1 if False in results else 0)
