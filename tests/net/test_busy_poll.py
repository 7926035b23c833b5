# SPDX-License-Identifier: GPL-2.0-or-later
"""--busy-poll: an idle bridge uses no CPU time with it, and what it carries arrives; with multishot
and single reads, one worker and two. Nor does an idle bridge look like a machine that waits for its
disk. On a busy machine the same work costs more time: one calm interval is enough."""
import os
import time

import runner
from lab import Lab, check, check_equal, cpu_s, wait_until

IDLE_S, ATTEMPTS = 3, 10
IDLE_MAX = 0.01  # of one core


def idle_share(lab):
    """CPU time of all threads over IDLE_S in which nothing is sent, in the first calm interval."""
    for _ in range(ATTEMPTS):
        before, begin = cpu_s(lab.daemon.pid), time.monotonic()
        time.sleep(IDLE_S)  # what is measured is that nothing happens
        share = (cpu_s(lab.daemon.pid) - before) / (time.monotonic() - begin)
        if share < IDLE_MAX:
            break
    return share


def test_carries_and_idles():
    shares = []
    for extra in (
        ["--busy-poll", "off"],
        ["--busy-poll", "auto"],
        ["--busy-poll", "1000"],
        ["--busy-poll", "1000", "--single-reads"],
        ["--busy-poll", "1000", "--workers", "2"],
    ):
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
            check(
                shares[-1] < IDLE_MAX,
                f"an idle bridge used {shares[-1]:.2%} of a core with {extra}",
            )
    return "idle: " + ", ".join(f"{share:.2%}" for share in shares) + " of a core"


def waiting_ticks():
    """What the whole machine has waited for I/O so far (proc(5)), in seconds."""
    with open("/proc/stat") as stat:
        return int(stat.readline().split()[5]) / os.sysconf("SC_CLK_TCK")


def test_idles_without_waiting_for_io():
    """A sleeping worker has reads in flight all the time. Others may use a disk meanwhile: one calm
    second is enough, of which with the account that the kernel makes by itself there is none on an
    idle machine."""
    if tuple(int(part) for part in os.uname().release.split(".")[:2]) < (6, 15):
        raise runner.Skip("this kernel knows no sleep without that account")
    with Lab() as lab:
        if lab.stand_in:
            raise runner.Skip("needs the daemon")
        lab.start()
        shares = []

        def calm():
            before, begin = waiting_ticks(), time.monotonic()
            time.sleep(1)  # what is measured is that nothing happens
            shares.append((waiting_ticks() - before) / (time.monotonic() - begin))
            return shares[-1] < 0.3

        wait_until(calm, 20, "a second in which no core waits for I/O")
        return f"{shares[-1]:.0%} of a core waited for I/O, at attempt {len(shares)}"


runner.main(globals())
