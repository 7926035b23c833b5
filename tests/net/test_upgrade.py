# SPDX-License-Identifier: GPL-2.0-or-later
"""An upgrade, and the way back, between two versions with other records (other_version.py): nothing
of what a restart keeps is lost by it."""
import os
import signal

import runner
from lab import BUILD, SYNWARD, check, check_equal, run, wait_until
from other_version import build
from test_dead import outlives
from test_takeover import (
    daemon_lab,
    halves_over_restarts,
    many_under_a_flood,
    served_by_a_cookie_of_the_old_one,
)

OTHER = os.path.abspath(build(os.path.join(BUILD, "other"), os.cpu_count()))
THERE_AND_BACK = (OTHER, SYNWARD)


def test_they_are_two():
    check("other-" in run(OTHER, "--version"), run(OTHER, "--version"))
    check("other-" not in run(SYNWARD, "--version"), run(SYNWARD, "--version"))


def test_many_under_a_flood():
    """None is reset, and none stalls: handed on, and with nobody there in between."""
    on = many_under_a_flood(THERE_AND_BACK, how=signal.SIGUSR2)
    off = many_under_a_flood(THERE_AND_BACK)
    return f"handed on: {on}; ended: {off}"


def test_handshakes_with_cookies_of_the_old_process():
    for how in (signal.SIGUSR2, signal.SIGTERM):
        served_by_a_cookie_of_the_old_one(THERE_AND_BACK, how)


def test_joined_connections_outlive_a_kill():
    """With what the kernel has carried of them meanwhile, in the records of who was killed; and
    without."""
    for path in ("on", "off"):
        outlives(path, "limited", programs=THERE_AND_BACK)


def test_requests_of_which_a_part_was_acknowledged():
    for how in (signal.SIGUSR2, signal.SIGTERM):
        halves_over_restarts(how, THERE_AND_BACK)


def attacked_since(lab):
    told = next(s for s in lab.cli("status")["servers"] if s["port"] == 80)
    check_equal(told["mode"], "attack", f"its mode ({told})")
    return told["since"]


def test_a_server_that_is_attacked_still_is():
    with daemon_lab(sides="port") as lab:
        lab.start(mode="auto")
        lab.http()
        lab.learn("http", 80)
        flood = lab.start_flood(80, rate=20000, count=200000, drop="yes")
        wait_until(lambda: lab.server_mode(80) == "attack", 20, "it is attacked")
        since = attacked_since(lab)
        for program in THERE_AND_BACK:
            lab.program = program
            lab.restart("auto", signal.SIGTERM)
            check_equal(attacked_since(lab), since, "since when")
        flood.stop_report()


if __name__ == "__main__":
    runner.main(globals())
