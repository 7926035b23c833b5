# SPDX-License-Identifier: GPL-2.0-or-later
"""The demo ends in time and leaves nothing behind, also when it is interrupted at an awkward
moment."""
import os
import re
import signal
import subprocess
import sys
import time

import runner
from lab import PROJECT, check, check_equal, leftovers, make_root, wait_until

DEMO = os.path.join(PROJECT, "tests/demo/demo.py")


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-u", DEMO, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def whole(*arguments):
    begin = time.monotonic()
    demo = start(*arguments)
    text, _ = demo.communicate(timeout=100)
    took = time.monotonic() - begin
    check_equal(demo.returncode, 0, f"exit code ({text[-600:]})")
    check(took < 60, f"took {took:.0f} s")
    check_equal(leftovers(demo.pid), [], "left behind")
    ends = re.search(r"^With protection.*$", text, re.M)
    return ends.group(0) if ends else None


def interrupted(until, number=signal.SIGINT):
    """The signal comes as soon as the demo has said `until`."""
    demo = start()
    for line in demo.stdout:
        if until in line:
            break
    demo.send_signal(number)
    rest, _ = demo.communicate(timeout=60)
    check(demo.returncode in (130, 143), f"exit code {demo.returncode}: {rest[-300:]}")
    wait_until(
        lambda: not leftovers(demo.pid), 20, f"nothing is left behind ({leftovers(demo.pid)})"
    )


def test_demo():
    return whole()


def test_demo_real():
    make_root()
    return whole("--real")


def test_interrupted_while_learning():
    interrupted("watches")


def test_interrupted_in_the_attack():
    interrupted("1. Without")


def test_terminated_in_the_attack():
    interrupted("2. With", signal.SIGTERM)


def test_interrupted_at_the_edge_of_a_namespace():
    """The Ctrl-C comes when the demo's process has entered the client's and nothing leads it out
    again."""
    edge = (
        "from lab import Lab\n"
        "with Lab() as lab:\n"
        "    held = lab.client.inside()\n"
        "    held.__enter__()\n"
        "    raise KeyboardInterrupt\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", edge],
        cwd=os.path.dirname(__file__),
        stderr=subprocess.PIPE,
        text=True,
    )
    _, said = process.communicate(timeout=60)
    check_equal(process.returncode, -signal.SIGINT, f"exit code ({said[-300:]})")
    check_equal(leftovers(process.pid), [], "left behind")


runner.main(globals())
