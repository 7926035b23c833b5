# SPDX-License-Identifier: GPL-2.0-or-later
"""--busy-poll: an idle bridge uses no CPU time with it, and what it carries arrives; with multishot and single reads, one worker and two."""
import time

import runner
from lab import Lab, check, check_equal, cpu_s

IDLE_S = 3
IDLE_MAX = 0.01  # of one core


def idle_share(lab):
    """CPU time of all threads over IDLE_S in which nothing is sent."""
    before, begin = cpu_s(lab.daemon.pid), time.monotonic()
    time.sleep(IDLE_S)  # what is measured is that nothing happens
    return (cpu_s(lab.daemon.pid) - before) / (time.monotonic() - begin)


def test_carries_and_idles():
    shares = []
    for extra in (["--busy-poll", "off"], ["--busy-poll", "auto"], ["--busy-poll", "1000"], ["--busy-poll", "1000", "--single-reads"],
                  ["--busy-poll", "1000", "--workers", "2"]):
        with Lab() as lab:
            if lab.stand_in:
                raise runner.Skip("needs the daemon")
            lab.start(extra=extra)
            lab.http()
            lab.learn("http", 80)
            for mode in ("normal", "attack"):
                lab.set_mode(mode)
                result = lab.fetch("http", 80, count=100)
                check_equal(result["failed"], 0, f"fetches, {mode}, {extra} ({result})")
            shares.append(idle_share(lab))
            check(shares[-1] < IDLE_MAX, f"an idle bridge used {shares[-1]:.2%} of a core with {extra}")
    return "idle: " + ", ".join(f"{share:.2%}" for share in shares) + " of a core"


runner.main(globals())
