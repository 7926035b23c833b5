#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the namespace tests one file after the other and sums them up: `run-all.py [FILE ...]`.

Each file prints its own lines and ends with "N passed, N failed"; one that ends without is a failure too.
"""
import os
import re
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
# Short ones first: what is broken altogether shows early.
FILES = ["cli_errors.py", "transparency.py", "test_bridge.py", "test_greetings.py", "test_wire.py",
         "test_synack.py", "test_pmtu.py", "test_vlan.py", "test_transfer.py", "test_real.py",
         "test_modes.py", "test_port.py", "test_recipes.py", "test_vm.py", "test_protect.py",
         "test_fingerprints.py", "test_demo.py", "test_ends.py", "test_mtu.py", "test_switch.py",
         "test_loss.py", "test_auto.py", "test_watch.py"]
LIMIT_S = 240


def run_file(name):
    """Returns (passed, failed)."""
    print(f"== {name}", flush=True)
    process = subprocess.Popen([sys.executable, os.path.join(HERE, name)], stdout=subprocess.PIPE, text=True, start_new_session=True)
    summary = None
    signal.alarm(LIMIT_S)
    try:
        for line in process.stdout:
            print(line, end="", flush=True)
            summary = re.search(r"(\d+) passed, (\d+) failed", line) or summary
        process.wait()
    except BaseException as end:
        process.terminate()  # it cleans up after itself
        process.wait(timeout=30)
        if not isinstance(end, TimeoutError):
            raise
        print(f"FAILED {name}: took more than {LIMIT_S} s", flush=True)
        return 0, 1
    finally:
        signal.alarm(0)
    if summary is None:
        print(f"FAILED {name}: ended without a summary, exit code {process.returncode}", flush=True)
        return 0, 1
    passed, failed = int(summary.group(1)), int(summary.group(2))
    return passed, failed or (1 if process.returncode else 0)


def on_alarm(*_):
    raise TimeoutError


def main():
    signal.signal(signal.SIGALRM, on_alarm)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    files = sys.argv[1:] or [f for f in FILES if os.path.exists(os.path.join(HERE, f))]
    begin = time.monotonic()
    results = [run_file(name) for name in files]
    passed, failed = (sum(column) for column in zip(*results))
    print(f"namespace tests: {passed} passed, {failed} failed ({time.monotonic() - begin:.0f} s)")
    return 1 if failed else 0


sys.exit(main())
